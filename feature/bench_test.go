package feature

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"kindred"
)

// fifty is a configuration of fifty features, as a ranking model reads them.
func fifty() Config {
	var c Config
	add := func(d Definition) { c.Definitions = append(c.Definitions, d) }
	hour := Span(time.Hour)
	for _, entity := range []Entity{User, Item} {
		for _, window := range []Span{hour, 24 * hour, 7 * 24 * hour, 30 * 24 * hour} {
			add(Definition{Name: "views_" + window.String(), Entity: entity, Kind: Count, Where: Where{[]kindred.Kind{"view"}}, Window: window})
			add(Definition{Name: "buys_" + window.String(), Entity: entity, Kind: Count, Where: Where{[]kindred.Kind{"purchase"}}, Window: window})
			add(Definition{
				Name: "ratio_" + window.String(), Entity: entity, Kind: Ratio, Where: Where{[]kindred.Kind{"purchase"}},
				Over: Where{[]kindred.Kind{"view"}}, Window: window, Alpha: 1, Beta: 20,
			})
		}
		add(Definition{Name: "decayed_1d", Entity: entity, Kind: DecayedCount, HalfLife: 24 * hour})
		add(Definition{Name: "decayed_7d", Entity: entity, Kind: DecayedCount, HalfLife: 7 * 24 * hour})
		add(Definition{Name: "sum", Entity: entity, Kind: Sum, Window: 7 * 24 * hour})
		add(Definition{Name: "mean", Entity: entity, Kind: Mean, Window: 7 * 24 * hour})
		add(Definition{Name: "recency", Entity: entity, Kind: Recency})
		add(Definition{Name: "distinct", Entity: entity, Kind: Distinct, Window: 7 * 24 * hour})
		add(Definition{Name: "price", Entity: entity, Kind: Attribute})
	}
	add(Definition{Name: "last", Entity: User, Kind: LastN, Window: 30 * 24 * hour, N: 10})
	for _, window := range []Span{24 * hour, 7 * 24 * hour, 30 * 24 * hour} {
		add(Definition{Name: "views_" + window.String(), Entity: UserItem, Kind: Count, Where: Where{[]kindred.Kind{"view"}}, Window: window})
	}
	add(Definition{Name: "decayed", Entity: UserItem, Kind: DecayedCount, HalfLife: 12 * hour})
	add(Definition{Name: "events", Entity: User, Kind: Count})
	add(Definition{Name: "brand", Entity: Item, Kind: Attribute, Type: String})
	add(Definition{Name: "level", Entity: Item, Kind: Bucket, Inputs: []Ref{"item:price"}, Bounds: []float64{1, 10, 100}})
	add(Definition{Name: "share", Entity: UserItem, Kind: Expression, Expression: "user_item.views_7d / (1.0 + user.views_7d)"})
	add(Definition{Name: "rise", Entity: Item, Kind: Expression, Expression: "7.0 * item.views_1d / (1.0 + item.views_7d)"})
	add(Definition{Name: "rate", Entity: Item, Kind: Rate, Window: 24 * hour})
	add(Definition{Name: "rate", Entity: User, Kind: Rate, Window: 24 * hour})
	return c
}

// traffic yields events over ninety days, of users and items with long tails.
func traffic(n int, fn func(*kindred.Event)) {
	rng := rand.New(rand.NewPCG(1, 2))
	users, items := rand.NewZipf(rng, 1.05, 1000, uint64(max(n/50, 1))), rand.NewZipf(rng, 1.1, 50, uint64(max(n/200, 1)))
	names := map[string]string{}
	name := func(prefix string, i uint64) string {
		text := prefix + strconv.FormatUint(i, 10)
		if known, ok := names[text]; ok {
			return known
		}
		names[text] = text
		return text
	}
	start, span := time.Unix(1_700_000_000, 0), 90*24*time.Hour
	var e kindred.Event
	for i := range n {
		e = kindred.Event{
			User: kindred.UserID(name("u", users.Uint64())), Item: kindred.ItemID(name("i", items.Uint64())), Kind: "view", Value: 1,
			Time: start.Add(time.Duration(float64(span) / float64(n) * float64(i))),
		}
		if rng.IntN(10) == 0 {
			e.Kind, e.Value = "purchase", float64(1+rng.IntN(3))
		}
		fn(&e)
	}
}

