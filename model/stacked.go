package model

import (
	"io"
	"math"

	"kindred/dataset"
	"kindred/linalg"
)

const shapeStacked = "stacked"

// Stacked is the learned shape of Stack. Scoring costs the sum of what the
// components cost, and a dozen passes over the items for each.
type Stacked struct {
	proposer
	standing standing
	weights  []float32 // features; nil: trees rank
	trees    *Trees
}

// Shape returns "stacked".
func (*Stacked) Shape() string { return shapeStacked }

// Score writes the ranker's score of what the components propose and of the
// history's items. All others come after these, in the order of the mean of
// their scaled scores.
func (m *Stacked) Score(scores []float32, history dataset.History) {
	s, ok := m.scratch.Get().(*mixing)
	if !ok {
		s = new(mixing)
	}
	defer m.scratch.Put(s)
	many, items := len(m.components), m.Items()
	l := m.of(s, &dataset.Case{History: history}, history.Items)
	clear(scores)
	for k := range many {
		row := s.scores[k*items : (k+1)*items]
		m.rescale(row, history, k, byRange, s)
		linalg.Axpy(1/float32(many), row, scores)
	}
	ranked := m.rank(m.standing.describe(&l, many, len(history.Items)), len(l.items))
	lowest := float32(0)
	for _, score := range ranked {
		lowest = min(lowest, score)
	}
	for i, mean := range scores { // between two and nothing below the lowest
		scores[i] = lowest - 1 + mean/(1+float32(math.Abs(float64(mean))))
	}
	for at, i := range l.items {
		scores[i] = ranked[at] + 1
	}
}

// rank returns the ranker's scores of n described items.
func (m *Stacked) rank(x []float32, n int) []float32 {
	ranked := make([]float32, n)
	if m.trees != nil {
		m.trees.Predict(ranked, &dataset.Rows{Columns: columns(m.trees.Columns()), Labels: make([]float32, n), Vals: x})
		return ranked
	}
	for at := range ranked {
		ranked[at] = linalg.Dot(m.weights, x[at*len(m.weights):(at+1)*len(m.weights)])
	}
	return ranked
}

// ScoreBatch writes what Score writes, for many histories.
func (m *Stacked) ScoreBatch(scores []float32, histories []dataset.History) {
	for h := range histories {
		m.Score(scores[h*m.Items():(h+1)*m.Items()], histories[h])
	}
}

// WriteTo writes the shape for Read.
func (m *Stacked) WriteTo(w io.Writer) (int64, error) {
	e := newEncoder(w, shapeStacked)
	e.u32(uint32(m.depth))
	e.float32s(m.weights)
	e.float32s(m.standing.popularity)
	e.float32s(m.standing.age)
	e.nested(m.Mixture)
	if m.trees != nil {
		e.nested(m.trees)
	}
	return e.close()
}

func readStacked(d *decoder) *Stacked {
	m := &Stacked{}
	m.depth = int(d.u32())
	m.weights = d.float32s()
	m.standing = standing{popularity: d.float32s(), age: d.float32s()}
	mixture, ok := d.nested().(*Mixture)
	d.check(ok, m.depth > 0)
	if d.err != nil {
		return nil
	}
	m.Mixture = mixture
	wide := features(len(mixture.components))
	if len(m.weights) == 0 {
		m.weights, m.trees = nil, d.nestedTrees()
		d.check(m.trees != nil && m.trees.Columns() == wide)
	}
	d.check(m.trees != nil || len(m.weights) == wide,
		len(m.standing.popularity) == m.Items(), len(m.standing.age) == m.Items())
	return m
}
