package train

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"kindred"
	"kindred/dataset"
	"kindred/eval"
	"kindred/registry"
)

// shelf is a shop that shows everybody all its items, nearly in the same
// order, and is looked at from the top; what people want has nothing to do with
// that order.
type shelf struct {
	events    []kindred.Event
	exposures []kindred.Exposure
	theta     []float64
	wanted    [][]float64 // by user and item
}

func newShelf(seed uint64) *shelf {
	const users, items, lists, groups = 300, 40, 6, 4
	r := rand.New(rand.NewPCG(seed, 7))
	s := &shelf{}
	for k := range items {
		s.theta = append(s.theta, math.Pow(float64(k+1), -.6))
	}
	var liking [groups][items]float64
	for g := range liking {
		for i := range liking[g] {
			liking[g][i] = .02 + .4*math.Pow(r.Float64(), 3)
		}
	}
	order, at := make([]int, items), make([]float64, items)
	for n := range users * lists {
		user := n % users
		if n < users {
			s.wanted = append(s.wanted, liking[user%groups][:])
		}
		for i := range order {
			order[i], at[i] = i, float64(i)+6*r.NormFloat64()
		}
		slices.SortFunc(order, func(a, b int) int { return int(math.Copysign(1, at[a]-at[b])) })
		x := kindred.Exposure{RequestID: fmt.Sprint("r", n), User: kindred.UserID(fmt.Sprint("u", user)), Time: start.Add(time.Duration(n) * time.Minute)}
		for k, i := range order {
			item := kindred.ItemID(fmt.Sprintf("i%02d", i))
			x.Items = append(x.Items, item)
			if r.Float64() < s.theta[k]*s.wanted[user][i] {
				s.events = append(s.events, kindred.Event{
					User: x.User, Item: item, Kind: kindred.Click, Value: 1, RequestID: x.RequestID, Position: k + 1,
					Time: x.Time.Add(time.Duration(k) * time.Second), Context: fmt.Appendf(nil, `{"propensity":%g}`, s.theta[k]),
				})
			}
		}
		s.exposures = append(s.exposures, x)
	}
	return s
}

func (s *shelf) ScanEvents(_ context.Context, fn func(*kindred.Event) error) error {
	for i := range s.events {
		if err := fn(&s.events[i]); err != nil {
			return err
		}
	}
	return nil
}
func (*shelf) ScanItems(context.Context, func(*kindred.Item) error) error { return nil }
func (*shelf) ScanUsers(context.Context, func(*kindred.User) error) error { return nil }

func (s *shelf) ScanExposures(_ context.Context, fn func(*kindred.Exposure) error) error {
	for i := range s.exposures {
		if err := fn(&s.exposures[i]); err != nil {
			return err
		}
	}
	return nil
}

// judge returns every user's NDCG@10 on what the user wants of items put
// before it at random, all of them looked at: the unbiased part.
func (s *shelf) judge(t *testing.T, candidate string, settings Settings, seed uint64) []float64 {
	t.Helper()
	r, err := newRun(t.Context(), settings, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if settings.Positions != NoPositions {
		for k, theta := range r.result.Positions.Theta {
			if math.Abs(theta-s.theta[k]) > 5*r.result.Positions.StdErr[k] {
				t.Errorf("place %d: %.3f ± %.3f, planted %.3f", k+1, theta, r.result.Positions.StdErr[k], s.theta[k])
			}
		}
	}
	data, err := r.builder.Build(r.result.Data.To)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ParseCandidate(candidate, 1)
	if err != nil {
		t.Fatal(err)
	}
	learned, err := c.Fit(t.Context(), data, nil)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(seed, 8))
	var cases []dataset.Case
	for u, wanted := range s.wanted {
		one := dataset.Case{User: -1}
		if index, known := data.Users.Index(fmt.Sprint("u", u)); known {
			one.User, one.History = index, data.History(int(index))
		}
		for i, p := range wanted {
			item, known := data.Items.Index(fmt.Sprintf("i%02d", i))
			if rng.Float64() < p && known && !slices.Contains(one.History.Items, item) {
				one.Relevant = append(one.Relevant, item)
			}
		}
		cases = append(cases, one)
	}
	report, err := eval.Judge(t.Context(), learned, data.Items.Len(), cases, eval.Options{Ks: []int{10}, PerUser: "ndcg@10"})
	if err != nil {
		t.Fatal(err)
	}
	return report.PerUser
}

// TestPropensityWeightedTraining expects weights by estimated and by logged
// propensities to rank better, on what chance shows, than clicks as they are:
// over five shops, beyond twice the standard error.
func TestPropensityWeightedTraining(t *testing.T) {
	plain := settings(t)
	estimated, logged := plain, plain
	estimated.Positions = AllPairsPositions
	logged.Dataset.Debias = dataset.Debias{Logged: true, Clip: 20}
	for _, candidate := range []string{
		"popular", "userknn:weight_power=1,popular_items=0", "rp3beta:weight_power=1,beta=0", "covisit:weight_power=1,popularity_discount=0",
	} {
		var before, byEstimate, byLog []float64
		for seed := range uint64(5) {
			s := newShelf(seed)
			estimated.Exposures = s
			before = append(before, s.judge(t, candidate, plain, seed)...)
			byEstimate = append(byEstimate, s.judge(t, candidate, estimated, seed)...)
			byLog = append(byLog, s.judge(t, candidate, logged, seed)...)
		}
		for name, after := range map[string][]float64{"estimated": byEstimate, "logged": byLog} {
			gain := eval.Paired(after, before)
			t.Logf("%s, %s propensities: NDCG@10 %.4f against %.4f, %+.4f ± %.4f", candidate, name,
				eval.Mean(after).Mean, eval.Mean(before).Mean, gain.Mean, 2*gain.StdErr)
			if gain.Mean < 2*gain.StdErr || math.IsNaN(gain.StdErr) {
				t.Errorf("%s: %s propensities gain %+.4f ± %.4f", candidate, name, gain.Mean, 2*gain.StdErr)
			}
		}
	}
}

