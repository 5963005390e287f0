package model

import (
	"cmp"
	"math"
	"slices"

	"kindred/dataset"
	"kindred/linalg"
)

// scaling is how the linear models (EASE, SLIM, PureSVD, GF-CF) see the
// interactions of user u, who met n_u items, with item i, whom n_i users met:
//
//	x(u,i) = s · weight(u,i)^WeightPower · n_u^(−UserPower/2) · n_i^(−ItemPower/2)
//
// s keeps the sum of squares what it is for powers of 0, so that a penalty
// means about the same for all powers. UserPower above 0 damps users who met
// everything, ItemPower above 0 damps what everyone met; with 1 and 1 this is
// the normalised adjacency of graph filters.
//
// S. Park, M. Yoon, H. Choi, J. Lee, "Why is Normalization Necessary for
// Linear Recommenders?", SIGIR 2025, arXiv:2504.05805, show what both do.
//
// A prediction for item j is multiplied by n_j^(TargetPower/2): with
// TargetPower equal to ItemPower it is one of the weights themselves.
type scaling struct {
	WeightPower, UserPower, ItemPower, TargetPower float64
}

// maxLinearHistory is how many items of a history, the newest, linear models
// learn from: it bounds the n_u² pairs of one user.
const maxLinearHistory = 5000

// scaled is what a linear model learns from.
type scaled struct {
	weightPower float64

	byUser *linalg.CSR // users×items: x
	byItem *linalg.CSR // its transpose
	// By item: what a history's weights and what predictions are multiplied by.
	itemScale, targetScale []float32
}

func (s scaling) apply(data *dataset.Interactions) *scaled {
	from := data.ByUser
	x := &linalg.CSR{
		Starts: make([]int, 1, from.Rows()+1), Width: from.Width,
		Cols: make([]int32, 0, from.NNZ()), Vals: make([]float32, 0, from.NNZ()),
	}
	itemScale, targetScale := make([]float32, from.Width), make([]float32, from.Width)
	for i, n := range data.ItemUsers() {
		itemScale[i] = float32(math.Pow(float64(max(n, 1)), -s.ItemPower/2))
		targetScale[i] = float32(math.Pow(float64(max(n, 1)), s.TargetPower/2))
	}
	var before, after float64
	for u := range from.Rows() {
		cols, vals := from.Row(u)
		oldest := max(0, len(cols)-maxLinearHistory)
		cols, vals = cols[oldest:], vals[oldest:]
		damping := math.Pow(float64(len(cols)), -s.UserPower/2)
		for k, i := range cols {
			weight := math.Pow(float64(vals[k]), s.WeightPower)
			value := max(weight*damping*float64(itemScale[i]), leastWeight)
			before += weight * weight
			after += value * value
			x.Cols, x.Vals = append(x.Cols, i), append(x.Vals, float32(value))
		}
		x.Starts = append(x.Starts, len(x.Cols))
	}
	if after > 0 {
		linalg.Scale(float32(math.Sqrt(before/after)), x.Vals)
	}
	return &scaled{weightPower: s.WeightPower, byUser: x, byItem: x.Transpose(), itemScale: itemScale, targetScale: targetScale}
}

// gramRow adds row i of xᵀx to the dense row. Cost: Σ of n_u over i's users.
func (x *scaled) gramRow(row []float32, i int) {
	users, values := x.byItem.Row(i)
	for k, u := range users {
		items, others := x.byUser.Row(int(u))
		value := values[k]
		for n, j := range items {
			row[j] += value * others[n]
		}
	}
}

// diagonal returns that of xᵀx.
func (x *scaled) diagonal() []float32 {
	diagonal := make([]float32, x.byUser.Width)
	for i := range diagonal {
		_, values := x.byItem.Row(i)
		diagonal[i] = linalg.Dot(values, values)
	}
	return diagonal
}

// search finds for every item the others that score best, from what they have
// in common: their entries of xᵀx.
func (x *scaled) search(keep int, score func(item int32, others []int32, sums []float32)) *search {
	constants := x.byUser.Constants()
	return &search{
		items: x.byUser.Width, keep: keep, score: score,
		gather: func(sums *accumulator, item int32) { sums.AddProduct(x.byItem, x.byUser, constants, int(item)) },
	}
}

// itemItem returns the learned shape of a linear model. Row j of targets holds
// the items that speak for item j, with what they say in terms of x; the shape
// is in terms of plain histories.
func (x *scaled) itemItem(targets *linalg.CSR, recency float64) *ItemItem {
	for j := range targets.Rows() {
		items, weights := targets.Row(j)
		for n, i := range items {
			weights[n] *= x.itemScale[i] * x.targetScale[j]
		}
	}
	return x.bySource(targets, recency)
}

// bySource turns rows of the items that speak for a target into rows of the
// targets that an item speaks for, best first.
func (x *scaled) bySource(targets *linalg.CSR, recency float64) *ItemItem {
	m := targets.Transpose()
	var row []linalg.Scored
	for i := range m.Rows() {
		items, weights := m.Row(i)
		row = row[:0]
		for n, j := range items {
			row = append(row, linalg.Scored{Index: j, Score: weights[n]})
		}
		slices.SortFunc(row, linalg.Scored.Compare)
		for n, s := range row {
			items[n], weights[n] = s.Index, s.Score
		}
	}
	return &ItemItem{neighbours: m, recency: recency, weightPower: x.weightPower}
}

// strongest returns the k weights of largest magnitude, all that are not zero
// if k is 0, by item. size is scratch memory as long as weights.
func strongest(weights, size []float32, k int) []linalg.Scored {
	for i, w := range weights {
		size[i] = float32(math.Abs(float64(w)))
	}
	if k == 0 {
		k = len(weights)
	}
	best := linalg.Select(nil, size, k)
	best = slices.DeleteFunc(best, func(s linalg.Scored) bool { return s.Score == 0 })
	for n := range best {
		best[n].Score = weights[best[n].Index]
	}
	slices.SortFunc(best, func(a, b linalg.Scored) int { return cmp.Compare(a.Index, b.Index) })
	return slices.Clip(best)
}
