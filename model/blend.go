package model

import (
	"context"
	"errors"
	"runtime"
	"slices"

	"kindred/dataset"
	"kindred/eval"
	"kindred/linalg"
)

// Blend adds up what several models say, scaled history by history, with
// weights that rehearsal has shown to rank best:
//
//	score(history, item) = Σ_m weight_m(length of history)·scaled score_m(history, item)
//
// The weights are not negative and sum to 1. They maximise the NDCG of held
// out items among those that any of the models proposes, by coordinate search
// from equal weights and from the best model alone. Histories of different
// lengths get weights of their own where these do better by more than twice
// the standard error of the difference. Then the models that weigh anything
// are fitted again on everything.
//
// Papers: the linear combination of rankers tuned by coordinate ascent on the
// measure itself is D. Metzler, W. Croft, "Linear feature-based models for
// information retrieval", Information Retrieval 10, 2007; feature weights by
// support as in J. Sill et al., "Feature-Weighted Linear Stacking",
// arXiv:0911.0460, 2009, here in steps.
//
// Cost: twice the sum of the models' (once where a model turns out useless),
// and for the search some 100 passes over 3000 shortlists.
type Blend struct {
	Models  []Component `json:"models" range:"1,16"`
	Scaling string      `json:"scaling" oneof:"auto range deviation rank"` // auto: what ranks best
	Buckets int         `json:"buckets" range:"1,10"`                      // of history lengths, equally many users in each
	Rehearsal
}

// NewBlend returns a blend of the usual components.
func NewBlend() *Blend {
	return &Blend{Models: usual(), Scaling: "auto", Buckets: 3, Rehearsal: usualRehearsal()}
}

// Kind returns "blend".
func (*Blend) Kind() string { return "blend" }

// Validate reports every setting out of range, those of the models included.
func (a *Blend) Validate() error {
	_, err := algorithmsOf(a.Models)
	return errors.Join(validate(a), a.check(), err)
}

// Fit fits the models and learns their weights. It returns a *Mixture.
func (a *Blend) Fit(ctx context.Context, data *dataset.Interactions, progress func(Progress)) (Learned, error) {
	algorithms, err := algorithmsOf(a.Models)
	if err := errors.Join(validate(a), a.check(), err, ctx.Err()); err != nil {
		return nil, err
	}
	t := &teller{steps: 2*len(algorithms) + 1, progress: progress}
	_, cases, lists, err := a.hold(ctx, algorithms, data, t)
	if err != nil {
		return nil, err
	}
	b := a.search(lists, cases, len(algorithms))
	t.step()
	return a.refit(ctx, algorithms, b, data, t)
}

// refit fits the models that weigh anything on all data.
func (a *Blend) refit(ctx context.Context, algorithms []Algorithm, b *balance, data *dataset.Interactions, t *teller) (Learned, error) {
	many := len(algorithms)
	var used []Algorithm
	var columns []int
	for c := range algorithms {
		for k := c; k < len(b.weights); k += many {
			if b.weights[k] > 0 {
				used, columns = append(used, algorithms[c]), append(columns, c)
				break
			}
		}
	}
	learned, err := fitAll(ctx, used, data, t)
	if err != nil {
		return nil, err
	}
	for t.done < t.steps {
		t.step()
	}
	var weights []float32
	for row := range slices.Chunk(b.weights, many) {
		for _, c := range columns {
			weights = append(weights, row[c])
		}
	}
	return newMixture(learned, data, b.scale, b.bounds, weights), nil
}

// balance is what the search finds: weights for each bucket of histories.
type balance struct {
	scale   scoreScale
	bounds  []int32
	weights []float32 // (bounds+1)×components
}

// search finds scaling and weights, and weights of single buckets.
func (a *Blend) search(lists []shortlist, cases []dataset.Case, many int) *balance {
	scales := map[string][]scoreScale{
		"auto": {byRange, byDeviation, byRank}, "range": {byRange}, "deviation": {byDeviation}, "rank": {byRank},
	}[a.Scaling]
	best, weights, ndcg := byRange, []float32(nil), -1.
	for _, scale := range scales {
		found, value := newWeighing(lists, scale, many).best()
		if value > ndcg {
			best, weights, ndcg = scale, found, value
		}
	}
	b := &balance{scale: best, bounds: terciles(cases, a.Buckets)}
	for bucket := range len(b.bounds) + 1 {
		var mine []shortlist
		for n := range cases {
			at, _ := slices.BinarySearch(b.bounds, int32(len(cases[n].History.Items)))
			if at == bucket {
				mine = append(mine, lists[n])
			}
		}
		w := newWeighing(mine, best, many)
		own, _ := w.climb(weights)
		gain := eval.Paired(w.each(own), w.each(weights))
		if !(gain.Mean > 2*gain.StdErr) {
			own = weights
		}
		b.weights = append(b.weights, own...)
	}
	return b
}

