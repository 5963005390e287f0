package feature

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"kindred"
)

// everyKind is a configuration with features of every kind, entity and way to
// be limited.
func everyKind() Config {
	views, buys := Where{[]kindred.Kind{"view"}}, Where{[]kindred.Kind{"purchase", "rating"}}
	hour, day := Span(time.Hour), Span(24*time.Hour)
	c := Config{MaxEvents: 40}
	add := func(d Definition) { c.Definitions = append(c.Definitions, d) }
	for _, entity := range []Entity{User, Item, UserItem, Session} {
		add(Definition{Name: "count", Entity: entity, Kind: Count})
		add(Definition{Name: "views_1h", Entity: entity, Kind: Count, Where: views, Window: hour})
		add(Definition{Name: "views_24h", Entity: entity, Kind: Count, Where: views, Window: day, TTL: 6 * hour})
		add(Definition{Name: "rate", Entity: entity, Kind: Rate, Where: buys, Window: day})
		add(Definition{Name: "decayed", Entity: entity, Kind: DecayedCount, HalfLife: Span(10 * time.Minute)})
		add(Definition{Name: "sum", Entity: entity, Kind: Sum, Where: buys, Window: day})
		add(Definition{Name: "sum_ever", Entity: entity, Kind: Sum})
		add(Definition{Name: "mean", Entity: entity, Kind: Mean, Where: buys, Window: hour})
		add(Definition{Name: "recency", Entity: entity, Kind: Recency, Where: buys})
		add(Definition{Name: "ratio", Entity: entity, Kind: Ratio, Where: buys, Over: views, Window: day, Alpha: 1, Beta: 20})
		if entity == UserItem {
			continue
		}
		add(Definition{Name: "distinct", Entity: entity, Kind: Distinct, Where: views, Window: day})
		add(Definition{Name: "distinct_ever", Entity: entity, Kind: Distinct})
		add(Definition{Name: "last_3", Entity: entity, Kind: LastN, N: 3, Where: views})
		add(Definition{Name: "last_2_1h", Entity: entity, Kind: LastN, N: 2, Window: hour})
	}
	for _, entity := range []Entity{User, Item} {
		add(Definition{Name: "price", Entity: entity, Kind: Attribute, Tracked: true})
		add(Definition{Name: "brand", Entity: entity, Kind: Attribute, Type: String, Tracked: true, TTL: day, Default: "none"})
		add(Definition{Name: "embedding", Entity: entity, Kind: Embedding, Tracked: true})
	}
	add(Definition{Name: "hour", Entity: Context, Kind: Attribute})
	add(Definition{Name: "brands", Entity: UserItem, Kind: Cross, Inputs: []Ref{"user:brand", "item:brand"}})
	add(Definition{Name: "level", Entity: Item, Kind: Bucket, Inputs: []Ref{"item:count"}, Bounds: []float64{1, 5, 20}})
	add(Definition{Name: "affinity", Entity: UserItem, Kind: Expression, Expression: `user_item.count / (1.0 + item.count) + (context.hour > 12 ? 1.0 : 0.0)`, Default: 0.0})
	add(Definition{Name: "knows", Entity: UserItem, Kind: Expression, Expression: `item.brand in user.last_3 || size(user.last_3) > 2`})
	return c
}

// refsOf returns all features of a plan.
func refsOf(p *Plan) []Ref {
	var refs []Ref
	for _, d := range p.Definitions() {
		refs = append(refs, d.Ref())
	}
	return refs
}

// stream is a log with late events, ties and events ahead of their time, and
// written values.
func stream(rng *rand.Rand, n int) (events []Logged, values []Written) {
	kinds := []kindred.Kind{"view", "view", "view", "purchase", "rating", "search"}
	clock := int64(1_700_000_000_000)
	for i := range n {
		clock += []int64{0, 0, 1, 500, 20_000, 400_000}[rng.IntN(6)]
		if rng.IntN(200) == 0 {
			clock += 40 * 3_600_000
		}
		at := clock
		switch rng.IntN(8) {
		case 0:
			at -= rng.Int64N(2 * 3_600_000)
		case 1:
			at += rng.Int64N(60_000)
		}
		e := kindred.Event{
			User: kindred.UserID(fmt.Sprint("u", rng.IntN(4))), Item: kindred.ItemID(fmt.Sprint("i", min(rng.IntN(6), rng.IntN(6)))),
			Kind: kinds[rng.IntN(len(kinds))], Value: rng.NormFloat64() * 10, Time: time.UnixMilli(at), Session: fmt.Sprint("s", i/50),
		}
		if e.Kind == "search" {
			e.Item = ""
		}
		events = append(events, Logged{int64(i + 1), e})
		if rng.IntN(10) == 0 {
			values = append(values, writtenValue(rng, int64(i+1), at))
		}
	}
	return events, values
}

