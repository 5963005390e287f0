package recommend_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"kindred"
	"kindred/model"
	"kindred/recommend"
	"kindred/registry"
	"kindred/store"
)

// sources counts what a list is made of, in the order it comes.
func sources(a recommend.Answer) (list []string) {
	for i := range a.Items {
		list = append(list, a.Items[i].Source)
	}
	return slices.Compact(list)
}

// TestFallbackOrder takes the sources away one by one.
func TestFallbackOrder(t *testing.T) {
	w := kitchen(t)
	similar, popular, personal := w.fit(model.NewItemKNN()), w.fit(model.NewPopular()), w.fit(model.NewItemKNN())
	w.put(kindred.Item{ID: "newer", UpdatedAt: moment}, kindred.Item{ID: "older", UpdatedAt: moment.Add(-time.Hour)})
	user := recommend.Request{User: "x", Session: []recommend.SessionItem{{Item: "pot"}}, N: 20}
	check := func(q recommend.Request, want ...string) {
		t.Helper()
		a := ask(t, w.serve(), q)
		if got := sources(a); !slices.Equal(got, want) {
			t.Errorf("sources %v, want %v", got, want)
		}
		if want[0] == "newest" != (a.Model == nil) {
			t.Errorf("%v by %+v", want, a.Model)
		}
	}
	check(user, "newest")
	if got := ids(ask(t, w.serve(), recommend.Request{N: 3})); !slices.Equal(got[1:], []kindred.ItemID{"newer", "older"}) && !slices.Equal(got[1:], []kindred.ItemID{"pot", "newer"}) {
		t.Errorf("newest first: %v", got)
	}
	w.promote(registry.Live{registry.Popular: popular})
	check(user, "popular", "newest")
	w.promote(registry.Live{registry.Personal: popular}) // no better than what follows it
	check(user, "popular", "newest")
	w.promote(registry.Live{registry.Similar: similar})
	check(user, "similar", "popular", "newest")
	w.promote(registry.Live{registry.Personal: personal})
	check(user, "itemknn", "popular", "newest")
	check(recommend.Request{User: "stranger", N: 20}, "popular", "newest")
	w.promote(registry.Live{registry.Personal: w.fit(smallIALS(1))})
	check(user, "ials", "newest") // which scores all it knows
}

