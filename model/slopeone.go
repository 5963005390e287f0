package model

import (
	"cmp"
	"context"
	"errors"
	"io"
	"math"
	"runtime"
	"slices"
	"sync"

	"kindred/dataset"
	"kindred/linalg"
)

// SlopeOne predicts a rating from each other item the user rated, by how much
// better the one item is rated than the other on average, and averages:
//
//	r(u,i) = mean + spread·Σ_j n_ij^WeightPower·(z(u,j) + dev_ij) / Σ_j n_ij^WeightPower
//	dev_ij = mean over the n_ij users of both of z(·,i) − z(·,j)
//
// With WeightPower 0 all items count alike, with 1 by how many users stand
// behind them. Pairs of fewer than MinUsers users are left out; an item without
// any gets the user's mean.
//
// Paper: D. Lemire, A. Maclachlan, "Slope One Predictors for Online
// Rating-Based Collaborative Filtering", SDM 2005, arXiv:cs/0702144.
//
// Departure: an item keeps only the Neighbours others with most users in
// common.
//
// Cost: Σ_u n_u² steps; 12 bytes a neighbour.
type SlopeOne struct {
	Neighbours  int     `json:"neighbours" range:"1,100000" tune:"200,2000,log"`
	MinUsers    int     `json:"min_users" range:"1,1000000"`
	WeightPower float64 `json:"weight_power" range:"0,4" tune:"0,1.5"`
}

// NewSlopeOne returns a SlopeOne as it does well on many sets.
func NewSlopeOne() *SlopeOne { return &SlopeOne{Neighbours: 1000, MinUsers: 1, WeightPower: 0.7} }

// Kind returns "slopeone".
func (*SlopeOne) Kind() string { return "slopeone" }

// Validate reports every setting out of range.
func (a *SlopeOne) Validate() error { return validate(a) }

// Fit takes the means. It returns a *Deviations.
func (a *SlopeOne) Fit(ctx context.Context, data *dataset.Interactions, progress func(Progress)) (Learned, error) {
	if err := errors.Join(a.Validate(), ctx.Err()); err != nil {
		return nil, err
	}
	ratings, err := standardise(a.Kind(), data)
	if err != nil {
		return nil, err
	}
	rows := make([][]common, ratings.byUser.Width)
	if err := eachCommon(ctx, ratings.byUser, func(i int, met []common) {
		met = slices.DeleteFunc(met, func(c common) bool { return int(c.users) < a.MinUsers })
		slices.SortFunc(met, func(x, y common) int {
			return cmp.Or(cmp.Compare(y.users, x.users), cmp.Compare(x.item, y.item))
		})
		rows[i] = slices.Clone(met[:min(len(met), a.Neighbours)])
	}); err != nil {
		return nil, err
	}
	m := &Deviations{scale: ratings.scale, deviations: &linalg.CSR{Starts: []int{0}, Width: len(rows)}}
	for _, row := range rows {
		for _, c := range row {
			m.deviations.Cols = append(m.deviations.Cols, c.item)
			m.deviations.Vals = append(m.deviations.Vals, float32(c.difference/float64(c.users)))
			m.weights = append(m.weights, float32(math.Pow(float64(c.users), a.WeightPower)))
		}
		m.deviations.Starts = append(m.deviations.Starts, len(m.weights))
	}
	if progress != nil {
		progress(Progress{Epoch: 1, Epochs: 1})
	}
	return m, nil
}

// common is what the users of two items, i and item, say of both.
type common struct {
	item       int32
	users      int32
	difference float64 // Σ x(u,i) − x(u,item)
	product    float64 // Σ x(u,i)·x(u,item)
	own, other float64 // Σ x(u,i)², Σ x(u,item)²
}

