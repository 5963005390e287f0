package api

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"kindred"
	"kindred/ingest"
	"kindred/internal/metric"
	"kindred/recommend"
	"kindred/registry"
	"kindred/store"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testNow = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// shelf is a recommender of fixed answers, so that these tests are of the
// door and not of what lies behind it.
type shelf struct {
	mu    sync.Mutex
	asked recommend.Request
	told  []string
	fail  error
	panic bool
	item  kindred.Item // the one that is known
}

func newShelf() *shelf {
	return &shelf{item: kindred.Item{
		ID: "mug", Title: "Mug <3", Categories: []string{"Kitchen", "Red"}, Price: 12.5,
		Attributes: kindred.Attributes{"image": kindred.StringOf("/mug.svg")},
	}}
}

func (s *shelf) Recommend(_ context.Context, q recommend.Request) (recommend.Answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.panic {
		panic("secret cause")
	}
	s.asked = q
	return recommend.Answer{
		RequestID: "rec-1", Model: &recommend.ModelRef{Version: "v1", Kind: "ials"},
		Items: []recommend.Item{
			{ID: "mug", Score: 0.5, Source: "ials", Reason: recommend.Reason{Code: "because_viewed", Item: "kettle", Text: "Because you viewed “Kettle”"}},
			{ID: "unknown\n\"item\"", Score: 1e-9, Source: "popular", Reason: recommend.Reason{Code: "popular", Text: "Popular"}},
		},
	}, s.fail
}

func (s *shelf) Similar(ctx context.Context, item kindred.ItemID, q recommend.Request) (recommend.Answer, error) {
	if item == "nothing" {
		return recommend.Answer{}, kindred.Errorf(kindred.NotFound, "there is no item %q", item)
	}
	return s.Recommend(ctx, q)
}

func (s *shelf) Popular(ctx context.Context, q recommend.Request) (recommend.Answer, error) {
	return s.Recommend(ctx, q)
}

func (s *shelf) Trending(ctx context.Context, q recommend.Request) (recommend.Answer, error) {
	return s.Recommend(ctx, q)
}

func (s *shelf) Item(id kindred.ItemID) (kindred.Item, bool) {
	return s.item, id == s.item.ID
}

func (s *shelf) tell(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, fmt.Sprintf(format, args...))
}

func (s *shelf) ItemsChanged(items []kindred.Item) { s.tell("changed %d", len(items)) }
func (s *shelf) ItemDeleted(id kindred.ItemID)     { s.tell("deleted %s", id) }
func (s *shelf) UserErased(id kindred.UserID)      { s.tell("erased %s", id) }
func (s *shelf) Reload(context.Context) error      { s.tell("reload"); return nil }

// versions is a registry of three models that learned nothing.
type versions struct{ live registry.Live }

func (v *versions) List() ([]kindred.ModelVersion, error) {
	var list []kindred.ModelVersion
	for i, kind := range []string{"ials", "itemknn", "popular"} {
		list = append(list, kindred.ModelVersion{
			Version: kind + "-1", Kind: kind, CreatedAt: testNow.Add(time.Duration(i) * time.Hour), Settings: json.RawMessage("{}"),
			Metrics: map[string]float64{"ndcg@20": 0.25}, Baseline: map[string]float64{"ndcg@20": 0.125},
		})
	}
	return list, nil
}

func (v *versions) Version(version string) (kindred.ModelVersion, error) {
	list, err := v.List()
	for _, m := range list {
		if m.Version == version {
			return m, err
		}
	}
	return kindred.ModelVersion{}, kindred.Errorf(kindred.NotFound, "there is no model version %q", version)
}
func (v *versions) Live() (registry.Live, error) { return v.live, nil }
func (v *versions) Promote(_ context.Context, live registry.Live) error {
	v.live = live
	return nil
}

func (v *versions) Rollback(context.Context) (registry.Live, error) {
	return nil, kindred.Errorf(kindred.Conflict, "there is nothing to roll back to")
}

// door is a server over a real store, with a key of each scope.
type door struct {
	*Server
	db    *store.DB
	shelf *shelf
	log   *bytes.Buffer
	keys  map[string]string // by scope
}

func newDoor(tb testing.TB, change ...func(*Config, *Deps)) *door {
	tb.Helper()
	db, err := store.Open(tb.Context(), store.Config{Path: ":memory:"})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	d := &door{db: db, shelf: newShelf(), log: &bytes.Buffer{}, keys: map[string]string{"": ""}}
	for _, scope := range []string{ScopeRead, ScopeWrite, ScopeAdmin} {
		secret, key := GenerateKey(scope+"er", []string{scope})
		if err := db.PutKey(tb.Context(), key); err != nil {
			tb.Fatal(err)
		}
		d.keys[scope] = secret
	}
	now := func() time.Time { return testNow }
	activity := NewActivity(now)
	cfg := Config{Listen: "127.0.0.1:8471", Version: "test"}
	deps := Deps{
		Events: ingest.New(ingest.Config{Now: now}, db, activity), Recommender: d.shelf, Live: d.shelf, Items: db, Users: db, Keys: db, Counts: db,
		Models: &versions{live: registry.Live{registry.Personal: "ials-1", registry.Similar: "itemknn-1"}}, Metrics: metric.New(),
		Activity: activity, Logger: slog.New(slog.NewTextHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Now: now,
		Dashboard: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "dashboard") }),
	}
	for _, f := range change {
		f(&cfg, &deps)
	}
	if d.Server, err = New(cfg, deps); err != nil {
		tb.Fatal(err)
	}
	return d
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
