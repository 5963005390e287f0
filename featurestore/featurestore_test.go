package featurestore_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"kindred"
	"kindred/feature"
	"kindred/featurestore"
	"kindred/format"
	"kindred/internal/metric"
	"kindred/store"
)

// shop is a store with a running feature store and a clock of its own.
type shop struct {
	*featurestore.Service
	db    *store.DB
	clock atomic.Int64 // unix milliseconds
	rng   *rand.Rand
	n     int
	early bool // no event comes late

	metrics   *metric.Metrics
	meanwhile func() // called after each list that show shows; nil: nothing
}

func config() feature.Config {
	c := feature.Config{
		Preset: "basic", Log: []string{"small", "basic"}, Accept: kindred.Informational.Reasons(),
		Definitions: []feature.Definition{
			{Name: "brand", Entity: feature.Item, Kind: feature.Attribute, Type: feature.String, Tracked: true},
			{Name: "tier", Entity: feature.User, Kind: feature.Attribute, Type: feature.String},
		},
		Sets: []feature.Set{{Name: "small", Features: []feature.Ref{"user:views_7d", "item:brand", "user_item:recency", "user:last_items", "user:tier"}}},
	}
	c.ApplyPreset()
	return c
}

func newShop(t *testing.T) *shop {
	t.Helper()
	db, err := store.Open(t.Context(), store.Config{Path: filepath.Join(t.TempDir(), "store.db")})
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	s := &shop{db: db, rng: rand.New(rand.NewPCG(1, 1)), metrics: metric.New()}
	s.clock.Store(1_700_000_000_000)
	s.Service = s.open(t)
	return s
}

// open returns another feature store over the same store, as another process
// has.
func (s *shop) open(t *testing.T) *featurestore.Service {
	t.Helper()
	service, err := featurestore.New(featurestore.Config{
		Features: config(), Metrics: s.metrics, Now: func() time.Time { return time.UnixMilli(s.clock.Load()) },
	}, s.db)
	must(t, err)
	return service
}

func (s *shop) now() time.Time { return time.UnixMilli(s.clock.Load()).UTC() }

// live stores random events, some late, while the clock goes on.
func (s *shop) live(t *testing.T, events int) {
	t.Helper()
	var batch []kindred.Event
	for range events {
		s.clock.Add(s.rng.Int64N(60_000))
		s.n++
		at := s.now()
		if s.rng.IntN(10) == 0 && !s.early {
			at = at.Add(-time.Duration(s.rng.IntN(7200)) * time.Second)
		}
		batch = append(batch, kindred.Event{
			ID: fmt.Sprint("e", s.n), User: kindred.UserID(fmt.Sprint("u", s.rng.IntN(8))), Item: kindred.ItemID(fmt.Sprint("i", s.rng.IntN(12))),
			Kind: []kindred.Kind{kindred.View, kindred.View, kindred.Purchase, kindred.Click}[s.rng.IntN(4)], Value: 1, Time: at,
		})
	}
	_, err := s.db.AppendEvents(t.Context(), batch)
	must(t, err)
}

// read reads all features of a user with every item.
func read(t *testing.T, s *featurestore.Service, at time.Time, user string) []feature.Column {
	t.Helper()
	r := feature.Request{At: at.UnixMilli()}
	for _, d := range s.Plan().Definitions() {
		r.Features = append(r.Features, d.Ref())
	}
	for i := range 12 {
		r.Users, r.Items = append(r.Users, user), append(r.Items, fmt.Sprint("i", i))
	}
	r.Rows = len(r.Items)
	reading, err := s.Read(&r)
	must(t, err)
	return reading.Columns
}

