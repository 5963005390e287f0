// Package feature is the feature store's arithmetic: what a feature is
// (Definition), its value now and its value as of a past moment, by one
// implementation.
//
// Terms. An entity is what a feature describes: a user, an item, both together,
// a session, or the request's context. A track is what is remembered of one
// user, item or session: its latest events by time, and running counts over
// them. A set is a named list of features, as a model takes them.
//
// The rule of time: the value of a feature at a moment t follows from the
// events before t, those at t left out, so that an event never explains itself;
// a window of w is [t-w, t). Of events at the same millisecond the one stored
// first comes first. Attributes follow the same rule.
//
// Every aggregate is exact: sums are kept in fixed point, so that they do not
// depend on the order in which events arrived, and a window that slides gives
// the very bits that counting anew gives. So the value served at t and the
// value that AsOf computes for t from the same events are equal bit for bit.
//
// The package does no I/O and takes the time as an argument.
package feature

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"kindred"
)

// Entity is what a feature describes.
type Entity string

// The entities.
const (
	User     Entity = "user"
	Item     Entity = "item"
	UserItem Entity = "user_item" // a user's events with one item
	Session  Entity = "session"
	Context  Entity = "context" // what the request says of itself
)

// Kind is how a feature's value comes about.
type Kind string

// The kinds of feature. Those from Count to Ratio are aggregates of events.
const (
	Attribute    Kind = "attribute"     // a property of the entity, as it was last set
	Embedding    Kind = "embedding"     // a vector property
	Count        Kind = "count"         // events in the window
	Rate         Kind = "rate"          // events in the window, an hour
	DecayedCount Kind = "decayed_count" // events, each halved every half_life
	Sum          Kind = "sum"           // of the events' values
	Mean         Kind = "mean"          // of the events' values
	Distinct     Kind = "distinct"      // different items (of an item: users)
	LastN        Kind = "last_n"        // the latest items (of an item: users), newest first
	Recency      Kind = "recency"       // seconds since the latest event
	Ratio        Kind = "ratio"         // (events + alpha) / (events of over + beta)
	Cross        Kind = "cross"         // the inputs' values joined by "×"
	Bucket       Kind = "bucket"        // the number of bounds not above the input
	Expression   Kind = "expression"    // CEL over other features
)

// Type is what a feature's values are.
type Type string

// The types of value. Number and Bool are kept as float64.
const (
	Number  Type = "number"
	Bool    Type = "bool"
	String  Type = "string"
	Strings Type = "strings" // in an order that means something
	Vector  Type = "vector"
)

// Ref names a feature: entity, colon, name. It is what Feast calls
// view:feature, the view being the entity.
type Ref string

// Split returns the two parts of a reference.
func (r Ref) Split() (entity Entity, name string) {
	view, name, _ := strings.Cut(string(r), ":")
	return Entity(view), name
}

// Span is a duration that may be written in days: "90m", "24h", "7d".
type Span time.Duration

// UnmarshalText reads a span.
func (s *Span) UnmarshalText(text []byte) error {
	if days, found := strings.CutSuffix(string(text), "d"); found {
		n, err := strconv.ParseFloat(days, 64)
		if err != nil || !(n >= 0 && n <= maxSpan.Hours()/24) {
			return kindred.Errorf(kindred.Invalid, "%q is no duration (write 30m, 24h or 7d)", text)
		}
		*s = Span(n * 24 * float64(time.Hour))
		return nil
	}
	d, err := time.ParseDuration(string(text))
	if err != nil {
		return kindred.Errorf(kindred.Invalid, "%q is no duration (write 30m, 24h or 7d)", text)
	}
	*s = Span(d)
	return nil
}

// MarshalText writes a span as UnmarshalText reads it.
func (s Span) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String writes a span in days where it is whole days.
func (s Span) String() string {
	const day = 24 * time.Hour
	if d := time.Duration(s); d > 0 && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	return time.Duration(s).String()
}

func (s Span) milliseconds() int64 { return time.Duration(s).Milliseconds() }

// Where chooses events.
type Where struct {
	// Kinds are the kinds of event that count; none means all.
	Kinds []kindred.Kind `yaml:"kinds" json:"kinds,omitempty"`
}

