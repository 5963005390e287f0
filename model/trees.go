package model

import (
	"io"
	"math"
	"runtime"
	"slices"

	"kindred/dataset"
	"kindred/linalg"
)

const shapeTrees = "trees"

// Trees is the learned shape of GBDT: a sum of regression trees over binned
// columns.
type Trees struct {
	loss     string
	columns  int
	features []treeFeature
	base     float64
	nodes    []treeNode
	roots    []int32 // of the trees, into nodes

	byColumn [][]int32 // features of each column
	expected float64   // of the raw score, under the covers of the nodes
}

// treeNode is a split, or a leaf if feature is below 0.
type treeNode struct {
	feature     int32
	left, right int32     // into nodes; right is left+1
	set         [4]uint64 // the bins that go left
	gain        float32
	cover       float32 // sum of H of the training rows that come here
	value       float32 // what a leaf adds
}

// goesLeft reports which side a bin takes.
func (n *treeNode) goesLeft(bin uint8) bool { return n.set[bin>>6]>>(bin&63)&1 == 1 }

// next is the child that a bin goes to; without a branch, for which one it is
// is hard to guess.
func (n *treeNode) next(bin uint8) int32 {
	return n.left + 1 - int32(n.set[bin>>6]>>(bin&63)&1)
}

// add appends a tree and returns its root.
func (m *Trees) add(nodes []treeNode) int32 {
	root := int32(len(m.nodes))
	for _, n := range nodes {
		n.left, n.right = n.left+root, n.right+root
		m.nodes = append(m.nodes, n)
	}
	m.roots = append(m.roots, root)
	return root
}

// keep forgets all but the first n trees.
func (m *Trees) keep(n int) {
	if n < len(m.roots) {
		m.nodes, m.roots = slices.Clip(m.nodes[:m.roots[n]]), m.roots[:n]
	}
}

// expect computes what follows from the rest.
func (m *Trees) expect() {
	m.byColumn = make([][]int32, m.columns)
	for f := range m.features {
		c := m.features[f].column
		m.byColumn[c] = append(m.byColumn[c], int32(f))
	}
	m.expected = m.base
	for _, root := range m.roots {
		m.expected += m.mean(root)
	}
}

// mean is the mean value of the leaves below a node, by their covers.
func (m *Trees) mean(node int32) float64 {
	n := &m.nodes[node]
	if n.feature < 0 {
		return float64(n.value)
	}
	share := m.leftShare(n)
	return share*m.mean(n.left) + (1-share)*m.mean(n.right)
}

// leftShare is the share of a split's cover that goes left.
func (m *Trees) leftShare(n *treeNode) float64 {
	left, right := float64(m.nodes[n.left].cover), float64(m.nodes[n.right].cover)
	if left+right <= 0 {
		return 0.5
	}
	return left / (left + right)
}

// addTree adds one tree to the scores of binned rows.
func (m *Trees) addTree(scores []float32, table *binTable, index []int32, root int32) {
	eachBlock(runtime.GOMAXPROCS(0), len(index), func(_, lo, hi int) {
		for _, r := range index[lo:hi] {
			n := &m.nodes[root]
			for n.feature >= 0 {
				n = &m.nodes[n.next(table.at(n.feature, r))]
			}
			scores[r] += n.value
		}
	})
}

// bin writes the bins of a row.
func (m *Trees) bin(bins []uint8, rows *dataset.Rows, r int) {
	clear(bins)
	cols, vals := rows.Row(r)
	for k, c := range cols {
		for _, f := range m.byColumn[c] {
			bins[f] = m.features[f].bin(vals[k])
		}
	}
}

// Shape returns "trees".
func (*Trees) Shape() string { return shapeTrees }

// Columns returns how many columns the rows must have.
func (m *Trees) Columns() int { return m.columns }

// Predict implements RowModel. Cost: O(trees·depth) a row.
func (m *Trees) Predict(predictions []float32, rows *dataset.Rows) {
	const block = 64 // rows together, so that a tree's nodes are fetched once
	width := len(m.features)
	linalg.Parallel(runtime.GOMAXPROCS(0), (rows.Len()+block-1)/block, func(_, from, to int) {
		bins, raw := make([]uint8, block*width), make([]float64, block)
		for b := from; b < to; b++ {
			lo, hi := b*block, min((b+1)*block, rows.Len())
			for r := lo; r < hi; r++ {
				m.bin(bins[(r-lo)*width:(r-lo+1)*width], rows, r)
				raw[r-lo] = m.base
			}
			for _, root := range m.roots {
				for k := range hi - lo {
					raw[k] += float64(m.leafOf(root, bins[k*width:(k+1)*width]).value)
				}
			}
			for r := lo; r < hi; r++ {
				predictions[r] = predicted(m.loss, raw[r-lo])
			}
		}
	})
}

