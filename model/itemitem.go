package model

import (
	"io"
	"math"

	"kindred/dataset"
	"kindred/linalg"
)

const shapeItemItem = "itemitem"

// ItemItem is the learned shape of item-kNN: for each item the items it speaks
// for, and how much.
type ItemItem struct {
	neighbours *linalg.CSR // items×items, each row best first
	recency    float64
}

// Shape returns "itemitem".
func (*ItemItem) Shape() string { return shapeItemItem }

// Items returns how many items there are.
func (m *ItemItem) Items() int { return m.neighbours.Rows() }

// Neighbours returns views of the items most like item i, best first, and
// their similarities.
func (m *ItemItem) Neighbours(i int32) (items []int32, similarities []float32) {
	return m.neighbours.Row(int(i))
}

// Score writes for each item the sum, over the history, of weight × similarity.
// The k-th newest item of the history counts k^−recency of its weight. Items
// the model does not know are passed over.
func (m *ItemItem) Score(scores []float32, history dataset.History) {
	clear(scores)
	for k, i := range history.Items {
		if i < 0 || int(i) >= m.Items() {
			continue
		}
		weight := float32(1)
		if history.Weights != nil {
			weight = history.Weights[k]
		}
		if m.recency > 0 {
			weight *= float32(math.Pow(float64(len(history.Items)-k), -m.recency))
		}
		items, similarities := m.neighbours.Row(int(i))
		for n, j := range items {
			scores[j] += weight * similarities[n]
		}
	}
}

// WriteTo writes the shape for Read.
func (m *ItemItem) WriteTo(w io.Writer) (int64, error) {
	e := newEncoder(w, shapeItemItem)
	e.f64(m.recency)
	e.words(m.Items(), func(i int) uint32 {
		return uint32(m.neighbours.Starts[i+1] - m.neighbours.Starts[i])
	})
	e.int32s(m.neighbours.Cols)
	e.float32s(m.neighbours.Vals)
	return e.close()
}

func readItemItem(d *decoder) *ItemItem {
	m := &ItemItem{recency: d.f64()}
	d.check(within("recency", m.recency, 0, maxRecency) == nil)
	lengths := d.int32s()
	items := len(lengths)
	d.check(items < maxItems)
	m.neighbours = &linalg.CSR{Starts: make([]int, items+1), Cols: d.int32s(), Vals: d.float32s(), Width: items}
	for i, n := range lengths {
		d.check(n >= 0)
		m.neighbours.Starts[i+1] = m.neighbours.Starts[i] + int(n)
	}
	for _, j := range m.neighbours.Cols {
		d.check(j >= 0, int(j) < items)
	}
	d.check(m.neighbours.Starts[items] == len(m.neighbours.Cols), len(m.neighbours.Cols) == len(m.neighbours.Vals))
	return m
}