// size returns a benchmark's size: that of the environment, or a small one.
func size(b *testing.B, name string, small int) int {
	b.Helper()
	n, err := strconv.Atoi(os.Getenv(name))
	if err != nil {
		return small
	}
	return n
}

// online returns a state that knows traffic, and the moment after it.
func online(b *testing.B, n int) (*Online, int64) {
	b.Helper()
	o := newPlan(b, fifty()).NewOnline()
	now := int64(0)
	var batch []Logged
	traffic(n, func(e *kindred.Event) {
		now = e.Time.UnixMilli()
		if batch = append(batch, Logged{int64(len(batch) + 1), *e}); len(batch) == 4096 {
			o.Observe(batch, now)
			batch = batch[:0]
		}
	})
	o.Observe(batch, now)
	return o, now + 1
}

// BenchmarkRead reads fifty features for 200 candidates of one user.
func BenchmarkRead(b *testing.B) {
	o, now := online(b, size(b, "EVENTS", 500_000))
	refs := refsOf(o.Plan())
	if len(refs) != 50 {
		b.Fatalf("%d features", len(refs))
	}
	rng := rand.New(rand.NewPCG(3, 3))
	r := &Request{Features: refs, At: now}
	for range 200 {
		r.Users, r.Items = append(r.Users, "u0"), append(r.Items, fmt.Sprint("i", rng.IntN(1000)))
	}
	r.Rows = len(r.Items)
	for b.Loop() {
		if _, err := o.Read(r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkObserve takes in one event.
func BenchmarkObserve(b *testing.B) {
	o, now := online(b, size(b, "EVENTS", 500_000))
	rng := rand.New(rand.NewPCG(4, 4))
	for b.Loop() {
		now++
		o.Observe([]Logged{{Event: kindred.Event{
			User: kindred.UserID(fmt.Sprint("u", rng.IntN(1000))), Item: kindred.ItemID(fmt.Sprint("i", rng.IntN(1000))), Kind: "view", Value: 1, Time: time.UnixMilli(now),
		}}}, now)
	}
}

// BenchmarkAsOf computes the fifty features of training rows: ROWS of them
// (20,000), over EVENTS events (500,000).
func BenchmarkAsOf(b *testing.B) {
	plan := newPlan(b, fifty())
	h := plan.NewHistory()
	events, wanted := size(b, "EVENTS", 500_000), size(b, "ROWS", 20_000)
	rows := &Rows{}
	n := 0
	traffic(events, func(e *kindred.Event) {
		h.Add(e)
		n++
		if n%max(events/wanted, 1) == 0 {
			rows.Users, rows.Items, rows.Times = append(rows.Users, string(e.User)), append(rows.Items, string(e.Item)), append(rows.Times, e.Time.UnixMilli())
		}
	})
	refs := refsOf(plan)
	for b.Loop() {
		if _, err := h.AsOf(b.Context(), refs, rows); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(rows.Times)), "rows")
}

// BenchmarkRetract takes an event back and lets it count again.
func BenchmarkRetract(b *testing.B) {
	o, now := online(b, size(b, "EVENTS", 500_000))
	var events []Logged
	for i := range 1000 {
		events = append(events, Logged{int64(1_000_000_000 + i), kindred.Event{
			User: kindred.UserID(fmt.Sprint("u", i)), Item: kindred.ItemID(fmt.Sprint("i", i)), Kind: "view", Value: 1, Time: time.UnixMilli(now - int64(i)*60_000),
		}})
	}
	o.Observe(events, now)
	for n := 0; b.Loop(); n++ {
		one := events[n%len(events) : n%len(events)+1]
		if o.Apply(&Change{Retract: one, Observe: one}, now) > 0 {
			b.Fatal("the event is not known")
		}
	}
}
