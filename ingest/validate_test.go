package ingest

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"kindred"
)

// fields joins the fields of faults.
func fields(faults []kindred.FieldError) string {
	var names []string
	for _, f := range faults {
		names = append(names, f.Field)
	}
	return strings.Join(names, " ")
}

func TestValidateEvent(t *testing.T) {
	s := New(testConfig(), nil)
	good := kindred.Event{User: "u", Item: "i", Kind: "own", Value: 1, Time: present}
	long := strings.Repeat("x", kindred.MaxID+1)
	for name, c := range map[string]struct {
		spoil func(*kindred.Event)
		want  string // fields
	}{
		"nothing": {func(*kindred.Event) {}, ""},
		"all fields": {func(e *kindred.Event) {
			e.ID, e.Session, e.RequestID, e.Position, e.Context = "e", "s", "r", 3, []byte(` {} `)
		}, ""},
		"search for nothing": {func(e *kindred.Event) { e.Kind, e.Item = "search", "" }, ""},
		"longest id":         {func(e *kindred.Event) { e.User = kindred.UserID(long[1:]) }, ""},
		"latest time":        {func(e *kindred.Event) { e.Time = present.Add(24 * time.Hour) }, ""},
		"earliest time":      {func(e *kindred.Event) { e.Time = time.Unix(0, 0) }, ""},
		"everything":         {func(e *kindred.Event) { *e = kindred.Event{Position: -1, Value: math.Inf(1)} }, "user item kind value time position"},
		"long ids": {func(e *kindred.Event) {
			e.ID, e.User, e.Item, e.Session, e.RequestID = long, kindred.UserID(long), kindred.ItemID(long), long, long
		}, "event_id user item session request_id"},
		"control character":   {func(e *kindred.Event) { e.User = "a\n" }, "user"},
		"not UTF-8":           {func(e *kindred.Event) { e.Item = "\xff" }, "item"},
		"unknown kind":        {func(e *kindred.Event) { e.Kind = "other" }, "kind"},
		"kind in upper case":  {func(e *kindred.Event) { e.Kind = "View" }, "kind"},
		"kind with a blank":   {func(e *kindred.Event) { e.Kind = "a b" }, "kind"},
		"long kind":           {func(e *kindred.Event) { e.Kind = kindred.Kind(strings.Repeat("a", kindred.MaxKind+1)) }, "kind"},
		"not a number":        {func(e *kindred.Event) { e.Value = math.NaN() }, "value"},
		"rating without one":  {func(e *kindred.Event) { e.Kind, e.Value = "rating", math.NaN() }, "value"},
		"rating of zero":      {func(e *kindred.Event) { e.Kind, e.Value = "rating", 0 }, ""},
		"no time":             {func(e *kindred.Event) { e.Time = time.Time{} }, "time"},
		"before 1970":         {func(e *kindred.Event) { e.Time = time.Unix(-1, 0) }, "time"},
		"tomorrow":            {func(e *kindred.Event) { e.Time = present.Add(24*time.Hour + time.Millisecond) }, "time"},
		"context is an array": {func(e *kindred.Event) { e.Context = []byte(`[]`) }, "context"},
		"context is empty":    {func(e *kindred.Event) { e.Context = []byte(` `) }, "context"},
		"context not UTF-8":   {func(e *kindred.Event) { e.Context = []byte("{\"a\":\"\xff\"}") }, "context"},
		"large context":       {func(e *kindred.Event) { e.Context = []byte(`{"a":"` + strings.Repeat("x", kindred.MaxContext) + `"}`) }, "context"},
	} {
		t.Run(name, func(t *testing.T) {
			e := good
			c.spoil(&e)
			if got := s.ValidateEvent(&e); fields(got) != c.want {
				t.Errorf("got %v, want faults of %q", got, c.want)
			}
		})
	}
}

