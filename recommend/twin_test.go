package recommend_test

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"kindred"
	"kindred/dataset"
	"kindred/filter"
	"kindred/model"
	"kindred/recommend"
	"kindred/registry"
)

// twin answers what may be shown, and in which order, without any of the
// machinery: from lists of what was stored.
type twin struct {
	*world
	items   map[kindred.ItemID]kindred.Item
	deleted map[kindred.ItemID]bool
	log     []kindred.Event
	live    map[registry.Role]*registry.Loaded
}

// filters are expressions and what they mean.
var filters = []struct {
	expr string
	fn   func(i *kindred.Item) bool
}{
	{`price<=20`, func(i *kindred.Item) bool { return i.Price != 0 && i.Price <= 20 }},
	{`category="b"`, func(i *kindred.Item) bool { return slices.Contains(i.Categories, "b") }},
	{`good=true and price>5`, func(i *kindred.Item) bool { return i.Attributes["good"].Bool && i.Price > 5 }},
	{`good!=true`, func(i *kindred.Item) bool { g, has := i.Attributes["good"]; return has && !g.Bool }},
	{`title="nothing" and no_such has "x"`, func(*kindred.Item) bool { return false }},
}

func newTwin(t *testing.T, r *rand.Rand) *twin {
	t.Helper()
	w := &twin{world: newWorld(t), items: map[kindred.ItemID]kindred.Item{}, deleted: map[kindred.ItemID]bool{}, live: map[registry.Role]*registry.Loaded{}}
	var events []kindred.Event
	for range 250 {
		events = append(events, w.event(kindred.UserID(fmt.Sprint("u", r.IntN(20))), anyKind(r), anyItem(r, 30), float64(1+r.IntN(5))))
	}
	w.add(events...)
	for role, kinds := range map[registry.Role][]string{
		registry.Personal: {"", "ials", "itemknn", "popular"}, registry.Similar: {"", "itemknn"}, registry.Popular: {"", "popular", "popular"},
	} {
		kind := kinds[r.IntN(len(kinds))]
		if kind == "" {
			continue
		}
		algorithm, err := model.New(kind)
		must(t, err)
		if kind == "ials" {
			algorithm = smallIALS(r.Uint64())
		}
		version := w.fit(algorithm)
		w.promote(registry.Live{role: version})
		w.live[role], err = w.models.Load(version)
		must(t, err)
	}
	var items []kindred.Item
	for range r.IntN(60) { // some again, some without events
		items = append(items, w.describe(r))
	}
	w.put(items...)
	return w
}

func anyKind(r *rand.Rand) kindred.Kind {
	kinds := []kindred.Kind{kindred.View, kindred.View, kindred.Purchase, kindred.Like, kindred.Dislike, kindred.Rating, kindred.Impression}
	return kinds[r.IntN(len(kinds))]
}

func anyItem(r *rand.Rand, n int) kindred.ItemID { return kindred.ItemID(fmt.Sprint("i", r.IntN(n))) }

func (w *twin) add(events ...kindred.Event) {
	w.happen(events...)
	w.log = append(w.log, events...)
}

func (w *twin) describe(r *rand.Rand) kindred.Item {
	item := kindred.Item{ID: anyItem(r, 40), Price: float64(r.IntN(4) * 10), Categories: [][]string{nil, {"a"}, {"a", "b"}}[r.IntN(3)], UpdatedAt: moment.Add(-time.Duration(r.IntN(9)) * time.Hour)}
	if r.IntN(2) == 0 {
		item.Attributes = kindred.Attributes{"good": kindred.BoolOf(r.IntN(2) == 0)}
	}
	if r.IntN(3) == 0 {
		item.AvailableFrom = moment.Add(time.Duration(r.IntN(9)-4) * time.Hour)
	}
	if r.IntN(3) == 0 {
		item.AvailableUntil = moment.Add(time.Duration(r.IntN(9)-2) * time.Hour)
	}
	w.items[item.ID] = item
	delete(w.deleted, item.ID)
	return item
}

func (w *twin) remove(id kindred.ItemID) {
	must(w.tb, w.store.DeleteItem(w.tb.Context(), id))
	delete(w.items, id)
	w.deleted[id] = true
}

