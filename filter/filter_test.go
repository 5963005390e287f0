package filter_test

import (
	"strings"
	"testing"
	"time"

	"kindred"
	"kindred/filter"
)

// TestFilterFaults lists what does not parse and where the fault is said to be.
func TestFilterFaults(t *testing.T) {
	for expr, want := range map[string]string{
		"":                                     "at 1: expected the name",
		"  ":                                   "at 3: expected the name",
		"price":                                "at 6: expected one of",
		"price ~ 3":                            "at 7: expected one of",
		"price hasty 3":                        "at 7: expected one of",
		"price<=":                              "at 8: expected a number",
		"price<=cheap":                         "at 8: expected a number",
		"price<=1e999":                         "at 8: expected a number",
		"price<=NaN":                           "at 8: expected a number",
		"price<=inf":                           "at 8: expected a number",
		"price<=20 or good=true":               "at 11: expected 'and'",
		"price<=20, good=true":                 "at 10: expected 'and'",
		"price<=20 and":                        "at 14: expected the name",
		`brand="Acme`:                          "at 7: the string has no end",
		`brand="\q"`:                           "at 7: the string has no end, or an unknown escape",
		"brand='Acme'":                         "at 7: expected a number",
		"good<true":                            "at 6: true is compared by",
		"genres has 3":                         "at 12: has wants a string",
		"genres has true":                      "at 12: has wants a string",
		"category under 3":                     "at 16: under wants a string",
		"price=3 and \xff=1":                   "at 1: not UTF-8",
		strings.Repeat("x", 1025):              "has 1025 bytes",
		strings.Repeat("a=1 and ", 10) + "a=1": "more than 10 terms",
	} {
		if _, err := filter.Parse(expr); kindred.KindOf(err) != kindred.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", expr, err, want)
		}
	}
}

// TestFilterMeaning lists terms and whether they keep an item.
func TestFilterMeaning(t *testing.T) {
	item := &kindred.Item{
		ID: "mug", Title: "Red Mug", Price: 12.5, Categories: []string{"Kitchen", "Cups", "Home>Garden > Pots"}, Group: "m",
		Attributes: kindred.Attributes{
			"stock": kindred.NumberOf(0), "new": kindred.BoolOf(false), "brand": kindred.StringOf("Acme"),
			"text": kindred.TextOf("handy"), "tags": kindred.SetOf("b", "a"), "vector": kindred.VectorOf([]float32{1}),
			"made": kindred.TimeOf(time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)),
		},
	}
	for expr, want := range map[string]bool{
		`price=12.5`: true, `price<12.5`: false, `price<=12.5`: true, `price>12`: true, `price>=1.3e+1`: false, `price!=12.5`: false, `price="12.5"`: false,
		`title="Red Mug"`: true, `title>"Red"`: true, `title="red mug"`: false, `title has "Mug"`: false,
		`category="Cups"`: true, `category has "Cups"`: true, `category!="Cups"`: false, `category!="Shoes"`: true, `category<"Z"`: false,
		`category under "Kitchen"`: true, `category under "Kit"`: false, `category under "Home"`: true, `category under "Home/Garden"`: true,
		`category under "Garden"`: false, `category under "Home > Garden > Pots"`: true, `category under ""`: false, `title under "Red Mug"`: true,
		`group="m"`: true, `sale_price=1`: false,
		`stock=0`: true, `stock!=0`: false, `stock>-1`: true, `stock=false`: false,
		`new=false`: true, `new!=true`: true, `new=true`: false, `new=0`: false,
		`brand="Acme"`: true, `brand!="Acme"`: false, `brand != "Other"`: true, `brand=1`: false, `text="handy"`: true,
		`tags has "a"`: true, `tags = "b"`: true, `tags has "c"`: false, `tags!="c"`: true, `tags!="a"`: false, `tags>"a"`: false,
		`made>"2024-05-06"`: true, `made<"2024-05-07"`: true, `made="2024-05-06T07:08:09Z"`: true, `made="2024-05-06T09:08:09+02:00"`: true, `made="May"`: false, `made!="May"`: false,
		`vector=1`: false, `none=1`: false, `none!=1`: false, `none has "x"`: false,
		`price<20 and tags has"a"and new=false`: true, `price<20 and new=true`: false,
	} {
		f, err := filter.Parse(expr)
		if err != nil {
			t.Errorf("%s: %v", expr, err)
			continue
		}
		if got := f.Match(item); got != want {
			t.Errorf("%s: got %v", expr, got)
		}
		if f.Match(nil) || strings.Contains(expr, "price") && f.Match(&kindred.Item{}) {
			t.Errorf("%s keeps an item of which nothing is known", expr)
		}
	}
	var all *filter.Filter
	if !all.Match(nil) || all.And("Cups").Match(&kindred.Item{}) || !all.And("Cups").Match(item) {
		t.Error("no filter, or a category alone")
	}
	f, err := filter.Parse("price<20")
	if err != nil {
		t.Fatal(err)
	}
	if !f.And("Cups").Match(item) || f.And("Shoes").Match(item) || f.And("Cups").And("Shoes").Match(item) {
		t.Error("a category beside a term")
	}
}

// FuzzParse expects faults to be told and all else to come back from its
// own text.
func FuzzParse(f *testing.F) {
	f.Add(`price<=20 and brand="Acme" and genres has "Comedy" and in_stock=true`)
	f.Add(`a=1e300 and b!="\u00e9\n" and c.d-e>-.5`)
	f.Add(`a=0x1p-2 and made>"2024-01-01"`)
	f.Fuzz(func(t *testing.T, expr string) {
		parsed, err := filter.Parse(expr)
		if err != nil {
			if kindred.KindOf(err) != kindred.Invalid {
				t.Errorf("%v", err)
			}
			return
		}
		parsed.Match(&kindred.Item{Title: "x", Price: 1, Attributes: kindred.Attributes{"a": kindred.NumberOf(1)}})
		text := parsed.String()
		if len(text) > 1<<10 { // escapes may be longer than what they stand for
			return
		}
		again, err := filter.Parse(text)
		if err != nil || again.String() != text {
			t.Errorf("%q became %q, and that: %v", expr, text, err)
		}
	})
}
