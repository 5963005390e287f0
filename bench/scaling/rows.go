//go:build unix

package main

import (
	"math"
	"math/rand/v2"

	"kindred/dataset"
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
