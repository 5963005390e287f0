package feature

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"kindred"
)

// naive computes an aggregate by its definition, from all events: what count,
// window and the rest mean, without tracks.
func naive(d *Definition, maxEvents int, events []Logged, user, item, session string, at int64) any {
	type seen struct {
		time  int64
		e     *kindred.Event
		other string
	}
	var mine []seen
	for i := range events {
		e := &events[i].Event
		is := map[Entity]bool{
			User: string(e.User) == user, Item: string(e.Item) == item, Session: e.Session == session,
			UserItem: string(e.User) == user && string(e.Item) == item,
		}[d.Entity]
		if reach := max(d.Window, d.TTL, epochs*epochLives*d.HalfLife); d.Entity == UserItem && reach > 0 {
			is = is && e.Time.UnixMilli() >= at-reach.milliseconds() // beyond, nothing is remembered of the pair
		}
		if is && e.Time.UnixMilli() < at {
			other := string(e.Item)
			if d.Entity == Item {
				other = string(e.User)
			}
			mine = append(mine, seen{e.Time.UnixMilli(), e, other})
		}
	}
	slices.SortStableFunc(mine, func(a, b seen) int { return int(a.time - b.time) })
	if len(mine) == 0 || d.Entity == Session && at-mine[len(mine)-1].time > sessionLife {
		return NotFound
	}
	matches := func(w Where, s seen) bool { return len(w.Kinds) == 0 || slices.Contains(w.Kinds, s.e.Kind) }
	last := int64(never)
	for _, s := range mine {
		if matches(d.Where, s) {
			last = s.time
		}
	}
	if d.TTL > 0 && last != never && at-last > d.TTL.milliseconds() {
		return OutsideMaxAge
	}
	if d.Window > 0 || d.Kind == LastN {
		mine = mine[max(len(mine)-maxEvents, 0):]
	}
	var count, over, sum, decay float64
	others, list := map[string]bool{}, []string{}
	for _, s := range mine {
		if d.Window > 0 && s.time < at-d.Window.milliseconds() {
			continue
		}
		if matches(d.Over, s) {
			over++
		}
		if !matches(d.Where, s) {
			continue
		}
		count++
		sum += s.e.Value
		others[s.other] = true
		decay += math.Exp2(-float64(at-s.time) / float64(max(1, d.HalfLife.milliseconds())))
		if s.other != "" {
			list = append([]string{s.other}, list...)
		}
	}
	switch d.Kind {
	case Count:
		return count
	case Rate:
		return count / time.Duration(d.Window).Hours()
	case DecayedCount:
		return decay
	case Sum:
		return sum
	case Mean:
		if count == 0 {
			return NullValue
		}
		return sum / count
	case Recency:
		if last == never {
			return NullValue
		}
		return float64(at-last) / 1000
	case Ratio:
		return (count + d.Alpha) / (over + d.Beta)
	case Distinct:
		return float64(len(others))
	default:
		if len(list) == 0 {
			return NullValue
		}
		return strings.Join(list[:min(d.N, len(list))], ",")
	}
}

// TestAggregates compares every aggregate with its definition, written out.
func TestAggregates(t *testing.T) {
	config := everyKind()
	plan := newPlan(t, config)
	rng := rand.New(rand.NewPCG(7, 7))
	events, _ := stream(rng, 700)
	rows := randomRows(rng, 300, events[0].Event.Time.UnixMilli(), events[699].Event.Time.UnixMilli())
	for i := range 50 { // at the very moments of events, and of windows' ends
		rows.Times[i] = events[i*13].Event.Time.UnixMilli() + []int64{0, 3_600_000, 1}[i%3]
	}
	values := 0
	for k := range config.Definitions {
		d := &config.Definitions[k]
		if f := (planned{Definition: *d}); f.isDerived() || f.isAttribute() {
			continue
		}
		limit := config.MaxEvents
		if d.Entity == UserItem { // see TestPairs
			continue
		}
		column := asOf(t, plan, events, nil, []Ref{d.Ref()}, rows)[0]
		for i := range rows.Times {
			want := naive(d, limit, events, rows.Users[i], rows.Items[i], rows.Sessions[i], rows.Times[i])
			expectValue(t, &column, i, want, fmt.Sprintf("%s, %s, %s at %d", rows.Users[i], rows.Items[i], rows.Sessions[i], rows.Times[i]))
			if _, isStatus := want.(Status); !isStatus {
				values++
			}
		}
	}
	if values < 3000 {
		t.Errorf("only %d values were there to compare", values)
	}
}

