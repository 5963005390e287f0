package eval

import (
	"context"
	"math/rand/v2"
	"testing"

	"kindred/dataset"
)

// copied is a ranker that costs nothing but writing the scores, so that the
// benchmark shows what judging itself costs.
type copied []float32

func (c copied) Score(scores []float32, _ dataset.History) { copy(scores, c) }

func BenchmarkJudge(b *testing.B) {
	const items, users = 41_000, 3_000
	r := rand.New(rand.NewPCG(1, 1))
	scores := make(copied, items)
	for i := range scores {
		scores[i] = r.Float32()
	}
	cases := make([]dataset.Case, users)
	for u := range cases {
		cases[u] = dataset.Case{User: int32(u), Relevant: []int32{int32(u), int32(u + 9)}}
	}
	for b.Loop() {
		if _, err := Judge(context.Background(), scores, items, cases, Options{Ks: []int{10, 20, 50}}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*users)/b.Elapsed().Seconds(), "users/s")
}
