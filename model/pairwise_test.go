package model

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"kindred/dataset"
	"kindred/eval"
	"kindred/linalg"
)

// tastes returns users who mostly meet the items of one of groups.
func tastes(users, items, groups int) *dataset.Interactions {
	dice := rand.New(rand.NewPCG(4, 4))
	data := &dataset.Interactions{ByUser: &linalg.CSR{Starts: []int{0}, Width: items}}
	for u := range users {
		var row []int32
		for n := 5 + dice.IntN(10); len(row) < n; {
			i := int32(dice.IntN(items/groups)*groups + u%groups)
			if dice.IntN(10) == 0 {
				i = int32(dice.IntN(items))
			}
			if !slices.Contains(row, i) {
				row = append(row, i)
			}
		}
		data.ByUser.Cols = append(data.ByUser.Cols, row...)
		data.ByUser.Starts = append(data.ByUser.Starts, len(data.ByUser.Cols))
	}
	data.ByUser.Vals = slices.Repeat([]float32{1}, len(data.ByUser.Cols))
	return data
}

// rankings returns BPR and WARP in all their ways.
func rankings(byUser *linalg.CSR) map[string]ranking {
	all := map[string]ranking{"warp": &warpDraws{draws: 10, items: byUser.Width}}
	for _, negatives := range []string{"uniform", "popular", "hard", "adaptive"} {
		a := NewBPR()
		a.Negatives, a.Depth = negatives, 10
		all[negatives] = &bprDraws{BPR: a, popular: byUser.Cols}
	}
	users := (&dataset.Interactions{ByUser: byUser, Items: dataset.NewDict(numbered(byUser.Width)...)}).ItemUsers()
	all["explained by popularity"] = &bprDraws{BPR: NewBPR(), explained: explained(users, .7)}
	return all
}

func numbered(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprint(i))
	}
	return names
}

// TestSlopes compares the slope of every loss with how the loss really changes
// when the user takes a small step along q_i − q_j, each times its rate.
func TestSlopes(t *testing.T) {
	data := tastes(60, 40, 4)
	for name, r := range rankings(data.ByUser) {
		fit := newPairwise(data.ByUser, 6, 16, 2, 9)
		r.prepare(fit)
		learned := 0
		for seed := range uint64(200) {
			pair := fit.pairs[int(seed)%len(fit.pairs)]
			draw := func() (pairSample, float64) {
				s := pairSample{user: pair.user, item: pair.item, other: -1, itemRate: 1, otherRate: 1}
				loss := r.draw(fit, rand.New(rand.NewPCG(seed, 1)), &s)
				return s, loss
			}
			s, loss := draw()
			if s.slope == 0 {
				continue
			}
			if _, known := slices.BinarySearch(fit.known[s.user], s.other); known || s.other < 0 {
				t.Fatalf("%s: drew item %d for user %d, who met it", name, s.other, s.user)
			}
			learned++
			gap, user := make([]float32, 6), fit.user(s.user)
			linalg.Axpy(s.itemRate, fit.item(s.item), gap)
			linalg.Axpy(-s.otherRate, fit.item(s.other), gap)
			before := slices.Clone(user)
			const step = 1e-2
			linalg.Axpy(step, gap, user)
			again, after := draw()
			copy(user, before)
			if again.other != s.other {
				continue // the step made another item the hardest
			}
			moved := step * float64(linalg.Dot(gap, gap))
			if got, want := (loss-after)/moved, float64(s.slope); after > 0 && math.Abs(got-want) > 0.02+0.1*moved {
				t.Fatalf("%s: the loss falls by %v, the slope says %v", name, got, want)
			}
		}
		if learned < 100 {
			t.Errorf("%s: only %d of 200 samples had something to learn", name, learned)
		}
	}
}

// TestStep compares one batch with the formulas, sample after sample.
func TestStep(t *testing.T) {
	data := tastes(60, 40, 4)
	fit := newPairwise(data.ByUser, 6, 64, 1, 9)
	fit.rate, fit.lambda = 0.3, 0.05
	for r := range fit.userSums {
		fit.userSums[r] = 0.01
	}
	for r := range fit.itemSums {
		fit.itemSums[r] = 0.02
	}
	r := rankings(data.ByUser)["hard"]
	users, items, pairs := widened(fit.users), widened(fit.items), slices.Clone(fit.pairs[:64])
	fit.step(r, pairs, 5)
	before, userSums, itemSums := slices.Clone(users), slices.Repeat([]float64{0.01}, 60), slices.Repeat([]float64{0.02}, 40)
	was := slices.Clone(items)
	for _, s := range fit.batch[:64] {
		u, i, j := int(s.user)*6, int(s.item)*6, int(s.other)*6
		x := 0.0
		for f := range 6 {
			x += before[u+f] * (was[i+f] - was[j+f])
		}
		slope := 1 / (1 + math.Exp(x))
		moves := func(row []float64, sum *float64, direction func(f int) float64) {
			for f := range row {
				*sum += math.Pow(slope*direction(f), 2) / 6
			}
			rate := 0.3 / math.Sqrt(*sum)
			for f := range row {
				row[f] += rate * (slope*direction(f) - 0.05*row[f])
			}
		}
		moves(items[i:i+6], &itemSums[s.item], func(f int) float64 { return before[u+f] })
		moves(items[j:j+6], &itemSums[s.other], func(f int) float64 { return -before[u+f] })
		moves(users[u:u+6], &userSums[s.user], func(f int) float64 { return was[i+f] - was[j+f] })
		users[u+5] = 1
	}
	for k, want := range users {
		if math.Abs(float64(fit.users[k])-want) > 1e-4 {
			t.Fatalf("users, element %d: %v, want %v", k, fit.users[k], want)
		}
	}
	for k, want := range items {
		if math.Abs(float64(fit.items[k])-want) > 1e-4 {
			t.Fatalf("items, element %d: %v, want %v", k, fit.items[k], want)
		}
	}
}

