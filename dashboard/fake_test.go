package dashboard_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"kindred"
	"kindred/dashboard"
	"kindred/sim"
)

const key = "test-key"

// fakeAPI answers the calls the pages make from a simulated shop in memory:
// what shares a shelf with the user's last item comes first.
type fakeAPI struct {
	items []kindred.Item
	users []kindred.User

	mu         sync.Mutex
	events     []kindred.Event
	isDown     bool // answers 503
	promoted   string
	generation int
	checked    int    // reports asked for
	asked      string // of the features
	replays    int
}

// newFake starts a server with the pages and the fake API.
func newFake(tb testing.TB) (*fakeAPI, *httptest.Server) {
	tb.Helper()
	cfg := sim.Defaults()
	cfg.Items, cfg.Users, cfg.Days, cfg.Now = 300, 200, 40, time.Now()
	shop := sim.New(cfg)
	f := &fakeAPI{items: shop.Items(), users: shop.Users(), events: slices.Collect(shop.Events()), promoted: "20260301T101500Z-ials"}
	mux := http.NewServeMux()
	mux.Handle("/", dashboard.Handler())
	mux.Handle("/v1/", f.guard(f.routes()))
	mux.Handle("/get-online-features", f.guard(http.HandlerFunc(f.online)))
	srv := httptest.NewServer(mux)
	tb.Cleanup(srv.Close)
	return f, srv
}

