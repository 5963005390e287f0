package feature

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"time"

	"kindred"
)

// Limits of a configuration.
const (
	MaxDefinitions = 1000
	maxN           = 1000
	maxBounds      = 1000
	maxInputs      = 8
	maxExpression  = 4 << 10 // bytes
	maxSpan        = 10 * 366 * 24 * time.Hour
	maxMaxEvents   = 10_000_000
	defaultEvents  = 100_000
)

// Validate reports every fault, each with its place under "features".
func (c *Config) Validate() error {
	v := validator{known: map[Ref]*Definition{}}
	if len(c.Definitions) > MaxDefinitions {
		v.fault("definitions", "has %d entries, more than %d", len(c.Definitions), MaxDefinitions)
	}
	if c.MaxEvents < 0 || c.MaxEvents > maxMaxEvents {
		v.fault("max_events", "must lie between 0 and %d, is %d", maxMaxEvents, c.MaxEvents)
	}
	v.span("skew_every", c.SkewEvery)
	if _, err := c.Accepted(); err != nil {
		v.faults = append(v.faults, err)
	}
	v.check(c.Preset == "", "preset", "there is no preset %q (take basic)", c.Preset)
	for i := range c.Definitions {
		v.add(fmt.Sprintf("definitions[%d]", i), &c.Definitions[i])
	}
	if len(v.faults) == 0 { // inputs are worth looking at when all else holds
		if _, err := NewPlan(c); err != nil {
			v.faults = append(v.faults, err)
		}
	}
	names := map[string]bool{}
	for i := range c.Sets {
		v.set(fmt.Sprintf("sets[%d]", i), &c.Sets[i], names)
	}
	for i, name := range c.Log {
		if !names[name] {
			v.fault(fmt.Sprintf("log[%d]", i), "there is no set %q", name)
		}
	}
	return errors.Join(v.faults...)
}

type validator struct {
	known  map[Ref]*Definition
	faults []error
}

func (v *validator) fault(path, format string, args ...any) {
	v.faults = append(v.faults, faultAt(path, format, args...))
}

func faultAt(path, format string, args ...any) error {
	return fmt.Errorf("features.%s: "+format, append([]any{path}, args...)...) //nolint:err113 // the texts are the faults
}

func (v *validator) span(path string, s Span) {
	if s < 0 || time.Duration(s) > maxSpan {
		v.fault(path, "must lie between 0 and ten years, is %s", s)
	}
}

func (v *validator) set(path string, s *Set, names map[string]bool) {
	if !isName(s.Name) {
		v.fault(path+".name", "%q must be lower-case letters, digits and underscores, at most %d", s.Name, kindred.MaxKind)
	}
	if names[s.Name] {
		v.fault(path+".name", "%q is there twice", s.Name)
	}
	names[s.Name] = true
	if len(s.Features) == 0 {
		v.fault(path+".features", "must name at least one feature")
	}
	for i, ref := range s.Features {
		if v.known[ref] == nil {
			v.fault(fmt.Sprintf("%s.features[%d]", path, i), "there is no feature %q (write entity:name)", ref)
		}
	}
}

var namePattern = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

func isName(s string) bool { return len(s) <= kindred.MaxKind && namePattern.MatchString(s) }

// add checks a definition by itself.
func (v *validator) add(path string, d *Definition) {
	if !isName(d.Name) {
		v.fault(path+".name", "%q must be lower-case letters, digits and underscores, at most %d", d.Name, kindred.MaxKind)
	}
	if !slices.Contains([]Entity{User, Item, UserItem, Session, Context}, d.Entity) {
		v.fault(path+".entity", "%q is none of user, item, user_item, session, context", d.Entity)
	}
	if v.known[d.Ref()] != nil {
		v.fault(path+".name", "%q is there twice", d.Ref())
	}
	v.known[d.Ref()] = d
	rule, known := rules()[d.Kind]
	if !known {
		v.fault(path+".kind", "%q is no kind of feature", d.Kind)
		return
	}
	if !slices.Contains(rule.entities, d.Entity) {
		v.fault(path+".entity", "a feature of kind %s cannot be of entity %s", d.Kind, d.Entity)
	}
	for name, isSet := range d.settings() {
		if isSet && !slices.Contains(rule.settings, name) {
			v.fault(path+"."+name, "means nothing for kind %s", d.Kind)
		}
	}
	for name, s := range map[string]Span{"window": d.Window, "half_life": d.HalfLife, "ttl": d.TTL} {
		v.span(path+"."+name, s)
	}
	v.values(path, d)
	v.defaults(path, d)
}

// rule says what goes with a kind of feature.
type rule struct {
	entities []Entity
	settings []string
}

