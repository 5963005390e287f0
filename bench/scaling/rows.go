//go:build unix

package main

import (
	"math"
	"math/rand/v2"

	"kindred/dataset"
	"kindred/linalg"
)

// impressions makes rows for rankers, as many as there are interactions: by
// turns one of them, labelled 1, and its user with any item, labelled 0.
// Columns are the item, how often it and the user occur, and the hour.
func impressions(x *dataset.Interactions) *dataset.Rows {
	columns := dataset.NewColumns()
	columns.Add("item", x.Items)
	for _, name := range []string{"popularity", "activity", "hour"} {
		columns.Add(name, nil)
	}
	rows := &dataset.Rows{Columns: columns}
	dice, counts := rand.New(rand.NewPCG(1, 1)), x.ItemUsers()
	for u := range x.ByUser.Rows() {
		items, _ := x.ByUser.Row(u)
		for k, item := range items {
			label := float32((k + u) % 2)
			if label == 0 {
				item = dice.Int32N(int32(x.ByUser.Width))
			}
			rows.Labels = append(rows.Labels, label)
			rows.Vals = append(rows.Vals,
				float32(item+1), float32(math.Log1p(float64(counts[item]))), float32(math.Log1p(float64(len(items)))),
				float32(x.Times[x.ByUser.Starts[u]+k]/3600%24))
		}
	}
	return rows
}

// madeUp returns a rating from 1 to 5 for each interaction: what the user and
// the item lean to, and noise.
func madeUp(x *dataset.Interactions) *linalg.CSR {
	dice := rand.New(rand.NewPCG(2, 2))
	lean := func(n int) []float64 {
		all := make([]float64, n)
		for k := range all {
			all[k] = dice.NormFloat64() / 2
		}
		return all
	}
	users, items := lean(x.ByUser.Rows()), lean(x.ByUser.Width)
	ratings := *x.ByUser
	ratings.Vals = make([]float32, len(ratings.Cols))
	for u := range ratings.Rows() {
		met, values := ratings.Row(u)
		for k, i := range met {
			values[k] = float32(max(1, min(5, math.Round(3.5+users[u]+items[i]+dice.NormFloat64()/2))))
		}
	}
	return &ratings
}
