package model

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync/atomic"

	"kindred/linalg"
)

// fpGrowth finds the sets without candidates: the sets that end with an item
// are found in the tree of the paths that lead to it, of the more frequent items
// of its baskets, the most frequent first; paths that begin alike are one (J.
// Han, J. Pei, Y. Yin, "Mining Frequent Patterns without Candidate Generation",
// SIGMOD 2000). The last item of a longest set is counted along the paths, and
// no tree is built for it. Sets come in the order of itemSet.compare.
//
// Departure: whole baskets, of which few begin alike, make no tree but stand one
// after the other, as in J. Pei et al., "H-Mine: Hyper-Structure Mining of
// Frequent Patterns in Large Databases", ICDM 2001.
func (m *mining) fpGrowth(ctx context.Context) ([]itemSet, error) {
	if m.shelf == nil {
		m.shelf = m.stand()
	}
	ranks := 0 // that are frequent; the others, found for less support, come last
	for ranks < len(m.shelf.names) && m.shelf.totals[ranks] >= m.minCount {
		ranks++
	}
	var found atomic.Int64
	perItem := make([][]itemSet, ranks)
	linalg.Parallel(runtime.GOMAXPROCS(0), ranks, func(_, lo, hi int) {
		g := growth{mining: m}
		for rank := lo; rank < hi; rank++ {
			g.found = nil
			if found.Load() <= int64(m.most) && ctx.Err() == nil {
				g.grow(m.shelf, m.shelf.names, m.shelf.totals, int32(rank), nil)
			}
			found.Add(int64(len(g.found)))
			perItem[rank] = g.found
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if n := int(found.Load()); n > m.most {
		return nil, m.tooMany("frequent sets or more", m.most+1)
	}
	all := slices.Concat(perItem...)
	slices.SortFunc(all, itemSet.compare)
	return all, nil
}

// ranked says where the paths are that lead to items, which are named by rank.
type ranked interface {
	// count adds to counts, by rank, how often each comes on the paths to a rank.
	count(counts []int32, rank int32)
	// pathsTo collects the paths to a rank, in the ranks of a tree to come (-1:
	// left out).
	pathsTo(p *paths, rank int32, renamed []int32)
}

// shelf is the baskets' frequent items, as ranks, basket after basket.
type shelf struct {
	names  []int32 // items by rank
	totals []int32 // by rank
	ranks  []int32 // -1, then those of a basket, ascending; and so on
	starts []int   // by rank, in places
	places []int   // where it stands in ranks
}

// stand returns the baskets' frequent items.
func (m *mining) stand() *shelf {
	counts := m.itemCounts()
	s := &shelf{ranks: make([]int32, 0, m.baskets.Rows()+len(m.baskets.Cols))}
	for i, count := range counts {
		if count >= m.minCount {
			s.names = append(s.names, int32(i))
		}
	}
	slices.SortStableFunc(s.names, func(a, b int32) int { return cmp.Compare(counts[b], counts[a]) })
	rank := slices.Repeat([]int32{-1}, m.baskets.Width)
	s.starts = make([]int, 1, len(s.names)+1)
	for r, i := range s.names {
		rank[i], s.totals = int32(r), append(s.totals, counts[i])
		s.starts = append(s.starts, s.starts[r]+int(counts[i]))
	}
	s.places = make([]int, s.starts[len(s.names)])
	next := slices.Clone(s.starts)
	for b := range m.baskets.Rows() {
		s.ranks = append(s.ranks, -1)
		from := len(s.ranks)
		for _, i := range m.basket(b) {
			if rank[i] >= 0 {
				s.ranks = append(s.ranks, rank[i])
			}
		}
		slices.Sort(s.ranks[from:])
		for at, r := range s.ranks[from:] {
			s.places[next[r]] = from + at
			next[r]++
		}
	}
	return s
}

func (s *shelf) count(counts []int32, rank int32) {
	for _, place := range s.places[s.starts[rank]:s.starts[rank+1]] {
		for at := place - 1; s.ranks[at] >= 0; at-- {
			counts[s.ranks[at]]++
		}
	}
}

func (s *shelf) pathsTo(p *paths, rank int32, renamed []int32) {
	p.clear()
	for _, place := range s.places[s.starts[rank]:s.starts[rank+1]] {
		for at := place - 1; s.ranks[at] >= 0; at-- {
			if r := renamed[s.ranks[at]]; r >= 0 {
				p.ranks = append(p.ranks, r)
			}
		}
		slices.Reverse(p.open())
		p.end(1)
	}
}

// paths are beginnings of baskets, as ascending ranks, each with how often it
// occurs; one after the other in memory that is used again.
type paths struct {
	ranks  []int32
	ends   []int // by path, in ranks
	counts []int32
	order  []int32 // room for sorting
	shared []int32 // room, by path in order: ranks that it begins with as the one before
}

func (p *paths) clear() { p.ranks, p.ends, p.counts = p.ranks[:0], p.ends[:0], p.counts[:0] }

// end ends a path of the ranks that came since the one before, if any did.
func (p *paths) end(count int32) {
	if n := len(p.ends); n == 0 && len(p.ranks) > 0 || n > 0 && len(p.ranks) > p.ends[n-1] {
		p.ends, p.counts = append(p.ends, len(p.ranks)), append(p.counts, count)
	}
}

// open returns the ranks since the path before.
func (p *paths) open() []int32 {
	if n := len(p.ends); n > 0 {
		return p.ranks[p.ends[n-1]:]
	}
	return p.ranks
}

func (p *paths) path(k int32) []int32 {
	from := 0
	if k > 0 {
		from = p.ends[k-1]
	}
	return p.ranks[from:p.ends[k]]
}

// sort orders the paths, so that those that begin alike come one after the
// other, and returns how many nodes their tree has.
func (p *paths) sort() (nodes int) {
	p.order, p.shared = p.order[:0], p.shared[:0]
	for k := range p.ends {
		p.order = append(p.order, int32(k))
	}
	slices.SortFunc(p.order, func(a, b int32) int { return slices.Compare(p.path(a), p.path(b)) })
	var last []int32
	for _, k := range p.order {
		path, shared := p.path(k), 0
		for shared < min(len(last), len(path)) && last[shared] == path[shared] {
			shared++
		}
		p.shared = append(p.shared, int32(shared))
		nodes, last = nodes+len(path)-shared, path
	}
	return nodes
}

// patternTree is an FP-tree. Node 0 is the root; a node comes after its parent.
type patternTree struct {
	totals  []int32 // by rank
	heads   []int32 // by rank: the first node of that rank; 0: none
	ranks   []int32 // by node
	parents []int32 // by node
	counts  []int32 // by node
	links   []int32 // by node: the next one of the same rank; 0: none
}

// newPatternTree sorts the paths of so many ranks, so that no node looks for its
// children.
func newPatternTree(ranks int, p *paths) *patternTree {
	n := 1 + p.sort()
	t := &patternTree{
		totals: make([]int32, ranks), heads: make([]int32, ranks),
		ranks: make([]int32, 1, n), parents: make([]int32, 1, n), counts: make([]int32, 1, n), links: make([]int32, 1, n),
	}
	t.ranks[0], t.parents[0] = -1, -1
	var nodes []int32 // of the path before
	for at, k := range p.order {
		path, count := p.path(k), p.counts[k]
		nodes = nodes[:p.shared[at]]
		for _, node := range nodes {
			t.counts[node] += count
		}
		parent := int32(0)
		if len(nodes) > 0 {
			parent = nodes[len(nodes)-1]
		}
		for _, r := range path[len(nodes):] {
			node := int32(len(t.ranks))
			t.ranks, t.parents = append(t.ranks, r), append(t.parents, parent)
			t.counts, t.links = append(t.counts, count), append(t.links, t.heads[r])
			t.heads[r], parent = node, node
			nodes = append(nodes, node)
		}
		for _, r := range path {
			t.totals[r] += count
		}
	}
	return t
}

// growth collects the sets that one item ends.
type growth struct {
	*mining
	found []itemSet
	room  []int32 // for items of sets to come
	paths paths   // to a tree's nodes, until the next tree is made of them
}

// emit adds a set. Sets share blocks: one allocation for many.
func (g *growth) emit(suffix []int32, item, count int32) {
	const block = 1 << 12
	n := len(suffix) + 1
	if n > len(g.room) {
		g.room = make([]int32, max(n, block))
	}
	items := append(append(g.room[:0:n], suffix...), item)
	g.room = g.room[n:]
	slices.Sort(items)
	g.found = append(g.found, itemSet{items, count})
}

// grow finds the sets of the suffix, the item of a rank, and any of the items
// before it.
func (g *growth) grow(t ranked, items, totals []int32, rank int32, suffix []int32) {
	g.emit(suffix, items[rank], totals[rank])
	if len(suffix)+1 == g.longest || len(g.found) > g.most {
		return
	}
	suffix = append(slices.Clone(suffix), items[rank])
	counts := make([]int32, rank)
	t.count(counts, rank)
	var names []int32 // the items frequent along with the suffix
	for r, count := range counts {
		switch {
		case count < g.minCount:
			counts[r] = -1
		case len(suffix)+1 == g.longest:
			g.emit(suffix, items[r], count)
		default:
			counts[r] = int32(len(names)) // from now on: its rank in the next tree
			names = append(names, items[r])
		}
	}
	if len(names) == 0 {
		return
	}
	t.pathsTo(&g.paths, rank, counts)
	next := newPatternTree(len(names), &g.paths)
	for r := range names {
		g.grow(next, names, next.totals, int32(r), suffix)
	}
}

func (t *patternTree) count(counts []int32, rank int32) {
	for node := t.heads[rank]; node > 0; node = t.links[node] {
		for at := t.parents[node]; at > 0; at = t.parents[at] {
			counts[t.ranks[at]] += t.counts[node]
		}
	}
}

func (t *patternTree) pathsTo(p *paths, rank int32, renamed []int32) {
	p.clear()
	for node := t.heads[rank]; node > 0; node = t.links[node] {
		for at := t.parents[node]; at > 0; at = t.parents[at] {
			if r := renamed[t.ranks[at]]; r >= 0 {
				p.ranks = append(p.ranks, r)
			}
		}
		slices.Reverse(p.open())
		p.end(t.counts[node])
	}
}
