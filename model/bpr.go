package model

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"

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
// With PopularityPower γ above 0 the popularity of an item is made to explain
// why it was met, so that the vectors need not:
//
//	x = e(p_uᵀq_i)·m_i^γ − e(p_uᵀq_j)·m_j^γ,  e(f) = f + 1 above 0, exp(f) below
//
// m being the users who met the item, relative to the item most met. Items are
// then ranked by p_uᵀq alone: as if all were equally popular. It is best with
// uniform Negatives, as in its paper, and Patience 0: early stopping judges by
// what was met, popular items.
//
// Papers: S. Rendle, C. Freudenthaler, Z. Gantner, L. Schmidt-Thieme, "BPR:
// Bayesian Personalized Ranking from Implicit Feedback", UAI 2009,
// arXiv:1205.2618; hard: W. Zhang, T. Chen, J. Wang, Y. Yu, "Optimizing Top-N
// Collaborative Filtering via Dynamic Negative Item Sampling", SIGIR 2013;
// adaptive: S. Rendle, C. Freudenthaler, "Improving Pairwise Learning for Item
// Recommendation from Implicit Feedback", WSDM 2014; popularity: Y. Zhang, F.
// Feng, X. He, T. Wei, C. Song, G. Ling, Y. Zhang, "Causal Intervention for
// Leveraging Popularity Bias in Recommendation", SIGIR 2021, arXiv:2105.06067.
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
	// PopularityPower is γ, how much of what was met popularity explains; 0:
	// nothing.
	PopularityPower float64 `json:"popularity_power" range:"0,2"`
	Batch           int     `json:"batch" range:"1,1000000"`
	InitScale       float64 `json:"init_scale" range:"1e-6,1e3"` // the deviation of a first vector's norm
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
	if a.PopularityPower > 0 {
		draws.explained = explained(train.ItemUsers(), a.PopularityPower)
	}
	return fit.run(ctx, &draws, train, epochs{name: a.Kind(), count: a.Epochs, early: early, progress: progress})
}

// bprDraws draws BPR's samples.
type bprDraws struct {
	*BPR
	popular   []int32   // the items of all pairs
	explained []float32 // by item: m^γ; nil: popularity explains nothing
	orders    factorOrders
}

// explained returns m^γ of every item; one that nobody met counts as met once.
func explained(users []int32, power float64) []float32 {
	if len(users) == 0 {
		return nil
	}
	most := slices.Max(users)
	all := make([]float32, len(users))
	for i, n := range users {
		all[i] = float32(dataset.PopularityPropensity(n, most, power))
	}
	return all
}

// score returns what x is made of at p_uᵀq = f, and how it moves with f.
func (d *bprDraws) score(item int32, f float32) (score, rate float32) {
	switch {
	case d.explained == nil:
		return f, 1
	case f > 0:
		return (f + 1) * d.explained[item], d.explained[item]
	default:
		score = float32(math.Exp(float64(f))) * d.explained[item]
		return score, score
	}
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
	var room [32]int32 // all are asked for before the first is looked at
	drawn := room[:0]
	for range candidates {
		j := d.item(fit, dice, user)
		linalg.Prefetch(fit.item(j))
		drawn = append(drawn, j)
	}
	for _, j := range drawn {
		product := linalg.Dot(user, fit.item(j))
		if product > best && fit.met(s.user, j) { // few of the others need be looked up
			var found bool
			if j, found = fit.unmet(s.user, func() int32 { return d.item(fit, dice, user) }); !found {
				break
			}
			product = linalg.Dot(user, fit.item(j))
		}
		if product > best {
			s.other, best = j, product
		}
	}
	if s.other < 0 {
		return 0
	}
	score, itemRate := d.score(s.item, linalg.Dot(user, fit.item(s.item)))
	other, otherRate := d.score(s.other, best)
	s.itemRate, s.otherRate = itemRate, otherRate
	x := float64(score - other)
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
