package dataset

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"slices"

	"kindred"
)

// Signal refines what an event of a kind says of preference. With x what is
// read of the event and w the kind's weight in Settings, an event weighs
//
//	w · min(grade(x), Max)
//
//	constant  grade(x) = 1
//	linear    grade(x) = Base + x/Unit
//	log       grade(x) = Base + ln(1 + max(0, x)/Unit)
//	steps     grade(x) = Weight of the highest of Steps that x reaches; below the first 0
//
// and teaches nothing where that is not above 0. The zero Signal is the weight
// alone.
type Signal struct {
	// From says where x is found.
	From Reading `json:"from,omitempty" yaml:"from"`
	// Min is the least x that counts, if set; Below says what a lower one is.
	Min   *float64 `json:"min,omitempty" yaml:"min"`
	Below Below    `json:"below,omitempty" yaml:"below"`
	Grade Grade    `json:"grade,omitempty" yaml:"grade"`
	Base  float64  `json:"base,omitempty" yaml:"base"`
	Unit  float64  `json:"unit,omitempty" yaml:"unit"` // 0: 1
	Steps []Step   `json:"steps,omitempty" yaml:"steps"`
	Max   float64  `json:"max,omitempty" yaml:"max"` // 0: no bound
	// Missing is the grade of an event that does not hold x, as a view without
	// a dwell time; unset: 1, as if nothing had been asked.
	Missing *float64 `json:"missing,omitempty" yaml:"missing"`
	// Negative makes the kind take back everything before it, as a dislike.
	Negative bool `json:"negative,omitempty" yaml:"negative"`
	// Normalise is for ratings alone: it puts them on the user's own scale,
	// before everything above.
	Normalise Normalise `json:"normalise,omitempty" yaml:"normalise"`
}

// Step is a grade from a reading on.
type Step struct {
	From   float64 `json:"from" yaml:"from"`
	Weight float64 `json:"weight" yaml:"weight"`
}

// Reading says what number of an event is read.
type Reading string

// The readings.
const (
	ValueReading      Reading = "value"      // the event's value; the default
	DwellReading      Reading = "dwell"      // seconds: dwell_seconds of the context
	ScrollReading     Reading = "scroll"     // a share: scroll_depth of the context
	CompletionReading Reading = "completion" // a share: the value, in seconds, of the item's duration_seconds
)

// durationAttribute is the item's attribute that CompletionReading divides by.
const durationAttribute = "duration_seconds"

// Below says what an event is whose reading does not reach the least.
type Below string

// What such an event is. A rating's default is dislike, that of all else ignore.
const (
	IgnoreBelow  Below = "ignore"
	DislikeBelow Below = "dislike" // a rejection, like a low rating, unless the user likes the item by other events
)

// Grade is the function of a reading.
type Grade string

// The grades; see Signal.
const (
	ConstantGrade Grade = "constant" // the default
	LinearGrade   Grade = "linear"
	LogGrade      Grade = "log"
	StepsGrade    Grade = "steps"
)

const (
	maxSteps  = 64
	maxPlaces = 1000 // of a curve
)

// grade returns the grade of a reading, never below 0.
func (s *Signal) grade(x float64) float64 {
	g, unit := 1., cmp.Or(s.Unit, 1)
	switch s.Grade {
	case LinearGrade:
		g = s.Base + x/unit
	case LogGrade:
		g = s.Base + math.Log1p(max(0, x)/unit)
	case StepsGrade:
		g = 0
		for _, step := range s.Steps {
			if x >= step.From {
				g = step.Weight
			}
		}
	case ConstantGrade, "":
	}
	if s.Max > 0 {
		g = min(g, s.Max)
	}
	return max(0, g)
}

// least is the least reading that counts.
func (s *Signal) least() float64 {
	switch {
	case s.Min != nil:
		return *s.Min
	case s.Normalise != AsGiven:
		return 0 // the user's usual rating
	default:
		return math.Inf(-1)
	}
}

// surroundings are what of an event's context is understood here.
type surroundings struct {
	Dwell      *float64 `json:"dwell_seconds"`
	Scroll     *float64 `json:"scroll_depth"`
	Propensity *float64 `json:"propensity"`
}

// surroundings reads an event's context, if anything of it is asked for; what is
// no number is not there.
func (s *Settings) surroundings(e *kindred.Event, signal *Signal) (around surroundings) {
	isAsked := s.Debias.Logged || signal.From == DwellReading || signal.From == ScrollReading
	if isAsked && len(e.Context) > 0 && json.Unmarshal(e.Context, &around) != nil {
		return surroundings{}
	}
	return around
}

// Lengths says how long an item takes, in seconds; 0: not known.
type Lengths func(item kindred.ItemID) float64

// LengthOf returns how long an item takes by its attribute duration_seconds.
func LengthOf(attributes kindred.Attributes) float64 {
	if a := attributes[durationAttribute]; a.Type == kindred.Number && a.Number > 0 {
		return a.Number
	}
	return 0
}

// read finds what the signal is about; has is false where the event does not
// hold it.
func (s *Signal) read(e *kindred.Event, around *surroundings, lengths Lengths) (x float64, has bool) {
	var found *float64
	switch s.From {
	case DwellReading:
		found = around.Dwell
	case ScrollReading:
		found = around.Scroll
	case CompletionReading:
		if lengths != nil {
			if length := lengths(e.Item); length > 0 {
				return e.Value / length, true
			}
		}
	case ValueReading, "":
		return e.Value, true
	}
	if found == nil {
		return 0, false
	}
	return *found, true
}

