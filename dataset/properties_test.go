package dataset

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"kindred"
)

// Under new names, in another order, every user must keep the same history.
func TestRenamingUsersChangesNothing(t *testing.T) {
	for seed := range uint64(20) {
		s := Defaults()
		s.HalfLife, s.MinUser, s.MinItem = time.Hour, 3, 3
		events := generated(2000, 60, 40, seed)
		renamed, names := slices.Clone(events), map[string]string{}
		r := rand.New(rand.NewPCG(seed, 2))
		for i := range renamed {
			old := string(renamed[i].User)
			if names[old] == "" {
				names[old] = fmt.Sprintf("%d-%s", r.IntN(1000), old)
			}
			renamed[i].User = kindred.UserID(names[old])
		}
		a, b := build(t, s, events...), build(t, s, renamed...)
		if a.Users.Len() != b.Users.Len() || a.Users.Len() == 0 || !slices.Equal(a.Items.IDs(), b.Items.IDs()) {
			t.Fatalf("%d users became %d", a.Users.Len(), b.Users.Len())
		}
		for u, id := range a.Users.IDs() {
			v, known := b.Users.Index(names[id])
			if !known || !reflect.DeepEqual(a.History(u), b.History(int(v))) {
				t.Fatalf("%s, now %s, has another history", id, names[id])
			}
		}
	}
}

// naiveCore removes one user or item at a time until none is left to remove;
// whatever the order, the largest core remains.
func naiveCore(pairs []pair, minUser, minItem int) []pair {
	left := slices.Clone(pairs)
	for {
		short := slices.IndexFunc(left, func(p pair) bool {
			users, items := 0, 0
			for _, q := range left {
				if q.user == p.user {
					users++
				}
				if q.item == p.item {
					items++
				}
			}
			return users < minUser || items < minItem
		})
		if short < 0 {
			return left
		}
		left = slices.Delete(left, short, short+1)
	}
}

func TestCoreIsTheLargest(t *testing.T) {
	left, gone := 0, 0
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 3))
		met := map[pair]bool{}
		for range 90 {
			met[pair{user: int32(r.IntN(25)), item: int32(r.IntN(20)), weight: 1}] = true
		}
		var pairs []pair
		for p := range met {
			pairs = append(pairs, p)
		}
		minUser, minItem := 1+r.IntN(4), 1+r.IntN(5)
		want := naiveCore(pairs, minUser, minItem)
		got, perUser, perItem := core(slices.Clone(pairs), 25, 20, minUser, minItem)
		if !slices.Equal(got, want) {
			t.Fatalf("%d users and %d items at least: %d pairs, want %d", minUser, minItem, len(got), len(want))
		}
		users, items := make([]int32, 25), make([]int32, 20)
		for _, p := range got {
			users[p.user]++
			items[p.item]++
		}
		if !slices.Equal(users, perUser) || !slices.Equal(items, perItem) {
			t.Fatalf("counts %v, %v; want %v, %v", perUser, perItem, users, items)
		}
		left, gone = left+len(got), gone+len(pairs)-len(got)
	}
	if left == 0 || gone == 0 {
		t.Errorf("%d pairs stayed and %d went: nothing was tested", left, gone)
	}
}

func TestMaxWeight(t *testing.T) {
	s := Defaults()
	s.MaxWeight = 7
	at := func(item, kind string) kindred.Event {
		return kindred.Event{User: "u", Item: kindred.ItemID(item), Kind: kindred.Kind(kind), Time: start}
	}
	x := build(t, s, at("a", "purchase"), at("a", "purchase"), at("b", "purchase"), at("b", "view"))
	if !slices.Equal(x.ByUser.Vals, []float32{7, 6}) {
		t.Errorf("weights %v", x.ByUser.Vals)
	}
}

