package check_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"kindred"
	"kindred/check"
)

// planted are faults by the check that is to find them: each makes clean data
// dirty in one way.
func planted() map[string]func(*data) {
	return map[string]func(*data){
		"events_none":    func(d *data) { d.events = nil },
		"events_of_one":  func(d *data) { d.each(nil, func(e *kindred.Event) { e.User = "somebody" }) },
		"events_refused": func(d *data) { d.share(0.3, nil, func(_ int, e *kindred.Event) { e.Verdict = kindred.Bot }) },
		"users_single": func(d *data) {
			d.share(0.9, nil, func(i int, e *kindred.Event) { e.User = kindred.UserID(fmt.Sprint("passer-by-", i)) })
		},
		"items_rare": func(d *data) {
			d.share(0.9, nil, func(i int, e *kindred.Event) { e.Item = kindred.ItemID(fmt.Sprint("rare-", i)) })
		},
		"core_shrinkage": func(d *data) {
			d.share(0.9, nil, func(i int, e *kindred.Event) { e.User = kindred.UserID(fmt.Sprint("passer-by-", i)) })
		},
		"long_tail":         func(d *data) { d.share(0.6, nil, func(_ int, e *kindred.Event) { e.Item = d.items[0].ID }) },
		"item_dominance":    func(d *data) { d.share(0.3, nil, func(_ int, e *kindred.Event) { e.Item = d.items[0].ID }) },
		"user_dominance":    func(d *data) { d.share(0.1, nil, func(_ int, e *kindred.Event) { e.User = d.users[0].ID }) },
		"event_id_repeated": func(d *data) { d.events[5].ID = d.events[4].ID },
		"event_repeated":    func(d *data) { d.events = append(d.events, again(d.events[:len(d.events)/50])...) },
		"user_placeholder":  func(d *data) { d.events[7].User = "undefined" },
		"item_placeholder":  func(d *data) { d.events[7].Item = "00000000-0000-0000-0000-000000000000" },
		"item_id_variants":  func(d *data) { d.events[7].Item = " " + d.events[7].Item },
		"user_id_variants":  func(d *data) { d.users = append(d.users, kindred.User{ID: "SHOPPER-0001"}) },
		"item_id_shape":     func(d *data) { d.numbered(); d.events[9].Item = "POST" },
		"user_id_shape":     func(d *data) { d.events[9].User = "till 3!" },
		"item_test_code":    func(d *data) { d.events[9].Item = "TEST001" },
		"time_future":       func(d *data) { d.events[9].Time = d.now.Add(6 * time.Minute) },
		"time_ancient":      func(d *data) { d.events[9].Time = time.Unix(3, 0) },
		"time_same":         func(d *data) { d.share(0.1, nil, func(_ int, e *kindred.Event) { e.Time = d.now.Add(-time.Hour) }) },
		"time_of_day_same":  func(d *data) { d.each(nil, func(e *kindred.Event) { e.Time = e.Time.Truncate(24 * time.Hour) }) },
		"time_gap":          func(d *data) { d.drop(func(e *kindred.Event) bool { return d.ago(e, 20, 26) }) },
		"events_stale":      func(d *data) { d.now = d.now.AddDate(0, 0, 3) },
		"kind_silent":       func(d *data) { d.drop(func(e *kindred.Event) bool { return e.Kind == kindred.View && d.ago(e, 0, 8) }) },
		"volume_day": func(d *data) {
			d.drop(func(e *kindred.Event) bool { return d.yesterday(e) && len(e.ID)%2 == int(e.ID[len(e.ID)-1]-'0')%2 })
			d.halve()
		},
		"volume_hours":     func(d *data) { d.drop(func(e *kindred.Event) bool { return d.yesterday(e) && e.Time.Hour() >= 15 }) },
		"drift_kinds":      func(d *data) { d.lately(kindred.View, func(_ int, e *kindred.Event) { e.Kind = kindred.Play }) },
		"drift_categories": func(d *data) { d.lately("", func(i int, e *kindred.Event) { e.Item = d.items[i%8].ID }) },
		"drift_prices": func(d *data) {
			few := d.dearest(8)
			d.lately("", func(i int, e *kindred.Event) { e.Item = few[i%8].ID })
		},
		"drift_since_training": func(d *data) { d.lately("", func(i int, e *kindred.Event) { e.Item = d.items[i%8].ID }) },
		"drift_value_shape": func(d *data) {
			d.lately(kindred.View, func(_ int, e *kindred.Event) { e.Kind, e.Value = kindred.Rating, 9 })
		},
		"drift_value_level": func(d *data) {
			d.lately(kindred.View, func(_ int, e *kindred.Event) { e.Kind, e.Value = kindred.Rating, 9 })
		},
		"drift_positions": func(d *data) { d.lately("", func(_ int, e *kindred.Event) { e.Position = 12 }) },
		"drift_hours":     func(d *data) { d.lately("", func(_ int, e *kindred.Event) { e.Time = e.Time.Add(-12 * time.Hour) }) },
		"value_negative":  func(d *data) { d.one(kindred.Purchase).Value = -2 },
		"value_zero":      func(d *data) { d.share(0.5, d.of(kindred.Purchase), func(_ int, e *kindred.Event) { e.Value = 0 }) },
		"value_outlier":   func(d *data) { d.one(kindred.Purchase).Value = 80_995 },
		"rating_constant": func(d *data) { d.each(d.of(kindred.Rating), func(e *kindred.Event) { e.Value = 5 }) },
		"rating_scale":    func(d *data) { d.share(0.02, d.of(kindred.Rating), func(_ int, e *kindred.Event) { e.Value = 80 }) },
		"refund_share": func(d *data) {
			d.share(0.2, d.of(kindred.Purchase), func(_ int, e *kindred.Event) { e.Kind = kindred.Refund })
		},
		"refund_orphan": func(d *data) {
			d.share(0.3, d.of(kindred.Purchase), func(_ int, e *kindred.Event) { e.Kind = kindred.Refund })
		},
		"price_jump":       plantPrices,
		"kinds_single":     func(d *data) { d.each(nil, func(e *kindred.Event) { e.Kind = kindred.View }) },
		"impressions_none": func(d *data) { d.drop(d.of(kindred.Impression)) },
		"users_anonymous": func(d *data) {
			d.share(0.6, nil, func(i int, e *kindred.Event) { e.User = kindred.UserID(fmt.Sprint("guest-", i/9)) })
		},
		"sessions_none":    func(d *data) { d.each(nil, func(e *kindred.Event) { e.Session = "" }) },
		"session_shared":   func(d *data) { d.share(0.2, nil, func(_ int, e *kindred.Event) { e.User = d.users[3].ID }) },
		"session_long":     func(d *data) { d.each(nil, func(e *kindred.Event) { e.Session = string(e.User) }) },
		"request_missing":  func(d *data) { d.show(func(*kindred.Event, string) {}) },
		"request_unjoined": func(d *data) { d.show(func(e *kindred.Event, id string) { e.RequestID = "x" + id }) },
		"feedback_loop":    func(d *data) { d.show(func(e *kindred.Event, id string) { e.RequestID = id }) },
		"exposure_empty": func(d *data) {
			d.show(nil)
			d.exposures[3].Items, d.exposures[4].Items, d.exposures[5].Items = nil, nil, nil
		},
		"click_unjoined":      func(d *data) { d.share(0.5, nil, d.onlyKind(kindred.Impression, kindred.Search)) },
		"purchase_unviewed":   func(d *data) { d.each(d.of(kindred.Purchase), func(e *kindred.Event) { e.User += "-till" }) },
		"position_missing":    func(d *data) { d.each(nil, func(e *kindred.Event) { e.Position = 0 }) },
		"catalogue_none":      func(d *data) { d.items = nil },
		"title_missing":       func(d *data) { d.everyTenth(func(i *kindred.Item) { i.Title = "" }) },
		"title_repeated":      func(d *data) { d.everyTenth(func(i *kindred.Item) { i.Title = "Mug" }) },
		"category_missing":    func(d *data) { d.items = append(d.items, make([]kindred.Item, 200)...) },
		"category_many":       func(d *data) { d.eachItem(func(i *kindred.Item) { i.Categories = []string{string(i.ID)} }) },
		"price_missing":       func(d *data) { d.everyTenth(func(i *kindred.Item) { i.Price = 0 }); d.items[1].Price = 0 },
		"price_outlier":       func(d *data) { d.items[7].SalePrice = 1e6 }, // what is asked
		"item_expired":        func(d *data) { d.eachItem(func(i *kindred.Item) { i.AvailableUntil = d.now }) },
		"text_damaged":        func(d *data) { d.items[7].Title = "CafÃ© crÃ¨me" },
		"item_unknown":        func(d *data) { d.items = d.items[:300] },
		"item_untouched":      plantUntouched,
		"item_unavailable":    func(d *data) { d.eachItem(func(i *kindred.Item) { i.AvailableFrom = d.now }) },
		"user_unknown":        func(d *data) { d.users = d.users[:100] },
		"item_attribute_leak": func(d *data) { d.leak() },
		"user_attribute_leak": func(d *data) { d.leakUsers() },
		"item_described_later": func(d *data) {
			d.eachItem(func(i *kindred.Item) { i.UpdatedAt = d.now })
			d.items[0].UpdatedAt = d.now.Add(-48 * time.Hour)
		},
		"item_attribute_constant": func(d *data) { d.describe(func(int) kindred.Attribute { return kindred.StringOf("new") }) },
		"item_attribute_identifying": func(d *data) {
			d.describe(func(i int) kindred.Attribute { return kindred.StringOf(fmt.Sprint("no ", i)) })
		},
		"item_attribute_sparse": func(d *data) { d.items[0].Attributes["x"] = kindred.NumberOf(1) },
		"item_attribute_mixed": func(d *data) {
			d.describe(func(i int) kindred.Attribute {
				if i%2 == 0 {
					return kindred.NumberOf(1)
				}
				return kindred.StringOf("1")
			})
		},
		"user_attribute_constant": func(d *data) { d.describeUsers(func(int) kindred.Attribute { return kindred.StringOf("new") }) },
		"user_attribute_identifying": func(d *data) {
			d.describeUsers(func(i int) kindred.Attribute { return kindred.StringOf(fmt.Sprint("no ", i)) })
		},
		"user_attribute_sparse": func(d *data) { d.users[0].Attributes["x"] = kindred.NumberOf(1) },
		"user_attribute_mixed": func(d *data) {
			d.describeUsers(func(i int) kindred.Attribute {
				if i%2 == 0 {
					return kindred.BoolOf(true)
				}
				return kindred.StringOf("true")
			})
		},
	}
}

