package model

import (
	"context"
	"errors"
	"math"
	"slices"

	"kindred/dataset"
	"kindred/linalg"
)

// Covisit counts for each item what came after it, and before it, in
// everyone's sequence of events, up to Window steps away:
//
//	C(i, j) = Σ over pairs of steps, p at i and q at j
//	          direction · |q−p|^−Distance · 2^(−gap/GapHalfLife) · 2^(−age/EventHalfLife)
//	          · (w_p·w_q)^WeightPower / n^HeavyUsers
//	S(i, j) = C(i, j)·C(i, j)/(C(i, j)+Shrink) / k_j^PopularityDiscount
//
// direction is Forward where q comes after p and Backward where it comes
// before; gap is the time between the two; age that of the later one, against
// the newest event of the data; n how many steps the user took, k_j how often
// item j was met. Those kept for an item are divided by their sum to the power
// Normalise. A score is the sum of S over the newest MaxSteps steps of the
// history, the k-th newest counting k^−Recency, and by age.
//
// Window 1, Forward 1, Backward 0, Normalise 1 and MaxSteps 1 make a Markov
// chain of first order. Where events have no sequence, the order of ByUser
// stands for it. Steps at the same moment stand in the order of the data.
//
// The idea is that of G. Linden, B. Smith, J. York, "Amazon.com
// Recommendations: Item-to-Item Collaborative Filtering", IEEE Internet
// Computing 2003, and of the sequential rules of M. Ludewig, D. Jannach,
// "Evaluation of Session-based Recommendation Algorithms", UMUAI 2018,
// arXiv:1803.09587, which decay by distance; ages and gaps are our addition.
//
// Cost: events·Window steps, twice with both directions; 16 bytes an event
// while fitting, 8 bytes a neighbour.
type Covisit struct {
	Neighbours  int     `json:"neighbours" range:"1,10000" tune:"20,500,log"`
	Window      int     `json:"window" range:"1,1000" tune:"1,50,log"`
	Distance    float64 `json:"distance" range:"0,10" tune:"0,2"`
	Forward     float64 `json:"forward" range:"0,1"`
	Backward    float64 `json:"backward" range:"0,1" tune:"0,1"`
	Within      string  `json:"within" oneof:"history basket"` // pairs of one basket only, or of the whole history
	Repeats     string  `json:"repeats" oneof:"drop keep"`     // whether an item may follow itself
	WeightPower float64 `json:"weight_power" range:"0,4" tune:"0,1"`
	HeavyUsers  float64 `json:"heavy_users" range:"0,4" tune:"0,1"`
	Shrink      float64 `json:"shrink" range:"0,1e9" tune:"0.1,100,log"`

	GapHalfLifeHours   float64 `json:"gap_half_life_hours" range:"0,876600" tune:"1,1000,log"` // 0: no matter
	EventHalfLifeDays  float64 `json:"event_half_life_days" range:"0,36525" tune:"1,365,log"`  // 0: no matter
	PopularityDiscount float64 `json:"popularity_discount" range:"0,2" tune:"0,1"`
	Normalise          float64 `json:"normalise" range:"0,2" tune:"0,1"`

	MaxSteps     int     `json:"max_steps" range:"0,1000000"` // 0: all
	Recency      float64 `json:"recency" range:"0,10" tune:"0,2"`
	HalfLifeDays float64 `json:"half_life_days" range:"0,36525" tune:"1,365,log"` // 0: no matter
}

// NewCovisit returns co-visitation as it does well on many sets.
func NewCovisit() *Covisit {
	return &Covisit{
		Neighbours: 200, Window: 20, Distance: 0.7, Forward: 1, Backward: 0.4, Within: "history", Repeats: "drop",
		Shrink: 0.5, PopularityDiscount: 0.2, Normalise: 0.5, Recency: 1,
	}
}

// Kind returns "covisit".
func (*Covisit) Kind() string { return "covisit" }

// Validate reports every setting out of range.
func (a *Covisit) Validate() error {
	err := validate(a)
	if a.Forward == 0 && a.Backward == 0 {
		err = errors.Join(err, errors.New("forward and backward are both 0 (one must be more)"))
	}
	return err
}

