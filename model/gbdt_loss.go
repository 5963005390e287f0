package model

import (
	"cmp"
	"math"
	"runtime"
	"slices"

	"kindred/linalg"
)

// gradients are the derivatives of the loss by the raw score of each row, as
// whole numbers: G·scaleG in the upper half of a word, signed, H·scaleH in the
// lower, unsigned. The scales are such that no sum over rows overflows its
// half: words are simply added.
type gradients struct {
	settings       *GBDT
	learn          sample
	packed         []uint64 // by row of the set
	scaleG, scaleH float64
	meanH          float64   // of a row, as a whole number
	groups         [][]int32 // of lambdamart: rows
	sums           []gradientSums
}

// gradientSums are over a block of rows.
type gradientSums struct {
	loss, rows float64 // of every lossStride-th row
	g, h       float64 // of absolute values
}

// lossStride says of which rows the learning loss is computed; it is only told.
const lossStride = 16

func newGradients(a *GBDT, s sample) *gradients {
	d := &gradients{settings: a, learn: s, packed: make([]uint64, s.rows.Len())}
	if a.Loss == rankingLoss {
		d.groups = s.groups()
	}
	return d
}

// groups returns the rows of each group.
func (s sample) groups() (groups [][]int32) {
	for k := 0; k < len(s.index); {
		end := k
		for end < len(s.index) && s.rows.Groups[s.index[end]] == s.rows.Groups[s.index[k]] {
			end++
		}
		groups = append(groups, s.index[k:end])
		k = end
	}
	return groups
}

// compute fills packed for the raw scores and returns the mean loss.
func (d *gradients) compute(scores []float32, tree int) float64 {
	d.sums = make([]gradientSums, (max(len(d.learn.index), len(d.groups))+rowBlock-1)/rowBlock)
	workers := runtime.GOMAXPROCS(0)
	if d.groups == nil {
		eachBlock(workers, len(d.learn.index), func(block, lo, hi int) { d.sums[block] = d.pointwise(scores, lo, hi) })
	} else {
		linalg.Parallel(workers, len(d.groups), func(_, lo, hi int) {
			for k := lo; k < hi; k++ {
				d.listwise(d.groups[k], scores)
			}
		})
		d.addUp()
	}
	var total gradientSums
	for _, s := range d.sums {
		total.loss, total.rows, total.g, total.h = total.loss+s.loss, total.rows+s.rows, total.g+s.g, total.h+s.h
	}
	if d.groups != nil {
		total.loss, total.rows = -meanNDCG(d.learn, scores, d.settings.NDCGAt), 1
	}
	d.scaleG, d.scaleH = (1<<30)/max(total.g, 1e-30), (1<<31)/max(total.h, 1e-30)
	d.meanH = total.h * d.scaleH / float64(max(len(d.learn.index), 1))
	stream := mix(d.settings.Seed ^ uint64(tree)<<32)
	eachBlock(workers, len(d.learn.index), func(_, lo, hi int) {
		for _, r := range d.learn.index[lo:hi] {
			d.round(r, stream)
		}
	})
	return total.loss / max(total.rows, 1)
}

// flat reports that there is nothing to descend.
func (d *gradients) flat() bool { return d.scaleG >= 1e30 }

// put keeps the derivatives of row r as two float32 until they are rounded.
func (d *gradients) put(r int32, g, h float64) {
	d.packed[r] = uint64(math.Float32bits(float32(g)))<<32 | uint64(math.Float32bits(float32(h)))
}

func (d *gradients) get(r int32) (g, h float64) {
	return float64(math.Float32frombits(uint32(d.packed[r] >> 32))), float64(math.Float32frombits(uint32(d.packed[r])))
}

// round makes the derivatives of row r whole, up or down at random so that the
// mean stays.
func (d *gradients) round(r int32, stream uint64) {
	g, h := d.get(r)
	dice := mix(stream ^ uint64(r))
	const unit = 1.0 / (1 << 32)
	whole := int64(math.Floor(g*d.scaleG + float64(uint32(dice>>32))*unit))
	d.packed[r] = uint64(whole)<<32 + uint64(h*d.scaleH+float64(uint32(dice))*unit)
}

