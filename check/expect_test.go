package check_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"kindred"
	"kindred/check"
)

// threeDays is one purchase a day of quantities 1, 2 and 8, and a view; two
// items, of which one has a brand; a user.
func threeDays() *data {
	now := time.Date(2026, time.March, 4, 0, 0, 0, 0, time.UTC)
	d := &data{now: now}
	for i, pieces := range []float64{8, 2, 1} {
		d.events = append(d.events, kindred.Event{
			ID: fmt.Sprint("e", i), User: "u", Item: kindred.ItemID(fmt.Sprint("i", i%2)), Kind: kindred.Purchase, Value: pieces,
			Time: now.AddDate(0, 0, i-3), Context: json.RawMessage(fmt.Sprintf(`{"till":%d,"country":"DE","note":null}`, i)),
		})
	}
	d.events = append(d.events, kindred.Event{ID: "e3", User: "v", Item: "i1", Kind: kindred.View, Value: 1, Time: now.Add(-time.Hour), Session: "s"})
	d.items = []kindred.Item{
		{ID: "i0", Price: 3, Categories: []string{"A", "B"}, Attributes: kindred.Attributes{"brand": kindred.StringOf("Acme")}, UpdatedAt: now.AddDate(0, 0, -9)},
		{ID: "i1", Price: 5, Categories: []string{"A"}, UpdatedAt: now.AddDate(0, 0, -5)},
	}
	d.users = []kindred.User{{ID: "u", Attributes: kindred.Attributes{"new": kindred.BoolOf(true)}, UpdatedAt: now}}
	return d
}

// TestExpectations lists expectations and how they come out.
func TestExpectations(t *testing.T) {
	const hour = time.Hour
	for name, c := range map[string]struct {
		e         check.Expectation
		want      check.Status
		count, of int64
	}{
		"events have a session":        {check.Expectation{Of: "events", Expect: "not_null", Field: "session"}, check.Error, 3, 4},
		"most have none":               {check.Expectation{Of: "events", Expect: "not_null", Field: "session", Share: new(0.25)}, check.OK, 3, 4},
		"views have one":               {check.Expectation{Of: "events", Where: `kind="view"`, Expect: "not_null", Field: "session"}, check.OK, 0, 1},
		"purchases name a till":        {check.Expectation{Of: "events", Where: `kind="purchase"`, Expect: "not_null", Field: "context.till"}, check.OK, 0, 3},
		"null is not there":            {check.Expectation{Of: "events", Where: `kind="purchase"`, Expect: "not_null", Field: "context.note"}, check.Error, 3, 3},
		"tills are up to 1":            {check.Expectation{Of: "events", Expect: "between", Field: "context.till", Max: new(1.0)}, check.Error, 1, 4},
		"at most five pieces":          {check.Expectation{Of: "events", Expect: "between", Field: "value", Min: new(1.0), Max: new(5.0), Severity: check.Warning}, check.Warning, 1, 4},
		"lately at most five":          {check.Expectation{Of: "events", Window: 48 * hour, Expect: "between", Field: "value", Max: new(5.0)}, check.OK, 0, 3},
		"a word is no number":          {check.Expectation{Of: "events", Expect: "between", Field: "user", Max: new(5.0)}, check.Error, 4, 4},
		"users once":                   {check.Expectation{Of: "events", Expect: "unique", Field: "user"}, check.Error, 2, 4},
		"ids once":                     {check.Expectation{Of: "events", Expect: "unique", Field: "id"}, check.OK, 0, 4},
		"countries":                    {check.Expectation{Of: "events", Expect: "in_set", Field: "context.country", Values: []string{"DE", "FR"}}, check.OK, 0, 4},
		"no Germany":                   {check.Expectation{Of: "events", Expect: "in_set", Field: "context.country", Values: []string{"FR"}, Severity: check.Info}, check.Info, 3, 4},
		"categories are A":             {check.Expectation{Of: "items", Expect: "in_set", Field: "category", Values: []string{"A"}}, check.Error, 1, 2},
		"item ids":                     {check.Expectation{Of: "items", Expect: "matches", Field: "id", Pattern: `^i\d$`}, check.OK, 0, 2},
		"user flags":                   {check.Expectation{Of: "users", Expect: "matches", Field: "new", Pattern: "^true$"}, check.OK, 0, 1},
		"brands":                       {check.Expectation{Of: "items", Expect: "matches", Field: "brand", Pattern: "^B"}, check.Error, 1, 2},
		"events of two hours":          {check.Expectation{Of: "events", Expect: "fresh_within", Within: 2 * hour}, check.OK, 0, 4},
		"purchases of two hours":       {check.Expectation{Of: "events", Where: `kind="purchase"`, Expect: "fresh_within", Within: 2 * hour}, check.Error, 0, 3},
		"items of a week":              {check.Expectation{Of: "items", Expect: "fresh_within", Within: 7 * 24 * hour}, check.OK, 0, 2},
		"refunds of a week":            {check.Expectation{Of: "events", Where: `kind="refund"`, Expect: "fresh_within", Within: 7 * 24 * hour}, check.Error, 0, 0},
		"three purchases":              {check.Expectation{Of: "events", Where: `kind="purchase"`, Expect: "count_between", Min: new(3.0), Max: new(3.0)}, check.OK, 3, 4},
		"ten a day":                    {check.Expectation{Of: "events", Window: 24 * hour, Expect: "count_between", Min: new(10.0)}, check.Error, 2, 2},
		"half are purchases":           {check.Expectation{Of: "events", Where: `kind="purchase"`, Expect: "share_of", Max: new(0.5)}, check.Error, 3, 4},
		"three quarters are purchases": {check.Expectation{Of: "events", Where: `kind="purchase"`, Expect: "share_of", Min: new(0.7), Max: new(0.8)}, check.OK, 3, 4},
	} {
		c.e.Name, c.e.Owner = name, "somebody"
		settings := check.Settings{Expectations: []check.Expectation{c.e}}
		if err := settings.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		report := threeDays().report(settings)
		x, _ := report.Find(name)
		if x.Status != c.want || x.Count != c.count || x.Of != c.of || x.Owner != "somebody" || math.IsNaN(x.Figure) {
			t.Errorf("%s: %+v, want %s, %d of %d", name, x, c.want, c.count, c.of)
		}
		if (report.Err() != nil && strings.Contains(report.Err().Error(), name)) != (c.want == check.Error) {
			t.Errorf("%s: %v", name, report.Err())
		}
	}
}