// TestPairs compares the features of a user with an item with their
// definitions, nothing being too much to remember.
func TestPairs(t *testing.T) {
	config := everyKind()
	config.MaxEvents = 0
	plan := newPlan(t, config)
	rng := rand.New(rand.NewPCG(8, 8))
	events, _ := stream(rng, 700)
	rows := randomRows(rng, 300, events[0].Event.Time.UnixMilli(), events[699].Event.Time.UnixMilli())
	for k := range config.Definitions {
		d := &config.Definitions[k]
		if f := (planned{Definition: *d}); f.isDerived() || f.isAttribute() || d.Entity != UserItem {
			continue
		}
		column := asOf(t, plan, events, nil, []Ref{d.Ref()}, rows)[0]
		for i := range rows.Times {
			want := naive(d, math.MaxInt, events, rows.Users[i], rows.Items[i], "", rows.Times[i])
			expectValue(t, &column, i, want, fmt.Sprintf("%s, %s at %d", rows.Users[i], rows.Items[i], rows.Times[i]))
		}
	}
}

func expectValue(t *testing.T, c *Column, i int, want any, where string) {
	t.Helper()
	switch want := want.(type) {
	case Status:
		if c.Status[i] != want {
			t.Fatalf("%s of %s: got %s, want %s", c.Ref, where, show(c, i), want)
		}
	case string:
		if c.Status[i] != Present || strings.Join(c.Lists[i], ",") != want {
			t.Fatalf("%s of %s: got %s, want %s", c.Ref, where, show(c, i), want)
		}
	case float64:
		if c.Status[i] != Present || math.Abs(c.Numbers[i]-want) > 1e-7*max(1, math.Abs(want)) {
			t.Fatalf("%s of %s: got %s, want %v", c.Ref, where, show(c, i), want)
		}
	}
}

// TestAttributes expects a value to hold from the moment after it was set, the
// first one before that, too, unless tracked, and a default where there is
// none.
func TestAttributes(t *testing.T) {
	config := Config{Definitions: []Definition{
		{Name: "brand", Entity: Item, Kind: Attribute, Type: String, Default: "none"},
		{Name: "tracked", Entity: Item, Kind: Attribute, Attribute: "brand", Type: String, Tracked: true},
		{Name: "fresh", Entity: Item, Kind: Attribute, Attribute: "brand", Type: String, TTL: Span(time.Minute)},
		{Name: "price", Entity: Item, Kind: Attribute, Attribute: "brand"},
		{Name: "crossed", Entity: Item, Kind: Cross, Inputs: []Ref{"item:brand", "item:tracked"}},
	}}
	plan := newPlan(t, config)
	refs := []Ref{"item:brand", "item:tracked", "item:fresh", "item:price", "item:crossed"}
	a, b := kindred.StringOf("a"), kindred.StringOf("b")
	h := plan.NewHistory()
	for _, w := range []Written{{Time: 300_000, Value: &b}, {Time: 100_000, Value: &a}, {Time: 500_000, Value: nil}} {
		w.Entity, w.ID, w.Name = Item, "x", "brand"
		h.Write(&w)
	}
	for _, c := range []struct {
		item string
		at   int64
		want string
	}{
		{"x", 100_000, "PRESENT a · NULL_VALUE  · PRESENT a · NULL_VALUE · NULL_VALUE "},
		{"x", 100_001, "PRESENT a · PRESENT a · PRESENT a · NULL_VALUE · PRESENT a×a"},
		{"x", 200_000, "PRESENT a · PRESENT a · OUTSIDE_MAX_AGE  · NULL_VALUE · PRESENT a×a"},
		{"x", 300_001, "PRESENT b · PRESENT b · PRESENT b · NULL_VALUE · PRESENT b×b"},
		{"x", 600_000, "NULL_VALUE none · NULL_VALUE  · NULL_VALUE  · NULL_VALUE · NULL_VALUE "},
		{"y", 600_000, "NOT_FOUND none · NOT_FOUND  · NOT_FOUND  · NOT_FOUND · NULL_VALUE "},
	} {
		columns, err := h.AsOf(t.Context(), refs, &Rows{Items: []string{c.item}, Times: []int64{c.at}})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i := range columns {
			text := columns[i].Status[0].String()
			if columns[i].Type == String {
				text += " " + columns[i].Texts[0]
			}
			got = append(got, text)
		}
		if text := strings.Join(got, " · "); text != c.want {
			t.Errorf("%s at %d:\n got %s\nwant %s", c.item, c.at, text, c.want)
		}
	}
}

