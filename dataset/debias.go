package dataset

import (
	"errors"
	"math"

	"kindred"
)

// Debias says how events are weighed for how likely they were to happen at all:
// an event counts 1/θ, θ being the probability that its item was looked at, so
// that in expectation each item counts as if everybody had looked at it.
//
// Papers: T. Joachims, A. Swaminathan, T. Schnabel, "Unbiased Learning-to-Rank
// with Biased Feedback", WSDM 2017; Y. Saito, S. Yaginuma, Y. Nishino, H.
// Sakata, K. Nakata, "Unbiased Recommender Learning from Missing-Not-At-Random
// Implicit Feedback", WSDM 2020.
type Debias struct {
	// Logged takes θ from the event's context, "propensity", if it is there
	// and above 0.
	Logged bool `json:"logged,omitempty" yaml:"logged"`
	// Curve is θ by the place that the event's item was seen at, from the
	// first; further down the last one holds. Events without a place count 1.
	Curve []float64 `json:"curve,omitempty" yaml:"curve"`
	// Clip bounds 1/θ: some bias for much less variance. 0: 10.
	Clip float64 `json:"clip,omitempty" yaml:"clip"`
	// Popularity makes a pair count (n_i/n)^−Popularity, n_i being how many
	// users met its item and n that of the item most met, within Clip: with
	// 0.5, Saito's propensity of an item. What is popular is then recommended
	// less.
	Popularity float64 `json:"popularity,omitempty" yaml:"popularity"`
}

// defaultClip is the bound of 1/θ.
const defaultClip = 10

func (d *Debias) clip() float64 {
	if d.Clip == 0 {
		return defaultClip
	}
	return d.Clip
}

// factor is what an event counts for.
func (d *Debias) factor(e *kindred.Event, around *surroundings) float64 {
	theta := 1.
	switch {
	case d.Logged && around.Propensity != nil && *around.Propensity > 0:
		theta = *around.Propensity
	case len(d.Curve) > 0 && e.Position > 0:
		theta = d.Curve[min(e.Position, len(d.Curve))-1]
	}
	return min(1/theta, d.clip())
}

// PopularityPropensity is how likely an item is to be met: (users/most)^power,
// users being how many met it and most that of the item most met. An item that
// nobody met counts as met by one.
func PopularityPropensity(users, most int32, power float64) float64 {
	return math.Pow(float64(max(1, users))/float64(max(1, most)), power)
}

func (d *Debias) validate() error {
	var faults []error
	if len(d.Curve) > maxPlaces {
		faults = append(faults, kindred.Errorf(kindred.Invalid, "the position curve has %d places (use %d at most)", len(d.Curve), maxPlaces))
	}
	for k, theta := range d.Curve {
		if !(theta > 0 && theta <= 1e3) {
			faults = append(faults, kindred.Errorf(kindred.Invalid, "the position curve is %g at place %d (use more than 0, relative to 1 at the first)", theta, k+1))
			break
		}
	}
	if !(d.Clip == 0 || d.Clip >= 1 && d.Clip <= 1e6) {
		faults = append(faults, kindred.Errorf(kindred.Invalid, "clip is %g (use 1 to 1e6, or 0 for %d)", d.Clip, defaultClip))
	}
	if !(d.Popularity >= 0 && d.Popularity <= 2) {
		faults = append(faults, kindred.Errorf(kindred.Invalid, "popularity is %g (use 0 to 2)", d.Popularity))
	}
	return errors.Join(faults...)
}
