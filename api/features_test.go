package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"kindred"
)

// online asks for features and returns the columns by name.
func (d *door) online(t *testing.T, body string) map[string]string {
	t.Helper()
	w := d.ask("POST", "/get-online-features", ScopeRead, body)
	if w.Code != http.StatusOK {
		t.Fatalf("%s: got %d: %s", body, w.Code, w.Body)
	}
	var answer struct {
		Metadata struct {
			Names []string `json:"feature_names"`
		}
		Results []struct {
			Values   []json.RawMessage
			Statuses []string
			Times    []time.Time `json:"event_timestamps"`
		}
	}
	must(t, json.Unmarshal(w.Body.Bytes(), &answer))
	if len(answer.Results) != len(answer.Metadata.Names) {
		t.Fatalf("%d results for %d names", len(answer.Results), len(answer.Metadata.Names))
	}
	columns := map[string]string{}
	for i, name := range answer.Metadata.Names {
		r := answer.Results[i]
		if len(r.Values) != len(r.Statuses) || len(r.Values) != len(r.Times) {
			t.Fatalf("%s: %s", name, w.Body)
		}
		var cells []string
		for row := range r.Values {
			cells = append(cells, string(r.Values[row])+" "+r.Statuses[row])
		}
		columns[name] = strings.Join(cells, ", ")
	}
	return columns
}

