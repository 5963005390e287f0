package dataset

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"kindred"
)

// shopRows are eleven items of two levels of categories; the last five miss
// something.
func shopRows() []kindred.Attributes {
	row := func(category string, price float64, brand string) kindred.Attributes {
		a := kindred.Attributes{}
		if category != "" {
			a["category"] = kindred.SetOf(category)
		}
		if price != 0 {
			a["price"] = kindred.NumberOf(price)
		}
		if brand != "" {
			a["brand"] = kindred.StringOf(brand)
		}
		return a
	}
	return []kindred.Attributes{
		row("music/jazz", 10, "Blue"), row("music/jazz", 12, "Blue"), row("music/jazz", 11, "Red"), row("music/jazz", 14, "Blue"), row("music/jazz", 13, "Red"),
		row("music/rock", 20, "Red"), row("books", 40, "Red"), row("books", 44, "Red"),
		row("music/jazz", 0, ""), // jazz is known well enough
		row("music/rock", 0, ""), // rock is not, music is
		row("books", 0, ""),      // nor are books
		row("", 0, ""),
	}
}

// TestMissing expects what is missing to be unknown, or typical of all, or of
// the narrowest category that is known well enough; never zero.
func TestMissing(t *testing.T) {
	for fill, want := range map[Fill][]string{ // by row from the ninth: which row's price, which brand
		UnknownFill:           {"?", "?", "?", "?"},
		TypicalFill:           {"13 Red", "13 Red", "13 Red", "13 Red"},
		TypicalByCategoryFill: {"12 Blue", "12 Blue", "13 Red", "13 Red"}, // medians of 10–14, of these and 20, of all
	} {
		rows := shopRows()
		f := Missing{anyAttribute: fill, "category": UnknownFill}.Describe(rows)
		for n, expected := range want {
			columns := withoutCategory(encoded(f, 8+n))
			if expected == "?" {
				if !slices.Equal(columns, []string{"brand=?:1", "price=?:1"}) {
					t.Errorf("%s, row %d: %q", fill, 8+n, columns)
				}
				continue
			}
			price, brand, _ := strings.Cut(expected, " ")
			same := kindred.Attributes{"price": kindred.NumberOf(map[string]float64{"12": 12, "13": 13}[price]), "brand": kindred.StringOf(brand)}
			if exact := withoutCategory(encoded(f.Encoding.features([]kindred.Attributes{same}), 0)); !slices.Equal(columns, exact) {
				t.Errorf("%s, row %d: %q, want those of %s: %q", fill, 8+n, columns, expected, exact)
			}
		}
		for _, name := range f.Names.IDs() {
			if isUnknown := name == "price=?" || name == "brand=?"; isUnknown && fill != UnknownFill {
				t.Errorf("%s has the column %s", fill, name)
			}
		}
		text, err := json.Marshal(f.Encoding)
		if err != nil {
			t.Fatal(err)
		}
		read := new(Encoding)
		if err := json.Unmarshal(text, read); err != nil || !reflect.DeepEqual(read.features(rows).Rows, f.Rows) {
			t.Errorf("%s: what was kept encodes otherwise, %v", fill, err)
		}
	}
}

func withoutCategory(columns []string) []string {
	return slices.DeleteFunc(columns, func(c string) bool { return strings.HasPrefix(c, "category") })
}

// TestEveryFieldSpeaks expects every row to have a column in every field,
// whatever is missing and however it is filled; but for texts of no word that
// counts and for words that too few rows have.
func TestEveryFieldSpeaks(t *testing.T) {
	draws := []struct {
		name string
		draw func(r *rand.Rand) kindred.Attribute
	}{
		{"category", func(r *rand.Rand) kindred.Attribute { return kindred.SetOf([]string{"a/b", "a/c", "d"}[r.IntN(3)]) }},
		{"x", func(r *rand.Rand) kindred.Attribute { return kindred.NumberOf(float64(1 + r.IntN(9))) }},
		{"on", func(r *rand.Rand) kindred.Attribute { return kindred.BoolOf(r.IntN(2) == 0) }},
		{"set", func(r *rand.Rand) kindred.Attribute { return kindred.SetOf([]string{"p", "q", "r"}[r.IntN(3)]) }},
		{"text", func(r *rand.Rand) kindred.Attribute {
			return kindred.TextOf([]string{"wine red", "sea blue", "sky high"}[r.IntN(3)])
		}},
		{"v", func(r *rand.Rand) kindred.Attribute { return kindred.VectorOf([]float32{1, float32(r.IntN(3))}) }},
	}
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 4))
		rows := make([]kindred.Attributes, 40)
		having := map[string]int{} // rows, by a word's name and itself
		for k := range rows {
			rows[k] = kindred.Attributes{}
			for _, d := range draws {
				if a := d.draw(r); r.IntN(3) > 0 {
					rows[k][d.name] = a
					if a.Type == kindred.StringSet {
						having[d.name+a.Set[0]]++
					}
				}
			}
		}
		m := Missing{"*": []Fill{UnknownFill, TypicalFill, TypicalByCategoryFill}[r.IntN(3)]}
		f := m.Describe(rows)
		for k := range rows {
			cols, _ := f.Row(k)
			for i := range f.Encoding.Fields {
				field := &f.Encoding.Fields[i]
				a, has := rows[k][field.Name]
				if has && (field.Kind == TextField || a.Type == kindred.StringSet && having[field.Name+a.Set[0]] < minWordRows) {
					continue
				}
				if !slices.ContainsFunc(cols, func(c int32) bool { return c >= field.First && c < field.First+field.Width() }) {
					t.Fatalf("seed %d, %s: row %d says nothing of %s", seed, m["*"], k, field.Name)
				}
			}
		}
	}
}

func TestMissingFaults(t *testing.T) {
	s := Settings{Missing: Missing{"price": "zero"}}
	if err := s.Validate(); err == nil || !strings.Contains(err.Error(), `missing: price is "zero"`) {
		t.Errorf("%v", err)
	}
}
