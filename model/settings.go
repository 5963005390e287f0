package model

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Setting is one field of an algorithm's settings, as its tags declare it:
//
//	Lambda float64 `json:"lambda" range:"1e-9,1e6" tune:"1e-4,1,log"`
//	Weight string  `json:"weight" oneof:"cosine bm25"`
//
// range is what is allowed, bounds included, of a list its length; tune is where the best is looked
// for, evenly or by powers ("log"); oneof lists the words a text may be.
type Setting struct {
	Name     string
	Value    any // at present
	Min, Max float64
	// Low and High bound the search, Log says that it goes by powers; both
	// are 0 for a setting that tuning leaves alone.
	Low, High float64
	Log       bool
	Whole     bool     // only whole numbers
	Choices   []string // of a text
}

// Settings returns the settings of an algorithm in the order of its fields.
func Settings(a any) []Setting {
	return settingsOf(reflect.ValueOf(a).Elem())
}

func settingsOf(v reflect.Value) (settings []Setting) {
	for i := range v.NumField() {
		switch field := v.Type().Field(i); {
		case field.Anonymous:
			settings = append(settings, settingsOf(v.Field(i))...)
		case field.Tag.Get("json") != "":
			settings = append(settings, describe(field, v.Field(i)))
		}
	}
	return settings
}

// describe reads the tags of a field. A tag that cannot be read is a fault of
// the program, found by the tests of all kinds.
func describe(field reflect.StructField, value reflect.Value) Setting {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	s := Setting{
		Name: name, Value: value.Interface(), Whole: value.CanInt() || value.CanUint(),
		Min: math.Inf(-1), Max: math.Inf(1), Choices: strings.Fields(field.Tag.Get("oneof")),
	}
	if text, ok := field.Tag.Lookup("range"); ok {
		s.Min, s.Max, _ = bounds(name, text)
	}
	if text, ok := field.Tag.Lookup("tune"); ok {
		s.Low, s.High, s.Log = bounds(name, text)
	}
	return s
}

// bounds reads "low,high" and "low,high,log".
func bounds(name, text string) (low, high float64, log bool) {
	parts := strings.Split(text, ",")
	if len(parts) == 3 && parts[2] == "log" {
		parts, log = parts[:2], true
	}
	if len(parts) == 2 {
		var errLow, errHigh error
		low, errLow = strconv.ParseFloat(parts[0], 64)
		high, errHigh = strconv.ParseFloat(parts[1], 64)
		if errLow == nil && errHigh == nil && low <= high && (!log || low > 0) {
			return low, high, log
		}
	}
	panic(fmt.Sprintf("model: the setting %s declares the bounds %q", name, text))
}

// validate reports every setting outside what its tags declare, by name.
func validate(a any) error {
	var faults []error
	for _, s := range Settings(a) {
		faults = append(faults, s.check())
	}
	return errors.Join(faults...)
}

func (s *Setting) check() error {
	switch v := reflect.ValueOf(s.Value); {
	case v.CanInt():
		if x := v.Int(); float64(x) < s.Min || float64(x) > s.Max {
			return fmt.Errorf("%s is %d, not between %v and %v", s.Name, x, s.Min, s.Max)
		}
	case v.CanFloat():
		return within(s.Name, v.Float(), s.Min, s.Max)
	case v.Kind() == reflect.Slice:
		return within("the number of "+s.Name, float64(v.Len()), s.Min, s.Max)
	case v.Kind() == reflect.String && len(s.Choices) > 0 && !slices.Contains(s.Choices, v.String()):
		return fmt.Errorf("%s is %q, not one of %s", s.Name, v, strings.Join(s.Choices, ", "))
	}
	return nil
}

// within reports a number outside [lo, hi], NaN and the infinities included,
// by name.
func within(name string, x, lo, hi float64) error {
	if x >= lo && x <= hi && !math.IsInf(x, 0) {
		return nil
	}
	return fmt.Errorf("%s is %v, not between %v and %v", name, x, lo, hi)
}
