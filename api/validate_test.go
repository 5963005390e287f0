package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"kindred"
	"kindred/check"
	"kindred/store"
)

// TestValidateOnly expects writes with validate_only to say what would become
// of each row, and to leave the store and what is served as they were.
func TestValidateOnly(t *testing.T) {
	d := newDoor(t)
	before, err := d.db.Counts(t.Context())
	must(t, err)
	for _, c := range []struct {
		method, path, body string
		status             int
		says               []string
	}{
		{"POST", "/v1/events", `{"event_id":"e1","user":"zoe","item":"mug","kind":"view"}`, 200, []string{`"event_id":"e1"`, `"status":"valid"`}},
		{"POST", "/v1/events", `{"user":"zoe","item":"mug","kind":"own"}`, 422, []string{"body.kind"}},
		{"POST", "/v1/events", `{"user":7}`, 422, []string{"body.user"}},
		{
			"POST", "/v1/events/batch", `{"events":[{"user":"zoe","item":"mug","kind":"view"},{"user":"zoe","kind":"view"},{"user":1}]}`, 200,
			[]string{`"accepted":0`, `"valid":1`, `"rejected":2`, `{"index":0,"status":"valid"}`, "body.events[1].item", "body.events[2].user"},
		},
		{"POST", "/v1/events/batch", `{"events":[{"user":"zoe","kind":"view"}]}`, 422, []string{"body.events[0].item"}},
		{"PUT", "/v1/items/lamp", `{"title":"Lamp"}`, 200, []string{`"title":"Lamp"`}},
		{"PUT", "/v1/items/lamp", `{"price":-1}`, 422, []string{"body.price"}},
		{"POST", "/v1/items/batch", `{"items":[{"id":"lamp"},{"id":"x","price":-1}]}`, 200, []string{`"stored":0`, `"valid":1`, `"rejected":1`, "body.items[1].price"}},
		{"PUT", "/v1/users/zoe", `{"attributes":{"age":3}}`, 200, []string{`"id":"zoe"`}},
		{"POST", "/v1/users/batch", `{"users":[{"id":"zoe"},{"id":""}]}`, 200, []string{`"stored":0`, `"valid":1`, `"rejected":1`, "body.users[1].id"}},
	} {
		w := d.ask(c.method, c.path+"?validate_only=true", ScopeAdmin, c.body)
		for _, text := range c.says {
			if !strings.Contains(w.Body.String(), text) {
				t.Errorf("%s %s %s does not say %s: %s", c.method, c.path, c.body, text, w.Body)
			}
		}
		if w.Code != c.status {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, w.Code, w.Body)
		}
	}
	after, err := d.db.Counts(t.Context())
	must(t, err)
	if after != before {
		t.Errorf("stored %+v, before %+v", after, before)
	}
	must(t, d.db.ScanEvents(t.Context(), store.EventRange{}, func(e *kindred.Event) error {
		if e.User == "zoe" {
			t.Errorf("stored %+v", e)
		}
		return nil
	}))
	if w := d.ask("POST", "/v1/events?validate_only=perhaps", ScopeAdmin, `{}`); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("perhaps: %d %s", w.Code, w.Body)
	}
}

// reports are a report and whether another was asked for.
type reports struct {
	last  *check.Report
	asked int
}

func (r *reports) LastReport() (*check.Report, bool) { return r.last, r.asked > 0 }

func (r *reports) RequestReport() { r.asked++ }

// TestCheck expects the first question to have a report made, later ones to
// be answered at once, and POST to have one made again.
func TestCheck(t *testing.T) {
	checks := &reports{}
	d := newDoor(t, func(_ *Config, deps *Deps) { deps.Checks = checks })
	if w := d.ask("GET", "/v1/check", ScopeAdmin, ""); w.Code != http.StatusAccepted || checks.asked != 1 || w.Body.String() != `{"pending":true}` {
		t.Errorf("before the first: %d %s, asked %d times", w.Code, w.Body, checks.asked)
	}
	checks.last, checks.asked = &check.Report{Rows: check.Rows{Events: 7}, Results: []check.Result{{Name: "time_gap", Status: check.Warning}}}, 0
	w := d.ask("GET", "/v1/check", ScopeAdmin, "")
	var body struct {
		Pending bool
		Report  check.Report
	}
	must(t, json.Unmarshal(w.Body.Bytes(), &body))
	if x, _ := body.Report.Find("time_gap"); w.Code != http.StatusOK || checks.asked != 0 || body.Pending || x.Status != check.Warning || body.Report.Rows.Events != 7 {
		t.Errorf("then: %d %s, asked %d times", w.Code, w.Body, checks.asked)
	}
	if w := d.ask("POST", "/v1/check", ScopeAdmin, ""); w.Code != http.StatusAccepted || checks.asked != 1 || !strings.Contains(w.Body.String(), `"pending":true`) {
		t.Errorf("again: %d %s, asked %d times", w.Code, w.Body, checks.asked)
	}
	if w := d.ask("GET", "/v1/check", ScopeRead, ""); w.Code != http.StatusForbidden {
		t.Errorf("with a key that may only read: %d", w.Code)
	}
}
