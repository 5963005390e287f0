package model

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"

	"kindred/dataset"
	"kindred/linalg"
)

// UserKNN recommends what the Neighbours users most like a history met:
//
//	score(j) = Σ over neighbours v who met j: sim(history, v)^Locality · weight(v,j)^WeightPower / n_j^PopularityDiscount
//
// The similarities are those of ItemKNN with users and items exchanged: x(i,u)
// is the weight of user u's item i, divided by (users of i)^(PopularItems/2),
// so that what everyone met says little; idf is that of the item, lengths are
// those of users. Pearson and adjusted cosine compare ratings where the data
// and the history have some. The k-th newest item of the history asked about
// counts k^−Recency.
//
// Nothing is searched in advance: any history, known or not, is compared when
// it is asked about, with the users of its items only, and of each item with
// no more than MaxUsers, those who were there last first (those of the fewest
// items where the data has no times).
//
// Privacy: unlike the other shapes this one holds everyone's newest MaxHistory
// items, in rows that carry no user's name and stand by their age, and a
// history can be told from its items. Erasing a user takes effect at the next
// training, not at once.
//
// Papers: P. Resnick, N. Iacovou, M. Suchak, P. Bergstrom, J. Riedl,
// "GroupLens", CSCW 1994; J. Herlocker, J. Konstan, A. Borchers, J. Riedl, "An
// Algorithmic Framework for Performing Collaborative Filtering", SIGIR 1999;
// of items met instead of ratings: Aiolli, RecSys 2013.
//
// Cost: O(interactions) to fit; 16 bytes an interaction and 16 a user. A
// request takes at most history·MaxUsers + Neighbours·MaxHistory steps, and
// O(items) to clear the scores.
type UserKNN struct {
	Similarity   string  `json:"similarity" oneof:"cosine jaccard pearson adjusted_cosine tfidf bm25 llr"`
	Neighbours   int     `json:"neighbours" range:"1,10000" tune:"20,1000,log"`
	Shrink       float64 `json:"shrink" range:"0,1e9" tune:"0.1,100,log"`
	PopularItems float64 `json:"popular_items" range:"0,4" tune:"0,1.5"`
	WeightPower  float64 `json:"weight_power" range:"0,4" tune:"0,1"` // 0: every pair counts 1
	MaxHistory   int     `json:"max_history" range:"1,1073741824"`
	MaxUsers     int     `json:"max_users" range:"1,1073741824"`

	Asymmetry          float64 `json:"asymmetry" range:"0,1" tune:"0.2,0.8"` // α of the cosines; a is the history
	Locality           float64 `json:"locality" range:"0.01,10" tune:"0.5,3"`
	PopularityDiscount float64 `json:"popularity_discount" range:"0,2" tune:"0,0.5"`
	BM25K1             float64 `json:"bm25_k1" range:"0,1e6"`
	BM25B              float64 `json:"bm25_b" range:"0,1"`
	Recency            float64 `json:"recency" range:"0,10" tune:"0,2"`
}

// NewUserKNN returns user-kNN as it does well on many sets.
func NewUserKNN() *UserKNN {
	return &UserKNN{
		Similarity: cosine, Neighbours: 200, Shrink: 1, PopularItems: 0.5, MaxHistory: 500, MaxUsers: 5000,
		Asymmetry: 0.5, Locality: 1, PopularityDiscount: 0.2, BM25K1: 1.2, BM25B: 0.75,
	}
}

// Kind returns "userknn".
func (*UserKNN) Kind() string { return "userknn" }

// Validate reports every setting out of range.
func (a *UserKNN) Validate() error { return validate(a) }

func (a *UserKNN) similarity() similarity {
	return similarity{
		Name: a.Similarity, Shrink: a.Shrink, Asymmetry: a.Asymmetry, WeightPower: a.WeightPower,
		Damping: a.PopularItems, K1: a.BM25K1, B: a.BM25B,
	}
}

// Fit arranges the histories. It returns a *UserNeighbours.
func (a *UserKNN) Fit(ctx context.Context, data *dataset.Interactions, progress func(Progress)) (Learned, error) {
	if err := errors.Join(a.Validate(), ctx.Err()); err != nil {
		return nil, err
	}
	s, entries := a.similarity().of(data)
	order := anonymous(data)
	met := reordered(newest(data.ByUser, a.MaxHistory), order)
	byItem := reordered(newest(entries, a.MaxHistory), order).Transpose()
	weights := s.weigh(byItem)
	byItem, byUser := weights.apply(byItem)
	m := &UserNeighbours{
		neighbours: a.Neighbours, locality: a.Locality, recency: a.Recency,
		weights: weights, centre: s.centring(byItem), users: make([]summary, byUser.Rows()),
		byItem: first(byItem, a.MaxUsers), met: met, discounts: discounts(met.Transpose(), a.PopularityDiscount),
	}
	for u := range m.users {
		items, x := byUser.Row(u)
		m.users[u] = s.summarise(m.centre, items, x)
	}
	for k, v := range m.met.Vals {
		m.met.Vals[k] = float32(max(math.Pow(float64(v), a.WeightPower), leastWeight))
	}
	if progress != nil {
		progress(Progress{Epoch: 1, Epochs: 1})
	}
	return m.ready(), nil
}

// anonymous returns users in the order in which a request looks at them: who
// was there last first, or who met the fewest where that is not known; then by
// what they met, so that no name decides.
func anonymous(data *dataset.Interactions) []int32 {
	priority := func(u int32) int64 {
		lo, hi := data.ByUser.Starts[u], data.ByUser.Starts[u+1]
		if data.Times == nil || lo == hi {
			return int64(hi - lo)
		}
		return -data.Times[hi-1]
	}
	order := make([]int32, data.ByUser.Rows())
	for u := range order {
		order[u] = int32(u)
	}
	slices.SortFunc(order, func(a, b int32) int {
		x, _ := data.ByUser.Row(int(a))
		y, _ := data.ByUser.Row(int(b))
		return cmp.Or(cmp.Compare(priority(a), priority(b)), slices.Compare(x, y), cmp.Compare(a, b))
	})
	return order
}

// reordered returns a copy of the matrix with its rows in that order.
func reordered(m *linalg.CSR, order []int32) *linalg.CSR {
	out := &linalg.CSR{
		Starts: make([]int, 1, len(order)+1), Width: m.Width,
		Cols: make([]int32, 0, m.NNZ()), Vals: make([]float32, 0, m.NNZ()),
	}
	for _, r := range order {
		cols, vals := m.Row(int(r))
		out.Cols, out.Vals = append(out.Cols, cols...), append(out.Vals, vals...)
		out.Starts = append(out.Starts, len(out.Cols))
	}
	return out
}

// first returns the first n entries of each row.
func first(m *linalg.CSR, n int) *linalg.CSR {
	cut := &linalg.CSR{Starts: make([]int, 1, m.Rows()+1), Width: m.Width}
	for r := range m.Rows() {
		cols, vals := m.Row(r)
		kept := min(n, len(cols))
		cut.Cols, cut.Vals = append(cut.Cols, cols[:kept]...), append(cut.Vals, vals[:kept]...)
		cut.Starts = append(cut.Starts, len(cut.Cols))
	}
	return cut
}