func widened(x []float32) (y []float64) {
	for _, v := range x {
		y = append(y, float64(v))
	}
	return y
}

// TestEncoding expects the fold-in of a training history to score as the
// user's trained vector does.
func TestEncoding(t *testing.T) {
	data := tastes(600, 120, 4)
	for name, r := range rankings(data.ByUser) {
		fit := newPairwise(data.ByUser, 8, 64, 0.1, 9)
		fit.rate, fit.lambda = 0.1, 0.01
		for epoch := 1; epoch <= 30; epoch++ {
			r.prepare(fit)
			if _, err := fit.epoch(t.Context(), r, epoch); err != nil {
				t.Fatal(err)
			}
		}
		m, err := encoded(slices.Clone(fit.items), fit.users, 8, data)
		if err != nil {
			t.Fatal(err)
		}
		var missed, spread float64
		scores, trained := make([]float32, 120), make([]float32, 120)
		for u := range fit.known {
			m.Score(scores, data.History(u))
			linalg.DotRows(trained, fit.user(int32(u)), fit.items)
			for i := range scores {
				missed += math.Pow(float64(scores[i]-trained[i]), 2)
				spread += math.Pow(float64(trained[i]), 2)
			}
		}
		if share := missed / spread; share > 0.2 {
			t.Errorf("%s: the fold-in misses %.3f of the trained scores", name, share)
		}
	}
}

func BenchmarkPairwise(b *testing.B) {
	data := tastes(20_000, 20_000, 50)
	for name, r := range rankings(data.ByUser) {
		b.Run(name, func(b *testing.B) {
			fit := newPairwise(data.ByUser, 64, 1024, 0.1, 9)
			fit.rate, fit.lambda = 0.1, 0.01
			r.prepare(fit)
			for epoch := 1; b.Loop(); epoch++ {
				if _, err := fit.epoch(b.Context(), r, epoch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(fit.pairs)), "ns/sample")
		})
	}
}

// unevenShop is a world in which a few items are shown to nearly everyone and
// many to hardly anyone, and cases of what users want of items that a tenth is
// shown to, all alike.
func unevenShop(seed uint64) (*dataset.Interactions, []dataset.Case) {
	const users, items, groups = 400, 80, 4
	dice := rand.New(rand.NewPCG(seed, 6))
	shown := make([]float64, items)
	for i := range shown {
		shown[i] = math.Pow(dice.Float64(), 3)
	}
	data := &dataset.Interactions{
		Users: dataset.NewDict(numbered(users)...), Items: dataset.NewDict(numbered(items)...),
		ByUser: &linalg.CSR{Starts: []int{0}, Width: items},
	}
	relevant := make([][]int32, users)
	for u := range users {
		for i := range items {
			wanted := .1
			if i%groups == u%groups {
				wanted = .7
			}
			switch {
			case dice.Float64() < wanted*shown[i]:
				data.ByUser.Cols = append(data.ByUser.Cols, int32(i))
			case dice.Float64() < .1*wanted:
				relevant[u] = append(relevant[u], int32(i))
			}
		}
		data.ByUser.Starts = append(data.ByUser.Starts, len(data.ByUser.Cols))
	}
	data.ByUser.Vals = slices.Repeat([]float32{1}, len(data.ByUser.Cols))
	var cases []dataset.Case
	for u := range users {
		cases = append(cases, dataset.Case{User: int32(u), History: data.History(u), Relevant: relevant[u]})
	}
	return data, cases
}

// TestPopularityExplains expects BPR to rank better what users want of items
// that all are shown alike, when popularity explains why items that few were
// shown were not met. How much of it explains is chosen on five worlds; what
// that gains is told of ten others, beyond twice the standard error.
func TestPopularityExplains(t *testing.T) {
	judge := func(negatives string, power float64, from, to uint64) (all []float64) {
		for seed := from; seed < to; seed++ {
			data, cases := unevenShop(seed)
			a := NewBPR()
			a.Negatives, a.PopularityPower, a.Seed = negatives, power, seed
			a.Factors, a.Epochs, a.Batch, a.Patience = 8, 40, 64, 0
			learned, err := a.Fit(t.Context(), data, nil)
			if err != nil {
				t.Fatal(err)
			}
			report, err := eval.Judge(t.Context(), learned, data.Items.Len(), cases, eval.Options{Ks: []int{10}, PerUser: "ndcg@10"})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, report.PerUser...)
		}
		return all
	}
	for _, negatives := range []string{"uniform", "hard"} {
		chosen, best := 0., 0.
		for _, power := range []float64{0, .25, .5, .75, 1} {
			if mean := eval.Mean(judge(negatives, power, 0, 5)).Mean; mean > best {
				chosen, best = power, mean
			}
		}
		before, after := judge(negatives, 0, 100, 110), judge(negatives, chosen, 100, 110)
		gain := eval.Paired(after, before)
		t.Logf("negatives=%s, popularity_power=%g: NDCG@10 %.4f, was %.4f: %+.4f ± %.4f",
			negatives, chosen, eval.Mean(after).Mean, eval.Mean(before).Mean, gain.Mean, 2*gain.StdErr)
		if negatives == "uniform" && !(gain.Mean > 2*gain.StdErr) {
			t.Errorf("popularity that explains gains %+.4f ± %.4f", gain.Mean, 2*gain.StdErr)
		}
	}
}