// TestPlanted expects every check to be ok or skipped on clean data, unless it
// tells what the shop is like, and to find what is planted for it.
func TestPlanted(t *testing.T) {
	faults := planted()
	faults["rows_rejected"] = nil // needs rows that are none; see TestRejected
	clean := cleanData(1).report(check.Settings{})
	for _, c := range check.Checks() {
		plant, listed := faults[c.Name]
		if !listed {
			t.Errorf("no fault is planted for %s", c.Name)
		}
		delete(faults, c.Name)
		if plant == nil {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			if x, _ := clean.Find(c.Name); c.Severity != check.Info && x.Status != check.OK && x.Status != check.Skipped {
				t.Errorf("clean: %+v", x)
			}
			d := cleanData(1)
			plant(d)
			dirty := d.report(check.Settings{})
			x, found := dirty.Find(c.Name)
			if !found || x.Status != c.Severity && x.Status != check.Error || x.Advice == "" || x.Figure <= x.Limit {
				t.Errorf("planted, not found: %+v", x)
			}
		})
	}
	for _, name := range slices.Sorted(maps.Keys(faults)) {
		t.Errorf("there is no check %s", name)
	}
}

// TestSinceTraining expects what changed to be seen against what the live model
// was learned from, whether it knows of the change or not.
func TestSinceTraining(t *testing.T) {
	d := cleanData(1)
	d.share(1, func(e *kindred.Event) bool { return d.ago(e, 0, 12) }, func(i int, e *kindred.Event) { e.Item = d.items[i%8].ID })
	for name, c := range map[string]struct {
		trained int // days ago
		status  check.Status
	}{
		"before": {12, check.Warning}, "long before": {20, check.Warning}, "never": {-1, check.Skipped}, "today": {0, check.Skipped}, "too long ago": {60, check.Skipped},
	} {
		settings := check.Settings{TrainedTo: d.now.AddDate(0, 0, -c.trained)}
		if c.trained < 0 {
			settings.TrainedTo = time.Time{}
		}
		r := d.judged(settings)
		if x, _ := r.Find("drift_since_training"); x.Status != c.status {
			t.Errorf("trained %s: %+v", name, x)
		}
	}
}

