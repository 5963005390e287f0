package dashboard_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"
)

// hostile is a name that would be markup if a page took it for some.
const hostile = `<img src=x onerror="document.title='owned'">`

func (f *fakeAPI) features(w http.ResponseWriter, _ *http.Request) {
	feature := func(ref, kind, value string, more map[string]any) map[string]any {
		entity, name, _ := strings.Cut(ref, ":")
		x := map[string]any{"ref": ref, "entity": entity, "name": name, "kind": kind, "value_type": value}
		maps.Copy(x, more)
		return x
	}
	answer(w, http.StatusOK, map[string]any{
		"features": []map[string]any{
			feature("item:brand", "attribute", "string", map[string]any{"attribute": "brand", "owner": "<b>catalogue</b>", "description": hostile}),
			feature("item:conversion", "ratio", "number", map[string]any{"where": map[string]any{"kinds": []string{"purchase"}}, "over": map[string]any{"kinds": []string{"view"}}, "window": "30d"}),
			feature("session:clicks", "count", "number", nil),
			feature("user:views_7d", "count", "number", map[string]any{"where": map[string]any{"kinds": []string{"view", "add_to_cart"}}, "window": "10h0m0s", "ttl": "1h30m0s", "description": "Looks in a week."}),
			feature("user_item:owl", "expression", "bool", map[string]any{"expression": "context.hour >= 22.0"}),
		},
		"sets": []map[string]any{
			{"name": "ranking", "version": "v2", "features": []string{"item:brand", "item:conversion", "user:views_7d", "user_item:owl"}},
			{"name": "small", "version": "v1", "features": []string{"user:views_7d"}},
		},
		"state": map[string]any{"users": 200, "items": 300, "sessions": 40, "position": len(f.events), "followed_at": time.Now()},
	})
}

func (f *fakeAPI) statistics(w http.ResponseWriter, r *http.Request) {
	set := r.FormValue("set")
	if set != "ranking" {
		answer(w, http.StatusOK, map[string]any{"set": set, "version": "v1", "lists": 0, "trained": nil, "features": []any{}, "skew": nil})
		return
	}
	number := func(ref string, psi any) map[string]any {
		return map[string]any{"feature": ref, "type": "number", "rows": 20_000, "missing": 500, "mean": 12.3456, "quantiles": []float64{1, 5, 11, 17, 0.00002}, "psi": psi}
	}
	answer(w, http.StatusOK, map[string]any{
		"set": set, "version": "v2", "lists": 1000, "from": time.Now().Add(-time.Hour), "to": time.Now(),
		"trained": map[string]any{"version": "v2", "time": "2026-03-01T10:15:00Z"},
		"features": []map[string]any{
			{"feature": "item:brand", "type": "string", "rows": 20_000, "missing": 0, "mean": 0, "top": []map[string]any{{"value": hostile, "rows": 9000}, {"value": "Acme", "rows": 12}}, "psi": 0.31},
			number("item:conversion", 0.12), number("user:views_7d", 0.004), number("user_item:owl", nil),
		},
		"skew": map[string]any{"time": time.Now(), "lists": 10, "values": 800, "different": 2, "features": []string{"item:conversion"}},
	})
}