func writtenValue(rng *rand.Rand, position, at int64) Written {
	w := Written{Position: position, Entity: User, ID: fmt.Sprint("u", rng.IntN(4)), Time: at}
	if rng.IntN(2) == 0 {
		w.Entity, w.ID = Item, fmt.Sprint("i", rng.IntN(6))
	}
	var value kindred.Attribute
	switch rng.IntN(4) {
	case 0:
		w.Name, value = "price", kindred.NumberOf(rng.Float64())
	case 1:
		w.Name, value = "brand", kindred.StringOf(fmt.Sprint("i", rng.IntN(3)))
	case 2:
		w.Name, value = "embedding", kindred.VectorOf([]float32{rng.Float32(), rng.Float32()})
	default:
		w.Name = "price"
		return w
	}
	w.Value = &value
	return w
}

func newPlan(tb testing.TB, c Config) *Plan {
	tb.Helper()
	if err := c.Validate(); err != nil {
		tb.Fatal(err)
	}
	p, err := NewPlan(&c)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func randomRows(rng *rand.Rand, n int, from, to int64) *Rows {
	rows := &Rows{}
	for range n {
		rows.Users = append(rows.Users, fmt.Sprint("u", rng.IntN(5)))
		rows.Items = append(rows.Items, fmt.Sprint("i", rng.IntN(7)))
		rows.Sessions = append(rows.Sessions, fmt.Sprint("s", rng.IntN(30)))
		rows.Contexts = append(rows.Contexts, kindred.Attributes{"hour": kindred.NumberOf(float64(rng.IntN(24)))})
		rows.Times = append(rows.Times, from+rng.Int64N(to-from+1))
	}
	return rows
}

// TestAsOfEqualsOnline plays random logs to the online state, reads it on the
// way, now and a little back, and expects every value of every kind to be the
// one that AsOf computes from the events and values known then, bit for bit.
func TestAsOfEqualsOnline(t *testing.T) {
	plan := newPlan(t, everyKind())
	refs := refsOf(plan)
	for seed := range uint64(12) {
		rng := rand.New(rand.NewPCG(seed, 1))
		events, values := stream(rng, 900)
		online := plan.NewOnline()
		now := int64(0)
		for n := 0; n < len(events); {
			step := min(1+rng.IntN(60), len(events)-n)
			for _, e := range events[n : n+step] {
				now = max(now, e.Event.Time.UnixMilli()-rng.Int64N(30_000))
			}
			online.Observe(events[n:n+step], now)
			n += step
			at := now + []int64{0, 1, 10_000, -3000, -50_000}[rng.IntN(5)]
			known := 0
			for known < len(values) && values[known].Position <= int64(n) {
				known++
			}
			online = replayValues(plan, online, values[:known])
			rows := randomRows(rng, 12, at, at)
			if rng.IntN(2) == 0 { // a user's candidates
				for i := range rows.Users {
					rows.Users[i] = rows.Users[0]
				}
			}
			read, err := online.Read(&Request{
				Features: refs, Users: rows.Users, Items: rows.Items, Sessions: rows.Sessions, Contexts: rows.Contexts, Rows: len(rows.Times), At: at,
			})
			if err != nil {
				t.Fatal(err)
			}
			if read.Position != int64(n) {
				t.Fatalf("read at position %d, want %d", read.Position, n)
			}
			expectEqual(t, read.Columns, asOf(t, plan, events[:n], values[:known], refs, rows), rows)
			now = max(now, at)
		}
	}
}

// replayValues writes values that the state does not know yet.
func replayValues(_ *Plan, o *Online, values []Written) *Online {
	from := 0
	for from < len(values) && values[from].Position <= o.State().Values {
		from++
	}
	o.Write(values[from:])
	return o
}

func asOf(tb testing.TB, plan *Plan, events []Logged, values []Written, refs []Ref, rows *Rows) []Column {
	tb.Helper()
	h := plan.NewHistory()
	for i := range events {
		h.Add(&events[i].Event)
	}
	for i := range values {
		h.Write(&values[i])
	}
	columns, err := h.AsOf(tb.Context(), refs, rows)
	if err != nil {
		tb.Fatal(err)
	}
	return columns
}

func expectEqual(tb testing.TB, got, want []Column, rows *Rows) {
	tb.Helper()
	for k := range got {
		for i := range got[k].Status {
			if !got[k].EqualRow(i, &want[k], i) {
				tb.Fatalf("%s of row %d (%s, %s, at %d): got %s, want %s", got[k].Ref, i, rows.Users[i], rows.Items[i], rows.Times[i],
					show(&got[k], i), show(&want[k], i))
			}
		}
	}
}

func show(c *Column, i int) string {
	switch c.Type {
	case Strings:
		return fmt.Sprint(c.Status[i], c.Lists[i])
	case Vector:
		return fmt.Sprint(c.Status[i], c.Vectors[i])
	case String:
		return fmt.Sprint(c.Status[i], c.Texts[i])
	default:
		return fmt.Sprintf("%s %v (%x)", c.Status[i], c.Numbers[i], math.Float64bits(c.Numbers[i]))
	}
}

// TestFutureChangesNothing alters, shuffles and removes all that happens from
// a moment on, and expects no training value of that moment or before to
// differ: nothing leaks from the future.
func TestFutureChangesNothing(t *testing.T) {
	plan := newPlan(t, everyKind())
	refs := refsOf(plan)
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 2))
		events, values := stream(rng, 600)
		cut := events[300].Event.Time.UnixMilli()
		rows := randomRows(rng, 200, events[0].Event.Time.UnixMilli(), cut)
		rows.Times[0], rows.Times[1] = cut, cut
		want := asOf(t, plan, events, values, refs, rows)
		for i := range rows.Times {
			if rows.Times[i] > cut {
				t.Fatal("a row after the cut")
			}
		}
		var past, future []Logged
		for _, e := range events {
			if e.Event.Time.UnixMilli() < cut {
				past = append(past, e)
				continue
			}
			e.Event.Item, e.Event.Value, e.Event.Kind = "i0", 1e6, "view"
			e.Event.Time = e.Event.Time.Add(time.Duration(rng.IntN(1_000_000)) * time.Millisecond)
			if rng.IntN(3) > 0 {
				future = append(future, e)
			}
		}
		changed := slices.Concat(future, past)
		rng.Shuffle(len(changed), func(i, k int) { // across one another, the past among itself in order
			if changed[i].Event.Time.UnixMilli() >= cut && changed[k].Event.Time.UnixMilli() >= cut {
				changed[i], changed[k] = changed[k], changed[i]
			}
		})
		var told []Written
		for _, v := range values {
			if v.Time >= cut {
				x := kindred.NumberOf(-1)
				v.Value = &x
			}
			told = append(told, v)
		}
		expectEqual(t, asOf(t, plan, changed, told, refs, rows), want, rows)
	}
}