func rules() map[Kind]rule {
	events := []Entity{User, Item, UserItem, Session}
	wide := []Entity{User, Item, Session}
	derived := []Entity{User, Item, UserItem, Session, Context}
	return map[Kind]rule{
		Attribute:    {[]Entity{User, Item, Context}, []string{"attribute", "type", "tracked", "ttl"}},
		Embedding:    {[]Entity{User, Item}, []string{"attribute", "tracked", "ttl"}},
		Count:        {events, []string{"where", "window", "ttl"}},
		Rate:         {events, []string{"where", "window", "ttl"}},
		DecayedCount: {events, []string{"where", "half_life", "ttl"}},
		Sum:          {events, []string{"where", "window", "ttl"}},
		Mean:         {events, []string{"where", "window", "ttl"}},
		Distinct:     {wide, []string{"where", "window", "ttl"}},
		LastN:        {wide, []string{"where", "window", "n", "ttl"}},
		Recency:      {events, []string{"where", "ttl"}},
		Ratio:        {events, []string{"where", "over", "window", "alpha", "beta", "ttl"}},
		Cross:        {derived, []string{"inputs"}},
		Bucket:       {derived, []string{"inputs", "bounds"}},
		Expression:   {derived, []string{"expression"}},
	}
}

// settings says which of the settings that not every kind has are set.
func (d *Definition) settings() map[string]bool {
	return map[string]bool{
		"where": len(d.Where.Kinds) > 0, "over": len(d.Over.Kinds) > 0, "window": d.Window != 0, "half_life": d.HalfLife != 0,
		"n": d.N != 0, "alpha": d.Alpha != 0, "beta": d.Beta != 0, "attribute": d.Attribute != "", "type": d.Type != "",
		"tracked": d.Tracked, "inputs": len(d.Inputs) > 0, "bounds": len(d.Bounds) > 0, "expression": d.Expression != "", "ttl": d.TTL != 0,
	}
}

// values checks the settings' values.
func (v *validator) values(path string, d *Definition) {
	switch d.Kind {
	case Rate:
		v.check(d.Window > 0, path+".window", "a rate needs a window")
	case DecayedCount:
		v.check(d.HalfLife >= Span(time.Minute), path+".half_life", "must be at least 1m, is %s", d.HalfLife)
	case LastN:
		v.between(path+".n", d.N, 1, maxN)
	case Ratio:
		v.check(len(d.Over.Kinds) > 0, path+".over.kinds", "a ratio needs the kinds of event that it divides by")
		v.check(isAmount(d.Alpha) && isAmount(d.Beta), path+".alpha", "alpha and beta must not be negative, are %g and %g", d.Alpha, d.Beta)
	case Attribute:
		v.check(slices.Contains([]Type{"", Number, Bool, String, Strings, Vector}, d.Type), path+".type",
			"%q is none of number, bool, string, strings, vector", d.Type)
	case Cross:
		v.between(path+".inputs", len(d.Inputs), 2, maxInputs)
	case Bucket:
		v.between(path+".inputs", len(d.Inputs), 1, 1)
		v.between(path+".bounds", len(d.Bounds), 1, maxBounds)
		v.check(slices.IsSorted(d.Bounds), path+".bounds", "must be in ascending order")
	case Expression:
		v.between(path+".expression", len(d.Expression), 1, maxExpression)
	default:
	}
}

// between checks a setting's size: a number, entries or bytes.
func (v *validator) between(path string, n, low, high int) {
	v.check(n >= low && n <= high, path, "must have a size between %d and %d, has %d", low, high, n)
}

func isAmount(x float64) bool { return x >= 0 && !math.IsInf(x, 1) }

func (v *validator) check(holds bool, path, format string, args ...any) { //nolint:revive // what must hold
	if !holds {
		v.fault(path, format, args...)
	}
}

// defaults checks that the default fits the type and, in place, makes numbers
// float64.
func (v *validator) defaults(path string, d *Definition) {
	if d.Default == nil {
		return
	}
	if n, isInt := d.Default.(int); isInt {
		d.Default = float64(n)
	}
	var fits bool
	switch x := d.Default.(type) {
	case float64:
		fits = (d.ValueType() == Number || d.Kind == Expression) && !math.IsNaN(x) && !math.IsInf(x, 0)
	case bool:
		fits = d.ValueType() == Bool || d.Kind == Expression
	case string:
		fits = (d.ValueType() == String || d.Kind == Expression) && len(x) <= kindred.MaxText
	}
	if !fits {
		v.fault(path+".default", "%v is no %s", d.Default, d.ValueType())
	}
}

// Version identifies what a set means: a hash of its features' definitions,
// those they read and which events count included, whatever their owners and
// descriptions.
func (p *Plan) Version(refs []Ref) string {
	type meaning struct {
		Definition
		Description, Owner string `json:",omitempty"`
	}
	var list []meaning
	for _, f := range p.closure(refs) {
		d := p.features[f].Definition
		d.Description, d.Owner = "", ""
		list = append(list, meaning{Definition: d})
	}
	text, err := json.Marshal(struct {
		Features []Ref
		Meanings []meaning
		Events   int
		Accepted kindred.Verdict
	}{refs, list, p.maxEvents, p.accepted})
	if err != nil { // definitions are plain values
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}
