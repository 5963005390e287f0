package model

import (
	"errors"
	"fmt"
	"math"

	"kindred/linalg"
)

// Vectors are settings of item vectors that were learned elsewhere. They make
// no algorithm: there is nothing to fit.
type Vectors struct {
	// Similarity is what the vectors are made for: their inner product (dot),
	// or that of their directions (cosine).
	Similarity string `json:"similarity" oneof:"cosine dot"`
	// Recency makes the k-th newest item of a history count k^−Recency.
	Recency float64 `json:"recency" range:"0,10"`
}

// Serve returns items×factors vectors as a model: a user is the weighted sum of
// the vectors of the history, and each item scores its product with that. For
// cosine the vectors are brought to length 1 in their place.
func (v Vectors) Serve(vectors []float32, factors int) (*Embedding, error) {
	if err := errors.Join(validate(&v), within("the length of a vector", float64(factors), 1, maxFactors)); err != nil {
		return nil, fmt.Errorf("model: vectors: %w", err)
	}
	items := len(vectors) / factors
	m := &Embedding{factors: factors, vectors: vectors, inputs: make([]float32, items), recency: v.Recency, weightPower: 1}
	for i := range items {
		m.inputs[i] = 1
		vector := vectors[i*factors : (i+1)*factors]
		if length := math.Sqrt(float64(linalg.Dot(vector, vector))); v.Similarity == "cosine" && length > 0 {
			linalg.Scale(float32(1/length), vector)
		}
	}
	return m, nil
}
