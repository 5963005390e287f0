package model_test

import (
	"fmt"
	"math"
	"testing"

	"kindred/dataset"
	"kindred/model"
)

// TestRP3Beta multiplies the dense transition matrices of the definition.
func TestRP3Beta(t *testing.T) {
	data := weighted(clusters(40, 24, 3, 2), 1, 3, 2, 5)
	for _, a := range []*model.RP3Beta{
		{Neighbours: 24, Alpha: 1},
		{Neighbours: 24, Alpha: 0.7, Beta: 0.4, WeightPower: 1},
		{Neighbours: 24, Alpha: 1.2, Beta: 1, WeightPower: 0.5, MaxHistory: 7},
	} {
		t.Run(fmt.Sprintf("%+v", *a), func(t *testing.T) {
			learned, ok := fit(t, a, data).(*model.ItemItem)
			if !ok {
				t.Fatal("another shape")
			}
			want := denseWalk(a, data)
			for i := range want {
				got := make([]float32, len(want))
				items, scores := learned.Neighbours(int32(i))
				for n, j := range items {
					got[j] = scores[n]
					if n > 0 && scores[n] > scores[n-1] {
						t.Errorf("item %d: place %d is better than the one before", i, n)
					}
				}
				want[i][i] = 0 // nothing is its own neighbour
				closeTo(t, fmt.Sprintf("item %d", i), got, want[i])
			}
		})
	}
}

func denseWalk(a *model.RP3Beta, data *dataset.Interactions) [][]float64 {
	users, items := data.ByUser.Rows(), data.ByUser.Width
	w, perUser, perItem, count := make([][]float64, users), make([]float64, users), make([]float64, items), make([]float64, items)
	for u := range w {
		w[u] = make([]float64, items)
		cols, vals := data.ByUser.Row(u)
		if n := a.MaxHistory; n > 0 && n < len(cols) {
			cols, vals = cols[len(cols)-n:], vals[len(vals)-n:]
		}
		for k, i := range cols {
			w[u][i] = math.Pow(float64(vals[k]), a.WeightPower)
			perUser[u] += w[u][i]
			perItem[i] += w[u][i]
			count[i]++
		}
	}
	walk := make([][]float64, items)
	for i := range walk {
		walk[i] = make([]float64, items)
		for u := range w {
			for j := range items {
				if w[u][i] > 0 && w[u][j] > 0 {
					walk[i][j] += math.Pow(w[u][i]/perItem[i]*w[u][j]/perUser[u], a.Alpha) / math.Pow(count[j], a.Beta)
				}
			}
		}
	}
	return walk
}
