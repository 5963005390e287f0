package model

import (
	"io"
	"math"
	"sync"

	"kindred/dataset"
	"kindred/linalg"
)

const shapeRatingFactors = "ratingfactors"

// RatingFactors is the learned shape of SVD and SVDPP: a bias and one or two
// vectors an item. A user's bias and vector are solved for from the ratings of
// the history,
//
//	minimise  Σ_k (z_k − b_i − q_iᵀs − b − q_iᵀp)² + λ_n·‖p‖² + λ'_n·b²   over p, b
//
// with s from the second vectors, which is where training would have the user
// with all items in their place. Cost: that of a ridge regression.
type RatingFactors struct {
	scale      ratingScale
	lambda     float64
	biasLambda float64
	factors    int
	biases     []float32 // items
	vectors    []float32 // items×(factors+1): q_i and a 1 for the user's bias
	implied    []float32 // items×factors: y_i; nil: none
	scratch    sync.Pool // *ratingFoldIn
}

// ratingFoldIn is the scratch memory of one request.
type ratingFoldIn struct {
	ridge    ridge
	items    []int32
	z        []float32 // of items; less what is known of them without the user
	ones     []float32 // of items
	implied  []float32 // factors
	diagonal []float32 // factors+1
	user     []float32 // factors+1
}

// Shape returns "ratingfactors".
func (*RatingFactors) Shape() string { return shapeRatingFactors }

// Items returns how many items there are.
func (m *RatingFactors) Items() int { return len(m.biases) }

// fold leaves the history's vector, its bias last, in s.user.
func (m *RatingFactors) fold(s *ratingFoldIn, history dataset.History) {
	s.items, s.z = m.scale.knownRatings(s.items[:0], s.z[:0], history, len(m.biases))
	n, f := len(s.items), m.factors
	s.implied, s.user, s.diagonal, s.ones = sized(s.implied, f), sized(s.user, f+1), sized(s.diagonal, f+1), sized(s.ones, n)
	clear(s.user)
	clear(s.implied)
	if n == 0 {
		return
	}
	if m.implied != nil {
		impliedVector(s.implied, m.implied, s.items)
	}
	for k, i := range s.items {
		s.z[k] -= m.biases[i] + linalg.Dot(s.implied, m.vectors[int(i)*(f+1):][:f])
		s.ones[k] = 1
	}
	for k := range f {
		s.diagonal[k] = float32(m.lambda*float64(n) + leastLambda)
	}
	s.diagonal[f] = float32(m.biasLambda*float64(n) + leastLambda)
	s.ridge.solve(s.user, m.vectors, s.items, s.ones, s.z, s.diagonal)
	linalg.Axpy(1, s.implied, s.user[:f])
}

// take returns scratch memory.
func (m *RatingFactors) take() *ratingFoldIn {
	if s, ok := m.scratch.Get().(*ratingFoldIn); ok {
		return s
	}
	return new(ratingFoldIn)
}

// leastLambda is what a user is shrunk by beside λ·n: one rating alone says
// little about anybody.
const leastLambda = 1

// Score writes the predicted rating of every item.
func (m *RatingFactors) Score(scores []float32, history dataset.History) {
	s := m.take()
	defer m.scratch.Put(s)
	m.fold(s, history)
	linalg.DotRows(scores, s.user, m.vectors)
	linalg.Axpy(1, m.biases, scores)
	m.scale.scores(scores)
}

// PredictRatings writes how whoever has this history would rate the items.
func (m *RatingFactors) PredictRatings(ratings []float32, history dataset.History, items []int32) {
	s := m.take()
	defer m.scratch.Put(s)
	m.fold(s, history)
	width := m.factors + 1
	for k, i := range items {
		if uint(i) >= uint(len(m.biases)) {
			ratings[k] = s.user[m.factors]
			continue
		}
		ratings[k] = m.biases[i] + linalg.Dot(s.user, m.vectors[int(i)*width:(int(i)+1)*width])
	}
	m.scale.ratings(ratings)
}

// WriteTo writes the shape for Read.
func (m *RatingFactors) WriteTo(w io.Writer) (int64, error) {
	e := newEncoder(w, shapeRatingFactors)
	m.scale.writeTo(e)
	e.f64(m.lambda)
	e.f64(m.biasLambda)
	e.u32(uint32(m.factors))
	e.float32s(m.biases)
	e.float32s(m.vectors)
	e.float32s(m.implied)
	return e.close()
}

func readRatingFactors(d *decoder) *RatingFactors {
	m := &RatingFactors{
		scale: readRatingScale(d), lambda: d.f64(), biasLambda: d.f64(), factors: int(d.u32()),
		biases: d.float32s(), vectors: d.float32s(), implied: d.float32s(),
	}
	d.check(
		m.lambda >= 0, m.lambda < math.Inf(1), m.biasLambda >= 0, m.biasLambda < math.Inf(1),
		m.factors > 0, m.factors <= maxFactors, len(m.biases) < maxItems,
		len(m.vectors) == len(m.biases)*(m.factors+1),
		len(m.implied) == 0 || len(m.implied) == len(m.biases)*m.factors,
	)
	if len(m.implied) == 0 {
		m.implied = nil
	}
	return m
}