// TestRepeatsOfMany expects as many rows looked at as there are, where only a
// part of them is kept.
func TestRepeatsOfMany(t *testing.T) {
	c := check.New(check.Settings{Now: time.Unix(2e9, 0)})
	const events = 300_000
	for n := range events {
		e := kindred.Event{ID: fmt.Sprint(n), User: kindred.UserID(fmt.Sprint("u", n%1000)), Item: "i", Kind: kindred.View, Value: 1, Time: time.Unix(1e9+int64(n-n%50/49), 0)}
		if n%50 == 49 {
			e.User = kindred.UserID(fmt.Sprint("u", (n-1)%1000))
		}
		c.AddEvent(&e)
	}
	r := c.Report()
	for name, want := range map[string]float64{"event_repeated": events / 50, "event_id_repeated": 0} {
		if x, _ := r.Find(name); x.Of != events || math.Abs(float64(x.Count)-want) > want/5 {
			t.Errorf("%s: %d of %d, want about %g of %d", name, x.Count, x.Of, want, events)
		}
	}
}

// TestRejected expects rows that were none to be counted by reason.
func TestRejected(t *testing.T) {
	c := check.New(check.Settings{Now: time.Unix(1e9, 0)})
	c.AddRejects("missing_user", 95, []string{"a.csv:3: names no user"})
	c.AddRejects("bad_price", 1, nil)
	for i := range 4 {
		c.AddEvent(&kindred.Event{User: kindred.UserID(fmt.Sprint(i)), Item: "i", Kind: kindred.View, Value: 1, Time: time.Unix(9e8, 0)})
	}
	r := c.Report()
	x, _ := r.Find("rows_rejected")
	if x.Status != check.Error || x.Count != 96 || x.Of != 100 || x.Detail != "95 missing_user, 1 bad_price" || len(x.Examples) != 1 {
		t.Errorf("%+v", x)
	}
}

