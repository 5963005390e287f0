package recommend_test

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"kindred"
	"kindred/model"
	"kindred/recommend"
	"kindred/registry"
)

// TestEventChangesTheNextList expects a viewed item to lead to others, and to
// go from the list itself.
func TestEventChangesTheNextList(t *testing.T) {
	w := kitchen(t)
	w.promoteAll()
	svc := w.serve()
	before := ask(t, svc, recommend.Request{User: "new", N: 3})
	if before.Items[0].Source != "popular" || before.Model == nil || before.Model.Kind != "popular" {
		t.Errorf("a stranger gets %+v by %+v", before.Items[0], before.Model)
	}
	svc.Observe(w.view("new", "cup"))
	after := ask(t, svc, recommend.Request{User: "new", N: 2})
	slices.SortFunc(after.Items, func(a, b recommend.Item) int { return len(a.ID) - len(b.ID) })
	if got := ids(after); !slices.Equal(got, []kindred.ItemID{"spoon", "saucer"}) || after.Model.Kind != "ials" {
		t.Errorf("after viewing a cup: %v by %+v", got, after.Model)
	}
	want := recommend.Reason{Code: "because_viewed", Item: "cup", Text: "Because you viewed “cup”"}
	if got := after.Items[0].Reason; got != want {
		t.Errorf("reason %+v, want %+v", got, want)
	}
}

// slowStore holds up reading histories: it reads, says so, and waits.
type slowStore struct {
	recommend.Store
	read, goOn chan struct{}
}

func (s *slowStore) UserEvents(ctx context.Context, user kindred.UserID, limit int) ([]kindred.Event, error) {
	events, err := s.Store.UserEvents(ctx, user, limit)
	if s.read != nil {
		s.read <- struct{}{}
		<-s.goOn
	}
	return events, err
}

// TestEventWhileLoading expects an event that arrives while its user's history
// is read, without it, not to be missed by the next list.
func TestEventWhileLoading(t *testing.T) {
	for name, notice := range map[string]func(svc *recommend.Service, events []kindred.Event){
		"event":   func(svc *recommend.Service, events []kindred.Event) { svc.Observe(events) },
		"erasure": func(svc *recommend.Service, _ []kindred.Event) { svc.UserErased("u") },
	} {
		t.Run(name, func(t *testing.T) {
			w := kitchen(t)
			w.promoteAll()
			slow := &slowStore{Store: w.store, read: make(chan struct{}), goOn: make(chan struct{})}
			svc := w.serveFrom(slow, w.models)
			done := make(chan recommend.Answer)
			go func() {
				a, _ := svc.Recommend(t.Context(), recommend.Request{User: "u", N: 9})
				done <- a
			}()
			<-slow.read
			notice(svc, w.view("u", "cup"))
			slow.goOn <- struct{}{}
			if a := <-done; !has(a, "cup") {
				t.Fatal("the store was read too late for this test to mean anything")
			}
			slow.read = nil
			if a := ask(t, svc, recommend.Request{User: "u", N: 9}); has(a, "cup") || a.Items[0].Source != "ials" {
				t.Errorf("the event is missing: %+v", a.Items)
			}
		})
	}
}

