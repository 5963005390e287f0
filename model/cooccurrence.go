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
	pairs      *linalg.CSR // items×items, greatest cosine first; values are G's
	diagonal   []float32
	candidates int
}

func newCooccurrence(ctx context.Context, x *scaled, candidates int, progress func(Progress)) (*cooccurrence, error) {
	diagonal := x.diagonal()
	root := make([]float32, len(diagonal))
	for i, g := range diagonal {
		root[i] = float32(math.Sqrt(float64(g)))
	}
	pairs, err := x.search(max(pairsKept, 5*candidates), func(item int32, others []int32, sums []float32) {
		for n, j := range others {
			sums[n] /= root[item] * root[j]
		}
	}).run(ctx)
	if err != nil {
		return nil, err
	}
	for i := range pairs.Rows() {
		others, values := pairs.Row(i)
		for n, j := range others {
			values[n] *= root[i] * root[j]
		}
	}
	if progress != nil {
		progress(Progress{Epoch: 1, Epochs: 2})
	}
	return &cooccurrence{pairs: pairs, diagonal: diagonal, candidates: candidates}, nil
}

// regression is the problem of one item, the target: to be told from its
// candidates. It is also the scratch memory of one goroutine.
type regression struct {
	items   []int32   // k: the candidates
	gram    []float32 // k×k: their entries of G
	right   []float32 // k: their entries with the target
	weights []float32 // k: the solution, zeros at first
	place   []int16   // by item: its place among the candidates, from 1; 0 for others
	wide    []float32 // k×(k+1): gram as it is gathered, behind a column for others
	ridge   ridge
}

// solveAll lets solve find the weights of every item's candidates, and returns
// those that are not zero, a row for each target.
func (c *cooccurrence) solveAll(ctx context.Context, progress func(Progress), solve func(*regression)) (*linalg.CSR, error) {
	items := c.pairs.Rows()
	targets := make([][]linalg.Scored, items)
	workers := make([]*regression, runtime.GOMAXPROCS(0))
	linalg.Parallel(len(workers), items, func(worker, lo, hi int) {
		p := workers[worker]
		if p == nil {
			p = &regression{place: make([]int16, items)}
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

// pose sets p up for target j. Cost: k times the pairs kept, and k².
func (c *cooccurrence) pose(p *regression, j int) {
	candidates, right := c.pairs.Row(j)
	k := min(c.candidates, len(candidates))
	p.items, p.right = append(p.items[:0], candidates[:k]...), append(p.right[:0], right[:k]...)
	p.gram, p.wide, p.weights = sized(p.gram, k*k), sized(p.wide, k*(k+1)), sized(p.weights, k)
	clear(p.wide)
	clear(p.weights)
	for n, i := range p.items {
		p.place[i] = int16(n + 1)
	}
	for n, i := range p.items {
		row := p.wide[n*(k+1) : (n+1)*(k+1)]
		others, values := c.pairs.Row(int(i))
		for at, other := range others {
			// Most are no candidates; a branch would be guessed wrong too often.
			row[p.place[other]] = values[at]
		}
		row[n+1] = c.diagonal[i]
	}
	for n, i := range p.items {
		p.place[i] = 0
		for m := range n + 1 { // an entry is in one row or both, and not negative
			entry := max(p.wide[n*(k+1)+m+1], p.wide[m*(k+1)+n+1])
			p.gram[n*k+m], p.gram[m*k+n] = entry, entry
		}
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
