package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"kindred/store"
)

func TestBadInput(t *testing.T) {
	d := newDoor(t)
	long := strings.Repeat("x", 10_000)
	var manyAttributes string
	for i := range 257 {
		manyAttributes += fmt.Sprintf(`"a%d":1,`, i)
	}
	manyAttributes = strings.TrimSuffix(manyAttributes, ",")
	event := func(more string) string { return `{"user":"u","item":"i","kind":"view"` + more + `}` }
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		contains           []string
	}{
		"not JSON":             {"POST", "/v1/events", `{"user":`, 400, []string{"body.user", "offset 8"}},
		"empty body":           {"POST", "/v1/events", ``, 400, []string{"too early"}},
		"NaN":                  {"POST", "/v1/events", event(`,"value":NaN`), 400, []string{"body.value", "NaN"}},
		"infinite":             {"POST", "/v1/events", event(`,"value":1e999`), 422, []string{"body.value", "too large"}},
		"trailing garbage":     {"POST", "/v1/events", event(``) + `{}`, 400, []string{"after the end"}},
		"invalid UTF-8":        {"POST", "/v1/events", event(",\"session\":\"\xff\""), 400, []string{"UTF-8", "body.session"}},
		"lone surrogate":       {"POST", "/v1/events", event(`,"session":"\ud800"`), 400, []string{"surrogate"}},
		"control character":    {"POST", "/v1/events", event(",\"session\":\"\x01\""), 400, []string{"control"}},
		"deep nesting":         {"POST", "/v1/events", event(`,"context":{"a":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`), 400, []string{"nested deeper"}},
		"not an object":        {"POST", "/v1/events", `[]`, 422, []string{`"body"`, "must be an object, is an array"}},
		"unknown field":        {"POST", "/v1/events", event(`,"colour":{"a":[1]}`), 422, []string{"body.colour", "not a known field"}},
		"other case":           {"POST", "/v1/events", event(`,"User":"x"`), 422, []string{"body.User"}},
		"duplicate key":        {"POST", "/v1/events", event(`,"user":"v"`), 422, []string{"body.user", "twice"}},
		"wrong types":          {"POST", "/v1/events", `{"user":1,"item":[],"kind":{},"time":true,"value":"1","position":1.5,"context":[]}`, 422, []string{"body.user", "body.item", "body.kind", "body.time", "body.value", "body.position", "body.context"}},
		"empty id":             {"POST", "/v1/events", `{"user":"","item":"i","kind":"view"}`, 422, []string{"body.user"}},
		"long id":              {"POST", "/v1/events", `{"user":"` + long + `","item":"i","kind":"view"}`, 422, []string{"body.user"}},
		"long item id":         {"POST", "/v1/events", `{"user":"u","item":"` + long + `","kind":"view"}`, 422, []string{"body.item"}},
		"far future":           {"POST", "/v1/events", event(`,"time":"2090-01-01T00:00:00Z"`), 422, []string{"body.time"}},
		"milliseconds":         {"POST", "/v1/events", event(`,"time":1767225600000`), 422, []string{"body.time", "milliseconds"}},
		"negative time":        {"POST", "/v1/events", event(`,"time":-1e9`), 422, []string{"body.time"}},
		"year 1":               {"POST", "/v1/events", event(`,"time":"0001-01-01T00:00:00Z"`), 422, []string{"body.time"}},
		"no time":              {"POST", "/v1/events", event(`,"time":"yesterday"`), 422, []string{"body.time", "RFC 3339"}},
		"year 1, in seconds":   {"POST", "/v1/events", event(`,"time":-62135596800`), 422, []string{"body.time", "first moment"}},
		"before 1970":          {"POST", "/v1/events", event(`,"time":-0.001`), 422, []string{"body.time", "1970"}},
		"year 10,000":          {"POST", "/v1/events", event(`,"time":"9999-12-31T23:59:59-01:00"`), 422, []string{"body.time"}},
		"time is NaN":          {"POST", "/v1/events", event(`,"time":NaN`), 400, []string{"body.time", "NaN"}},
		"NaN as text":          {"POST", "/v1/events", event(`,"value":"NaN"`), 422, []string{"body.value", "must be a number"}},
		"minus infinity":       {"POST", "/v1/events", event(`,"value":-Infinity`), 400, []string{"body.value"}},
		"null character in id": {"POST", "/v1/events", `{"user":"a\u0000","item":"i","kind":"view"}`, 422, []string{"body.user", "control"}},
		"byte order mark":      {"POST", "/v1/events", "\uFEFF" + event(""), 400, []string{"malformed JSON"}},
		"single quotes":        {"POST", "/v1/events", `{'user':'u'}`, 400, []string{"malformed JSON", "offset 1"}},
		"comment":              {"POST", "/v1/events", event("") + " // done", 400, []string{"after the end"}},
		"all at once":          {"POST", "/v1/events", `{}`, 422, []string{"body.user", "body.item", "body.kind"}},
		"unknown kind":         {"POST", "/v1/events", `{"user":"u","item":"i","kind":"sniff"}`, 422, []string{"body.kind", "kinds: in kindred.yaml"}},
		"bad kind":             {"POST", "/v1/events", `{"user":"u","item":"i","kind":"No Kind"}`, 422, []string{"body.kind"}},
		"rating without value": {"POST", "/v1/events", `{"user":"u","item":"i","kind":"rating"}`, 422, []string{"body.value"}},
		"negative position":    {"POST", "/v1/events", event(`,"position":-1`), 422, []string{"body.position"}},
		"large context":        {"POST", "/v1/events", event(`,"context":{"a":"` + long + `"}`), 422, []string{"body.context"}},
		"query on events":      {"POST", "/v1/events?sync=1", event(``), 422, []string{"query.sync"}},

		"no rows":        {"POST", "/v1/events/batch", `{"events":[]}`, 422, []string{"body.events"}},
		"no events":      {"POST", "/v1/events/batch", `{}`, 422, []string{"body.events"}},
		"null events":    {"POST", "/v1/events/batch", `{"events":null}`, 422, []string{"body.events"}},
		"rows no array":  {"POST", "/v1/events/batch", `{"events":{}}`, 422, []string{"body.events", "must be an array"}},
		"10,001 rows":    {"POST", "/v1/events/batch", `{"events":[` + strings.Repeat(event("")+",", 10_000) + event("") + `]}`, 422, []string{`"body.events"`, "10000"}},
		"all rejected":   {"POST", "/v1/events/batch", `{"events":[{"user":1},{"user":"","item":"i","kind":"view"},` + event(`,"value":"x"`) + `]}`, 422, []string{"body.events[0].user", "body.events[1].user", "body.events[2].value"}},
		"row malformed":  {"POST", "/v1/events/batch", `{"events":[` + event("") + `,{"value":NaN}]}`, 400, []string{"body.events[1].value", "NaN"}},
		"row not object": {"POST", "/v1/events/batch", `{"events":[3]}`, 422, []string{`"body.events[0]"`}},
		"batch query":    {"POST", "/v1/events/batch?results=some", `{"events":[]}`, 422, []string{"query.results"}},

		"item unknown field":      {"PUT", "/v1/items/x", `{"titel":"a"}`, 422, []string{"body.titel"}},
		"item id in body":         {"PUT", "/v1/items/x", `{"id":"y"}`, 422, []string{"body.id"}},
		"item price is NaN":       {"PUT", "/v1/items/x", `{"price":NaN}`, 400, []string{"body.price", "NaN"}},
		"item price infinite":     {"PUT", "/v1/items/x", `{"price":1e999}`, 422, []string{"body.price"}},
		"item before Christ":      {"PUT", "/v1/items/x", `{"available_from":-99999999999}`, 422, []string{"body.available_from"}},
		"item year 10,000":        {"PUT", "/v1/items/x", `{"available_until":"9999-12-31T23:59:59-01:00"}`, 422, []string{"body.available_until"}},
		"item attribute time":     {"PUT", "/v1/items/x", `{"attributes":{"t":{"time":"9999-12-31T23:59:59-01:00"}}}`, 422, []string{"body.attributes.t"}},
		"item attribute deep":     {"PUT", "/v1/items/x", `{"attributes":{"a":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}}`, 400, []string{"nested deeper"}},
		"item attribute infinite": {"PUT", "/v1/items/x", `{"attributes":{"a":1e999}}`, 422, []string{"body.attributes.a"}},
		"item attribute number":   {"PUT", "/v1/items/x", `{"attributes":{"a":[1e99]}}`, 422, []string{"body.attributes.a"}},
		"item attribute empty":    {"PUT", "/v1/items/x", `{"attributes":{"":1}}`, 422, []string{`"body.attributes."`}},
		"item attributes 257":     {"PUT", "/v1/items/x", `{"attributes":{` + manyAttributes + `}}`, 422, []string{"body.attributes.a256", "256"}},
		"items 10,001":            {"POST", "/v1/items/batch", `{"items":[` + strings.Repeat(`{"id":"a"},`, 10_000) + `{"id":"a"}]}`, 422, []string{`"body.items"`}},
		"items row malformed":     {"POST", "/v1/items/batch", `{"items":[{"id":"a"},{"id":"b",}]}`, 400, []string{"body.items[1]"}},
		"user long id":            {"PUT", "/v1/users/" + long, `{}`, 422, []string{"path.id"}},
		"user attribute":          {"PUT", "/v1/users/x", `{"attributes":{"a":{"b":1}}}`, 422, []string{"body.attributes.a"}},
		"users row":               {"POST", "/v1/users/batch", `{"users":[{"id":"` + long + `"}]}`, 422, []string{"body.users[0].id"}},
		"item price":              {"PUT", "/v1/items/x", `{"price":-1}`, 422, []string{"body.price"}},
		"item attribute null":     {"PUT", "/v1/items/x", `{"attributes":{"a":null}}`, 422, []string{"body.attributes.a"}},
		"item attribute twice":    {"PUT", "/v1/items/x", `{"attributes":{"a":1,"a":2}}`, 422, []string{"body.attributes.a", "twice"}},
		"item attribute mixed":    {"PUT", "/v1/items/x", `{"attributes":{"a":[1,"b"]}}`, 422, []string{"body.attributes.a"}},
		"item window":             {"PUT", "/v1/items/x", `{"available_from":"2026-02-01T00:00:00Z","available_until":"2026-01-01T00:00:00Z"}`, 422, []string{"body.available_"}},
		"item categories":         {"PUT", "/v1/items/x", `{"categories":[1]}`, 422, []string{"body.categories[0]"}},
		"item long id":            {"PUT", "/v1/items/" + long, `{}`, 422, []string{"path.id"}},
		"item id control":         {"PUT", "/v1/items/a%00b", `{}`, 422, []string{"path.id", "control"}},
		"item id UTF-8":           {"PUT", "/v1/items/%ff", `{}`, 422, []string{"path.id", "UTF-8"}},
		"items all rejected":      {"POST", "/v1/items/batch", `{"items":[{"id":""}]}`, 422, []string{"body.items[0].id"}},
		"items none":              {"POST", "/v1/items/batch", `{"items":[]}`, 422, []string{"body.items"}},
		"items page":              {"GET", "/v1/items?limit=0", ``, 422, []string{"query.limit"}},
		"user field":              {"PUT", "/v1/users/x", `{"name":"a"}`, 422, []string{"body.name"}},
		"users 10,001":            {"POST", "/v1/users/batch", `{"users":[` + strings.Repeat(`{"id":"a"},`, 10_000) + `{"id":"a"}]}`, 422, []string{`"body.users"`}},
		"events limit":            {"GET", "/v1/users/u/events?limit=x", ``, 422, []string{"query.limit"}},
		"n too large":             {"GET", "/v1/popular?n=501", ``, 422, []string{"query.n"}},
		"n no number":             {"GET", "/v1/popular?n=ten", ``, 422, []string{"query.n"}},
		"explain":                 {"GET", "/v1/popular?explain=maybe", ``, 422, []string{"query.explain"}},
		"include":                 {"GET", "/v1/popular?include=all", ``, 422, []string{"query.include"}},
		"unknown parameter":       {"GET", "/v1/popular?m=3", ``, 422, []string{"query.m"}},
		"parameter twice":         {"GET", "/v1/popular?n=3&n=4", ``, 422, []string{"query.n"}},
		"query UTF-8":             {"GET", "/v1/popular?category=%ff", ``, 422, []string{"query.category"}},
		"query malformed":         {"GET", "/v1/popular?category=%zz", ``, 400, []string{"query"}},
		"filter":                  {"GET", "/v1/popular?filter=price%20%3C", ``, 422, []string{"query.filter"}},
		"filter long":             {"GET", "/v1/popular?filter=" + long, ``, 422, []string{"query.filter"}},
		"category long":           {"GET", "/v1/popular?category=" + long, ``, 422, []string{"query.category"}},
		"excludes":                {"GET", "/v1/popular?exclude=" + strings.Repeat("a,", 1000) + "a", ``, 422, []string{"query.exclude"}},
		"context item":            {"GET", "/v1/users/u/recommendations?context_item=" + long, ``, 422, []string{"query.context_item"}},
		"URL long":                {"GET", "/v1/popular?exclude=" + strings.Repeat("a", 40_000), ``, 414, []string{"URL"}},
		"recommend field":         {"POST", "/v1/recommendations", `{"users":"u"}`, 422, []string{"body.users"}},
		"recommend n":             {"POST", "/v1/recommendations", `{"n":0}`, 422, []string{"body.n"}},
		"recommend filter":        {"POST", "/v1/recommendations", `{"filter":"price <"}`, 422, []string{"body.filter"}},
		"recommend empty user":    {"POST", "/v1/recommendations", `{"user":""}`, 422, []string{"body.user"}},
		"recommend session":       {"POST", "/v1/recommendations", `{"session":[{"kind":"view"}]}`, 422, []string{"body.session[0].item"}},
		"recommend session kind":  {"POST", "/v1/recommendations", `{"session":[{"item":"a","kind":"` + long + `"}]}`, 422, []string{"body.session[0].kind"}},
		"recommend session long":  {"POST", "/v1/recommendations", `{"session":[` + strings.Repeat(`{"item":"a"},`, 500) + `{"item":"a"}]}`, 422, []string{`"body.session"`}},
		"recommend exclude type":  {"POST", "/v1/recommendations", `{"exclude":"a"}`, 422, []string{"body.exclude"}},
		"recommend explain type":  {"POST", "/v1/recommendations", `{"explain":1}`, 422, []string{"body.explain"}},
		"recommend session id":    {"POST", "/v1/recommendations", `{"session_id":"` + strings.Repeat("s", 257) + `"}`, 422, []string{"body.session_id"}},
		"recommend session empty": {"POST", "/v1/recommendations", `{"session_id":""}`, 422, []string{"body.session_id"}},
		"recommend context type":  {"POST", "/v1/recommendations", `{"context":{"hour":{"x":1}}}`, 422, []string{"body.context.hour"}},
		"recommend context long":  {"POST", "/v1/recommendations", `{"context":{"x":"` + strings.Repeat("x", 8<<10) + `"}}`, 422, []string{`"body.context"`, "8192"}},
		"recommend session query": {"GET", "/v1/users/u/recommendations?session_id=" + strings.Repeat("s", 257), ``, 422, []string{"query.session_id"}},
		"recommend null in array": {"POST", "/v1/recommendations", `{"exclude":[null]}`, 422, []string{"body.exclude[0]"}},
	} {
		t.Run(name, func(t *testing.T) {
			before := d.counts(t)
			w := d.ask(c.method, c.path, ScopeAdmin, c.body)
			if after := d.counts(t); after != before {
				t.Errorf("something was stored: %+v became %+v", before, after)
			}
			var p problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
				t.Fatalf("%d %s: %v", w.Code, w.Body, err)
			}
			if w.Code != c.status || p.Status != c.status || p.RequestID != w.Header().Get("X-Request-Id") {
				t.Errorf("got %d %.500s, want %d", w.Code, w.Body, c.status)
			}
			for _, part := range c.contains {
				if !strings.Contains(w.Body.String(), part) {
					t.Errorf("got %.1000s, want it to contain %s", w.Body, part)
				}
			}
		})
	}
	if counts := d.counts(t); counts != (store.Counts{}) {
		t.Errorf("something was stored: %+v", counts)
	}
}
