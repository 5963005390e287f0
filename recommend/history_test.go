package recommend

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"kindred"
	"kindred/dataset"
)

// TestWeightsAreThoseOfTraining compares profiles with what dataset.Builder
// makes of the same events.
func TestWeightsAreThoseOfTraining(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	kinds := []kindred.Kind{"view", "purchase", "dislike", "rating", "like", "impression", "search", "own_kind", "play", "skip"}
	lengths := func(item kindred.ItemID) float64 { return map[kindred.ItemID]float64{"1": 4, "2": 5, "3": 10}[item] }
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 3))
		s := dataset.Defaults()
		s.MinRating = float64(r.IntN(4)) // 0: as the highest has it
		if r.IntN(2) == 0 {
			s.HalfLife = time.Hour
		}
		if r.IntN(2) == 0 {
			s.MaxWeight = 6
		}
		if r.IntN(3) > 0 {
			refine(&s, r)
		}
		s.ByGroup = r.IntN(2) == 0
		groups := func(item kindred.ItemID) kindred.ItemID { // of the first five
			return map[kindred.ItemID]kindred.ItemID{"0": "g", "1": "g", "2": "h", "3": "g", "4": "7"}[item]
		}
		b := dataset.NewBuilder(s)
		for i := range 8 {
			id := kindred.ItemID(fmt.Sprint(i))
			b.AddItem(&kindred.Item{ID: id, Group: groups(id), Attributes: kindred.Attributes{"duration_seconds": kindred.NumberOf(lengths(id))}})
		}
		var events []kindred.Event
		for n := range r.IntN(40) {
			e := kindred.Event{
				User: "u", Item: kindred.ItemID(fmt.Sprint(r.IntN(8))), Kind: kinds[r.IntN(len(kinds))],
				Value: float64(1 + r.IntN(5)), Time: now.Add(time.Duration(n-50) * 7 * time.Minute),
				Position: r.IntN(4), Context: contexts[r.IntN(len(contexts))],
			}
			if r.IntN(4) == 0 {
				e.Verdict = []kindred.Verdict{kindred.Bot, kindred.Unjoined, kindred.Released | kindred.Misdated}[r.IntN(3)]
			}
			events = append(events, e)
			b.Add(&e)
		}
		x, err := b.Build(now)
		if err != nil {
			t.Fatal(err)
		}
		var want dataset.History
		if x.Users.Len() > 0 {
			want = x.History(0)
		}
		cut := 0
		if s.MinRating > 0 && s.Signals["rating"].Normalise == "" && len(events) > 0 { // a session's ratings know no others
			cut = r.IntN(len(events))
		}
		var got dataset.History
		c := newCatalogue()
		for i := range 8 {
			id := kindred.ItemID(fmt.Sprint(i))
			c.put([]kindred.Item{{ID: id, Group: groups(id)}}, now)
		}
		v := &view{items: x.Items, byGroup: s.ByGroup}
		p := new(profile).after(events[:cut], &s, lengths, c.group).after(events[cut:], &s, lengths, c.group)
		p.history(&got, p.in(v, c), &s, x.Weighing, now)
		if !slices.Equal(got.Items, want.Items) || !slices.Equal(got.Times, want.Times) {
			t.Fatalf("seed %d: got %+v, want %+v", seed, got, want)
		}
		if !slices.Equal(got.Steps, want.Steps) || !slices.Equal(got.StepTimes, want.StepTimes) {
			t.Fatalf("seed %d: steps %v at %v, want %v at %v", seed, got.Steps, got.StepTimes, want.Steps, want.StepTimes)
		}
		if x.Users.Len() == 0 { // nothing liked: no user of training
			continue
		}
		if !maps.Equal(ratings(got), ratings(want)) {
			t.Fatalf("seed %d: ratings %v, want %v", seed, ratings(got), ratings(want))
		}
		if !slices.Equal(slices.Sorted(slices.Values(got.Disliked)), slices.Sorted(slices.Values(want.Disliked))) {
			t.Fatalf("seed %d: disliked %v, want %v", seed, got.Disliked, want.Disliked)
		}
		for i := range want.Weights {
			if math.Abs(float64(got.Weights[i]-want.Weights[i])) > 1e-5*max(1, math.Abs(float64(want.Weights[i]))) {
				t.Fatalf("seed %d: weights %v, want %v", seed, got.Weights, want.Weights)
			}
		}
	}
}

