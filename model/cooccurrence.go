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
// Cost: Σ over users of n_u² steps; 8 bytes a candidate and a pair kept, twice
// while they are laid together.
type cooccurrence struct {
	*gram
	candidates *linalg.CSR // items×items, greatest cosine first; values are G's
}

// newCooccurrence keeps of each item so many candidates and, of the pairs of
// gram, at least pairsKept.
func newCooccurrence(ctx context.Context, x *scaled, candidates int, progress func(Progress)) (*cooccurrence, error) {
	c, err := cooccur(ctx, x, candidates, max(pairsKept, 5*candidates))
	if err == nil && progress != nil {
		progress(Progress{Epoch: 1, Epochs: 2})
	}
	return c, err
}

func cooccur(ctx context.Context, x *scaled, candidates, keep int) (*cooccurrence, error) {
	g := &gram{rank: x.ranks(), diagonal: x.diagonal()}
	items := len(g.rank)
	root := make([]float32, items)
	for i, d := range g.diagonal {
		root[i] = float32(math.Sqrt(float64(d)))
	}
	constants := x.byUser.Constants()
	closest, pairs := make([][]linalg.Scored, items), make([][]linalg.Scored, items)
	workers := make([]*neighbourhood, runtime.GOMAXPROCS(0))
	linalg.Parallel(len(workers), items, func(worker, lo, hi int) {
		if workers[worker] == nil {
			workers[worker] = &neighbourhood{accumulator: accumulator{Accumulator: linalg.NewAccumulator(items)}}
		}
		w := workers[worker]
		for i := lo; i < hi && ctx.Err() == nil; i++ {
			w.AddProduct(x.byItem, x.byUser, constants, i)
			w.Clear(int32(i))
			w.take(root)
			closest[i] = w.closest(candidates)
			pairs[g.rank[i]] = w.lower(g.rank, g.rank[i], keep)
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	g.hold(compress(pairs))
	return &cooccurrence{gram: g, candidates: compress(closest)}, nil
}

// neighbourhood is what one item has in common with the others.
type neighbourhood struct {
	accumulator
	others  []int32
	sums    []float32 // entries of G
	cosines []float32 // times a number that is the same for all
}

// take ends the adding up; root is that of G's diagonal.
func (w *neighbourhood) take(root []float32) {
	w.others, w.sums = w.Take()
	w.cosines = sized(w.cosines, len(w.others))
	for n, j := range w.others {
		w.cosines[n] = w.sums[n] / root[j]
	}
}

// closest returns the items of greatest cosine, these first, with their sums.
func (w *neighbourhood) closest(count int) []linalg.Scored {
	w.best = linalg.TopK(w.best, w.cosines, count)
	row := w.row(len(w.best))
	for n, b := range w.best {
		row[n] = linalg.Scored{Index: w.others[b.Index], Score: w.sums[b.Index]}
	}
	return row
}

// lower returns the ranks below one, with their sums; of more than keep those
// of greatest cosine.
func (w *neighbourhood) lower(rank []int32, below int32, keep int) []linalg.Scored {
	w.best = w.best[:0]
	for n, j := range w.others {
		if rank[j] < below {
			w.best = append(w.best, linalg.Scored{Index: int32(n), Score: w.cosines[n]})
		}
	}
	if len(w.best) > keep {
		w.best = linalg.Best(w.best, keep)
	}
	row := w.row(len(w.best))
	for n, b := range w.best {
		row[n] = linalg.Scored{Index: rank[w.others[b.Index]], Score: w.sums[b.Index]}
	}
	return row
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
