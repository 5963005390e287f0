package model

import (
	"context"
	"errors"
	"fmt"

	"kindred/dataset"
	"kindred/linalg"
)

// GFCF filters a history x on the graph in which items are joined by the users
// who met both:
//
//	scores = x·P̃ + Alpha · x·D^(−½)·V·Vᵀ·D^(½),   P̃ = X̃ᵀX̃ / σ₁²
//
// X̃ holds the interactions as scaling says, with powers of 1 the normalised
// adjacency; V its Factors greatest right singular vectors, σ₁ the greatest
// singular value, and D the numbers of users an item has. The first part, a
// linear filter, sees the neighbourhood; the second, an ideal low-pass filter,
// sees all. Of the first the Neighbours greatest entries of each item are kept.
//
// Paper: Y. Shen, Y. Wu, Y. Zhang, C. Shan, J. Zhang, K. Letaief, D. Li, "How
// Powerful is Graph Convolution for Recommendation?", CIKM 2021,
// arXiv:2108.07567. Departures: the powers, and Neighbours; the division by
// σ₁², which is 1 in the paper.
//
// Cost: that of item-kNN and PureSVD together.
type GFCF struct {
	Factors     int     `json:"factors" range:"1,2048" tune:"64,512,log"`
	Alpha       float64 `json:"alpha" range:"0,1e6" tune:"0.03,3,log"`
	Neighbours  int     `json:"neighbours" range:"1,100000"`
	Epochs      int     `json:"epochs" range:"1,100"` // subspace iterations
	WeightPower float64 `json:"weight_power" range:"0,4"`
	UserPower   float64 `json:"user_power" range:"0,2" tune:"0,1"`
	ItemPower   float64 `json:"item_power" range:"0,2" tune:"0,1"`
	// Recency makes the k-th newest item of a history count k^−Recency.
	Recency float64 `json:"recency" range:"0,10" tune:"0,2"`
	Seed    uint64  `json:"seed"`
}

// NewGFCF returns the paper's filter.
func NewGFCF() *GFCF {
	return &GFCF{Factors: 256, Alpha: 0.3, Neighbours: 1000, Epochs: 5, UserPower: 1, ItemPower: 1, Seed: 1}
}

// Kind returns "gfcf".
func (*GFCF) Kind() string { return "gfcf" }

// Validate reports every setting out of range.
func (a *GFCF) Validate() error { return validate(a) }

// Fit builds both parts. It returns a *Filter.
func (a *GFCF) Fit(ctx context.Context, data *dataset.Interactions, progress func(Progress)) (Learned, error) {
	if err := errors.Join(a.Validate(), ctx.Err()); err != nil {
		return nil, err
	}
	x := scaling{a.WeightPower, a.UserPower, a.ItemPower, a.ItemPower}.apply(data)
	squares, far, err := x.project(ctx, a.Factors, a.Epochs, a.Seed, progress)
	if err != nil {
		return nil, fmt.Errorf("model: GF-CF: %w", err)
	}
	linalg.Scale(float32(a.Alpha), far.inputs)
	far.recency = a.Recency
	norm := float32(1)
	if squares[0] > 0 {
		norm = 1 / squares[0]
	}
	targets, err := x.search(a.Neighbours, func(_ int32, _ []int32, sums []float32) {
		linalg.Scale(norm, sums)
	}).run(ctx)
	if err != nil {
		return nil, err
	}
	return &Filter{near: x.bySource(targets, a.Recency), far: far}, nil
}