// TestValidate expects every fault to be named with its place.
func TestValidate(t *testing.T) {
	settings := check.Settings{
		Window: time.Hour,
		Rules:  map[string]check.Rule{"time_gap": {Severity: "loud"}, "no_such": {}},
		Expectations: []check.Expectation{
			{Name: "a", Of: "things", Expect: "not_null", Field: "x"},
			{Name: "a", Of: "items", Expect: "hoped"},
			{Of: "items", Where: "price ~ 3", Expect: "between", Field: "price"},
			{Name: "c", Of: "items", Expect: "between", Field: "price", Min: new(3.0), Max: new(2.0), Values: []string{"x"}, Share: new(2.0)},
			{Name: "d", Of: "users", Expect: "matches", Field: "id", Pattern: "(", Severity: "ok"},
			{Name: "e", Of: "events", Expect: "fresh_within", Field: "time", Window: -1},
			{Name: "f", Of: "events", Expect: "share_of", Max: new(1.0)},
		},
	}
	err := settings.Validate()
	if kindred.KindOf(err) != kindred.Invalid {
		t.Fatal(err)
	}
	for _, place := range []string{
		"window:", "checks.no_such:", "checks.time_gap.severity:", "expectations[0].of:", "expectations[1].name:", "expectations[1].expect:",
		"expectations[2].name:", "expectations[2].where:", "expectations[2].min:", "expectations[3].min:", "expectations[3].values:",
		"expectations[3].share:", "expectations[4].pattern:", "expectations[4].severity:", "expectations[5].field:", "expectations[5].within:",
		"expectations[5].window:", "expectations[6].where:",
	} {
		if !strings.Contains(err.Error(), place) {
			t.Errorf("%s is not named: %v", place, err)
		}
	}
}
