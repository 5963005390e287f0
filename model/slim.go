package model

import (
	"context"
	"errors"

	"kindred/dataset"
	"kindred/linalg"
)

// SLIM learns for each item j few weights by which it is told from other
// items, an elastic net:
//
//	minimise  ½‖x_j − X·b‖² + L2/2·‖b‖² + L1·‖b‖₁   with b_j = 0
//
// over b, of which only the Candidates items that go with j most may differ
// from zero, and with Weights "positive" none may be below it. X holds the
// interactions as scaling says.
//
// Paper: X. Ning, G. Karypis, "SLIM: Sparse Linear Methods for Top-N
// Recommender Systems", ICDM 2011; choosing candidates by cosine is their
// fsSLIM. Method: coordinate descent on the candidates' Gram matrix (J.
// Friedman, T. Hastie, R. Tibshirani, "Regularization Paths for Generalized
// Linear Models via Coordinate Descent", 2010, their covariance updates), which
// gram holds: the interactions are not gone through again. Departures: the
// powers of scaling.
//
// Cost: what cooccurrence and gram say; for each item the pairs of its k
// candidates, and k steps for each weight that changes in each of the sweeps,
// some five where all candidates speak, 25 where few of many do; 8 bytes a
// weight.
type SLIM struct {
	L1          float64 `json:"l1" range:"0,1e9" tune:"0.01,10,log"`
	L2          float64 `json:"l2" range:"1e-6,1e9" tune:"1,300,log"`
	Weights     string  `json:"weights" oneof:"positive any"`
	Candidates  int     `json:"candidates" range:"1,5000" tune:"50,500,log"`
	Epochs      int     `json:"epochs" range:"1,10000"` // sweeps at most
	WeightPower float64 `json:"weight_power" range:"0,4"`
	UserPower   float64 `json:"user_power" range:"0,2" tune:"0,1"`
	ItemPower   float64 `json:"item_power" range:"0,2" tune:"0,1"`
	TargetPower float64 `json:"target_power" range:"-2,2" tune:"0,1"`
	// Recency makes the k-th newest item of a history count k^−Recency.
	Recency float64 `json:"recency" range:"0,10" tune:"0,2"`
}

// slimTolerance is the change of a weight below which it has settled.
const slimTolerance = 1e-4

// NewSLIM returns SLIM as it does well on many sets.
func NewSLIM() *SLIM {
	return &SLIM{
		L1: 0.5, L2: 150, Weights: "positive", Candidates: 200, Epochs: 100,
		UserPower: 0.5, ItemPower: 0.5, TargetPower: 0.5,
	}
}

// Kind returns "slim".
func (*SLIM) Kind() string { return "slim" }

// Validate reports every setting out of range.
func (a *SLIM) Validate() error { return validate(a) }

// Fit learns the weights. It returns an *ItemItem.
func (a *SLIM) Fit(ctx context.Context, data *dataset.Interactions, progress func(Progress)) (Learned, error) {
	if err := errors.Join(a.Validate(), ctx.Err()); err != nil {
		return nil, err
	}
	x := scaling{a.WeightPower, a.UserPower, a.ItemPower, a.TargetPower}.apply(data)
	c, err := newCooccurrence(ctx, x, a.Candidates, progress)
	if err != nil {
		return nil, err
	}
	targets, err := c.solveAll(ctx, progress, a.descend)
	if err != nil {
		return nil, err
	}
	return x.itemItem(targets, a.Recency), nil
}

// descend sets one weight after the other to its best while the rest stand
// still. p.right becomes the gradient of the squares, negative.
func (a *SLIM) descend(p *regression) {
	l1, l2 := float32(a.L1), float32(a.L2)
	for range a.Epochs {
		var largest float32
		for n, old := range p.weights {
			pull := p.right[n] + p.diagonal[n]*old
			best := float32(0)
			switch {
			case pull > l1:
				best = (pull - l1) / (p.diagonal[n] + l2)
			case pull < -l1 && a.Weights == "any":
				best = (pull + l1) / (p.diagonal[n] + l2)
			}
			if best != old {
				linalg.Axpy(old-best, p.row(n), p.right)
				p.weights[n] = best
				largest = max(largest, best-old, old-best)
			}
		}
		if largest < slimTolerance {
			return
		}
	}
}
