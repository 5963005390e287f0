package train

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"kindred"
	"kindred/dataset"
	"kindred/model"
	"kindred/registry"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// TestRun expects a model that knows the groups of the data to go live, with
// its lineage, and the others to take their roles.
func TestRun(t *testing.T) {
	reg := openRegistry(t)
	result, err := Run(t.Context(), settings(t), clusters(4000), reg, nil)
	if err != nil {
		t.Fatal(err)
	}
	best := result.Judged[0]
	if best.Kind == popular || best.Better.Mean < 3*best.Better.StdErr {
		t.Errorf("the best is %s, better than popularity by %v", best.Kind, best.Better)
	}
	if result.Cases < minCases || !result.Cut.After(start) || result.Data.Events != 4000 {
		t.Errorf("judged on %d users after %v, of %d events", result.Cases, result.Cut, result.Data.Events)
	}
	for role, kind := range map[registry.Role]string{
		registry.Personal: best.Kind, registry.Similar: itemKNN, registry.Popular: popular,
	} {
		loaded, err := reg.Load(result.Live[role])
		if err != nil {
			t.Fatal(err)
		}
		v := loaded.Version
		if v.Kind != kind || v.Stage != kindred.Live {
			t.Errorf("%s is played by a %s that is %s", role, v.Kind, v.Stage)
		}
		if v.Metrics["ndcg@20"] <= 0 || v.Baseline["ndcg@20"] <= 0 || !reflect.DeepEqual(v.Data, result.Data) || v.CodeVersion != "test" ||
			len(v.Settings) == 0 || v.Data.Interactions == 0 {
			t.Errorf("the lineage has gaps: %+v", v)
		}
	}
}

// TestLeftOut learns the same from events of any verdict as from those that
// are accepted alone, and counts the others by verdict.
func TestLeftOut(t *testing.T) {
	dirty := eventsOnly(func(ctx context.Context, fn func(*kindred.Event) error) error {
		n := 0
		return clusters(1000)(ctx, func(e *kindred.Event) error {
			e.Verdict = []kindred.Verdict{0, kindred.Unjoined, kindred.Bot, kindred.Bot | kindred.Misdated, 0}[n%5]
			n++
			return fn(e)
		})
	})
	clean := eventsOnly(func(ctx context.Context, fn func(*kindred.Event) error) error {
		return dirty(ctx, func(e *kindred.Event) error {
			if e.Verdict&kindred.Bot != 0 {
				return nil
			}
			return fn(e)
		})
	})
	got, err := Judge(t.Context(), settings(t), dirty, nil)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Judge(t.Context(), settings(t), clean, nil)
	if err != nil {
		t.Fatal(err)
	}
	want.Data.LeftOut = map[string]int64{"bot": 200, "bot,misdated": 200}
	if !reflect.DeepEqual(got.Data, want.Data) || got.Data.Events != 600 || !maps.Equal(means(got.Judged[0].Metrics), means(want.Judged[0].Metrics)) {
		t.Errorf("got %+v, want %+v", got.Data, want.Data)
	}
}

