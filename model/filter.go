package model

import (
	"io"

	"kindred/dataset"
)

const shapeFilter = "filter"

// Filter is the learned shape of graph filters: the sum of a sparse linear
// map, which sees the neighbourhood, and one of low rank, which sees all.
type Filter struct {
	near *ItemItem
	far  *Embedding // of the same items
}

// Shape returns "filter".
func (*Filter) Shape() string { return shapeFilter }

// Items returns how many items there are.
func (m *Filter) Items() int { return m.far.Items() }

// Neighbours returns views of the items that item i speaks for most in its
// neighbourhood, best first, and how much.
func (m *Filter) Neighbours(i int32) (items []int32, weights []float32) { return m.near.Neighbours(i) }

// Score writes the sum of what both parts say.
func (m *Filter) Score(scores []float32, history dataset.History) {
	m.far.Score(scores, history)
	m.near.add(scores, history)
}

// ScoreBatch writes what Score writes, for many histories at once: scores is
// histories×items. It may differ from Score in the last bits.
func (m *Filter) ScoreBatch(scores []float32, histories []dataset.History) {
	m.far.ScoreBatch(scores, histories)
	items := m.Items()
	for u, history := range histories {
		m.near.add(scores[u*items:(u+1)*items], history)
	}
}

// WriteTo writes the shape for Read.
func (m *Filter) WriteTo(w io.Writer) (int64, error) {
	e := newEncoder(w, shapeFilter)
	m.near.write(e)
	m.far.write(e)
	return e.close()
}

func readFilter(d *decoder) *Filter {
	m := &Filter{near: readItemItem(d), far: readEmbedding(d)}
	d.check(m.near.Items() == m.far.Items())
	return m
}
