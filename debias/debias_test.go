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

// curves are what is planted.
func curves() map[string][]float64 {
	const depth = 10
	inverse, steep, bump := make([]float64, depth), make([]float64, depth), make([]float64, depth)
	for k := range depth {
		inverse[k] = 1 / float64(k+1)
		steep[k] = math.Pow(.7, float64(k))
		bump[k] = 1 - .06*float64(k)
	}
	bump[4] = 1.1 // as where a picture stands
	return map[string][]float64{"1/k": inverse, ".7^k": steep, "linear, with a bump": bump}
}

// world shows lists of 10 of 20 items, by the taste of a user, to whom one of
// three rankers answers: the better ones put up what the user wants.
func world(theta []float64, lists int, seed uint64) *debias.Impressions {
	const users, items = 400, 20
	r := rand.New(rand.NewPCG(seed, 1))
	wanted := make([]float64, users*items)
	for k := range wanted {
		wanted[k] = .05 + .6*math.Pow(r.Float64(), 3)
	}
	x := new(debias.Impressions)
	order, scores := make([]int, items), make([]float64, items)
	for range lists {
		user, noise := r.IntN(users), []float64{.1, .3, 1}[r.IntN(3)]
		for i := range order {
			order[i], scores[i] = i, wanted[user*items+i]+noise*r.NormFloat64()
		}
		slices.SortFunc(order, func(a, b int) int { return int(math.Copysign(1, scores[b]-scores[a])) })
		for k, i := range order[:len(theta)] {
			x.Add(uint64(user*items+i), k+1, r.Float64() < min(1, theta[k]*wanted[user*items+i]))
		}
	}
	return x
}

// TestAllPairs expects the planted curve to be found within .02 from lists that
// put up what users want, where the plain click rates are far off.
func TestAllPairs(t *testing.T) {
	for name, theta := range curves() {
		for seed := range uint64(3) {
			t.Run(fmt.Sprint(name, ", seed ", seed), func(t *testing.T) {
				x := world(theta, 400_000, seed)
				curve, err := x.AllPairs()
				if err != nil {
					t.Fatal(err)
				}
				expectCurve(t, curve, theta, .02)
				naive, err := x.Randomised()
				if err != nil {
					t.Fatal(err)
				}
				if math.Abs(naive.Theta[4]-theta[4]) < .04 {
					t.Errorf("the plain rates find %.3f, too: the lists are not biased", naive.Theta[4])
				}
			})
		}
	}
}

func expectCurve(t *testing.T, curve debias.Curve, theta []float64, within float64) {
	t.Helper()
	if len(curve.Theta) != len(theta) {
		t.Fatalf("%d places of %d: %+v", len(curve.Theta), len(theta), curve)
	}
	for k := range theta {
		off := math.Abs(curve.Theta[k] - theta[k])
		if off > within {
			t.Errorf("place %d: %.4f ± %.4f, planted %.4f", k+1, curve.Theta[k], curve.StdErr[k], theta[k])
		}
		if k > 0 && (off > 5*curve.StdErr[k] || curve.StdErr[k] > within) {
			t.Errorf("place %d is off by %.4f with a standard error of %.4f", k+1, off, curve.StdErr[k])
		}
	}
}

// TestRandomised expects the curve from lists in an order drawn by chance.
func TestRandomised(t *testing.T) {
	for name, theta := range curves() {
		for seed := range uint64(3) {
			r := rand.New(rand.NewPCG(seed, 2))
			x := new(debias.Impressions)
			for range 1_500_000 {
				k, wanted := r.IntN(len(theta)), .1+.4*r.Float64()
				x.Add(r.Uint64(), k+1, r.Float64() < theta[k]*wanted)
			}
			curve, err := x.Randomised()
			if err != nil {
				t.Fatal(name, err)
			}
			expectCurve(t, curve, theta, .02)
		}
	}
}

// TestStdErr expects the standard errors to be those that repeating the world
// shows.
func TestStdErr(t *testing.T) {
	theta := curves()["1/k"][:4]
	const worlds = 60
	var found, said [worlds]float64
	for n := range worlds {
		curve, err := world(theta, 5_000, uint64(n)).AllPairs()
		if err != nil {
			t.Fatal(err)
		}
		found[n], said[n] = curve.Theta[2], curve.StdErr[2]
	}
	mean, spread, stated := 0., 0., 0.
	for n := range found {
		mean += found[n] / worlds
		stated += said[n] / worlds
	}
	for _, x := range found {
		spread += (x - mean) * (x - mean) / (worlds - 1)
	}
	if ratio := stated / math.Sqrt(spread); ratio < .7 || ratio > 1.4 {
		t.Errorf("standard errors of %.4f for a spread of %.4f", stated, math.Sqrt(spread))
	}
	if math.Abs(mean-theta[2]) > 4*math.Sqrt(spread/worlds) {
		t.Errorf("the mean over worlds is %.4f, planted %.4f: biased", mean, theta[2])
	}
}

// TestOrderIsNoMatter expects the same bytes whatever the order.
func TestOrderIsNoMatter(t *testing.T) {
	var all [][3]int
	r := rand.New(rand.NewPCG(5, 5))
	for range 3000 {
		all = append(all, [3]int{r.IntN(80), 1 + r.IntN(4), r.IntN(3)})
	}
	var texts []string
	for range 3 {
		x := new(debias.Impressions)
		for _, i := range all {
			x.Add(uint64(i[0]), i[1], i[2] == 0)
		}
		curve, err := x.AllPairs()
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, fmt.Sprint(curve))
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	}
	if texts[0] != texts[1] || texts[1] != texts[2] {
		t.Errorf("another order gives another curve: %q", texts)
	}
}

// TestTooLittle expects an error where nothing can be said, and a curve that
// ends where nothing more is known.
func TestTooLittle(t *testing.T) {
	x := new(debias.Impressions)
	for range 2 {
		for name, estimate := range map[string]func() (debias.Curve, error){"pairs": x.AllPairs, "random": x.Randomised} {
			if _, err := estimate(); kindred.KindOf(err) != kindred.Conflict {
				t.Errorf("%s of %d impressions: %v", name, x.Len(), err)
			}
		}
		x.Add(1, 1, true)
		x.Add(1, 0, true)                     // no place
		x.Add(1, debias.MaxPositions+1, true) // too deep
	}
	if x.Len() != 2 {
		t.Errorf("%d impressions are kept", x.Len())
	}
	for unit := range uint64(50) {
		x.Add(unit, 1, unit%2 == 0)
		x.Add(unit, 2, unit%3 == 0)
		x.Add(100+unit, 3, true) // no other place
		x.Add(unit, 4, unit%5 == 0)
	}
	curve, err := x.AllPairs()
	if err != nil || len(curve.Theta) != 2 || curve.Units != 50 {
		t.Errorf("%+v, %v", curve, err)
	}
}
