package model

import (
	"context"
	"errors"
	"math"

	"kindred/dataset"
	"kindred/linalg"
)

// RP3Beta walks at random from an item to a user who met it, to an item that
// user met, and weighs an item by how likely the walk ends there, discounted
// by how popular it is:
//
//	P(i, j) = Σ_u (w(u,i)/n_i)^Alpha · (w(u,j)/n_u)^Alpha / k_j^Beta
//
// w is weight^WeightPower, n_i and n_u are its sums over the item's users and
// the user's items, k_j counts the users of item j. Beta 0 is P3alpha. A score
// is the history's sum of P, the step from the user to the history's items
// being left to the history's weights and age.
//
// Papers: C. Cooper, S. H. Lee, T. Radzik, Y. Siantos, "Random Walks in
// Recommender Systems: Exact Computation and Simulations", WWW 2014 (P3alpha);
// B. Paudel, F. Christoffel, C. Newell, A. Bernstein, "Updatable, Accurate,
// Diverse, and Scalable Recommendations for Interactive Applications", TiiS
// 2016 (RP3beta). The walk is computed exactly, not sampled; only the
// Neighbours likeliest ends of an item are kept.
//
// Cost and memory: those of ItemKNN.
type RP3Beta struct {
	Neighbours  int     `json:"neighbours" range:"1,10000" tune:"20,500,log"`
	Alpha       float64 `json:"alpha" range:"0,4" tune:"0.2,1.5"`
	Beta        float64 `json:"beta" range:"0,4" tune:"0,1"`
	WeightPower float64 `json:"weight_power" range:"0,4" tune:"0,1"` // 0: every pair counts 1
	MaxHistory  int     `json:"max_history" range:"0,1073741824"`
	Normalise   float64 `json:"normalise" range:"0,2" tune:"0,1"` // as ItemKNN's
	// Recency and HalfLifeDays age the history, as ItemKNN's.
	Recency      float64 `json:"recency" range:"0,10" tune:"0,2"`
	HalfLifeDays float64 `json:"half_life_days" range:"0,36525" tune:"1,365,log"`
}

// NewRP3Beta returns RP3beta as it does well on many sets.
func NewRP3Beta() *RP3Beta {
	return &RP3Beta{Neighbours: 200, Alpha: 0.8, Beta: 0.3, MaxHistory: 5000}
}

// Kind returns "rp3beta".
func (*RP3Beta) Kind() string { return "rp3beta" }

// Validate reports every setting out of range.
func (a *RP3Beta) Validate() error { return validate(a) }

// Fit computes the walks. It returns an *ItemItem.
func (a *RP3Beta) Fit(ctx context.Context, data *dataset.Interactions, progress func(Progress)) (Learned, error) {
	if err := errors.Join(a.Validate(), ctx.Err()); err != nil {
		return nil, err
	}
	met := newest(data.ByUser, a.MaxHistory)
	byUser := a.transitions(met)
	byItem := a.transitions(met.Transpose())
	discounts, constants := discounts(byItem, a.Beta), byUser.Constants()
	find := search{
		items: byUser.Width, keep: a.Neighbours, normalise: a.Normalise,
		gather: func(sums *accumulator, item int32) { sums.AddProduct(byItem, byUser, constants, int(item)) },
		score:  func(_ int32, others []int32, sums []float32) { discount(others, sums, discounts) },
	}
	neighbours, err := find.run(ctx)
	if err != nil {
		return nil, err
	}
	if progress != nil {
		progress(Progress{Epoch: 1, Epochs: 1})
	}
	return &ItemItem{neighbours: neighbours, recency: a.Recency, halfLifeDays: a.HalfLifeDays, weightPower: a.WeightPower}, nil
}

// transitions returns (w/Σw)^Alpha for the entries of each row.
func (a *RP3Beta) transitions(m *linalg.CSR) *linalg.CSR {
	t := &linalg.CSR{Starts: m.Starts, Cols: m.Cols, Vals: make([]float32, len(m.Vals)), Width: m.Width}
	for r := range m.Rows() {
		_, vals := m.Row(r)
		_, out := t.Row(r)
		sum := 0.0
		for _, v := range vals {
			sum += math.Pow(float64(v), a.WeightPower)
		}
		for k, v := range vals {
			out[k] = float32(max(math.Pow(math.Pow(float64(v), a.WeightPower)/sum, a.Alpha), leastWeight))
		}
	}
	return t
}