// TestExpressions evaluates expressions of each type, and expects those that
// fail or cost too much to have no value.
func TestExpressions(t *testing.T) {
	long := "[" + strings.Repeat("1,", 400) + "1]"
	for _, c := range []struct {
		text string
		want string
	}{
		{"context.x * 2.0 + 1.0", "number 7"},
		{"context.x > 2 && context.flag", "bool 1"},
		{"context.words[0] + '!'", "string b!"},
		{"size(context.words)", "number 2"},
		{"context.vector[1] * 2.0", "number 5"},
		{"dot(context.vector, context.vector)", "number 7.25"},
		{"dot(context.vector, [2.0, context.x])", "number 9.5"},
		{"dot(context.vector, [1.0])", "none"},
		{"dot([], [])", "none"},
		{"1.0 / (context.x - 3.0)", "none"},
		{"context.words[7]", "none"},
		{long + ".all(a, " + long + ".all(b, a == b || context.x > 0))", "none"},
		{"context.name.startsWith('k') ? 'yes' : 'no'", "string yes"},
	} {
		config := Config{Definitions: []Definition{
			{Name: "x", Entity: Context, Kind: Attribute},
			{Name: "flag", Entity: Context, Kind: Attribute, Type: Bool},
			{Name: "words", Entity: Context, Kind: Attribute, Type: Strings},
			{Name: "name", Entity: Context, Kind: Attribute, Type: String},
			{Name: "vector", Entity: Context, Kind: Attribute, Type: Vector},
			{Name: "e", Entity: Context, Kind: Expression, Expression: c.text},
		}}
		plan := newPlan(t, config)
		reading, err := plan.NewOnline().Read(&Request{Features: []Ref{"context:e"}, Rows: 1, Contexts: []kindred.Attributes{{
			"x": kindred.NumberOf(3), "flag": kindred.BoolOf(true), "words": kindred.SetOf("c", "b"), "name": kindred.StringOf("kit"),
			"vector": kindred.VectorOf([]float32{1, 2.5}),
		}}})
		if err != nil {
			t.Fatal(err)
		}
		column, got := &reading.Columns[0], "none"
		if column.Status[0] == Present {
			got = string(column.Type) + " "
			if column.Type == String {
				got += column.Texts[0]
			} else {
				got += fmt.Sprint(column.Numbers[0])
			}
		}
		if got != c.want {
			t.Errorf("%.60s: got %s, want %s", c.text, got, c.want)
		}
	}
}

// TestFixed compares sums in fixed point with big numbers.
func TestFixed(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	for _, x := range []float64{0, 1, -1, 0.1, -0.1, 4.35, 1e15, -1e15, 1e-13, math.MaxFloat64, -math.MaxFloat64, 1<<40 + .5} {
		want := min(max(x, -maxFixed), maxFixed)
		f := fixedOf(x)
		if got := f.float(); math.Abs(got-want) > 1.0/(1<<places) {
			t.Errorf("%g became %g", x, got)
		}
	}
	var sum fixed
	var list []float64
	exact := 0.0
	for range 1000 {
		x := math.Trunc(rng.NormFloat64()*1e6) / 1024
		list = append(list, x)
		exact += x
		sum.add(fixedOf(x))
	}
	if sum.float() != exact {
		t.Errorf("the sum is %v, want %v", sum.float(), exact)
	}
	for _, x := range list {
		sum.sub(fixedOf(x))
	}
	if sum != (fixed{}) {
		t.Errorf("what was added and taken away leaves %v", sum)
	}
}

