package model

import (
	"context"
	"errors"
	"io"
	"math"

	"kindred/dataset"
	"kindred/linalg"
)

// Baseline predicts a rating from how the user and the item deviate from the
// mean, and nothing else:
//
//	r(u,i) = mean + spread·(b_u + b_i)
//	minimise  Σ (z(u,i) − b_u − b_i)² + UserShrink·Σ b_u² + ItemShrink·Σ b_i²
//
// The objective is convex; users and items are solved for in turn until
// nothing moves. A shrinkage is the number of ratings from which half of a
// deviation is believed.
//
// Paper: Y. Koren, "Factor in the Neighbors: Scalable and Accurate
// Collaborative Filtering", TKDD 2010, section 2.1, by alternating least
// squares in place of gradient steps.
//
// Cost: O(ratings) a sweep, some ten to a hundred sweeps; 4 bytes an item.
type Baseline struct {
	UserShrink float64 `json:"user_shrink" range:"0,1e6" tune:"1,30,log"`
	ItemShrink float64 `json:"item_shrink" range:"0,1e6" tune:"1,30,log"`
}

// NewBaseline returns a Baseline as it does well on many sets.
func NewBaseline() *Baseline { return &Baseline{UserShrink: 5, ItemShrink: 3} }

// Kind returns "baseline".
func (*Baseline) Kind() string { return "baseline" }

// Validate reports every setting out of range.
func (a *Baseline) Validate() error { return validate(a) }

// Fit solves for the biases. It returns a *Biases.
func (a *Baseline) Fit(ctx context.Context, data *dataset.Interactions, progress func(Progress)) (Learned, error) {
	if err := errors.Join(a.Validate(), ctx.Err()); err != nil {
		return nil, err
	}
	ratings, err := standardise(a.Kind(), data)
	if err != nil {
		return nil, err
	}
	_, items := a.solve(ratings.byUser)
	if progress != nil {
		progress(Progress{Epoch: 1, Epochs: 1})
	}
	return &Biases{scale: ratings.scale, shrink: a.UserShrink, items: items}, nil
}

// solve returns the biases of users and items.
func (a *Baseline) solve(z *linalg.CSR) (users, items []float32) {
	const (
		sweeps = 200
		still  = 1e-6 // standard deviations
	)
	users, items = make([]float32, z.Rows()), make([]float32, z.Width)
	sums, counts := make([]float64, z.Width), make([]int, z.Width)
	for _, i := range z.Cols {
		counts[i]++
	}
	for range sweeps {
		clear(sums)
		for u := range users {
			cols, vals := z.Row(u)
			users[u] = userBias(items, cols, vals, a.UserShrink)
			for k, i := range cols {
				sums[i] += float64(vals[k] - users[u])
			}
		}
		moved := 0.0
		for i, sum := range sums {
			bias := shrunkMean(sum, counts[i], a.ItemShrink)
			moved = max(moved, math.Abs(float64(bias-items[i])))
			items[i] = bias
		}
		if moved < still {
			break
		}
	}
	return users, items
}

// userBias is the bias of whoever gave the items these ratings.
func userBias(biases []float32, items []int32, z []float32, shrink float64) float32 {
	sum := 0.0
	for k, i := range items {
		sum += float64(z[k] - biases[i])
	}
	return shrunkMean(sum, len(items), shrink)
}

// shrunkMean is the mean of n numbers with that sum and of shrink zeros.
func shrunkMean(sum float64, n int, shrink float64) float32 {
	if n == 0 {
		return 0
	}
	return float32(sum / (float64(n) + shrink))
}

const shapeBiases = "biases"

// Biases is the learned shape of Baseline: one number an item. A history's
// bias is solved for as in training, so a user of the training data is
// predicted as there.
type Biases struct {
	scale  ratingScale
	shrink float64   // of a user's bias
	items  []float32 // b_i
}

// Shape returns "biases".
func (*Biases) Shape() string { return shapeBiases }

// Items returns how many items there are.
func (m *Biases) Items() int { return len(m.items) }

// Score writes the predicted rating of every item.
func (m *Biases) Score(scores []float32, history dataset.History) {
	m.predict(scores, history, nil)
	m.scale.scores(scores)
}

// PredictRatings writes how whoever has this history would rate the items.
func (m *Biases) PredictRatings(ratings []float32, history dataset.History, items []int32) {
	m.predict(ratings, history, items)
	m.scale.ratings(ratings)
}

func (m *Biases) predict(z []float32, history dataset.History, items []int32) {
	user := m.user(history)
	for k := range z {
		z[k] = user + m.item(itemAt(items, k))
	}
}

func (m *Biases) user(history dataset.History) float32 {
	items, z := m.scale.knownRatings(nil, nil, history, len(m.items))
	return userBias(m.items, items, z, m.shrink)
}

// item is the bias of an item, 0 for one that is not known.
func (m *Biases) item(i int) float32 {
	if uint(i) < uint(len(m.items)) {
		return m.items[i]
	}
	return 0
}

// WriteTo writes the shape for Read.
func (m *Biases) WriteTo(w io.Writer) (int64, error) {
	e := newEncoder(w, shapeBiases)
	m.fieldsTo(e)
	return e.close()
}

func (m *Biases) fieldsTo(e *encoder) {
	m.scale.writeTo(e)
	e.f64(m.shrink)
	e.float32s(m.items)
}

func readBiases(d *decoder) *Biases {
	m := &Biases{scale: readRatingScale(d), shrink: d.f64(), items: d.float32s()}
	d.check(len(m.items) < maxItems, m.shrink >= 0, m.shrink < math.Inf(1))
	return m
}
