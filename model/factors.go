package model

import (
	"io"
	"sync"

	"kindred/dataset"
	"kindred/linalg"
)

const shapeFactors = "factors"

// Factors is the learned shape of iALS, and of others that learn item vectors
// for such a fold-in: a vector for each item. Users have
// none: a user's vector is solved from the history, by the very step that
// training takes, each time it is asked for (fold-in). So a new event counts
// at once, strangers are served like everyone else, and nothing about anyone
// is kept in a model.
//
// Item vectors are rotated so that their Gram matrix VᵀV is diagonal; scores
// do not change by that. A history of n < d items then costs about n²d flops:
// microseconds.
type Factors struct {
	objective objective
	factors   int
	vectors   []float32 // items×factors, row-major; V
	// gram is VᵀV: its diagonal (factors), or all of it (factors×factors),
	// which says that vectors are non-negative (NMF).
	gram     []float32
	encoding []float32 // factors×(factors+1), row-major; nil: none (see encoded)
	scratch  sync.Pool // *foldIn
}

// foldIn is the scratch memory of one request.
type foldIn struct {
	ridge    ridge
	positive positive
	items    []int32 // of the history, known, those it likes in front
	weights  []float32
	targets  []float32
	times    []int64   // of those it likes; none if not known
	diagonal []float32 // factors
	user     []float32 // factors
	plain    []float32 // factors+1: the user before the encoding, and 1
}

func newFactors(o objective, factors int, vectors, gram []float32) *Factors {
	m := &Factors{objective: o, factors: factors, vectors: vectors, gram: gram}
	m.scratch.New = func() any { return new(foldIn) }
	return m
}

// Shape returns "factors".
func (*Factors) Shape() string { return shapeFactors }

// Items returns how many items there are.
func (m *Factors) Items() int { return len(m.vectors) / m.factors }

// ItemVectors returns the item vectors, row-major, and how long each is. The
// slice is the model's.
func (m *Factors) ItemVectors() (vectors []float32, factors int) { return m.vectors, m.factors }

// UserVector writes into dst, grown if need be, the vector whose inner
// products with the item vectors are the history's scores. Items the model
// does not know are passed over; an empty history gives zeros, or what the
// encoding makes of them.
func (m *Factors) UserVector(dst []float32, history dataset.History) []float32 {
	dst = sized(dst, m.factors)
	s := m.take()
	defer m.scratch.Put(s)
	s.known(m, &history)
	if m.encoding == nil {
		s.solve(m, dst)
		return dst
	}
	s.plain = sized(s.plain, m.factors+1)
	s.solve(m, s.plain[:m.factors])
	s.plain[m.factors] = 1
	linalg.DotRows(dst, s.plain, m.encoding)
	return dst
}

// solve writes the solution for what known kept.
func (s *foldIn) solve(m *Factors, x []float32) {
	if len(s.items) == 0 {
		clear(x)
		return
	}
	if len(m.gram) > m.factors {
		penalty := m.objective.penalty(len(s.items), m.Items())
		s.positive.fold(x, m.vectors, s.items, s.weights, s.targets, m.gram, float32(m.objective.Unobserved), float32(penalty))
		return
	}
	s.diagonal = sized(s.diagonal, m.factors)
	m.objective.diagonal(s.diagonal, m.gram, len(s.items), m.Items())
	s.ridge.solve(x, m.vectors, s.items, s.weights, s.targets, s.diagonal)
}

// known keeps what the model knows of a history, with confidences and targets.
func (s *foldIn) known(m *Factors, history *dataset.History) {
	s.items, s.weights, s.targets = s.items[:0], s.weights[:0], s.targets[:0]
	s.times = s.times[:0]
	for k, i := range history.Items {
		if i < 0 || int(i) >= m.Items() {
			continue
		}
		weight := float32(1)
		if history.Weights != nil {
			weight = history.Weights[k]
		}
		s.add(i, weight, 1)
		if history.Times != nil {
			s.times = append(s.times, history.Times[k])
		}
	}
	times := s.times
	if history.Times == nil {
		times = nil
	}
	m.objective.confidence.fold(s.weights, s.items, s.weights, times)
	if m.objective.Disliked == 0 {
		return
	}
	for _, i := range history.Disliked {
		if i >= 0 && int(i) < m.Items() {
			s.add(i, float32(m.objective.Disliked), float32(m.objective.DislikedTarget))
		}
	}
}

func (s *foldIn) add(item int32, weight, target float32) {
	s.items, s.weights, s.targets = append(s.items, item), append(s.weights, weight), append(s.targets, target)
}

// Score writes the inner product of the history's vector and each item's.
func (m *Factors) Score(scores []float32, history dataset.History) {
	s := m.take()
	defer m.scratch.Put(s)
	s.user = m.UserVector(s.user, history)
	linalg.DotRows(scores, s.user, m.vectors)
}

// ScoreBatch writes what Score writes, for many histories at once: scores is
// histories×items. It is several times as fast for each, and may differ from
// Score in the last bits.
func (m *Factors) ScoreBatch(scores []float32, histories []dataset.History) {
	scoreBatch(m, scores, histories)
}

func (m *Factors) take() *foldIn {
	if s, ok := m.scratch.Get().(*foldIn); ok {
		return s
	}
	return new(foldIn)
}

// WriteTo writes the shape for Read.
func (m *Factors) WriteTo(w io.Writer) (int64, error) {
	e := newEncoder(w, shapeFactors)
	m.write(e)
	return e.close()
}

func (m *Factors) write(e *encoder) {
	e.f64(m.objective.Unobserved)
	e.f64(m.objective.Lambda)
	e.f64(m.objective.Nu)
	e.f64(m.objective.Disliked)
	e.f64(m.objective.DislikedTarget)
	m.objective.confidence.write(e)
	e.u32(uint32(m.factors))
	e.float32s(m.gram)
	e.float32s(m.encoding)
	e.float32s(m.vectors)
}

func readFactors(d *decoder) *Factors {
	o := objective{Unobserved: d.f64(), Lambda: d.f64(), Nu: d.f64(), Disliked: d.f64(), DislikedTarget: d.f64(), confidence: readConfidence(d)}
	factors := int(d.u32())
	gram, encoding, vectors := d.float32s(), d.float32s(), d.float32s()
	d.check(factors > 0, factors <= maxFactors, len(gram) == factors || len(gram) == factors*factors, o.valid())
	if d.err != nil {
		return nil
	}
	d.check(len(vectors)%factors == 0, len(vectors)/factors < maxItems)
	d.check(encoding == nil || len(encoding) == factors*(factors+1))
	if o.confidence.items != nil {
		d.check(len(o.confidence.items) == len(vectors)/factors)
	}
	for _, g := range gram {
		d.check(g >= 0)
	}
	m := newFactors(o, factors, vectors, gram)
	m.encoding = encoding
	return m
}
