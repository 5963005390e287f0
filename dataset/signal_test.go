package dataset

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"kindred"
	"kindred/linalg"
)

// golden is what bench/oracles/signals.py wrote.
type golden struct {
	Matrices []struct {
		X                     [][]float32
		K1, B, Alpha, Epsilon float64
		Want                  map[Scheme][][]float64
	}
	Raters []struct {
		Ratings []float32
		Want    map[Normalise][]float64
	}
}

func readGolden(t *testing.T) (g golden) {
	t.Helper()
	text, err := os.ReadFile("testdata/signals.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &g); err != nil || len(g.Matrices) < 10 || len(g.Raters) < 10 {
		t.Fatalf("%d matrices, %d raters, %v", len(g.Matrices), len(g.Raters), err)
	}
	return g
}

// TestConfidenceAgainstImplicit expects the weights of implicit and numpy.
func TestConfidenceAgainstImplicit(t *testing.T) {
	for n, c := range readGolden(t).Matrices {
		for scheme, want := range c.Want {
			m := linalg.CSR{Starts: []int{0}, Width: len(c.X[0])}
			for _, row := range c.X {
				for i, x := range row {
					if x > 0 {
						m.Cols, m.Vals = append(m.Cols, int32(i)), append(m.Vals, x)
					}
				}
				m.Starts = append(m.Starts, len(m.Cols))
			}
			x := &Interactions{ByUser: &m}
			x.weigh(&Settings{Confidence: Confidence{Scheme: scheme, K1: c.K1, B: c.B, Alpha: c.Alpha, Epsilon: c.Epsilon}})
			for u := range c.X {
				items, weights := m.Row(u)
				for k, i := range items {
					if got := float64(weights[k]); math.Abs(got-want[u][i]) > 1e-5*max(1, want[u][i]) || got <= 0 {
						t.Errorf("matrix %d, %s of %d and %d: %v, want %v", n, scheme, u, i, got, want[u][i])
					}
				}
			}
		}
	}
}

// TestRatingScalesAgainstScipy expects ratings on the scales of scipy and
// numpy, and 0 for single and constant raters.
func TestRatingScalesAgainstScipy(t *testing.T) {
	for n, c := range readGolden(t).Raters {
		for normalise, want := range c.Want {
			s := Settings{Signals: map[kindred.Kind]Signal{kindred.Rating: {Normalise: normalise}}}
			scale := s.RatingScale(c.Ratings, 5)
			for k, rating := range c.Ratings {
				if got := scale.Normalised(rating); math.Abs(got-want[k]) > 1e-9 || len(slices.Compact(slices.Clone(c.Ratings))) == 1 && got != 0 {
					t.Errorf("rater %d, %s of %v: %v, want %v", n, normalise, rating, got, want[k])
				}
			}
		}
	}
}

