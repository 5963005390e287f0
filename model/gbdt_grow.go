package model

import (
	"cmp"
	"math"
	"runtime"
	"slices"

	"kindred/linalg"
)

// candidate is a way to split a leaf.
type candidate struct {
	feature int32
	gain    float64   // in the units of the whole numbers
	left    [4]uint64 // the bins that go left
	total   uint64    // sums of the left side
}

// leaf is a node that may yet be split; its rows are grower.rows[lo:hi].
type leaf struct {
	node   int32
	lo, hi int
	total  uint64
	hist   []groupHistogram
	best   candidate
}

// grower grows trees, one after the other, in the same memory.
type grower struct {
	settings    *GBDT
	features    []treeFeature
	table       *binTable
	columns     [][]uint8 // of table
	workers     int
	rows, spare []int32
	active      []bool // by feature
	leaves      []leaf
	pool        [][]groupHistogram
	tiles       []tile       // by worker
	scratch     [][]category // by worker
	bests       [][2]candidate
	nodes       []treeNode

	// Of the tree at hand, in the units of the whole numbers.
	packed                             []uint64
	lambda, l1, minChild               float64
	categoryL2, categoryH              float64
	valueScale, gainScale, weightScale float64
}

// category is a bin of a categorical feature, to be sorted.
type category struct {
	ratio float64
	sums  uint64
	bin   uint8
}

func newGrower(a *GBDT, features []treeFeature, table *binTable, rows int) *grower {
	workers := runtime.GOMAXPROCS(0)
	return &grower{
		settings: a, features: features, table: table, columns: table.columns(len(features)), workers: workers,
		rows: make([]int32, 0, rows), spare: make([]int32, rows), active: make([]bool, len(features)),
		scratch: make([][]category, workers), bests: make([][2]candidate, table.groups),
		tiles: make([]tile, workers),
	}
}

// sampleRows draws the rows of a tree.
func (g *grower) sampleRows(s sample, tree int) {
	g.rows = g.rows[:0]
	if g.settings.RowShare == 1 {
		g.rows = append(g.rows, s.index...)
		return
	}
	stream := mix(g.settings.Seed + uint64(tree))
	for _, r := range s.index {
		if uniform(stream, uint64(r)) < g.settings.RowShare {
			g.rows = append(g.rows, r)
		}
	}
}

// sampleFeatures draws the features of a tree, at least one.
func (g *grower) sampleFeatures(tree int) {
	stream, some := mix(^g.settings.Seed+uint64(tree)), false
	for f := range g.active {
		g.active[f] = g.settings.ColumnShare == 1 || uniform(stream, uint64(f)) < g.settings.ColumnShare
		some = some || g.active[f]
	}
	if !some && len(g.active) > 0 {
		g.active[int(uniform(stream, 1<<40)*float64(len(g.active)))] = true
	}
}

// grow returns the nodes of a tree, root first, or none if no split gains.
func (g *grower) grow(d *gradients) []treeNode {
	g.packed = d.packed
	g.lambda, g.l1, g.minChild = g.settings.Lambda*d.scaleH, g.settings.L1*d.scaleG, g.settings.MinChild*d.scaleH
	g.categoryL2, g.categoryH = g.settings.CategoryL2*d.scaleH, g.settings.CategoryRows*d.meanH
	g.valueScale, g.gainScale, g.weightScale = d.scaleH/d.scaleG, d.scaleH/(d.scaleG*d.scaleG), 1/d.scaleH
	for i := range g.leaves {
		g.release(&g.leaves[i])
	}
	g.nodes = append(g.nodes[:0], treeNode{feature: -1})
	root := leaf{hi: len(g.rows), hist: g.take()}
	root.total = g.sum(g.rows)
	g.leaves = append(g.leaves[:0], root)
	g.search(&g.leaves[0], nil)
	for len(g.leaves) < g.settings.Leaves {
		best := 0
		for i := range g.leaves {
			if g.leaves[i].best.gain > g.leaves[best].best.gain {
				best = i
			}
		}
		if g.leaves[best].best.gain <= 0 {
			break
		}
		g.split(best)
	}
	if len(g.leaves) == 1 {
		return nil
	}
	for i := range g.leaves {
		l := &g.leaves[i]
		g.nodes[l.node].cover = float32(float64(uint32(l.total)) * g.weightScale)
		g.nodes[l.node].value = float32(g.value(l.total))
	}
	return g.nodes
}

