package model

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"

	"kindred/dataset"
	"kindred/linalg"
)

// BPR learns vectors that rank what a user met above what the user did not:
//
//	loss(x) = −ln σ(x),  x = p_uᵀ(q_i − q_j)
//
// for a pair (u, i) that met and an item j drawn for it; pairwise has the
// whole objective and the method. Negatives says how j is drawn:
//
//	uniform   evenly
//	popular   as often as it was met
//	hard      the best scored of Candidates drawn evenly
//	adaptive  high in the order of one of the user's factors, which is drawn
//	          by its weight for the user; the place is geometric, of mean Depth
//
// Papers: S. Rendle, C. Freudenthaler, Z. Gantner, L. Schmidt-Thieme, "BPR:
// Bayesian Personalized Ranking from Implicit Feedback", UAI 2009,
// arXiv:1205.2618; hard: W. Zhang, T. Chen, J. Wang, Y. Yu, "Optimizing Top-N
// Collaborative Filtering via Dynamic Negative Item Sampling", SIGIR 2013;
// adaptive: S. Rendle, C. Freudenthaler, "Improving Pairwise Learning for Item
// Recommendation from Implicit Feedback", WSDM 2014.
//
// Departures: mini-batches and AdaGrad instead of single steps of one rate;
// users are folded in from their history (see encoded), not kept; the order
// of items by factor is renewed once an epoch.
type BPR struct {
	Factors    int     `json:"factors" range:"2,2048" tune:"32,256,log"`
	Epochs     int     `json:"epochs" range:"1,10000"`
	LearnRate  float64 `json:"learn_rate" range:"1e-6,10" tune:"0.01,0.3,log"`
	Lambda     float64 `json:"lambda" range:"0,1e3" tune:"1e-4,0.1,log"`
	Negatives  string  `json:"negatives" oneof:"uniform popular hard adaptive"`
	Candidates int     `json:"candidates" range:"1,1000" tune:"2,32,log"` // of hard
	Depth      float64 `json:"depth" range:"1,1e6"`                       // of adaptive, in items
	Batch      int     `json:"batch" range:"1,1000000"`
	InitScale  float64 `json:"init_scale" range:"1e-6,1e3"` // the deviation of a first vector's norm
	// Patience is how many epochs may pass without a better ranking of held
	// out items before the best vectors are taken; 0: all epochs are run.
	Patience int    `json:"patience" range:"0,1000"`
	Seed     uint64 `json:"seed"`
}

// NewBPR returns BPR as it does well on many sets.
func NewBPR() *BPR {
	return &BPR{
		Factors: 128, Epochs: 60, LearnRate: 0.15, Lambda: 0.02, Negatives: "hard", Candidates: 12, Depth: 500,
		Batch: 1024, InitScale: 0.1, Patience: 6, Seed: 1,
	}
}

// Kind returns "bpr".
func (*BPR) Kind() string { return "bpr" }

// Validate reports every setting out of range.
func (a *BPR) Validate() error { return validate(a) }

// Fit takes the steps. It returns a *Factors; progress gets the terms ranking
// and penalty, both for a sample.
func (a *BPR) Fit(ctx context.Context, data *dataset.Interactions, progress func(Progress)) (Learned, error) {
	if err := errors.Join(a.Validate(), ctx.Err()); err != nil {
		return nil, err
	}
	early, train := newStopper(data, checks(a.Patience), a.Seed)
	fit := newPairwise(train.ByUser, a.Factors, a.Batch, a.InitScale, a.Seed)
	fit.rate, fit.lambda = float32(a.LearnRate), float32(a.Lambda)
	draws := bprDraws{BPR: a, popular: train.ByUser.Cols}
	return fit.run(ctx, &draws, train, epochs{name: a.Kind(), count: a.Epochs, early: early, progress: progress})
}

// bprDraws draws BPR's samples.
type bprDraws struct {
	*BPR
	popular []int32 // the items of all pairs
	orders  factorOrders
}

func (d *bprDraws) prepare(fit *pairwise) {
	if d.Negatives == "adaptive" {
		d.orders.renew(fit)
	}
}

func (d *bprDraws) draw(fit *pairwise, dice *rand.Rand, s *pairSample) (loss float64) {
	user := fit.user(s.user)
	candidates := 1
	if d.Negatives == "hard" {
		candidates = d.Candidates
	}
	best := float32(math.Inf(-1))
	for range candidates {
		j, found := fit.unmet(s.user, func() int32 { return d.item(fit, dice, user) })
		if !found {
			break
		}
		if score := linalg.Dot(user, fit.item(j)); score > best {
			s.other, best = j, score
		}
	}
	if s.other < 0 {
		return 0
	}
	x := float64(linalg.Dot(user, fit.item(s.item)) - best)
	s.slope = float32(1 / (1 + math.Exp(x)))
	return math.Log1p(math.Exp(-math.Abs(x))) + max(0, -x)
}

// item draws one item, met or not.
func (d *bprDraws) item(fit *pairwise, dice *rand.Rand, user []float32) int32 {
	switch d.Negatives {
	case "popular":
		return d.popular[dice.IntN(len(d.popular))]
	case "adaptive":
		return d.orders.item(dice, user, d.Depth)
	default:
		return int32(dice.IntN(len(fit.itemSums)))
	}
}

// factorOrders are the items by each factor, highest first.
type factorOrders struct {
	spread []float32 // by factor: the deviation of the items' values
	items  [][]int32 // by factor
}

// renew sorts. Cost: O(d·items log items).
func (o *factorOrders) renew(fit *pairwise) {
	d, n := fit.factors, len(fit.itemSums)
	o.spread, o.items = sized(o.spread, d), sized(o.items, d)
	linalg.Parallel(workers(), d, func(_, lo, hi int) {
		column := make([]linalg.Scored, n)
		for f := lo; f < hi; f++ {
			var sum, squares float64
			for i := range n {
				x := fit.items[i*d+f]
				column[i] = linalg.Scored{Index: int32(i), Score: x}
				sum += float64(x)
				squares += float64(x) * float64(x)
			}
			mean := sum / float64(n)
			o.spread[f] = float32(math.Sqrt(max(0, squares/float64(n)-mean*mean)))
			o.items[f] = sized(o.items[f], n)
			for place, s := range linalg.Best(column, n) {
				o.items[f][place] = s.Index
			}
		}
	})
}

// item draws a factor f by |p_f|·spread_f, and from the end of its order that
// scores high for the user an item at a geometric place.
func (o *factorOrders) item(dice *rand.Rand, user []float32, depth float64) int32 {
	var total float32
	for f, x := range user {
		total += max(x, -x) * o.spread[f]
	}
	left, f := dice.Float32()*total, 0
	for ; f < len(user)-1; f++ {
		if left -= max(user[f], -user[f]) * o.spread[f]; left < 0 {
			break
		}
	}
	order := o.items[f]
	place := int(dice.ExpFloat64()*depth) % len(order)
	if user[f] < 0 {
		place = len(order) - 1 - place
	}
	return order[place]
}