// refine draws settings of every sort.
func refine(s *dataset.Settings, r *rand.Rand) {
	three, half := 3., .5
	s.Signals = map[kindred.Kind]dataset.Signal{
		"view":     {From: dataset.DwellReading, Grade: dataset.StepsGrade, Steps: []dataset.Step{{From: 2, Weight: 1}, {From: 9, Weight: 2}}, Missing: &half},
		"play":     {From: dataset.CompletionReading, Min: &half, Below: dataset.DislikeBelow, Grade: dataset.LinearGrade, Max: .9},
		"own_kind": {From: dataset.ScrollReading, Grade: dataset.LogGrade, Unit: .5, Base: .1},
		"purchase": {Grade: dataset.LogGrade, Min: &three}, "skip": {Negative: true},
		"rating": {
			Normalise: []dataset.Normalise{dataset.AsGiven, dataset.NormaliseMean, dataset.NormaliseZScore, dataset.NormaliseQuantile}[r.IntN(4)],
			Grade:     []dataset.Grade{dataset.ConstantGrade, dataset.LinearGrade}[r.IntN(2)], Base: 1,
		},
	}
	s.Confidence.Scheme = []dataset.Scheme{"", dataset.LinearScheme, dataset.LogScheme, dataset.BM25Scheme, dataset.TFIDFScheme}[r.IntN(5)]
	s.Debias = dataset.Debias{Logged: r.IntN(2) == 0, Curve: []float64{1, .4, .01}, Clip: 20, Popularity: float64(r.IntN(2)) / 2}
}

// contexts are what clients send along.
var contexts = []json.RawMessage{
	nil, []byte(`{}`), []byte(`{"dwell_seconds":1,"propensity":0.25}`), []byte(`{"dwell_seconds":12.5,"scroll_depth":0.8}`),
	[]byte(`{"scroll_depth":0.1,"propensity":0}`), []byte(`{"dwell_seconds":"long"}`), []byte(`{"dwell_seconds":3,"other":[1]}`),
}

// ratings returns the last rating by item.
func ratings(h dataset.History) map[int32]float32 {
	m := map[int32]float32{}
	for k, i := range h.Rated {
		m[i] = h.Ratings[k]
	}
	return m
}

// TestProfile lists what counts as liked, as known, and as the reason.
func TestProfile(t *testing.T) {
	type did struct {
		kind  kindred.Kind
		value float64
	}
	for name, c := range map[string]struct {
		did     []did
		isLiked bool
		isKnown bool
		speaks  int
	}{
		"shown only":               {[]did{{"impression", 1}}, false, false, 0},
		"viewed":                   {[]did{{"view", 1}}, true, true, viewed},
		"in the cart":              {[]did{{"add_to_cart", 1}}, true, true, viewed},
		"bought, viewed again":     {[]did{{"purchase", 1}, {"view", 1}}, true, true, bought},
		"bought and sent back":     {[]did{{"purchase", 1}, {"refund", 1}}, true, true, bought},
		"disliked":                 {[]did{{"purchase", 1}, {"dislike", 1}}, false, true, 0},
		"sent back only":           {[]did{{"refund", 1}}, false, true, 0},
		"rated low, then viewed":   {[]did{{"rating", 1}, {"view", 1}}, true, true, viewed},
		"rated low":                {[]did{{"rating", 1}}, false, true, 0},
		"rated high":               {[]did{{"rating", 5}}, true, true, liked},
		"disliked, then liked":     {[]did{{"dislike", 1}, {"like", 1}}, true, true, liked},
		"a kind of the shop's own": {[]did{{"own", 1}}, true, true, viewed},
	} {
		t.Run(name, func(t *testing.T) {
			events := []kindred.Event{{Item: "other", Kind: kindred.Rating, Value: 5}}
			for _, d := range c.did {
				events = append(events, kindred.Event{Item: "it", Kind: d.kind, Value: d.value})
			}
			p := new(profile).after(events, defaults(), nil, nil)
			at := slices.IndexFunc(p.steps, func(s step) bool { return s.item == "it" })
			isLiked, isKnown := at >= 0, at >= 0 || slices.ContainsFunc(p.other, func(s step) bool { return s.item == "it" })
			if isLiked != c.isLiked || isKnown != c.isKnown || isLiked && strength(p.steps[at].kind) != c.speaks {
				t.Errorf("profile %+v", p)
			}
		})
	}
}