// value is what a leaf adds to the raw score.
func (g *grower) value(total uint64) float64 {
	sum := float64(int32(total >> 32))
	shrunk := max(math.Abs(sum)-g.l1, 0)
	return -g.settings.LearnRate * math.Copysign(shrunk, sum) / (float64(uint32(total)) + g.lambda + 1e-12) * g.valueScale
}

func (g *grower) take() []groupHistogram {
	if n := len(g.pool); n > 0 {
		h := g.pool[n-1]
		g.pool = g.pool[:n-1]
		return h
	}
	return make([]groupHistogram, g.table.groups)
}

func (g *grower) release(l *leaf) {
	if l.hist != nil {
		g.pool = append(g.pool, l.hist)
		l.hist = nil
	}
}

// sum adds up the derivatives of rows; whole numbers, so in any order.
func (g *grower) sum(rows []int32) (total uint64) {
	for _, r := range rows {
		total += g.packed[r]
	}
	return total
}

// split splits leaf i: it becomes its left side, the right one is new.
func (g *grower) split(i int) {
	l := g.leaves[i]
	b := l.best
	node := &g.nodes[l.node]
	node.feature, node.set, node.gain = b.feature, b.left, float32(b.gain*g.gainScale)
	node.cover = float32(float64(uint32(l.total)) * g.weightScale)
	node.left, node.right = int32(len(g.nodes)), int32(len(g.nodes)+1)
	middle := l.lo + g.partition(g.rows[l.lo:l.hi], &b)
	left := leaf{node: node.left, lo: l.lo, hi: middle, total: b.total}
	right := leaf{node: node.right, lo: middle, hi: l.hi, total: l.total - b.total}
	g.nodes = append(g.nodes, treeNode{feature: -1}, treeNode{feature: -1})
	small, large := &left, &right
	if right.hi-right.lo < left.hi-left.lo {
		small, large = large, small
	}
	large.hist, small.hist = l.hist, g.take()
	if len(g.leaves)+1 < g.settings.Leaves {
		g.search(small, large)
	}
	g.leaves[i] = left
	g.leaves = append(g.leaves, right)
}

// partition puts the rows that go left first, both sides keeping their order,
// and returns how many there are.
func (g *grower) partition(rows []int32, c *candidate) (left int) {
	var goes [256]uint8
	for b := range goes {
		goes[b] = uint8(c.left[b>>6] >> (b & 63) & 1)
	}
	column := g.columns[c.feature]
	spare := g.spare[:len(rows)]
	counts := make([]int, (len(rows)+rowBlock-1)/rowBlock+1)
	eachBlock(g.workers, len(rows), func(block, lo, hi int) {
		// Left ones fill the block from its start, right ones from its end.
		at, end := lo, hi-1
		for _, r := range rows[lo:hi] {
			is := int(goes[column[r]])
			spare[at], spare[end] = r, r
			at += is
			end += is - 1
		}
		counts[block+1] = at - lo
	})
	for b := 1; b < len(counts); b++ {
		counts[b] += counts[b-1]
	}
	left = counts[len(counts)-1]
	eachBlock(g.workers, len(rows), func(block, lo, hi int) {
		n := counts[block+1] - counts[block]
		copy(rows[counts[block]:], spare[lo:lo+n])
		to := left + lo - counts[block]
		for k := hi - 1; k >= lo+n; k-- {
			rows[to] = spare[k]
			to++
		}
	})
	return left
}

// search computes the histogram of a leaf from its rows, and of its sibling,
// if there is one, from the parent's that it holds; then the best split of
// both. A side too light to be split is not looked at.
func (g *grower) search(small, large *leaf) {
	g.count(small.hist, g.rows[small.lo:small.hi])
	linalg.Parallel(g.workers, g.table.groups, func(worker, lo, hi int) {
		for group := lo; group < hi; group++ {
			h := &small.hist[group]
			g.bests[group] = [2]candidate{g.best(worker, group, h, small.total)}
			if large != nil {
				parent := &large.hist[group]
				parent.subtract(h)
				g.bests[group][1] = g.best(worker, group, parent, large.total)
			}
		}
	})
	small.best = candidate{}
	for group := range g.bests { // ties go to the first feature
		if c := &g.bests[group][0]; c.gain > small.best.gain {
			small.best = *c
		}
		if c := &g.bests[group][1]; large != nil && c.gain > large.best.gain {
			large.best = *c
		}
	}
}