// TestVerdicts expects events to be counted by each reason, and those released
// or with informational reasons not to count as refused.
func TestVerdicts(t *testing.T) {
	d := cleanData(2)
	d.events[0].Verdict = kindred.Bot | kindred.Unjoined
	d.events[1].Verdict = kindred.Bot | kindred.Released
	d.events[2].Verdict = kindred.UnknownItem
	r := d.report(check.Settings{})
	if x, _ := r.Find("events_refused"); x.Count != 1 {
		t.Errorf("%+v", x)
	}
	if got := fmt.Sprint(r.Verdicts); got != "map[bot:2 released:1 unjoined:1 unknown_item:1]" {
		t.Error(got)
	}
}

func (d *data) each(which func(*kindred.Event) bool, change func(*kindred.Event)) {
	d.share(1, which, func(_ int, e *kindred.Event) { change(e) })
}

// share changes a share of the events, evenly spread.
func (d *data) share(part float64, which func(*kindred.Event) bool, change func(int, *kindred.Event)) {
	sum := 0.0
	for i := range d.events {
		if which != nil && !which(&d.events[i]) {
			continue
		}
		if sum += part; sum >= 1 {
			sum--
			change(i, &d.events[i])
		}
	}
}

func (d *data) of(kind kindred.Kind) func(*kindred.Event) bool {
	return func(e *kindred.Event) bool { return e.Kind == kind }
}

func (d *data) onlyKind(from, to kindred.Kind) func(int, *kindred.Event) {
	return func(_ int, e *kindred.Event) {
		if e.Kind == from {
			e.Kind = to
		}
	}
}

func (d *data) one(kind kindred.Kind) *kindred.Event {
	return &d.events[slices.IndexFunc(d.events, func(e kindred.Event) bool { return e.Kind == kind })]
}

func (d *data) drop(which func(*kindred.Event) bool) {
	d.events = slices.DeleteFunc(d.events, func(e kindred.Event) bool { return which(&e) })
}

// ago says whether an event is between so many days old.
func (d *data) ago(e *kindred.Event, from, to int) bool {
	age := d.now.Sub(e.Time)
	return age >= time.Duration(from)*24*time.Hour && age < time.Duration(to)*24*time.Hour
}

