// Package debias estimates how much of what people do is owed to where
// something stood and not to what it was: the position-based model, in which
// an item shown at place k is clicked when it is looked at and wanted,
//
//	P(click | unit, k) = θ_k · γ_unit,   θ_1 = 1,
//
// a unit being an item shown to somebody whose taste for it stays the same. The
// curve θ is what training divides by; see dataset.Debias.
package debias

import (
	"cmp"
	"math"
	"slices"

	"kindred"
)

// MaxPositions is how deep a list is looked at; what stood below is left out.
const MaxPositions = 100

// Impressions gather what was shown where and what came of it: 16 bytes each.
// The estimates are the same in whatever order they were added.
type Impressions struct {
	all []impression
}

type impression struct {
	unit     uint64
	position int32
	clicked  bool
}

// Add takes in that a unit was shown at a place, counted from 1, and whether
// it was clicked. unit is any number that is the same for the same item shown
// to the same taste, such as a hash of user and item.
func (x *Impressions) Add(unit uint64, position int, clicked bool) {
	if position >= 1 && position <= MaxPositions {
		x.all = append(x.all, impression{unit, int32(position), clicked})
	}
}

// Len returns how many impressions there are.
func (x *Impressions) Len() int { return len(x.all) }

// Curve is an estimated θ.
type Curve struct {
	// Theta is by place, from the first: how likely it is looked at, as a
	// multiple of the first, which is 1.
	Theta []float64 `json:"theta"`
	// StdErr are Theta's standard errors; that of the first is 0.
	StdErr      []float64 `json:"std_err"`
	Impressions int       `json:"impressions"`
	Clicks      int       `json:"clicks"`
	// Units are those that say something: to Pairs the ones shown at several
	// places, to Randomised all.
	Units int `json:"units"`
}

// groups are what the jackknife leaves out one after the other.
const groups = 20

// statistics are sums over units, by group: clicks[k][l] is what AllPairs
// counts at place k against place l; Randomised needs [k][0] alone.
type statistics struct {
	depth  int
	clicks [groups][]float64 // depth×depth
	shown  [groups][]float64 // depth×depth
	curve  Curve
}

func (x *Impressions) statistics(count func(s *statistics, group int, places []place) bool) *statistics {
	slices.SortFunc(x.all, func(a, b impression) int {
		return cmp.Or(cmp.Compare(a.unit, b.unit), cmp.Compare(a.position, b.position))
	})
	s := &statistics{curve: Curve{Impressions: len(x.all)}}
	for i := range x.all {
		s.depth = max(s.depth, int(x.all[i].position))
	}
	for g := range groups {
		s.clicks[g], s.shown[g] = make([]float64, s.depth*s.depth), make([]float64, s.depth*s.depth)
	}
	var places []place
	for lo := 0; lo < len(x.all); {
		unit := x.all[lo].unit
		places = places[:0]
		for ; lo < len(x.all) && x.all[lo].unit == unit; lo++ {
			at := int(x.all[lo].position) - 1
			if n := len(places); n == 0 || places[n-1].at != at {
				places = append(places, place{at: at})
			}
			p := &places[len(places)-1]
			p.shown++
			if x.all[lo].clicked {
				p.clicks++
				s.curve.Clicks++
			}
		}
		if count(s, groupOf(unit), places) {
			s.curve.Units++
		}
	}
	return s
}

// place is where a unit was shown, how often, and how often it was clicked.
type place struct {
	at            int // from 0
	shown, clicks float64
}

// groupOf spreads units evenly, whatever their numbers are (the finaliser of
// SplitMix64).
func groupOf(unit uint64) int {
	unit = (unit ^ unit>>30) * 0xbf58476d1ce4e5b9
	unit = (unit ^ unit>>27) * 0x94d049bb133111eb
	return int((unit ^ unit>>31) % groups)
}

// total sums the groups but one; -1 leaves none out.
func (s *statistics) total(but int) (clicks, shown []float64) {
	clicks, shown = make([]float64, s.depth*s.depth), make([]float64, s.depth*s.depth)
	for g := range groups {
		if g == but {
			continue
		}
		for k := range clicks {
			clicks[k] += s.clicks[g][k]
			shown[k] += s.shown[g][k]
		}
	}
	return clicks, shown
}

// estimate solves for all units, and for all but each group in turn: the
// delete-a-group jackknife gives the standard errors.
func (s *statistics) estimate(solve func(clicks, shown []float64, depth int) []float64) (Curve, error) {
	if s.depth == 0 {
		return s.curve, errTooLittle(0)
	}
	clicks, shown := s.total(-1)
	theta := solve(clicks, shown, s.depth)
	if len(theta) < 2 {
		return s.curve, errTooLittle(s.curve.Clicks)
	}
	squares := make([]float64, len(theta))
	for g := range groups {
		clicks, shown = s.total(g)
		other := solve(clicks, shown, s.depth)
		for k := range squares {
			if k >= len(other) {
				squares[k] = math.Inf(1) // one group is all that is known of this place
				continue
			}
			squares[k] += (other[k] - theta[k]) * (other[k] - theta[k])
		}
	}
	s.curve.Theta, s.curve.StdErr = theta, squares
	for k := range squares {
		s.curve.StdErr[k] = math.Sqrt(squares[k] * (groups - 1) / groups)
	}
	return s.curve, nil
}

func errTooLittle(clicks int) error {
	return kindred.Errorf(kindred.Conflict,
		"%d clicks on shown items say nothing of a second place: position bias cannot be estimated yet "+
			"(send request_id with events, and wait for lists that show the same items at other places)", clicks)
}