// best returns the best split of a leaf by a feature of the group.
func (g *grower) best(worker, group int, h *groupHistogram, total uint64) (best candidate) {
	if float64(uint32(total)) < 2*g.minChild {
		return best
	}
	for k := range groupSize {
		f := group*groupSize + k
		if f >= len(g.features) {
			break
		}
		if !g.active[f] {
			continue
		}
		best.feature, f = int32(f), int(best.feature)
		before := best.gain
		if g.features[best.feature].categorical {
			g.byCategory(worker, &h[k], total, &best)
		} else {
			g.byThreshold(&h[k], total, &best)
		}
		if best.gain == before {
			best.feature = int32(f)
		}
	}
	return best
}

// score is T(G)²/(H+λ).
func (g *grower) score(sums uint64, lambda float64) float64 {
	x := max(math.Abs(float64(int32(sums>>32)))-g.l1, 0)
	return x * x / (float64(uint32(sums)) + lambda + 1e-12)
}

// noise is what a gain must exceed, as a share of the score of the whole leaf,
// not to be an effect of rounding.
const noise = 1e-9

// gain returns what splitting total into left and the rest gains, or 0 if a
// side is too light.
func (g *grower) gain(left, total uint64, whole, lambda float64) float64 {
	right := total - left
	if float64(min(uint32(left), uint32(right))) < max(g.minChild, 1) {
		return 0
	}
	if x := g.score(left, lambda) + g.score(right, lambda) - whole; x > noise*whole {
		return x
	}
	return 0
}

// byThreshold looks for the best threshold, missing values on either side; of
// a leaf without any they go where more rows go.
func (g *grower) byThreshold(bins *[256]uint64, total uint64, best *candidate) {
	whole, last := g.score(total, g.lambda), g.features[best.feature].count-1
	missing := bins[0]
	var sum uint64
	for t := 1; t < last; t++ {
		if bins[t] == 0 {
			continue
		}
		sum += bins[t]
		if x := g.gain(sum, total, whole, g.lambda); x > best.gain {
			best.gain, best.total, best.left = x, sum, upTo(t)
			if missing == 0 && uint32(sum) > uint32(total-sum) {
				best.left[0] |= 1
			}
		}
		if missing == 0 {
			continue
		}
		if x := g.gain(sum+missing, total, whole, g.lambda); x > best.gain {
			best.gain, best.total, best.left = x, sum+missing, upTo(t)
			best.left[0] |= 1
		}
	}
	if missing != 0 { // what is missing against the rest
		if x := g.gain(missing, total, whole, g.lambda); x > best.gain {
			best.gain, best.total, best.left = x, missing, [4]uint64{1}
		}
	}
}

// upTo is the set of the bins 1 … t.
func upTo(t int) (set [4]uint64) {
	for b := 1; b <= t; b++ {
		set[b>>6] |= 1 << (b & 63)
	}
	return set
}

// byCategory looks for the best set of categories: the first or the last ones
// in the order of G/(H+CategoryL2), CategoryMost at most. What is missing,
// unknown or too light to tell goes with the rest.
func (g *grower) byCategory(worker int, bins *[256]uint64, total uint64, best *candidate) {
	order, least := g.scratch[worker][:0], g.categoryL2/10
	if g.features[best.feature].stated {
		least = g.categoryH
	}
	for b := 1; b < g.features[best.feature].count-1; b++ {
		if h := float64(uint32(bins[b])); h > least {
			order = append(order, category{float64(int32(bins[b]>>32)) / (h + g.categoryL2), bins[b], uint8(b)})
		}
	}
	g.scratch[worker] = order
	slices.SortFunc(order, func(x, y category) int {
		if c := cmp.Compare(x.ratio, y.ratio); c != 0 {
			return c
		}
		return cmp.Compare(x.bin, y.bin)
	})
	whole, most := g.score(total, g.lambda), g.settings.CategoryMost
	for range 2 {
		var sum uint64
		var set [4]uint64
		for _, c := range order[:min(len(order), most)] {
			sum += c.sums
			set[c.bin>>6] |= 1 << (c.bin & 63)
			if x := g.gain(sum, total, whole, g.lambda+g.categoryL2); x > best.gain {
				best.gain, best.total, best.left = x, sum, set
			}
		}
		slices.Reverse(order)
	}
}

// addLeaves adds the values of the leaves just grown to the scores of their
// rows.
func (g *grower) addLeaves(scores []float32) {
	for i := range g.leaves {
		l := &g.leaves[i]
		value, rows := g.nodes[l.node].value, g.rows[l.lo:l.hi]
		eachBlock(g.workers, len(rows), func(_, lo, hi int) {
			for _, r := range rows[lo:hi] {
				scores[r] += value
			}
		})
	}
}
