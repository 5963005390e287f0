package model_test

import (
	"fmt"
	"testing"

	"kindred/model"
)

// BenchmarkRowsFit learns from planted rows: an epoch of the factorisations and
// of the linear model, ten trees.
func BenchmarkRowsFit(b *testing.B) {
	const rows = 100_000
	train := planted(rows, 1, numberXor)
	for _, kind := range model.RowKinds() {
		a, err := model.RowFromJSON(kind, nil)
		if err != nil {
			b.Fatal(err)
		}
		epochs := 1
		if kind == "gbdt" {
			epochs = 10
		}
		a = model.ForEpochs(a, epochs)
		if kind == "rowstack" {
			continue // its members' sum
		}
		b.Run(kind, func(b *testing.B) {
			for b.Loop() {
				if _, err := a.FitRows(b.Context(), train, nil, nil); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows*epochs), "ns/row")
		})
	}
}

// BenchmarkRowsPredict predicts planted rows in batches such as one request
// ranks, and many.
func BenchmarkRowsPredict(b *testing.B) {
	train := planted(20_000, 1, numberXor)
	for _, kind := range model.RowKinds() {
		a, err := model.RowFromJSON(kind, nil)
		if err != nil {
			b.Fatal(err)
		}
		m, err := a.FitRows(b.Context(), train, nil, nil)
		if err != nil {
			b.Fatal(err)
		}
		for _, n := range []int{500, 50_000} {
			rows := planted(n, 2, numberXor)
			predictions := make([]float32, n)
			b.Run(fmt.Sprintf("%s/%d", kind, n), func(b *testing.B) {
				for b.Loop() {
					m.Predict(predictions, rows)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/row")
			})
		}
	}
}
