package model_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"kindred/dataset"
	"kindred/model"
)

// TestCovisit compares with the definition, pair of steps by pair of steps.
func TestCovisit(t *testing.T) {
	data := sequential(20, 8, 14)
	for _, change := range []func(*model.Covisit){
		func(*model.Covisit) {},
		func(a *model.Covisit) { a.Forward, a.Backward = 0, 1 },
		func(a *model.Covisit) { a.Window, a.Backward, a.Normalise, a.PopularityDiscount = 1, 0, 1, 0 },
		func(a *model.Covisit) { a.Within, a.Distance, a.HeavyUsers = "basket", 0, 0.7 },
		func(a *model.Covisit) { a.Repeats, a.WeightPower, a.Shrink = "keep", 0.5, 3 },
		func(a *model.Covisit) { a.GapHalfLifeHours, a.EventHalfLifeDays, a.PopularityDiscount = 30, 4, 1 },
	} {
		a := model.NewCovisit()
		change(a)
		t.Run(fmt.Sprintf("%+v", *a), func(t *testing.T) {
			learned, ok := fit(t, a, data).(*model.ItemItem)
			if !ok {
				t.Fatal("another shape")
			}
			want := denseCovisits(a, data)
			for i := range want {
				got := make([]float32, len(want))
				items, scores := learned.Neighbours(int32(i))
				for n, j := range items {
					got[j] = scores[n]
				}
				closeTo(t, fmt.Sprintf("item %d", i), got, want[i])
			}
		})
	}
}

// sequential returns users with that many random steps, repeats included, a
// few hours apart, in baskets of three.
func sequential(users, items, steps int) *dataset.Interactions {
	dice := rand.New(rand.NewPCG(5, 5))
	rows := make([][]int32, users)
	s := &dataset.Sequences{Starts: []int{0}}
	for u := range users {
		now := int64(1_700_000_000)
		for k := range steps + u%3 {
			i := int32(dice.IntN(items))
			if !slices.Contains(rows[u], i) {
				rows[u] = append(rows[u], i)
			}
			now += int64(dice.IntN(100_000))
			s.Items, s.Times = append(s.Items, i), append(s.Times, now)
			s.Weights, s.Baskets = append(s.Weights, float32(1+dice.IntN(4))), append(s.Baskets, int32(k/3))
		}
		s.Starts = append(s.Starts, len(s.Items))
	}
	data := interactions(items, rows...)
	data.Sequences = s
	return data
}

func denseCovisits(a *model.Covisit, data *dataset.Interactions) [][]float64 {
	items, s := data.ByUser.Width, data.Sequences
	c, met, newest := make([][]float64, items), make([]float64, items), int64(0)
	for i := range c {
		c[i] = make([]float64, items)
	}
	for p, i := range s.Items {
		met[i]++
		newest = max(newest, s.Times[p])
	}
	for u := range len(s.Starts) - 1 {
		for p := s.Starts[u]; p < s.Starts[u+1]; p++ {
			for q := p + 1; q < s.Starts[u+1]; q++ {
				i, j := s.Items[p], s.Items[q]
				if q-p > a.Window || (a.Within == "basket" && s.Baskets[p] != s.Baskets[q]) {
					continue
				}
				x := math.Pow(float64(q-p), -a.Distance) * math.Pow(float64(s.Weights[p]*s.Weights[q]), a.WeightPower)
				x *= math.Pow(float64(s.Starts[u+1]-s.Starts[u]), -a.HeavyUsers)
				if a.GapHalfLifeHours > 0 {
					x *= math.Pow(2, -float64(s.Times[q]-s.Times[p])/3600/a.GapHalfLifeHours)
				}
				if a.EventHalfLifeDays > 0 {
					x *= math.Pow(2, -float64(newest-s.Times[q])/86_400/a.EventHalfLifeDays)
				}
				c[i][j] += a.Forward * x
				c[j][i] += a.Backward * x
			}
		}
	}
	for i := range c {
		sum := 0.0
		for j := range c[i] {
			if c[i][j] > 0 {
				c[i][j] *= c[i][j] / (c[i][j] + a.Shrink) * math.Pow(met[j], -a.PopularityDiscount)
			}
			if i == j && a.Repeats == "drop" {
				c[i][j] = 0
			}
			sum += c[i][j]
		}
		for j := range c[i] {
			c[i][j] /= math.Pow(max(sum, 1e-30), a.Normalise)
		}
	}
	return c
}

// TestMarkovChain counts transitions by hand: only the last step speaks, with
// the share of those who went on to each item.
func TestMarkovChain(t *testing.T) {
	data := interactions(3, []int32{0, 1, 2}, []int32{0, 2}, []int32{0, 1})
	data.Sequences = &dataset.Sequences{
		Starts: []int{0, 4, 6, 8}, Items: []int32{0, 1, 0, 2, 0, 2, 0, 1}, Weights: []float32{1, 1, 1, 1, 1, 1, 1, 1},
	}
	a := model.NewCovisit()
	a.Window, a.Backward, a.Normalise, a.PopularityDiscount, a.MaxSteps = 1, 0, 1, 0, 1
	learned := fit(t, a, data)
	for _, test := range []struct {
		steps []int32
		want  []float64
	}{
		{[]int32{2, 1, 0}, []float64{0, 0.5, 0.5}}, // 0 was followed twice by 1, twice by 2
		{[]int32{0, 1}, []float64{1, 0, 0}},
		{[]int32{0, 2}, []float64{0, 0, 0}},
	} {
		closeTo(t, fmt.Sprint(test.steps), scoresOf(learned, dataset.History{Steps: test.steps}), test.want)
	}
}

// TestIsolatedUserChangesNothing adds a user whose items nobody else met.
func TestIsolatedUserChangesNothing(t *testing.T) {
	rows := [][]int32{}
	full := clusters(40, 20, 2, 7)
	for u := range full.ByUser.Rows() {
		rows = append(rows, full.History(u).Items)
	}
	before := interactions(23, rows...)
	after := interactions(23, append(rows, []int32{20, 21, 22})...)
	for _, name := range []string{"itemknn", "itemknn, jaccard", "rp3beta", "covisit"} {
		t.Run(name, func(t *testing.T) {
			learned, other := fit(t, algorithm(t, name), before), fit(t, algorithm(t, name), after)
			for u := range rows {
				want := scoresOf(learned, before.History(u))
				got := scoresOf(other, before.History(u))
				for i := range want {
					if want[i] != got[i] {
						t.Fatalf("user %d, item %d: %v, with the other %v", u, i, want[i], got[i])
					}
				}
			}
		})
	}
}

// TestSymmetric expects that measures which are symmetric give symmetric
// similarities.
func TestSymmetric(t *testing.T) {
	data := clusters(60, 25, 3, 3)
	for _, similarity := range []string{"cosine", "jaccard", "pearson", "adjusted_cosine", "tfidf", "bm25", "llr"} {
		learned, ok := fit(t, itemKNN(t, fmt.Sprintf(`"similarity": %q, "normalise": 0`, similarity)), data).(*model.ItemItem)
		if !ok {
			t.Fatal("another shape")
		}
		at := map[[2]int32]float32{}
		for i := range int32(25) {
			items, similarities := learned.Neighbours(i)
			for n, j := range items {
				at[[2]int32{i, j}] = similarities[n]
			}
		}
		for pair, x := range at {
			if y := at[[2]int32{pair[1], pair[0]}]; !near(x, float64(y)) {
				t.Fatalf("%s of %v: %v one way, %v the other", similarity, pair, x, y)
			}
		}
	}
}