// TestNewestFollowsTheCatalogue expects items put and deleted one by one, or
// many at once, to stand where they belong among the newest.
func TestNewestFollowsTheCatalogue(t *testing.T) {
	w := newWorld(t)
	svc := w.serve()
	var want []kindred.ItemID
	check := func() {
		t.Helper()
		if got := ids(ask(t, svc, recommend.Request{N: 500})); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	check()
	for n := range 300 {
		id := kindred.ItemID(fmt.Sprint("i", n%50))
		want = slices.DeleteFunc(want, func(other kindred.ItemID) bool { return other == id })
		if n%7 == 0 {
			svc.ItemDeleted(id)
		} else {
			svc.ItemsChanged([]kindred.Item{{ID: id, UpdatedAt: moment.Add(time.Duration(n) * time.Second)}})
			want = slices.Insert(want, 0, id)
		}
		if n%10 == 0 {
			check()
		}
	}
	var many []kindred.Item
	for n := range 100 {
		id := kindred.ItemID(fmt.Sprint("m", n))
		many = append(many, kindred.Item{ID: id, AvailableFrom: moment.Add(-time.Duration(n+1) * time.Hour), UpdatedAt: moment})
		want = append(want, id)
	}
	svc.ItemsChanged(many)
	check()
}

// TestWindows moves the clock across the ends of windows.
func TestWindows(t *testing.T) {
	w := kitchen(t)
	w.promoteAll()
	w.put(kindred.Item{ID: "cup", AvailableFrom: moment.Add(time.Hour), AvailableUntil: moment.Add(3 * time.Hour)})
	svc := w.serve()
	check := func(after time.Duration, want bool) {
		t.Helper()
		w.clock.set(moment.Add(after))
		if got := has(ask(t, svc, recommend.Request{N: 20}), "cup"); got != want {
			t.Errorf("after %v: shown %v", after, got)
		}
	}
	check(0, false)
	check(time.Hour-1, false)
	check(time.Hour, true)
	check(2*time.Hour, true)
	for n := range 1000 { // the window moves, and outdated ends do no harm
		svc.ItemsChanged([]kindred.Item{{ID: "cup", AvailableUntil: moment.Add(4*time.Hour + time.Duration(n))}})
	}
	check(4*time.Hour+998, true)
	must(t, svc.Reload(t.Context()))
	check(4*time.Hour+999, false)
	check(9*time.Hour, false)
}

// TestDeletedItem expects an item that models know to stay away, after a
// restart too, until it is described again.
func TestDeletedItem(t *testing.T) {
	w := kitchen(t)
	w.promoteAll()
	svc := w.serve()
	must(t, w.store.DeleteItem(t.Context(), "cup"))
	svc.ItemDeleted("cup")
	for name, svc := range map[string]*recommend.Service{"running": svc, "restarted": w.serve()} {
		if has(ask(t, svc, recommend.Request{N: 20}), "cup") {
			t.Errorf("%s: shown", name)
		}
		if _, err := svc.Similar(t.Context(), "cup", recommend.Request{N: 1}); kindred.KindOf(err) != kindred.NotFound {
			t.Errorf("%s: similar items: %v", name, err)
		}
		if _, known := svc.Item("cup"); known {
			t.Errorf("%s: still in the catalogue", name)
		}
	}
	svc.ItemsChanged([]kindred.Item{{ID: "cup", Title: "Cup"}})
	if item, _ := svc.Item("cup"); item.Title != "Cup" || !has(ask(t, svc, recommend.Request{N: 20}), "cup") {
		t.Error("described again, it is still away")
	}
}

// scanStore lets something happen while the catalogue is read.
type scanStore struct {
	*store.DB
	meanwhile func()
}

func (s *scanStore) ScanItems(ctx context.Context, fn func(*kindred.Item) error) error {
	err := s.DB.ScanItems(ctx, fn)
	s.meanwhile()
	return err
}

// TestItemsWhileLoading expects what changes while the catalogue is read again
// not to be lost.
func TestItemsWhileLoading(t *testing.T) {
	w := kitchen(t)
	scan := &scanStore{DB: w.store, meanwhile: func() {}}
	svc := w.serveFrom(scan, w.models)
	isRead := make(chan struct{})
	scan.meanwhile = func() {
		svc.ItemsChanged([]kindred.Item{{ID: "plate"}, {ID: "bowl"}})
		svc.ItemDeleted("bowl")
		svc.ItemDeleted("pot")
		close(isRead)
	}
	must(t, w.openStore().PutItems(t.Context(), []kindred.Item{{ID: "jug"}}))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- svc.Run(ctx) }()
	<-isRead
	until(t, "the catalogue to be read", func() bool { return has(ask(t, svc, recommend.Request{N: 9}), "jug") })
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	got := ids(ask(t, svc, recommend.Request{N: 9}))
	slices.Sort(got)
	if !slices.Equal(got, []kindred.ItemID{"cup", "jug", "plate"}) {
		t.Errorf("got %v", got)
	}
}

// TestSimilar asks what goes with an item.
func TestSimilar(t *testing.T) {
	w := kitchen(t)
	w.put(
		kindred.Item{ID: "kettle", Title: "Kettle", Categories: []string{"kitchen", "tea"}},
		kindred.Item{ID: "teapot", Categories: []string{"tea"}, UpdatedAt: moment.Add(-time.Hour)}, kindred.Item{ID: "fork", UpdatedAt: moment},
	)
	w.promoteAll()
	svc := w.serve()
	a, err := svc.Similar(t.Context(), "pot", recommend.Request{N: 4, Exclude: []kindred.ItemID{"lid"}})
	must(t, err)
	want := recommend.Reason{Code: "similar_to", Item: "pot", Text: "Similar to “Red Pot”"}
	if got := ids(a); !slices.Contains(got[:2], "pan") || has(a, "lid") || has(a, "pot") || a.Items[0].Reason != want || a.Items[0].Source != "similar" || len(got) != 4 {
		t.Errorf("got %+v", a.Items)
	}
	a, err = svc.Similar(t.Context(), "kettle", recommend.Request{N: 2}) // unknown to the models
	must(t, err)
	if a.Items[0].ID != "teapot" || a.Items[1].Source != "popular" {
		t.Errorf("with a cold item goes %+v", a.Items)
	}
	if _, err := svc.Similar(t.Context(), "no such item", recommend.Request{N: 2}); kindred.KindOf(err) != kindred.NotFound {
		t.Errorf("an unknown item: %v", err)
	}
}