// TestEventsUnderLoad expects every event to count in the list after it, with
// many asking and posting at once.
func TestEventsUnderLoad(t *testing.T) {
	w := kitchen(t)
	w.promoteAll()
	svc := w.serve()
	all := []kindred.ItemID{"pot", "pan", "lid", "cup", "saucer", "spoon"}
	var wg sync.WaitGroup
	var stop atomic.Bool
	for range 2 {
		wg.Go(func() {
			for !stop.Load() {
				if _, err := svc.Recommend(t.Context(), recommend.Request{User: "u", N: 9}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for n, item := range all {
		svc.Observe(w.view("u", item))
		a := ask(t, svc, recommend.Request{User: "u", N: 9})
		for _, seen := range all[:n+1] {
			if has(a, seen) {
				t.Errorf("%q is shown after it was viewed", seen)
			}
		}
	}
	stop.Store(true)
	wg.Wait()
}

// TestSwapUnderLoad swaps two sets of models while many ask: every request is
// answered in full, by one version.
func TestSwapUnderLoad(t *testing.T) {
	w := kitchen(t)
	a := w.promoteAll()
	w.view("late", "fork", "knife")
	w.view("later", "fork", "knife")
	b := registry.Live{registry.Personal: w.fit(model.NewItemKNN()), registry.Popular: w.fit(model.NewPopular())}
	svc := w.serve()
	var wg sync.WaitGroup
	var stop atomic.Bool
	var answers atomic.Int64
	for range 4 {
		wg.Go(func() {
			for !stop.Load() {
				got, err := svc.Recommend(t.Context(), recommend.Request{User: "cook1", N: 3})
				if err != nil || got.Model == nil {
					t.Errorf("%+v, %v", got, err)
					return
				}
				answers.Add(1)
				kind := map[string]string{a[registry.Personal]: "ials", b[registry.Personal]: "itemknn", b[registry.Popular]: "popular"}[got.Model.Version]
				for _, it := range got.Items {
					// The second set has no say beyond its neighbours; popular fills up.
					if len(got.Items) != 3 || it.Source != kind && (kind == "ials" || it.Source != "popular") {
						t.Errorf("%+v by %+v", got.Items, got.Model)
						return
					}
				}
			}
		})
	}
	for n := range 24 {
		w.promote([]registry.Live{b, a}[n%2])
		must(t, svc.Reload(t.Context()))
		svc.ItemsChanged([]kindred.Item{{ID: "lid", Title: "Lid"}})
	}
	stop.Store(true)
	wg.Wait()
	if answers.Load() == 0 {
		t.Error("nobody asked")
	}
}

// corrupt damages an artefact.
func (w *world) corrupt(version, dir string) {
	w.tb.Helper()
	path := filepath.Join(dir, version, "artefact.bin")
	data, err := os.ReadFile(path)
	must(w.tb, err)
	data[len(data)/2] ^= 1
	must(w.tb, os.WriteFile(path, data, 0o600))
}

// TestCorruptVersion expects a damaged version to change nothing but a
// counter, and a start without the former to find another of its kind.
func TestCorruptVersion(t *testing.T) {
	w := kitchen(t)
	dir := t.TempDir()
	var err error
	w.models, err = registry.Open(dir)
	must(t, err)
	first := w.promoteAll()
	svc := w.serve()
	second := w.fit(smallIALS(2))
	w.promote(registry.Live{registry.Personal: second})
	w.corrupt(second, dir)
	if err := svc.Reload(t.Context()); kindred.KindOf(err) != kindred.Unavailable {
		t.Errorf("reloading a damaged version: %v", err)
	}
	for name, svc := range map[string]*recommend.Service{"running": svc, "restarted": w.serve()} {
		if a := ask(t, svc, recommend.Request{User: "cook1", N: 2}); a.Model.Version != first[registry.Personal] {
			t.Errorf("%s: by %+v, want %s", name, a.Model, first[registry.Personal])
		}
	}
	if n := w.count("kindred_recommend_reload_failures_total"); n != 2 {
		t.Errorf("%v failures counted, want 2", n)
	}
	w.corrupt(first[registry.Personal], dir)
	if a := ask(t, w.serve(), recommend.Request{User: "cook7", N: 3}); a.Items[0].Source != "similar" {
		t.Errorf("without any personal model: %+v", a.Items)
	}
}

// TestRollback expects a role that nothing played before to be empty again.
func TestRollback(t *testing.T) {
	w := kitchen(t)
	w.promote(registry.Live{registry.Popular: w.fit(model.NewPopular())})
	w.promote(registry.Live{registry.Personal: w.fit(smallIALS(1))})
	svc := w.serve()
	if a := ask(t, svc, recommend.Request{User: "cook1", N: 2}); a.Model.Kind != "ials" {
		t.Fatalf("by %+v", a.Model)
	}
	_, err := w.models.Rollback(t.Context())
	must(t, err)
	must(t, svc.Reload(t.Context()))
	if a := ask(t, svc, recommend.Request{User: "cook1", N: 2}); a.Model.Kind != "popular" {
		t.Errorf("after the rollback by %+v", a.Model)
	}
}

// TestRunNotices expects promotions and the writes of another process to be
// noticed, and lists shown to be written, the last ones at the end.
func TestRunNotices(t *testing.T) {
	w := kitchen(t)
	svc := w.serve()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- svc.Run(ctx) }()
	w.promoteAll()
	until(t, "the promotion", func() bool {
		a := ask(t, svc, recommend.Request{User: "cook1", N: 1})
		return a.Model != nil && a.Model.Kind == "ials"
	})
	ask(t, svc, recommend.Request{User: "elsewhere", N: 1}) // is now in memory
	other := w.openStore()
	_, err := other.AppendEvents(t.Context(), []kindred.Event{w.event("elsewhere", kindred.View, "cup", 1)})
	must(t, err)
	must(t, other.PutItems(t.Context(), []kindred.Item{{ID: "spoon"}}))
	must(t, other.DeleteItem(t.Context(), "spoon"))
	must(t, other.PutItems(t.Context(), []kindred.Item{{ID: "plate", Title: "Plate"}}))
	until(t, "the other's event and items", func() bool {
		a := ask(t, svc, recommend.Request{User: "elsewhere", N: 9})
		_, known := svc.Item("plate")
		return !has(a, "cup") && !has(a, "spoon") && has(a, "plate") && known
	})
	first := ask(t, svc, recommend.Request{User: "cook1", N: 2})
	until(t, "the exposure", func() bool {
		_, err := w.store.Exposure(t.Context(), first.RequestID)
		return err == nil
	})
	last := ask(t, svc, recommend.Request{User: "cook2", N: 2, SessionID: "s", Context: kindred.Attributes{"hour": kindred.NumberOf(22)}})
	cancel()
	if err := <-ended; err != context.Canceled { //nolint:errorlint // exactly this one
		t.Errorf("Run ended with %v", err)
	}
	x, err := w.store.Exposure(t.Context(), last.RequestID)
	must(t, err)
	if x.User != "cook2" || !slices.Equal(x.Items, ids(last)) || x.Sources[0] != last.Items[0].Source || x.Model != last.Model.Version ||
		x.Session != "s" || x.Context["hour"].Number != 22 {
		t.Errorf("logged %+v for %+v", x, last)
	}
}

func until(t *testing.T, what string, isSo func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !isSo(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s went unnoticed", what)
		}
	}
}

// memory is a store of nothing that keeps exposures, or refuses them.
type memory struct {
	recommend.Store
	refuse error
	shown  []kindred.Exposure
}

func (m *memory) AppendExposures(ctx context.Context, shown []kindred.Exposure) error {
	m.shown = append(m.shown, shown...)
	return cmp.Or(ctx.Err(), m.refuse)
}

func (*memory) UserEvents(context.Context, kindred.UserID, int) ([]kindred.Event, error) {
	return nil, nil
}

func (*memory) User(context.Context, kindred.UserID) (user kindred.User, err error) {
	return user, nil
}

func (*memory) RecentUsers(context.Context, int) ([]kindred.UserID, error) { return nil, nil }
func (*memory) ScanItems(context.Context, func(*kindred.Item) error) error { return nil }

func (*memory) ScanDeletedItems(context.Context, func(kindred.ItemID) error) error {
	return nil
}

func (*memory) ScanAliases(context.Context, int64, func(kindred.Alias) error) (int64, error) {
	return 1, nil
}

func (*memory) DataVersion(context.Context) (int64, error) { return 1, nil }

// TestExposuresDropped expects lists beyond what can wait, and lists the store
// refuses, to be counted.
func TestExposuresDropped(t *testing.T) {
	w := newWorld(t)
	m := &memory{refuse: kindred.Errorf(kindred.Unavailable, "the disk is full")}
	svc := w.serveFrom(m, w.models)
	const asked = 20_000
	for range asked {
		ask(t, svc, recommend.Request{User: "u", N: 1})
	}
	dropped := w.count("kindred_recommend_exposures_dropped_total")
	if dropped == 0 {
		t.Error("none was dropped")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = svc.Run(ctx)
	if n := w.count("kindred_recommend_exposures_dropped_total"); n != asked || float64(len(m.shown)) != asked-dropped {
		t.Errorf("%v of %d counted, %d written after %v were dropped", n, asked, len(m.shown), dropped)
	}
}

// TestErasedUser expects nothing of an erased user to be written or shown.
func TestErasedUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{tb: t, clock: &clock{now: moment}}
		m := &memory{}
		var err error
		w.models, err = registry.Open(t.TempDir())
		must(t, err)
		svc := w.serveFrom(m, w.models)
		ask(t, svc, recommend.Request{User: "gone", N: 1})
		kept := ask(t, svc, recommend.Request{User: "kept", N: 1})
		svc.UserErased("gone")
		w.clock.set(moment.Add(time.Second))
		back := ask(t, svc, recommend.Request{User: "gone", N: 1})
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _ = svc.Run(ctx) }()
		time.Sleep(time.Second)
		cancel()
		synctest.Wait()
		var written []string
		for _, x := range m.shown {
			written = append(written, x.RequestID)
		}
		if !slices.Equal(written, []string{kept.RequestID, back.RequestID}) {
			t.Errorf("written: %+v", m.shown)
		}
	})
}
