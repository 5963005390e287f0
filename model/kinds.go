package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Kinds returns the names of all algorithms, the simplest first.
func Kinds() []string { return []string{"popular", "itemknn", "ials"} }

// New returns the algorithm of that name with settings good enough to go live.
func New(kind string) (Algorithm, error) {
	switch kind {
	case "popular":
		return NewPopular(), nil
	case "itemknn":
		return NewItemKNN(), nil
	case "ials":
		return NewIALS(), nil
	default:
		return nil, fmt.Errorf("model: there is no algorithm %q (there are %s)", kind, strings.Join(Kinds(), ", "))
	}
}

// FromJSON returns the algorithm of that name with the settings given laid
// over its defaults; an unknown or invalid setting is an error. No settings at
// all are fine.
func FromJSON(kind string, settings []byte) (Algorithm, error) {
	algorithm, err := New(kind)
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(settings)) > 0 {
		decoder := json.NewDecoder(bytes.NewReader(settings))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(algorithm); err != nil {
			return nil, fmt.Errorf("model: the settings of %s: %w", kind, err)
		}
		if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("model: the settings of %s: one JSON object, nothing after it", kind)
		}
	}
	if err := algorithm.Validate(); err != nil {
		return nil, fmt.Errorf("model: the settings of %s: %w", kind, err)
	}
	return algorithm, nil
}

// within reports a setting outside [lo, hi], NaN included, by name.
func within[T int | float64](name string, x, lo, hi T) error {
	if x >= lo && x <= hi {
		return nil
	}
	return fmt.Errorf("%s is %v, not between %v and %v", name, x, lo, hi)
}
