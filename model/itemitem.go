package model

import (
	"io"
	"math"

	"kindred/dataset"
	"kindred/linalg"
)

const shapeItemItem = "itemitem"

// Bounds of settings that several algorithms have.
const (
	maxRecency     = 10
	maxWeightPower = 4
	maxDays        = 36_525 // a century
	secondsADay    = 24 * 60 * 60
)

// ItemItem is the learned shape of item-kNN, RP3beta, EASE, SLIM and others: for
// each item the items it speaks for, and how much.
type ItemItem struct {
	neighbours   *linalg.CSR // items×items, each row best first
	recency      float64
	halfLifeDays float64 // 0: age does not matter
	weightPower  float64 // of the history's weights, as in what was learned from
	reads        reading
	maxSteps     int // of readsSteps, the newest so many; 0: all
}

// reading says what of a history an ItemItem scores by.
type reading uint32

const (
	readsItems reading = iota // the distinct items and their weights
	readsSteps                // every step, whatever its weight
)

// Shape returns "itemitem".
func (*ItemItem) Shape() string { return shapeItemItem }

// Items returns how many items there are.
func (m *ItemItem) Items() int { return m.neighbours.Rows() }

// Neighbours returns views of the items most like item i, best first, and
// their similarities.
func (m *ItemItem) Neighbours(i int32) (items []int32, similarities []float32) {
	return m.neighbours.Row(int(i))
}

// Score writes for each item the sum, over the history, of
// weight^weightPower × similarity. The k-th newest item of the history counts
// k^−recency of its weight, and half of that for each half-life it is older than
// the newest. A model of sequences sums over the steps of the history instead,
// whatever their weights.
// Items the model does not know are passed over.
func (m *ItemItem) Score(scores []float32, history dataset.History) {
	clear(scores)
	m.add(scores, history)
}

// add adds what Score writes.
func (m *ItemItem) add(scores []float32, history dataset.History) {
	steps, times, weights := history.Items, history.Times, history.Weights
	if m.reads == readsSteps {
		steps, times = history.Events()
		weights = nil
		if m.maxSteps > 0 && len(steps) > m.maxSteps {
			steps = steps[len(steps)-m.maxSteps:]
			times = times[max(0, len(times)-m.maxSteps):]
		}
	}
	for k, i := range steps {
		if i < 0 || int(i) >= m.Items() {
			continue
		}
		weight := m.aged(k, len(steps), times)
		if weights != nil {
			weight *= powered(weights[k], m.weightPower)
		}
		items, similarities := m.neighbours.Row(int(i))
		for n, j := range items {
			scores[j] += weight * similarities[n]
		}
	}
}

// aged returns what the k-th of n entries, oldest first, still counts for.
func (m *ItemItem) aged(k, n int, times []int64) float32 {
	counts := 1.0
	if m.recency > 0 {
		counts = math.Pow(float64(n-k), -m.recency)
	}
	if m.halfLifeDays > 0 && len(times) == n {
		counts *= math.Exp2(-float64(times[n-1]-times[k]) / (secondsADay * m.halfLifeDays))
	}
	return float32(counts)
}

// WriteTo writes the shape for Read.
func (m *ItemItem) WriteTo(w io.Writer) (int64, error) {
	e := newEncoder(w, shapeItemItem)
	m.write(e)
	return e.close()
}

func (m *ItemItem) write(e *encoder) {
	e.f64(m.recency)
	e.f64(m.halfLifeDays)
	e.f64(m.weightPower)
	e.u32(uint32(m.reads))
	e.u32(uint32(m.maxSteps))
	e.matrix(m.neighbours)
}

func readItemItem(d *decoder) *ItemItem {
	m := &ItemItem{recency: d.f64(), halfLifeDays: d.f64(), weightPower: d.f64(), reads: reading(d.u32()), maxSteps: int(d.u32())}
	d.check(within("recency", m.recency, 0, maxRecency) == nil, within("half_life_days", m.halfLifeDays, 0, maxDays) == nil,
		within("weight_power", m.weightPower, 0, maxWeightPower) == nil, m.reads <= readsSteps)
	m.neighbours = d.matrix()
	d.check(m.neighbours.Rows() == m.neighbours.Width)
	return m
}