// Fit counts. It returns an *ItemItem.
func (a *Covisit) Fit(ctx context.Context, data *dataset.Interactions, progress func(Progress)) (Learned, error) {
	if err := errors.Join(a.Validate(), ctx.Err()); err != nil {
		return nil, err
	}
	visits := a.visits(data)
	discounts := discounts(visits.places, a.PopularityDiscount)
	shrink := float32(a.Shrink)
	find := search{
		items: data.ByUser.Width, keep: a.Neighbours, normalise: a.Normalise, reflexive: a.Repeats == "keep",
		gather: visits.gather,
		score: func(_ int32, others []int32, sums []float32) {
			for n, c := range sums {
				sums[n] = c * (c / (c + shrink))
			}
			discount(others, sums, discounts)
		},
	}
	neighbours, err := find.run(ctx)
	if err != nil {
		return nil, err
	}
	if progress != nil {
		progress(Progress{Epoch: 1, Epochs: 1})
	}
	return &ItemItem{
		neighbours: neighbours, recency: a.Recency, halfLifeDays: a.HalfLifeDays,
		reads: readsSteps, maxSteps: a.MaxSteps,
	}, nil
}

// visits are all steps of everyone.
type visits struct {
	*Covisit
	*dataset.Sequences
	users    []int32     // by step
	places   *linalg.CSR // items×steps: where each item was met
	values   []float32   // by step: w^WeightPower
	ages     []float32   // by step: what it counts for by age and user
	distance []float32   // by steps apart
}

// sequences returns the data's sequences, or ByUser as if it were some.
func sequences(data *dataset.Interactions) *dataset.Sequences {
	if data.Sequences != nil {
		return data.Sequences
	}
	return &dataset.Sequences{Starts: data.ByUser.Starts, Items: data.ByUser.Cols, Times: data.Times, Weights: data.ByUser.Vals}
}

func (a *Covisit) visits(data *dataset.Interactions) *visits {
	v := &visits{Covisit: a, Sequences: sequences(data), distance: make([]float32, a.Window+1)}
	for d := range v.distance[1:] {
		v.distance[d+1] = float32(math.Pow(float64(d+1), -a.Distance))
	}
	var newest int64
	if len(v.Times) > 0 {
		newest = slices.Max(v.Times)
	}
	v.users, v.values, v.ages = make([]int32, len(v.Items)), make([]float32, len(v.Items)), make([]float32, len(v.Items))
	for u := range len(v.Starts) - 1 {
		lo, hi := v.Starts[u], v.Starts[u+1]
		light := math.Pow(float64(max(1, hi-lo)), -a.HeavyUsers)
		for p := lo; p < hi; p++ {
			v.users[p] = int32(u)
			v.values[p] = float32(max(math.Pow(float64(v.Weights[p]), a.WeightPower), leastWeight))
			counts := light
			if v.Times != nil && a.EventHalfLifeDays > 0 {
				counts *= math.Exp2(-float64(newest-v.Times[p]) / (secondsADay * a.EventHalfLifeDays))
			}
			v.ages[p] = float32(max(counts, leastWeight))
		}
	}
	steps := &linalg.CSR{Starts: make([]int, len(v.Items)+1), Cols: v.Items, Vals: v.values, Width: data.ByUser.Width}
	for p := range steps.Starts {
		steps.Starts[p] = p
	}
	v.places = steps.Transpose()
	return v
}

// gather goes to every place of an item and looks around.
func (v *visits) gather(sums *accumulator, item int32) {
	places, _ := v.places.Row(int(item))
	for _, place := range places {
		p, u := int(place), v.users[place]
		if v.Forward > 0 {
			last := min(p+v.Window, v.Starts[u+1]-1)
			for q := p + 1; q <= last && v.together(p, q); q++ {
				sums.AddOne(v.Items[q], v.pair(v.Forward, p, q))
			}
		}
		if v.Backward > 0 {
			first := max(p-v.Window, v.Starts[u])
			for q := p - 1; q >= first && v.together(q, p); q-- {
				sums.AddOne(v.Items[q], v.pair(v.Backward, q, p))
			}
		}
	}
}

// together says whether two steps of a user may be paired.
func (v *visits) together(p, q int) bool {
	return v.Within == "history" || v.Baskets == nil || v.Baskets[p] == v.Baskets[q]
}

// pair is what step p and the later step q count for together.
func (v *visits) pair(direction float64, p, q int) float32 {
	weight := float32(direction) * v.distance[q-p] * v.values[p] * v.values[q] * v.ages[q]
	if v.GapHalfLifeHours > 0 && v.Times != nil {
		weight *= float32(math.Exp2(-float64(v.Times[q]-v.Times[p]) / (3600 * v.GapHalfLifeHours)))
	}
	return weight
}
