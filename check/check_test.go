package check_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"kindred"
	"kindred/check"
	"kindred/sim"
)

var (
	update = flag.Bool("update", false, "write golden files anew")
	seeds  = flag.Uint64("seeds", 20, "shops that are looked at for false alarms")
)

// data is all there is to be checked.
type data struct {
	now       time.Time
	items     []kindred.Item
	users     []kindred.User
	exposures []kindred.Exposure
	events    []kindred.Event
}

// historyOf keeps histories by seed, for they take longer to make than to check.
var historyOf = map[uint64][]kindred.Event{}

// cleanData is the history of a small shop in order, without programs.
func cleanData(seed uint64) *data {
	cfg := sim.Defaults()
	cfg.Seed, cfg.Items, cfg.Users, cfg.Days, cfg.BotShare = seed, 400, 800, 70, 0
	shop := sim.New(cfg)
	events, made := historyOf[seed]
	if !made {
		events = slices.Collect(shop.Events())
		historyOf[seed] = events
	}
	return &data{now: cfg.Now, items: shop.Items(), users: shop.Users(), events: slices.Clone(events)}
}

// report judges the data, a model being live that knows all but the last days.
func (d *data) report(settings check.Settings) check.Report {
	if settings.TrainedTo.IsZero() {
		settings.TrainedTo = d.now.AddDate(0, 0, -6)
	}
	return d.judged(settings)
}

func (d *data) judged(settings check.Settings) check.Report {
	settings.Now = d.now
	c := check.New(settings)
	for i := range d.items {
		c.AddItem(&d.items[i])
	}
	for i := range d.users {
		c.AddUser(&d.users[i])
	}
	for i := range d.exposures {
		c.AddExposure(&d.exposures[i])
	}
	for i := range d.events {
		c.AddEvent(&d.events[i])
	}
	return c.Report()
}

// TestClean expects clean data of many seeds to raise no error and, but for
// one alarm in 5000 judgements, no warning.
func TestClean(t *testing.T) {
	alarms, judged := map[string]int{}, 0
	for seed := range *seeds {
		d := cleanData(seed + 1)
		r := d.report(check.Settings{TrainedTo: d.now.AddDate(0, 0, -1-int(seed%20))}) //nolint:gosec // below 20
		for i := range r.Results {
			x := &r.Results[i]
			judged++
			switch x.Status {
			case check.Error:
				t.Errorf("seed %d: %+v", seed+1, x)
			case check.Warning:
				alarms[x.Name]++
				t.Logf("seed %d: %s %v (%s) %v", seed+1, x.Name, x.Figure, x.Detail, x.Examples)
			case check.Info, check.OK, check.Skipped:
			}
		}
	}
	total := 0
	for _, n := range alarms {
		total += n
	}
	t.Logf("%d false alarms in %d judgements of %d seeds: %v", total, judged, *seeds, alarms)
	if total*5000 > judged {
		t.Errorf("%d false alarms in %d judgements: %v", total, judged, alarms)
	}
}

// TestGolden compares a report of dirty data with what is on file, as text and
// as JSON.
func TestGolden(t *testing.T) {
	d := cleanData(3)
	for i := range d.events {
		switch {
		case i%50 == 0:
			d.events[i].User = "null"
		case i%70 == 0 && d.events[i].Kind == kindred.Purchase:
			d.events[i].Value = -1
		}
	}
	low := 1.0
	r := d.report(check.Settings{Expectations: []check.Expectation{
		{Name: "purchases are of something", Of: "events", Where: `kind="purchase"`, Expect: "between", Field: "value", Min: &low, Owner: "shop"},
		{Name: "items have a brand", Of: "items", Expect: "not_null", Field: "brand"},
	}})
	var text bytes.Buffer
	if err := r.WriteText(&text, true); err != nil {
		t.Fatal(err)
	}
	document, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "report.txt", text.Bytes())
	golden(t, "report.json", append(document, '\n'))
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is another one now; see what changed with -update", name)
	}
}

