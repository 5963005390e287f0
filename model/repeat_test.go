package model_test

import (
	"fmt"
	"math"
	"testing"

	"kindred/dataset"
	"kindred/model"
)

const aDay = 24 * 60 * 60

// purchases returns data of one sequence a user, all weights 1.
func purchases(items int, users ...[][2]int64) *dataset.Interactions {
	s := &dataset.Sequences{Starts: []int{0}}
	rows := make([][]int32, len(users))
	for u, steps := range users {
		met := map[int32]bool{}
		for _, step := range steps {
			i := int32(step[0])
			if !met[i] {
				met[i] = true
				rows[u] = append(rows[u], i)
			}
			s.Items, s.Times, s.Weights = append(s.Items, i), append(s.Times, step[1]*aDay), append(s.Weights, 1)
		}
		s.Starts = append(s.Starts, len(s.Items))
	}
	data := interactions(items, rows...)
	data.Sequences = s
	return data
}

// TestRepeat follows the formula: item 0 is had again after 8 and 2 days, item
// 1 never, item 2 twice on one day, which is one visit.
func TestRepeat(t *testing.T) {
	data := purchases(4,
		[][2]int64{{0, 0}, {1, 1}, {0, 8}},
		[][2]int64{{0, 0}, {2, 0}, {2, 0}, {0, 2}},
		[][2]int64{{1, 5}, {3, 5}})
	history := dataset.History{
		Items: []int32{1, 0}, Steps: []int32{0, 1, 0}, StepTimes: []int64{0, 10 * aDay, 10 * aDay}, Now: 20 * aDay,
	}
	pairs, repeating := 6., 2.
	mean := (math.Log(8) + math.Log(2)) / 2
	spread := math.Sqrt((math.Pow(math.Log(8), 2)+math.Pow(math.Log(2), 2))/2 - mean*mean)
	for _, a := range []*model.Repeat{
		{HalfLifeDays: 10, Frequency: 1, Propensity: 1, Smoothing: 2, Tail: "none"},
		{Frequency: 0.5, Propensity: 2, Timing: 1.5, Smoothing: 4, Tail: "none"},
		{HalfLifeDays: 10, Frequency: 1, Smoothing: 1, Tail: "popular"},
	} {
		t.Run(fmt.Sprintf("%+v", *a), func(t *testing.T) {
			rate := (repeating + 1) / (pairs + 2)
			propensity := []float64{(2 + a.Smoothing*rate) / (2 + a.Smoothing), a.Smoothing * rate / (2 + a.Smoothing)}
			interval := []float64{(2*mean + a.Smoothing*mean) / (2 + a.Smoothing), mean}
			strength := []float64{2, 1}
			if a.HalfLifeDays > 0 {
				strength = []float64{1./4 + 1./2, 1. / 2}
			}
			own := []float64{math.Log(10), 0} // the interval of item 0 in this history
			want := make([]float64, 4)
			for i, intervals := range []float64{1, 0} {
				expected := (own[i] + a.Smoothing/2*interval[i]) / (intervals + a.Smoothing/2)
				early := min(0, (math.Log(10)-expected)/spread)
				want[i] = math.Pow(strength[i], a.Frequency) * math.Pow(propensity[i], a.Propensity) *
					math.Pow(math.Exp(-early*early/2), a.Timing)
			}
			if a.Tail == "popular" {
				for i := 2; i < 4; i++ {
					want[i] = min(want[0], want[1]) * 1 / (1 + 2) // one user has had it, two the most popular
				}
			}
			closeTo(t, "scores", scoresOf(fit(t, a, data), history), want)
		})
	}
}

// TestRepeatWaitsUntilDue: what everyone has monthly is not due the day after,
// and what is had daily is.
func TestRepeatWaitsUntilDue(t *testing.T) {
	const monthly, daily = 0, 1
	var users [][][2]int64
	for range 20 {
		var steps [][2]int64
		for day := range int64(120) {
			if day%30 == 0 {
				steps = append(steps, [2]int64{monthly, day})
			}
			steps = append(steps, [2]int64{daily, day})
		}
		users = append(users, steps)
	}
	a := &model.Repeat{Frequency: 0, Propensity: 0, Timing: 1, Smoothing: 1, Tail: "none"}
	learned := fit(t, a, purchases(2, users...))
	ask := func(days int64) []float32 {
		return scoresOf(learned, dataset.History{Items: []int32{0, 1}, Times: []int64{0, 0}, Now: days * aDay})
	}
	if soon := ask(1); soon[monthly] >= 0.9*soon[daily] {
		t.Errorf("a day later: %v, want the daily item first", soon)
	}
	if late := ask(30); late[monthly] < 0.99 {
		t.Errorf("a month later: %v, want the monthly item due", late)
	}
}
