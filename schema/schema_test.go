package schema_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"kindred"
	"kindred/schema"
)

func declared() schema.Settings {
	s := schema.Defaults()
	s.Attributes = map[string]schema.Declared{
		"brand":  {Type: "string", Required: true, Values: []string{"Acme", "Best"}},
		"tags":   {Type: "string_set", Values: []string{"a", "b"}},
		"weight": {Type: "number", Min: new(0.0), Max: new(10.0)},
		"since":  {Type: "time"},
	}
	return s
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		attributes kindred.Attributes
		want       string // faults, by field
	}{
		{kindred.Attributes{"brand": kindred.StringOf("Acme")}, ""},
		{kindred.Attributes{"brand": kindred.StringOf("Acme"), "tags": kindred.SetOf("b"), "weight": kindred.NumberOf(10), "since": kindred.TimeOf(time.Unix(1, 0))}, ""},
		{nil, "attributes.brand: is required (a string)"},
		{kindred.Attributes{"brand": kindred.NumberOf(3)}, "attributes.brand: must be a string, is a number"},
		{kindred.Attributes{"brand": kindred.TextOf("Acme")}, "attributes.brand: must be a string, is a text"},
		{kindred.Attributes{"brand": kindred.StringOf("acme")}, `attributes.brand: "acme" is none of Acme, Best`},
		{kindred.Attributes{"brand": kindred.StringOf("Acme"), "tags": kindred.SetOf("a", "c")}, `attributes.tags: "c" is none of a, b`},
		{kindred.Attributes{"brand": kindred.StringOf("Best"), "weight": kindred.NumberOf(-1)}, "attributes.weight: is -1, outside of 0 to 10"},
		{kindred.Attributes{"weight": kindred.NumberOf(11)}, "attributes.brand: is required (a string); attributes.weight: is 11, outside of 0 to 10"},
		{kindred.Attributes{"brand": kindred.StringOf("Best"), "new": kindred.BoolOf(true)}, ""},
	} {
		s := declared()
		if got := texts(s.Check(&kindred.Item{Attributes: c.attributes})); got != c.want {
			t.Errorf("%v: %q, want %q", c.attributes, got, c.want)
		}
	}
	s := declared()
	s.Undeclared = schema.Reject
	item := &kindred.Item{Attributes: kindred.Attributes{"brand": kindred.StringOf("Best"), "new": kindred.BoolOf(true)}}
	if got := texts(s.Check(item)); !strings.HasPrefix(got, "attributes.new: is not declared") {
		t.Errorf("undeclared: %q", got)
	}
	none := schema.Defaults()
	if got := none.Check(item); got != nil {
		t.Errorf("nothing is declared, and yet %v", got)
	}
}

func texts(faults []kindred.FieldError) string {
	var list []string
	for _, f := range faults {
		list = append(list, f.Field+": "+f.Message)
	}
	return strings.Join(list, "; ")
}

func TestValidate(t *testing.T) {
	good := declared()
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	s := schema.Settings{Undeclared: "maybe", UnknownItems: schema.Accept, Attributes: map[string]schema.Declared{
		"a": {Type: "colour"}, "b": {Type: "number", Values: []string{"1"}}, "c": {Type: "string", Min: new(1.0)}, "d": {Type: "number", Min: new(2.0), Max: new(1.0)},
	}}
	err := s.Validate()
	for _, want := range []string{
		`attributes.a.type: "colour" is none of number, bool, time, string, string_set, text, vector`, "attributes.b.values", "attributes.c: only a number",
		"attributes.d: min 2", `undeclared: "maybe" is neither`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
}

func TestReport(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	stock := int64(3)
	items := []kindred.Item{
		{ID: "1", Title: "T", Price: 2, Stock: &stock, UpdatedAt: day(3), Attributes: kindred.Attributes{"brand": kindred.StringOf("Acme"), "price": kindred.StringOf("dear")}},
		{ID: "2", Title: "U", UpdatedAt: day(2), Attributes: kindred.Attributes{"brand": kindred.NumberOf(7), "tags": kindred.SetOf("x", "y")}},
		{ID: "3", UpdatedAt: day(1), Attributes: kindred.Attributes{"brand": kindred.StringOf("Best")}},
		{ID: "4", UpdatedAt: day(4)},
	}
	r := report(declared(), items)
	names := make([]string, len(r.Attributes))
	for i, a := range r.Attributes {
		names[i] = fmt.Sprintf("%s %t %d", a.Name, a.Field, a.Filled)
	}
	want := []string{"brand false 3", "title true 2", "price true 1", "price false 1", "stock true 1", "tags false 1", "since false 0", "weight false 0"}
	if r.Items != 4 || !slices.Equal(names, want) {
		t.Errorf("%d items with %q, want %q", r.Items, names, want)
	}
	brand := r.Attributes[0]
	if !brand.Conflict || brand.Types["string"] != 2 || brand.Types["number"] != 1 || brand.Share != .75 || brand.Distinct != 3 ||
		!slices.Equal(brand.Examples, []string{"7", "Acme", "Best"}) || !brand.FirstSeen.Equal(day(1)) || brand.Declared == nil || brand.Faulty != 2 {
		t.Errorf("brand: %+v", brand)
	}
}

func report(s schema.Settings, items []kindred.Item) schema.Report {
	n := schema.NewInference(s)
	for i := range items {
		n.Add(&items[i])
	}
	return n.Report()
}

// TestReportIsBounded gives more names and values than are kept, in two orders:
// the reports are equal but for which names are told of.
func TestReportIsBounded(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var items []kindred.Item
	for n := range 3000 {
		items = append(items, kindred.Item{Attributes: kindred.Attributes{"a": kindred.StringOf(fmt.Sprint("v", n, strings.Repeat("é", 100)))}})
	}
	first := report(schema.Defaults(), items)
	rng.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
	if second := report(schema.Defaults(), items); !reflect.DeepEqual(first, second) {
		t.Errorf("%+v\n%+v", first, second)
	}
	a := first.Attributes[0]
	if a.Distinct != 1000 || len(a.Examples) != 5 || len(a.Examples[0]) > 70 || !strings.HasSuffix(a.Examples[0], "é…") {
		t.Errorf("%+v", a)
	}
	for n := range items {
		items[n].Attributes = kindred.Attributes{fmt.Sprint("x", n): kindred.BoolOf(true), fmt.Sprint("y", n): kindred.BoolOf(true)}
	}
	if r := report(schema.Defaults(), items); len(r.Attributes) != 4096 || r.Unlisted != 6000-4096 {
		t.Errorf("%d attributes, %d unlisted", len(r.Attributes), r.Unlisted)
	}
}