// TestEffect lists what events come to.
func TestEffect(t *testing.T) {
	two, zero := 2., 0.
	s := Defaults()
	s.Weights["share"] = 2
	s.Signals = map[kindred.Kind]Signal{
		"view":     {From: DwellReading, Grade: StepsGrade, Steps: []Step{{5, .5}, {30, 2}}, Missing: &zero},
		"play":     {From: CompletionReading, Min: new(.1), Below: DislikeBelow, Grade: LinearGrade, Max: 1},
		"click":    {From: ScrollReading, Grade: LogGrade, Unit: .25, Base: .5},
		"purchase": {Grade: LinearGrade, Unit: 2, Max: 3},
		"like":     {Min: &two},
		"skip":     {Negative: true},
	}
	lengths := func(item kindred.ItemID) float64 {
		if item == "song" {
			return 200
		}
		return 0
	}
	for name, c := range map[string]struct {
		event  kindred.Event
		effect Effect
		amount float64
	}{
		"a glance":                    {kindred.Event{Kind: "view", Context: []byte(`{"dwell_seconds":4.9}`)}, Nothing, 0},
		"a look":                      {kindred.Event{Kind: "view", Context: []byte(`{"dwell_seconds":5}`)}, Adds, .5},
		"a long look":                 {kindred.Event{Kind: "view", Context: []byte(`{"dwell_seconds":300}`)}, Adds, 2},
		"nobody knows how long":       {kindred.Event{Kind: "view"}, Nothing, 0},
		"scrolled to the half":        {kindred.Event{Kind: "click", Context: []byte(`{"scroll_depth":0.5}`)}, Adds, .5 + math.Log(3)},
		"clicked, no depth":           {kindred.Event{Kind: "click"}, Adds, 1},
		"half a song":                 {kindred.Event{Item: "song", Kind: "play", Value: 100}, Adds, .5},
		"a song on repeat":            {kindred.Event{Item: "song", Kind: "play", Value: 900}, Adds, 1},
		"a song left at once":         {kindred.Event{Item: "song", Kind: "play", Value: 19}, Rejects, 1},
		"played, no duration known":   {kindred.Event{Item: "other", Kind: "play", Value: 19}, Adds, 1},
		"three pieces":                {kindred.Event{Kind: "purchase", Value: 3}, Buys, 7.5},
		"many pieces":                 {kindred.Event{Kind: "purchase", Value: 99}, Buys, 15},
		"a faint like":                {kindred.Event{Kind: "like", Value: 1}, Nothing, 0},
		"a like":                      {kindred.Event{Kind: "like", Value: 2}, Adds, 4},
		"skipped":                     {kindred.Event{Kind: "skip"}, Erases, 0},
		"disliked":                    {kindred.Event{Kind: "dislike"}, Erases, 0},
		"sent back":                   {kindred.Event{Kind: "refund"}, Refunds, 0},
		"rated":                       {kindred.Event{Kind: "rating", Value: 3}, Rates, 3},
		"shown":                       {kindred.Event{Kind: "impression"}, Nothing, 0},
		"a kind of weight 2":          {kindred.Event{Kind: "share"}, Adds, 2},
		"a kind nobody named":         {kindred.Event{Kind: "own"}, Adds, 1},
		"a context that is no object": {kindred.Event{Kind: "click", Context: []byte(`[]`)}, Adds, 1},
		"a dwell time that is not":    {kindred.Event{Kind: "view", Context: []byte(`{"dwell_seconds":"x"}`)}, Nothing, 0},
	} {
		if c.event.Item == "" {
			c.event.Item = "i"
		}
		if effect, amount := s.Effect(&c.event, lengths); effect != c.effect || math.Abs(amount-c.amount) > 1e-12 {
			t.Errorf("%s: %d of %g, want %d of %g", name, effect, amount, c.effect, c.amount)
		}
	}
	if effect, _ := s.Effect(&kindred.Event{Kind: "search"}, nil); effect != Nothing {
		t.Error("a search without an item teaches something")
	}
	if !s.NeedsLengths() || (&Settings{}).NeedsLengths() {
		t.Error("whether durations are asked for is mistaken")
	}
}

// TestDebias expects an event to count 1/θ, bounded.
func TestDebias(t *testing.T) {
	for name, c := range map[string]struct {
		debias  Debias
		place   int
		context string
		want    float64
	}{
		"nothing":                    {Debias{}, 3, `{"propensity":0.5}`, 1},
		"logged":                     {Debias{Logged: true}, 3, `{"propensity":0.5}`, 2},
		"logged, and rare":           {Debias{Logged: true}, 3, `{"propensity":0.001}`, 10},
		"bounded otherwise":          {Debias{Logged: true, Clip: 100}, 3, `{"propensity":0.001}`, 100},
		"logged as impossible":       {Debias{Logged: true}, 3, `{"propensity":0}`, 1},
		"first":                      {Debias{Curve: []float64{1, .5, .25}}, 1, ``, 1},
		"third":                      {Debias{Curve: []float64{1, .5, .25}}, 3, ``, 4},
		"further down":               {Debias{Curve: []float64{1, .5, .25}}, 30, ``, 4},
		"nobody knows where":         {Debias{Curve: []float64{1, .5, .25}}, 0, ``, 1},
		"logged goes before a place": {Debias{Logged: true, Curve: []float64{1, .5}}, 2, `{"propensity":0.8}`, 1.25},
		"not logged, but a place":    {Debias{Logged: true, Curve: []float64{1, .5}}, 2, `{}`, 2},
	} {
		s := Settings{Debias: c.debias}
		e := kindred.Event{Item: "i", Kind: "view", Position: c.place, Context: []byte(c.context)}
		if effect, got := s.Effect(&e, nil); effect != Adds || math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %g, want %g", name, got, c.want)
		}
	}
}

// TestPopularityDiscount expects pairs of items that fewer users met to count
// more, within the bound.
func TestPopularityDiscount(t *testing.T) {
	var events []kindred.Event
	for n := range 100 {
		events = append(events, kindred.Event{User: kindred.UserID(fmt.Sprint(n)), Item: "all", Kind: "view", Time: start})
		if n < 4 {
			events = append(events, kindred.Event{User: kindred.UserID(fmt.Sprint(n)), Item: "four", Kind: "view", Time: start})
		}
		if n == 0 {
			events = append(events, kindred.Event{User: "0", Item: "one", Kind: "purchase", Time: start})
		}
	}
	s := Defaults()
	s.Debias = Debias{Popularity: .5, Clip: 8}
	x := build(t, s, events...)
	items, weights := x.ByUser.Row(0)
	got := map[string]float32{}
	for k, i := range items {
		got[x.Items.ID(i)] = weights[k]
	}
	if want := map[string]float32{"all": 1, "four": 5, "one": 5 * 8}; !reflect.DeepEqual(got, want) { // (4/100)^-½ = 5; (1/100)^-½ = 10, bounded
		t.Errorf("weights %v, want %v", got, want)
	}
}

