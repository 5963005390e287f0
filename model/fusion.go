package model

import (
	"context"
	"errors"
	"slices"

	"kindred/dataset"
)

// Fusion adds up what several models say, without learning how much each is
// worth: a robust hybrid where there is too little data to learn weights from.
// Method is
//
//	rrf      Σ_m 61/(60 + rank of the item for m)
//	combsum  Σ_m score, scaled to the range from the mean to the best
//	combmnz  combsum times how many models score the item above their mean
//
// Papers: G. Cormack, C. Clarke, S. Büttcher, "Reciprocal Rank Fusion
// outperforms Condorcet and individual Rank Learning Methods", SIGIR 2009; E.
// Fox, J. Shaw, "Combination of Multiple Searches", TREC-2, 1994. Departures:
// ranks are among items outside the history and end at 1000; the scale of
// combsum begins at the mean, not at the worst.
//
// Cost: the sum of the models'.
type Fusion struct {
	Models []Component `json:"models" range:"1,16"`
	Method string      `json:"method" oneof:"rrf combsum combmnz"`
}

// NewFusion returns reciprocal rank fusion of the usual components.
func NewFusion() *Fusion { return &Fusion{Models: usual(), Method: "rrf"} }

// Kind returns "fusion".
func (*Fusion) Kind() string { return "fusion" }

// Validate reports every setting out of range, those of the models included.
func (a *Fusion) Validate() error {
	_, err := algorithmsOf(a.Models)
	return errors.Join(validate(a), err)
}

// Fit fits the models. It returns a *Mixture.
func (a *Fusion) Fit(ctx context.Context, data *dataset.Interactions, progress func(Progress)) (Learned, error) {
	algorithms, err := algorithmsOf(a.Models)
	if err := errors.Join(validate(a), err, ctx.Err()); err != nil {
		return nil, err
	}
	learned, err := fitAll(ctx, algorithms, data, &teller{steps: len(algorithms), progress: progress})
	if err != nil {
		return nil, err
	}
	scale := byRange
	if a.Method == "rrf" {
		scale = byRank
	}
	m := newMixture(learned, data, scale, nil, slices.Repeat([]float32{1}, len(learned)))
	m.counted = a.Method == "combmnz"
	return m, nil
}