// TestContextItem expects half of a list to go with the item looked at, and
// the rest not to claim that it does.
func TestContextItem(t *testing.T) {
	w := kitchen(t)
	w.promote(registry.Live{registry.Similar: w.fit(model.NewItemKNN()), registry.Popular: w.fit(model.NewPopular())})
	w.view("u", "cup")
	a := ask(t, w.serve(), recommend.Request{User: "u", N: 4, ContextItem: "pot"})
	looked := recommend.Reason{Code: "similar_to", Item: "pot", Text: "Similar to “Red Pot”"}
	viewed := recommend.Reason{Code: "because_viewed", Item: "cup", Text: "Because you viewed “cup”"}
	for n, want := range []recommend.Reason{looked, looked, viewed, viewed} {
		if got := a.Items[n]; got.Reason != want || got.Source != "similar" {
			t.Errorf("place %d: %+v, want %+v", n, got, want)
		}
	}
}

// TestSession expects an anonymous visitor's session to count as a history.
func TestSession(t *testing.T) {
	w := kitchen(t)
	w.promoteAll()
	a := ask(t, w.serve(), recommend.Request{N: 2, Session: []recommend.SessionItem{{Item: "saucer", Kind: kindred.Purchase}}})
	got := ids(a)
	slices.Sort(got)
	if !slices.Equal(got, []kindred.ItemID{"cup", "spoon"}) || a.Items[0].Reason.Code != "because_bought" || a.Items[0].Reason.Item != "saucer" {
		t.Errorf("got %+v", a.Items)
	}
}

// TestTrace expects a trace on demand only, with a stage for each step.
func TestTrace(t *testing.T) {
	w := kitchen(t)
	w.promoteAll()
	svc := w.serve()
	a := ask(t, svc, recommend.Request{User: "cook1", N: 4, Explain: true})
	var names []string
	last := 0
	for _, s := range a.Trace.Stages {
		names = append(names, s.Name)
		if s.Items < last || s.Microseconds < 0 {
			t.Errorf("stages %+v", a.Trace.Stages)
		}
		last = s.Items
	}
	if a.Trace.History != 4 || a.Trace.Seen != 4 || last != len(a.Items) || !slices.Equal(names, []string{"history", "personal", "similar", "popular", "newest", "reasons"}) {
		t.Errorf("trace %+v", a.Trace)
	}
	if ask(t, svc, recommend.Request{User: "cook1", N: 4}).Trace != nil {
		t.Error("a trace nobody asked for")
	}
}

// TestTrending expects what rises first, then what is popular.
func TestTrending(t *testing.T) {
	w := kitchen(t)
	var rising []kindred.Event
	for n := range 10 {
		e := w.event(kindred.UserID(fmt.Sprint("r", n)), kindred.View, "wok", 1)
		e.Time = moment.Add(-time.Hour)
		rising = append(rising, e)
	}
	w.happen(rising...)
	w.promoteAll()
	svc := w.serve()
	a, err := svc.Trending(t.Context(), recommend.Request{N: 3})
	must(t, err)
	if got := sources(a); a.Items[0].ID != "wok" || !slices.Equal(got, []string{"trending", "popular"}) || a.Items[0].Reason.Code != "trending" {
		t.Errorf("got %+v", a.Items)
	}
	a, err = svc.Popular(t.Context(), recommend.Request{N: 3, User: "cook1"})
	must(t, err)
	if got := sources(a); !slices.Equal(got, []string{"popular"}) || has(a, "pot") {
		t.Errorf("got %+v", a.Items)
	}
}

