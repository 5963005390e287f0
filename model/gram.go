package model

import (
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
type gram struct {
	rank     []int32     // by item
	diagonal []float32   // by item
	pairs    *linalg.CSR // ranks×ranks, of each some lower ones; nil if dense is not
	dense    []float32   // ranks×ranks, or nil
}

// ranks returns each item's place in the order of how many users met it, most
// first, the lower index first of equals.
func (x *scaled) ranks() []int32 {
	order := make([]int32, x.byItem.Rows())
	for i := range order {
		order[i] = int32(i)
	}
	users := func(i int32) int { return x.byItem.Starts[i+1] - x.byItem.Starts[i] }
	slices.SortStableFunc(order, func(i, j int32) int { return users(j) - users(i) })
	rank := make([]int32, len(order))
	for r, i := range order {
		rank[i] = int32(r)
	}
	return rank
}

// hold keeps the pairs, or the matrix.
func (g *gram) hold(pairs *linalg.CSR) {
	g.pairs = pairs
	if n := pairs.Rows(); 4*pairs.NNZ() >= n*n {
		g.unfold()
	}
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
	diagonal []float32   // k
	ranks    []int32     // k
	rows     []float32   // k×k
	there    []bool      // k: whether the row is
	chosen   linalg.Bits // the k ranks
	place    []int32     // by rank: a chosen item's place among the k
	others   []int32     // what was found of a row of pairs
	entries  []float32   // and its entries
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
	const ahead = 3 // rows asked for before their turn
	if s.place == nil {
		s.place, s.chosen = make([]int32, len(s.of.rank)), linalg.NewBits(len(s.of.rank))
	}
	k := len(s.ranks)
	clear(s.rows)
	for n, r := range s.ranks {
		s.place[r] = int32(n)
		s.chosen.Set(int(r))
	}
	for n, r := range s.ranks {
		if n+ahead < k {
			s.of.pairs.Prefetch(int(s.ranks[n+ahead]))
		}
		others, values := s.of.pairs.Row(int(r))
		s.others, s.entries = sized(s.others, len(others)), sized(s.entries, len(others))
		found := linalg.Pick(s.others, s.entries, others, values, s.chosen)
		for at, other := range s.others[:found] {
			m := int(s.place[other])
			s.rows[n*k+m], s.rows[m*k+n] = s.entries[at], s.entries[at]
		}
		s.rows[n*k+n], s.there[n] = s.diagonal[n], true
	}
	for _, r := range s.ranks {
		s.chosen.Clear(int(r))
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