func TestValidateItem(t *testing.T) {
	long := strings.Repeat("x", kindred.MaxText+1)
	many := kindred.Attributes{}
	for i := range kindred.MaxAttributes + 1 {
		many[fmt.Sprint(i)] = kindred.BoolOf(true)
	}
	far := time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		item kindred.Item
		want string // fields
	}{
		"id alone": {kindred.Item{ID: "i"}, ""},
		"all fields": {kindred.Item{
			ID: "i", Title: "Ü\n", Categories: []string{"a"}, Price: 1, AvailableFrom: present, AvailableUntil: far.Add(-1),
			Attributes: kindred.Attributes{
				"n": kindred.NumberOf(-1), "b": kindred.BoolOf(false), "t": kindred.TimeOf(present), "s": kindred.StringOf(""),
				"set": kindred.SetOf("a", "b"), "p": kindred.TextOf("prose\n"), "v": kindred.VectorOf([]float32{1}),
			},
		}, ""},
		"nothing":         {kindred.Item{}, "id"},
		"title":           {kindred.Item{ID: "i", Title: long}, "title"},
		"title UTF-8":     {kindred.Item{ID: "i", Title: "\xff"}, "title"},
		"categories":      {kindred.Item{ID: "i", Categories: []string{"a", "", "\x00"}}, "categories[1] categories[2]"},
		"many categories": {kindred.Item{ID: "i", Categories: strings.Split(strings.Repeat("a,", kindred.MaxAttributes)+"a", ",")}, "categories"},
		"negative price":  {kindred.Item{ID: "i", Price: -1}, "price"},
		"no price":        {kindred.Item{ID: "i", Price: math.NaN()}, "price"},
		"infinite price":  {kindred.Item{ID: "i", Price: math.Inf(1)}, "price"},
		"empty window":    {kindred.Item{ID: "i", AvailableFrom: present, AvailableUntil: present}, "available_until"},
		"year 10,000":     {kindred.Item{ID: "i", AvailableFrom: far}, "available_from"},
		"before Christ":   {kindred.Item{ID: "i", AvailableUntil: time.Time{}.Add(-1)}, "available_until"},
		"many attributes": {kindred.Item{ID: "i", Attributes: many}, "attributes"},
		"in order": {kindred.Item{ID: "i", Attributes: kindred.Attributes{
			"h": {}, "g": kindred.VectorOf(make([]float32, kindred.MaxVector+1)), "f": kindred.SetOf("\xff"), "e": kindred.StringOf("\xff"),
			"d": kindred.TimeOf(far), "c": kindred.TextOf(long), "b": kindred.NumberOf(math.NaN()), "a": kindred.BoolOf(true), "": kindred.BoolOf(true),
		}}, "attributes. attributes.b attributes.c attributes.d attributes.e attributes.f attributes.g attributes.h"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := ValidateItem(&c.item); fields(got) != c.want {
				t.Errorf("got %v, want faults of %q", got, c.want)
			}
		})
	}
}

func TestValidateUser(t *testing.T) {
	for name, c := range map[string]struct {
		user kindred.User
		want string // fields
	}{
		"id alone":   {kindred.User{ID: "u"}, ""},
		"nothing":    {kindred.User{}, "id"},
		"long id":    {kindred.User{ID: kindred.UserID(strings.Repeat("x", 10_000))}, "id"},
		"attributes": {kindred.User{ID: "u", Attributes: kindred.Attributes{"b": {}, "a": kindred.NumberOf(math.Inf(1))}}, "attributes.a attributes.b"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := ValidateUser(&c.user); fields(got) != c.want {
				t.Errorf("got %v, want faults of %q", got, c.want)
			}
		})
	}
}

func TestValidateConfig(t *testing.T) {
	long := kindred.Kind(strings.Repeat("a", kindred.MaxKind+1))
	cfg := Config{Kinds: []kindred.Kind{"wish_2", "", "No", "a b", long}, MaxFuture: -1}
	err := cfg.Validate()
	if kindred.KindOf(err) != kindred.Invalid {
		t.Fatalf("got %v", err)
	}
	for _, field := range []string{"kinds[1]", "kinds[2]", "kinds[3]", "kinds[4]", "max_future"} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("%v does not name %s", err, field)
		}
	}
	if cfg = testConfig(); cfg.Validate() != nil || strings.Contains(err.Error(), "kinds[0]") {
		t.Errorf("%v, %v", cfg.Validate(), err)
	}
}