// Definition says what a feature is. The same definition makes its values for
// serving and for training.
type Definition struct {
	Name        string `yaml:"name" json:"name"`
	Entity      Entity `yaml:"entity" json:"entity"`
	Kind        Kind   `yaml:"kind" json:"kind"`
	Description string `yaml:"description" json:"description,omitempty"`
	Owner       string `yaml:"owner" json:"owner,omitempty"`

	// Where chooses the events of an aggregate; Over those that a ratio
	// divides by.
	Where Where `yaml:"where" json:"where,omitzero"`
	Over  Where `yaml:"over" json:"over,omitzero"`
	// Window is how far back events count; 0 is as far as they go.
	Window Span `yaml:"window" json:"window,omitzero"`
	// HalfLife is that of a decayed count. An event counts for at least 32
	// half-lives, after which it weighs less than 2^-32.
	HalfLife Span `yaml:"half_life" json:"half_life,omitzero"`
	// N is how many the last_n are.
	N int `yaml:"n" json:"n,omitempty"`
	// Alpha and Beta smooth a ratio: what it is without events is
	// Alpha/Beta.
	Alpha float64 `yaml:"alpha" json:"alpha,omitempty"`
	Beta  float64 `yaml:"beta" json:"beta,omitempty"`

	// Attribute names the property that an attribute or embedding is; the
	// feature's name if empty.
	Attribute string `yaml:"attribute" json:"attribute,omitempty"`
	// Type is that of an attribute; number if empty.
	Type Type `yaml:"type" json:"type,omitempty"`
	// Tracked says that before an attribute was first recorded it had no
	// value. Otherwise the first recorded value holds for the time before,
	// too, as is right for what hardly changes, such as a brand.
	Tracked bool `yaml:"tracked" json:"tracked,omitempty"`

	// Inputs are the features that a cross, bucket or expression reads.
	// Those of an expression are found in its text.
	Inputs []Ref `yaml:"inputs" json:"inputs,omitempty"`
	// Bounds are where a bucket's input passes to the next bucket.
	Bounds []float64 `yaml:"bounds" json:"bounds,omitempty"`
	// Expression is CEL: user.views_7d / (1.0 + item.views_7d).
	Expression string `yaml:"expression" json:"expression,omitempty"`

	// TTL is the age of the latest event or write after which the value is
	// outside its maximum age; 0 never.
	TTL Span `yaml:"ttl" json:"ttl,omitzero"`
	// Default stands where there is no value. Counts have the default 0.
	Default any `yaml:"default" json:"default,omitempty"`
}

// Ref returns the definition's reference.
func (d *Definition) Ref() Ref { return Ref(string(d.Entity) + ":" + d.Name) }

// ValueType returns the type of the feature's values.
func (d *Definition) ValueType() Type {
	switch d.Kind {
	case LastN:
		return Strings
	case Embedding:
		return Vector
	case Cross:
		return String
	case Attribute:
		if d.Type != "" {
			return d.Type
		}
		return Number
	default:
		return Number
	}
}

// Set is a named list of features; Feast calls it a feature service.
type Set struct {
	Name        string `yaml:"name" json:"name"`
	Features    []Ref  `yaml:"features" json:"features"`
	Description string `yaml:"description" json:"description,omitempty"`
	Owner       string `yaml:"owner" json:"owner,omitempty"`
}

// Config is the configuration's section "features".
type Config struct {
	// Preset adds features that suit a shop and the set that holds them:
	// "basic", or empty for none.
	Preset string `yaml:"preset"`
	// Definitions are the features, Sets the lists of them.
	Definitions []Definition `yaml:"definitions"`
	Sets        []Set        `yaml:"sets"`
	// Log names the sets whose values are kept with each list that is shown.
	Log []string `yaml:"log"`
	// MaxEvents is how many events of one user, item or session windows
	// reach back at most; 0 is 100,000.
	MaxEvents int `yaml:"max_events"`
	// Accept are the reasons (kindred.Verdict) that do not keep an event from
	// being counted; none given: those that training accepts.
	Accept []string `yaml:"accept"`
	// SkewEvery is how often a running server computes again what it served,
	// of the sets in Log, and tells its metrics; 0 never. It costs a pass over
	// the log and the memory of another online state.
	SkewEvery Span `yaml:"skew_every"`
}

// IsEmpty says whether no feature is defined.
func (c *Config) IsEmpty() bool { return len(c.Definitions) == 0 }

// Accepted returns the reasons that do not keep an event from being counted.
// What follows from the catalogue is always among them: it changes with every
// item, and what was counted would have to be counted anew.
func (c *Config) Accepted() (kindred.Verdict, error) {
	accepted, err := kindred.ParseVerdict(c.Accept...)
	if err == nil && accepted.Has(kindred.Withdrawn) {
		err = kindred.Errorf(kindred.Invalid, "what was withdrawn cannot be accepted")
	}
	if err != nil {
		return 0, faultAt("accept", "%w", err)
	}
	return accepted | kindred.UnknownItem | kindred.OutsideValidity, nil
}
