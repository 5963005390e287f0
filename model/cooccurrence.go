package model

import (
	"context"
	"errors"
	"math"
	"runtime"

	"kindred/linalg"
)

// cooccurrence knows of each item its candidates, the items of greatest cosine,
// and of any candidates their Gram matrix.
//
// Cost: Σ over users of 2·n_u² steps; 8 bytes a candidate, and what gram takes.
type cooccurrence struct {
	*gram
	candidates *linalg.CSR // items×items, greatest cosine first; values are G's
}

func newCooccurrence(ctx context.Context, x *scaled, candidates int, progress func(Progress)) (*cooccurrence, error) {
	diagonal := x.diagonal()
	root := make([]float32, len(diagonal))
	for i, g := range diagonal {
		root[i] = float32(math.Sqrt(float64(g)))
	}
	closest, err := x.search(candidates, func(item int32, others []int32, sums []float32) {
		for n, j := range others {
			sums[n] /= root[item] * root[j]
		}
	}).run(ctx)
	if err != nil {
		return nil, err
	}
	for i := range closest.Rows() {
		others, values := closest.Row(i)
		for n, j := range others {
			values[n] *= root[i] * root[j]
		}
	}
	g, err := newGram(ctx, x, diagonal, root, max(pairsKept, 5*candidates))
	if err != nil {
		return nil, err
	}
	if progress != nil {
		progress(Progress{Epoch: 1, Epochs: 2})
	}
	return &cooccurrence{gram: g, candidates: closest}, nil
}

// regression is the problem of one item, the target: to be told from its
// candidates. It is also the scratch memory of one goroutine.
type regression struct {
	items   []int32   // k: the candidates
	right   []float32 // k: their entries of G with the target
	weights []float32 // k: the solution, zeros at first
	subgram           // of the candidates
	ridge   ridge
}

// solveAll lets solve find the weights of every item's candidates, and returns
// those that are not zero, a row for each target.
func (c *cooccurrence) solveAll(ctx context.Context, progress func(Progress), solve func(*regression)) (*linalg.CSR, error) {
	items := c.candidates.Rows()
	targets := make([][]linalg.Scored, items)
	workers := make([]*regression, runtime.GOMAXPROCS(0))
	linalg.Parallel(len(workers), items, func(worker, lo, hi int) {
		p := workers[worker]
		if p == nil {
			p = &regression{subgram: subgram{of: c.gram}}
			workers[worker] = p
		}
		for j := lo; j < hi && ctx.Err() == nil; j++ {
			c.pose(p, j)
			solve(p)
			targets[j] = p.solution()
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	weights := compress(targets)
	for _, w := range weights.Vals {
		if w-w != 0 { // not a number, or infinite
			return nil, errors.New("model: the weights of a linear model are not finite (try a larger lambda, or l2)")
		}
	}
	if progress != nil {
		progress(Progress{Epoch: 2, Epochs: 2})
	}
	return weights, nil
}

// pose sets p up for target j. Cost: that of choose.
func (c *cooccurrence) pose(p *regression, j int) {
	items, right := c.candidates.Row(j)
	p.items, p.right, p.weights = append(p.items[:0], items...), append(p.right[:0], right...), sized(p.weights, len(items))
	clear(p.weights)
	p.choose(p.items)
}

// solution returns the weights that are not zero, by item.
func (p *regression) solution() []linalg.Scored {
	var row []linalg.Scored
	for n, w := range p.weights {
		if w != 0 {
			row = append(row, linalg.Scored{Index: p.items[n], Score: w})
		}
	}
	return row
}
