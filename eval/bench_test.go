package eval

import (
	"context"
	"math/rand/v2"
	"testing"

	"kindred/dataset"
	"kindred/linalg"
)

// copied is a ranker that costs nothing but writing the scores, so that the
// benchmark shows what judging itself costs.
type copied []float32

func (c copied) Score(scores []float32, _ dataset.History) { copy(scores, c) }

// factors is a ranker as factor models are: a user is the sum of the items of
// the history, and a score a product.
type factors struct {
	items []float32 // items×width
	width int
}

func (f factors) Score(scores []float32, h dataset.History) {
	f.ScoreBatch(scores, []dataset.History{h})
}

func (f factors) ScoreBatch(scores []float32, hs []dataset.History) {
	users := make([]float32, len(hs)*f.width)
	for u, h := range hs {
		for _, i := range h.Items {
			for k, x := range f.items[int(i)*f.width : (int(i)+1)*f.width] {
				users[u*f.width+k] += x
			}
		}
	}
	clear(scores)
	linalg.GemmT(scores, users, f.items, len(hs), len(f.items)/f.width, f.width)
}

func randomFactors(items, width int) factors {
	r, f := rand.New(rand.NewPCG(1, 1)), factors{make([]float32, items*width), width}
	for i := range f.items {
		f.items[i] = float32(r.NormFloat64())
	}
	return f
}

func randomCases(users, items int) []dataset.Case {
	r, cases := rand.New(rand.NewPCG(2, 1)), make([]dataset.Case, users)
	for u := range cases {
		first := int32(r.IntN(items - 30))
		c := dataset.Case{User: int32(u), Relevant: []int32{first + 21, first + 29}}
		for n := range int32(1 + r.IntN(20)) {
			c.History.Items = append(c.History.Items, first+n)
		}
		cases[u] = c
	}
	return cases
}

func BenchmarkJudge(b *testing.B) {
	const items, users = 41_000, 3_000
	scores := make(copied, items)
	copy(scores, randomFactors(items, 1).items)
	cases := randomCases(users, items)
	for name, ranker := range map[string]Ranker{"copied": scores, "factors64": randomFactors(items, 64)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := Judge(context.Background(), ranker, items, cases, Options{Ks: []int{10, 20, 50}}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*users)/b.Elapsed().Seconds(), "users/s")
		})
	}
}
