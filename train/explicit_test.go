package train

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"kindred"
	"kindred/dataset"
)

// TestExplicitNext asks for what comes next in a stranger's session, with and
// without what the session has seen.
func TestExplicitNext(t *testing.T) {
	x := NewExplicit()
	for _, item := range []string{"a", "b", "c"} {
		x.Add(dataset.TrainPart, "u", item, 0)
	}
	for _, item := range []string{"b", "c", "b"} { // beginnings: b → c, b c → b
		x.Add(dataset.TestPart, "session", item, 0)
	}
	for name, c := range map[string]struct {
		repeats bool
		cases   int
		mrr     float64
		leftOut int
	}{
		// The model ranks a, b, c: c comes third where b competes, second where
		// it is hidden; b comes second where it may return.
		"repeats allowed": {true, 2, (1./3 + 1./2) / 2, 0},
		"repeats hidden":  {false, 1, 1. / 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := x.Judge(t.Context(), ExplicitSettings{
				Candidates: []Candidate{{fixedScores{Rank: "a"}}}, Metric: "mrr@3", CountRepeats: c.repeats, Next: dataset.AllPrefixes,
			}, nil)
			if err != nil {
				t.Fatal(err)
			}
			m := r.Test[0].Metrics
			if got := m.Estimates["mrr@3"].Mean; m.Users != c.cases || math.Abs(got-c.mrr) > 1e-12 || r.LeftOut != c.leftOut {
				t.Errorf("MRR %g of %d cases, %d left out, want %g of %d, %d", got, m.Users, r.LeftOut, c.mrr, c.cases, c.leftOut)
			}
		})
	}
}