// TestSameBytes expects two runs over the same events, in another order, to
// make the same artefacts.
func TestSameBytes(t *testing.T) {
	var artefacts [2][]string
	scan := clusters(3000)
	for n := range artefacts {
		result, err := Run(t.Context(), settings(t), scan, openRegistry(t), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range result.Versions {
			artefacts[n] = append(artefacts[n], v.Kind+" "+v.Artefact)
		}
		scan = backwards(t, scan)
	}
	if !slices.Equal(artefacts[0], artefacts[1]) {
		t.Errorf("first %v, then %v", artefacts[0], artefacts[1])
	}
}

// TestNothingToFind expects popularity to stay live where the events are noise.
func TestNothingToFind(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	noise := eventsOnly(func(_ context.Context, fn func(*kindred.Event) error) error {
		for n := range 6000 {
			item := min(rng.IntN(60), rng.IntN(60)) // some are popular
			if err := fn(event(n, rng.IntN(300), item)); err != nil {
				return err
			}
		}
		return nil
	})
	result, err := Run(t.Context(), settings(t), noise, openRegistry(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if personal := result.Live[registry.Personal]; personal != result.Live[registry.Popular] {
		t.Errorf("live: %v, though the best is better by %+v only", result.Live, result.Judged[0].Better)
	}
}

// TestOneEvent expects popularity to go live where nothing can be judged.
func TestOneEvent(t *testing.T) {
	result, err := Run(t.Context(), settings(t), clusters(1), openRegistry(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if personal := result.Live[registry.Personal]; personal == "" || personal != result.Live[registry.Popular] {
		t.Errorf("live: %v", result.Live)
	}
}

// TestWithoutTimes expects data whose events all lie at one moment to be judged
// on a random share of each user's items.
func TestWithoutTimes(t *testing.T) {
	flat := eventsOnly(func(ctx context.Context, fn func(*kindred.Event) error) error {
		return clusters(4000)(ctx, func(e *kindred.Event) error {
			e.Time = start
			return fn(e)
		})
	})
	result, err := Run(t.Context(), settings(t), flat, openRegistry(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if !result.Cut.IsZero() || result.Cases < 100 || result.Judged[0].Kind == popular {
		t.Errorf("cut %v, %d cases, best %s", result.Cut, result.Cases, result.Judged[0].Kind)
	}
}

// TestRunRefuses lists what stops a run.
func TestRunRefuses(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	broken := errors.New("the disk is gone")
	for _, c := range []struct {
		name string
		ctx  context.Context //nolint:containedctx // a case of a table
		scan eventsOnly
		want func(error) bool
	}{
		{"no events", t.Context(), clusters(0), func(err error) bool { return kindred.KindOf(err) == kindred.Conflict }},
		{"a cancelled run", cancelled, clusters(3000), func(err error) bool { return errors.Is(err, context.Canceled) }},
		{
			"a failing store", t.Context(), func(context.Context, func(*kindred.Event) error) error { return broken },
			func(err error) bool { return errors.Is(err, broken) },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			reg := openRegistry(t)
			_, err := Run(c.ctx, settings(t), c.scan, reg, nil)
			if !c.want(err) {
				t.Errorf("got %v", err)
			}
			if list, err := reg.List(); err != nil || len(list) > 0 {
				t.Errorf("left behind: %v, %v", list, err)
			}
		})
	}
}

// TestExplicitChoosesOnValidation plants a setting that is best on the test
// part and worst on the validation part, and expects it not to be chosen.
func TestExplicitChoosesOnValidation(t *testing.T) {
	good, bad := Candidate{fixedScores{Rank: "a"}}, Candidate{fixedScores{Rank: "b"}}
	x := NewExplicit()
	for u := range 40 {
		user := fmt.Sprint("u", u)
		x.Add(dataset.TrainPart, user, "c", 1)
		x.Add(dataset.ValidationPart, user, "a", 2)
		x.Add(dataset.TestPart, user, "b", 3)
	}
	r, err := x.Judge(t.Context(), ExplicitSettings{Candidates: []Candidate{bad, good}, Metric: "mrr@2"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Test) != 1 || string(r.Test[0].Settings) != `{"rank":"a"}` {
		t.Fatalf("chosen: %+v", r.Test)
	}
	if got := r.Test[0].Metrics.Estimates["mrr@2"].Mean; got != 0.5 {
		t.Errorf("on the test the chosen one has MRR %g, want .5", got)
	}
	if len(r.Validation) != 2 || r.Validation[0].Metrics.Estimates["mrr@2"].Mean != 1 {
		t.Errorf("validation: %+v", r.Validation)
	}
	if _, err := x.Judge(t.Context(), ExplicitSettings{Candidates: []Candidate{good}, Metric: "mrr@2"}, nil); err != nil {
		t.Errorf("without a choice: %v", err)
	}
}

// TestExplicitNeedsValidation expects a choice without validation data to be
// refused rather than made on the test.
func TestExplicitNeedsValidation(t *testing.T) {
	x := NewExplicit()
	x.Add(dataset.TrainPart, "u", "a", 1)
	x.Add(dataset.TestPart, "u", "b", 1)
	_, err := x.Judge(t.Context(), ExplicitSettings{
		Candidates: []Candidate{{fixedScores{Rank: "a"}}, {fixedScores{Rank: "b"}}}, Metric: "mrr@2",
	}, nil)
	if kindred.KindOf(err) != kindred.Invalid || !strings.Contains(err.Error(), "--valid") {
		t.Errorf("got %v", err)
	}
}

// TestSplits expects each rule to keep every meeting, once, on its side.
func TestSplits(t *testing.T) {
	for _, rule := range []Split{LeaveLastOut, Chronological, Random, Sessions} {
		t.Run(string(rule), func(t *testing.T) {
			x, rng := NewExplicit(), rand.New(rand.NewPCG(1, 1))
			for n := range 1000 {
				x.Add(dataset.TrainPart, fmt.Sprint(rng.IntN(30)), fmt.Sprint(n), int64(rng.IntN(5000)))
			}
			x.Add(dataset.TrainPart, "rare", "1", 1)
			x.Add(dataset.TrainPart, "late", "2", 6000)
			if err := x.Split(rule, Shares{Test: .1, Valid: .1}, 7); err != nil {
				t.Fatal(err)
			}
			seen := map[int32]int{}
			for _, part := range x.parts {
				for _, m := range part {
					seen[m.item]++
				}
			}
			if len(seen) != 1000 {
				t.Errorf("%d of 1000 items are left", len(seen))
			}
			checkSplit(t, rule, x)
		})
	}
	if err := NewExplicit().Split("by-magic", Shares{Test: .1}, 1); kindred.KindOf(err) != kindred.Invalid {
		t.Errorf("an unknown rule: %v", err)
	}
}

func checkSplit(t *testing.T, rule Split, x *Explicit) {
	t.Helper()
	last := map[int32]int64{} // by user: the latest time in training
	for _, m := range x.parts[dataset.TrainPart] {
		last[m.user] = max(last[m.user], m.time)
	}
	latest := int64(0)
	for _, at := range last {
		latest = max(latest, at)
	}
	for _, m := range x.parts[dataset.TestPart] {
		if rule == LeaveLastOut && m.time < last[m.user] {
			t.Errorf("user %d is tested on time %d and trained up to %d", m.user, m.time, last[m.user])
		}
		if rule == Chronological && m.time < latest {
			t.Errorf("tested on time %d and trained up to %d", m.time, latest)
		}
	}
	if rule == Sessions {
		for _, m := range x.parts[dataset.TestPart] {
			if _, trained := last[m.user]; trained {
				t.Errorf("session %d is tested on and trained on", m.user)
			}
		}
	}
	if rule == Chronological && x.cold != 1 {
		t.Errorf("%d users are counted as cold, want the late one", x.cold)
	}
	if tests := len(x.parts[dataset.TestPart]); tests < 30 {
		t.Errorf("only %d meetings to test on", tests)
	}
}

// TestHoldBack expects the share of each user's items to move, the same for
// the same seed.
func TestHoldBack(t *testing.T) {
	held := func(seed uint64) (items []int32) {
		x := NewExplicit()
		for n := range 200 {
			x.Add(dataset.TrainPart, fmt.Sprint(n%10), fmt.Sprint(n), 1)
		}
		x.HoldBack(0.2, seed)
		if n, m := len(x.parts[dataset.TrainPart]), len(x.parts[dataset.ValidationPart]); n != 160 || m != 40 {
			t.Errorf("%d stay and %d are held back", n, m)
		}
		for _, m := range x.parts[dataset.ValidationPart] {
			items = append(items, m.item)
		}
		return items
	}
	if !slices.Equal(held(1), held(1)) || slices.Equal(held(1), held(2)) {
		t.Error("what is held back does not depend on the seed alone")
	}
}

// TestLists expects every test user's list, best first, without the history.
func TestLists(t *testing.T) {
	x := NewExplicit()
	x.Add(dataset.TrainPart, "u", "c", 1)
	x.Add(dataset.TestPart, "u", "b", 1)
	x.Add(dataset.TrainPart, "v", "a", 1)
	x.Add(dataset.TestPart, "v", "b", 1)
	var written bytes.Buffer
	_, err := x.Judge(t.Context(), ExplicitSettings{
		Candidates: []Candidate{{fixedScores{Rank: "a"}}}, Metric: "mrr@3",
		Lists: func(string) (io.WriteCloser, error) { return closer{&written}, nil },
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := "u\ta\tb\nv\tb\tc\n"; written.String() != want {
		t.Errorf("got %q, want %q", written.String(), want)
	}
}

// TestParseCandidate expects settings to be read, checked and seeded.
func TestParseCandidate(t *testing.T) {
	c, err := ParseCandidate("ials:factors=32,epochs=3", 9)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"factors":32`, `"epochs":3`, `"seed":9`} {
		if !strings.Contains(string(c.Settings()), want) {
			t.Errorf("settings %s lack %s", c.Settings(), want)
		}
	}
	c, err = ParseCandidate("blend:models=[ials:factors=8,alpha=5|fusion:models=[itemknn|popular],method=combsum|ease],buckets=1", 9)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"models":[{"kind":"ials","settings":{"alpha":5,"factors":8}},` +
		`{"kind":"fusion","settings":{"method":"combsum","models":[{"kind":"itemknn","settings":{}},{"kind":"popular","settings":{}}]}},` +
		`{"kind":"ease","settings":{}}],"scaling":"auto","buckets":1,"hold_out":"latest","max_held_out":5,"repeats":"hide","depth":100,"seed":9}`
	if got := string(c.Settings()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, bad := range []string{
		"blend:models=[]", "blend:models=[magic]", "blend:models=[ials:factors=-1]", "blend:models=[ials", "blend:models=ials", "blend:models=[ials|]",
		"", "magic", "ials:factors", "ials:factor=3", "ials:factors=many", "ials:factors=-1", "popular:factors=2",
	} {
		if c, err := ParseCandidate(bad, 1); kindred.KindOf(err) != kindred.Invalid {
			t.Errorf("%q became %+v with error %v", bad, c, err)
		}
	}
}

func TestSplitCandidates(t *testing.T) {
	for text, want := range map[string][]string{
		"ials":                   {"ials"},
		"itemknn,ials":           {"itemknn", "ials"},
		"ials:factors=8,alpha=5": {"ials:factors=8,alpha=5"},
		"ials:factors=8,alpha=5,ease,slim:candidates=9":                {"ials:factors=8,alpha=5", "ease", "slim:candidates=9"},
		"blend:models=[ials:factors=8,alpha=5|ease],buckets=1,popular": {"blend:models=[ials:factors=8,alpha=5|ease],buckets=1", "popular"},
		"a=1,b=2": {"a=1,b=2"},
		"":        {""},
		"ials,":   {"ials", ""},
	} {
		if got := SplitCandidates(text); !slices.Equal(got, want) {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func TestParseMetric(t *testing.T) {
	if m, err := ParseMetric("ndcg@20"); err != nil || m != (Metric{"ndcg", 20}) || m.String() != "ndcg@20" {
		t.Errorf("ndcg@20 became %v, %v", m, err)
	}
	for _, bad := range []string{"", "ndcg", "ndcg@", "ndcg@0", "ndcg@-1", "coverage@10", "ndcg@1e3", "ndcg@20@20"} {
		if m, err := ParseMetric(bad); kindred.KindOf(err) != kindred.Invalid {
			t.Errorf("%q became %v with error %v", bad, m, err)
		}
	}
}

// settings are small candidates for small data.
func settings(t *testing.T) Settings {
	t.Helper()
	s := Settings{
		Dataset: dataset.Defaults(), Metric: "ndcg@20", Holdout: 0.2, Seed: 1, Keep: 2, CodeVersion: "test",
		Now: func() time.Time { return start },
	}
	for _, text := range []string{"itemknn", "ials:factors=16,epochs=8"} {
		c, err := ParseCandidate(text, s.Seed)
		if err != nil {
			t.Fatal(err)
		}
		s.Candidates = append(s.Candidates, c)
	}
	return s
}

// eventsOnly is a source of events whose items and users nothing describes.
type eventsOnly func(context.Context, func(*kindred.Event) error) error

func (scan eventsOnly) ScanEvents(ctx context.Context, fn func(*kindred.Event) error) error {
	return scan(ctx, fn)
}
func (eventsOnly) ScanItems(context.Context, func(*kindred.Item) error) error { return nil }
func (eventsOnly) ScanUsers(context.Context, func(*kindred.User) error) error { return nil }

// clusters returns events of users who each keep to one of ten groups of items.
func clusters(n int) eventsOnly {
	return func(_ context.Context, fn func(*kindred.Event) error) error {
		rng := rand.New(rand.NewPCG(1, 1))
		for i := range n {
			user := rng.IntN(120)
			if err := fn(event(i, user, user%10*20+rng.IntN(20))); err != nil {
				return err
			}
		}
		return nil
	}
}

func event(n, user, item int) *kindred.Event {
	return &kindred.Event{
		ID: fmt.Sprint(n), User: kindred.UserID(fmt.Sprint("u", user)), Item: kindred.ItemID(fmt.Sprint("i", item)),
		Kind: kindred.View, Value: 1, Time: start.Add(time.Duration(n) * time.Minute),
	}
}

func backwards(t *testing.T, scan eventsOnly) eventsOnly {
	t.Helper()
	var all []kindred.Event
	if err := scan(t.Context(), func(e *kindred.Event) error { all = append(all, *e); return nil }); err != nil {
		t.Fatal(err)
	}
	return func(_ context.Context, fn func(*kindred.Event) error) error {
		for i := range all {
			if err := fn(&all[len(all)-1-i]); err != nil {
				return err
			}
		}
		return nil
	}
}

func openRegistry(t *testing.T) *registry.Registry {
	t.Helper()
	reg, err := registry.Open(filepath.Join(t.TempDir(), "models"))
	if err != nil {
		t.Fatal(err)
	}
	return reg
}

// fixedScores is an algorithm that always ranks one item first and the others
// by name.
type fixedScores struct {
	Rank string `json:"rank"`
}

func (fixedScores) Kind() string    { return "fixed" }
func (fixedScores) Validate() error { return nil }

func (f fixedScores) Fit(_ context.Context, data *dataset.Interactions, _ func(model.Progress)) (model.Learned, error) {
	scores := make(fixedLearned, data.Items.Len())
	for i, id := range data.Items.IDs() {
		scores[i] = -float32(id[0])
		if id == f.Rank {
			scores[i] = 1
		}
	}
	return scores, nil
}

type fixedLearned []float32

func (fixedLearned) Shape() string                               { return "fixed" }
func (f fixedLearned) Items() int                                { return len(f) }
func (f fixedLearned) Score(scores []float32, _ dataset.History) { copy(scores, f) }
func (fixedLearned) WriteTo(io.Writer) (int64, error)            { return 0, errors.New("not for keeping") }

type closer struct{ io.Writer }

func (closer) Close() error { return nil }