// eachCommon calls fn with every row i and what it has in common with all
// others that share a user, in ascending order, from several goroutines; the
// slice is reused. Cost: Σ_u n_u².
func eachCommon(ctx context.Context, byUser *linalg.CSR, fn func(i int, met []common)) error {
	byItem := byUser.Transpose()
	type worker struct {
		sums []common // by item
		met  []common
	}
	workers := make([]worker, runtime.GOMAXPROCS(0))
	linalg.Parallel(len(workers), byItem.Rows(), func(at, lo, hi int) {
		w := &workers[at]
		w.sums = sized(w.sums, byItem.Rows())
		for i := lo; i < hi && ctx.Err() == nil; i++ {
			clear(w.sums)
			users, own := byItem.Row(i)
			for k, u := range users {
				x := float64(own[k])
				others, vals := byUser.Row(int(u))
				for n, j := range others {
					y, sum := float64(vals[n]), &w.sums[j]
					sum.users++
					sum.difference += x - y
					sum.product += x * y
					sum.own += x * x
					sum.other += y * y
				}
			}
			w.met = w.met[:0]
			for j := range w.sums {
				if j != i && w.sums[j].users > 0 {
					w.sums[j].item = int32(j)
					w.met = append(w.met, w.sums[j])
				}
			}
			fn(i, w.met)
		}
	})
	return ctx.Err()
}

const shapeDeviations = "deviations"

// Deviations is the learned shape of SlopeOne.
type Deviations struct {
	scale      ratingScale
	deviations *linalg.CSR // items×items: how much better the row is rated
	weights    []float32   // of the deviations
	scratch    sync.Pool   // *ratingLookup
}

// ratingLookup finds a history's ratings by item.
type ratingLookup struct {
	items []int32
	z     []float32 // of items
	byAll []float32 // of all items; valid where rated
	rated linalg.Bits
}

// set looks the history's ratings up; clear before it is reused.
func (l *ratingLookup) set(scale ratingScale, history dataset.History, known int) {
	l.items, l.z = scale.knownRatings(l.items[:0], l.z[:0], history, known)
	if len(l.byAll) != known {
		l.byAll, l.rated = make([]float32, known), linalg.NewBits(known)
	}
	for k, i := range l.items {
		l.byAll[i] = l.z[k]
		l.rated.Set(int(i))
	}
}

func (l *ratingLookup) clear() {
	for _, i := range l.items {
		l.rated.Clear(int(i))
	}
}

// Shape returns "deviations".
func (*Deviations) Shape() string { return shapeDeviations }

// Items returns how many items there are.
func (m *Deviations) Items() int { return m.deviations.Rows() }

// Score writes the predicted rating of every item.
func (m *Deviations) Score(scores []float32, history dataset.History) {
	m.predict(scores, history, nil)
	m.scale.scores(scores)
}

// PredictRatings writes how whoever has this history would rate the items.
func (m *Deviations) PredictRatings(ratings []float32, history dataset.History, items []int32) {
	m.predict(ratings, history, items)
	m.scale.ratings(ratings)
}

func (m *Deviations) predict(z []float32, history dataset.History, items []int32) {
	l, ok := m.scratch.Get().(*ratingLookup)
	if !ok {
		l = new(ratingLookup)
	}
	defer m.scratch.Put(l)
	l.set(m.scale, history, m.Items())
	defer l.clear()
	var mean float32
	for _, x := range l.z {
		mean += x / float32(len(l.z))
	}
	for k := range z {
		z[k] = mean
		i := itemAt(items, k)
		if uint(i) >= uint(m.Items()) || len(l.items) == 0 {
			continue
		}
		var sum, total float64
		others, deviations := m.deviations.Row(i)
		weights := m.weights[m.deviations.Starts[i]:m.deviations.Starts[i+1]]
		for n, j := range others {
			if l.rated.Has(int(j)) {
				sum += float64(weights[n]) * float64(l.byAll[j]+deviations[n])
				total += float64(weights[n])
			}
		}
		if total > 0 {
			z[k] = float32(sum / total)
		}
	}
}

// WriteTo writes the shape for Read.
func (m *Deviations) WriteTo(w io.Writer) (int64, error) {
	e := newEncoder(w, shapeDeviations)
	m.scale.writeTo(e)
	e.matrix(m.deviations)
	e.float32s(m.weights)
	return e.close()
}

func readDeviations(d *decoder) *Deviations {
	m := &Deviations{scale: readRatingScale(d), deviations: d.matrix(), weights: d.float32s()}
	d.check(m.deviations.Rows() == m.deviations.Width, len(m.weights) == m.deviations.NNZ())
	return m
}