// TestErasedUserIsForgotten expects an erased user to be a stranger.
func TestErasedUserIsForgotten(t *testing.T) {
	w := kitchen(t)
	w.promoteAll()
	svc := w.serve()
	if a := ask(t, svc, recommend.Request{User: "cook1", N: 9}); has(a, "pot") {
		t.Fatalf("%v", ids(a))
	}
	_, err := w.store.EraseUser(t.Context(), "cook1")
	must(t, err)
	svc.UserErased("cook1")
	if a := ask(t, svc, recommend.Request{User: "cook1", N: 9}); !has(a, "pot") || a.Items[0].Source != "popular" {
		t.Errorf("still known: %+v", a.Items)
	}
}

// TestRefusals lists what is told instead of answered.
func TestRefusals(t *testing.T) {
	w := newWorld(t)
	svc := w.serve()
	for _, n := range []int{0, -1} {
		if _, err := svc.Popular(t.Context(), recommend.Request{N: n}); kindred.KindOf(err) != kindred.Invalid {
			t.Errorf("%d items: %v", n, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := svc.Recommend(ctx, recommend.Request{User: "u", N: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	a := ask(t, svc, recommend.Request{User: "u", N: 1 << 40})
	if len(a.Items) != 0 || a.Model != nil || a.RequestID == "" {
		t.Errorf("from nothing: %+v", a)
	}
	full := kitchen(t)
	full.promoteAll()
	if a := ask(t, full.serve(), recommend.Request{User: "cook7", N: 1 << 40, ContextItem: "cup"}); len(a.Items) != 3 {
		t.Errorf("all there is: %+v", a.Items)
	}
}

// TestRequestIDs expects identifiers to differ and to sort by time.
func TestRequestIDs(t *testing.T) {
	w := newWorld(t)
	svc, other := w.serve(), w.serve()
	var all []string
	for n := range 1000 {
		w.clock.set(moment.Add(time.Duration(n/10) * time.Millisecond))
		all = append(all, ask(t, svc, recommend.Request{N: 1}).RequestID)
	}
	if !slices.IsSorted(all) || len(slices.Compact(all)) != 1000 || slices.Contains(all, ask(t, other, recommend.Request{N: 1}).RequestID) {
		t.Error("identifiers repeat, or are out of order")
	}
}

// TestReasons expects the item of the history that goes best with each one
// recommended to be named, whichever model can tell.
func TestReasons(t *testing.T) {
	w := kitchen(t)
	similar, personal := w.fit(model.NewItemKNN()), w.fit(smallIALS(1))
	want := map[kindred.ItemID]kindred.ItemID{"pan": "pot", "lid": "pot", "saucer": "cup", "spoon": "cup"}
	for name, live := range map[string]registry.Live{
		"similar":  {registry.Personal: personal, registry.Similar: similar},
		"factors":  {registry.Personal: personal, registry.Similar: personal},
		"itemknn":  {registry.Personal: similar, registry.Similar: personal},
		"one role": {registry.Personal: similar, registry.Similar: similar},
	} {
		w.promote(live)
		svc := w.serve()
		for _, session := range [][]recommend.SessionItem{{{Item: "cup"}, {Item: "pot"}}, {{Item: "pot"}, {Item: "cup"}}} {
			a := ask(t, svc, recommend.Request{Session: session, N: 4, Exclude: []kindred.ItemID{"whisk"}})
			for _, it := range a.Items {
				if it.Reason.Item != want[it.ID] || it.Reason.Code != "because_viewed" {
					t.Errorf("%s: %+v", name, it)
				}
			}
			if len(a.Items) != 4 {
				t.Errorf("%s: %+v", name, a.Items)
			}
		}
	}
	if got := ask(t, w.serve(), recommend.Request{Session: []recommend.SessionItem{{Item: "pot"}}, N: 1}).Items[0].Reason.Text; got != "Because you viewed “Red Pot”" {
		t.Errorf("text %q", got)
	}
}
