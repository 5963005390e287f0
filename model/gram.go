package model

import (
	"context"
	"runtime"
	"slices"

	"kindred/linalg"
)

// pairsKept is the least number of entries that gram keeps of a row.
const pairsKept = 1000

// gram is G = xᵀx as far as bounded memory holds it. Its rows and columns stand
// by rank, what most users met first.
//
// A pair of items is kept once, by the item of higher rank, of which no more
// than a number of greatest cosine are kept; any other entry counts as zero.
// So no row is long, and all pairs of the most popular items, the large
// entries, are there. (It is the order by which N. Chiba, T. Nishizeki,
// "Arboricity and Subgraph Listing Algorithms", SIAM J. Computing 1985, list
// triangles.) Where at least half of all pairs occur, G is kept as a matrix.
//
// Cost: Σ over users of n_u² steps; 8 bytes a pair kept, twice while they are
// laid together.
type gram struct {
	rank     []int32     // by item
	diagonal []float32   // by item
	pairs    *linalg.CSR // ranks×ranks, of each the lower ones, ascending; nil if dense is not
	dense    []float32   // ranks×ranks, or nil
}

// newGram keeps of each item the pairs with so many items of lower rank. root
// is the root of the diagonal.
func newGram(ctx context.Context, x *scaled, diagonal, root []float32, keep int) (*gram, error) {
	order, byRank := x.byPopularity()
	g := &gram{rank: make([]int32, len(order)), diagonal: diagonal}
	ranked := make([]float32, len(order)) // root, by rank
	for r, i := range order {
		g.rank[i], ranked[r] = int32(r), root[i]
	}
	byUser := byRank.Transpose()
	constants := byUser.Constants()
	rows := make([][]linalg.Scored, len(order))
	workers := make([]*accumulator, runtime.GOMAXPROCS(0))
	linalg.Parallel(len(workers), len(rows), func(worker, lo, hi int) {
		if workers[worker] == nil {
			workers[worker] = &accumulator{Accumulator: linalg.NewAccumulator(len(rows))}
		}
		a := workers[worker]
		for r := lo; r < hi && ctx.Err() == nil; r++ {
			a.AddProduct(byRank, byUser, constants, r)
			rows[r] = a.lower(int32(r), ranked, keep)
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	g.pairs = compress(rows)
	if 4*g.pairs.NNZ() >= len(rows)*len(rows) {
		g.unfold()
	}
	return g, nil
}

// byPopularity returns the items, what most users met first, and their rows of
// x's transpose in that order.
func (x *scaled) byPopularity() (order []int32, rows *linalg.CSR) {
	order = make([]int32, x.byItem.Rows())
	for i := range order {
		order[i] = int32(i)
	}
	users := func(i int32) int { return x.byItem.Starts[i+1] - x.byItem.Starts[i] }
	slices.SortStableFunc(order, func(i, j int32) int { return users(j) - users(i) })
	rows = &linalg.CSR{
		Starts: make([]int, 1, len(order)+1), Width: x.byItem.Width,
		Cols: make([]int32, 0, x.byItem.NNZ()), Vals: make([]float32, 0, x.byItem.NNZ()),
	}
	for _, i := range order {
		cols, vals := x.byItem.Row(int(i))
		rows.Cols, rows.Vals = append(rows.Cols, cols...), append(rows.Vals, vals...)
		rows.Starts = append(rows.Starts, len(rows.Cols))
	}
	return order, rows
}

// lower returns the sums of the columns below rank, ascending; of more than
// keep those that are greatest divided by root.
func (a *accumulator) lower(rank int32, root []float32, keep int) []linalg.Scored {
	cols, sums := a.Take()
	n, _ := slices.BinarySearch(cols, rank)
	a.best = sized(a.best, n)
	for k, sum := range sums[:n] {
		a.best[k] = linalg.Scored{Index: cols[k], Score: sum / root[cols[k]]}
	}
	if n > keep {
		a.best = linalg.Best(a.best, keep)
		slices.SortFunc(a.best, func(p, q linalg.Scored) int { return int(p.Index - q.Index) })
	}
	row := a.row(len(a.best))
	for k, b := range a.best {
		row[k] = linalg.Scored{Index: b.Index, Score: b.Score * root[b.Index]}
	}
	return row
}

// unfold makes a matrix of the pairs.
func (g *gram) unfold() {
	n := g.pairs.Rows()
	g.dense = make([]float32, n*n)
	for r := range n {
		others, values := g.pairs.Row(r)
		for at, other := range others {
			g.dense[r*n+int(other)], g.dense[int(other)*n+r] = values[at], values[at]
		}
	}
	for i, r := range g.rank {
		g.dense[int(r)*n+int(r)] = g.diagonal[i]
	}
	g.pairs = nil
}

// subgram is a submatrix of a gram, that of k items, found row by row where
// the whole is a matrix, and at once where it is pairs.
type subgram struct {
	of       *gram
	diagonal []float32 // k
	ranks    []int32   // k
	rows     []float32 // k×k
	there    []bool    // k: whether the row is
	place    []int32   // by rank: the item's place among the k, from 1; 0 for others
	places   []int32   // what was found of a row of pairs
	entries  []float32 // and its entries
}

// choose makes it the submatrix of these items. Cost: their pairs, and k².
func (s *subgram) choose(items []int32) {
	k := len(items)
	s.ranks, s.diagonal = sized(s.ranks, k), sized(s.diagonal, k)
	s.rows, s.there = sized(s.rows, k*k), sized(s.there, k)
	for n, i := range items {
		s.ranks[n], s.diagonal[n] = s.of.rank[i], s.of.diagonal[i]
	}
	clear(s.there)
	if s.of.dense == nil {
		s.gather()
	}
}

// gather finds all rows among the pairs.
func (s *subgram) gather() {
	if s.place == nil {
		s.place = make([]int32, len(s.of.rank))
	}
	k := len(s.ranks)
	clear(s.rows)
	for n, r := range s.ranks {
		s.place[r] = int32(n + 1)
	}
	for n, r := range s.ranks {
		others, values := s.of.pairs.Row(int(r))
		s.places, s.entries = sized(s.places, len(others)), sized(s.entries, len(others))
		found := linalg.Pick(s.places, s.entries, others, values, s.place)
		for at, place := range s.places[:found] {
			m := int(place) - 1
			s.rows[n*k+m], s.rows[m*k+n] = s.entries[at], s.entries[at]
		}
		s.rows[n*k+n], s.there[n] = s.diagonal[n], true
	}
	for _, r := range s.ranks {
		s.place[r] = 0
	}
}

// row returns row n. Cost: O(k) when it is first asked for.
func (s *subgram) row(n int) []float32 {
	k := len(s.ranks)
	row := s.rows[n*k : (n+1)*k]
	if !s.there[n] {
		s.there[n] = true
		width := len(s.of.rank)
		from := s.of.dense[int(s.ranks[n])*width:][:width]
		for m, r := range s.ranks {
			row[m] = from[r]
		}
	}
	return row
}
