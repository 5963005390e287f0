package debias

import (
	"math"
	"slices"
)

// RegressionEM estimates θ together with a model of relevance, from logs in
// which nothing was ever moved: what stood at one place only says something,
// too, as the model tells how much it is wanted by what is known elsewhere.
// features names what a unit has in common with others, such as its item and
// its user, in the same order and number for every unit. The model is
//
//	γ_unit = σ(b + Σ_f effect of the unit's feature f),
//
// the effects of a feature being as of a normal distribution whose deviation is
// estimated, too, so that who was shown little is taken for average. The place
// most looked at is taken for one always looked at. θ is as right as this
// model: where those who order the lists know more of what is wanted than the
// features tell, what stands on top is better than it says, and θ falls too
// steeply.
//
// Paper: X. Wang, N. Golbandi, M. Bendersky, D. Metzler, M. Najork, "Position
// Bias Estimation for Unbiased Learning to Rank in Personal Search", WSDM
// 2018. Departures: they learn γ by trees; and they alternate between expecting
// what was looked at and learning from that, which takes hundreds of rounds for
// places that are nearly always looked at. Here each feature's effects climb the
// same likelihood by Fisher scoring, and θ_k is what was clicked at k over the
// sum of γ there: its own score would divide by 1 − θ_k·γ, by which users whose
// effect happened to be estimated too high count more.
//
// Cost: O(n log n), and places of units × features a round, of which there are
// 600 at most. Of more than 2^20 places of units a part is looked at, by hash.
func (x *Impressions) RegressionEM(features func(unit uint64) []uint64) (Curve, error) {
	c := x.cells(features)
	if c.depth == 0 || c.curve.Clicks == 0 {
		return c.curve, errTooLittle(c.curve.Clicks)
	}
	whole := newRegression(c)
	whole.climb(maxScoring)
	return c.curve.jackknife(whole.curve(), func(group int) []float64 {
		other := whole.without(group)
		other.climb(maxRescoring)
		return other.curve()
	})
}

const (
	maxCells     = 1 << 20
	maxScoring   = 200  // rounds from nothing
	maxRescoring = 20   // rounds from the whole where a group is left out
	scored       = 1e-5 // change of θ at which the climb stops
	longestStep  = 2.   // of an effect in a round
	leastSpread  = 1e-4 // variance of effects
	rarest       = 1e-9 // what is divided by is no less
)

// cells are the places of units, in columns.
type cells struct {
	curve         Curve
	depth         int
	place, group  []int32
	shown, clicks []float64
	features      [][]int32 // by feature, by cell: the number of its effect
	effects       []int     // by feature: how many there are
}

func (x *Impressions) cells(features func(unit uint64) []uint64) *cells {
	c, total := &cells{curve: x.counts()}, uint64(0)
	c.depth = len(c.curve.Shown)
	x.units(func(_ uint64, places []place) { total += uint64(len(places)) })
	parts := 1 + total/maxCells
	var numbers []map[uint64]int32
	x.units(func(unit uint64, places []place) {
		if mix(unit)/groups%parts != 0 {
			return
		}
		c.curve.Units++
		for _, p := range places {
			c.place, c.group = append(c.place, int32(p.at)), append(c.group, int32(groupOf(unit)))
			c.shown, c.clicks = append(c.shown, p.shown), append(c.clicks, p.clicks)
		}
		for f, feature := range features(unit) {
			if f == len(numbers) {
				numbers, c.features, c.effects = append(numbers, map[uint64]int32{}), append(c.features, nil), append(c.effects, 0)
			}
			number, known := numbers[f][feature]
			if !known {
				number = int32(c.effects[f])
				numbers[f][feature] = number
				c.effects[f]++
			}
			for range places {
				c.features[f] = append(c.features[f], number)
			}
		}
	})
	return c
}

// regression is a climb under way.
type regression struct {
	*cells
	leftOut int32       // group; -1: none
	theta   []float64   // by place; the highest is 1
	effect  [][]float64 // by feature
	spread  []float64   // by feature: the variance of its effects
	base    float64     // b
	eta     []float64   // by cell: b and the effects
	scores  []float64
	infos   []float64
}

