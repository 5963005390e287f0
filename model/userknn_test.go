package model_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"kindred/dataset"
	"kindred/linalg"
	"kindred/model"
)

func userKNN(tb testing.TB, settings string) *model.UserKNN {
	tb.Helper()
	a, err := model.FromJSON("userknn", []byte("{"+settings+"}"))
	if err != nil {
		tb.Fatal(err)
	}
	return a.(*model.UserKNN) //nolint:errcheck // the kind says so
}

// TestUserKNN asks for users of the training data, whose columns the dense
// definitions of TestItemKNN compare when users and items are exchanged.
func TestUserKNN(t *testing.T) {
	data := clusters(30, 25, 3, 2)
	for k := range data.ByUser.Vals {
		data.ByUser.Vals[k] = 1 + float32(k%5)
	}
	rated := *data
	rated.Ratings = rate(data.ByUser)
	for _, settings := range []string{
		`"shrink": 0, "popular_items": 0, "locality": 1, "popularity_discount": 0`,
		`"shrink": 3, "weight_power": 0.5, "popular_items": 1, "asymmetry": 0.3`,
		`"locality": 2, "popularity_discount": 0.4`,
		`"similarity": "jaccard", "weight_power": 1`,
		`"similarity": "pearson", "weight_power": 1`,
		`"similarity": "adjusted_cosine", "weight_power": 1, "shrink": 0`,
		`"similarity": "tfidf"`,
		`"similarity": "bm25", "weight_power": 1, "bm25_b": 0.5`,
		`"similarity": "llr"`,
	} {
		for name, data := range map[string]*dataset.Interactions{"met": data, "rated": &rated} {
			t.Run(settings+", "+name, func(t *testing.T) {
				a := userKNN(t, settings)
				learned := fit(t, a, data)
				sims := denseUserSimilarities(a, data)
				for u := range sims {
					history := data.History(u)
					got, want := scoresOf(learned, history), neighboursSay(a, data, sims[u])
					for _, i := range history.Items { // of these the user's own row speaks too
						got[i], want[i] = 0, 0
					}
					closeTo(t, fmt.Sprintf("user %d", u), got, want)
				}
			})
		}
	}
}

// denseUserSimilarities exchanges users and items.
func denseUserSimilarities(a *model.UserKNN, data *dataset.Interactions) [][]float64 {
	exchanged := &dataset.Interactions{ByUser: data.ByUser.Transpose()}
	if data.Ratings != nil {
		exchanged.Ratings = data.Ratings.Transpose()
	}
	return denseSimilarities(&model.ItemKNN{
		Similarity: a.Similarity, Shrink: a.Shrink, HeavyUsers: a.PopularItems, WeightPower: a.WeightPower,
		MaxHistory: math.MaxInt32, Asymmetry: a.Asymmetry, Locality: a.Locality, BM25K1: a.BM25K1, BM25B: a.BM25B,
	}, exchanged)
}

// neighboursSay adds up what all users say, by their similarity.
func neighboursSay(a *model.UserKNN, data *dataset.Interactions, sims []float64) []float64 {
	scores := make([]float64, data.ByUser.Width)
	for v, sim := range sims {
		items, weights := data.ByUser.Row(v)
		for k, j := range items {
			scores[j] += sim * math.Pow(float64(weights[k]), a.WeightPower)
		}
	}
	for j, n := range data.ItemUsers() {
		scores[j] *= math.Pow(max(float64(n), 1), -a.PopularityDiscount)
	}
	return scores
}

// TestNewestUsersFirst allows one user an item: the one there last, or the one
// of fewer items where nobody knows when; and one neighbour.
func TestNewestUsersFirst(t *testing.T) {
	const asked = 0
	data := interactions(5, []int32{asked, 1}, []int32{asked, 2, 3}, []int32{asked, 4})
	data.Times = []int64{10, 20, 300, 310, 320, 30, 40}
	history := dataset.History{Items: []int32{asked}}
	seen := func(data *dataset.Interactions, settings string) (items []int) {
		for i, score := range scoresOf(fit(t, userKNN(t, settings), data), history) {
			if score > 0 && i != asked {
				items = append(items, i)
			}
		}
		return items
	}
	if got := seen(data, `"max_users": 1`); !slices.Equal(got, []int{2, 3}) {
		t.Errorf("of one user: items %v, want the newest user's", got)
	}
	data.Times = nil
	if got := seen(data, `"max_users": 2`); !slices.Equal(got, []int{1, 4}) {
		t.Errorf("of two users: items %v, want those of the shorter histories", got)
	}
	if got := seen(data, `"neighbours": 1`); !slices.Equal(got, []int{1}) {
		t.Errorf("of one neighbour: items %v, want item 1", got)
	}
}

// TestNoNameDecides expects the same bytes whatever users are called.
func TestNoNameDecides(t *testing.T) {
	data := clusters(80, 40, 4, 1)
	renamed := &dataset.Interactions{Users: data.Users, Items: data.Items, ByUser: &linalg.CSR{Starts: []int{0}, Width: 40}}
	for _, u := range rand.New(rand.NewPCG(3, 3)).Perm(80) {
		h := data.History(u)
		renamed.ByUser.Cols = append(renamed.ByUser.Cols, h.Items...)
		renamed.ByUser.Vals = append(renamed.ByUser.Vals, h.Weights...)
		renamed.Times = append(renamed.Times, h.Times...)
		renamed.ByUser.Starts = append(renamed.ByUser.Starts, len(renamed.ByUser.Cols))
	}
	if !bytes.Equal(bytesOf(t, fit(t, userKNN(t, ""), data)), bytesOf(t, fit(t, userKNN(t, ""), renamed))) {
		t.Error("other names, other bytes")
	}
}

func BenchmarkUserKNNScore(b *testing.B) {
	data := randomInteractions(30_000, 41_000, 27)
	learned, err := userKNN(b, "").Fit(b.Context(), data, nil)
	if err != nil {
		b.Fatal(err)
	}
	scores := make([]float32, learned.Items())
	b.ReportAllocs()
	for u := 0; b.Loop(); u++ {
		learned.Score(scores, data.History(u%30_000))
	}
}
