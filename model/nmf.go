package model

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"

	"kindred/dataset"
	"kindred/linalg"
)

// NMF learns what IALS learns, by vectors without negative elements: a factor
// is then a group of items, an element how much an item or user belongs to it,
// and a score the sum over the groups they share.
//
// The objective is that of IALS with p, q ≥ 0, its pairs counting
// weight^WeightPower. Each half of an epoch goes Sweeps times over the elements
// of each vector, solving for one while all others stand still and cutting what
// falls below 0. A history is folded in by the same steps, from 0 until they
// change nothing.
//
// Papers: D. Lee, H. S. Seung, "Learning the Parts of Objects by Non-negative
// Matrix Factorization", Nature 401, 1999; the steps (HALS): A. Cichocki,
// A.-H. Phan, "Fast Local Algorithms for Large Scale Nonnegative Matrix and
// Tensor Factorizations", IEICE Trans. Fundamentals E92-A, 2009, several in a
// row after N. Gillis, F. Glineur, Neural Computation 24, 2012,
// arXiv:1107.5194; the weights and their Gram trick: Hu et al., ICDM 2008.
//
// Departure: a first vector is drawn evenly from [0, 2·InitScale/d), and an
// element at 0 may come back, as its step is an exact solution.
//
// Cost of an epoch: Sweeps·Σ over rows of 4(n + d)d flops and 2(U+I)d². Bytes:
// 4d(U+I) and 16 an interaction.
type NMF struct {
	Factors     int     `json:"factors" range:"2,2048" tune:"16,256,log"`
	Epochs      int     `json:"epochs" range:"1,1000"`
	Lambda      float64 `json:"lambda" range:"1e-9,1e6" tune:"1e-4,0.1,log"`
	Alpha       float64 `json:"alpha" range:"1e-6,1e6" tune:"1,100,log"`
	Nu          float64 `json:"nu" range:"0,2" tune:"0,1"`
	Sweeps      int     `json:"sweeps" range:"1,100"`
	InitScale   float64 `json:"init_scale" range:"1e-6,1e3"`
	WeightPower float64 `json:"weight_power" range:"0,4" tune:"0,1"` // 0: every pair counts 1
	// Patience is how many epochs may pass without a better NDCG of held out
	// items before the best vectors are taken; 0: all epochs are run.
	Patience int    `json:"patience" range:"0,1000"`
	Seed     uint64 `json:"seed"`
}

// NewNMF returns NMF as it does well on many sets.
func NewNMF() *NMF {
	return &NMF{Factors: 64, Epochs: 20, Lambda: 0.003, Alpha: 30, Nu: 1, Sweeps: 2, InitScale: 1, Seed: 1}
}

// Kind returns "nmf".
func (*NMF) Kind() string { return "nmf" }

// Validate reports every setting out of range.
func (a *NMF) Validate() error { return validate(a) }

// Fit alternates. It returns a *Factors whose vectors, of items and of users
// folded in, are non-negative; progress gets the terms of the objective.
func (a *NMF) Fit(ctx context.Context, data *dataset.Interactions, progress func(Progress)) (Learned, error) {
	if err := errors.Join(a.Validate(), ctx.Err()); err != nil {
		return nil, err
	}
	early, train := newStopper(data, a.Patience, a.Seed)
	fit := a.start(train)
	run := epochs{
		name: "NMF", count: a.Epochs, every: 1, early: early, progress: progress, remedy: moreLambda,
		epoch: func(ctx context.Context, _ int) (map[string]float64, error) {
			fit.half(ctx, &fit.users, &fit.items)
			fit.half(ctx, &fit.items, &fit.users)
			return fit.loss(), nil
		},
		learned: func(bool) (Learned, error) {
			return newFactors(fit.objective, a.Factors, slices.Clone(fit.items.vectors), slices.Clone(fit.items.gram)), nil
		},
	}
	return run.run(ctx)
}

// descent is a fit of NMF under way.
type descent struct {
	objective    objective
	factors      int
	sweeps       int
	users, items side
	ones         []float32 // as many as the longest row has pairs
	workers      []positive
}