// online answers with a value for each feature asked for, each with another
// status.
func (f *fakeAPI) online(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Features []string            `json:"features"`
		Entities map[string][]string `json:"entities"`
		Full     bool                `json:"full_feature_names"`
	}
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&body); err != nil {
		problem(w, http.StatusBadRequest, err.Error())
		return
	}
	var names []string
	var results []map[string]any
	rows := 0
	for _, key := range []string{"user", "item", "session"} {
		if ids := body.Entities[key]; ids != nil {
			names, results, rows = append(names, key), append(results, map[string]any{"values": ids}), len(ids)
		}
	}
	for i, ref := range body.Features {
		var values []any
		var statuses, times []string
		for row := range rows {
			values = append(values, []any{float64(i) + 1.5, hostile, nil, []string{"mug", "cup"}}[(i+row)%4])
			statuses = append(statuses, []string{"PRESENT", "OUTSIDE_MAX_AGE", "NOT_FOUND", "PRESENT"}[(i+row)%4])
			times = append(times, []string{"1970-01-01T00:00:00Z", time.Now().Add(-time.Hour).Format(time.RFC3339)}[row%2])
		}
		names = append(names, strings.Replace(ref, ":", "__", 1))
		results = append(results, map[string]any{"values": values, "statuses": statuses, "event_timestamps": times})
	}
	f.asked = fmt.Sprint(body.Entities["user"], body.Entities["item"], body.Features, body.Full)
	answer(w, http.StatusOK, map[string]any{"metadata": map[string]any{"feature_names": names}, "results": results})
}

func TestFeaturesPage(t *testing.T) {
	f, srv := newFake(t)
	b := open(t, srv.URL+"/#key="+key+"&page=features")
	b.wait("document.querySelectorAll('.tile strong').length === 6 && document.querySelectorAll('tbody tr').length === 4 + 5")
	tiles := eval[string](b, "document.querySelector('.tiles').innerText")
	for _, text := range []string{"in 2 sets", "and 40 sessions", "features with PSI above .25", "of 800 values differ"} {
		if !strings.Contains(tiles, text) {
			t.Errorf("the tiles do not say %q: %s", text, tiles)
		}
	}
	if got := eval[string](b, "[...document.querySelectorAll('tbody .badge')].map(e => e.className + ' ' + e.textContent).join()"); got != "badge check-error 0.310,badge check-warning 0.120,badge check-ok 0.004" {
		t.Errorf("the distances read %s", got)
	}
	text := eval[string](b, "document.querySelector('#main').innerText")
	for _, want := range []string{
		hostile + " (9,000), Acme (12)", "1 · 11 · 2.00e-5", "12.3", "training set of 2026-03-01 10:15", "these differ: item:conversion",
		"<b>catalogue</b>", "view, add to cart · last 10h\t1h30m\t", "purchase ÷ view · last 30d", "Looks in a week.", "ranking, small",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q: %s", want, text)
		}
	}
	b.picture("features")

	b.write("#lookup input[name=user]", "u1")
	b.wait("document.querySelector('#lookup thead') && document.querySelectorAll('#lookup tbody tr').length === 1")
	b.write("#lookup input[name=item]", "i1, i 2")
	b.wait("document.querySelectorAll('#lookup th').length === 3 && document.querySelectorAll('#lookup tbody tr').length === 4")
	got := eval[string](b, "document.querySelector('#lookup table').innerText")
	for _, want := range []string{"u1 × i1", "u1 × i 2", "item:brand", hostile, "outside max age", "not found", "mug, cup", "1 h ago"} {
		if !strings.Contains(got, want) {
			t.Errorf("the values do not say %q: %s", want, got)
		}
	}
	b.picture("features-lookup")
	b.media("prefers-color-scheme", "dark")
	b.picture("features-dark")
	f.mu.Lock()
	if want := "[u1 u1] [i1 i 2] [item:brand item:conversion user:views_7d user_item:owl] true"; f.asked != want {
		t.Errorf("asked for %s, want %s", f.asked, want)
	}
	f.mu.Unlock()
	b.write("#lookup input[name=user]", "")
	b.write("#lookup input[name=item]", "")
	b.wait("document.querySelector('#lookup .fault').textContent.includes('give a user')")
	eval[bool](b, "(e => { e.value = 'small'; e.dispatchEvent(new Event('change')); return true })(document.querySelector('#set'))")
	b.wait("document.querySelector('#main').innerText.includes('Nothing was kept of small')")
	if title := eval[string](b, "document.title + document.querySelectorAll('#main img').length"); title != "Features · Kindred0" {
		t.Errorf("a name became markup: %s", title)
	}
}