func (m *Trees) leafOf(root int32, bins []uint8) *treeNode {
	n := &m.nodes[root]
	for n.feature >= 0 {
		n = &m.nodes[n.next(bins[n.feature])]
	}
	return n
}

// Importance is each column's share of the gains of all splits.
func (m *Trees) Importance() []float64 {
	gains := make([]float64, m.columns)
	for k := range m.nodes {
		if n := &m.nodes[k]; n.feature >= 0 {
			gains[m.features[n.feature].column] += float64(n.gain)
		}
	}
	return normalise(gains)
}

// Contributions implements RowModel by exact Shapley values of the trees, the
// unknown side of a split being weighed by the training rows that took it
// (Lundberg, Erion & Lee, Consistent Individualized Feature Attribution for
// Tree Ensembles, arXiv:1802.03888, algorithm 2). Features made of one column
// are summed. Cost: O(trees·leaves·depth²).
func (m *Trees) Contributions(contributions []float64, rows *dataset.Rows, r int) (base float64) {
	clear(contributions)
	s := shapley{model: m, bins: make([]uint8, len(m.features)), contributions: contributions}
	m.bin(s.bins, rows, r)
	for _, root := range m.roots {
		s.walk(root, nil, pathStep{feature: -1, zero: 1, one: 1})
	}
	return m.expected
}

// shapley walks the trees for one row.
type shapley struct {
	model         *Trees
	bins          []uint8
	contributions []float64
}

// pathStep is a feature met on the way down: the shares of paths that go on
// when it is unknown and when it is known, and the weight of the subsets of
// features of the step's place in the path.
type pathStep struct {
	feature   int32
	zero, one float64
	weight    float64
}

// walk adds the leaves below a node; step is how it was reached.
func (s *shapley) walk(node int32, above []pathStep, step pathStep) {
	path := extend(above, step)
	n := &s.model.nodes[node]
	if n.feature < 0 {
		for i := 1; i < len(path); i++ {
			p := &path[i]
			s.contributions[s.model.features[p.feature].column] += unwoundSum(path, i) * (p.one - p.zero) * float64(n.value)
		}
		return
	}
	share := s.model.leftShare(n)
	hot, cold := n.left, n.right
	hotShare, coldShare := share, 1-share
	if !n.goesLeft(s.bins[n.feature]) {
		hot, cold, hotShare, coldShare = cold, hot, coldShare, hotShare
	}
	zero, one := 1.0, 1.0
	for i := 1; i < len(path); i++ {
		if path[i].feature == n.feature {
			zero, one = path[i].zero, path[i].one
			path = unwind(path, i)
			break
		}
	}
	s.walk(hot, path, pathStep{feature: n.feature, zero: zero * hotShare, one: one})
	s.walk(cold, path, pathStep{feature: n.feature, zero: zero * coldShare})
}

// extend returns the path with a step more, in memory of its own.
func extend(path []pathStep, step pathStep) []pathStep {
	d := len(path)
	if d == 0 {
		step.weight = 1
	}
	path = append(slices.Clone(path), step)
	for i := d - 1; i >= 0; i-- {
		path[i+1].weight += step.one * path[i].weight * float64(i+1) / float64(d+1)
		path[i].weight = step.zero * path[i].weight * float64(d-i) / float64(d+1)
	}
	return path
}

// unwind undoes the extension by step i.
func unwind(path []pathStep, i int) []pathStep {
	path = slices.Clone(path)
	d := len(path) - 1
	next, zero, one := path[d].weight, path[i].zero, path[i].one
	for j := d - 1; j >= 0; j-- {
		if one != 0 {
			before := path[j].weight
			path[j].weight = next * float64(d+1) / (float64(j+1) * one)
			next = before - path[j].weight*zero*float64(d-j)/float64(d+1)
		} else {
			path[j].weight = path[j].weight * float64(d+1) / (zero * float64(d-j))
		}
	}
	for j := i; j < d; j++ {
		path[j].feature, path[j].zero, path[j].one = path[j+1].feature, path[j+1].zero, path[j+1].one
	}
	return path[:d]
}

