package model

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"kindred/dataset"
	"kindred/linalg"
)

// PureSVD projects a history on the Factors directions in which the
// interactions vary most:
//
//	scores = V·Vᵀ·x,   V the right singular vectors of X, items×factors
//
// X holds the interactions as scaling says, x the history likewise.
//
// Paper: P. Cremonesi, Y. Koren, R. Turrin, "Performance of Recommender
// Algorithms on Top-N Recommendation Tasks", RecSys 2010; the decomposition is
// linalg.RandomSVD. Departures: the powers of scaling.
//
// Cost of each of the epochs: 4·d flops an interaction, 4(users+items)·d² and
// 12d³, d = Factors+16; 4d bytes a user (while fitting) and an item.
type PureSVD struct {
	Factors     int     `json:"factors" range:"1,2048" tune:"16,512,log"`
	Epochs      int     `json:"epochs" range:"1,100"` // subspace iterations
	WeightPower float64 `json:"weight_power" range:"0,4"`
	UserPower   float64 `json:"user_power" range:"0,2" tune:"0,1"`
	ItemPower   float64 `json:"item_power" range:"0,2" tune:"0,1"`
	TargetPower float64 `json:"target_power" range:"-2,2" tune:"0,1"`
	// Recency makes the k-th newest item of a history count k^−Recency.
	Recency float64 `json:"recency" range:"0,10" tune:"0,2"`
	Seed    uint64  `json:"seed"`
}

// NewPureSVD returns PureSVD as it does well on many sets.
func NewPureSVD() *PureSVD {
	return &PureSVD{Factors: 128, Epochs: 5, UserPower: 0.5, ItemPower: 1, TargetPower: 1, Seed: 1}
}

// Kind returns "puresvd".
func (*PureSVD) Kind() string { return "puresvd" }

// Validate reports every setting out of range.
func (a *PureSVD) Validate() error { return validate(a) }

// Fit finds the directions. It returns an *Embedding.
func (a *PureSVD) Fit(ctx context.Context, data *dataset.Interactions, progress func(Progress)) (Learned, error) {
	if err := errors.Join(a.Validate(), ctx.Err()); err != nil {
		return nil, err
	}
	x := scaling{a.WeightPower, a.UserPower, a.ItemPower, a.TargetPower}.apply(data)
	_, learned, err := x.project(ctx, a.Factors, a.Epochs, a.Seed, progress)
	if err != nil {
		return nil, fmt.Errorf("model: PureSVD: %w", err)
	}
	learned.recency = a.Recency
	return learned, nil
}

// project returns the projection on the greatest singular vectors of x, and
// the squares of the singular values, greatest first.
func (x *scaled) project(ctx context.Context, factors, epochs int, seed uint64, progress func(Progress)) (squares []float32, v *Embedding, err error) {
	squares, vectors, err := linalg.RandomSVD(x.byUser, x.byItem, factors, epochs, seed, runtime.GOMAXPROCS(0),
		func(step, steps int) error {
			if progress != nil {
				progress(Progress{Epoch: step, Epochs: steps})
			}
			return ctx.Err()
		})
	if err != nil {
		return nil, nil, err
	}
	inputs := make([]float32, len(x.itemScale))
	for i, target := range x.targetScale {
		linalg.Scale(target, vectors[i*factors:(i+1)*factors])
		inputs[i] = x.itemScale[i] / target
	}
	return squares, &Embedding{factors: factors, vectors: vectors, inputs: inputs, weightPower: x.weightPower}, nil
}