func (f *fakeAPI) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		switch {
		case r.Header.Get("Authorization") != "Bearer "+key:
			problem(w, http.StatusUnauthorized, "give a valid key")
		case f.isDown:
			problem(w, http.StatusServiceUnavailable, "the store is being opened")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func (f *fakeAPI) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/overview", f.overview)
	mux.HandleFunc("GET /v1/models", f.models)
	mux.HandleFunc("GET /v1/cleaning", f.cleaning)
	mux.HandleFunc("POST /v1/cleaning/run", func(w http.ResponseWriter, _ *http.Request) {
		f.generation++
		answer(w, http.StatusAccepted, map[string]any{"generation": f.generation})
	})
	mux.HandleFunc("GET /v1/quarantine", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, map[string]any{"events": []map[string]any{{
			"seq": 7, "event_id": "e7", "user": "crawler", "item": "mug", "kind": "view", "value": 1, "time": time.Now(),
			"verdict": []string{r.URL.Query().Get("reason")}, "why": "240 events in a minute",
		}}})
	})
	mux.HandleFunc("GET /v1/quarantine/rejected", f.rejected)
	mux.HandleFunc("POST /v1/quarantine/replay", func(w http.ResponseWriter, _ *http.Request) {
		f.replays++
		reply := map[string]int{"rows": 6, "stored": 5, "duplicates": 0, "rejected": 1, "not_replayable": 0}
		if f.replays == 1 {
			reply["next"] = 6
		}
		answer(w, http.StatusOK, reply)
	})
	mux.HandleFunc("GET /v1/schema", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"items": 300, "attributes": []map[string]any{
			{"name": "brand", "types": map[string]int{"string": 300}, "filled": 300, "share": 1, "distinct": 12, "examples": []string{"Acme", "<b>Best</b>"}, "declared": map[string]any{"type": "string", "required": true}},
			{"name": "size", "types": map[string]int{"number": 150, "string": 3}, "conflict": true, "filled": 153, "share": 0.51, "distinct": 1000, "examples": []string{"12", "XL"}},
		}})
	})
	mux.HandleFunc("GET /v1/check", f.check)
	mux.HandleFunc("GET /v1/features", f.features)
	mux.HandleFunc("GET /v1/features/statistics", f.statistics)
	mux.HandleFunc("POST /v1/check", func(w http.ResponseWriter, _ *http.Request) {
		f.checked++
		answer(w, http.StatusAccepted, map[string]any{"pending": true})
	})
	mux.HandleFunc("POST /v1/models/{version}/promote", func(w http.ResponseWriter, r *http.Request) {
		f.promoted = r.PathValue("version")
		answer(w, http.StatusOK, map[string]any{"live": f.live()})
	})
	mux.HandleFunc("GET /v1/users", func(w http.ResponseWriter, r *http.Request) {
		var users []map[string]any
		for _, u := range f.users {
			if strings.Contains(string(u.ID), r.FormValue("q")) && string(u.ID) > r.FormValue("after") && len(users) < 100 {
				users = append(users, map[string]any{"id": u.ID, "attributes": u.Attributes})
			}
		}
		answer(w, http.StatusOK, map[string]any{"users": users})
	})
	mux.HandleFunc("GET /v1/users/{id}", func(w http.ResponseWriter, r *http.Request) {
		for _, u := range f.users {
			if string(u.ID) == r.PathValue("id") {
				answer(w, http.StatusOK, map[string]any{"id": u.ID, "attributes": u.Attributes})
				return
			}
		}
		problem(w, http.StatusNotFound, "no such user")
	})
	mux.HandleFunc("GET /v1/users/{id}/events", func(w http.ResponseWriter, r *http.Request) {
		var events []map[string]any
		for _, e := range slices.Backward(f.events) {
			if string(e.User) == r.PathValue("id") && len(events) < 30 {
				events = append(events, map[string]any{"user": e.User, "item": e.Item, "kind": e.Kind, "time": e.Time})
			}
		}
		answer(w, http.StatusOK, map[string]any{"events": events})
	})
	mux.HandleFunc("GET /v1/items/{id}", func(w http.ResponseWriter, r *http.Request) {
		if item := f.item(r.PathValue("id")); item != nil {
			answer(w, http.StatusOK, fields(item))
			return
		}
		problem(w, http.StatusNotFound, "no such item")
	})
	mux.HandleFunc("GET /v1/items/{id}/similar", func(w http.ResponseWriter, r *http.Request) {
		f.recommend(w, r, []string{r.PathValue("id")}, 6, r.FormValue("category"))
	})
	mux.HandleFunc("GET /v1/users/{id}/recommendations", func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.FormValue("filter"), "!") {
			problem(w, http.StatusUnprocessableEntity, "query.filter: at 3: expected an operator")
			return
		}
		var session []string
		for _, e := range f.events {
			if string(e.User) == r.PathValue("id") {
				session = append(session, string(e.Item))
			}
		}
		n, _ := strconv.Atoi(r.FormValue("n"))
		f.recommend(w, r, session, n, r.FormValue("category"))
	})
	mux.HandleFunc("POST /v1/recommendations", func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			N        int                     `json:"n"`
			Category string                  `json:"category"`
			Session  []struct{ Item string } `json:"session"`
		}
		_ = json.NewDecoder(r.Body).Decode(&body)
		var session []string
		for _, s := range body.Session {
			session = append(session, s.Item)
		}
		f.recommend(w, r, session, body.N, body.Category)
	})
	mux.HandleFunc("POST /v1/events", func(w http.ResponseWriter, r *http.Request) {
		var e struct {
			User      kindred.UserID `json:"user"`
			Item      kindred.ItemID `json:"item"`
			Kind      kindred.Kind   `json:"kind"`
			RequestID string         `json:"request_id"`
			Position  int            `json:"position"`
		}
		dec := json.NewDecoder(r.Body)
		dec.DisallowUnknownFields()
		if err := dec.Decode(&e); err != nil {
			problem(w, http.StatusBadRequest, err.Error())
			return
		}
		f.events = append(f.events, kindred.Event{
			User: e.User, Item: e.Item, Kind: e.Kind, RequestID: e.RequestID, Position: e.Position, Time: time.Now(),
		})
		answer(w, http.StatusAccepted, map[string]any{"event_id": "e", "status": "accepted"})
	})
	return mux
}

