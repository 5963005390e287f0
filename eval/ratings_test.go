package eval

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestRatingsByHand: two users, three ratings, misses of 1, 2 and 2.
func TestRatingsByHand(t *testing.T) {
	nan := float32(math.NaN())
	r := Ratings([]int32{7, 7, 3, 3}, []float32{1, 5, 4, 4}, []float32{2, 3, 2, nan})
	near(t, "rmse", r.Estimates["rmse"].Mean, math.Sqrt(3))
	near(t, "mae", r.Estimates["mae"].Mean, 5./3)
	near(t, "rmse by user", r.Estimates["user_rmse"].Mean, (math.Sqrt(2.5)+2)/2)
	near(t, "mae by user", r.Estimates["user_mae"].Mean, 1.75)
	near(t, "coverage", r.Estimates["coverage"].Mean, .75)
	// Squares 1, 4, 4: variance 3, so the mean square errs by 1.
	near(t, "standard error of rmse", r.Estimates["rmse"].StdErr, 1/(2*math.Sqrt(3)))
	near(t, "standard error of mae", r.Estimates["mae"].StdErr, 1./3)
	if r.Ratings != 4 || r.Users != 2 {
		t.Errorf("%d ratings of %d users", r.Ratings, r.Users)
	}
	exact := Ratings([]int32{1}, []float32{3}, []float32{3})
	near(t, "rmse of an exact prediction", exact.Estimates["rmse"].Mean, 0)
}

// TestRatingsStandardErrors draws many tests and expects the figures to scatter
// as their standard errors say.
func TestRatingsStandardErrors(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 1))
	var means, said running
	for range 400 {
		users, ratings, predictions := make([]int32, 200), make([]float32, 200), make([]float32, 200)
		for k := range ratings {
			predictions[k] = float32(dice.NormFloat64())
		}
		e := Ratings(users, ratings, predictions).Estimates["rmse"]
		means.add(e.Mean)
		said.add(e.StdErr)
	}
	scatter := math.Sqrt(means.squares / float64(means.n-1))
	if ratio := scatter / said.mean; ratio < .9 || ratio > 1.1 {
		t.Errorf("RMSE scatters %.2f times as wide as its standard error says", ratio)
	}
}

func TestOverFolds(t *testing.T) {
	one := Ratings([]int32{1, 2}, []float32{1, 1}, []float32{2, 2})
	other := Ratings([]int32{1, 2}, []float32{1, 1}, []float32{4, 4})
	all := OverFolds([]RatingReport{one, other})
	near(t, "rmse", all.Estimates["rmse"].Mean, 2)
	near(t, "its standard error", all.Estimates["rmse"].StdErr, 1)
	if all.Ratings != 4 || all.Users != 2 {
		t.Errorf("%d ratings of %d users", all.Ratings, all.Users)
	}
	if same := OverFolds([]RatingReport{one}); same.Estimates["rmse"] != one.Estimates["rmse"] {
		t.Error("a single fold is not left as it is")
	}
}