func TestValidate(t *testing.T) {
	defaults := Defaults()
	if err := defaults.Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	if err := new(Settings).Validate(); err != nil {
		t.Errorf("the zero settings: %v", err)
	}
	for want, s := range map[string]Settings{
		"weight of view is -1":                    {Weights: map[kindred.Kind]float64{"view": -1}},
		"weight of own is NaN":                    {Weights: map[kindred.Kind]float64{"own": math.NaN()}},
		"weight of own is 1e+07":                  {Weights: map[kindred.Kind]float64{"own": 1e7}},
		"half_life is -1s":                        {HalfLife: -time.Second},
		"min_rating is +Inf":                      {MinRating: math.Inf(1)},
		"min_user and min_item are -1 and 0":      {MinUser: -1},
		"min_user and min_item are 2 and -3":      {MinUser: 2, MinItem: -3},
		"max_weight is -2":                        {MaxWeight: -2},
		"max_weight is +Inf":                      {MaxWeight: math.Inf(1)},
		"half_life is -1ns (use 0 for none, or a": {HalfLife: -1, MaxWeight: 1},
	} {
		err := s.Validate()
		if err == nil || !strings.Contains(err.Error(), want) || kindred.KindOf(err) != kindred.Invalid {
			t.Errorf("%q is not in %v", want, err)
		}
		if _, built := NewBuilder(s).Build(start); built == nil {
			t.Errorf("%q: Build takes it", want)
		}
		if _, split := NewBuilder(s).SplitAt(start); split == nil {
			t.Errorf("%q: SplitAt takes it", want)
		}
	}
	all := (&Settings{HalfLife: -1, MaxWeight: -1, MinItem: -1}).Validate()
	if n := len(strings.Split(all.Error(), "\n")); n != 3 {
		t.Errorf("three faults are reported as %v", all)
	}
}

func TestColdAndHiddenAreCounted(t *testing.T) {
	var events []kindred.Event
	add := func(minute int, user string, items ...string) {
		for _, item := range items {
			events = append(events, kindred.Event{
				User: kindred.UserID(user), Item: kindred.ItemID(item), Kind: "view", Time: start.Add(time.Duration(minute) * time.Minute),
			})
		}
	}
	add(-9, "ann", "a", "b")
	add(-8, "bob", "b", "c")
	add(-7, "cat", "a")
	add(1, "ann", "a", "c", "new", "newer") // a again, two unknown
	add(2, "bob", "new")                    // nothing that can be judged
	add(3, "cat", "a")                      // only again
	add(4, "dan", "b", "newest")            // a stranger
	add(5, "eve", "new")                    // a stranger with nothing known
	h, err := builder(Defaults(), events).SplitAt(start)
	if err != nil {
		t.Fatal(err)
	}
	if h.ColdUsers != 2 || h.ColdItems != 3 || len(h.Cases) != 1 || len(h.Cold) != 1 {
		t.Fatalf("%d cold users, %d cold items, cases %+v, cold %+v", h.ColdUsers, h.ColdItems, h.Cases, h.Cold)
	}
	if c := h.Cases[0]; c.User != 0 || c.Hidden != 2 || !slices.Equal(c.Relevant, []int32{2}) || len(c.History.Items) != 2 {
		t.Errorf("ann: %+v", c)
	}
	if c := h.Cold[0]; c.User != -1 || c.Hidden != 1 || !slices.Equal(c.Relevant, []int32{1}) || c.History.Items != nil {
		t.Errorf("dan: %+v", c)
	}
}