func (f *fakeAPI) item(id string) *kindred.Item {
	for i := range f.items {
		if string(f.items[i].ID) == id {
			return &f.items[i]
		}
	}
	return nil
}

func (f *fakeAPI) recommend(w http.ResponseWriter, r *http.Request, session []string, n int, category string) {
	rank := map[string]int{}
	for at, id := range session {
		if item := f.item(id); item != nil {
			rank[item.Categories[0]] = max(rank[item.Categories[0]], at+1)
			rank[item.Categories[1]] = max(rank[item.Categories[1]], at+1)
		}
	}
	score := func(i *kindred.Item) int { return rank[i.Categories[0]] + rank[i.Categories[1]] }
	var list []*kindred.Item
	for i := range f.items {
		item := &f.items[i]
		if !slices.Contains(session, string(item.ID)) && (category == "" || slices.Contains(item.Categories, category)) {
			list = append(list, item)
		}
	}
	slices.SortStableFunc(list, func(a, b *kindred.Item) int { return cmp.Compare(score(b), score(a)) })
	rows := []map[string]any{}
	for at, item := range list[:min(n, len(list))] {
		source, text := "ials", "Because you looked at things from "+item.Categories[1]
		if score(item) == 0 {
			source, text = "popular", "Popular with everyone"
		}
		rows = append(rows, map[string]any{
			"id": item.ID, "score": 1 / float64(at+2), "source": source,
			"reason": map[string]any{"code": "like_similar_users", "text": text},
		})
		if r.URL.Query().Get("include") == "item" {
			rows[at]["item"] = fields(item)
		}
	}
	answer(w, http.StatusOK, map[string]any{
		"request_id": "req-" + strconv.Itoa(len(session)), "items": rows,
		"model": map[string]any{"version": f.promoted, "kind": "ials"},
	})
}

func fields(item *kindred.Item) map[string]any {
	return map[string]any{
		"id": item.ID, "title": item.Title, "categories": item.Categories, "price": item.Price, "attributes": item.Attributes,
	}
}

func (f *fakeAPI) live() map[string]any { return map[string]any{"personal": f.promoted} }

func (f *fakeAPI) models(w http.ResponseWriter, _ *http.Request) {
	var models []map[string]any
	for at, kind := range []string{"ease", "ials", "itemknn"} {
		version := fmt.Sprintf("2026030%dT101500Z-%s", 2-at, kind)
		stage := "candidate"
		if version == f.promoted {
			stage = "live"
		}
		models = append(models, map[string]any{
			"version": version, "kind": kind, "stage": stage, "created_at": time.Now().Add(-time.Hour * time.Duration(at+1)),
			"metrics": map[string]any{"ndcg@20": 0.137 - 0.01*float64(at)}, "data": map[string]any{"events": len(f.events)},
			"train_time_ns": 1_830_000_000, "artefact_bytes": 3_400_000,
		})
	}
	answer(w, http.StatusOK, map[string]any{"live": f.live(), "models": models})
}

func (f *fakeAPI) cleaning(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"rules": "1-0123456789ab", "refused": []string{"bot", "misdated"}, "generation": f.generation, "judged": 1000, "end": 1000,
		"events": 1000, "accepted": 930, "counts": map[string]int{"clean": 900, "bot": 60, "misdated": 10, "unjoined": 30},
		"reasons": map[string]int{"bot": 60, "misdated": 10, "unjoined": 30}, "at": time.Now(),
	})
}

func (f *fakeAPI) rejected(w http.ResponseWriter, r *http.Request) {
	reason := cmp.Or(r.FormValue("reason"), "invalid_kind")
	answer(w, http.StatusOK, map[string]any{"counts": map[string]int{"invalid_kind": 12, "unreadable": 3}, "dropped": 40, "rows": []map[string]any{{
		"id": 1, "time": time.Now(), "source": "orders.csv:7", "reason": reason, "detail": `kind: "loan" is not declared (add it to kinds: in kindred.yaml)`,
		"raw": "u42,<b>mug</b>,loan", "cut": false, "replayable": reason == "invalid_kind",
	}}})
}

