package model

import (
	"context"
	"errors"

	"kindred/dataset"
)

// SVD predicts a rating from biases and the product of a user's and an item's
// vector:
//
//	r(u,i) = mean + spread·(b_u + b_i + q_iᵀp_u)
//	minimise  Σ (z(u,i) − b_u − b_i − q_iᵀp_u)² + BiasLambda·(b_u² + b_i²) + Lambda·(‖q_i‖² + ‖p_u‖²)
//
// summed over the ratings, so that who rates more is shrunk more; by
// stochastic gradient descent.
//
// Papers: S. Funk, "Netflix Update: Try This at Home", 2006; Y. Koren,
// R. Bell, C. Volinsky, "Matrix Factorization Techniques for Recommender
// Systems", IEEE Computer 2009.
//
// Departures: an epoch goes user by user, in an order drawn anew, so that a
// user's vector stays in the cache; users start at zero; the learning rate
// falls by a twentieth each epoch. The result does not depend on how users are
// numbered. It is computed on one core, and so the same on any number.
//
// Cost: O(ratings·Factors) an epoch, some 20 ns a rating and 50 factors;
// 4·Factors bytes an item and, while fitting, a user.
type SVD struct {
	Factors    int     `json:"factors" range:"1,2048" tune:"10,200,log"`
	Epochs     int     `json:"epochs" range:"1,1000" tune:"20,60"`
	LearnRate  float64 `json:"learn_rate" range:"1e-5,1" tune:"0.005,0.05,log"`
	Lambda     float64 `json:"lambda" range:"0,10" tune:"0.03,0.2,log"`
	BiasLambda float64 `json:"bias_lambda" range:"0,10"`
	InitScale  float64 `json:"init_scale" range:"1e-6,10"` // the deviation of a first vector's norm
	Seed       uint64  `json:"seed"`
}

// NewSVD returns an SVD as it does well on many sets.
func NewSVD() *SVD {
	return &SVD{Factors: 100, Epochs: 40, LearnRate: 0.02, Lambda: 0.06, BiasLambda: 0.03, InitScale: 0.3, Seed: 1}
}

// Kind returns "svd".
func (*SVD) Kind() string { return "svd" }

// Validate reports every setting out of range.
func (a *SVD) Validate() error { return validate(a) }

// Fit descends. It returns a *RatingFactors.
func (a *SVD) Fit(ctx context.Context, data *dataset.Interactions, progress func(Progress)) (Learned, error) {
	return fitDescent(ctx, a, ratingDescent{settings: *a}, data, progress)
}

// SVDPP is SVD with a second vector an item, y, that speaks for those who
// rated it, whatever the rating:
//
//	r(u,i) = mean + spread·(b_u + b_i + q_iᵀ(p_u + n_u^(−½)·Σ_(j∈R(u)) y_j))
//
// R(u) are the n_u items that u rated.
//
// Paper: Y. Koren, "Factorization Meets the Neighborhood: a Multifaceted
// Collaborative Filtering Model", KDD 2008.
//
// Departures: those of SVD. Within a user's ratings the sum over y moves as a
// whole and is handed to the y_j when the user is done; with the step of the
// paper, which goes through all y_j for each rating, an epoch would cost
// O(Σ n_u²·Factors).
//
// Cost: O(ratings·Factors) an epoch, about twice that of SVD; 8·Factors bytes
// an item and, while fitting, 4·Factors a user.
type SVDPP SVD

// NewSVDPP returns an SVDPP as it does well on many sets.
func NewSVDPP() *SVDPP {
	return &SVDPP{Factors: 100, Epochs: 40, LearnRate: 0.01, Lambda: 0.06, BiasLambda: 0.03, InitScale: 0.3, Seed: 1}
}

// Kind returns "svdpp".
func (*SVDPP) Kind() string { return "svdpp" }

// Validate reports every setting out of range.
func (a *SVDPP) Validate() error { return validate(a) }

// Fit descends. It returns a *RatingFactors.
func (a *SVDPP) Fit(ctx context.Context, data *dataset.Interactions, progress func(Progress)) (Learned, error) {
	return fitDescent(ctx, a, ratingDescent{settings: SVD(*a), implied: true}, data, progress)
}

func fitDescent(ctx context.Context, a Algorithm, fit ratingDescent, data *dataset.Interactions, progress func(Progress)) (Learned, error) {
	if err := errors.Join(a.Validate(), ctx.Err()); err != nil {
		return nil, err
	}
	ratings, err := standardise(a.Kind(), data)
	if err != nil {
		return nil, err
	}
	fit.start(ratings.byUser)
	for epoch := 1; epoch <= fit.settings.Epochs; epoch++ {
		loss, err := fit.epoch(ctx, epoch)
		if err != nil {
			return nil, err
		}
		if progress != nil {
			progress(Progress{Epoch: epoch, Epochs: fit.settings.Epochs, Loss: loss})
		}
	}
	return fit.learned(ratings.scale), nil
}