func TestSplitOfTooLittle(t *testing.T) {
	one := kindred.Event{User: "u", Item: "i", Kind: "view", Time: start}
	for name, c := range map[string]struct {
		share  float64
		events []kindred.Event
		want   kindred.ErrorKind
	}{
		"no share":   {0, []kindred.Event{one, one}, kindred.Invalid},
		"all":        {1, []kindred.Event{one, one}, kindred.Invalid},
		"not one":    {math.NaN(), []kindred.Event{one, one}, kindred.Invalid},
		"one event":  {.5, []kindred.Event{one}, kindred.Conflict},
		"one moment": {.5, []kindred.Event{one, one, one}, kindred.Conflict},
	} {
		if _, err := builder(Defaults(), c.events).Split(c.share); err == nil || kindred.KindOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestHoldOut expects every pair to stay or to be held out, a share of each
// user's, the same for the same seed.
func TestHoldOut(t *testing.T) {
	b := NewBuilder(Defaults())
	rng := rand.New(rand.NewPCG(9, 9))
	for range 2000 {
		b.Add(&kindred.Event{
			User: kindred.UserID(fmt.Sprint(rng.IntN(40))), Item: kindred.ItemID(fmt.Sprint(rng.IntN(300))),
			Kind: kindred.View, Value: 1, Time: time.Unix(1e9, 0),
		})
	}
	if b.HasTimes() {
		t.Error("events of one moment are said to have times")
	}
	x, err := b.Build(time.Unix(1e9, 0))
	if err != nil {
		t.Fatal(err)
	}
	h := HoldOut(x, 0.1, 7)
	held := 0
	for _, c := range h.Cases {
		all, _ := x.ByUser.Row(int(c.User))
		if len(c.Relevant) != len(all)/10 || len(c.History.Items)+len(c.Relevant) != len(all) {
			t.Errorf("user %d: %d of %d items held out, %d left", c.User, len(c.Relevant), len(all), len(c.History.Items))
		}
		for _, i := range c.Relevant {
			if slices.Contains(c.History.Items, i) || !slices.Contains(all, i) {
				t.Errorf("user %d: item %d is held out and known, or never was", c.User, i)
			}
		}
		held += len(c.Relevant)
	}
	if h.Train.ByUser.NNZ()+held != x.ByUser.NNZ() || held == 0 {
		t.Errorf("%d stay, %d held out of %d", h.Train.ByUser.NNZ(), held, x.ByUser.NNZ())
	}
	if same := HoldOut(x, 0.1, 7); !slices.Equal(same.Train.ByUser.Cols, h.Train.ByUser.Cols) {
		t.Error("the same seed holds out something else")
	}
	if other := HoldOut(x, 0.1, 8); slices.Equal(other.Train.ByUser.Cols, h.Train.ByUser.Cols) {
		t.Error("another seed holds out the same")
	}
}

// TestByGroup builds data of variants by group, and the same data with the
// groups' names in place of the variants'.
func TestByGroup(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 4))
		s := Defaults()
		s.HalfLife = time.Hour
		events := generated(600, 20, 30, seed)
		groups := map[kindred.ItemID]kindred.ItemID{}
		var items, leads []kindred.Item
		for i := range 30 {
			item := kindred.Item{
				ID: kindred.ItemID(fmt.Sprint("i", i)), Title: fmt.Sprint("Title ", i), Price: float64(1 + r.IntN(9)),
				AvailableFrom: start.Add(time.Duration(r.IntN(400)) * time.Second),
			}
			if i%4 > 0 {
				item.Group = kindred.ItemID(fmt.Sprint("g", i%5))
			}
			groups[item.ID] = cmp.Or(item.Group, item.ID)
			items = append(items, item)
		}
		for _, item := range slices.SortedFunc(slices.Values(items), func(a, b kindred.Item) int { return cmp.Compare(a.ID, b.ID) }) {
			name := groups[item.ID]
			at := slices.IndexFunc(leads, func(lead kindred.Item) bool { return lead.ID == name })
			if at < 0 {
				item.ID = name
				leads = append(leads, item)
			} else if item.AvailableFrom.Before(leads[at].AvailableFrom) { // what describes the group stays
				leads[at].AvailableFrom = item.AvailableFrom
			}
		}
		renamed := slices.Clone(events)
		for i := range renamed {
			renamed[i].Item = groups[renamed[i].Item]
		}
		holdout := func(grouped bool, items []kindred.Item, events []kindred.Event) *Holdout {
			s.ByGroup = grouped
			b := NewBuilder(s)
			for _, i := range r.Perm(len(items)) {
				b.AddItem(&items[i])
			}
			for _, i := range r.Perm(len(events)) {
				b.Add(&events[i])
			}
			h, err := b.SplitAt(start.Add(300 * time.Second))
			if err != nil {
				t.Fatal(err)
			}
			return h
		}
		got, want := holdout(true, items, events), holdout(false, leads, renamed)
		variants := got.Train.Variants
		got.Train.Variants = nil
		// A group is described by when its lead is available, and held out by when its first is.
		got.Train.ItemFeatures, want.Train.ItemFeatures = nil, nil
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d: by group there is other data", seed)
		}
		counts := map[string]int{}
		for i := range events {
			switch events[i].Kind { //nolint:exhaustive // the others are not wanted
			case "view", "purchase", "rating", "own_kind":
				counts[string(events[i].Item)]++
			}
		}
		for group, ids := range variants {
			if !slices.IsSortedFunc(ids, func(a, b string) int { return cmp.Or(counts[b]-counts[a], cmp.Compare(a, b)) }) {
				t.Fatalf("seed %d: variants of %s stand as %v, their events are %v", seed, group, ids, counts)
			}
		}
		if len(variants) != 5 {
			t.Errorf("seed %d: %d groups", seed, len(variants))
		}
	}
}

// TestLeadOfGroup expects the item named like its group to describe it, or else
// the first by name, whatever the order.
func TestLeadOfGroup(t *testing.T) {
	s := Defaults()
	s.ByGroup = true
	for _, order := range [][]string{{"b", "a", "c"}, {"c", "a", "b"}, {"a", "m", "b"}, {"m", "b", "a"}} {
		b := NewBuilder(s)
		for _, id := range order {
			b.AddItem(&kindred.Item{ID: kindred.ItemID(id), Group: "m", Attributes: kindred.Attributes{"is": kindred.StringOf(id)}})
		}
		want := "a"
		if slices.Contains(order, "m") {
			want = "m"
		}
		if got := b.catalogue["m"]["is"].Text; got != want {
			t.Errorf("%v: described by %s", order, got)
		}
	}
}
