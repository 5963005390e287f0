package model_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"kindred/dataset"
	"kindred/linalg"
	"kindred/model"
)

func fitFactors(tb testing.TB, settings *model.IALS, data *dataset.Interactions) *model.Factors {
	tb.Helper()
	learned, err := settings.Fit(tb.Context(), data, nil)
	if err != nil {
		tb.Fatal(err)
	}
	factors, ok := learned.(*model.Factors)
	if !ok {
		tb.Fatal("another shape")
	}
	return factors
}

// TestFoldIn expects that no small step in any direction lowers the user's
// part of the objective, for histories shorter and longer than the vectors.
func TestFoldIn(t *testing.T) {
	data := clusters(200, 90, 3, 4)
	settings := &model.IALS{Factors: 16, Epochs: 6, Lambda: 0.02, Alpha: 2, Nu: 1, InitScale: 0.1, WeightPower: 1, Weighting: "power", Seed: 3}
	learned := fitFactors(t, settings, data)
	items, d := learned.ItemVectors()
	alpha := settings.Alpha * float64(data.ByUser.NNZ()) / (200 * 90)
	dice := rand.New(rand.NewPCG(5, 5))
	for _, n := range []int{1, 2, 15, 16, 17, 60} {
		var history dataset.History
		for _, i := range dice.Perm(90)[:n] {
			history.Items = append(history.Items, int32(i))
			history.Weights = append(history.Weights, 0.5+dice.Float32())
		}
		user := learned.UserVector(nil, history)
		penalty := settings.Lambda * (float64(n) + alpha*90)
		for f := range d {
			slope, size := penalty*float64(user[f]), penalty*math.Abs(float64(user[f]))
			for i := range 90 {
				q := items[i*d : (i+1)*d]
				score := float64(linalg.Dot(user, q))
				part := alpha * score
				if k := slices.Index(history.Items, int32(i)); k >= 0 {
					part += float64(history.Weights[k]) * (score - 1)
				}
				slope += part * float64(q[f])
				size += math.Abs(part * float64(q[f]))
			}
			if math.Abs(slope) > 1e-4*(1+size) {
				t.Errorf("%d items: the objective falls along factor %d by %v", n, f, slope)
			}
		}
	}
}

// TestObjectiveFalls expects every epoch, exact or in blocks, to lower the
// objective, and both to end close to each other.
func TestObjectiveFalls(t *testing.T) {
	data := clusters(200, 90, 3, 4)
	var ends []float64
	for _, block := range []int{0, 5} {
		settings := &model.IALS{Factors: 16, Epochs: 15, Lambda: 0.05, Alpha: 2, Nu: 1, Block: block, InitScale: 0.1, Weighting: "power", Seed: 3}
		last := math.Inf(1)
		_, err := settings.Fit(t.Context(), data, func(p model.Progress) {
			sum := p.Loss["observed"] + p.Loss["unobserved"] + p.Loss["penalty"]
			if len(p.Loss) != 3 || sum > last*(1+1e-5) {
				t.Errorf("block %d, epoch %d: %v sums to %v after %v", block, p.Epoch, p.Loss, sum, last)
			}
			last = sum
		})
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, last)
	}
	if math.Abs(ends[0]-ends[1]) > 0.02*ends[0] {
		t.Errorf("exact ends at %v, in blocks at %v", ends[0], ends[1])
	}
}

// TestItemGramIsDiagonal holds what fold-in relies on.
func TestItemGramIsDiagonal(t *testing.T) {
	learned := fitFactors(t, model.NewIALS(), clusters(200, 90, 3, 4))
	items, d := learned.ItemVectors()
	gram := make([]float32, d*d)
	linalg.Gram(gram, items, learned.Items(), d, 1)
	for f := range d {
		for g := range f {
			if math.Abs(float64(gram[f*d+g])) > 1e-4*float64(gram[0]) {
				t.Fatalf("factors %d and %d: %v beside %v", f, g, gram[f*d+g], gram[0])
			}
		}
	}
}

