package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"kindred"
	"kindred/clean"
	"kindred/dataset"
	"kindred/export"
	"kindred/feature"
	"kindred/featurestore"
	"kindred/ingest"
	"kindred/internal/metric"
	"kindred/model"
	"kindred/recommend"
	"kindred/registry"
	"kindred/store"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testNow = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// door is a server over real parts: a store in memory, a registry with small
// models that know the items mug, kettle, cup and plate, and what serves them.
// The store is empty but for a key of each scope.
type door struct {
	*Server
	db     *store.DB
	log    *bytes.Buffer
	keys   map[string]string // by scope
	models map[string]string // version by kind
}

// failing is a recommender that fails as it is told to.
type failing struct {
	Recommender
	fail  error
	panic bool
}

func (f *failing) Popular(context.Context, recommend.Request) (recommend.Answer, error) {
	if f.panic {
		panic("secret cause")
	}
	return recommend.Answer{}, f.fail
}

// failingStore is a store that can neither be read nor written.
type failingStore struct{}

func (failingStore) AppendEvents(context.Context, []kindred.Event) ([]bool, error) {
	return nil, kindred.Errorf(kindred.Unavailable, "the store is busy; try again").Because(errors.New("secret cause"))
}

func (failingStore) Counts(context.Context) (store.Counts, error) {
	return store.Counts{}, errors.New("secret cause")
}

func newDoor(tb testing.TB, change ...func(*Config, *Deps)) *door {
	tb.Helper()
	db, err := store.Open(tb.Context(), store.Config{Path: ":memory:"})
	must(tb, err)
	tb.Cleanup(func() { must(tb, db.Close()) })
	d := &door{db: db, log: &bytes.Buffer{}, keys: map[string]string{"": ""}, models: map[string]string{}}
	for _, scope := range []string{ScopeRead, ScopeWrite, ScopeAdmin} {
		secret, key := GenerateKey(scope+"er", []string{scope})
		must(tb, db.PutKey(tb.Context(), key))
		d.keys[scope] = secret
	}
	reg, err := registry.Open(tb.TempDir())
	must(tb, err)
	d.learn(tb, reg)
	now := func() time.Time { return testNow }
	live, err := recommend.New(tb.Context(), recommend.Config{Now: now}, db, reg)
	must(tb, err)
	activity := NewActivity(now)
	features, err := featurestore.New(featurestore.Config{Features: testFeatures(), Now: now}, db)
	must(tb, err)
	must(tb, features.Materialize(tb.Context()))
	cfg := Config{Listen: "127.0.0.1:8471", Version: "test"}
	verdicts := ingest.NewVerdicts(ingest.VerdictsConfig{Settings: clean.Defaults(), Refused: kindred.AllReasons() &^ kindred.Informational}, db)
	rejections := ingest.NewRejections(db, metric.New(), slog.New(slog.DiscardHandler))
	events := ingest.New(ingest.Config{Now: now, Rejections: rejections}, db, live, activity)
	deps := Deps{
		Events: events, Rejected: db, Rejections: rejections, Replayer: events, Recommender: live, Live: live,
		Items: db, Withdrawals: db, Users: db, Aliases: db, Keys: db, Counts: db, Stored: export.Source{Store: db, Features: features}, Models: reg, Checks: &reports{}, Features: features, FeatureReports: features, Metrics: metric.New(), Activity: activity, Now: now,
		Cleaning: verdicts, Quarantine: db, Histories: live,
		Logger:    slog.New(slog.NewTextHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Dashboard: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "dashboard") }),
	}
	for _, f := range change {
		f(&cfg, &deps)
	}
	d.Server, err = New(cfg, deps)
	must(tb, err)
	return d
}

// testFeatures are the basic ones and one of each further type.
func testFeatures() feature.Config {
	c := feature.Config{Preset: "basic", Accept: kindred.Informational.Reasons(), Definitions: []feature.Definition{
		{Name: "brand", Entity: feature.Item, Kind: feature.Attribute, Type: feature.String, Default: "none"},
		{Name: "tags", Entity: feature.Item, Kind: feature.Attribute, Type: feature.Strings},
		{Name: "image", Entity: feature.Item, Kind: feature.Embedding},
		{Name: "is_new", Entity: feature.Item, Kind: feature.Attribute, Type: feature.Bool, TTL: feature.Span(time.Hour)},
		{Name: "hour", Entity: feature.Context, Kind: feature.Attribute},
		{Name: "late", Entity: feature.Context, Kind: feature.Expression, Expression: "context.hour >= 20.0"},
	}}
	c.ApplyPreset()
	return c
}

// learn fits a model of each kind, and makes them live after another.
func (d *door) learn(tb testing.TB, reg *registry.Registry) {
	tb.Helper()
	lists := map[string][]string{
		"ann": {"mug", "kettle"}, "ben": {"mug", "kettle", "cup"}, "cat": {"mug", "cup"}, "dan": {"kettle", "mug"}, "eve": {"plate", "cup"},
	}
	builder := dataset.NewBuilder(dataset.Defaults())
	for user, items := range lists {
		for i, item := range items {
			builder.Add(&kindred.Event{
				User: kindred.UserID(user), Item: kindred.ItemID(item), Kind: kindred.Purchase, Value: 1,
				Time: exampleTime().Add(time.Duration(i) * time.Hour),
			})
		}
	}
	data, err := builder.Build(testNow)
	must(tb, err)
	for _, kind := range []string{"popular", "itemknn", "ials"} {
		algorithm, err := model.FromJSON(kind, []byte(map[string]string{"ials": `{"factors":4}`}[kind]))
		must(tb, err)
		learned, err := algorithm.Fit(tb.Context(), data, nil)
		must(tb, err)
		version, err := reg.Register(tb.Context(), kindred.ModelVersion{
			Kind: kind, CreatedAt: exampleTime(), Settings: json.RawMessage("{}"),
			Metrics: map[string]float64{"ndcg@20": 0.25}, Baseline: map[string]float64{"ndcg@20": 0.125},
		}, data, learned)
		must(tb, err)
		d.models[kind] = version.Version
	}
	must(tb, reg.Promote(tb.Context(), registry.Live{registry.Popular: d.models["popular"], registry.Similar: d.models["itemknn"]}))
	must(tb, reg.Promote(tb.Context(), registry.Live{registry.Personal: d.models["ials"]}))
}

// counts returns how much is stored.
func (d *door) counts(tb testing.TB) store.Counts {
	tb.Helper()
	counts, err := d.db.Counts(tb.Context())
	must(tb, err)
	return counts
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// ask sends a request with the key of a scope.
func (d *door) ask(method, path, scope, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://localhost"+path, strings.NewReader(body)) //nolint:noctx // httptest gives one
	if d.keys[scope] != "" {
		r.Header.Set("Authorization", "Bearer "+d.keys[scope])
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w
}