// TestOnlineFeatures stores events and an item, pushes values, and reads
// features of each type in Feast's form: columns, a status for each value.
func TestOnlineFeatures(t *testing.T) {
	d := newDoor(t)
	at := testNow.Add(-time.Minute)
	var events []string
	for i, item := range []string{"mug", "cup", "mug"} {
		events = append(events, fmt.Sprintf(`{"user":"u1","item":%q,"kind":"view","time":%q}`, item, at.Add(time.Duration(i)*time.Second).Format(time.RFC3339)))
	}
	if w := d.ask("POST", "/v1/events/batch", ScopeWrite, `{"events":[`+strings.Join(events, ",")+`]}`); w.Code >= 300 {
		t.Fatalf("got %d: %s", w.Code, w.Body)
	}
	must(t, d.db.PutItems(t.Context(), []kindred.Item{{ID: "mug", Price: 12.5, UpdatedAt: at}}))
	if w := d.ask("POST", "/materialize", ScopeWrite, `{"start_ts":"2020-01-01T00:00:00","end_ts":"2030-01-01","feature_views":["item","context"],"disable_event_timestamp":false,"full_feature_names":true,"version":null}`); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"position":3`) {
		t.Fatalf("got %d: %s", w.Code, w.Body)
	}
	past := at.Format("2006-01-02T15:04:05.000000")
	for path, body := range map[string]string{
		"/push": fmt.Sprintf(`{"push_source_name":"item","to":"online","allow_registry_cache":true,"df":{"item_id":["mug"],
			"brand":["Acme"],"tags":[["b","a"]],"image":[[0.5,1]],"event_timestamp":[%q]}}`, past),
		"/write-to-online-store": fmt.Sprintf(`{"feature_view_name":"item","allow_registry_cache":false,"df":{"item":["mug","7"],
			"is_new":[true,null],"event_timestamp":[%q,%q],"created":[null,null]}}`, past, past),
	} {
		if w := d.ask("POST", path, ScopeWrite, body); w.Code != http.StatusOK {
			t.Fatalf("%s: got %d: %s", path, w.Code, w.Body)
		}
	}
	for _, body := range []string{`{}`, `{"start_ts":"2026-01-01","end_ts":"2026-01-01"}`, `{"start_ts":1767225600,"end_ts":4102444800}`} {
		if w := d.ask("POST", "/materialize-incremental", ScopeWrite, body); w.Code != http.StatusOK {
			t.Errorf("%s: got %d: %s", body, w.Code, w.Body)
		}
	}
	got := d.online(t, `{"features":["user:views_1h","user:last_items","user_item:views_30d","item:price","item:brand","item:tags","item:image","item:is_new","context:late"],
		"entities":{"user_id":["u1","u1",9],"item_id":["mug","cup",7],"hour":[21,3,20]},"full_feature_names":true,"include_feature_view_version_metadata":false}`)
	for name, want := range map[string]string{
		"user_id":              `"u1" PRESENT, "u1" PRESENT, 9 PRESENT`,
		"user__views_1h":       "3.0 PRESENT, 3.0 PRESENT, 0.0 NOT_FOUND",
		"user__last_items":     `["mug","cup","mug"] PRESENT, ["mug","cup","mug"] PRESENT, null NOT_FOUND`,
		"user_item__views_30d": "2.0 PRESENT, 1.0 PRESENT, 0.0 NOT_FOUND",
		"item__price":          "12.5 PRESENT, null NOT_FOUND, null NULL_VALUE",
		"item__brand":          `"Acme" PRESENT, "none" NOT_FOUND, "none" NULL_VALUE`,
		"item__tags":           `["a","b"] PRESENT, null NOT_FOUND, null NULL_VALUE`,
		"item__image":          "[0.5,1] PRESENT, null NOT_FOUND, null NULL_VALUE",
		"item__is_new":         "true PRESENT, null NOT_FOUND, null NULL_VALUE",
		"context__late":        "true PRESENT, false PRESENT, true PRESENT",
	} {
		if got[name] != want {
			t.Errorf("%s: got %s, want %s", name, got[name], want)
		}
	}
	if got := d.online(t, `{"features":["context:late"],"entities":{"user":["x"]},"request_context":{"hour":5}}`)["late"]; got != "false PRESENT" {
		t.Errorf("by the request's context: %s", got)
	}
	whole := d.online(t, `{"feature_service":"basic","entities":{"user":["u1"],"item":["mug"]},"full_feature_names":true}`)
	if len(whole) != 2+16 || whole["item__trend"] == "" {
		t.Errorf("a set gives %v", whole)
	}
}

// TestFeatureFaults expects each fault of a request for features to be told.
func TestFeatureFaults(t *testing.T) {
	d := newDoor(t)
	for _, c := range []struct {
		path, body string
		want       string
	}{
		{"/get-online-features", `{"features":["user:nothing"],"entities":{"user":["u"]}}`, "there is no feature user:nothing"},
		{"/get-online-features", `{"features":["item:price"],"entities":{"user":["u"]}}`, "needs the entity item"},
		{"/get-online-features", `{"features":["item:price"],"entities":{"item":["a","b"],"user":["u"]}}`, "has 1 rows, another column 2"},
		{"/get-online-features", `{"features":["item:price"],"entities":{"item":["a"],"item_id":["b"]}}`, "names the same entity"},
		{"/get-online-features", `{"features":["item:price"],"entities":{"item":[]}}`, "must have at least one row"},
		{"/get-online-features", `{"features":["item:price"],"entities":{"item":[1.5]}}`, "must be a string or a whole number"},
		{"/get-online-features", `{"features":["item:price"],"entities":{"item":["a"],"weather":["wet"]}}`, "is neither a join key"},
		{"/get-online-features", `{"features":["user_item:recency","user:recency"],"entities":{"item":["a"],"user":["u"]}}`, "ask for full_feature_names"},
		{"/get-online-features", `{"feature_service":"none","entities":{"item":["a"]}}`, "there is no feature set"},
		{"/get-online-features", `{"feature_service":"basic","features":["item:price"],"entities":{"item":["a"]}}`, "must be left out"},
		{"/get-online-features", `{"entities":{"item":["a"]}}`, "must name at least one feature"},
		{"/push", `{"push_source_name":"shop","df":{"item":["a"]}}`, "must be user or item"},
		{"/push", `{"push_source_name":"item","df":{"user":["a"]}}`, "must have the join key item_id"},
		{"/push", `{"push_source_name":"item","df":{"item":["a"],"views_7d":[3]}}`, "is no feature of item of kind attribute"},
		{"/push", `{"push_source_name":"item","df":{"item":["a"],"price":["dear"]}}`, "must be a number, is a string"},
		{"/push", `{"push_source_name":"item","df":{"item":["a"],"price":[1,2]}}`, "has 2 rows, the join key 1"},
		{"/push", `{"push_source_name":"item","df":{"item":["a"],"event_timestamp":["soon"]}}`, "must be a time"},
		{"/materialize", `{"end_ts":"soon"}`, "must be a time"},
		{"/materialize", `{"start_ts":"2026-01-02T00:00:00","end_ts":"2026-01-01T23:59:59"}`, "must not be before start_ts"},
		{"/materialize", `{"start_ts":"2026-01-02T00:00:00+02:00","end_ts":"2026-01-01T21:59:59Z"}`, "must not be before start_ts"},
		{"/materialize", `{"start_ts":"2100-01-01"}`, "must not be in the future"},
		{"/materialize", `{"feature_views":["user","driver"]}`, "body.feature_views[1]"},
		{"/materialize", `{"feature_views":"user"}`, "must be an array"},
		{"/materialize", `{"disable_event_timestamp":"no"}`, "must be true or false"},
		{"/materialize-incremental", `{"end_ts":"2026-01-01","version":"v2"}`, "must be left out"},
	} {
		w := d.ask("POST", c.path, ScopeAdmin, c.body)
		if w.Code < 400 || w.Code >= 500 || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: got %d: %s, want %q", c.body, w.Code, w.Body, c.want)
		}
	}
	for _, path := range []string{"/push", "/materialize", "/materialize-incremental"} {
		if w := d.ask("POST", path, ScopeRead, "{}"); w.Code != http.StatusForbidden {
			t.Errorf("%s with a key for reading: got %d", path, w.Code)
		}
	}
	rows := strings.Repeat(`"u",`, maxFeatureRows) + `"u"`
	if w := d.ask("POST", "/get-online-features", ScopeRead, `{"features":["user:recency"],"entities":{"user":[`+rows+`]}}`); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("too many rows: got %d", w.Code)
	}
}

// BenchmarkOnlineFeatures asks for 16 features of 200 candidates of one user.
func BenchmarkOnlineFeatures(b *testing.B) {
	d := newDoor(b)
	users, items := strings.Repeat(`"u1",`, 199)+`"u1"`, `"i0"`
	for i := 1; i < 200; i++ {
		items += fmt.Sprintf(`,"i%d"`, i)
	}
	body := `{"feature_service":"basic","entities":{"user":[` + users + `],"item":[` + items + `]},"full_feature_names":true}`
	for b.Loop() {
		if w := d.ask("POST", "/get-online-features", ScopeRead, body); w.Code != http.StatusOK {
			b.Fatal(w.Body)
		}
	}
}
