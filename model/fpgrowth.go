package model

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync/atomic"

	"kindred/linalg"
)

// fpGrowth finds the sets without candidates: baskets that begin alike share a
// path of a tree, the most frequent items first, and the sets that end with an
// item are found in the smaller tree of the paths that lead to it (J. Han,
// J. Pei, Y. Yin, "Mining Frequent Patterns without Candidate Generation",
// SIGMOD 2000). The last item of a longest set is counted along the paths, and
// no tree is built for it. Sets come in the order of itemSet.compare.
func (m *mining) fpGrowth(ctx context.Context) ([]itemSet, error) {
	if m.tree == nil {
		m.tree = m.plant()
	}
	tree := m.tree
	ranks := 0 // that are frequent; the others, of a tree for less support, come last
	for ranks < len(tree.names) && tree.totals[ranks] >= m.minCount {
		ranks++
	}
	var found atomic.Int64
	perItem := make([][]itemSet, ranks)
	linalg.Parallel(runtime.GOMAXPROCS(0), ranks, func(_, lo, hi int) {
		g := growth{mining: m}
		for rank := lo; rank < hi; rank++ {
			g.found = nil
			if found.Load() <= int64(m.most) && ctx.Err() == nil {
				g.grow(tree, int32(rank), nil)
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

// plant returns the tree of the baskets' frequent items.
func (m *mining) plant() *patternTree {
	counts := m.itemCounts()
	var names []int32 // items by rank
	for i, count := range counts {
		if count >= m.minCount {
			names = append(names, int32(i))
		}
	}
	slices.SortStableFunc(names, func(a, b int32) int { return cmp.Compare(counts[b], counts[a]) })
	return newPatternTree(names, m.paths(names))
}

// paths are baskets, or beginnings of them, as ascending ranks, each with how
// often it occurs.
type paths struct {
	ranks  [][]int32
	counts []int32
}

func (p *paths) add(ranks []int32, count int32) {
	if len(ranks) > 0 {
		p.ranks, p.counts = append(p.ranks, ranks), append(p.counts, count)
	}
}

// paths returns the baskets' frequent items.
func (m *mining) paths(names []int32) paths {
	rank := slices.Repeat([]int32{-1}, m.baskets.Width)
	for r, i := range names {
		rank[i] = int32(r)
	}
	var p paths
	room := make([]int32, 0, len(m.baskets.Cols))
	for b := range m.baskets.Rows() {
		from := len(room)
		for _, i := range m.basket(b) {
			if rank[i] >= 0 {
				room = append(room, rank[i])
			}
		}
		path := room[from:len(room):len(room)]
		slices.Sort(path)
		p.add(path, 1)
	}
	return p
}

// patternTree is an FP-tree. Node 0 is the root; a node comes after its parent.
type patternTree struct {
	names   []int32 // items by rank
	totals  []int32 // by rank
	heads   []int32 // by rank: the first node of that rank; 0: none
	ranks   []int32 // by node
	parents []int32 // by node
	counts  []int32 // by node
	links   []int32 // by node: the next one of the same rank; 0: none
}

// newPatternTree sorts the paths, so that those that begin alike come one
// after the other and no node looks for its children.
func newPatternTree(names []int32, p paths) *patternTree {
	order := make([]int32, len(p.ranks))
	for k := range order {
		order[k] = int32(k)
	}
	slices.SortFunc(order, func(a, b int32) int { return slices.Compare(p.ranks[a], p.ranks[b]) })
	t := &patternTree{
		names: names, totals: make([]int32, len(names)), heads: make([]int32, len(names)),
		ranks: []int32{-1}, parents: []int32{-1}, counts: []int32{0}, links: []int32{0},
	}
	var last, nodes []int32 // the path before, and its nodes
	for _, k := range order {
		path, count := p.ranks[k], p.counts[k]
		shared := 0
		for shared < min(len(last), len(path)) && last[shared] == path[shared] {
			shared++
		}
		nodes = nodes[:shared]
		for _, node := range nodes {
			t.counts[node] += count
		}
		parent := int32(0)
		if shared > 0 {
			parent = nodes[shared-1]
		}
		for _, r := range path[shared:] {
			node := int32(len(t.ranks))
			t.ranks, t.parents = append(t.ranks, r), append(t.parents, parent)
			t.counts, t.links = append(t.counts, count), append(t.links, t.heads[r])
			t.heads[r], parent = node, node
			nodes = append(nodes, node)
		}
		for _, r := range path {
			t.totals[r] += count
		}
		last = path
	}
	return t
}

// growth collects the sets that one item ends.
type growth struct {
	*mining
	found []itemSet
	room  []int32 // for items of sets to come
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

// grow finds the sets of the suffix, the item of a rank of its tree, and any of
// the items before it.
func (g *growth) grow(t *patternTree, rank int32, suffix []int32) {
	g.emit(suffix, t.names[rank], t.totals[rank])
	if len(suffix)+1 == g.longest || len(g.found) > g.most {
		return
	}
	suffix = append(slices.Clone(suffix), t.names[rank])
	counts := make([]int32, rank)
	for node := t.heads[rank]; node > 0; node = t.links[node] {
		for at := t.parents[node]; at > 0; at = t.parents[at] {
			counts[t.ranks[at]] += t.counts[node]
		}
	}
	var names []int32 // the items frequent along with the suffix
	for r, count := range counts {
		switch {
		case count < g.minCount:
			counts[r] = -1
		case len(suffix)+1 == g.longest:
			g.emit(suffix, t.names[r], count)
		default:
			counts[r] = int32(len(names)) // from now on: its rank in the next tree
			names = append(names, t.names[r])
		}
	}
	if len(names) == 0 {
		return
	}
	next := newPatternTree(names, t.pathsTo(rank, counts))
	for r := range names {
		g.grow(next, int32(r), suffix)
	}
}

// pathsTo returns the paths that lead to the nodes of a rank, in the ranks of
// the tree to come (-1: left out).
func (t *patternTree) pathsTo(rank int32, renamed []int32) paths {
	var p paths
	for node := t.heads[rank]; node > 0; node = t.links[node] {
		var path []int32
		for at := t.parents[node]; at > 0; at = t.parents[at] {
			if r := renamed[t.ranks[at]]; r >= 0 {
				path = append(path, r)
			}
		}
		slices.Reverse(path)
		p.add(path, t.counts[node])
	}
	return p
}
