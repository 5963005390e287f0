package model_test

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"kindred/dataset"
	"kindred/linalg"
	"kindred/model"
)

// plantedRatings are ratings made of biases and three factors, with a little
// noise, on any scale: mean 3 and deviation near 1, times scale, plus shift. A
// third of each user's are kept apart.
type plantedRatings struct {
	data   *dataset.Interactions
	hidden [][]int32 // by user
	truth  [][]float32
}

const plantedNoise = 0.2

func plant(users, items int, scale, shift float64) plantedRatings {
	dice := rand.New(rand.NewPCG(4, 4))
	normals := func(n int, deviation float64) []float64 {
		x := make([]float64, n)
		for k := range x {
			x[k] = deviation * dice.NormFloat64()
		}
		return x
	}
	const factors = 3
	p, q := normals(users*factors, 0.6), normals(items*factors, 0.6)
	biasU, biasI := normals(users, 0.4), normals(items, 0.5)
	m := plantedRatings{hidden: make([][]int32, users), truth: make([][]float32, users)}
	ratings := &linalg.CSR{Starts: []int{0}, Width: items}
	rows := make([][]int32, users)
	for u := range users {
		for i := range items {
			if dice.IntN(2) == 0 {
				continue
			}
			x := 3 + biasU[u] + biasI[i] + plantedNoise*dice.NormFloat64()
			for f := range factors {
				x += p[u*factors+f] * q[i*factors+f]
			}
			rating := float32(shift + scale*x)
			if dice.IntN(3) == 0 {
				m.hidden[u], m.truth[u] = append(m.hidden[u], int32(i)), append(m.truth[u], rating)
				continue
			}
			rows[u] = append(rows[u], int32(i))
			ratings.Cols, ratings.Vals = append(ratings.Cols, int32(i)), append(ratings.Vals, rating)
		}
		ratings.Starts = append(ratings.Starts, len(ratings.Cols))
	}
	m.data = interactions(items, rows...)
	m.data.Ratings = ratings
	return m
}

// rmse judges on what was kept apart.
func (m plantedRatings) rmse(t *testing.T, learned model.Learned) float64 {
	t.Helper()
	predictor, ok := learned.(model.RatingPredictor)
	if !ok {
		t.Fatalf("%T predicts no ratings", learned)
	}
	sum, n := 0.0, 0
	for u, items := range m.hidden {
		ratings := make([]float32, len(items))
		predictor.PredictRatings(ratings, m.data.History(u), items)
		for k, r := range ratings {
			sum += float64((r - m.truth[u][k]) * (r - m.truth[u][k]))
			n++
		}
	}
	return math.Sqrt(sum / float64(n))
}

