package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// kinds lists every algorithm, the simplest of a family first. New settings
// are good enough to go live.
func kinds() []func() Algorithm {
	return []func() Algorithm{
		func() Algorithm { return NewPopular() },
		func() Algorithm { return NewItemKNN() },
		func() Algorithm { return NewUserKNN() },
		func() Algorithm { return NewRP3Beta() },
		func() Algorithm { return NewCovisit() },
		func() Algorithm { return NewRules() },
		func() Algorithm { return NewRepeat() },
		func() Algorithm { return NewIALS() },
		func() Algorithm { return NewNMF() },
		func() Algorithm { return NewBPR() },
		func() Algorithm { return NewWARP() },
		func() Algorithm { return NewContent() },
		func() Algorithm { return NewFeatureALS() },
		func() Algorithm { return NewEASE() },
		func() Algorithm { return NewSLIM() },
		func() Algorithm { return NewPureSVD() },
		func() Algorithm { return NewGFCF() },
		func() Algorithm { return NewFusion() },
		func() Algorithm { return NewBlend() },
		func() Algorithm { return NewStack() },
		func() Algorithm { return NewBaseline() },
		func() Algorithm { return NewSlopeOne() },
		func() Algorithm { return NewRatingKNN() },
		func() Algorithm { return NewRatingNMF() },
		func() Algorithm { return NewSVD() },
		func() Algorithm { return NewSVDPP() },
		func() Algorithm { return NewBayesMF() },
	}
}

// Kinds returns the names of all algorithms, the simplest of a family first.
func Kinds() []string {
	var names []string
	for _, algorithm := range kinds() {
		names = append(names, algorithm().Kind())
	}
	return names
}

// New returns the algorithm of that name with settings good enough to go live.
func New(kind string) (Algorithm, error) {
	for _, algorithm := range kinds() {
		if a := algorithm(); a.Kind() == kind {
			return a, nil
		}
	}
	return nil, fmt.Errorf("model: there is no algorithm %q (there are %s)", kind, strings.Join(Kinds(), ", "))
}

// FromJSON returns the algorithm of that name with the settings given laid
// over its defaults; an unknown or invalid setting is an error. No settings at
// all are fine.
func FromJSON(kind string, settings []byte) (Algorithm, error) {
	algorithm, err := New(kind)
	if err != nil {
		return nil, err
	}
	if err := overlay(algorithm, settings); err != nil {
		return nil, err
	}
	return algorithm, nil
}

// overlay lays settings over those of an algorithm.
func overlay(algorithm interface {
	Kind() string
	Validate() error
}, settings []byte,
) error {
	fault := func(err error) error { return fmt.Errorf("model: the settings of %s: %w", algorithm.Kind(), err) }
	if len(bytes.TrimSpace(settings)) > 0 {
		decoder := json.NewDecoder(bytes.NewReader(settings))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(algorithm); err != nil {
			return fault(err)
		}
		if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
			return fault(errors.New("one JSON object, nothing after it"))
		}
	}
	if err := algorithm.Validate(); err != nil {
		return fault(err)
	}
	return nil
}
