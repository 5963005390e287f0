package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"kindred"
	"kindred/recommend"
)

func TestRoutes(t *testing.T) {
	d := newDoor(t)
	popular, itemknn, ials := d.models["popular"], d.models["itemknn"], d.models["ials"]
	const event = `{"event_id":"e1","user":"u1","item":"mug","kind":"view","time":"2026-02-01T00:00:00.1234Z","context":{"a":1}}`
	for _, step := range []struct {
		method, path, scope, body string
		status                    int
		contains                  string
	}{
		{"GET", "/health/live", "", "", 200, `{"status":"ok"}`},
		{"GET", "/health/ready", "", "", 200, `"store":"ok"`},
		{"GET", "/", "", "", 200, "dashboard"},
		{"GET", "/assets/app.js", "", "", 200, "dashboard"},
		{"GET", "/docs", "", "", 200, "<!doctype html>"},
		{"GET", "/docs/docs.js", "", "", 200, "/openapi.json"},
		{"GET", "/docs/docs.css", "", "", 200, "grid"},
		{"GET", "/openapi.json", "", "", 200, `"openapi":"3.1.0"`},
		{"GET", "/metrics", "", "", 200, "# HELP"},

		{"POST", "/v1/events", ScopeWrite, event, 202, `{"event_id":"e1","status":"accepted"}`},
		{"POST", "/v1/events", ScopeWrite, event, 202, `{"event_id":"e1","status":"duplicate"}`},
		{"POST", "/v1/events", ScopeWrite, `{"user":"u1","item":"mug","kind":"rating","value":4.5,"time":1767225600.5}`, 202, `"status":"accepted"`},
		{"POST", "/v1/events", ScopeWrite, `{"user":"u1","item":"mug","kind":"view","value":null,"session":null}`, 202, `"accepted"`},
		{"POST", "/v1/events/batch", ScopeWrite, `{"events":[` + event + `,{"event_id":"e2","user":"u2","item":"mug","kind":"view"},{"user":7}]}`, 202, `{"accepted":1,"duplicates":1,"rejected":1,"results":[{"index":0,"event_id":"e1","status":"duplicate"},{"index":1,"event_id":"e2","status":"accepted"},{"index":2,"status":"rejected","errors":[{"location":"body.events[2].user","message":"must be a string, is a number"}`},
		{"POST", "/v1/events/batch?results=rejected", ScopeWrite, `{"events":[` + event + `]}`, 202, `{"accepted":0,"duplicates":1,"rejected":0,"results":[]}`},
		{"GET", "/v1/users/u1/events?limit=5", ScopeAdmin, "", 200, `{"event_id":"e1","user":"u1","item":"mug","kind":"view","value":1,"time":"2026-02-01T00:00:00.123Z","context":{"a":1}}`},
		{"GET", "/v1/users/nobody/events", ScopeAdmin, "", 200, `{"events":[]}`},

		{"PUT", "/v1/items/mug", ScopeWrite, `{"title":"Mug","categories":["Kitchen"],"price":3,"available_from":"2026-01-01T00:00:00Z","attributes":{"brand":"Acme","tags":["a","b"],"v":[1,2],"sold":{"time":"2026-01-02T15:04:05Z"}}}`, 200, `"id":"mug","title":"Mug","categories":["Kitchen"],"price":3,"available_from":"2026-01-01T00:00:00Z"`},
		{"GET", "/v1/items/mug", ScopeRead, "", 200, `"brand":"Acme"`},
		{"PUT", "/v1/items/a%2Fb%20c", ScopeWrite, `{}`, 200, `"id":"a/b c"`},
		{"GET", "/v1/items/a%2Fb%20c", ScopeRead, "", 200, `"id":"a/b c"`},
		{"POST", "/v1/items/batch", ScopeWrite, `{"items":[{"id":"cup"},{"id":7}]}`, 200, `{"stored":1,"rejected":1,"results":[{"index":1,"errors":[{"location":"body.items[1].id","message":"must be a string, is a number"}]}]}`},
		{"GET", "/v1/items?limit=1", ScopeRead, "", 200, `"next":"a/b c"`},
		{"GET", "/v1/items?limit=2&after=a/b%20c&q=m", ScopeRead, "", 200, `"id":"mug"`},
		{"GET", "/v1/items?category=Kitchen", ScopeRead, "", 200, `{"items":[{"id":"mug"`},
		{"DELETE", "/v1/items/cup", ScopeWrite, "", 204, ``},
		{"GET", "/v1/items/cup", ScopeRead, "", 404, `"request_id":`},

		{"PUT", "/v1/users/u1", ScopeWrite, `{"attributes":{"age":30}}`, 200, `{"id":"u1","attributes":{"age":30},"updated_at":"2026-03-01T12:00:00Z"}`},
		{"GET", "/v1/items/mug/prices?limit=1", ScopeRead, "", 200, `{"prices":[{"from":"2026`},
		{"GET", "/v1/items/none/prices", ScopeRead, "", 200, `{"prices":[]}`},
		{"GET", "/v1/users/u1", ScopeRead, "", 200, `"age":30`},
		{"POST", "/v1/users/batch", ScopeWrite, `{"users":[{"id":"u8"},{"id":"u9","attributes":{"vip":true}}]}`, 200, `{"stored":2,"rejected":0,"results":[]}`},
		{"GET", "/v1/users?limit=1&q=u", ScopeAdmin, "", 200, `"next":"u1"`},
		{"GET", "/v1/overview", ScopeAdmin, "", 200, `"live":{"personal":{"version":"` + ials + `","kind":"ials"`},
		{"GET", "/v1/overview", ScopeAdmin, "", 200, `"user":"u2","item":"mug","title":"Mug"`},
		{"GET", "/v1/export/events", ScopeAdmin, "", 200, `{"event_id":"e1","user":"u1","item":"mug","kind":"view","value":1,"time":"2026-02-01T00:00:00.123Z","session":"","request_id":"","position":0,"context":{"a":1},"verdict":[`},
		{"GET", "/v1/export/events?format=csv&from=2026-02-01T00:00:00Z&to=2026-02-01T00:00:01Z", ScopeAdmin, "", 200, "\ne1,u1,mug,view,1,2026-02-01T00:00:00.123Z"},
		{"GET", "/v1/export/items", ScopeAdmin, "", 200, `"attributes":{"brand":"Acme"`},
		{"GET", "/v1/export/users?format=parquet", ScopeAdmin, "", 200, "PAR1"},
		{"GET", "/v1/export/exposures", ScopeAdmin, "", 200, ""},
		{"GET", "/v1/features", ScopeRead, "", 200, `"followed_at":"2026-03-01T12:00:00Z"`},
		{"GET", "/v1/features/statistics?set=basic&lists=10", ScopeAdmin, "", 200, `"lists":0,"features":[]}`},
		{"GET", "/v1/features/statistics?set=none", ScopeAdmin, "", 404, `no feature set`},
		{"GET", "/v1/features/statistics", ScopeAdmin, "", 422, `query.set`},
		{"GET", "/v1/features/statistics?set=basic&lists=10001", ScopeAdmin, "", 422, `query.lists`},
		{"GET", "/v1/export/features?entity=user&set=basic&format=csv", ScopeAdmin, "", 200, "entity,id,time,user__views_1h"},
		{"GET", "/v1/export/features?set=none", ScopeAdmin, "", 422, `there is no feature set`},
		{"GET", "/v1/export/features?entity=session", ScopeAdmin, "", 422, `take user or item`},
		{"GET", "/v1/export/features?from=2026-01-01T00:00:00Z", ScopeAdmin, "", 422, `query.from`},
		{"GET", "/v1/export/items?set=basic", ScopeAdmin, "", 422, `query.set`},
		{"DELETE", "/v1/events/e1?why=test", ScopeWrite, "", 200, `{"withdrawn":1}`},
		{"DELETE", "/v1/events/e1", ScopeWrite, "", 200, `{"withdrawn":0}`},
		{"DELETE", "/v1/events/e99", ScopeWrite, "", 404, `there is no event`},
		{"POST", "/v1/events", ScopeWrite, event, 202, `"status":"duplicate"`},
		{"GET", "/v1/export/events", ScopeAdmin, "", 200, `"withdrawn"]}`},
		{"POST", "/v1/events/withdraw", ScopeAdmin, `{"user":"u1","item":"mug","kind":"rating","dry_run":true}`, 200, `{"withdrawn":1}`},
		{"POST", "/v1/events/withdraw", ScopeAdmin, `{"user":"u1","to":"2026-01-01T00:00:00Z"}`, 200, `{"withdrawn":0}`},
		{"POST", "/v1/events/withdraw", ScopeAdmin, `{"user":"u1"}`, 200, `{"withdrawn":2}`},
		{"POST", "/v1/events/withdraw", ScopeAdmin, `{"user":"stranger"}`, 404, `there is no user`},
		{"POST", "/v1/events/withdraw", ScopeAdmin, `{"item":"mug"}`, 422, `body.user`},
		{"POST", "/v1/events/withdraw", ScopeAdmin, `{"user":"u1","from":"2026-01-02T00:00:00Z","to":"2026-01-01T00:00:00Z"}`, 422, `body.to`},
		{"POST", "/v1/events/withdraw", ScopeWrite, `{"user":"u1"}`, 403, `admin`},
		{"DELETE", "/v1/users/u1", ScopeAdmin, "", 200, `{"events_erased":3}`},

		{"GET", "/v1/users/ann/recommendations?n=2&explain=true", ScopeRead, "", 200, `"trace":{"history":0`},
		{"POST", "/v1/events", ScopeWrite, `{"user":"visitor","item":"kettle","kind":"view"}`, 202, `"accepted"`},
		{"POST", "/v1/users/ann/merge", ScopeWrite, `{"from":"visitor","why":"login"}`, 200, `{"id":"ann","aliases":[{"id":"visitor","into":"ann","time":"2026-03-01T12:00:00Z","by":"writeer","why":"login"}]}`},
		{"GET", "/v1/users/ann/recommendations?n=2&explain=true", ScopeRead, "", 200, `"trace":{"history":1`},
		{"POST", "/v1/users/ann/merge", ScopeWrite, `{"from":"visitor"}`, 200, `"id":"visitor"`},
		{"POST", "/v1/users/visitor/merge", ScopeWrite, `{"from":"ann"}`, 409, `\"visitor\" is an alias of \"ann\"`},
		{"POST", "/v1/users/cat/merge", ScopeWrite, `{"from":"visitor"}`, 409, `unmerge it first`},
		{"POST", "/v1/users/ann/merge", ScopeWrite, `{"from":"ann"}`, 422, `body.from`},
		{"POST", "/v1/users/ann/merge", ScopeWrite, `{"from":""}`, 422, `body.from`},
		{"POST", "/v1/users/ann/merge", ScopeWrite, `{"form":"x"}`, 422, `body.form`},
		{"GET", "/v1/users/visitor/aliases", ScopeAdmin, "", 200, `{"id":"ann","aliases":[{"id":"visitor"`},
		{"GET", "/v1/users/visitor/events", ScopeAdmin, "", 200, `"user":"ann","item":"kettle"`},
		{"POST", "/v1/users/cat/unmerge", ScopeWrite, `{"from":"visitor"}`, 409, `not of \"cat\"`},
		{"POST", "/v1/users/ann/unmerge", ScopeWrite, `{"from":"visitor"}`, 200, `{"id":"ann","aliases":[]}`},
		{"POST", "/v1/users/ann/unmerge", ScopeWrite, `{"from":"visitor"}`, 404, `no alias of anybody`},
		{"GET", "/v1/users/ann/recommendations?n=2&explain=true", ScopeRead, "", 200, `"trace":{"history":0`},
		{"GET", "/v1/users/visitor/recommendations?n=2&explain=true", ScopeRead, "", 200, `"trace":{"history":1`},
		{"GET", "/v1/merges?limit=1", ScopeAdmin, "", 200, `"undone":false,"by":"writeer","why":"login"}],"next":1}`},
		{"GET", "/v1/merges?after=1", ScopeAdmin, "", 200, `"undone":true,"by":"writeer","why":""}]}`},
		{"GET", "/v1/merges?after=x", ScopeAdmin, "", 422, `query.after`},
		{"POST", "/v1/events", ScopeWrite, `{"user":"ann","item":"kettle","kind":"view"}`, 202, `"accepted"`},
		{"GET", "/v1/users/ann/recommendations?n=1", ScopeRead, "", 200, `"model":{"version":"` + ials + `","kind":"ials"},"items":[{"id":"mug"`},
		{"GET", "/v1/users/ann/recommendations?n=1", ScopeRead, "", 200, `"title":"Mug","categories":["Kitchen"],"price":3}]}`},
		{"GET", "/v1/users/ann/recommendations?include=item", ScopeRead, "", 200, `"brand":"Acme"`},
		{"POST", "/v1/recommendations?include=item", ScopeRead, `{"session":[{"item":"kettle","kind":"view","time":"2026-03-01T11:00:00Z"}],"n":5,"exclude":["a"],"category":"Kitchen","filter":"price<4","context_item":"kettle","explain":true}`, 200, `"items":[{"id":"mug"`},
		{"POST", "/v1/recommendations", ScopeRead, `{}`, 200, `"source":"popular"`},
		{"GET", "/v1/items/mug/similar?n=3&exclude=a,b", ScopeRead, "", 200, `"source":"similar"`},
		{"GET", "/v1/items/nothing/similar", ScopeRead, "", 404, `there is no item`},
		{"GET", "/v1/popular?category=Kitchen", ScopeRead, "", 200, `"items":[{"id":"mug"`},
		{"GET", "/v1/trending", ScopeRead, "", 200, `"items":[`},

		{"GET", "/v1/models", ScopeAdmin, "", 200, `{"live":{"personal":"` + ials + `","popular":"` + popular + `","similar":"` + itemknn + `"},"models":[{"version":"` + popular},
		{"GET", "/v1/models/" + ials, ScopeAdmin, "", 200, `"kind":"ials","stage":"live"`},
		{"GET", "/v1/models/none", ScopeAdmin, "", 404, `none`},
		{"GET", "/v1/models/..%2Flive.json", ScopeAdmin, "", 404, `live.json`},
		{"POST", "/v1/models/" + popular + "/promote", ScopeAdmin, "", 200, `"popular":"` + popular + `"`},
		{"POST", "/v1/models/" + itemknn + "/promote?role=personal", ScopeAdmin, "", 200, `"personal":"` + itemknn + `"`},
		{"GET", "/v1/users/ann/recommendations", ScopeRead, "", 200, `"model":{"version":"` + itemknn},
		{"POST", "/v1/models/" + itemknn + "/promote?role=boss", ScopeAdmin, "", 422, `query.role`},
		{"POST", "/v1/models/rollback", ScopeAdmin, "", 200, `"personal":"` + ials + `"`},
		{"GET", "/v1/users/ann/recommendations", ScopeRead, "", 200, `"model":{"version":"` + ials},
		{"DELETE", "/v1/items/mug", ScopeWrite, "", 204, ``},
		{"GET", "/v1/popular?category=Kitchen", ScopeRead, "", 200, `"items":[]`},
		{"DELETE", "/v1/users/ann", ScopeAdmin, "", 200, `{"events_erased":1}`},
		{"GET", "/v1/users/ann/recommendations?n=2&explain=true", ScopeRead, "", 200, `"trace":{"history":0`},

		{"GET", "/v1/cleaning", ScopeAdmin, "", 200, `"refused":["near_duplicate","bot"`},
		{"GET", "/v1/cleaning", ScopeRead, "", 403, `scope`},
		{"POST", "/v1/cleaning/run", ScopeAdmin, "", 202, `{"generation":1}`},
		{"GET", "/v1/quarantine", ScopeAdmin, "", 200, `{"events":[]}`},
		{"GET", "/v1/quarantine?reason=bot,misdated&user=u&item=i&from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z&limit=1&after=7", ScopeAdmin, "", 200, `{"events":[]}`},
		{"GET", "/v1/quarantine?reason=robot", ScopeAdmin, "", 422, `query.reason`},
		{"GET", "/v1/quarantine?from=today", ScopeAdmin, "", 422, `query.from`},
		{"POST", "/v1/quarantine/release", ScopeAdmin, `{"reasons":["bot"],"user":"u","item":"i","from":"2026-01-01T00:00:00Z","to":"2026-02-01T00:00:00Z","events":["e1"]}`, 200, `{"released":0}`},
		{"POST", "/v1/quarantine/release", ScopeAdmin, `{"reasons":["robot"]}`, 422, `body.reasons`},
		{"POST", "/v1/quarantine/release", ScopeAdmin, `{"reasons":["unjoined"]}`, 422, `body.reasons`},

		{"GET", "/v1/nowhere", "", "", 404, `/docs lists all`},
		{"PATCH", "/v1/events", ScopeAdmin, "", 405, `"status":405`},
		{"GET", "/v1/events", ScopeAdmin, "", 405, `"status":405`},
	} {
		w := d.ask(step.method, step.path, step.scope, step.body)
		if w.Code != step.status || !strings.Contains(w.Body.String(), step.contains) {
			t.Errorf("%s %s: got %d %s\nwant %d with %s", step.method, step.path, w.Code, w.Body, step.status, step.contains)
		}
		if w.Header().Get("X-Request-Id") == "" || w.Header().Get("Content-Security-Policy") == "" {
			t.Errorf("%s %s: headers %v", step.method, step.path, w.Header())
		}
		if w.Code >= 400 && w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: content type %q", step.method, step.path, w.Header().Get("Content-Type"))
		}
	}
	for _, secret := range d.keys {
		if secret != "" && strings.Contains(d.log.String(), secret) {
			t.Error("a key is in the log")
		}
	}
	page := d.ask("GET", "/metrics", "", "").Body.String()
	if want := `kindred_api_requests_total{route="/v1/users/{id}/recommendations",status="200"} 10`; !strings.Contains(page, want) {
		t.Errorf("the metrics lack %s:\n%s", want, page)
	}
	if strings.Contains(page, "u1") {
		t.Error("a user's id is in the metrics")
	}
	if strings.Contains(d.log.String(), "u1") {
		t.Error("a user's id is in the log")
	}
}