func (f *fakeAPI) overview(w http.ResponseWriter, _ *http.Request) {
	now := time.Now().Unix()
	var seconds, recommendations, events, p99 []float64
	for s := range 120 {
		seconds = append(seconds, float64(now-119+int64(s)))
		recommendations = append(recommendations, float64(40+s%7+s/4))
		events = append(events, float64(12+s%5))
		p99 = append(p99, 3+float64(s%9)/4)
	}
	var recent []map[string]any
	for _, e := range slices.Backward(f.events[max(0, len(f.events)-20):]) {
		recent = append(recent, map[string]any{"time": e.Time, "kind": e.Kind, "user": e.User, "item": e.Item, "title": f.item(string(e.Item)).Title})
	}
	metrics := map[string]any{"ndcg@20": 0.127, "recall@20": 0.214, "coverage@20": 0.61}
	answer(w, http.StatusOK, map[string]any{
		"version": "dev", "started_at": time.Now().Add(-time.Minute),
		"data": map[string]any{
			"events": len(f.events), "users": len(f.users), "items": len(f.items), "aliases": 17,
			"first_event": f.events[0].Time, "last_event": f.events[len(f.events)-1].Time,
		},
		"live": map[string]any{"personal": map[string]any{
			"version": f.promoted, "kind": "ials", "created_at": time.Now().Add(-90 * time.Second), "metrics": metrics,
			"baseline": map[string]any{"ndcg@20": 0.052, "recall@20": 0.094, "coverage@20": 0.02},
		}},
		"requests": map[string]any{
			"recommendations_total": 18230, "recommendations_per_second": 63.4, "events_total": 4410, "events_per_second": 14.2,
			"latency_ms": map[string]any{"p50": 0.62, "p95": 1.9, "p99": 4.1},
		},
		"recent": recent,
		"series": map[string]any{"seconds": seconds, "recommendations": recommendations, "events": events, "p99_ms": p99},
	})
}

// check answers with a report that has a little of everything; each one asked
// for is a minute newer.
func (f *fakeAPI) check(w http.ResponseWriter, _ *http.Request) {
	result := func(name, status string, more map[string]any) map[string]any {
		x := map[string]any{"name": name, "group": "values", "status": status, "figure": 0.02, "limit": 0, "unit": "share", "count": 20, "of": 1000, "meaning": "it harms"}
		maps.Copy(x, more)
		return x
	}
	warnings := 1 + f.checked
	answer(w, http.StatusOK, map[string]any{"pending": false, "report": map[string]any{
		"at": time.Now().Add(time.Duration(f.checked-5) * time.Minute), "rows": map[string]any{"events": 1000},
		"summary": map[string]int{"error": 1, "warning": warnings, "info": 0, "ok": 1, "skipped": 1},
		"results": []map[string]any{
			result("user_placeholder", "warning", map[string]any{"examples": []string{"<b>null</b>"}, "advice": "leave them out"}),
			result("time_gap", "ok", map[string]any{"unit": "ratio"}),
			result("refund_orphan", "skipped", map[string]any{"detail": "there are no refunds", "of": 0}),
		},
		"expectations": []map[string]any{result("clicks have a session", "error", map[string]any{"owner": "web team"})},
		"readiness": []map[string]any{
			{"name": "popular", "ready": true, "models": "popular", "needs": []map[string]any{{"what": "events", "have": 1000, "want": 1}}},
			{"name": "factors", "ready": false, "models": "ials", "needs": []map[string]any{{"what": "events", "have": 1000, "want": 10_000}}},
		},
	}})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func problem(w http.ResponseWriter, status int, detail string) {
	answer(w, status, map[string]any{"title": http.StatusText(status), "status": status, "detail": detail})
}