// known are the items a request's user has met.
func (w *twin) known(q recommend.Request) map[kindred.ItemID]bool {
	known := map[kindred.ItemID]bool{}
	for _, e := range w.log {
		if e.User == q.User && e.Kind != kindred.Impression {
			known[e.Item] = true
		}
	}
	for _, s := range q.Session {
		known[s.Item] = true
	}
	return known
}

// may says whether an item may be shown.
func (w *twin) may(id kindred.ItemID, q recommend.Request, matches func(*kindred.Item) bool) bool {
	item, described := w.items[id]
	switch {
	case w.deleted[id], w.known(q)[id], slices.Contains(q.Exclude, id), id == q.ContextItem:
		return false
	case !described:
		return matches == nil
	}
	return item.AvailableAt(w.clock.Now()) && (matches == nil || matches(&item))
}

// history is what training makes of a user's events, in a model's indices.
func (w *twin) history(q recommend.Request, items *dataset.Dict) (h dataset.History) {
	b := dataset.NewBuilder(w.weights)
	for _, e := range w.log {
		if e.User == q.User && q.User != "" {
			e.User = "x"
			b.Add(&e)
		}
	}
	for n, s := range q.Session {
		b.Add(&kindred.Event{User: "x", Item: s.Item, Kind: s.Kind, Value: 1, Time: moment.Add(time.Duration(n) * time.Second)})
	}
	for _, id := range items.IDs() { // somebody likes everything, so that no item is left out
		b.Add(&kindred.Event{User: "everybody", Item: kindred.ItemID(id), Kind: kindred.View, Time: moment})
	}
	x, err := b.Build(moment)
	must(w.tb, err)
	user, known := x.Users.Index("x")
	if !known {
		return h
	}
	all := x.History(int(user))
	for n, i := range all.Items {
		if index, known := items.Index(x.Items.ID(i)); known {
			h.Items, h.Weights = append(h.Items, index), append(h.Weights, all.Weights[n])
		}
	}
	for _, i := range all.Disliked {
		if index, known := items.Index(x.Items.ID(i)); known {
			h.Disliked = append(h.Disliked, index)
		}
	}
	return h
}

// TestTwin asks random questions in random worlds: nothing forbidden is shown,
// nothing twice, no list is short while there is something to show, and the
// personal model's part stands in the order of its scores.
func TestTwin(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7))
			w := newTwin(t, r)
			if len(w.items) > 0 {
				w.remove(someItem(w, r))
			}
			svc := w.serve()
			for range 12 {
				w.change(r, svc)
				q, matches := w.question(t, r)
				w.check(t, q, ask(t, svc, q), matches)
			}
		})
	}
}

func someItem(w *twin, r *rand.Rand) kindred.ItemID {
	var all []kindred.ItemID
	for id := range w.items {
		all = append(all, id)
	}
	slices.Sort(all)
	return all[r.IntN(len(all))]
}

// change lets something happen while the service runs.
func (w *twin) change(r *rand.Rand, svc *recommend.Service) {
	switch r.IntN(5) {
	case 0:
		e := w.event(kindred.UserID(fmt.Sprint("u", r.IntN(20))), anyKind(r), anyItem(r, 40), float64(1+r.IntN(5)))
		w.add(e)
		svc.Observe([]kindred.Event{e})
	case 1:
		item := w.describe(r)
		w.put(item)
		svc.ItemsChanged([]kindred.Item{item})
	case 2:
		if len(w.items) > 0 {
			id := someItem(w, r)
			w.remove(id)
			svc.ItemDeleted(id)
		}
	case 3:
		w.clock.set(w.clock.Now().Add(time.Duration(r.IntN(90)) * time.Minute))
	}
}