// TestOrder expects the order of the rows to change nothing but the examples.
func TestOrder(t *testing.T) {
	d := cleanData(4)
	first := d.report(check.Settings{})
	slices.Reverse(d.items)
	slices.Reverse(d.users)
	slices.Reverse(d.events)
	second := d.report(check.Settings{})
	for _, r := range []*check.Report{&first, &second} {
		for i := range r.Results {
			r.Results[i].Examples = nil
		}
	}
	a, b := fmt.Sprintf("%+v", first), fmt.Sprintf("%+v", second)
	if a != b {
		t.Errorf("in order:\n%s\nreversed:\n%s", a, b)
	}
}

// TestNothing expects a report of nothing to say so and what is missing.
func TestNothing(t *testing.T) {
	r := (&data{now: time.Unix(1e9, 0)}).report(check.Settings{})
	if x, _ := r.Find("events_none"); x.Status != check.Error || r.Err() == nil {
		t.Errorf("no events: %+v", x)
	}
	for i := range r.Results {
		if x := &r.Results[i]; x.Status == check.Warning || x.Status == check.Error && x.Name != "events_none" {
			t.Errorf("of nothing: %+v", x)
		}
	}
	if len(r.Readiness) == 0 || r.Readiness[0].Ready {
		t.Errorf("ready for %+v", r.Readiness)
	}
}

// TestRules expects severities, limits and off to be as set.
func TestRules(t *testing.T) {
	d := cleanData(5)
	d.events[0].User = "null"
	zero, half := 0.0, 0.5
	for _, c := range []struct {
		rule check.Rule
		want check.Status
	}{
		{check.Rule{}, check.Warning},
		{check.Rule{Severity: check.Info}, check.Info},
		{check.Rule{Severity: check.Error}, check.Error},
		{check.Rule{Limit: &half}, check.OK},
		{check.Rule{ErrorAbove: &half}, check.Warning},
		{check.Rule{Limit: &zero, Severity: check.Error}, check.Error},
		{check.Rule{Severity: "off"}, ""},
	} {
		r := d.report(check.Settings{Rules: map[string]check.Rule{"user_placeholder": c.rule}})
		if x, _ := r.Find("user_placeholder"); x.Status != c.want {
			t.Errorf("%+v: %q, want %q", c.rule, x.Status, c.want)
		}
	}
}

// TestBounded expects memory to be bounded however many identifiers there
// are, and estimates to be near.
func TestBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: two million events")
	}
	const users = 1_000_000
	c := check.New(check.Settings{Now: time.Unix(2e9, 0)})
	for i := range 2 * users {
		c.AddEvent(&kindred.Event{
			ID: fmt.Sprint(i), User: kindred.UserID(fmt.Sprint("user ", i/2)), Item: kindred.ItemID(fmt.Sprint("item ", i%500_000)),
			Kind: kindred.Purchase, Value: 1, Session: fmt.Sprint("visit ", i), Time: time.Unix(1.9e9+int64(i), 0),
		})
	}
	if n := c.Kept(); n > 1<<20 {
		t.Errorf("%d values are kept", n)
	}
	r := c.Report()
	x, _ := r.Find("users_single")
	if x.Of < users*99/100 || x.Of > users*101/100 || x.Count != 0 {
		t.Errorf("%d users with one event, of %d", x.Count, x.Of)
	}
	if r.Sampled["users"] != 0.125 || r.Sampled["items"] != 0.5 {
		t.Errorf("looked at %v", r.Sampled)
	}
}

func BenchmarkEvents(b *testing.B) {
	d := cleanData(1)
	c := check.New(check.Settings{Now: d.now})
	for i := range d.items {
		c.AddItem(&d.items[i])
	}
	i := 0
	for b.Loop() {
		c.AddEvent(&d.events[i%len(d.events)])
		i++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