// drifting returns events of users who turn to another group of items every
// day; the dwell time says nothing.
func drifting(n int) eventsOnly {
	return func(_ context.Context, fn func(*kindred.Event) error) error {
		rng := rand.New(rand.NewPCG(2, 2))
		for i := range n {
			user, day := rng.IntN(120), i/(24*60)
			e := event(i, user, (user+3*day)%10*20+rng.IntN(20))
			e.Context = fmt.Appendf(nil, `{"dwell_seconds":%d}`, rng.IntN(30))
			if err := fn(e); err != nil {
				return err
			}
		}
		return nil
	}
}

// TestCompareSignals expects the way that lets events age to be chosen by what
// came before the hold-out, to be in the lineage, and what came later to change
// nothing.
func TestCompareSignals(t *testing.T) {
	s, least := settings(t), 20.
	s.Candidates = nil
	for _, text := range []string{"itemknn:weight_power=1", "popular"} {
		c, err := ParseCandidate(text, 1)
		if err != nil {
			t.Fatal(err)
		}
		s.Candidates = append(s.Candidates, c)
	}
	ageing, long := s.Dataset, s.Dataset
	ageing.HalfLife = 6 * time.Hour
	long.Signals = map[kindred.Kind]dataset.Signal{kindred.View: {From: dataset.DwellReading, Min: &least}}
	s.Signals = []Alternative{{Name: "long views", Dataset: long}, {Name: "ageing", Dataset: ageing}}
	reg := openRegistry(t)
	result, err := Run(t.Context(), s, drifting(6000), reg, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := result.Signals
	if second := c.Judged[1].Behind; c.Judged[0].Name != "ageing" || len(c.Judged) != 3 || c.Cases < minCases || second.Mean > -2*second.StdErr {
		t.Errorf("chosen: %s of %d, the next %s behind by %v", c.Judged[0].Name, len(c.Judged), c.Judged[1].Name, second)
	}
	if !c.To.Equal(result.Cut) || !c.From.Before(c.To) {
		t.Errorf("validated from %v to %v, tested from %v", c.From, c.To, result.Cut)
	}
	for i := range c.Judged {
		if n := len(c.Judged[i].Best.Metrics.PerUser); n != c.Cases {
			t.Errorf("%s is asked %d of %d cases", c.Judged[i].Name, n, c.Cases)
		}
	}
	loaded, err := reg.Load(result.Live[registry.Popular])
	if err != nil || loaded.Signals.HalfLife != ageing.HalfLife || loaded.Signals.Weights[kindred.Purchase] != 5 {
		t.Errorf("lineage %s, %v", loaded.Version.Signals, err)
	}
	changed, err := CompareSignals(t.Context(), s, otherFuture{drifting(6000), c.To}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := text(t, c.Judged), text(t, changed.Judged); a != b {
		t.Errorf("another future changes the choice:\n%s\n%s", a, b)
	}
}

// text is JSON without the times that fits took.
func text(t *testing.T, judged []JudgedSignals) string {
	t.Helper()
	judged = slices.Clone(judged)
	for i := range judged {
		judged[i].Best.FitTime = 0
	}
	b, err := json.Marshal(judged)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// otherFuture lets everybody do something else from a moment on.
type otherFuture struct {
	eventsOnly
	cut time.Time
}

func (o otherFuture) ScanEvents(ctx context.Context, fn func(*kindred.Event) error) error {
	return o.eventsOnly.ScanEvents(ctx, func(e *kindred.Event) error {
		other := *e
		if !e.Time.Before(o.cut) {
			other.Item, other.Context = "fashion", nil
		}
		return fn(&other)
	})
}

// TestCompareSignalsFaults expects to be told what is missing.
func TestCompareSignalsFaults(t *testing.T) {
	s := settings(t)
	s.Signals = []Alternative{{Name: "same", Dataset: s.Dataset}}
	atOnce := eventsOnly(func(ctx context.Context, fn func(*kindred.Event) error) error {
		return clusters(100)(ctx, func(e *kindred.Event) error {
			e.Time = start
			return fn(e)
		})
	})
	if _, err := CompareSignals(t.Context(), s, atOnce, nil); kindred.KindOf(err) != kindred.Invalid || !strings.Contains(err.Error(), "later") {
		t.Errorf("without times: %v", err)
	}
	s.Positions, s.Exposures = AllPairsPositions, &shelf{}
	if _, err := Judge(t.Context(), s, clusters(100), nil); kindred.KindOf(err) != kindred.Conflict || !strings.Contains(err.Error(), "request_id") {
		t.Errorf("position bias without lists: %v", err)
	}
}