func (w *twin) question(t *testing.T, r *rand.Rand) (q recommend.Request, matches func(*kindred.Item) bool) {
	t.Helper()
	q.N = 1 + r.IntN(45)
	if r.IntN(4) > 0 {
		q.User = kindred.UserID(fmt.Sprint("u", r.IntN(22)))
	}
	for n := range r.IntN(3) {
		q.Session = append(q.Session, recommend.SessionItem{Item: anyItem(r, 40), Kind: kindred.View, Time: moment.Add(time.Duration(n) * time.Second)})
	}
	for range r.IntN(4) {
		q.Exclude = append(q.Exclude, anyItem(r, 40))
	}
	if r.IntN(3) == 0 {
		q.ContextItem = anyItem(r, 40)
	}
	if r.IntN(2) == 0 {
		var err error
		f := filters[r.IntN(len(filters))]
		q.Filter, err = filter.Parse(f.expr)
		must(t, err)
		return q, f.fn
	}
	return q, nil
}

func (w *twin) check(t *testing.T, q recommend.Request, got recommend.Answer, matches func(*kindred.Item) bool) {
	t.Helper()
	shown := map[kindred.ItemID]bool{}
	for _, it := range got.Items {
		if shown[it.ID] {
			t.Errorf("%q is shown twice", it.ID)
		}
		shown[it.ID] = true
		if !w.may(it.ID, q, matches) {
			t.Errorf("%q must not be shown to %+v", it.ID, q)
		}
		if it.Source == "" || it.Reason.Code == "" || it.Reason.Text == "" {
			t.Errorf("%+v lacks a source or a reason", it)
		}
		if by := it.Reason.Item; by != "" && by != q.ContextItem && !w.known(q)[by] {
			t.Errorf("%+v is because of an item that the user does not know", it)
		}
	}
	reach := w.reach(q)
	for id := range reach {
		if !w.may(id, q, matches) {
			delete(reach, id)
		}
	}
	if len(got.Items) < min(q.N, len(reach)) || len(got.Items) > q.N {
		t.Errorf("%d items for %+v, though %d may be shown", len(got.Items), q, len(reach))
	}
	if personal := w.live[registry.Personal]; personal != nil && q.ContextItem == "" {
		w.checkOrder(t, q, got, matches, personal)
	}
}

// reach are the items that some source surely proposes.
func (w *twin) reach(q recommend.Request) map[kindred.ItemID]bool {
	reach := map[kindred.ItemID]bool{}
	for id := range w.items {
		reach[id] = true
	}
	personal := w.live[registry.Personal]
	for _, m := range []*registry.Loaded{personal, w.live[registry.Popular]} {
		if m != nil && (m != personal || m.Version.Kind == "ials" && len(w.history(q, m.Items).Items) > 0) {
			for _, id := range m.Items.IDs() {
				reach[kindred.ItemID(id)] = true
			}
		}
	}
	return reach
}

// checkOrder compares the personal part with a plain sort of all scores.
func (w *twin) checkOrder(t *testing.T, q recommend.Request, got recommend.Answer, matches func(*kindred.Item) bool, m *registry.Loaded) {
	t.Helper()
	history := w.history(q, m.Items)
	scores := make([]float32, m.Items.Len())
	m.Learned.Score(scores, history)
	var want []float64
	for i, score := range scores {
		isIn := m.Version.Kind == "ials" || score > 0
		if isIn && w.may(kindred.ItemID(m.Items.ID(int32(i))), q, matches) {
			want = append(want, float64(score))
		}
	}
	if len(history.Items) == 0 || m.Version.Kind == "popular" {
		want = nil
	}
	slices.SortFunc(want, func(a, b float64) int { return cmp.Compare(b, a) })
	want = want[:min(len(want), q.N)]
	var have []float64
	for n, it := range got.Items {
		if it.Source == m.Version.Kind && m.Version.Kind != "popular" {
			i, _ := m.Items.Index(string(it.ID))
			have = append(have, it.Score)
			if len(have) != n+1 || math.Abs(it.Score-float64(scores[i])) > 1e-4 {
				t.Errorf("place %d: %+v, scores %v", n, it, scores[i])
			}
		}
	}
	if len(have) != len(want) {
		t.Fatalf("%d items of the personal model, want %d", len(have), len(want))
	}
	for n := range want {
		if math.Abs(want[n]-have[n]) > 1e-4 {
			t.Fatalf("scores %v, want %v", have, want)
		}
	}
}