func same(t *testing.T, what string, got, want []feature.Column) {
	t.Helper()
	for c := range want {
		for row := range want[c].Status {
			if !got[c].EqualRow(row, &want[c], row) {
				t.Fatalf("%s: %s of row %d: got %s, want %s", what, got[c].Ref, row, got[c].Show(row), want[c].Show(row))
			}
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestFollow expects a state that follows the logs, step by step, to be that
// of one built at once, whatever was pushed, changed and erased on the way.
func TestFollow(t *testing.T) {
	s := newShop(t)
	if _, err := s.Read(&feature.Request{Features: []feature.Ref{"user:recency"}, Users: []string{"u"}, Rows: 1}); kindred.KindOf(err) != kindred.Unavailable {
		t.Errorf("before the state was built: %v", err)
	}
	must(t, s.Follow(t.Context())) // without a state there is nothing to do
	s.live(t, 300)
	must(t, s.Materialize(t.Context()))
	brand := kindred.StringOf("Acme")
	for round := range 6 {
		s.live(t, 200)
		items := []kindred.Item{{ID: "i1", Price: float64(round + 1), UpdatedAt: s.now(), Attributes: kindred.Attributes{"brand": kindred.StringOf(fmt.Sprint("b", round))}}}
		must(t, s.db.PutItems(t.Context(), items))
		s.ItemsChanged(items)
		users := []kindred.User{{ID: "u1", Attributes: kindred.Attributes{"tier": kindred.StringOf("gold")}, UpdatedAt: s.now()}}
		must(t, s.db.PutUsers(t.Context(), users))
		s.UsersChanged(users)
		must(t, s.Push(t.Context(), []store.FeatureValue{{Entity: "item", ID: fmt.Sprint("i", round), Name: "brand", Time: s.now().Add(-time.Hour), Value: &brand}}))
		switch round {
		case 3:
			must(t, s.db.DeleteItem(t.Context(), "i1"))
			s.ItemDeleted("i1")
			must(t, s.Follow(t.Context()))
		case 4:
			_, err := s.db.EraseUser(t.Context(), "u2")
			must(t, err)
			s.UserErased("u2")
			if got := read(t, s.Service, s.now(), "u2"); got[0].Status[0] != feature.NotFound {
				t.Errorf("an erased user is still known: %s is %s", got[0].Ref, got[0].Show(0))
			}
			must(t, s.Materialize(t.Context()))
		}
		s.clock.Add(1)
		other := s.open(t)
		must(t, other.Materialize(t.Context()))
		for i := range 8 {
			user := fmt.Sprint("u", i)
			same(t, fmt.Sprint("round ", round, ", ", user), read(t, s.Service, s.now(), user), read(t, other, s.now(), user))
		}
	}
	price := read(t, s.Service, s.now(), "u1")
	at := slices.IndexFunc(price, func(c feature.Column) bool { return c.Ref == "item:price" })
	if price[at].Status[1] != feature.Present || price[at].Numbers[1] != 6 {
		t.Errorf("the price of i1 is %s", price[at].Show(1))
	}
	before := 0
	must(t, s.db.FeatureValuesAfter(t.Context(), 0, 1e6, func(store.FeatureValue) error { before++; return nil }))
	must(t, s.Materialize(t.Context()))
	after := 0
	must(t, s.db.FeatureValuesAfter(t.Context(), 0, 1e6, func(store.FeatureValue) error { after++; return nil }))
	if before != after || before == 0 {
		t.Errorf("%d values were recorded, and %d after nothing changed", before, after)
	}
}

// TestRun has a feature store follow by itself, and keep the features of what
// is shown until it is told to end.
func TestRun(t *testing.T) {
	s := newShop(t)
	s.live(t, 100)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	wait := func(position int64) {
		t.Helper()
		for range 1000 {
			if state, isReady := s.State(); isReady && state.Position >= position {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Fatal("the state did not come")
	}
	wait(100)
	s.live(t, 50)
	s.Observe(nil)
	wait(150)
	s.Shown([]kindred.Exposure{{RequestID: "r", User: "u1", Time: s.now(), Items: []kindred.ItemID{"i1", "i2"}}})
	stop()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	logs := 0
	must(t, s.db.ScanFeatureLogs(t.Context(), "small", store.EventRange{}, func(*store.FeatureLog) error { logs++; return nil }))
	if logs != 1 {
		t.Errorf("%d logs of a list that was shown", logs)
	}
}

// show shows lists while events come in, and keeps their features.
func (s *shop) show(t *testing.T, lists int) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	for i := range lists {
		s.live(t, 20)
		must(t, s.Follow(t.Context()))
		x := kindred.Exposure{RequestID: fmt.Sprint("r", s.n), User: kindred.UserID(fmt.Sprint("u", i%8)), Time: s.now().Add(-2 * time.Second), Model: "m"}
		for range 5 {
			x.Items, x.Sources = append(x.Items, kindred.ItemID(fmt.Sprint("i", s.rng.IntN(14)))), append(x.Sources, "m")
		}
		slices.Sort(x.Items)
		x.Items = slices.Compact(x.Items)
		x.Sources = x.Sources[:len(x.Items)]
		must(t, s.db.AppendExposures(t.Context(), []kindred.Exposure{x}))
		s.Shown([]kindred.Exposure{x})
		if i%3 == 0 {
			_, err := s.db.AppendEvents(t.Context(), []kindred.Event{{ID: x.RequestID, User: x.User, Item: x.Items[0], Kind: kindred.Click, Value: 1, Time: s.now(), RequestID: x.RequestID}})
			must(t, err)
		}
		if s.meanwhile != nil {
			s.meanwhile()
		}
	}
	stop()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// TestSkew expects what was served to be computed again to the bit, late
// events or not, and a value that was not what it should have been to be
// found.
func TestSkew(t *testing.T) {
	s := newShop(t)
	s.live(t, 200)
	must(t, s.Materialize(t.Context()))
	s.show(t, 40)
	for _, set := range []string{"small", "basic"} {
		skew, err := s.Skew(t.Context(), s.db, set, store.EventRange{}, 1000)
		must(t, err)
		if skew.Lists != 40 || skew.Different != 0 || skew.Values < 500 {
			t.Errorf("of %s: %+v", set, skew)
		}
	}
	few, err := s.Skew(t.Context(), s.db, "small", store.EventRange{}, 7)
	must(t, err)
	if few.Lists != 7 {
		t.Errorf("a sample of %d lists, not 7", few.Lists)
	}
	// A list whose features were those of a minute later.
	var log store.FeatureLog
	must(t, s.db.ScanFeatureLogs(t.Context(), "small", store.EventRange{}, func(l *store.FeatureLog) error { log = *l; return nil }))
	log.RequestID, log.Time = "wrong", log.Time.Add(-time.Minute)
	must(t, s.db.AppendFeatureLogs(t.Context(), []store.FeatureLog{log}))
	skew, err := s.Skew(t.Context(), s.db, "small", store.EventRange{}, 1000)
	must(t, err)
	if skew.Different == 0 || len(skew.Examples) == 0 || skew.Examples[0].RequestID != "wrong" {
		t.Errorf("a wrong value was not found: %+v", skew)
	}
	_, err = s.db.EraseUser(t.Context(), "u3")
	must(t, err)
	if skew, err = s.Skew(t.Context(), s.db, "small", store.EventRange{}, 1000); err != nil || skew.Lists != 0 || skew.Erased != 36 {
		t.Errorf("after an erasure: %+v, %v", skew, err)
	}
	if _, err = s.Skew(t.Context(), s.db, "none", store.EventRange{}, 1); kindred.KindOf(err) != kindred.NotFound {
		t.Errorf("of no set: %v", err)
	}
}

// gather is a Table that keeps what is written to it.
type gather struct {
	names []string
	rows  map[string]map[string]any // by request or time, and item
}

func (g *gather) write(columns []format.BlockColumn, rows int) error {
	g.names = nil
	for row := range rows {
		cells := map[string]any{}
		for i := range columns {
			c := &columns[i]
			switch c.Type {
			case format.NumberColumn, format.BoolColumn:
				cells[c.Name] = math.Float64bits(c.Numbers[row])
			case format.TimeColumn:
				cells[c.Name] = c.Times[row]
			case format.TextColumn:
				cells[c.Name] = c.Texts[row]
			default:
				cells[c.Name] = fmt.Sprint(c.Lists)
			}
			if row == 0 {
				g.names = append(g.names, c.Name)
			}
		}
		g.rows[fmt.Sprint(cells["request_id"], " ", cells["item"])] = cells
	}
	return nil
}

// TestTrainingSet makes training sets of what was shown, as of then and as
// served: their labels are what was clicked, and since no event came late their
// features are the same.
func TestTrainingSet(t *testing.T) {
	s := newShop(t)
	s.early = true
	s.live(t, 200)
	must(t, s.Materialize(t.Context()))
	s.show(t, 30)
	labels, err := s.ShownLabels(t.Context(), s.db, store.EventRange{}, []kindred.Kind{kindred.Click})
	must(t, err)
	positives := 0.0
	for _, value := range labels.Values {
		positives += value
	}
	if positives != 10 || len(labels.Values) < 100 {
		t.Fatalf("%v of %d labels are positive, want 10", positives, len(labels.Values))
	}
	asOf, served := gather{rows: map[string]map[string]any{}}, gather{rows: map[string]map[string]any{}}
	refs := []feature.Ref{"item:brand", "user:tier", "item:views_7d", "user:views_7d"}
	summaries, err := s.TrainingSet(t.Context(), refs, labels, asOf.write)
	must(t, err)
	folder := t.TempDir()
	before := summaries.Statistics("small", "v", s.now())
	must(t, featurestore.SaveStatistics(folder, &before))
	after, err := featurestore.LoadStatistics(folder, "small")
	must(t, err)
	logged, err := s.LoggedSummaries(t.Context(), s.db, "small", store.EventRange{})
	must(t, err)
	if views := after.Of("user:views_7d"); views == nil || views.Rows != len(labels.Values) || logged[0].DriftFrom(views) != 0 {
		t.Errorf("the statistics of training and serving differ: %+v", after)
	}
	if none, err := featurestore.LoadStatistics(folder, "none"); none != nil || err != nil {
		t.Errorf("statistics of no training: %v, %v", none, err)
	}
	other, err := s.LoggedSet(t.Context(), s.db, "small", store.EventRange{}, labels, served.write)
	must(t, err)
	if other != 0 || len(served.rows) != len(asOf.rows) || len(asOf.rows) != len(labels.Values) {
		t.Fatalf("%d rows as served, %d as of then, %d labels, %d of another version", len(served.rows), len(asOf.rows), len(labels.Values), other)
	}
	if want := []string{"user", "item", "time", "label", "request_id", "session", "item__brand", "user__tier", "item__views_7d", "user__views_7d"}; !slices.Equal(asOf.names, want) {
		t.Errorf("the columns are %v", asOf.names)
	}
	for key, row := range asOf.rows {
		for _, name := range []string{"label", "time", "user__views_7d", "item__brand"} {
			if served.rows[key][name] != row[name] {
				t.Errorf("%s of %s: as of then %v, as served %v", name, key, row[name], served.rows[key][name])
			}
		}
	}
	if _, err := s.TrainingSet(t.Context(), refs, &featurestore.Labels{}, asOf.write); kindred.KindOf(err) != kindred.Invalid {
		t.Errorf("without labels: %v", err)
	}
}
