package model

import (
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
	gram := make([]float32, factors)
	for f := range gram {
		gram[f] = max(0, s.gram[f*factors+f])
	}
	return newFactors(o, factors, s.vectors, gram), nil
}
