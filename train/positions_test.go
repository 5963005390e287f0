package train

import (
	"context"
	"math"
	"slices"
	"testing"
	"time"

	"kindred"
)

// upended is a shelf that is looked at from the bottom from a moment on.
type upended struct {
	*shelf
	from time.Time
}

func (b upended) ScanExposures(ctx context.Context, fn func(*kindred.Exposure) error) error {
	return b.shelf.ScanExposures(ctx, func(x *kindred.Exposure) error {
		other := *x
		if !x.Time.Before(b.from) {
			other.Items = slices.Clone(x.Items)
			slices.Reverse(other.Items)
		}
		return fn(&other)
	})
}

// TestPositionsBeforeTheHoldout expects the position curve of a training to
// know nothing of the lists of the hold-out, whether its moment is given or
// found by its share, and that of all lists to know all.
func TestPositionsBeforeTheHoldout(t *testing.T) {
	for _, method := range PositionMethods() {
		s := newShelf(1)
		plain := settings(t)
		plain.Positions, plain.Exposures, plain.Holdout = method, s, .3
		of := func(exposures Exposures, settings Settings) *run {
			settings.Exposures = exposures
			r, err := newRun(t.Context(), settings, s, nil)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		expected := of(s, plain)
		cut, err := expected.builder.Cut(plain.Holdout)
		if err != nil {
			t.Fatal(err)
		}
		future := upended{s, cut}
		given := plain
		given.Cut = cut
		for name, other := range map[string]*run{"share": of(future, plain), "moment": of(future, given)} {
			if !slices.Equal(other.result.Positions.Theta, expected.result.Positions.Theta) || other.result.Positions.Impressions == 0 {
				t.Errorf("%s: another hold-out (by its %s) gives another curve: %v, was %v", method, name, other.result.Positions.Theta, expected.result.Positions.Theta)
			}
			if other.result.Data.Events != expected.result.Data.Events || other.result.Data.Events != int64(len(s.events)) {
				t.Errorf("%s: %d events are learned from, of %d", method, other.result.Data.Events, len(s.events))
			}
		}
		plain.Exposures = future
		whole, err := Positions(t.Context(), plain, s)
		if err != nil {
			t.Fatal(err)
		}
		if last := len(expected.result.Positions.Theta) - 1; len(whole.Theta) <= last || math.Abs(whole.Theta[last]-expected.result.Positions.Theta[last]) < .02 {
			t.Errorf("%s: the curve of all lists is not of all: %v, before the hold-out %v", method, whole.Theta, expected.result.Positions.Theta)
		}
	}
}
