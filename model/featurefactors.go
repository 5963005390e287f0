package model

import (
	"io"
	"math"

	"kindred/dataset"
	"kindred/linalg"
)

const shapeFeatured = "featurefactors"

// FeatureFactors is the learned shape of FeatureALS: Factors whose users are
// drawn, when their history is folded in, to the vector that their features
// foretell. Someone without a history has just that.
type FeatureFactors struct {
	*Factors
	users []float32 // (columns of user features + 1)×factors; the last row is the constant
}

func newFeatureFactors(items *Factors, users []float32) *FeatureFactors {
	return &FeatureFactors{Factors: items, users: users}
}

// Shape returns "featurefactors".
func (*FeatureFactors) Shape() string { return shapeFeatured }

// UserVector writes into dst, grown if need be, the vector whose inner products
// with the item vectors are the scores of the history and the user's features.
func (m *FeatureFactors) UserVector(dst []float32, history dataset.History) []float32 {
	dst = sized(dst, m.factors)
	mean(dst, m.users, history.Features, history.FeatureValues)
	s := m.take()
	defer m.scratch.Put(s)
	s.known(m.Factors, &history)
	n := len(s.items)
	if n == 0 {
		return dst
	}
	s.diagonal = sized(s.diagonal, m.factors)
	m.objective.diagonal(s.diagonal, m.gram, n, m.Items())
	centre(dst, s.diagonal, m.objective.penalty(n, m.Items()))
	s.user = sized(s.user, m.factors)
	s.ridge.solveFrom(s.user, dst, m.vectors, s.items, s.weights, s.targets, s.diagonal)
	copy(dst, s.user)
	return dst
}

// Score writes the inner product of the user's vector and each item's.
func (m *FeatureFactors) Score(scores []float32, history dataset.History) {
	linalg.DotRows(scores, m.UserVector(nil, history), m.vectors)
}

// ScoreBatch writes what Score writes, for many histories at once: scores is
// histories×items. It may differ from Score in the last bits.
func (m *FeatureFactors) ScoreBatch(scores []float32, histories []dataset.History) {
	scoreBatch(m, scores, histories)
}

// WriteTo writes the shape for Read.
func (m *FeatureFactors) WriteTo(w io.Writer) (int64, error) {
	e := newEncoder(w, shapeFeatured)
	m.write(e)
	e.float32s(m.users)
	return e.close()
}

func readFeatureFactors(d *decoder) *FeatureFactors {
	m := &FeatureFactors{Factors: readFactors(d), users: d.float32s()}
	if d.err == nil {
		d.check(len(m.users) >= m.factors, len(m.users)%m.factors == 0)
	}
	return m
}

// centre turns the vector m that a solution x is drawn to into the c that
//
//	Σ_f D_f·(x_f − c_f)²  and  Σ_f (D_f − penalty)·x_f² + penalty·‖x − m‖²
//
// differ by a constant only: the problem of ridge, moved by c.
func centre(m, diagonal []float32, penalty float64) {
	for f, D := range diagonal {
		m[f] *= float32(penalty / math.Max(float64(D), 1e-30))
	}
}

// distance is ‖x − y‖².
func distance(x, y []float32) (sum float64) {
	for f, v := range x {
		sum += float64(v-y[f]) * float64(v-y[f])
	}
	return sum
}
