package dataset

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
	"unsafe"

	"kindred"
)

var start = time.Unix(1_700_000_000, 0)

func generated(n, users, items int, seed uint64) []kindred.Event {
	r := rand.New(rand.NewPCG(seed, 0))
	kinds := []kindred.Kind{"view", "view", "purchase", "refund", "dislike", "rating", "impression", "own_kind"}
	events := make([]kindred.Event, n)
	for i := range events {
		events[i] = kindred.Event{
			User: kindred.UserID(fmt.Sprint("u", r.IntN(users))), Item: kindred.ItemID(fmt.Sprint("i", r.IntN(items))),
			Kind: kinds[r.IntN(len(kinds))], Value: float64(1 + r.IntN(5)), Time: start.Add(time.Duration(r.IntN(n)) * time.Second),
		}
	}
	return events
}

func builder(s Settings, events []kindred.Event) *Builder {
	b := NewBuilder(s)
	for i := range events {
		b.Add(&events[i])
	}
	return b
}

func build(t *testing.T, s Settings, events ...kindred.Event) *Interactions {
	t.Helper()
	x, err := builder(s, events).Build(start)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestWeights(t *testing.T) {
	type step struct {
		kind  kindred.Kind
		value float64
	}
	for name, c := range map[string]struct {
		steps []step
		want  float32
	}{
		"sum":                          {[]step{{"view", 1}, {"purchase", 1}}, 6},
		"refund takes back the last":   {[]step{{"purchase", 1}, {"purchase", 1}, {"refund", 1}}, 5},
		"refund of all":                {[]step{{"purchase", 1}, {"refund", 1}, {"refund", 1}}, 0},
		"dislike takes back all":       {[]step{{"view", 1}, {"purchase", 1}, {"dislike", 1}}, 0},
		"liked again":                  {[]step{{"view", 1}, {"dislike", 1}, {"like", 1}}, 4},
		"rating below six tenths of 5": {[]step{{"rating", 5}, {"rating", 2}}, 1},
		"impressions teach nothing":    {[]step{{"impression", 1}}, 0},
		"custom kind":                  {[]step{{"listened", 1}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var events []kindred.Event
			for i, s := range c.steps {
				events = append(events, kindred.Event{User: "u", Item: "i", Kind: s.kind, Value: s.value, Time: start.Add(time.Duration(i-9) * time.Minute)})
			}
			x, got := build(t, Defaults(), events...), float32(0)
			if x.ByUser.NNZ() > 0 {
				got = x.ByUser.Vals[0]
			}
			if got != c.want {
				t.Errorf("weight %v, want %v", got, c.want)
			}
		})
	}
}

func TestDecay(t *testing.T) {
	s := Defaults()
	s.HalfLife = time.Hour
	x := build(t, s, kindred.Event{User: "u", Item: "i", Kind: "view", Time: start.Add(-2 * time.Hour)})
	if got := x.ByUser.Vals[0]; math.Abs(float64(got)-.25) > 1e-6 {
		t.Errorf("after two half-lives %v", got)
	}
}

func TestOrderOfAddIsNoMatter(t *testing.T) {
	for seed := range uint64(20) {
		s := Defaults()
		s.HalfLife, s.MinUser, s.MinItem = time.Hour, 3, 3
		events := generated(2000, 60, 40, seed)
		a := build(t, s, events...)
		rand.New(rand.NewPCG(seed, 1)).Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		b := build(t, s, events...)
		if !reflect.DeepEqual(a.ByUser, b.ByUser) || !reflect.DeepEqual(a.Times, b.Times) || !slices.Equal(a.Items.IDs(), b.Items.IDs()) {
			t.Fatal("shuffled events give other interactions")
		}
		for i, n := range a.ItemUsers() {
			if n < 3 {
				t.Fatalf("item %d has %d users", i, n)
			}
		}
		for u := range a.Users.Len() {
			if h := a.History(u); len(h.Items) < 3 || !slices.IsSorted(h.Times) {
				t.Fatalf("user %d: %v", u, h)
			}
		}
	}
}

func TestSplitKeepsTheFutureOut(t *testing.T) {
	for seed := range uint64(20) {
		events := generated(1000, 40, 60, seed)
		h, err := builder(Defaults(), events).Split(.1)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range h.Train.Times {
			if at >= h.Cut.Unix() {
				t.Fatalf("%d is not before %v", at, h.Cut)
			}
		}
		past := slices.DeleteFunc(slices.Clone(events), func(e kindred.Event) bool { return !e.Time.Before(h.Cut) })
		only, err := builder(Defaults(), past).Build(h.Cut)
		if err != nil || !reflect.DeepEqual(only.ByUser, h.Train.ByUser) {
			t.Fatalf("training differs from what the past alone gives: %v", err)
		}
		if len(h.Cases) == 0 {
			t.Fatal("no cases")
		}
		for _, c := range h.Cases {
			if !slices.IsSorted(c.Relevant) || slices.ContainsFunc(c.Relevant, func(i int32) bool { return slices.Contains(c.History.Items, i) }) {
				t.Fatalf("case %+v", c)
			}
		}
	}
}

func TestFixedAndLeaveLastOut(t *testing.T) {
	f := NewFixed()
	for i, item := range []string{"c", "a", "b", "a"} {
		f.Add(TrainPart, "u", item, 1, int64(i))
	}
	f.Add(TestPart, "u", "new", 1, 9)
	f.Add(TestPart, "u", "a", 1, 9)
	train, validation, test := f.Build()
	if train.Items.Len() != 4 || len(validation) != 0 || len(test) != 1 || !slices.Equal(test[0].Relevant, []int32{3}) {
		t.Fatalf("%v %v", validation, test)
	}
	rest, validation, test := LeaveLastOut(train) // c at 0, b at 2, a at 3
	if rest.ByUser.NNZ() != 1 || validation[0].Relevant[0] != 2 || test[0].Relevant[0] != 1 || len(test[0].History.Items) != 2 {
		t.Fatalf("%v %v", validation, test)
	}
	if got := Sample(make([]Case, 9), 4, 1); len(got) != 4 {
		t.Errorf("%d of 4", len(got))
	}
}

func TestRecordIs24Bytes(t *testing.T) {
	if unsafe.Sizeof(record{}) != 24 || unsafe.Sizeof(pair{}) != 24 {
		t.Errorf("%d, %d", unsafe.Sizeof(record{}), unsafe.Sizeof(pair{}))
	}
}

func BenchmarkBuilder(b *testing.B) {
	events := generated(1_000_000, 50_000, 20_000, 1)
	b.Run("add", func(b *testing.B) {
		for b.Loop() {
			builder(Defaults(), events)
		}
	})
	made := builder(Defaults(), events)
	b.Run("build", func(b *testing.B) {
		for b.Loop() {
			if _, err := made.Build(start); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// TestRefuse holds what is learned from events of any verdict against what is
// learned from those that are accepted alone.
func TestRefuse(t *testing.T) {
	s := Defaults()
	for _, s.Refuse = range []kindred.Verdict{0, s.Refuse, kindred.AllReasons()} {
		r := rand.New(rand.NewPCG(1, uint64(s.Refuse)))
		all, some, left := NewBuilder(s), NewBuilder(s), 0
		for n := range 200 {
			e := kindred.Event{
				User: kindred.UserID(fmt.Sprint("u", r.IntN(9))), Item: kindred.ItemID(fmt.Sprint("i", r.IntN(9))), Kind: kindred.Rating,
				Value: float64(r.IntN(n + 1)), Time: time.Unix(int64(n), 0), Verdict: kindred.Verdict(r.IntN(2) * r.IntN(1024)), //nolint:gosec // small
			}
			if !all.Add(&e) {
				left++
				continue
			}
			if e.Verdict = 0; !some.Add(&e) {
				t.Fatal("a clean event is not accepted")
			}
		}
		got, err := all.Build(time.Unix(1000, 0))
		if err != nil {
			t.Fatal(err)
		}
		want, err := some.Build(time.Unix(1000, 0))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) || (left == 0) != (s.Refuse == 0) {
			t.Errorf("refusing %v: %d left out, and the rest differs", s.Refuse, left)
		}
	}
}
