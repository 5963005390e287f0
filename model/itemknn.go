package model

import (
	"context"
	"errors"

	"kindred/dataset"
)

// ItemKNN finds for each item the Neighbours items that the same users met,
// by the similarity of the items' columns of
//
//	x(u,i) = weight(u,i)^WeightPower / n_u^(HeavyUsers/2)
//
// (see cosine and the others). n_u is how many items user u met: with
// HeavyUsers above 0 a pair of items means less from someone who met
// everything. Shrink, in users, distrusts similarities with little support. A
// similarity with item j, met by n_j users, is then taken to the power
// Locality, divided by n_j^PopularityDiscount, and those kept for an item are
// divided by their sum to the power Normalise.
//
// Pearson and adjusted cosine compare ratings where the data has some, low
// ones too; all others, and both without ratings, compare what ByUser holds.
//
// Papers: B. Sarwar, G. Karypis, J. Konstan, J. Riedl, "Item-Based
// Collaborative Filtering Recommendation Algorithms", WWW 2001; shrinkage:
// Y. Koren, R. Bell, "Advances in Collaborative Filtering", Recommender
// Systems Handbook, 2011; the damping of heavy users: J. Breese, D. Heckerman,
// C. Kadie, "Empirical Analysis of Predictive Algorithms", UAI 1998, as a power
// instead of a logarithm, so that it can be tuned; Locality: Aiolli, RecSys
// 2013; Normalise: M. Deshpande, G. Karypis, "Item-Based Top-N Recommendation
// Algorithms", TOIS 2004.
//
// Cost: Σ_u n_u² steps, cut by MaxHistory (only the newest items of a longer
// history are paired; 0 pairs all); 8 bytes a neighbour, 16 an interaction
// and, while fitting, 12 bytes an item and core. No items×items matrix is ever
// made.
type ItemKNN struct {
	Similarity  string  `json:"similarity" oneof:"cosine jaccard pearson adjusted_cosine tfidf bm25 llr"`
	Neighbours  int     `json:"neighbours" range:"1,10000" tune:"20,500,log"`
	Shrink      float64 `json:"shrink" range:"0,1e9" tune:"0.1,100,log"`
	HeavyUsers  float64 `json:"heavy_users" range:"0,4" tune:"0,1.5"`
	WeightPower float64 `json:"weight_power" range:"0,4" tune:"0,1"` // 0: every pair counts 1
	MaxHistory  int     `json:"max_history" range:"0,1073741824"`

	Asymmetry          float64 `json:"asymmetry" range:"0,1" tune:"0.2,0.8"` // α of the cosines
	Locality           float64 `json:"locality" range:"0.01,10" tune:"0.5,2"`
	PopularityDiscount float64 `json:"popularity_discount" range:"0,2" tune:"0,0.5"`
	Normalise          float64 `json:"normalise" range:"0,2" tune:"0,1"`
	BM25K1             float64 `json:"bm25_k1" range:"0,1e6"`
	BM25B              float64 `json:"bm25_b" range:"0,1"`

	// Recency makes the k-th newest item of a history count k^−Recency.
	Recency float64 `json:"recency" range:"0,10" tune:"0,2"`
	// HalfLifeDays makes an item met that long before the newest of the
	// history count half; 0: age does not matter.
	HalfLifeDays float64 `json:"half_life_days" range:"0,36525" tune:"1,365,log"`
}

// NewItemKNN returns item-kNN as it does well on many sets.
func NewItemKNN() *ItemKNN {
	return &ItemKNN{
		Similarity: cosine, Neighbours: 200, Shrink: 2, HeavyUsers: 0.5, MaxHistory: 5000,
		Asymmetry: 0.5, Locality: 1, Normalise: 0.5, BM25K1: 1.2, BM25B: 0.75,
	}
}

// Kind returns "itemknn".
func (*ItemKNN) Kind() string { return "itemknn" }

// Validate reports every setting out of range.
func (a *ItemKNN) Validate() error { return validate(a) }

func (a *ItemKNN) similarity() similarity {
	return similarity{
		Name: a.Similarity, Shrink: a.Shrink, Asymmetry: a.Asymmetry, WeightPower: a.WeightPower,
		Damping: a.HeavyUsers, K1: a.BM25K1, B: a.BM25B,
	}
}

// Fit finds the neighbours. It returns an *ItemItem.
func (a *ItemKNN) Fit(ctx context.Context, data *dataset.Interactions, progress func(Progress)) (Learned, error) {
	if err := errors.Join(a.Validate(), ctx.Err()); err != nil {
		return nil, err
	}
	s, entries := a.similarity().of(data)
	entries = newest(entries, a.MaxHistory)
	byUser, byItem := s.weigh(entries).apply(entries)
	centre := s.centring(byUser)
	about := make([]summary, byUser.Width)
	for i := range about {
		users, x := byItem.Row(i)
		about[i] = s.summarise(centre, users, x)
	}
	discounts, constants := discounts(byItem, a.PopularityDiscount), byUser.Constants()
	find := search{
		items: byUser.Width, keep: a.Neighbours, normalise: a.Normalise,
		gather: func(sums *accumulator, item int32) { sums.AddProduct(byItem, byUser, constants, int(item)) },
		score: func(item int32, others []int32, sums []float32) {
			s.score(about[item], about, others, sums, centre, byUser.Rows())
			sharpen(sums, a.Locality)
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
	return &ItemItem{neighbours: neighbours, recency: a.Recency, halfLifeDays: a.HalfLifeDays, weightPower: a.WeightPower}, nil
}
