package model

import (
	"context"
	"errors"
	"math"
	"runtime"

	"kindred/linalg"
)

// pairsKept is the least number of co-occurring items that cooccurrence keeps
// of each item.
const pairsKept = 1000

// cooccurrence is the Gram matrix G = xᵀx as far as bounded memory holds it:
// of each item the entries with the pairsKept items (or five times the
// candidates, if that is more) of greatest cosine. An entry is lost only if it
// is among the greatest of neither of its items, which two items of many
// neighbours and little in common are; it then counts as zero.
//
// Cost: Σ over users of n_u² steps, 8 bytes a pair kept.
type cooccurrence struct {
	pairs      [][]linalg.Scored // by item, greatest cosine first; Score is the entry
	diagonal   []float32
	candidates int
}

func newCooccurrence(ctx context.Context, x *scaled, candidates int, progress func(Progress)) (*cooccurrence, error) {
	items := x.byUser.Width
	c := &cooccurrence{
		pairs: make([][]linalg.Scored, items), diagonal: x.diagonal(), candidates: candidates,
	}
	root := make([]float32, items)
	for i, g := range c.diagonal {
		root[i] = float32(1 / math.Sqrt(max(float64(g), leastWeight)))
	}
	kept := max(pairsKept, 5*candidates)
	linalg.Parallel(runtime.GOMAXPROCS(0), items, func(_, lo, hi int) {
		row, cosines := make([]float32, items), make([]float32, items)
		var best []linalg.Scored
		for i := lo; i < hi && ctx.Err() == nil; i++ {
			clear(row)
			x.gramRow(row, i)
			row[i] = 0
			for j, g := range row {
				cosines[j] = g * root[j]
			}
			best = linalg.TopK(best, cosines, kept)
			for len(best) > 0 && best[len(best)-1].Score <= 0 {
				best = best[:len(best)-1]
			}
			c.pairs[i] = make([]linalg.Scored, len(best))
			for n, b := range best {
				c.pairs[i][n] = linalg.Scored{Index: b.Index, Score: row[b.Index]}
			}
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if progress != nil {
		progress(Progress{Epoch: 1, Epochs: 2})
	}
	return c, nil
}

// regression is the problem of one item, the target: to be told from its
// candidates. It is also the scratch memory of one goroutine.
type regression struct {
	items   []int32   // k: the candidates
	gram    []float32 // k×k: their entries of G
	right   []float32 // k: their entries with the target
	weights []float32 // k: the solution, zeros at first
	place   []int32   // by item: its place among the candidates, −1 for others
	ridge   ridge
}

// solveAll lets solve find the weights of every item's candidates, and returns
// those that are not zero by target.
func (c *cooccurrence) solveAll(ctx context.Context, progress func(Progress), solve func(*regression)) ([][]linalg.Scored, error) {
	targets := make([][]linalg.Scored, len(c.pairs))
	workers := make([]*regression, runtime.GOMAXPROCS(0))
	linalg.Parallel(len(workers), len(c.pairs), func(worker, lo, hi int) {
		p := workers[worker]
		if p == nil {
			p = &regression{place: make([]int32, len(c.pairs))}
			for i := range p.place {
				p.place[i] = -1
			}
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
	for _, weights := range targets {
		for _, w := range weights {
			if math.IsNaN(float64(w.Score)) || math.IsInf(float64(w.Score), 0) {
				return nil, errors.New("model: the weights of a linear model are not finite (try a larger lambda, or l2)")
			}
		}
	}
	if progress != nil {
		progress(Progress{Epoch: 2, Epochs: 2})
	}
	return targets, nil
}

// pose sets p up for target j.
func (c *cooccurrence) pose(p *regression, j int) {
	candidates := c.pairs[j][:min(c.candidates, len(c.pairs[j]))]
	k := len(candidates)
	p.items, p.right = sized(p.items, k), sized(p.right, k)
	p.gram, p.weights = sized(p.gram, k*k), sized(p.weights, k)
	clear(p.gram)
	clear(p.weights)
	for n, pair := range candidates {
		p.items[n], p.right[n] = pair.Index, pair.Score
		p.place[pair.Index] = int32(n)
	}
	for n, i := range p.items {
		p.gram[n*k+n] = c.diagonal[i]
		for _, pair := range c.pairs[i] {
			if m := p.place[pair.Index]; m >= 0 {
				p.gram[n*k+int(m)], p.gram[int(m)*k+n] = pair.Score, pair.Score
			}
		}
	}
	for _, i := range p.items {
		p.place[i] = -1
	}
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