// TestWithSession expects a session to add to a history: what was done counts
// on top, and what is disliked goes.
func TestWithSession(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	s := defaults()
	p := new(profile).after([]kindred.Event{
		{Item: "a", Kind: kindred.Purchase, Time: now.Add(-3 * time.Hour)},
		{Item: "b", Kind: kindred.View, Time: now.Add(-2 * time.Hour)},
	}, s, nil, nil)
	before := fmt.Sprint(p)
	got := p.with([]SessionItem{{Item: "a"}, {Item: "b", Kind: kindred.Dislike}, {Item: "c"}}, s, nil, now)
	if len(got.steps) != 2 || got.steps[0].item != "a" || got.steps[0].weight != 6 || got.steps[1].item != "c" || len(got.other) != 1 || got.other[0].item != "b" {
		t.Errorf("got %+v", got)
	}
	if fmt.Sprint(p) != before {
		t.Errorf("the profile in the cache changed to %+v", p)
	}
	if got := got.with([]SessionItem{{Item: "b"}}, s, nil, now); len(got.other) != 0 || len(got.steps) != 3 {
		t.Errorf("liked again: %+v", got)
	}
}

func defaults() *dataset.Settings {
	s := dataset.Defaults()
	return &s
}

// known is a store with histories of ten items, which counts who asks.
type known struct {
	Users
	users []kindred.UserID
	asked []kindred.UserID
}

func (k *known) RecentUsers(context.Context, int) ([]kindred.UserID, error) { return k.users, nil }

func (k *known) UserEvents(_ context.Context, user kindred.UserID, _ int) (events []kindred.Event, _ error) {
	k.asked = append(k.asked, user)
	for n := range 10 {
		events = append(events, kindred.Event{User: user, Item: kindred.ItemID(fmt.Sprint(n)), Kind: kindred.View})
	}
	return events, nil
}

func (*known) User(context.Context, kindred.UserID) (kindred.User, error) {
	return kindred.User{}, kindred.Errorf(kindred.NotFound, "nothing is said of anyone")
}

// TestWarm expects the latest users' histories to be read, as many as there is
// room for, and not to be read again.
func TestWarm(t *testing.T) {
	k := &known{users: []kindred.UserID{"a", "b", "c", "d", "e"}}
	h, err := newHistories(k, defaults(), newCatalogue(), 41) // room for three, of 13 each
	if err != nil {
		t.Fatal(err)
	}
	if err := h.warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := k.users[:4]; !slices.Equal(k.asked, want) { // that there is no room for the fourth is known when it is read
		t.Fatalf("read %q, want %q", k.asked, want)
	}
	roomy, err := newHistories(k, defaults(), newCatalogue(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	k.asked = nil
	if err := roomy.warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, user := range k.users {
		if p, err := roomy.of(t.Context(), user); err != nil || len(p.steps) != 10 {
			t.Fatalf("%v, %v", p, err)
		}
	}
	if !slices.Equal(k.asked, k.users) {
		t.Errorf("read %q, want each of %q once", k.asked, k.users)
	}
}