// TestNormalisedRatings expects what a user likes to be told from what the same
// user rates, the last rating of each item counting.
func TestNormalisedRatings(t *testing.T) {
	var events []kindred.Event
	rate := func(user, item string, value float64, minute int) {
		events = append(events, kindred.Event{
			User: kindred.UserID(user), Item: kindred.ItemID(item), Kind: "rating", Value: value, Time: start.Add(time.Duration(minute-99) * time.Minute),
		})
	}
	rate("strict", "a", 1, 0)
	rate("strict", "b", 2, 1)
	rate("strict", "c", 3, 2)
	rate("kind", "a", 5, 0) // rated again as 4
	rate("kind", "a", 4, 1)
	rate("kind", "b", 5, 2)
	rate("kind", "c", 5, 3)
	rate("once", "a", 1, 0)
	s := Defaults()
	s.Signals = map[kindred.Kind]Signal{kindred.Rating: {Normalise: NormaliseZScore, Grade: LinearGrade, Base: 1}}
	x := build(t, s, events...)
	for user, want := range map[string]map[string]float64{
		"strict": {"b": 1, "c": 1 + math.Sqrt(1.5)}, "kind": {"a": 1 + math.Sqrt2/2, "b": 1 + math.Sqrt2/2, "c": 1 + math.Sqrt2/2}, "once": {"a": 1},
	} {
		u, _ := x.Users.Index(user)
		items, weights := x.ByUser.Row(int(u))
		got := map[string]float64{}
		for k, i := range items {
			got[x.Items.ID(i)] = float64(weights[k])
		}
		if len(got) != len(want) {
			t.Errorf("%s likes %v, want %v", user, got, want)
		}
		for item, w := range want {
			if math.Abs(got[item]-w) > 1e-6 {
				t.Errorf("%s likes %s by %v, want %v", user, item, got[item], w)
			}
		}
	}
	// kind's first rating of a lies above the mean, so a is liked; strict
	// rejects a, on a scale that must not know the future.
	h, err := builder(s, append(events, kindred.Event{User: "strict", Item: "d", Kind: "rating", Value: -50, Time: start})).SplitAt(start.Add(-time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	u, _ := h.Train.Users.Index("strict")
	if disliked, _ := h.Train.Disliked.Row(int(u)); len(disliked) != 1 || h.Train.Items.ID(disliked[0]) != "a" {
		t.Errorf("strict rejects %v", disliked)
	}
}

// TestSignalFaults expects every fault to be told by its kind and name.
func TestSignalFaults(t *testing.T) {
	for want, signal := range map[string]Signal{
		`signal view: from is "gaze"`:                 {From: "gaze"},
		`signal view: grade is "square"`:              {Grade: "square"},
		`signal view: below is "forget"`:              {Min: new(1.), Below: "forget"},
		`signal view: normalise is for ratings alone`: {Normalise: NormaliseMean},
		`grade is "steps" with 0 steps`:               {Grade: StepsGrade},
		`grade is "" with 1 steps`:                    {Steps: []Step{{1, 1}}},
		`steps do not ascend`:                         {Grade: StepsGrade, Steps: []Step{{2, 1}, {1, 1}}},
		`step 1 is -1 from 0 on`:                      {Grade: StepsGrade, Steps: []Step{{0, -1}}},
		`unit is -1`:                                  {Unit: -1},
		`min is NaN`:                                  {Min: new(math.NaN())},
		`missing is -1`:                               {Missing: new(-1.)},
		`max is +Inf`:                                 {Max: math.Inf(1)},
	} {
		s := Settings{Signals: map[kindred.Kind]Signal{"view": signal}}
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), want) || kindred.KindOf(err) != kindred.Invalid {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	for want, s := range map[string]Settings{
		"signal refund: its meaning is fixed": {Signals: map[kindred.Kind]Signal{"refund": {}}},
		"a rating is its value":               {Signals: map[kindred.Kind]Signal{"rating": {From: DwellReading}}},
		`scheme is "square"`:                  {Confidence: Confidence{Scheme: "square"}},
		"b up to 1":                           {Confidence: Confidence{Scheme: BM25Scheme, B: 2}},
		"curve is 0 at place 2":               {Debias: Debias{Curve: []float64{1, 0}}},
		"curve has 1001 places":               {Debias: Debias{Curve: make([]float64, 1001)}},
		"clip is 0.5":                         {Debias: Debias{Clip: .5}},
		"popularity is -1":                    {Debias: Debias{Popularity: -1}},
	} {
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
}
