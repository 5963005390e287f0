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
	StdErr []float64 `json:"std_err"`
	// Shown and Clicked say, by place, how many items stood there and how many
	// of them were clicked.
	Shown       []int `json:"shown"`
	Clicked     []int `json:"clicked"`
	Impressions int   `json:"impressions"` // at all places
	Clicks      int   `json:"clicks"`
	// Units are those that say something: to AllPairs the ones shown at several
	// places, to others all that were looked at.
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
	s := &statistics{curve: x.counts()}
	s.depth = len(s.curve.Shown)
	for g := range groups {
		s.clicks[g], s.shown[g] = make([]float64, s.depth*s.depth), make([]float64, s.depth*s.depth)
	}
	x.units(func(unit uint64, places []place) {
		if count(s, groupOf(unit), places) {
			s.curve.Units++
		}
	})
	return s
}

// counts returns a curve without θ.
func (x *Impressions) counts() Curve {
	c := Curve{Impressions: len(x.all)}
	for i := range x.all {
		for len(c.Shown) < int(x.all[i].position) {
			c.Shown, c.Clicked = append(c.Shown, 0), append(c.Clicked, 0)
		}
		at := x.all[i].position - 1
		c.Shown[at]++
		if x.all[i].clicked {
			c.Clicked[at]++
			c.Clicks++
		}
	}
	return c
}

// units calls fn with each unit, ascending, and the places it was shown at,
// which are fn's until it returns.
func (x *Impressions) units(fn func(unit uint64, places []place)) {
	slices.SortFunc(x.all, func(a, b impression) int {
		return cmp.Or(cmp.Compare(a.unit, b.unit), cmp.Compare(a.position, b.position))
	})
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
			}
		}
		fn(unit, places)
	}
}

// place is where a unit was shown, how often, and how often it was clicked.
type place struct {
	at            int // from 0
	shown, clicks float64
}

// groupOf spreads units evenly.
func groupOf(unit uint64) int { return int(mix(unit) % groups) }

// mix is the finaliser of SplitMix64: numbers that look drawn by chance,
// whatever the units' are.
func mix(unit uint64) uint64 {
	unit = (unit ^ unit>>30) * 0xbf58476d1ce4e5b9
	unit = (unit ^ unit>>27) * 0x94d049bb133111eb
	return unit ^ unit>>31
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

// estimate solves for all units, and for all but each group in turn.
func (s *statistics) estimate(solve func(clicks, shown []float64, depth int) []float64) (Curve, error) {
	if s.depth == 0 {
		return s.curve, errTooLittle(0)
	}
	but := func(group int) []float64 {
		clicks, shown := s.total(group)
		return solve(clicks, shown, s.depth)
	}
	return s.curve.jackknife(but(-1), but)
}

// jackknife completes the curve by θ and its standard errors, which are those
// of the delete-a-group jackknife: without estimates θ from all units but a
// group's.
func (c Curve) jackknife(theta []float64, without func(group int) []float64) (Curve, error) {
	if len(theta) < 2 {
		return c, errTooLittle(c.Clicks)
	}
	squares := make([]float64, len(theta))
	for g := range groups {
		other := without(g)
		for k := range squares {
			if k >= len(other) {
				squares[k] = math.Inf(1) // one group is all that is known of this place
				continue
			}
			squares[k] += (other[k] - theta[k]) * (other[k] - theta[k])
		}
	}
	for k := range squares {
		squares[k] = math.Sqrt(squares[k] * (groups - 1) / groups)
	}
	c.Theta, c.StdErr, c.Shown, c.Clicked = theta, squares, c.Shown[:len(theta)], c.Clicked[:len(theta)]
	return c, nil
}

func errTooLittle(clicks int) error {
	return kindred.Errorf(kindred.Conflict,
		"%d clicks on shown items say nothing of a second place: position bias cannot be estimated yet "+
			"(send request_id with events, and wait for lists that show the same items at other places)", clicks)
}
