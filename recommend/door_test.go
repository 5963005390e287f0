package recommend_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"kindred"
	"kindred/dataset"
	"kindred/internal/metric"
	"kindred/model"
	"kindred/recommend"
	"kindred/registry"
	"kindred/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// moment is the present, unless a test moves its clock.
var moment = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// clock is a present that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

// world is a real store, a real registry and a clock.
type world struct {
	tb      testing.TB
	path    string
	store   *store.DB
	models  *registry.Registry
	clock   *clock
	metrics *metric.Metrics
	weights dataset.Settings
	events  int
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	w := &world{
		tb: tb, path: filepath.Join(tb.TempDir(), "store.db"), clock: &clock{now: moment},
		metrics: metric.New(), weights: dataset.Defaults(),
	}
	w.weights.MinRating = 3
	w.store = w.openStore()
	var err error
	w.models, err = registry.Open(tb.TempDir())
	must(tb, err)
	return w
}

func (w *world) openStore() *store.DB {
	w.tb.Helper()
	db, err := store.Open(w.tb.Context(), store.Config{Path: w.path})
	must(w.tb, err)
	w.tb.Cleanup(func() { must(w.tb, db.Close()) })
	return db
}

func (w *world) serve() *recommend.Service {
	w.tb.Helper()
	return w.serveFrom(w.store, w.models)
}

func (w *world) serveFrom(s recommend.Store, models recommend.Models) *recommend.Service {
	w.tb.Helper()
	svc, err := recommend.New(w.tb.Context(), recommend.Config{Weights: w.weights, Metrics: w.metrics, Now: w.clock.Now}, s, models)
	must(w.tb, err)
	return svc
}

// event makes an event a minute after the one before, all long ago.
func (w *world) event(user kindred.UserID, kind kindred.Kind, item kindred.ItemID, value float64) kindred.Event {
	w.events++
	return kindred.Event{
		ID: fmt.Sprint("e", w.events), User: user, Item: item, Kind: kind, Value: value,
		Time: moment.Add(time.Duration(w.events-1_000_000) * time.Minute),
	}
}

func (w *world) happen(events ...kindred.Event) {
	w.tb.Helper()
	_, err := w.store.AppendEvents(w.tb.Context(), events)
	must(w.tb, err)
}

// view stores that a user viewed items.
func (w *world) view(user kindred.UserID, items ...kindred.ItemID) []kindred.Event {
	w.tb.Helper()
	var events []kindred.Event
	for _, item := range items {
		events = append(events, w.event(user, kindred.View, item, 1))
	}
	w.happen(events...)
	return events
}

func (w *world) put(items ...kindred.Item) {
	w.tb.Helper()
	must(w.tb, w.store.PutItems(w.tb.Context(), items))
}

// putUsers stores what is said of users.
func (w *world) putUsers(users ...kindred.User) {
	w.tb.Helper()
	must(w.tb, w.store.PutUsers(w.tb.Context(), users))
}

// interactions are all events and users as training sees them.
func (w *world) interactions() *dataset.Interactions {
	w.tb.Helper()
	b := dataset.NewBuilder(w.weights)
	if w.weights.ByGroup {
		must(w.tb, w.store.ScanItems(w.tb.Context(), func(item *kindred.Item) error {
			b.AddItem(item)
			return nil
		}))
	}
	must(w.tb, w.store.ScanEvents(w.tb.Context(), store.EventRange{}, func(e *kindred.Event) error {
		b.Add(e)
		return nil
	}))
	must(w.tb, w.store.ScanUsers(w.tb.Context(), func(user *kindred.User) error {
		b.AddUser(user)
		return nil
	}))
	x, err := b.Build(moment)
	must(w.tb, err)
	return x
}

// fit registers a model of all events.
func (w *world) fit(algorithm model.Algorithm) string {
	w.tb.Helper()
	x := w.interactions()
	learned, err := algorithm.Fit(w.tb.Context(), x, nil)
	must(w.tb, err)
	version := kindred.ModelVersion{Kind: algorithm.Kind(), CreatedAt: moment}
	if w.weights.ByGroup {
		version.Signals, err = json.Marshal(w.weights)
		must(w.tb, err)
	}
	v, err := w.models.Register(w.tb.Context(), version, x, learned)
	must(w.tb, err)
	return v.Version
}

func (w *world) promote(live registry.Live) {
	w.tb.Helper()
	must(w.tb, w.models.Promote(w.tb.Context(), live))
}

// promoteAll makes a model of each kind live.
func (w *world) promoteAll() registry.Live {
	w.tb.Helper()
	live := registry.Live{
		registry.Personal: w.fit(smallIALS(1)), registry.Similar: w.fit(model.NewItemKNN()), registry.Popular: w.fit(model.NewPopular()),
	}
	w.promote(live)
	return live
}

func smallIALS(seed uint64) *model.IALS {
	a := model.NewIALS()
	a.Factors, a.Epochs, a.Seed = 8, 4, seed
	return a
}

// kitchen is a world where people view pots with pans and cups with saucers.
func kitchen(tb testing.TB) *world {
	tb.Helper()
	w := newWorld(tb)
	for n := range 12 {
		user := kindred.UserID(fmt.Sprint("cook", n))
		w.view(user, "pot", "pan", "lid")
		w.view(kindred.UserID(fmt.Sprint("guest", n)), "cup", "saucer", "spoon")
		if n < 6 {
			w.view(user, "whisk")
		}
	}
	w.put(kindred.Item{ID: "pot", Title: "Red Pot", Price: 30}, kindred.Item{ID: "cup", Price: 5})
	return w
}

func ask(tb testing.TB, svc *recommend.Service, q recommend.Request) recommend.Answer {
	tb.Helper()
	a, err := svc.Recommend(tb.Context(), q)
	must(tb, err)
	return a
}

func ids(a recommend.Answer) []kindred.ItemID {
	var list []kindred.ItemID
	for i := range a.Items {
		list = append(list, a.Items[i].ID)
	}
	return list
}

func has(a recommend.Answer, id kindred.ItemID) bool { return slices.Contains(ids(a), id) }

// count returns what a counter stands at, over all its labels.
func (w *world) count(name string) (sum float64) {
	w.tb.Helper()
	families, err := w.metrics.Registry.Gather()
	must(w.tb, err)
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}