func newRegression(c *cells) *regression {
	r := &regression{cells: c, leftOut: -1, theta: make([]float64, c.depth), eta: make([]float64, len(c.place))}
	for k := range r.theta {
		r.theta[k] = 1
	}
	most := c.depth
	for _, n := range c.effects {
		r.effect, r.spread = append(r.effect, make([]float64, n)), append(r.spread, 1)
		most = max(most, n)
	}
	r.scores, r.infos = make([]float64, most), make([]float64, most)
	return r
}

// without returns a climb that begins here and leaves a group out.
func (r *regression) without(group int) *regression {
	other := newRegression(r.cells)
	other.leftOut, other.base = int32(group), r.base
	copy(other.theta, r.theta)
	copy(other.eta, r.eta)
	copy(other.spread, r.spread)
	for f := range r.effect {
		copy(other.effect[f], r.effect[f])
	}
	return other
}

// climb goes up until θ stands still.
func (r *regression) climb(rounds int) {
	for range rounds {
		if r.places() < scored {
			return
		}
		r.all()
		for f := range r.effect {
			r.feature(f)
		}
	}
}

// score sums the derivatives in η of the log likelihood, and its expected
// information, by number(cell).
func (r *regression) score(number func(cell int) int32) {
	clear(r.scores)
	clear(r.infos)
	for c, eta := range r.eta {
		if r.group[c] == r.leftOut {
			continue
		}
		wanted := 1 / (1 + math.Exp(-eta))
		p := r.theta[r.place[c]] * wanted
		slope, not, n := 1-wanted, max(rarest, 1-p), number(c)
		r.scores[n] += slope * (r.clicks[c] - r.shown[c]*p) / not
		r.infos[n] += slope * slope * r.shown[c] * p / not
	}
}

// places sets θ to what was clicked over what was wanted at each place, and
// returns the largest change of a place relative to the first.
func (r *regression) places() (change float64) {
	clear(r.scores)
	clear(r.infos)
	for c, eta := range r.eta {
		if k := r.place[c]; r.group[c] != r.leftOut {
			r.scores[k] += r.clicks[c]
			r.infos[k] += r.shown[c] / (1 + math.Exp(-eta))
		}
	}
	before, highest := slices.Clone(r.theta), 0.
	for k := range r.theta {
		r.theta[k] = r.scores[k] / max(rarest, r.infos[k])
		highest = max(highest, r.theta[k])
	}
	for k := range r.theta {
		r.theta[k] /= highest
		change = max(change, math.Abs(r.theta[k]/r.theta[0]-before[k]/before[0]))
	}
	r.raise(math.Log(highest)) // nearly: γ takes what θ gives up
	return change
}

// all moves b.
func (r *regression) all() {
	r.score(func(int) int32 { return 0 })
	r.raise(r.scores[0] / max(rarest, r.infos[0]))
}

func (r *regression) raise(by float64) {
	by = max(-longestStep, min(longestStep, by))
	r.base += by
	for c := range r.eta {
		r.eta[c] += by
	}
}

// feature moves the effects of a feature.
func (r *regression) feature(f int) {
	of := r.features[f]
	r.score(func(c int) int32 { return of[c] })
	squares, prior := 0., 1/r.spread[f]
	for n, effect := range r.effect[f] {
		known := r.infos[n] + prior
		step := max(-longestStep, min(longestStep, (r.scores[n]-effect*prior)/known))
		r.scores[n] = step
		r.effect[f][n] += step
		squares += r.effect[f][n]*r.effect[f][n] + 1/known
	}
	r.spread[f] = max(leastSpread, squares/float64(len(r.effect[f])))
	for c := range r.eta {
		r.eta[c] += r.scores[of[c]]
	}
}

// curve returns θ up to the place before the first never clicked.
func (r *regression) curve() []float64 {
	clicks := make([]float64, r.depth)
	for c, k := range r.place {
		if r.group[c] != r.leftOut {
			clicks[k] += r.clicks[c]
		}
	}
	n := 0
	for n < r.depth && clicks[n] > 0 {
		n++
	}
	return relative(append([]float64(nil), r.theta[:n]...))
}