// terciles returns the lengths of history, ascending and distinct, that cut the
// cases into so many equal buckets.
func terciles(cases []dataset.Case, buckets int) []int32 {
	lengths := make([]int32, len(cases))
	for n := range cases {
		lengths[n] = int32(len(cases[n].History.Items))
	}
	slices.Sort(lengths)
	var bounds []int32
	for k := 1; k < buckets && len(lengths) > 0; k++ {
		bounds = append(bounds, lengths[len(lengths)*k/buckets])
	}
	bounds = slices.Compact(bounds)
	if n := len(bounds); n > 0 && bounds[n-1] == lengths[len(lengths)-1] {
		bounds = bounds[:n-1] // nobody is beyond
	}
	return bounds
}

// weighing judges weights on shortlists under one scaling.
type weighing struct {
	lists []shortlist
	scale scoreScale
	many  int // components
	ndcg  []float64
}

func newWeighing(lists []shortlist, scale scoreScale, many int) *weighing {
	return &weighing{lists: lists, scale: scale, many: many, ndcg: make([]float64, len(lists))}
}

// each returns the NDCG of every list; the next call of mean overwrites none
// of it.
func (w *weighing) each(weights []float32) []float64 {
	w.mean(weights)
	return slices.Clone(w.ndcg)
}

// mean returns the mean NDCG under the weights.
func (w *weighing) mean(weights []float32) float64 {
	workers := runtime.GOMAXPROCS(0)
	scratch := make([][]float32, workers)
	linalg.Parallel(workers, len(w.lists), func(worker, lo, hi int) {
		for n := lo; n < hi; n++ {
			l := &w.lists[n]
			if len(l.relevant) == 0 {
				w.ndcg[n] = 0
				continue
			}
			sums := sized(scratch[worker], len(l.items))
			scratch[worker] = sums
			for at := range sums {
				sums[at] = linalg.Dot(weights, l.scores[w.scale][at*w.many:(at+1)*w.many])
			}
			w.ndcg[n] = l.ndcg(sums)
		}
	})
	sum := 0.
	for _, x := range w.ndcg {
		sum += x
	}
	return sum / float64(max(1, len(w.ndcg)))
}

// best climbs from equal weights and from the best single component.
func (w *weighing) best() (weights []float32, ndcg float64) {
	single, value := make([]float32, w.many), -1.
	for c := range w.many {
		alone := make([]float32, w.many)
		alone[c] = 1
		if x := w.mean(alone); x > value {
			single, value = alone, x
		}
	}
	weights, ndcg = w.climb(slices.Repeat([]float32{1 / float32(w.many)}, w.many))
	if other, x := w.climb(single); x > ndcg {
		return other, x
	}
	return weights, ndcg
}

// leastGain is what a step must gain to be taken: less is rounding.
const leastGain = 1e-7

// climb changes one weight at a time, by ever smaller factors, as long as the
// mean NDCG rises. A weight of 0 is tried at a share of the largest.
func (w *weighing) climb(from []float32) (weights []float32, ndcg float64) {
	weights = slices.Clone(from)
	ndcg = w.mean(weights)
	for _, factor := range [...]float32{4, 2, 1.4, 1.15} {
		for rose := true; rose; {
			rose = false
			for c := range weights {
				before := weights[c]
				tries := [...]float32{before * factor, before / factor, 0}
				if before == 0 {
					tries = [...]float32{slices.Max(weights) / factor, slices.Max(weights) / factor / 4, 0}
				}
				for _, x := range tries {
					last := weights[c]
					weights[c] = x
					if value := w.mean(weights); value > ndcg+leastGain && slices.Max(weights) > 0 {
						ndcg, rose = value, true
					} else {
						weights[c] = last
					}
				}
			}
		}
	}
	sum := float32(0)
	for _, x := range weights {
		sum += x
	}
	for c := range weights {
		weights[c] /= sum
	}
	return weights, ndcg
}
