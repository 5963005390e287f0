package model_test

import (
	"math"
	"testing"

	"kindred/model"
)

// TestPopular counts by hand: item 0 was met long ago by many, item 1 of late
// by few, item 2 never.
func TestPopular(t *testing.T) {
	const day = 86_400
	data := interactions(3, []int32{0}, []int32{0}, []int32{0}, []int32{1}, []int32{1})
	data.Times = []int64{0, 0, 0, 60 * day, 60 * day}
	data.ByUser.Vals[4] = 3
	settings := &model.Popular{HalfLifeDays: 30, ShortDays: 5, LongDays: 20, Smoothing: 4}
	learned, ok := fit(t, settings, data).(*model.Popularity)
	if !ok {
		t.Fatal("another shape")
	}
	closeTo(t, "popular", learned.Popular(), []float64{3. / 4, 4, 0})
	const prior = 4. / 20
	closeTo(t, "trending", learned.Trending(), []float64{
		(3*math.Exp2(-12)/5 + prior) / (3*math.Exp2(-3)/20 + prior),
		(4./5 + prior) / (4./20 + prior),
		1,
	})

	data.Times = nil
	learned, ok = fit(t, settings, data).(*model.Popularity)
	if !ok {
		t.Fatal("another shape")
	}
	closeTo(t, "popular, no times", learned.Popular(), []float64{3, 4, 0})
	closeTo(t, "trending, no times", learned.Trending(), []float64{1, 1, 1})
}

func closeTo(t *testing.T, what string, got []float32, want []float64) {
	t.Helper()
	for i := range want {
		if math.Abs(float64(got[i])-want[i]) > 1e-5*(1+math.Abs(want[i])) {
			t.Errorf("%s: item %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}