// TestDislikedScoresFall expects that an item that is rejected scores less
// than before, and less the more a rejection counts.
func TestDislikedScoresFall(t *testing.T) {
	data := clusters(200, 90, 3, 4)
	last := slices.Repeat([]float32{float32(math.Inf(1))}, 200)
	for _, weight := range []float64{0, 0.3, 3} {
		settings := model.NewIALS()
		settings.Factors, settings.Disliked = 16, weight
		learned := fitFactors(t, settings, data)
		for u := range 200 {
			history := data.History(u)
			rejected := topUnseen(learned, history, 1)[0]
			history.Disliked = []int32{rejected, 1_000, -1}
			if score := scoresOf(learned, history)[rejected]; score >= last[u] {
				t.Fatalf("user %d, weight %v: scores %v, before %v", u, weight, score, last[u])
			} else {
				last[u] = score
			}
		}
	}
}

// TestRecencyPullsTowardsTheNewest puts an item of another cluster last.
func TestRecencyPullsTowardsTheNewest(t *testing.T) {
	data := clusters(200, 90, 3, 4)
	last := float32(math.Inf(-1))
	for _, recency := range []float64{0, 0.5, 2} {
		settings := model.NewIALS()
		settings.Factors, settings.Recency = 16, recency
		scores := scoresOf(fitFactors(t, settings, data), dataset.History{Items: []int32{0, 3, 6, 9, 12, 1}})
		var old, recent float32
		for i := 15; i < 90; i += 3 {
			old, recent = old+scores[i], recent+scores[i+1]
		}
		if recent/old <= last {
			t.Errorf("recency %v: the newest item's cluster stands at %v of the others', before %v", recency, recent/old, last)
		}
		last = recent / old
	}
}

// TestRecencyOfEqualTimes expects that items of one time count alike, so that
// the order in which unordered data comes is no matter.
func TestRecencyOfEqualTimes(t *testing.T) {
	settings := model.NewIALS()
	settings.Factors, settings.Recency = 16, 1
	learned := fitFactors(t, settings, clusters(200, 90, 3, 4))
	want := scoresOf(learned, dataset.History{Items: []int32{0, 3, 1, 4}, Times: []int64{5, 5, 7, 7}})
	for i, got := range scoresOf(learned, dataset.History{Items: []int32{3, 0, 4, 1}, Times: []int64{5, 5, 7, 7}}) {
		if math.Abs(float64(got-want[i])) > 1e-5 {
			t.Fatalf("item %d scores %v, in another order %v", i, want[i], got)
		}
	}
	ordered := scoresOf(learned, dataset.History{Items: []int32{0, 3, 1, 4}})
	if slices.Equal(ordered, want) {
		t.Error("without times the order does not count")
	}
}

func TestScoreBatch(t *testing.T) {
	data := clusters(50, 90, 3, 4)
	learned := fitFactors(t, model.NewIALS(), data)
	histories := []dataset.History{{}}
	for u := range 50 {
		histories = append(histories, data.History(u))
	}
	scores := slices.Repeat([]float32{42}, len(histories)*90)
	learned.ScoreBatch(scores, histories)
	for h, history := range histories {
		for i, want := range scoresOf(learned, history) {
			if got := scores[h*90+i]; math.Abs(float64(got-want)) > 1e-4 {
				t.Fatalf("history %d, item %d: %v, alone %v", h, i, got, want)
			}
		}
	}
}

func TestFoldInAllocatesNothing(t *testing.T) {
	data := clusters(50, 90, 3, 4)
	learned := fitFactors(t, model.NewIALS(), data)
	user, scores := make([]float32, 128), make([]float32, 90)
	history := data.History(7)
	// A garbage collection may empty the pool once in a while.
	if n := testing.AllocsPerRun(200, func() {
		user = learned.UserVector(user, history)
		learned.Score(scores, history)
	}); n >= 1 && !raceDetector {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkFoldIn(b *testing.B) {
	data := randomInteractions(2_000, 41_000, 27)
	learned := fitFactors(b, &model.IALS{Factors: 128, Epochs: 1, Lambda: 0.003, Alpha: 30, Nu: 1, InitScale: 0.1, Weighting: "power"}, data)
	user := make([]float32, 128)
	for u := 0; b.Loop(); u++ {
		user = learned.UserVector(user, data.History(u%2_000))
	}
}
