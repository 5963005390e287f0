package model

import (
	"context"
	"errors"
	"math"

	"kindred/dataset"
	"kindred/linalg"
)

// RatingKNN predicts how a rating deviates from the baseline by how the same
// user's ratings of similar items do, or those of the same item by similar
// users:
//
//	r(u,i)  = mean + spread·(b_u + b_i + Σ_j s_ij·e(u,j) / (Damping + Σ_j s_ij))
//	e(u,j)  = z(u,j) − b_u − b_j
//	s_ij    = ρ_ij^Power · (n_ij − 1) / (n_ij − 1 + Shrink)
//	ρ_ij    = Σ e(u,i)·e(u,j) / √(Σ e(u,i)²·Σ e(u,j)²)  over the n_ij users of both
//
// summed over the Neighbours items j most like i, of those that u rated and
// that have a similarity above zero; with By "users", users take the place of
// items throughout. The baseline is that of Baseline.
//
// Paper: Y. Koren, "Factor in the Neighbors: Scalable and Accurate
// Collaborative Filtering", TKDD 2010, sections 2.1 and 2.2.
//
// Departures: Power makes near neighbours count more, Damping lets few of them
// say less; an item keeps only the Kept items most like it.
//
// Cost by items: Σ_u n_u² steps; 8 bytes a kept neighbour. By users: none to
// fit, a user's similarities are found when asked for, in the ratings of all
// items that the history rated; 8 bytes a rating. By users the model holds
// what the users of the training data rated, without their names: erasing a
// user takes a new training.
type RatingKNN struct {
	By         string  `json:"by" oneof:"items users"`
	Neighbours int     `json:"neighbours" range:"1,10000" tune:"10,100,log"`
	Kept       int     `json:"kept" range:"1,100000"`
	Shrink     float64 `json:"shrink" range:"0,1e6" tune:"10,300,log"`
	Power      float64 `json:"power" range:"0.1,10" tune:"1,3"`
	Damping    float64 `json:"damping" range:"0,1e3"`
	UserShrink float64 `json:"user_shrink" range:"0,1e6"` // of the baseline
	ItemShrink float64 `json:"item_shrink" range:"0,1e6"`
}

// NewRatingKNN returns a RatingKNN as it does well on many sets.
func NewRatingKNN() *RatingKNN {
	b := NewBaseline()
	return &RatingKNN{
		By: "items", Neighbours: 40, Kept: 1000, Shrink: 50, Power: 1.5, Damping: 0.1,
		UserShrink: b.UserShrink, ItemShrink: b.ItemShrink,
	}
}

// Kind returns "ratingknn".
func (*RatingKNN) Kind() string { return "ratingknn" }

// Validate reports every setting out of range.
func (a *RatingKNN) Validate() error { return validate(a) }

// Fit finds the neighbours. It returns a *RatingNeighbours or, by users, a
// *RatingPeople.
func (a *RatingKNN) Fit(ctx context.Context, data *dataset.Interactions, progress func(Progress)) (Learned, error) {
	if err := errors.Join(a.Validate(), ctx.Err()); err != nil {
		return nil, err
	}
	ratings, err := standardise(a.Kind(), data)
	if err != nil {
		return nil, err
	}
	users, items := (&Baseline{UserShrink: a.UserShrink, ItemShrink: a.ItemShrink}).solve(ratings.byUser)
	residuals := *ratings.byUser
	residuals.Vals = make([]float32, residuals.NNZ())
	for u := range residuals.Rows() {
		for k := residuals.Starts[u]; k < residuals.Starts[u+1]; k++ {
			residuals.Vals[k] = ratings.byUser.Vals[k] - users[u] - items[residuals.Cols[k]]
		}
	}
	biases := &Biases{scale: ratings.scale, shrink: a.UserShrink, items: items}
	if progress == nil {
		progress = func(Progress) {}
	}
	if a.By == "users" {
		progress(Progress{Epoch: 1, Epochs: 1})
		return &RatingPeople{
			biases: biases, similarity: a.similarity(), most: a.Neighbours, damping: a.Damping,
			users: residuals.Rows(), residuals: residuals.Transpose(),
		}, nil
	}
	rows := make([][]linalg.Scored, residuals.Width)
	err = eachCommon(ctx, &residuals, func(i int, met []common) {
		scores := make([]float32, len(met))
		for k := range met {
			scores[k] = a.similarity().of(&met[k])
		}
		for _, best := range linalg.TopK(nil, scores, a.Kept) {
			if best.Score > 0 {
				rows[i] = append(rows[i], linalg.Scored{Index: met[best.Index].item, Score: best.Score})
			}
		}
	})
	if err != nil {
		return nil, err
	}
	progress(Progress{Epoch: 1, Epochs: 1})
	return &RatingNeighbours{biases: biases, most: a.Neighbours, damping: a.Damping, neighbours: compress(rows)}, nil
}

func (a *RatingKNN) similarity() shrunkPearson { return shrunkPearson{a.Shrink, a.Power} }

// shrunkPearson is the correlation around the baseline, shrunk where it stands on
// few, and sharpened.
type shrunkPearson struct{ shrink, power float64 }

// of returns the similarity, 0 if it is not above zero.
func (p shrunkPearson) of(c *common) float32 {
	norm := math.Sqrt(c.own * c.other)
	if !(c.product > 0) || !(norm > 0) || c.users < 2 {
		return 0
	}
	n := float64(c.users - 1)
	return float32(math.Pow(c.product/norm, p.power) * n / (n + p.shrink))
}