func (a *NMF) start(data *dataset.Interactions) *descent {
	byUser := *data.ByUser
	weigh := confidence{Scheme: "power", Power: a.WeightPower}
	byUser.Vals = weigh.matrix(&byUser)
	total, longest := 0.0, 0
	for _, c := range byUser.Vals {
		total += float64(c)
	}
	fit := &descent{
		objective: objective{
			Unobserved: a.Alpha * total / max(1, float64(byUser.Rows())*float64(byUser.Width)),
			Lambda:     a.Lambda, Nu: a.Nu, confidence: weigh,
		},
		factors: a.Factors, sweeps: a.Sweeps,
		users: newSide(&byUser, a.Factors), items: newSide(byUser.Transpose(), a.Factors),
		workers: make([]positive, workers()),
	}
	dice := rand.New(rand.NewPCG(a.Seed, 0))
	for _, s := range []*side{&fit.users, &fit.items} {
		for k := range s.vectors {
			s.vectors[k] = float32(2 * a.InitScale / float64(a.Factors) * dice.Float64())
		}
		for r := range s.met.Rows() {
			longest = max(longest, s.met.Starts[r+1]-s.met.Starts[r])
		}
	}
	fit.ones = slices.Repeat([]float32{1}, longest)
	fit.items.measure(a.Factors)
	return fit
}

// half goes over all vectors of one side.
func (fit *descent) half(ctx context.Context, solved, fixed *side) {
	d := fit.factors
	linalg.Parallel(len(fit.workers), solved.met.Rows(), func(worker, lo, hi int) {
		p := &fit.workers[worker]
		for r := lo; r < hi && ctx.Err() == nil; r++ {
			x := solved.vectors[r*d : (r+1)*d]
			rows, weights := solved.met.Row(r)
			if len(rows) == 0 {
				clear(x)
				continue
			}
			penalty := fit.objective.penalty(len(rows), solved.met.Width)
			p.gather(x, fixed.vectors, rows, weights, fit.ones[:len(rows)])
			for range fit.sweeps {
				p.sweep(x, fixed.gram, float32(fit.objective.Unobserved), float32(penalty))
			}
			solved.observed[r] = p.loss()
			solved.penalty[r] = penalty * float64(linalg.Dot(x, x))
		}
	})
	solved.measure(d)
}

// loss returns the terms of the objective, right after the items were solved
// for.
func (fit *descent) loss() map[string]float64 {
	var observed, unobserved, penalty float64
	for k, g := range fit.users.gram {
		unobserved += float64(g) * float64(fit.items.gram[k])
	}
	for _, x := range fit.items.observed {
		observed += x
	}
	for _, s := range []*side{&fit.users, &fit.items} {
		for _, x := range s.penalty {
			penalty += x
		}
	}
	return map[string]float64{
		"observed": observed, "unobserved": fit.objective.Unobserved * unobserved, "penalty": penalty,
	}
}

// positive solves, step by step, the problem of NMF for one vector:
//
//	minimise  Σ_k w_k (y_kᵀx − t_k)² + unobserved·xᵀGx + penalty·‖x‖²  over x ≥ 0
//
// It is the scratch memory of one goroutine.
type positive struct {
	columns []float32 // d×n: √w·Y, transposed
	miss    []float32 // n: √w·(y_kᵀx − t_k)
}

// gather takes the problem up; the rows of Y are rows[k] of y.
func (p *positive) gather(x, y []float32, rows []int32, weights, targets []float32) {
	n, d := len(rows), len(x)
	p.columns, p.miss = sized(p.columns, d*n), sized(p.miss, n)
	for k, row := range rows {
		root := float32(math.Sqrt(float64(weights[k])))
		from := y[int(row)*d : (int(row)+1)*d]
		p.miss[k] = root * (linalg.Dot(from, x) - targets[k])
		for f, v := range from {
			p.columns[f*n+k] = root * v
		}
	}
}

// sweep solves for one element after the other and returns the largest change.
func (p *positive) sweep(x, gram []float32, unobserved, penalty float32) (change float32) {
	n, d := len(p.miss), len(x)
	for f := range x {
		column := p.columns[f*n : (f+1)*n]
		slope := linalg.Dot(column, p.miss) + unobserved*linalg.Dot(gram[f*d:(f+1)*d], x) + penalty*x[f]
		bend := linalg.Dot(column, column) + unobserved*gram[f*d+f] + penalty
		step := max(0, x[f]-slope/bend) - x[f]
		if step != 0 {
			x[f] += step
			linalg.Axpy(step, column, p.miss)
			change = max(change, step, -step)
		}
	}
	return change
}

// loss returns the first sum of the problem.
func (p *positive) loss() float64 { return float64(linalg.Dot(p.miss, p.miss)) }

const (
	foldSweeps    = 100  // at most, of a fold-in
	foldTolerance = 1e-5 // of the largest change of an element
)

// fold solves from 0 until nothing changes.
func (p *positive) fold(x, y []float32, rows []int32, weights, targets, gram []float32, unobserved, penalty float32) {
	clear(x)
	p.gather(x, y, rows, weights, targets)
	for range foldSweeps {
		if p.sweep(x, gram, unobserved, penalty) < foldTolerance {
			break
		}
	}
}
