package dataset

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"

	"kindred"
)

// Missing says what stands for attributes that a row does not have, by the
// attribute's name; "*" is for all that are not named. Nothing is ever taken
// for zero.
type Missing map[string]Fill

// Fill says what stands for a missing attribute.
type Fill string

// The fills. Texts and vectors have no typical value and stay unknown.
const (
	// UnknownFill is a column of its own, 1 where the attribute is missing; the
	// default.
	UnknownFill Fill = "unknown"
	// TypicalFill is the median of numbers and times, the mode of words, of the
	// rows learned from. The row is then like any other that has this value.
	TypicalFill Fill = "typical"
	// TypicalByCategoryFill is that of the rows of the same category: the
	// narrowest level of the row's first category of which enough rows have
	// the attribute, else of all.
	TypicalByCategoryFill Fill = "typical_by_category"
)

const (
	anyAttribute    = "*"
	minCategoryRows = 5 // that have the attribute, for the category to have a typical one
)

func (m Missing) of(name string) Fill {
	if fill, named := m[name]; named {
		return fill
	}
	return m[anyAttribute]
}

func (m Missing) validate() error {
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(m)) {
		oneOf(func(format string, args ...any) {
			faults = append(faults, kindred.Errorf(kindred.Invalid, "missing: "+format, args...))
		}, name, m[name], UnknownFill, TypicalFill, TypicalByCategoryFill)
	}
	return errors.Join(faults...)
}

// Typical is what stands for a missing attribute.
type Typical struct {
	Value      kindred.Attribute            `json:"value"`
	ByCategory map[string]kindred.Attribute `json:"by_category,omitempty"` // by level
}

// of returns what stands for the attribute in a row.
func (t *Typical) of(row kindred.Attributes) *kindred.Attribute {
	for _, level := range slices.Backward(categoryLevels(row)) {
		if value, known := t.ByCategory[level]; known {
			return &value
		}
	}
	return &t.Value
}

// categoryLevels returns the levels of the row's first category, the widest
// first.
func categoryLevels(row kindred.Attributes) []string {
	a := row[categories]
	switch {
	case a.Type == kindred.String:
		return kindred.Levels(a.Text)
	case a.Type == kindred.StringSet && len(a.Set) > 0:
		return kindred.Levels(a.Set[0])
	}
	return nil
}

// learnTypical finds what stands for the field where rows do not have it; nil
// where nothing shall, or can.
func (f *Field) learnTypical(fill Fill, rows []kindred.Attributes) *Typical {
	if fill != TypicalFill && fill != TypicalByCategoryFill || f.Kind == TextField || f.Kind == VectorField {
		return nil
	}
	var all []kindred.Attribute
	byLevel := map[string][]kindred.Attribute{}
	for _, row := range rows {
		a, has := row[f.Name]
		if !has || !f.takes(&a) {
			continue
		}
		all = append(all, a)
		if fill == TypicalByCategoryFill {
			for _, level := range categoryLevels(row) {
				byLevel[level] = append(byLevel[level], a)
			}
		}
	}
	t := &Typical{Value: f.typical(all)}
	for level, some := range byLevel {
		if len(some) >= minCategoryRows {
			if t.ByCategory == nil {
				t.ByCategory = map[string]kindred.Attribute{}
			}
			t.ByCategory[level] = f.typical(some)
		}
	}
	return t
}

// typical returns the median, or the mode, of one attribute or more; the lower
// of two, the first in alphabetical order.
func (f *Field) typical(all []kindred.Attribute) kindred.Attribute {
	if f.Kind == ScaleField {
		sorted := slices.SortedFunc(slices.Values(all), func(a, b kindred.Attribute) int { return cmp.Compare(number(&a), number(&b)) })
		return sorted[(len(sorted)-1)/2]
	}
	counts := map[string]int{}
	for i := range all {
		for _, word := range f.wordsOf(&all[i]) {
			counts[word]++
		}
	}
	words := slices.Sorted(maps.Keys(counts))
	if len(words) == 0 {
		return kindred.SetOf()
	}
	return kindred.SetOf(slices.MaxFunc(words, func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[a], counts[b]), strings.Compare(b, a))
	}))
}
