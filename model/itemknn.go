package model

import (
	"context"
	"errors"
	"math"
	"runtime"

	"kindred/dataset"
	"kindred/linalg"
)

// ItemKNN finds for each item the Neighbours items that the same users met:
//
//	sim(i, j) = Σ_u x(u,i)·x(u,j) / (‖x(·,i)‖·‖x(·,j)‖ + Shrink)
//	x(u,i)    = weight(u,i)^WeightPower / n_u^(HeavyUsers/2)
//
// n_u is how many items user u met: with HeavyUsers above 0 a pair of items
// means less from someone who met everything. Shrink, in users, distrusts
// similarities with little support.
//
// Papers: B. Sarwar, G. Karypis, J. Konstan, J. Riedl, "Item-Based
// Collaborative Filtering Recommendation Algorithms", WWW 2001; shrinkage:
// Y. Koren, R. Bell, "Advances in Collaborative Filtering", Recommender
// Systems Handbook, 2011; the damping of heavy users: J. Breese, D. Heckerman,
// C. Kadie, "Empirical Analysis of Predictive Algorithms", UAI 1998, as a power
// instead of a logarithm, so that it can be tuned.
//
// Cost: Σ_u n_u² steps, cut by MaxHistory (only the newest items of a longer
// history are paired; 0 pairs all); 8 bytes a neighbour and, while fitting, 8
// bytes an item and core. No items×items matrix is ever made.
type ItemKNN struct {
	Neighbours  int     `json:"neighbours" range:"1,10000" tune:"20,500,log"`
	Shrink      float64 `json:"shrink" range:"0,1e9" tune:"0.1,100,log"`
	HeavyUsers  float64 `json:"heavy_users" range:"0,4" tune:"0,1.5"`
	WeightPower float64 `json:"weight_power" range:"0,4" tune:"0,1"` // 0: every pair counts 1
	MaxHistory  int     `json:"max_history" range:"0,1073741824"`
	// Recency makes the k-th newest item of a history count k^−Recency.
	Recency float64 `json:"recency" range:"0,10" tune:"0,2"`
}

const (
	maxRecency = 10
	// leastWeight keeps the product of two weights from becoming zero, which
	// would look like two items that never met.
	leastWeight = 1e-15
)

// NewItemKNN returns item-kNN as it does well on many sets.
func NewItemKNN() *ItemKNN {
	return &ItemKNN{Neighbours: 200, Shrink: 2, HeavyUsers: 0.5, MaxHistory: 5000}
}

// Kind returns "itemknn".
func (*ItemKNN) Kind() string { return "itemknn" }

// Validate reports every setting out of range.
func (a *ItemKNN) Validate() error { return validate(a) }

// Fit finds the neighbours. It returns an *ItemItem.
func (a *ItemKNN) Fit(ctx context.Context, data *dataset.Interactions, progress func(Progress)) (Learned, error) {
	if err := errors.Join(a.Validate(), ctx.Err()); err != nil {
		return nil, err
	}
	byUser := a.damped(data.ByUser)
	items := byUser.Width
	search := &neighbourSearch{
		byUser: byUser, byItem: byUser.Transpose(), settings: a,
		norms: make([]float32, items),
	}
	for i := range items {
		_, x := search.byItem.Row(i)
		search.norms[i] = float32(math.Sqrt(float64(linalg.Dot(x, x))))
	}
	rows := make([][]linalg.Scored, items)
	workers := make([]*accumulator, runtime.GOMAXPROCS(0))
	linalg.Parallel(len(workers), items, func(worker, lo, hi int) {
		if workers[worker] == nil {
			workers[worker] = &accumulator{dots: make([]float32, items), touched: make([]int32, items+1)}
		}
		for i := lo; i < hi && ctx.Err() == nil; i++ {
			rows[i] = search.neighbours(workers[worker], int32(i))
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if progress != nil {
		progress(Progress{Epoch: 1, Epochs: 1})
	}
	return &ItemItem{neighbours: compress(rows), recency: a.Recency}, nil
}

// damped returns x(u,i) as defined above, histories cut to the newest
// MaxHistory.
func (a *ItemKNN) damped(byUser *linalg.CSR) *linalg.CSR {
	x := &linalg.CSR{
		Starts: make([]int, 1, byUser.Rows()+1), Width: byUser.Width,
		Cols: make([]int32, 0, byUser.NNZ()), Vals: make([]float32, 0, byUser.NNZ()),
	}
	for u := range byUser.Rows() {
		cols, vals := byUser.Row(u)
		if a.MaxHistory > 0 && len(cols) > a.MaxHistory {
			cols, vals = cols[len(cols)-a.MaxHistory:], vals[len(vals)-a.MaxHistory:]
		}
		damping := math.Pow(float64(len(cols)), -a.HeavyUsers/2)
		for k, i := range cols {
			x.Cols = append(x.Cols, i)
			weight := math.Pow(float64(vals[k]), a.WeightPower) * damping
			x.Vals = append(x.Vals, float32(max(weight, leastWeight)))
		}
		x.Starts = append(x.Starts, len(x.Cols))
	}
	return x
}

// neighbourSearch is what all workers read.
type neighbourSearch struct {
	settings       *ItemKNN
	byUser, byItem *linalg.CSR
	norms          []float32 // items: ‖x(·,i)‖
}

// accumulator is one worker's row of the items×items product.
type accumulator struct {
	dots    []float32 // items; zero between items
	touched []int32   // items+1: the items met, in front
	scores  []float32 // of touched
	best    []linalg.Scored
}

// neighbours returns the items most similar to item i, best first.
func (s *neighbourSearch) neighbours(a *accumulator, i int32) []linalg.Scored {
	met := 0
	users, weights := s.byItem.Row(int(i))
	for k, u := range users {
		others, x := s.byUser.Row(int(u))
		weight := weights[k]
		for n, j := range others {
			// Written always, kept only the first time: cheaper than a branch
			// that cannot be foreseen.
			a.touched[met] = j
			if a.dots[j] == 0 {
				met++
			}
			a.dots[j] += weight * x[n]
		}
	}
	a.scores = a.scores[:0]
	norm, shrink := s.norms[i], float32(s.settings.Shrink)
	kept := a.touched[:0]
	for _, j := range a.touched[:met] {
		dot := a.dots[j]
		a.dots[j] = 0
		if j != i && dot > 0 {
			kept = append(kept, j)
			a.scores = append(a.scores, dot/(norm*s.norms[j]+shrink))
		}
	}
	a.best = linalg.TopK(a.best[:0], a.scores, s.settings.Neighbours)
	row := make([]linalg.Scored, len(a.best))
	for n, b := range a.best {
		row[n] = linalg.Scored{Index: kept[b.Index], Score: b.Score}
	}
	return row
}

// compress lays the rows one behind the other.
func compress(rows [][]linalg.Scored) *linalg.CSR {
	m := &linalg.CSR{Starts: make([]int, len(rows)+1), Width: len(rows)}
	for i, row := range rows {
		m.Starts[i+1] = m.Starts[i] + len(row)
	}
	m.Cols = make([]int32, m.Starts[len(rows)])
	m.Vals = make([]float32, len(m.Cols))
	for i, row := range rows {
		for n, neighbour := range row {
			m.Cols[m.Starts[i]+n], m.Vals[m.Starts[i]+n] = neighbour.Index, neighbour.Score
		}
	}
	return m
}