// Effect is what an event does to what is known of its user and item.
type Effect uint8

// The effects. At one moment they happen in this order, so that the order of
// delivery does not matter.
const (
	Adds    Effect = iota // the amount is a weight
	Rates                 // the amount is the rating; see RatingScale
	Buys                  // the amount is a weight; a refund can take it back
	Rejects               // the amount is the weight of a rejection
	Refunds               // takes back the last Buys
	Erases                // takes back all before it
	Nothing               // teaches nothing
)

// Effect says what an event does, and how much. It is the one rule of training
// and serving; ratings alone need the user's others too. lengths may be nil.
// Cost: constant; with dwell, scroll or logged propensities the context is
// parsed.
func (s *Settings) Effect(e *kindred.Event, lengths Lengths) (effect Effect, amount float64) {
	weight, named := s.Weights[e.Kind]
	if !named {
		weight = 1
	}
	signal, refined := s.Signals[e.Kind]
	switch {
	case e.Item == "":
		return Nothing, 0
	case e.Kind == kindred.Refund:
		return Refunds, 0
	case e.Kind == kindred.Dislike || signal.Negative:
		return Erases, 0
	case weight == 0:
		return Nothing, 0
	case e.Kind == kindred.Rating:
		return Rates, e.Value
	}
	around := s.surroundings(e, &signal)
	if refined {
		grade, rejects := signal.weigh(e, &around, lengths)
		if rejects {
			return Rejects, weight
		}
		weight *= grade
	}
	weight *= s.Debias.factor(e, &around)
	switch {
	case !(weight > 0):
		return Nothing, 0
	case e.Kind == kindred.Purchase:
		return Buys, weight
	default:
		return Adds, weight
	}
}

// weigh returns the grade of an event, 0 if it teaches nothing, or that it
// rejects.
func (s *Signal) weigh(e *kindred.Event, around *surroundings, lengths Lengths) (grade float64, rejects bool) {
	x, has := s.read(e, around, lengths)
	switch {
	case has && x >= s.least():
		return s.grade(x), false
	case has:
		return 0, s.Below == DislikeBelow
	case s.Missing != nil:
		return *s.Missing, false
	default:
		return 1, false
	}
}

// RejectionWeight is what a rejection weighs: as much as a like.
func (s *Settings) RejectionWeight() float64 {
	if w, named := s.Weights[kindred.Like]; named && w > 0 {
		return w
	}
	return 1
}

// NeedsLengths says whether Effect asks how long items take.
func (s *Settings) NeedsLengths() bool {
	for _, signal := range s.Signals {
		if signal.From == CompletionReading {
			return true
		}
	}
	return false
}

// validateSignals reports every fault of the signals, by kind.
func (s *Settings) validateSignals() error {
	var faults []error
	for _, kind := range slices.Sorted(maps.Keys(s.Signals)) {
		signal := s.Signals[kind]
		if err := signal.validate(kind); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

func (s *Signal) validate(kind kindred.Kind) error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, kindred.Errorf(kindred.Invalid, "signal %s: "+format, append([]any{kind}, args...)...))
	}
	oneOf(fault, "from", s.From, ValueReading, DwellReading, ScrollReading, CompletionReading)
	oneOf(fault, "grade", s.Grade, ConstantGrade, LinearGrade, LogGrade, StepsGrade)
	oneOf(fault, "below", s.Below, IgnoreBelow, DislikeBelow)
	oneOf(fault, "normalise", s.Normalise, NormaliseMean, NormaliseZScore, NormaliseQuantile)
	switch {
	case kind == kindred.Refund || kind == kindred.Dislike:
		fault("its meaning is fixed (leave it out)")
	case kind == kindred.Rating:
		if s.From != "" && s.From != ValueReading || s.Negative || s.Missing != nil || s.Below == IgnoreBelow {
			fault("a rating is its value, and a low one a rejection (leave from, below, missing and negative out)")
		}
	case s.Normalise != AsGiven:
		fault("normalise is for ratings alone")
	}
	s.validateNumbers(fault)
	return errors.Join(faults...)
}

func (s *Signal) validateNumbers(fault func(format string, args ...any)) {
	if (s.Grade == StepsGrade) != (len(s.Steps) > 0) || len(s.Steps) > maxSteps {
		fault("grade is %q with %d steps (steps go with grade: steps, 1 to %d of them)", s.Grade, len(s.Steps), maxSteps)
	}
	if !slices.IsSortedFunc(s.Steps, func(a, b Step) int { return cmp.Compare(a.From, b.From) }) {
		fault("steps do not ascend")
	}
	for n, step := range s.Steps {
		if math.IsNaN(step.From) || !inRange(step.Weight) {
			fault("step %d is %g from %g on (use weights of 0 to 1e6)", n+1, step.Weight, step.From)
		}
	}
	for _, number := range []struct {
		name string
		x    *float64
		most float64 // below zero
	}{{"base", &s.Base, 1e6}, {"max", &s.Max, 0}, {"min", s.Min, 1e6}, {"missing", s.Missing, 0}, {"unit", &s.Unit, 0}} {
		if number.x != nil && !(*number.x >= -number.most && *number.x <= 1e6) {
			fault("%s is %g (use %g to 1e6)", number.name, *number.x, 0-number.most)
		}
	}
}

// oneOf reports a name that is not among those allowed; the empty one is.
func oneOf[T ~string](fault func(format string, args ...any), setting string, got T, allowed ...T) {
	if got != "" && !slices.Contains(allowed, got) {
		fault("%s is %q (use one of %q)", setting, got, allowed)
	}
}
