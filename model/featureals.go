package model

import (
	"context"
	"errors"
	"slices"

	"kindred/dataset"
)

// FeatureALS is iALS with the attributes in the factorisation. Every vector is
// drawn not to zero but to what its attributes let expect, which is learned
// with it:
//
//	minimise  observed + unobserved, as for IALS
//	        + λ·Σ_u (n_u + α₀·I)^ν·‖p_u − m(g_u)‖² + λ·Σ_i (n_i + α₀·U)^ν·‖q_i − m(f_i)‖²
//	        + a ridge penalty on the weights of m
//
// m is a linear function, with a constant, of the features f_i of an item and
// g_u of a user, one for each side. So an item nobody met has the vector that
// its attributes foretell, one that few met a mixture of that and of what they
// tell, and a user without a history the one that the user's features foretell;
// without features it is that of the average user.
//
// Papers: M. Kula, "Metadata Embeddings for User and Item Cold-start
// Recommendations", 2015, arXiv:1507.08439 (LightFM: a vector is the sum of the
// vectors of the features, the identity among them); D. Agarwal, B.-C. Chen,
// "Regression-based Latent Factor Models", KDD 2009 (the identity's vector as
// what deviates from a regression). Departures: the objective of iALS and its
// exact alternation instead of a pairwise loss by gradient descent, or of a
// Monte Carlo EM on ratings. LightFM's sum is the same model; writing it as a
// regression keeps each half of an epoch a least squares problem.
//
// Items nobody met do not count as unobserved while users are solved for:
// nobody turned them down.
//
// Cost: that of IALS, and an epoch's two regressions, 60·d flops for each
// feature of each row. Bytes: those of IALS and 4d for each column of features.
type FeatureALS struct {
	Factors   int     `json:"factors" range:"1,2048" tune:"16,256,log"`
	Epochs    int     `json:"epochs" range:"1,1000"`
	Lambda    float64 `json:"lambda" range:"1e-9,1e6" tune:"1e-4,1,log"` // λ
	Alpha     float64 `json:"alpha" range:"1e-6,1e6" tune:"1,100,log"`
	Nu        float64 `json:"nu" range:"0,2" tune:"0,1"` // ν
	InitScale float64 `json:"init_scale" range:"1e-6,1e3"`
	// WeightPower is the power of a pair's weight that makes its confidence.
	WeightPower float64 `json:"weight_power" range:"0,4" tune:"0,1"`
	// FeatureLambda is the ridge penalty: a feature that so many rows have is
	// believed by half.
	FeatureLambda float64 `json:"feature_lambda" range:"1e-6,1e6" tune:"0.1,100,log"`
	Patience      int     `json:"patience" range:"0,1000"`
	Seed          uint64  `json:"seed"`
}

// NewFeatureALS returns iALS with attributes as it does well on many sets.
func NewFeatureALS() *FeatureALS {
	return &FeatureALS{Factors: 64, Epochs: 10, Lambda: 0.01, Alpha: 30, Nu: 1, InitScale: 0.1, FeatureLambda: 10, Seed: 1}
}

// Kind returns "featureals".
func (*FeatureALS) Kind() string { return "featureals" }

// Validate reports every setting out of range.
func (a *FeatureALS) Validate() error { return validate(a) }

// Fit alternates. It returns a *FeatureFactors; progress is told as by IALS.
func (a *FeatureALS) Fit(ctx context.Context, data *dataset.Interactions, progress func(Progress)) (Learned, error) {
	if err := errors.Join(a.Validate(), ctx.Err()); err != nil {
		return nil, err
	}
	early, train := newStopper(data, a.Patience, a.Seed)
	plain := IALS{
		Factors: a.Factors, Lambda: a.Lambda, Alpha: a.Alpha, Nu: a.Nu, InitScale: a.InitScale,
		Weighting: "power", WeightPower: a.WeightPower, Seed: a.Seed,
	}
	fit := plain.start(train)
	fit.items.clearUnmet(a.Factors)
	fit.items.prior = newExpectation(train.ItemFeatures, fit.items.met.Rows(), a.Factors)
	fit.users.prior = newExpectation(train.UserFeatures, fit.users.met.Rows(), a.Factors)
	run := epochs{
		name: a.Kind(), count: a.Epochs, every: 1, early: early, progress: progress, remedy: moreLambda,
		epoch: func(ctx context.Context, number int) (map[string]float64, error) {
			err := a.half(ctx, fit, &fit.users, &fit.items, number)
			err = errors.Join(err, a.half(ctx, fit, &fit.items, &fit.users, number))
			return fit.loss(), err
		},
		learned: func(bool) (Learned, error) { return a.learned(fit) },
	}
	return run.run(ctx)
}

// half learns what to expect of one side from its vectors of the epoch before,
// and then solves for them.
func (a *FeatureALS) half(ctx context.Context, fit *alternation, solved, fixed *side, epoch int) error {
	if epoch > 1 {
		solved.prior.learn(solved.vectors, solved.counts(fit.objective), a.FeatureLambda)
	}
	return fit.half(ctx, solved, fixed)
}

// counts is how much each row is believed: by the factor of its penalty; a row
// without pairs, not at all.
func (s *side) counts(o objective) []float64 {
	counts := make([]float64, s.met.Rows())
	for r := range counts {
		if n := s.met.Starts[r+1] - s.met.Starts[r]; n > 0 {
			counts[r] = o.penalty(n, s.met.Width)
		}
	}
	return counts
}

// clearUnmet makes the vectors of rows without pairs zero.
func (s *side) clearUnmet(factors int) {
	for r := range s.met.Rows() {
		if s.met.Starts[r] == s.met.Starts[r+1] {
			clear(s.vectors[r*factors : (r+1)*factors])
		}
	}
	s.measure(factors)
}

// learned returns the shape for the vectors as they are; the fit may go on.
func (a *FeatureALS) learned(fit *alternation) (*FeatureFactors, error) {
	d := a.Factors
	items, users := fit.items, fit.users
	items.vectors, users.vectors = slices.Clone(items.vectors), slices.Clone(users.vectors)
	items.prior, users.prior = items.prior.clone(), users.prior.clone()
	items.gram = slices.Clone(items.gram)
	rotation, err := items.diagonalise(d)
	if err != nil {
		return nil, err
	}
	users.rotate(rotation, d)
	for _, s := range []*side{&items, &users} {
		s.prior.rotate(rotation)
		s.prior.learn(s.vectors, s.counts(fit.objective), a.FeatureLambda)
	}
	for i := range items.met.Rows() {
		if items.met.Starts[i] == items.met.Starts[i+1] {
			items.prior.mean(items.vectors[i*d:(i+1)*d], i)
		}
	}
	gram := make([]float32, d)
	for f := range gram {
		gram[f] = max(0, items.gram[f*d+f])
	}
	return newFeatureFactors(newFactors(fit.objective, d, items.vectors, gram), users.prior.weights), nil
}
