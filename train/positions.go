package train

import (
	"context"
	"fmt"
	"time"

	"kindred"
	"kindred/dataset"
	"kindred/debias"
)

// PositionMethod says how a position curve is estimated; empty: not at all.
type PositionMethod string

// The methods; see debias.
const (
	NoPositions           PositionMethod = ""
	AllPairsPositions     PositionMethod = "all_pairs"
	RandomisedPositions   PositionMethod = "randomised"
	RegressionEMPositions PositionMethod = "regression_em"
)

// PositionMethods returns the methods that estimate.
func PositionMethods() []PositionMethod {
	return []PositionMethod{AllPairsPositions, RandomisedPositions, RegressionEMPositions}
}

// Exposures is where training finds the lists that were shown.
type Exposures interface {
	ScanExposures(ctx context.Context, fn func(*kindred.Exposure) error) error
}

// Positions estimates the position curve by s.Positions from all lists shown,
// or those before s.Cut, and what was done with their items.
func Positions(ctx context.Context, s Settings, from Source) (debias.Curve, error) {
	curve, err := s.curve(ctx, from, s.Cut)
	if err != nil {
		return curve, fmt.Errorf("train: estimating position bias: %w", err)
	}
	return curve, nil
}

// estimatePositions estimates the position curve from what came before the
// hold-out, and makes the settings weigh by it. What is learned on all events
// in the end is weighed by the same. Where no event is later than another all
// lists count.
func (r *run) estimatePositions(ctx context.Context) error {
	if r.Positions == NoPositions {
		return nil
	}
	r.progress(Progress{Step: "estimating position bias"})
	before := r.Cut
	if before.IsZero() { // places change how much events weigh, not which there are
		r.builder = dataset.NewBuilder(r.Dataset)
		if err := r.read(ctx, r.from); err != nil {
			return err
		}
		r.result.Data = kindred.DataRange{}
		if r.builder.HasTimes() {
			var err error
			if before, err = r.builder.Cut(r.Holdout); err != nil {
				return err
			}
		}
	}
	curve, err := r.curve(ctx, r.from, before)
	if err != nil {
		return err
	}
	r.result.Positions, r.Dataset.Debias.Curve = &curve, curve.Theta
	return nil
}

// curve estimates the position curve from before a moment, if it is one. An
// event belongs to the list of its request id. Every kind but impression,
// search, refund and dislike is a click. Memory: 8 bytes an event with a
// request id, and 16 a shown item.
func (s *Settings) curve(ctx context.Context, from Source, before time.Time) (debias.Curve, error) {
	later := func(t time.Time) bool { return !before.IsZero() && !t.Before(before) }
	clicked := map[uint64]bool{}
	err := from.ScanEvents(ctx, func(e *kindred.Event) error {
		switch e.Kind { //nolint:exhaustive // every other kind is a click
		case kindred.Impression, kindred.Search, kindred.Refund, kindred.Dislike:
			return nil
		}
		if e.RequestID != "" && e.Item != "" && !e.Verdict.Has(s.Dataset.Refuse) && !later(e.Time) {
			clicked[hash(e.RequestID, string(e.Item))] = true
		}
		return nil
	})
	if err != nil {
		return debias.Curve{}, err
	}
	known, err := s.relevance(ctx, from)
	if err != nil {
		return debias.Curve{}, err
	}
	var shown debias.Impressions
	err = s.Exposures.ScanExposures(ctx, func(x *kindred.Exposure) error {
		if later(x.Time) {
			return nil
		}
		for n, item := range x.Items {
			unit := hash(string(x.User), string(item))
			shown.Add(unit, n+1, clicked[hash(x.RequestID, string(item))])
			known.add(unit, x.User, item)
		}
		return nil
	})
	if err != nil {
		return debias.Curve{}, err
	}
	switch s.Positions {
	case RandomisedPositions:
		return shown.Randomised()
	case RegressionEMPositions:
		return shown.RegressionEM(known.features)
	case AllPairsPositions, NoPositions:
	}
	return shown.AllPairs()
}

// relevance is what RegressionEM is told of an item shown to a user: the item,
// the user, and the user's relation to the item's first category. Nil for
// other methods, which are told nothing. Memory: some 60 bytes a pair shown.
type relevance struct {
	categories map[kindred.ItemID]string
	of         map[uint64][3]uint64
}

func (s *Settings) relevance(ctx context.Context, from Source) (*relevance, error) {
	if s.Positions != RegressionEMPositions {
		return nil, nil //nolint:nilnil // nothing is to be told
	}
	r := &relevance{map[kindred.ItemID]string{}, map[uint64][3]uint64{}}
	return r, from.ScanItems(ctx, func(item *kindred.Item) error {
		if len(item.Categories) > 0 {
			r.categories[item.ID] = item.Categories[0]
		}
		return nil
	})
}

func (r *relevance) add(unit uint64, user kindred.UserID, item kindred.ItemID) {
	if r != nil {
		r.of[unit] = [...]uint64{hash("", string(item)), hash("", string(user)), hash(string(user), r.categories[item])}
	}
}

func (r *relevance) features(unit uint64) []uint64 {
	mine := r.of[unit]
	return mine[:]
}

// hash is FNV-1a of two texts, told apart by a zero between.
func hash(a, b string) uint64 {
	h := uint64(14695981039346656037)
	for _, text := range [...]string{a, "\x00", b} {
		for i := range len(text) {
			h = (h ^ uint64(text[i])) * 1099511628211
		}
	}
	return h
}
