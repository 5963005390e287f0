package model_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"kindred/dataset"
	"kindred/linalg"
	"kindred/model"
)

// TestItemKNN compares with the formula, all pairs and in float64.
func TestItemKNN(t *testing.T) {
	data := clusters(50, 30, 3, 2)
	for k := range data.ByUser.Vals {
		data.ByUser.Vals[k] = 1 + float32(k%5)
	}
	for _, settings := range []*model.ItemKNN{
		{Neighbours: 30},
		{Neighbours: 4},
		{Neighbours: 30, Shrink: 3, HeavyUsers: 1},
		{Neighbours: 7, Shrink: 1, HeavyUsers: 0.5, WeightPower: 0.5},
		{Neighbours: 30, WeightPower: 1, MaxHistory: 6},
	} {
		learned, ok := fit(t, settings, data).(*model.ItemItem)
		if !ok {
			t.Fatal("another shape")
		}
		want := similarities(settings, data)
		for i := range want {
			row := make([]float32, len(want))
			for j, sim := range want[i] {
				row[j] = float32(sim)
			}
			best := linalg.TopK(nil, row, settings.Neighbours)
			for len(best) > 0 && best[len(best)-1].Score == 0 {
				best = best[:len(best)-1]
			}
			items, got := learned.Neighbours(int32(i))
			if len(items) != len(best) {
				t.Fatalf("%+v: item %d has %d neighbours, want %d", settings, i, len(items), len(best))
			}
			for n, j := range items {
				if math.Abs(float64(got[n])-want[i][j]) > 1e-5 || math.Abs(float64(got[n]-best[n].Score)) > 1e-5 {
					t.Errorf("%+v: item %d, place %d: item %d with %v, want %v", settings, i, n, j, got[n], best[n])
				}
			}
		}
	}
}

func similarities(s *model.ItemKNN, data *dataset.Interactions) [][]float64 {
	n := data.ByUser.Width
	x := make([][]float64, data.ByUser.Rows())
	for u := range x {
		items, weights := data.ByUser.Row(u)
		if s.MaxHistory > 0 && len(items) > s.MaxHistory {
			items, weights = items[len(items)-s.MaxHistory:], weights[len(weights)-s.MaxHistory:]
		}
		x[u] = make([]float64, n)
		for k, i := range items {
			x[u][i] = math.Pow(float64(weights[k]), s.WeightPower) / math.Pow(float64(len(items)), s.HeavyUsers/2)
		}
	}
	dot := func(i, j int) (sum float64) {
		for _, row := range x {
			sum += row[i] * row[j]
		}
		return sum
	}
	sims := make([][]float64, n)
	for i := range sims {
		sims[i] = make([]float64, n)
		for j := range sims[i] {
			if d := dot(i, j); i != j && d > 0 {
				sims[i][j] = d / (math.Sqrt(dot(i, i)*dot(j, j)) + s.Shrink)
			}
		}
	}
	return sims
}

// TestItemItemScore adds up by hand, with and without recency.
func TestItemItemScore(t *testing.T) {
	data := interactions(4, []int32{0, 1}, []int32{0, 1, 2}, []int32{2, 3})
	for _, recency := range []float64{0, 1} {
		learned, ok := fit(t, &model.ItemKNN{Neighbours: 3, Recency: recency}, data).(*model.ItemItem)
		if !ok {
			t.Fatal("another shape")
		}
		want := make([]float64, 4)
		history := dataset.History{Items: []int32{2, 7, 0}, Weights: []float32{3, 9, 2}}
		for k, i := range history.Items {
			if i == 7 {
				continue
			}
			items, sims := learned.Neighbours(i)
			for n, j := range items {
				want[j] += float64(history.Weights[k]) * math.Pow(float64(3-k), -recency) * float64(sims[n])
			}
		}
		closeTo(t, fmt.Sprintf("recency %v", recency), scoresOf(learned, history), want)
	}
}

func BenchmarkItemKNN(b *testing.B) {
	data := randomInteractions(30_000, 41_000, 27)
	for b.Loop() {
		if _, err := model.NewItemKNN().Fit(b.Context(), data, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// randomInteractions returns users with mean items each, half of them among
// the first hundredth of the catalogue.
func randomInteractions(users, items, mean int) *dataset.Interactions {
	dice := rand.New(rand.NewPCG(1, 2))
	rows := make([][]int32, users)
	for u := range rows {
		met := map[int32]bool{}
		for range 1 + dice.IntN(2*mean-1) {
			i := int32(dice.IntN(items))
			if dice.IntN(2) == 0 {
				i = int32(dice.IntN(items/100 + 1))
			}
			if !met[i] {
				met[i] = true
				rows[u] = append(rows[u], i)
			}
		}
	}
	return interactions(items, rows...)
}
