package model

import (
	"kindred/dataset"
	"kindred/linalg"
)

// foldable returns a Factors of item vectors, which it takes over and rotates
// to where their Gram matrix is diagonal. Histories are folded in by o.
func foldable(items []float32, factors int, o objective) (*Factors, error) {
	s := &side{
		met:     &linalg.CSR{Starts: make([]int, len(items)/factors+1)},
		vectors: items, gram: make([]float32, factors*factors),
	}
	s.measure(factors)
	if _, err := s.diagonalise(factors); err != nil {
		return nil, err
	}
	return s.factors(factors, o), nil
}

// factors returns what a side of items with a diagonal Gram matrix gives.
func (s *side) factors(factors int, o objective) *Factors {
	gram := make([]float32, factors)
	for f := range gram {
		gram[f] = max(0, s.gram[f*factors+f])
	}
	return newFactors(o, factors, s.vectors, gram)
}

// The ridge problem by which encoded folds in: how much all unobserved pairs
// weigh beside the observed ones, and the penalty beside the mean square of an
// element of an item vector. The encoding makes good what they are off.
const (
	encodedAlpha  = 10
	encodedLambda = 1
	encodedUsers  = 4000 // the encoding is learned from, at most
	encodedPrior  = 10   // users that the prior of the encoding weighs as much as
)

// encoded returns a Factors of vectors of users and items that were learned
// together under another objective than that of iALS, such that folding a
// user's history in gives, as nearly as a linear map can, the user's vector. A
// history is first folded in by the ridge problem of iALS, x; the encoding A is
// the least squares solution of A·(x, 1) = p over users p and their histories,
// drawn a little towards a multiple of the identity.
//
// For a pairwise loss the ridge problem is one Newton step: the second-order
// form of Σ_j −ln σ(pᵀ(q_i − q_j)) at p = 0 is a weighted least squares problem
// on the same vectors. So A has little left to do.
//
// It takes over items, not users. Cost: the fold-in of 4000 users, and d²
// flops for each and for each fold-in later.
func encoded(items, users []float32, factors int, data *dataset.Interactions) (*Factors, error) {
	s := &side{
		met:     &linalg.CSR{Starts: make([]int, len(items)/factors+1)},
		vectors: items, gram: make([]float32, factors*factors),
	}
	s.measure(factors)
	rotation, err := s.diagonalise(factors)
	if err != nil {
		return nil, err
	}
	m := s.factors(factors, objective{})
	trace := 0.0
	for _, g := range m.gram {
		trace += float64(g)
	}
	pairs := max(1, float64(data.ByUser.Rows())*float64(data.ByUser.Width))
	m.objective = objective{
		Unobserved: encodedAlpha * float64(data.ByUser.NNZ()) / pairs,
		Lambda:     max(1e-9, encodedLambda*trace/max(1, float64(len(items)))),
		Nu:         1,
		confidence: confidence{Scheme: "power"},
	}
	if err := m.encode(users, rotation, data); err != nil {
		return nil, err
	}
	return m, nil
}

// encode learns the encoding. users are the vectors to come near to, in the
// basis before the rotation.
func (m *Factors) encode(users, rotation []float32, data *dataset.Interactions) error {
	d := m.factors
	n := min(encodedUsers, data.ByUser.Rows())
	folded, wanted := make([]float32, n*(d+1)), make([]float32, n*d)
	linalg.Parallel(workers(), n, func(_, lo, hi int) {
		for k := lo; k < hi; k++ {
			u := k * data.ByUser.Rows() / n // evenly over all
			x := folded[k*(d+1) : (k+1)*(d+1)]
			m.UserVector(x[:d:d], data.History(u))
			x[d] = 1
			linalg.DotRows(wanted[k*d:(k+1)*d], users[u*d:(u+1)*d], rotation)
		}
	})
	var both, square float64
	for k := range n {
		x := folded[k*(d+1) : k*(d+1)+d]
		both += float64(linalg.Dot(x, wanted[k*d:(k+1)*d]))
		square += float64(linalg.Dot(x, x))
	}
	scale := float32(both / max(1e-30, square))
	system, right := make([]float32, (d+1)*(d+1)), make([]float32, d*(d+1))
	for k := range n {
		x := folded[k*(d+1) : (k+1)*(d+1)]
		for f := range d + 1 {
			linalg.Axpy(x[f], x[:f+1], system[f*(d+1):f*(d+1)+f+1])
		}
		for f, p := range wanted[k*d : (k+1)*d] {
			linalg.Axpy(p, x, right[f*(d+1):(f+1)*(d+1)])
		}
	}
	prior := float32(encodedPrior * max(1e-12, square/float64(max(1, n*d))))
	for f := range d {
		system[f*(d+1)+f] += prior
		right[f*(d+1)+f] += prior * scale
	}
	system[d*(d+1)+d] += 1e-3
	if err := linalg.Cholesky(system, d+1); err != nil {
		return err
	}
	for f := range d {
		linalg.CholeskySolve(system, d+1, right[f*(d+1):(f+1)*(d+1)])
	}
	m.encoding = right
	return nil
}