// unwoundSum is the sum of the weights of unwind(path, i).
func unwoundSum(path []pathStep, i int) (sum float64) {
	for _, step := range unwind(path, i) {
		sum += step.weight
	}
	return sum
}

// WriteTo writes the shape for ReadRows.
func (m *Trees) WriteTo(w io.Writer) (int64, error) {
	e := newEncoder(w, shapeTrees)
	e.text(m.loss)
	e.u64(uint64(m.columns))
	e.f64(m.base)
	e.u64(uint64(len(m.features)))
	for k := range m.features {
		f := &m.features[k]
		e.int32s([]int32{f.column, int32(f.count), map[bool]int32{true: 1}[f.categorical]})
		e.float32s(f.cuts)
		e.words(len(f.bins), func(i int) uint32 { return uint32(f.bins[i]) })
	}
	e.int32s(m.roots)
	e.words(nodeInts*len(m.nodes), func(i int) uint32 {
		n := &m.nodes[i/nodeInts]
		switch k := i % nodeInts; k {
		case 0:
			return uint32(n.feature)
		case 1:
			return uint32(n.left)
		case 2:
			return uint32(n.right)
		default:
			return uint32(n.set[(k-3)/2] >> (32 * ((k - 3) % 2)))
		}
	})
	e.words(nodeFloats*len(m.nodes), func(i int) uint32 {
		n := &m.nodes[i/nodeFloats]
		return math.Float32bits([nodeFloats]float32{n.gain, n.cover, n.value}[i%nodeFloats])
	})
	return e.close()
}

// A node is written as so many 32-bit numbers of each kind.
const (
	nodeInts   = 3 + 8
	nodeFloats = 3
)

func readTrees(d *decoder) *Trees {
	m := &Trees{loss: d.text(), columns: int(d.u64()), base: d.f64()}
	d.check(slices.Contains([]string{logisticLoss, squaredLoss, rankingLoss}, m.loss), m.columns >= 0, m.columns < maxItems, m.base-m.base == 0)
	count := d.u64()
	d.check(count <= 1<<16)
	for i := uint64(0); i < count && d.err == nil; i++ {
		m.features = append(m.features, readTreeFeature(d, m.columns))
	}
	m.roots = d.int32s()
	ints, floats := d.int32s(), d.float32s()
	d.check(len(ints)%nodeInts == 0, len(floats) == len(ints)/nodeInts*nodeFloats)
	if d.err != nil {
		return m
	}
	m.nodes = make([]treeNode, len(ints)/nodeInts)
	for k := range m.nodes {
		x, f := ints[k*nodeInts:], floats[k*nodeFloats:]
		n := treeNode{feature: x[0], left: x[1], right: x[2], gain: f[0], cover: f[1], value: f[2]}
		for j := range n.set {
			n.set[j] = uint64(uint32(x[3+2*j])) | uint64(uint32(x[4+2*j]))<<32
		}
		m.nodes[k] = n
		// Children stand behind their parent: no way down is endless.
		d.check(n.feature < int32(len(m.features)), n.feature < 0 ||
			n.left > int32(k) && n.right == n.left+1 && int(n.right) < len(m.nodes))
	}
	for _, root := range m.roots {
		d.check(root >= 0, int(root) < len(m.nodes))
	}
	if d.err == nil {
		m.expect()
	}
	return m
}

func readTreeFeature(d *decoder, columns int) treeFeature {
	head, cuts, bins := d.int32s(), d.float32s(), d.int32s()
	d.check(len(head) == 3)
	if d.err != nil {
		return treeFeature{}
	}
	f := treeFeature{column: head[0], count: int(head[1]), categorical: head[2] == 1, cuts: cuts}
	d.check(f.column >= 0, int(f.column) < columns, len(cuts) < 255, f.count >= 0, f.count <= 256)
	if len(bins) > 0 {
		f.bins = make([]uint8, len(bins))
	}
	for i, b := range bins {
		d.check(b >= 0, b < 256)
		f.bins[i] = uint8(b)
	}
	return f
}