// TestExplicitCandidates expects the test item to be ranked against the given
// ones only, and the metrics to say so.
func TestExplicitCandidates(t *testing.T) {
	x := NewExplicit()
	x.Add(dataset.TrainPart, "u", "a", 1)
	x.Add(dataset.TestPart, "u", "e", 1) // fourth of b, c, d, e; second of d, e
	x.Add(dataset.TrainPart, "w", "a", 1)
	x.Add(dataset.TestPart, "w", "b", 1)
	for _, item := range []string{"b", "c", "d"} {
		x.Add(dataset.TrainPart, "v", item, 1)
	}
	x.AddCandidate("u", "d")
	r, err := x.Judge(t.Context(), ExplicitSettings{Candidates: []Candidate{{fixedScores{Rank: "a"}}}, Metric: "mrr@5"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := r.Test[0].Metrics
	if _, unmarked := m.Estimates["mrr@5"]; unmarked || r.Metric != "sampled_mrr@5" {
		t.Errorf("the metrics pass for those of full rankings: %v", m.Names)
	}
	if got := m.Estimates["sampled_mrr@5"].Mean; got != 1./2 || m.Users != 1 || r.LeftOut != 1 {
		t.Errorf("MRR %g of %d users, %d left out", got, m.Users, r.LeftOut)
	}
}

// TestCrossValidate expects every interaction to be tested on once by
// interactions, and each user once, as a stranger, by users.
func TestCrossValidate(t *testing.T) {
	x := NewExplicit()
	for u := range 20 {
		for k := range 5 {
			x.Add(dataset.TrainPart, fmt.Sprint("u", u), string(rune('a'+(u+k)%10)), 1)
		}
	}
	settings := ExplicitSettings{Candidates: []Candidate{{fixedScores{Rank: "a"}}}, Metric: "recall@10"}
	for _, by := range []FoldBy{FoldInteractions, FoldUsers} {
		tested := map[meeting]int{}
		f := FoldSettings{K: 4, By: by, Known: .6, Seed: 1}
		for fold := range int32(4) {
			y := x.fold(f, fold)
			trained := map[int32]bool{}
			for _, m := range y.parts[dataset.TrainPart] {
				trained[m.user] = true
			}
			for _, m := range y.parts[dataset.TestPart] {
				tested[m]++
				if by == FoldUsers && trained[m.user] {
					t.Fatalf("user %d is tested on as a stranger and is none", m.user)
				}
			}
		}
		want := map[FoldBy]int{FoldInteractions: 100, FoldUsers: 40}[by]
		if len(tested) != want {
			t.Errorf("by %s %d meetings are tested on, want %d", by, len(tested), want)
		}
		r, err := x.CrossValidate(t.Context(), f, settings, nil)
		if err != nil {
			t.Fatal(err)
		}
		mean := 0.
		for _, fold := range r.Folds {
			mean += fold.Test[0].Metrics.Estimates["recall@10"].Mean / 4
		}
		if got := r.Test[0].Metrics.Estimates["recall@10"]; len(r.Folds) != 4 || math.Abs(got.Mean-mean) > 1e-12 || math.IsNaN(got.StdErr) {
			t.Errorf("by %s: %d folds, recall %v, want the mean %g", by, len(r.Folds), got, mean)
		}
	}
	if _, err := x.CrossValidate(t.Context(), FoldSettings{K: 1, Known: .5}, settings, nil); kindred.KindOf(err) != kindred.Invalid {
		t.Errorf("one fold: %v", err)
	}
}

// TestShares expects a quarter of each user's items in the test.
func TestShares(t *testing.T) {
	x := NewExplicit()
	for n := range 220 {
		x.Add(dataset.TrainPart, fmt.Sprint("u", n%10), fmt.Sprint(n), 1)
	}
	if err := x.Split(Random, Shares{Test: .25, Valid: .5}, 1); err != nil {
		t.Fatal(err)
	}
	counts := map[int32]int{}
	for _, m := range x.parts[dataset.TestPart] {
		counts[m.user]++
	}
	for u, n := range counts { // 22 × .25 = 5.5
		if n != 6 {
			t.Errorf("user %d has %d of 22 items in the test", u, n)
		}
	}
	if n := len(x.parts[dataset.ValidationPart]); len(counts) != 10 || n != 80 {
		t.Errorf("%d users are tested on; %d items validate, want half of the 160 left", len(counts), n)
	}
	if err := x.Split(Random, Shares{Test: .6, Valid: .4}, 1); kindred.KindOf(err) != kindred.Invalid {
		t.Errorf("nothing left to learn from: %v", err)
	}
}

// TestHoldBackNext expects validation to be like the test: events that go on
// from training sequences, or whole sequences of strangers.
func TestHoldBackNext(t *testing.T) {
	for tester, want := range map[string]int{"u": 40, "stranger": 0} {
		x := NewExplicit()
		for n := range 400 {
			x.Add(dataset.TrainPart, fmt.Sprint("u", n%40), fmt.Sprint(n), int64(n))
			x.Add(dataset.TestPart, fmt.Sprint(tester, n%40), "next", 1000)
		}
		x.HoldBackNext(.3, 1)
		trained, both := map[int32]bool{}, map[int32]bool{}
		for _, m := range x.parts[dataset.TrainPart] {
			trained[m.user] = true
		}
		for _, m := range x.parts[dataset.ValidationPart] {
			if trained[m.user] {
				both[m.user] = true
			}
		}
		if n := len(x.parts[dataset.ValidationPart]); len(both) != want || n == 0 || n > 200 {
			t.Errorf("tested on %ss: %d of the sequences that validate are also trained on, %d events", tester, len(both), n)
		}
	}
}

// TestRepeatsAndRevenue splits events at a moment: known users go back to items
// they know, at prices of their own or the item's.
func TestRepeatsAndRevenue(t *testing.T) {
	cut := start.Add(time.Hour)
	purchase := func(user, item string, pieces float64, at time.Time, around string) kindred.Event {
		e := kindred.Event{User: kindred.UserID(user), Item: kindred.ItemID(item), Kind: kindred.Purchase, Value: pieces, Time: at}
		if around != "" {
			e.Context = []byte(around)
		}
		return e
	}
	events := []kindred.Event{
		purchase("u", "a", 1, start, ""), purchase("v", "b", 1, start, ""),
		purchase("u", "a", 3, cut, `{"price":2}`),
		purchase("u", "b", 2, cut.Add(time.Minute), ""),
	}
	for repeats, want := range map[bool]float64{true: 3*2 + 2*5, false: 2 * 5} {
		s := settings(t)
		s.Candidates, s.Cut, s.Dataset.CountRepeats = nil, cut, repeats
		r, err := Judge(t.Context(), s, till{events, map[kindred.ItemID]float64{"a": 100, "b": 5}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Judged[0].Metrics.Estimates["revenue@20"].Mean; got != want || r.Cases != 1 {
			t.Errorf("repeats %v: revenue %g of %d users, want %g of 1", repeats, got, r.Cases, want)
		}
		s.Prices = asked{{Item: "a", From: start, Cost: 7}, {Item: "b", From: start.Add(time.Minute), Cost: 1}, {Item: "b", From: cut.Add(time.Minute), Cost: 4}, {Item: "b", From: cut.Add(time.Hour), Cost: 9}}
		if r, err = Judge(t.Context(), s, till{events, nil}, nil); err != nil {
			t.Fatal(err)
		}
		if got := r.Judged[0].Metrics.Estimates["revenue@20"].Mean; got != want-2*5+2*4 {
			t.Errorf("repeats %v: revenue %g at the prices of the time", repeats, got)
		}
	}
}

// TestCosts takes the price of the moment, or the first that is known.
func TestCosts(t *testing.T) {
	c := costs{"a": asked{{Item: "a", From: start, Cost: 1}, {Item: "a", From: start.Add(time.Hour), Cost: 2}}}
	for ahead, want := range map[time.Duration]float64{-time.Hour: 1, 0: 1, time.Hour - 1: 1, time.Hour: 2, 9 * time.Hour: 2} {
		if got := c.at("a", start.Add(ahead)); got != want {
			t.Errorf("%v ahead it costs %g, want %g", ahead, got, want)
		}
	}
	if got := c.at("b", start); got != 0 {
		t.Errorf("what nobody priced costs %g", got)
	}
}

// asked are prices.
type asked []kindred.Price

func (a asked) ScanPrices(_ context.Context, fn func(kindred.Price) error) error {
	for _, p := range a {
		if err := fn(p); err != nil {
			return err
		}
	}
	return nil
}

// till is a source of events whose items have prices.
type till struct {
	events []kindred.Event
	prices map[kindred.ItemID]float64
}

func (s till) ScanEvents(_ context.Context, fn func(*kindred.Event) error) error {
	for i := range s.events {
		if err := fn(&s.events[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s till) ScanItems(_ context.Context, fn func(*kindred.Item) error) error {
	for id, price := range s.prices {
		if err := fn(&kindred.Item{ID: id, Price: price}); err != nil {
			return err
		}
	}
	return nil
}

func (till) ScanUsers(context.Context, func(*kindred.User) error) error { return nil }
