package model

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"

	"kindred/dataset"
	"kindred/linalg"
)

// WARP learns vectors that put what a user met near the top of the list: items
// are drawn until one, j, scores within 1 of the item i that the user met, and
// the more draws that took, the higher i stands already and the less is to be
// learned:
//
//	loss(x) = L(rank)/L(I)·max(0, 1 − x),  x = p_uᵀ(q_i − q_j)
//	L(r) = 1 + 1/2 + … + 1/r,  rank = ⌊(I−1)/draws⌋ of I items
//
// pairwise has the rest of the objective and the method.
//
// Papers: J. Weston, S. Bengio, N. Usunier, "WSABIE: Scaling Up To Large
// Vocabulary Image Annotation", IJCAI 2011; M. Kula, "Metadata Embeddings for
// User and Item Cold-start Recommendations", CBRecSys 2015, arXiv:1507.08439
// (LightFM), whose bound on the draws is Draws here.
//
// Departures: those of BPR; a penalty instead of a bound on the norms; L is
// divided by its greatest value, so that Lambda means the same for catalogues
// of any size.
type WARP struct {
	Factors   int     `json:"factors" range:"2,2048" tune:"32,256,log"`
	Epochs    int     `json:"epochs" range:"1,10000"`
	LearnRate float64 `json:"learn_rate" range:"1e-6,10" tune:"0.01,0.3,log"`
	Lambda    float64 `json:"lambda" range:"0,1e3" tune:"1e-4,0.1,log"`
	Draws     int     `json:"draws" range:"1,10000" tune:"8,128,log"` // at most, for one sample
	Batch     int     `json:"batch" range:"1,1000000"`
	InitScale float64 `json:"init_scale" range:"1e-6,1e3"` // the deviation of a first vector's norm
	// Patience is how many epochs may pass without a better ranking of held
	// out items before the best vectors are taken; 0: all epochs are run.
	Patience int    `json:"patience" range:"0,1000"`
	Seed     uint64 `json:"seed"`
}

// NewWARP returns WARP as it does well on many sets.
func NewWARP() *WARP {
	return &WARP{
		Factors: 128, Epochs: 60, LearnRate: 0.1, Lambda: 0.03, Draws: 32,
		Batch: 1024, InitScale: 0.1, Patience: 6, Seed: 1,
	}
}

// Kind returns "warp".
func (*WARP) Kind() string { return "warp" }

// Validate reports every setting out of range.
func (a *WARP) Validate() error { return validate(a) }

// Fit takes the steps. It returns a *Factors; progress gets the terms ranking
// and penalty, both for a sample.
func (a *WARP) Fit(ctx context.Context, data *dataset.Interactions, progress func(Progress)) (Learned, error) {
	if err := errors.Join(a.Validate(), ctx.Err()); err != nil {
		return nil, err
	}
	early, train := newStopper(data, checks(a.Patience), a.Seed)
	fit := newPairwise(train.ByUser, a.Factors, a.Batch, a.InitScale, a.Seed)
	fit.rate, fit.lambda = float32(a.LearnRate), float32(a.Lambda)
	draws := warpDraws{draws: a.Draws, items: train.ByUser.Width}
	return fit.run(ctx, &draws, train, epochs{name: a.Kind(), count: a.Epochs, early: early, progress: progress})
}

// warpDraws draws WARP's samples.
type warpDraws struct{ draws, items int }

func (*warpDraws) prepare(*pairwise) {}

func (d *warpDraws) draw(fit *pairwise, dice *rand.Rand, s *pairSample) (loss float64) {
	user := fit.user(s.user)
	score := linalg.Dot(user, fit.item(s.item))
	for n := 1; n <= d.draws; n++ {
		j, found := fit.unmet(s.user, func() int32 { return int32(dice.IntN(d.items)) })
		if !found {
			break
		}
		if miss := 1 - score + linalg.Dot(user, fit.item(j)); miss > 0 {
			weight := harmonic((d.items-1)/n) / harmonic(d.items-1)
			s.other, s.slope = j, float32(weight)
			return weight * float64(miss)
		}
	}
	return 0
}

// harmonic returns 1 + 1/2 + … + 1/n within a thousandth, at least 1.
func harmonic(n int) float64 {
	if n <= 1 {
		return 1
	}
	x := float64(n)
	return math.Log(x) + 0.5772156649 + 1/(2*x) - 1/(12*x*x)
}
