// Package schema says what items have: what a shop declares of their
// attributes, whether an item keeps to it, and what is there in fact.
//
// Nothing needs to be declared. An attribute that is new is simply there from
// then on; one that has different types on different items is told of.
package schema

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"kindred"
)

// What becomes of something that was not to be expected.
const (
	Accept = "accept"
	Reject = "reject"
)

// Settings are what is declared of items.
type Settings struct {
	// Attributes are those declared, by name.
	Attributes map[string]Declared `yaml:"attributes"`
	// Undeclared says what becomes of items with other attributes: accept or
	// reject.
	Undeclared string `yaml:"undeclared"`
	// TypeConflicts says what becomes of items that have an attribute as another
	// type than those before them: accept or reject.
	TypeConflicts string `yaml:"type_conflicts"`
	// UnknownItems says what becomes of events of items that are not in the
	// catalogue: accept, so that they count once the item arrives, or reject.
	UnknownItems string `yaml:"unknown_items"`
}

// Declared is what is said of one attribute.
type Declared struct {
	Type     string   `yaml:"type" json:"type"` // as kindred.AttributeType names it
	Required bool     `yaml:"required" json:"required,omitempty"`
	Values   []string `yaml:"values" json:"values,omitempty"` // of a string, or of a string_set's words: those there may be
	Min      *float64 `yaml:"min" json:"min,omitempty"`       // of a number
	Max      *float64 `yaml:"max" json:"max,omitempty"`
}

// Defaults returns settings that accept everything.
func Defaults() Settings {
	return Settings{Undeclared: Accept, TypeConflicts: Accept, UnknownItems: Accept}
}

// Validate reports every fault of the settings.
func (s *Settings) Validate() error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, kindred.Errorf(kindred.Invalid, format, args...))
	}
	for name, value := range map[string]string{"undeclared": s.Undeclared, "type_conflicts": s.TypeConflicts, "unknown_items": s.UnknownItems} {
		if value != Accept && value != Reject {
			fault("%s: %q is neither accept nor reject", name, value)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Attributes)) {
		d := s.Attributes[name]
		place := "attributes." + name
		kind, known := typeOf(d.Type)
		if !known {
			fault("%s.type: %q is none of %s", place, d.Type, strings.Join(types(), ", "))
		}
		if len(d.Values) > 0 && kind != kindred.String && kind != kindred.StringSet {
			fault("%s.values: only a string or string_set has values to choose from", place)
		}
		if (d.Min != nil || d.Max != nil) && kind != kindred.Number {
			fault("%s: only a number has min and max", place)
		}
		if d.Min != nil && d.Max != nil && !(*d.Min <= *d.Max) {
			fault("%s: min %g is not below max %g", place, *d.Min, *d.Max)
		}
	}
	slices.SortFunc(faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(faults...)
}

// types returns the names of the types an attribute can have.
func types() []string {
	var names []string
	for t := kindred.Number; t <= kindred.Vector; t++ {
		names = append(names, t.String())
	}
	return names
}

// AttributeType is the type that is declared.
func (d *Declared) AttributeType() kindred.AttributeType {
	kind, _ := typeOf(d.Type)
	return kind
}

func typeOf(name string) (kindred.AttributeType, bool) {
	at := slices.Index(types(), name)
	return kindred.AttributeType(at + 1), at >= 0
}

// Check reports in what an item's attributes are not as declared, by field.
func (s *Settings) Check(item *kindred.Item) (faults []kindred.FieldError) {
	if len(s.Attributes) == 0 && s.Undeclared != Reject {
		return nil
	}
	fault := func(name, format string, args ...any) {
		faults = append(faults, kindred.FieldError{Field: "attributes." + name, Message: fmt.Sprintf(format, args...)})
	}
	for _, name := range slices.Sorted(maps.Keys(s.Attributes)) {
		d, a := s.Attributes[name], item.Attributes[name]
		if a.Type == 0 {
			if d.Required {
				fault(name, "is required (a %s)", d.Type)
			}
			continue
		}
		if message := d.fault(&a); message != "" {
			fault(name, "%s", message)
		}
	}
	if s.Undeclared == Reject {
		for _, name := range slices.Sorted(maps.Keys(item.Attributes)) {
			if _, declared := s.Attributes[name]; !declared {
				fault(name, "is not declared (add it to catalogue: in kindred.yaml, or leave it out)")
			}
		}
	}
	return faults
}

// fault says in what a value is not as declared.
func (d *Declared) fault(a *kindred.Attribute) string {
	if a.Type.String() != d.Type {
		return fmt.Sprintf("must be a %s, is a %s", d.Type, a.Type)
	}
	words := a.Set
	if a.Type == kindred.String {
		words = []string{a.Text}
	}
	for _, word := range words {
		if len(d.Values) > 0 && !slices.Contains(d.Values, word) {
			return fmt.Sprintf("%.80q is none of %s", word, strings.Join(d.Values, ", "))
		}
	}
	if a.Type != kindred.Number {
		return ""
	}
	low, high := math.Inf(-1), math.Inf(1)
	if d.Min != nil {
		low = *d.Min
	}
	if d.Max != nil {
		high = *d.Max
	}
	if a.Number < low || a.Number > high {
		return fmt.Sprintf("is %g, outside of %g to %g", a.Number, low, high)
	}
	return ""
}
