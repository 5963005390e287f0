package drift_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"kindred/drift"
)

// TestDistances compares with the definitions, worked out by hand for shares of
// .5 .3 .2 0 and .2 .3 .4 .1.
func TestDistances(t *testing.T) {
	reference, current := []int64{50, 30, 20, 0}, []int64{20, 30, 40, 10}
	for _, c := range []struct {
		name string
		by   drift.Distance
		want float64
	}{
		// .3 ln 2.5 + 0 + .2 ln 2 + .0999 ln 1000
		{"PSI", drift.PSI, 0.3*math.Log(2.5) + 0.2*math.Log(2) + 0.0999*math.Log(1000)},
		// Each from the mean .35 .3 .3 .05.
		{"JensenShannon", drift.JensenShannon, math.Sqrt((0.5*math.Log(0.5/0.35) + 0.2*math.Log(0.2/0.3) +
			0.2*math.Log(0.2/0.35) + 0.4*math.Log(0.4/0.3) + 0.1*math.Log(2)) / 2)},
		{"KolmogorovSmirnov", drift.KolmogorovSmirnov, 0.3},
		// |.3| + |.3| + |.1| over sqrt(.61)
		{"Wasserstein", drift.Wasserstein, 0.7 / math.Sqrt(0.61)},
		// 30²/70 + 20²/60 + 10
		{"ChiSquare", drift.ChiSquare, 900.0/70 + 400.0/60 + 10},
		{"CramerV", drift.CramerV, math.Sqrt((900.0/70 + 400.0/60 + 10) / 200)},
		{"LInfinity", drift.LInfinity, 0.3},
	} {
		if got := c.by(reference, current); math.Abs(got-c.want) > 1e-6 {
			t.Errorf("%s is %.7f, want %.7f", c.name, got, c.want)
		}
	}
}

func distances() map[string]drift.Distance {
	return map[string]drift.Distance{
		"PSI": drift.PSI, "JensenShannon": drift.JensenShannon, "KolmogorovSmirnov": drift.KolmogorovSmirnov,
		"Wasserstein": drift.Wasserstein, "ChiSquare": drift.ChiSquare, "CramerV": drift.CramerV, "LInfinity": drift.LInfinity,
	}
}

// TestProperties expects distances to be 0 for proportional counts and for
// nothing, and positive and finite for all that differs.
func TestProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for name, by := range distances() {
		for range 200 {
			a, b, twice := make([]int64, 6), make([]int64, 6), make([]int64, 6)
			for i := range a {
				a[i], b[i] = rng.Int64N(50), rng.Int64N(50)
				twice[i] = 2 * a[i]
			}
			a[0], b[0] = 60, 0
			twice[0] = 120
			if d := by(a, twice); math.Abs(d) > 1e-7 {
				t.Errorf("%s of proportional counts is %g", name, d)
			}
			if d := by(a, b); !(d > 0) || math.IsInf(d, 0) {
				t.Errorf("%s of %v and %v is %g", name, a, b, d)
			}
			if d := by(a, make([]int64, 6)) + by(make([]int64, 6), b); d != 0 {
				t.Errorf("%s of nothing is %g", name, d)
			}
		}
	}
}

// TestJudge expects chunks of one distribution to raise hardly an alarm, and a
// shift to raise one always.
func TestJudge(t *testing.T) {
	draw := func(rng *rand.Rand, p float64) []int64 {
		counts := make([]int64, 5)
		for range 300 {
			k := 0
			for k < 4 && rng.Float64() > p {
				k++
			}
			counts[k]++
		}
		return counts
	}
	for name, by := range distances() {
		alarms := 0
		for seed := range uint64(200) {
			rng := rand.New(rand.NewPCG(seed, 2))
			var chunks [][]int64
			for range 8 {
				chunks = append(chunks, draw(rng, 0.4))
			}
			if drift.Judge(by, chunks, draw(rng, 0.4), 0).Drifted() {
				alarms++
			}
			if j := drift.Judge(by, chunks, draw(rng, 0.8), 0); !j.Drifted() {
				t.Errorf("%s: a shift of seed %d is not seen: %+v", name, seed, j)
			}
		}
		if alarms > 200*6/100 {
			t.Errorf("%s: %d false alarms in 200", name, alarms)
		}
	}
}

// TestFewChunks expects nothing to be said without enough reference, and the
// floor to hold.
func TestFewChunks(t *testing.T) {
	chunk := []int64{9, 1}
	if j := drift.Judge(drift.PSI, [][]int64{chunk, chunk, chunk, {0, 0}}, []int64{0, 9}, 0); j.Drifted() || j.Chunks != 3 {
		t.Errorf("with three chunks: %+v", j)
	}
	if j := drift.Judge(drift.PSI, [][]int64{chunk, chunk, chunk, chunk}, []int64{8, 2}, 0.25); j.Drifted() || j.Threshold != 0.25 {
		t.Errorf("below the floor: %+v", j)
	}
}

func ExampleJudge() {
	week := []int64{90, 10} // views, purchases
	j := drift.Judge(drift.JensenShannon, [][]int64{week, week, week, week}, []int64{50, 50}, 0.1)
	fmt.Printf("%.2f beyond %.2f: %v", j.Distance, j.Threshold, j.Drifted())
	// Output: 0.32 beyond 0.10: true
}
