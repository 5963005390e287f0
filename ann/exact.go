// Package ann finds the vectors with the largest inner product with a query.
package ann

import (
	"math"
	"sync"

	"kindred/linalg"
)

// Exact finds the best items by scanning all of them.
type Exact struct {
	vectors []float32 // items×dim
	dim     int
	items   int
	pool    sync.Pool
}

// NewExact returns an index over the rows of vectors (items×dim), which it
// keeps, not copies, and which must not change from now on.
func NewExact(vectors []float32, dim int) *Exact {
	x := &Exact{vectors: vectors, dim: dim, items: len(vectors) / dim}
	x.pool.New = func() any { s := make([]float32, x.items); return &s }
	return x
}

// Search overwrites dst with the k items not in skip whose inner product with
// query is largest, best first, ties by lower index, and returns it.
func (x *Exact) Search(dst []linalg.Scored, query []float32, k int, skip linalg.Bits) []linalg.Scored {
	scores, _ := x.pool.Get().(*[]float32)
	defer x.pool.Put(scores)
	linalg.DotRows(*scores, query, x.vectors)
	for i := range *scores {
		if skip.Has(i) {
			(*scores)[i] = float32(math.Inf(-1))
		}
	}
	return linalg.TopK(dst, *scores, k)
}