// yesterday is the last whole day.
func (d *data) yesterday(e *kindred.Event) bool {
	return e.Time.Format(time.DateOnly) == d.now.AddDate(0, 0, -1).Format(time.DateOnly)
}

// halve leaves a fifth of yesterday's events.
func (d *data) halve() {
	n := 0
	d.drop(func(e *kindred.Event) bool {
		if d.yesterday(e) {
			n++
		}
		return d.yesterday(e) && n%3 > 0
	})
}

// lately changes the events of the last six days of a kind; empty: of all.
func (d *data) lately(kind kindred.Kind, change func(int, *kindred.Event)) {
	d.share(1, func(e *kindred.Event) bool { return d.ago(e, 0, 6) && (kind == "" || e.Kind == kind) }, change)
}

// dearest returns the items that cost most.
func (d *data) dearest(n int) []kindred.Item {
	items := slices.Clone(d.items)
	slices.SortFunc(items, func(a, b kindred.Item) int { return cmp.Compare(b.Price, a.Price) })
	return items[:n]
}

func again(events []kindred.Event) []kindred.Event {
	copies := slices.Clone(events)
	for i := range copies {
		copies[i].ID += "-again"
	}
	return copies
}

// numbered gives the items numbers for identifiers.
func (d *data) numbered() {
	numbers := map[kindred.ItemID]kindred.ItemID{}
	for i := range d.items {
		numbers[d.items[i].ID] = kindred.ItemID(fmt.Sprint(10_000 + i))
		d.items[i].ID = numbers[d.items[i].ID]
	}
	for i := range d.events {
		d.events[i].Item = numbers[d.events[i].Item]
	}
}

// show adds a list every minute of the last day and a half, and gives each
// wanted event of that time a request to name.
func (d *data) show(name func(*kindred.Event, string)) {
	from := d.now.Add(-36 * time.Hour * 10)
	for i := range 36 * 60 {
		id := fmt.Sprint("list-", i)
		d.exposures = append(d.exposures, kindred.Exposure{
			RequestID: id, User: "u", Time: from.Add(time.Duration(i) * 10 * time.Minute), Items: []kindred.ItemID{"a", "b"},
		})
	}
	n := 0
	for i := range d.events {
		if name != nil && d.events[i].Time.After(from) {
			n++
			name(&d.events[i], fmt.Sprint("list-", n%(36*60)))
		}
	}
}

func (d *data) eachItem(change func(*kindred.Item)) {
	for i := range d.items {
		change(&d.items[i])
	}
}

func (d *data) everyTenth(change func(*kindred.Item)) {
	for i := 0; i < len(d.items); i += 10 {
		change(&d.items[i])
	}
}

func (d *data) describe(value func(int) kindred.Attribute) {
	for i := range d.items {
		d.items[i].Attributes["planted"] = value(i)
	}
}

func (d *data) describeUsers(value func(int) kindred.Attribute) {
	for i := range d.users {
		d.users[i].Attributes["planted"] = value(i)
	}
}

// leak describes items by what became of them.
func (d *data) leak() {
	wanted := map[kindred.ItemID]float64{}
	for i := range d.events {
		if d.events[i].Kind != kindred.Impression {
			wanted[d.events[i].Item]++
		}
	}
	d.describe(func(i int) kindred.Attribute { return kindred.NumberOf(wanted[d.items[i].ID] * 19.9) })
}

func (d *data) leakUsers() {
	did := map[kindred.UserID]float64{}
	for i := range d.events {
		if d.events[i].Kind != kindred.Impression {
			did[d.events[i].User]++
		}
	}
	d.describeUsers(func(i int) kindred.Attribute { return kindred.NumberOf(did[d.users[i].ID] + 3) })
}

func plantPrices(d *data) {
	d.each(d.of(kindred.Purchase), func(e *kindred.Event) { e.Context = json.RawMessage(`{"price":2.5}`) })
	d.share(0.1, d.of(kindred.Purchase), func(_ int, e *kindred.Event) { e.Context = json.RawMessage(`{"price": 0.01, "till":3}`) })
}

func plantUntouched(d *data) {
	for i := range 500 {
		d.items = append(d.items, kindred.Item{ID: kindred.ItemID(fmt.Sprint("new-", i)), Title: fmt.Sprint("New ", i), Price: 3, Categories: []string{"x"}})
	}
}