func TestRecommendationRequest(t *testing.T) {
	ask, err := readRecommendation([]byte(`{"user":"u","session":[{"item":"a","kind":"purchase","time":10},{"item":"b"}],"n":7,"exclude":["c"],"context_item":"d","explain":true}`))
	must(t, err)
	want := recommend.Request{
		User: "u", N: 7, Exclude: []kindred.ItemID{"c"}, ContextItem: "d", Explain: true,
		Session: []recommend.SessionItem{{Item: "a", Kind: kindred.Purchase, Time: time.Unix(10, 0).UTC()}, {Item: "b", Kind: kindred.View}},
	}
	if fmt.Sprintf("%+v", ask) != fmt.Sprintf("%+v", want) {
		t.Errorf("got %+v\nwant %+v", ask, want)
	}
	if ask, err = (query{"exclude": "x,y", "explain": "true"}).recommendation(); err != nil {
		t.Fatal(err)
	}
	want = recommend.Request{N: 10, Exclude: []kindred.ItemID{"x", "y"}, Explain: true}
	if fmt.Sprintf("%+v", ask) != fmt.Sprintf("%+v", want) {
		t.Errorf("got %+v\nwant %+v", ask, want)
	}
}

// TestConcurrency is for the race detector.
func TestConcurrency(t *testing.T) {
	d := newDoor(t, func(_ *Config, deps *Deps) { deps.Logger = slog.New(slog.DiscardHandler) })
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 20 {
				event := fmt.Sprintf(`{"events":[{"event_id":"%d-%d","user":"u%d","item":"i","kind":"view"}]}`, worker, i, worker)
				if w := d.ask("POST", "/v1/events/batch", ScopeWrite, event); w.Code != http.StatusAccepted {
					t.Errorf("%d %s", w.Code, w.Body)
				}
				for _, path := range []string{"/v1/popular", "/v1/overview", "/v1/items", "/metrics"} {
					if w := d.ask("GET", path, ScopeAdmin, ""); w.Code != http.StatusOK {
						t.Errorf("%d %s", w.Code, w.Body)
					}
				}
			}
		})
	}
	wg.Wait()
	if counts, err := d.db.Counts(t.Context()); err != nil || counts.Events != 160 {
		t.Errorf("%+v, %v", counts, err)
	}
}

// TestOpenAPI compares the description with the golden file; -update rewrites it.
func TestOpenAPI(t *testing.T) {
	d := newDoor(t)
	var indented bytes.Buffer
	if err := json.Indent(&indented, d.openapi, "", "  "); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "openapi.json")
	if *update {
		if err := os.WriteFile(golden, indented.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(indented.Bytes(), want) {
		t.Error("the description has changed; look at it, then run: go test ./api -run OpenAPI -update")
	}
	for _, rt := range d.routes() {
		if strings.HasPrefix(rt.path, "/docs/") {
			continue
		}
		if rt.summary == "" || len(rt.answers) == 0 || (rt.method == http.MethodPut) && rt.body == nil {
			t.Errorf("%s %s is not documented", rt.method, rt.path)
		}
	}
}
