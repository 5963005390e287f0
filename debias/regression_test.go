package debias_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"kindred"
	"kindred/debias"
)

// unmoved shows each user always the same list of 10 of 20 items, the most
// wanted on top. What is wanted is the item's and the user's doing, and by
// tastes the pair's alone, a deviation in logits.
func unmoved(theta []float64, users, lists int, tastes float64, seed uint64) (x *debias.Impressions, features func(uint64) []uint64) {
	const items = 40
	r := rand.New(rand.NewPCG(seed, 3))
	user := make([]float64, users)
	var item [items]float64
	for u := range user {
		user[u] = .7 * r.NormFloat64()
	}
	for i := range item {
		item[i] = r.NormFloat64() - 1.5
	}
	wanted, order := make([]float64, users*items), make([][]int, users)
	for u := range order {
		for i := range items {
			wanted[u*items+i] = 1 / (1 + math.Exp(-user[u]-item[i]-tastes*r.NormFloat64()))
		}
		order[u] = r.Perm(items)[:20]
		slices.SortFunc(order[u], func(a, b int) int { return int(math.Copysign(1, wanted[u*items+b]-wanted[u*items+a])) })
	}
	x = new(debias.Impressions)
	for range lists {
		u := r.IntN(users)
		for k, i := range order[u][:len(theta)] {
			x.Add(uint64(u*items+i), k+1, r.Float64() < theta[k]*wanted[u*items+i])
		}
	}
	return x, func(unit uint64) []uint64 { return []uint64{unit / items, unit % items} }
}

// below returns a curve as a multiple of its highest place.
func below(theta []float64) []float64 {
	highest, all := slices.Max(theta), slices.Clone(theta)
	for k := range all {
		all[k] /= highest
	}
	return all
}

// TestRegressionEM expects the planted curve within .02 of the first place
// where the features tell what is wanted, though nothing ever moved, so that
// pairs of places say nothing; and a curve that falls too steeply where tastes
// are of their own.
func TestRegressionEM(t *testing.T) {
	for name, planted := range curves() {
		t.Run(name, func(t *testing.T) {
			x, features := unmoved(below(planted), 4_000, 400_000, 0, 1)
			curve, err := x.RegressionEM(features)
			if err != nil {
				t.Fatal(err)
			}
			expectCurve(t, curve, planted, .02)
			if _, err := x.AllPairs(); kindred.KindOf(err) != kindred.Conflict {
				t.Errorf("pairs of places: %v", err)
			}
			x, features = unmoved(below(planted), 400, 20_000, .5, 1)
			if curve, err = x.RegressionEM(features); err != nil || curve.Theta[4] > .9*planted[4] {
				t.Errorf("with tastes that features do not tell: %+v, %v", curve, err)
			}
		})
	}
}

// TestRegressionEMOfLittle expects errors where nothing can be said, a curve
// that ends where nothing was clicked, and the same bytes in any order.
func TestRegressionEMOfLittle(t *testing.T) {
	none := func(uint64) []uint64 { return nil }
	x := new(debias.Impressions)
	if _, err := x.RegressionEM(none); kindred.KindOf(err) != kindred.Conflict {
		t.Errorf("of nothing: %v", err)
	}
	x.Add(1, 2, false)
	if _, err := x.RegressionEM(none); kindred.KindOf(err) != kindred.Conflict {
		t.Errorf("without clicks: %v", err)
	}
	var all [][3]int
	for n := range 3000 {
		all = append(all, [3]int{n % 60, 1 + n%4, n % 7})
	}
	var texts []string
	r := rand.New(rand.NewPCG(5, 6))
	for range 3 {
		x = new(debias.Impressions)
		for _, i := range all {
			x.Add(uint64(i[0]), i[1], i[2] < 5-i[1] && i[1] != 4)
		}
		curve, err := x.RegressionEM(func(unit uint64) []uint64 { return []uint64{unit % 5} })
		if err != nil || len(curve.Theta) != 3 || curve.Units != 60 || !(curve.StdErr[2] > 0 && curve.StdErr[2] < .5) {
			t.Fatalf("%+v, %v", curve, err)
		}
		texts = append(texts, fmt.Sprint(curve))
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	}
	if texts[0] != texts[1] || texts[1] != texts[2] {
		t.Errorf("another order gives another curve: %q", texts)
	}
}

// BenchmarkRegressionEM says the largest of all errors and standard errors over
// three curves and three seeds, for the table of docs/signals.md.
func BenchmarkRegressionEM(b *testing.B) {
	for _, tastes := range []float64{0, .25, .5, 1} {
		for _, lists := range []int{10_000, 40_000, 100_000, 400_000} {
			b.Run(fmt.Sprintf("tastes=%g/lists=%d", tastes, lists), func(b *testing.B) {
				worst, said, clicks := 0., 0., 0
				for b.Loop() {
					for _, planted := range curves() {
						for seed := range uint64(3) {
							x, features := unmoved(below(planted), lists/25, lists, tastes, 10+seed)
							curve, err := x.RegressionEM(features)
							if err != nil {
								b.Fatal(err)
							}
							clicks += curve.Clicks
							for k, theta := range curve.Theta {
								worst, said = max(worst, math.Abs(theta-planted[k])), max(said, curve.StdErr[k])
							}
						}
					}
				}
				b.ReportMetric(worst, "largest-error")
				b.ReportMetric(said, "largest-stderr")
				b.ReportMetric(float64(clicks)/9/float64(b.N), "clicks")
			})
		}
	}
}