// TestValidate expects each fault to be reported at its place, all at once.
func TestValidate(t *testing.T) {
	config := Config{
		MaxEvents: -1, Log: []string{"none"}, Accept: []string{"bots"},
		Definitions: []Definition{
			{Name: "Bad Name", Entity: "shop", Kind: Count},
			{Name: "twice", Entity: User, Kind: Count},
			{Name: "twice", Entity: User, Kind: Sum, HalfLife: Span(time.Hour)},
			{Name: "rate", Entity: User, Kind: Rate},
			{Name: "last", Entity: UserItem, Kind: LastN},
			{Name: "ratio", Entity: User, Kind: Ratio, Alpha: -1},
			{Name: "odd", Entity: User, Kind: "odd"},
			{Name: "default", Entity: User, Kind: Count, Default: "many"},
			{Name: "bucket", Entity: User, Kind: Bucket, Inputs: []Ref{"user:twice"}, Bounds: []float64{2, 1}},
			{Name: "decayed", Entity: Session, Kind: DecayedCount},
		},
		Sets: []Set{{Name: "s", Features: []Ref{"user:nothing"}}, {Name: "s"}},
	}
	err := config.Validate()
	if err == nil {
		t.Fatal("no fault was found")
	}
	for _, want := range []string{
		"max_events", "log[0]", "accept", "definitions[0].name", "definitions[0].entity", "definitions[2].name", "definitions[2].half_life",
		"definitions[3].window", "definitions[4].entity", "definitions[4].n", "definitions[5].over.kinds", "definitions[5].alpha", "definitions[6].kind",
		"definitions[7].default", "definitions[8].bounds", "definitions[9].half_life", "sets[0].features[0]", "sets[1].name", "sets[1].features",
	} {
		if !strings.Contains(err.Error(), "features."+want+":") {
			t.Errorf("no fault at %s in:\n%v", want, err)
		}
	}
	for text, want := range map[string]string{
		"user.views +":            "definitions[0].expression: is no CEL",
		"user.nothing":            `definitions[0].inputs: there is no feature "user:nothing"`,
		"session.n":               "cannot read session:n",
		"user.n * 2":              "does not compile",
		"[user.n]":                "must give a number, bool or string",
		"user.e + 1.0":            "reads itself",
		"item.price > 1.0 ? 1 :0": "cannot read item:price",
	} {
		config := Config{Definitions: []Definition{
			{Name: "e", Entity: User, Kind: Expression, Expression: text},
			{Name: "n", Entity: User, Kind: Count},
			{Name: "n", Entity: Session, Kind: Count},
			{Name: "price", Entity: Item, Kind: Attribute},
		}}
		if err := config.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}

// TestVersion expects a set's version to follow what its features mean, those
// they read included, and nothing else.
func TestVersion(t *testing.T) {
	version := func(change func(*Config)) string {
		c := everyKind()
		change(&c)
		return newPlan(t, c).Version([]Ref{"user_item:affinity"})
	}
	find := func(c *Config, ref Ref) *Definition {
		return &c.Definitions[slices.IndexFunc(c.Definitions, func(d Definition) bool { return d.Ref() == ref })]
	}
	plain := version(func(*Config) {})
	if plain == "" || plain != version(func(c *Config) { find(c, "user_item:affinity").Owner = "shop"; find(c, "user:count").TTL = 1e9 }) {
		t.Error("the version follows what does not matter")
	}
	if plain == version(func(c *Config) { find(c, "item:count").Where.Kinds = []kindred.Kind{"view"} }) {
		t.Error("the version does not follow what is read")
	}
	if plain == version(func(c *Config) { c.Accept = []string{"bot"} }) || plain != version(func(c *Config) { c.Accept = []string{"unknown_item"} }) {
		t.Error("the version does not follow which events count")
	}
}

// TestAccepted expects what an event may have against it and still count: never
// that it was withdrawn, always what follows from the catalogue.
func TestAccepted(t *testing.T) {
	config := Config{Accept: []string{"bot"}}
	if accepted, err := config.Accepted(); err != nil || accepted != kindred.Bot|kindred.UnknownItem|kindred.OutsideValidity {
		t.Errorf("%v, %v", accepted, err)
	}
	config.Accept = []string{"withdrawn"}
	if _, err := config.Accepted(); kindred.KindOf(err) != kindred.Invalid {
		t.Errorf("what was withdrawn is accepted: %v", err)
	}
}

// TestSpan reads and writes durations.
func TestSpan(t *testing.T) {
	for text, want := range map[string]string{"7d": "7d", "24h": "1d", "90m": "1h30m0s", "0.5d": "12h0m0s", "x": "", "-1d": "", "99999999d": "", "NaNd": ""} {
		var s Span
		err := s.UnmarshalText([]byte(text))
		if (err != nil) != (want == "") || err == nil && s.String() != want {
			t.Errorf("%s: got %s, %v", text, s, err)
		}
	}
}

// FuzzExpression expects no expression to crash, hang or be typed wrongly.
func FuzzExpression(f *testing.F) {
	for _, seed := range []string{"context.x + 1.0", "context.x > 1 ? 'a' : 'b'", "[1,2].all(a, a > 0)", "size(context.name)", "context.", "user.x.y"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		config := Config{Definitions: []Definition{
			{Name: "x", Entity: Context, Kind: Attribute},
			{Name: "name", Entity: Context, Kind: Attribute, Type: String},
			{Name: "e", Entity: Context, Kind: Expression, Expression: text},
		}}
		if config.Validate() != nil {
			return
		}
		plan := newPlan(t, config)
		_, err := plan.NewOnline().Read(&Request{Features: []Ref{"context:e"}, Rows: 1, Contexts: []kindred.Attributes{{"x": kindred.NumberOf(3), "name": kindred.StringOf("n")}}})
		if err != nil {
			t.Fatal(err)
		}
	})
}