func kind(t *testing.T, name, settings string) model.Algorithm {
	t.Helper()
	a, err := model.FromJSON(name, []byte(settings))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// predictors are the kinds that predict ratings, set up for the planted ones,
// with the worst error allowed on those: factors come near the noise of 0.2.
var predictors = map[string]struct {
	settings string
	worst    float64
}{
	"baseline":  {`{}`, 0.75},
	"slopeone":  {`{}`, 0.75},
	"ratingknn": {`{"shrink": 5}`, 0.6},
	"ratingnmf": {`{"factors": 6, "lambda": 0.3}`, 0.4},
	"svd":       {`{"factors": 4, "lambda": 0.01, "learn_rate": 0.05}`, 0.26},
	"bayesmf":   {`{"factors": 6, "samples": 40}`, 0.24},
	"svdpp":     {`{"factors": 4, "lambda": 0.01, "learn_rate": 0.05}`, 0.3},
}

// TestRatingsOnEveryScale expects the planted structure back, and the same
// error in deviations on scales that are larger, below zero or both.
func TestRatingsOnEveryScale(t *testing.T) {
	for name, p := range predictors {
		t.Run(name, func(t *testing.T) {
			one := plant(150, 100, 1, 0)
			want := one.rmse(t, fit(t, kind(t, name, predictors[name].settings), one.data))
			if want > p.worst || want < plantedNoise {
				t.Errorf("RMSE %.3f, want %v to %v", want, plantedNoise, p.worst)
			}
			for _, c := range []struct{ scale, shift float64 }{{20, 0}, {5, -15}, {0.01, 0}, {1, 1000}} {
				other := plant(150, 100, c.scale, c.shift)
				got := other.rmse(t, fit(t, kind(t, name, predictors[name].settings), other.data)) / c.scale
				if math.Abs(got-want) > 0.02*want {
					t.Errorf("ratings × %g + %g: RMSE %.4f, want %.4f", c.scale, c.shift, got, want)
				}
			}
		})
	}
}

// TestRatingsStayInRange expects no prediction outside the ratings learned
// from, and one for whoever and whatever is unknown.
func TestRatingsStayInRange(t *testing.T) {
	set := plant(40, 30, 1, 0)
	low, high := slices.Min(set.data.Ratings.Vals), slices.Max(set.data.Ratings.Vals)
	for name := range predictors {
		learned, ok := fit(t, kind(t, name, predictors[name].settings), set.data).(model.RatingPredictor)
		if !ok {
			t.Fatalf("%s predicts no ratings", name)
		}
		items := []int32{0, 29, -1, 99, math.MaxInt32}
		for what, history := range map[string]dataset.History{
			"known": set.data.History(0), "stranger": {}, "fan": {Rated: []int32{0, 1, 2}, Ratings: []float32{high, high, high}},
			"hater": {Rated: []int32{0, 1, 2}, Ratings: []float32{-1e6, -1e6, -1e6}},
		} {
			ratings := make([]float32, len(items))
			learned.PredictRatings(ratings, history, items)
			for k, r := range ratings {
				if !(r >= low && r <= high) {
					t.Errorf("%s, %s: item %d is predicted %v, outside %v to %v", name, what, items[k], r, low, high)
				}
			}
			if ratings[2] != ratings[3] || ratings[3] != ratings[4] {
				t.Errorf("%s, %s: unknown items differ: %v", name, what, ratings)
			}
		}
	}
}

// TestScoresAreRatings expects Score to be the prediction where that lies
// within the range.
func TestScoresAreRatings(t *testing.T) {
	set := plant(40, 30, 1, 0)
	low, high := slices.Min(set.data.Ratings.Vals), slices.Max(set.data.Ratings.Vals)
	for name := range predictors {
		learned := fit(t, kind(t, name, predictors[name].settings), set.data)
		for u := range 40 {
			scores, ratings := scoresOf(learned, set.data.History(u)), make([]float32, 30)
			learned.(model.RatingPredictor).PredictRatings(ratings, set.data.History(u), span(0, 30)) //nolint:errcheck,forcetypeassert // seen above
			for i, score := range scores {
				if want := min(high, max(low, score)); math.Abs(float64(ratings[i]-want)) > 1e-4 {
					t.Fatalf("%s, user %d, item %d: score %v, predicted %v", name, u, i, score, ratings[i])
				}
			}
		}
	}
}

// TestNoRatings expects to be told what is missing.
func TestNoRatings(t *testing.T) {
	data := checkerboard(4)
	data.Ratings = nil
	for name := range predictors {
		if learned, err := kind(t, name, predictors[name].settings).Fit(t.Context(), data, nil); err == nil || learned != nil {
			t.Errorf("%s: learns %v from no ratings", name, learned)
		}
	}
}

// TestBaselineSolves expects the gradient of the objective to vanish, also for
// a user folded in: the objective is convex, so that is the solution.
func TestBaselineSolves(t *testing.T) {
	set := plant(60, 40, 1, 0)
	learned := fit(t, kind(t, "baseline", `{"user_shrink": 3, "item_shrink": 2}`), set.data)
	z := set.data.Ratings
	mean, n := 0.0, float64(len(z.Vals))
	for _, r := range z.Vals {
		mean += float64(r) / n
	}
	items := scoresOf(learned, dataset.History{}) // mean + b_i
	itemGradient := make([]float64, 40)
	for i := range itemGradient {
		itemGradient[i] = -2 * (float64(items[i]) - mean)
	}
	for u := range 60 {
		scores := scoresOf(learned, set.data.History(u))
		bias := float64(scores[0] - items[0])
		gradient := -3 * bias
		cols, vals := z.Row(u)
		for k, i := range cols {
			miss := float64(vals[k] - scores[i])
			gradient += miss
			itemGradient[i] += miss
		}
		if math.Abs(gradient) > 1e-3 {
			t.Fatalf("user %d: gradient %g", u, gradient)
		}
	}
	for i, gradient := range itemGradient {
		if math.Abs(gradient) > 1e-3 {
			t.Fatalf("item %d: gradient %g", i, gradient)
		}
	}
}

// TestSlopeOneByHand: item 0 is rated a point and a half above item 1 by the
// two who know both, and two points above item 2 by one.
func TestSlopeOneByHand(t *testing.T) {
	data := interactions(3, []int32{0, 1}, []int32{0, 1, 2})
	data.Ratings.Vals = []float32{5, 3, 4, 3, 2}
	history := dataset.History{Rated: []int32{1, 2}, Ratings: []float32{2, 3}}
	for settings, want := range map[string]float64{
		`{"weight_power": 1}`: (2*(2+1.5) + 1*(3+2)) / 3,
		`{"weight_power": 0}`: ((2 + 1.5) + (3 + 2)) / 2,
		`{"min_users": 2}`:    2 + 1.5,
		`{"min_users": 3}`:    2.5,
		`{"neighbours": 1}`:   2 + 1.5,
	} {
		scores := scoresOf(fit(t, kind(t, "slopeone", settings), data), history)
		if math.Abs(float64(scores[0])-want) > 1e-5 {
			t.Errorf("%s: %v, want %v", settings, scores[0], want)
		}
	}
}

// TestRatingKNNTwin compares both forms with the definition, written plainly.
func TestRatingKNNTwin(t *testing.T) {
	set := plant(40, 25, 1, 0)
	baseline := fit(t, kind(t, "baseline", `{}`), set.data)
	residual := make([]map[int32]float64, 40)
	base := make([][]float32, 40)
	for u := range residual {
		base[u], residual[u] = scoresOf(baseline, set.data.History(u)), map[int32]float64{}
		items, ratings := set.data.Ratings.Row(u)
		for k, i := range items {
			residual[u][i] = float64(ratings[k] - base[u][i])
		}
	}
	const neighbours, shrink, power = 7, 4.0, 1.5
	similarity := func(n int, at func(k int) (x, y float64, both bool)) float64 {
		var xy, xx, yy, both float64
		for k := range n {
			if x, y, ok := at(k); ok {
				xy, xx, yy, both = xy+x*y, xx+x*x, yy+y*y, both+1
			}
		}
		if xy <= 0 || both < 2 {
			return 0
		}
		return math.Pow(xy/math.Sqrt(xx*yy), power) * (both - 1) / (both - 1 + shrink)
	}
	twin := map[string]func(u int, i int32) (similarities, residuals []float64){
		"items": func(u int, i int32) (similarities, residuals []float64) {
			for j, e := range residual[u] {
				residuals = append(residuals, e)
				similarities = append(similarities, similarity(40, func(v int) (x, y float64, both bool) {
					x, one := residual[v][i]
					y, other := residual[v][j]
					return x, y, one && other
				}))
			}
			return similarities, residuals
		},
		"users": func(u int, i int32) (similarities, residuals []float64) {
			for v := range residual {
				if e, rated := residual[v][i]; rated {
					residuals = append(residuals, e)
					similarities = append(similarities, similarity(25, func(j int) (x, y float64, both bool) {
						x, one := residual[u][int32(j)]
						y, other := residual[v][int32(j)]
						return x, y, one && other
					}))
				}
			}
			return similarities, residuals
		},
	}
	spread := deviation(set.data.Ratings.Vals)
	for by, neighboursOf := range twin {
		learned := fit(t, kind(t, "ratingknn", fmt.Sprintf(`{"by": %q, "neighbours": %d, "shrink": %g, "power": %g, "damping": 0.1}`, by, neighbours, shrink, power)), set.data)
		for u := range residual {
			scores := scoresOf(learned, set.data.History(u))
			for _, i := range set.hidden[u] {
				similarities, residuals := neighboursOf(u, i)
				order := indices(len(similarities))
				slices.SortFunc(order, func(a, b int) int { return cmp.Compare(similarities[b], similarities[a]) })
				sum, total := 0.0, 0.1
				for _, k := range order[:min(neighbours, len(order))] {
					sum += similarities[k] * residuals[k]
					total += similarities[k]
				}
				if want := float64(base[u][i]) + sum/total; math.Abs(float64(scores[i])-want) > 2e-3*spread {
					t.Fatalf("by %s, user %d, item %d: %v, want %v", by, u, i, scores[i], want)
				}
			}
		}
	}
}

func deviation(x []float32) float64 {
	mean, squares := 0.0, 0.0
	for _, v := range x {
		mean += float64(v) / float64(len(x))
	}
	for _, v := range x {
		squares += (float64(v) - mean) * (float64(v) - mean) / float64(len(x))
	}
	return math.Sqrt(squares)
}

// TestDivergenceIsNamed expects an error that says what to do.
func TestDivergenceIsNamed(t *testing.T) {
	set := plant(60, 40, 1, 0)
	if _, err := kind(t, "svd", `{"learn_rate": 1, "init_scale": 10}`).Fit(t.Context(), set.data, nil); err == nil {
		t.Error("no error from a learning rate of 1")
	} else if want := "try a smaller learn_rate"; !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}