// pointwise computes the derivatives of the rows index[lo:hi].
func (d *gradients) pointwise(scores []float32, lo, hi int) (sums gradientSums) {
	logistic := d.settings.Loss == logisticLoss
	for k, r := range d.learn.index[lo:hi] {
		raw, label, w := float64(scores[r]), d.learn.rows.Labels[r], float64(d.learn.rows.Weight(int(r)))
		y := float64(label)
		g, h := raw-y, 1.0
		if logistic {
			y = binaryOf(label)
			p := sigmoid(raw)
			g, h = p-y, max(p*(1-p), 1e-16)
		}
		d.put(r, g*w, h*w)
		sums.g, sums.h = sums.g+math.Abs(g)*w, sums.h+h*w
		if (lo+k)%lossStride == 0 {
			sums.loss, sums.rows = sums.loss+w*pointLoss(d.settings.Loss, raw, y), sums.rows+w
		}
	}
	return sums
}

// addUp sums the derivatives of lists.
func (d *gradients) addUp() {
	eachBlock(runtime.GOMAXPROCS(0), len(d.learn.index), func(block, lo, hi int) {
		for _, r := range d.learn.index[lo:hi] {
			g, h := d.get(r)
			d.sums[block].g, d.sums[block].h = d.sums[block].g+math.Abs(g), d.sums[block].h+h
		}
	})
}

// listwise computes LambdaMART's derivatives of one list: for each pair of a
// better and a worse row, one of them among the first k,
//
//	ρ = 1/(1+exp(s_better − s_worse)),  g ∓= ρ·|ΔNDCG|,  h += ρ(1−ρ)·|ΔNDCG|
func (d *gradients) listwise(rows []int32, scores []float32) {
	gs, hs := make([]float64, len(rows)), make([]float64, len(rows))
	ranked := byScore(rows, scores)
	k := min(d.settings.NDCGAt, len(rows))
	labels := d.learn.rows.Labels
	ideal := idealDCG(rows, labels, k)
	for i := 0; i < k && ideal > 0; i++ {
		for j := i + 1; j < len(ranked); j++ {
			better, worse := i, j
			if labels[ranked[i]] < labels[ranked[j]] {
				better, worse = j, i
			}
			gains := gainOf(labels[ranked[better]]) - gainOf(labels[ranked[worse]])
			if gains == 0 {
				continue
			}
			delta := gains * (rankDiscount(i, k) - rankDiscount(j, k)) / ideal
			rho := 1 / (1 + math.Exp(float64(scores[ranked[better]])-float64(scores[ranked[worse]])))
			gs[better] -= rho * delta
			gs[worse] += rho * delta
			hs[better] += rho * (1 - rho) * delta
			hs[worse] += rho * (1 - rho) * delta
		}
	}
	for at, r := range ranked {
		w := float64(d.learn.rows.Weight(int(r)))
		d.put(r, gs[at]*w, hs[at]*w)
	}
}

// byScore returns rows, the highest score first; equal ones keep their order.
func byScore(rows []int32, scores []float32) []int32 {
	ranked := slices.Clone(rows)
	slices.SortStableFunc(ranked, func(a, b int32) int { return cmp.Compare(scores[b], scores[a]) })
	return ranked
}

// gainOf is 2^label − 1, labels above 30 counting as 30.
func gainOf(label float32) float64 { return math.Exp2(min(max(float64(label), 0), 30)) - 1 }

// rankDiscount is 1/log2(rank+1) for the first k, 0 after.
func rankDiscount(at, k int) float64 {
	if at >= k {
		return 0
	}
	return 1 / math.Log2(float64(at)+2)
}

func idealDCG(rows []int32, labels []float32, k int) (dcg float64) {
	for at, r := range byScore(rows, labels)[:k] {
		dcg += gainOf(labels[r]) * rankDiscount(at, k)
	}
	return dcg
}

// meanNDCG is the mean NDCG@k of the groups that have anything to find.
func meanNDCG(s sample, scores []float32, k int) float64 {
	if s.rows.Groups == nil {
		return 0
	}
	sum, n := 0.0, 0
	for _, rows := range s.groups() {
		k := min(k, len(rows))
		ideal := idealDCG(rows, s.rows.Labels, k)
		if ideal == 0 {
			continue
		}
		n++
		for at, r := range byScore(rows, scores)[:k] {
			sum += gainOf(s.rows.Labels[r]) * rankDiscount(at, k) / ideal
		}
	}
	return sum / float64(max(n, 1))
}
