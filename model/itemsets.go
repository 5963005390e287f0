package model

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"kindred/dataset"
	"kindred/linalg"
)

// itemSet is a set of items, ascending, and how many baskets hold it.
type itemSet struct {
	items []int32
	count int32
}

// compare orders sets by size and then by items.
func (s itemSet) compare(other itemSet) int {
	return cmp.Or(cmp.Compare(len(s.items), len(other.items)), slices.Compare(s.items, other.items))
}

// mining is the task of finding all sets of up to longest items that at least
// minCount baskets hold.
type mining struct {
	baskets  *linalg.CSR // baskets×items, each row distinct and ascending; values unused
	minCount int32
	longest  int
	most     int    // sets, or candidates for them, beyond which it is given up
	shelf    *shelf // of FP-growth, which serves for more support, too
}

// baskets returns what was done together, a row each: the baskets of the
// data's sequences, or everyone's whole history where none are known.
func baskets(data *dataset.Interactions) *linalg.CSR {
	m := &linalg.CSR{Starts: []int{0}, Width: data.ByUser.Width}
	add := func(items []int32) {
		from := len(m.Cols)
		m.Cols = append(m.Cols, items...)
		slices.Sort(m.Cols[from:])
		m.Cols = m.Cols[:from+len(slices.Compact(m.Cols[from:]))]
		m.Starts = append(m.Starts, len(m.Cols))
	}
	s := data.Sequences
	if s == nil || s.Baskets == nil {
		for u := range data.ByUser.Rows() {
			items, _ := data.ByUser.Row(u)
			add(items)
		}
		return m
	}
	for u := range len(s.Starts) - 1 {
		for lo := s.Starts[u]; lo < s.Starts[u+1]; {
			hi := lo + 1
			for hi < s.Starts[u+1] && s.Baskets[hi] == s.Baskets[lo] {
				hi++
			}
			add(s.Items[lo:hi])
			lo = hi
		}
	}
	return m
}

// basket returns the items of a basket.
func (m *mining) basket(b int) []int32 {
	return m.baskets.Cols[m.baskets.Starts[b]:m.baskets.Starts[b+1]]
}

// itemCounts returns how many baskets hold each item.
func (m *mining) itemCounts() []int32 {
	counts := make([]int32, m.baskets.Width)
	for _, i := range m.baskets.Cols {
		counts[i]++
	}
	return counts
}

// errTooManySets is what tooMany wraps.
var errTooManySets = errors.New("raise min_support, or let 0 find it, lower max_length or allow more by max_sets")

func (m *mining) tooMany(what string, n int) error {
	return fmt.Errorf("model: rules: %d %s of up to %d items in %d baskets or more, and %d are allowed (%w)",
		n, what, m.longest, m.minCount, m.most, errTooManySets)
}

// apriori finds the sets size by size: sets of n items are put together from
// those of n−1 that share all but the last, dropped if some subset is not
// frequent, and counted in one pass over the baskets (R. Agrawal, R. Srikant,
// "Fast Algorithms for Mining Association Rules", VLDB 1994). Candidates stand
// in a tree of prefixes instead of the paper's hash tree. Sets come in order.
func (m *mining) apriori(ctx context.Context) ([]itemSet, error) {
	var all, level []itemSet
	for i, count := range m.itemCounts() {
		if count >= m.minCount {
			level = append(level, itemSet{[]int32{int32(i)}, count})
		}
	}
	for size := 1; len(level) > 0; size++ {
		if all = append(all, level...); len(all) > m.most {
			return nil, m.tooMany("frequent sets", len(all))
		}
		if size == m.longest {
			break
		}
		candidates, err := m.candidates(level)
		if err != nil {
			return nil, err
		}
		root := prefixTree(candidates, 0, 0)
		for b := range m.baskets.Rows() {
			if b%1024 == 0 && ctx.Err() != nil {
				return nil, ctx.Err()
			}
			root.count(candidates, m.basket(b))
		}
		level = slices.DeleteFunc(candidates, func(s itemSet) bool { return s.count < m.minCount })
	}
	return all, ctx.Err()
}

// candidates joins frequent sets, in order, to sets of one item more.
func (m *mining) candidates(level []itemSet) ([]itemSet, error) {
	var joined []itemSet
	size := len(level[0].items)
	subset := make([]int32, size)
	frequent := func(items []int32) bool {
		_, found := slices.BinarySearchFunc(level, itemSet{items: items}, itemSet.compare)
		return found
	}
	for k, a := range level {
		for _, b := range level[k+1:] {
			if !slices.Equal(a.items[:size-1], b.items[:size-1]) {
				break
			}
			set := append(slices.Clone(a.items), b.items[size-1])
			whole := true
			for out := 0; out < size-1 && whole; out++ { // without the last two it is a or b
				whole = frequent(append(append(subset[:0], set[:out]...), set[out+1:]...))
			}
			if !whole {
				continue
			}
			if joined = append(joined, itemSet{items: set}); len(joined) > m.most {
				return nil, m.tooMany("candidate sets", len(joined))
			}
		}
	}
	return joined, nil
}

// prefix is a node of the tree of candidates: the items that may come next,
// ascending, and where each leads to.
type prefix struct {
	items    []int32
	children []*prefix // by item; nil on the last level
	first    int       // on the last level: the candidate of items[0], the others follow
}

// prefixTree returns the tree of sets in order, the first being candidate
// number first, from their items at depth on.
func prefixTree(sets []itemSet, first, depth int) *prefix {
	node := &prefix{first: first}
	for lo := 0; lo < len(sets); {
		item, hi := sets[lo].items[depth], lo+1
		for hi < len(sets) && sets[hi].items[depth] == item {
			hi++
		}
		node.items = append(node.items, item)
		if depth+1 < len(sets[lo].items) {
			node.children = append(node.children, prefixTree(sets[lo:hi], first+lo, depth+1))
		}
		lo = hi
	}
	return node
}

// count adds 1 to each candidate below the node that the basket holds.
func (node *prefix) count(candidates []itemSet, basket []int32) {
	next := node.items
	for at, i := range basket {
		skip, found := slices.BinarySearch(next, i)
		next = next[skip:]
		if !found {
			continue
		}
		place := len(node.items) - len(next)
		if node.children == nil {
			candidates[node.first+place].count++
		} else {
			node.children[place].count(candidates, basket[at+1:])
		}
	}
}
