package model

import (
	"io"
	"math"

	"kindred/dataset"
	"kindred/linalg"
)

const shapeEmbedding = "embedding"

// Embedding is the learned shape of linear maps of low rank: a vector v_i for
// each item, and a user's vector is a weighted sum of those of the history,
//
//	Σ_k weight_k^weightPower · k^(−recency) · input_i · v_i,   k counting from the newest
//
// Unlike Factors it solves nothing to fold a history in.
type Embedding struct {
	factors     int
	vectors     []float32 // items×factors, row-major
	inputs      []float32 // by item: input_i
	recency     float64
	weightPower float64
}

// Shape returns "embedding".
func (*Embedding) Shape() string { return shapeEmbedding }

// Items returns how many items there are.
func (m *Embedding) Items() int { return len(m.inputs) }

// ItemVectors returns the item vectors, row-major, and how long each is. The
// slice is the model's.
func (m *Embedding) ItemVectors() (vectors []float32, factors int) { return m.vectors, m.factors }

// UserVector writes into dst, grown if need be, the vector whose inner
// products with the item vectors are the history's scores. Items the model
// does not know are passed over; an empty history gives zeros.
func (m *Embedding) UserVector(dst []float32, history dataset.History) []float32 {
	dst = sized(dst, m.factors)
	clear(dst)
	for k, i := range history.Items {
		if i < 0 || int(i) >= m.Items() {
			continue
		}
		weight := m.inputs[i]
		if history.Weights != nil {
			weight *= powered(history.Weights[k], m.weightPower)
		}
		if m.recency > 0 {
			weight *= float32(math.Pow(float64(len(history.Items)-k), -m.recency))
		}
		linalg.Axpy(weight, m.vectors[int(i)*m.factors:(int(i)+1)*m.factors], dst)
	}
	return dst
}

// Score writes the inner product of the history's vector and each item's.
func (m *Embedding) Score(scores []float32, history dataset.History) {
	linalg.DotRows(scores, m.UserVector(nil, history), m.vectors)
}

// ScoreBatch writes what Score writes, for many histories at once: scores is
// histories×items. It is several times as fast for each, and may differ from
// Score in the last bits.
func (m *Embedding) ScoreBatch(scores []float32, histories []dataset.History) {
	scoreBatch(m, scores, histories)
}

// projector folds histories into the space of its item vectors.
type projector interface {
	UserVector(dst []float32, history dataset.History) []float32
	ItemVectors() (vectors []float32, factors int)
}

// scoreBatch writes the inner products of each history's vector and all items'.
func scoreBatch(m projector, scores []float32, histories []dataset.History) {
	vectors, d := m.ItemVectors()
	users := make([]float32, len(histories)*d)
	for u, history := range histories {
		m.UserVector(users[u*d:(u+1)*d], history)
	}
	clear(scores)
	linalg.GemmT(scores, users, vectors, len(histories), len(vectors)/d, d)
}

// WriteTo writes the shape for Read.
func (m *Embedding) WriteTo(w io.Writer) (int64, error) {
	e := newEncoder(w, shapeEmbedding)
	m.write(e)
	return e.close()
}

func (m *Embedding) write(e *encoder) {
	e.f64(m.recency)
	e.f64(m.weightPower)
	e.u32(uint32(m.factors))
	e.float32s(m.inputs)
	e.float32s(m.vectors)
}

func readEmbedding(d *decoder) *Embedding {
	m := &Embedding{recency: d.f64(), weightPower: d.f64(), factors: int(d.u32()), inputs: d.float32s(), vectors: d.float32s()}
	d.check(within("recency", m.recency, 0, maxRecency) == nil, within("weight_power", m.weightPower, 0, maxWeightPower) == nil, m.factors > 0, m.factors <= maxFactors,
		len(m.inputs) < maxItems, len(m.vectors) == len(m.inputs)*m.factors)
	return m
}