// TestOrderOfArrival expects the order in which events arrived to matter only
// among those of one millisecond.
func TestOrderOfArrival(t *testing.T) {
	plan := newPlan(t, everyKind())
	refs := refsOf(plan)
	rng := rand.New(rand.NewPCG(3, 3))
	events, _ := stream(rng, 800)
	for i := range events { // no ties
		events[i].Event.Time = time.UnixMilli(events[i].Event.Time.UnixMilli()*1000 + int64(i))
		events[i].Event.Time = time.UnixMilli(events[i].Event.Time.UnixMilli() / 100)
	}
	slices.SortStableFunc(events, func(a, b Logged) int { return a.Event.Time.Compare(b.Event.Time) })
	for i := 1; i < len(events); i++ {
		if !events[i].Event.Time.After(events[i-1].Event.Time) {
			events[i].Event.Time = events[i-1].Event.Time.Add(time.Millisecond)
		}
	}
	rows := randomRows(rng, 200, events[0].Event.Time.UnixMilli(), events[len(events)-1].Event.Time.UnixMilli())
	want := asOf(t, plan, events, nil, refs, rows)
	rng.Shuffle(len(events), func(i, k int) { events[i], events[k] = events[k], events[i] })
	expectEqual(t, asOf(t, plan, events, nil, refs, rows), want, rows)
}

// TestAnyNumberOfCores expects the same bits on one core and on many.
func TestAnyNumberOfCores(t *testing.T) {
	plan := newPlan(t, everyKind())
	refs := refsOf(plan)
	rng := rand.New(rand.NewPCG(4, 4))
	events, values := stream(rng, 2000)
	rows := randomRows(rng, 1000, events[0].Event.Time.UnixMilli(), events[1999].Event.Time.UnixMilli())
	before := runtime.GOMAXPROCS(1)
	want := asOf(t, plan, events, values, refs, rows)
	runtime.GOMAXPROCS(8)
	got := asOf(t, plan, events, values, refs, rows)
	runtime.GOMAXPROCS(before)
	expectEqual(t, got, want, rows)
}
