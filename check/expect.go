package check

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"kindred"
	"kindred/filter"
)

// Expectation is what a user expects of the data, in their own words. Only the
// fields that Expect needs may be set beside those of every expectation.
type Expectation struct {
	Name string `yaml:"name"`
	// Of says which rows: events, items or users.
	Of string `yaml:"of"`
	// Where keeps some of the rows, in the language of filters: kind="purchase".
	// Of events it knows user, item, kind, value, time, session, request_id,
	// position and context.NAME; of items price, title, category and
	// attributes; of all id.
	Where string `yaml:"where"`
	// Window keeps the rows of the last so long; 0: all.
	Window time.Duration `yaml:"window"`
	// Expect is not_null, unique, between, in_set, matches, fresh_within,
	// count_between or share_of.
	Expect string `yaml:"expect"`
	// Field is what not_null, unique, between, in_set and matches look at.
	// Rows without it comply with all but not_null.
	Field string `yaml:"field"`
	// Min and Max bound between, count_between and share_of, both inclusive.
	Min *float64 `yaml:"min"`
	Max *float64 `yaml:"max"`
	// Values are those of in_set.
	Values []string `yaml:"values"`
	// Pattern is the regular expression (RE2) of matches.
	Pattern string `yaml:"pattern"`
	// Within is the age of the newest row for fresh_within.
	Within time.Duration `yaml:"within"`
	// Share is how many of the rows must comply; 1 if it is left out.
	Share *float64 `yaml:"share"`
	// Severity is what it says if not: error (the default), warning or info.
	Severity Status `yaml:"severity"`
	// Owner is who is to be asked.
	Owner string `yaml:"owner"`
}

const (
	maxExpectations = 100
	maxValues       = 10_000
)

// What can be expected.
const (
	notNull      = "not_null"
	unique       = "unique"
	between      = "between"
	inSet        = "in_set"
	matches      = "matches"
	freshWithin  = "fresh_within"
	countBetween = "count_between"
	shareOf      = "share_of"
)

const ofEvents, ofItems, ofUsers = "events", "items", "users"

// faults reports everything about an expectation that makes no sense.
func (e *Expectation) faults() []kindred.FieldError {
	var list []kindred.FieldError
	fault := func(field, format string, args ...any) {
		list = append(list, kindred.FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
	}
	if e.Name == "" || len(e.Name) > kindred.MaxID {
		fault("name", "must have 1 to %d bytes", kindred.MaxID)
	}
	if !slices.Contains([]string{ofEvents, ofItems, ofUsers}, e.Of) {
		fault("of", "%q is none of events, items, users", e.Of)
	}
	if e.Where != "" {
		if _, err := filter.Parse(e.Where); err != nil {
			fault("where", "%v", err)
		}
	}
	if e.Window < 0 || e.Within < 0 {
		fault("window", "must not be negative")
	}
	if e.Share != nil && (*e.Share < 0 || *e.Share > 1) {
		fault("share", "must lie between 0 and 1, is %g", *e.Share)
	}
	if e.Severity != "" && severityRank(e.Severity) > severityRank(Info) {
		fault("severity", "%q is none of error, warning, info", e.Severity)
	}
	list = append(list, e.ownFaults()...)
	return list
}

// ownFaults are those of what its kind needs.
func (e *Expectation) ownFaults() (list []kindred.FieldError) {
	need := func(field string, given, wanted bool) {
		switch {
		case wanted && !given:
			list = append(list, kindred.FieldError{Field: field, Message: e.Expect + " needs it"})
		case given && !wanted:
			list = append(list, kindred.FieldError{Field: field, Message: e.Expect + " has no use for it"})
		}
	}
	known := []string{notNull, unique, between, inSet, matches, freshWithin, countBetween, shareOf}
	if !slices.Contains(known, e.Expect) {
		return []kindred.FieldError{{Field: "expect", Message: fmt.Sprintf("%q is none of %s", e.Expect, strings.Join(known, ", "))}}
	}
	is := func(names ...string) bool { return slices.Contains(names, e.Expect) }
	need("field", e.Field != "", is(notNull, unique, between, inSet, matches))
	need("min", e.Min != nil || e.Max != nil, is(between, countBetween, shareOf))
	need("values", len(e.Values) > 0, is(inSet))
	need("pattern", e.Pattern != "", is(matches))
	need("within", e.Within != 0, is(freshWithin))
	need("where", e.Where != "", is(shareOf) || e.Where != "")
	need("share", e.Share != nil, e.Share != nil && is(notNull, unique, between, inSet, matches))
	if e.Min != nil && e.Max != nil && *e.Min > *e.Max {
		list = append(list, kindred.FieldError{Field: "min", Message: "must not be above max"})
	}
	if len(e.Values) > maxValues {
		list = append(list, kindred.FieldError{Field: "values", Message: fmt.Sprintf("has %d entries, more than %d", len(e.Values), maxValues)})
	}
	if _, err := regexp.Compile(e.Pattern); err != nil {
		list = append(list, kindred.FieldError{Field: "pattern", Message: err.Error()})
	}
	return list
}

// expectation is one being looked at.
type expectation struct {
	*Expectation
	where    *filter.Filter
	pattern  *regexp.Regexp
	set      map[string]bool
	from     time.Time // of the window; zero: none
	now      time.Time
	rows     int64 // of the window
	kept     int64 // of those, by where
	failed   int64
	newest   time.Time
	values   *sample[int64]
	examples examples
}

func newExpectation(e *Expectation, now time.Time) *expectation {
	x := &expectation{Expectation: e, now: now, values: newSample[int64](contentLimit), set: map[string]bool{}}
	if e.Where != "" {
		x.where, _ = filter.Parse(e.Where) // Validate has parsed it
	}
	x.pattern = regexp.MustCompile(e.Pattern)
	for _, v := range e.Values {
		x.set[v] = true
	}
	if e.Window > 0 {
		x.from = now.Add(-e.Window)
	}
	return x
}

func (x *expectation) addEvent(e *kindred.Event) {
	if x.Of == ofEvents {
		x.add(e.Time, lookupEvent(e), func() string { return describe(e) })
	}
}

func (x *expectation) addItem(i *kindred.Item) {
	if x.Of == ofItems {
		of := filter.OfItem(i)
		x.add(i.UpdatedAt, withID(string(i.ID), of), func() string { return string(i.ID) })
	}
}

func (x *expectation) addUser(u *kindred.User) {
	if x.Of == ofUsers {
		of := func(name string) (kindred.Attribute, bool) {
			a, has := u.Attributes[name]
			return a, has
		}
		x.add(u.UpdatedAt, withID(string(u.ID), of), func() string { return string(u.ID) })
	}
}

func withID(id string, of filter.Lookup) filter.Lookup {
	return func(name string) (kindred.Attribute, bool) {
		if name == "id" {
			return kindred.StringOf(id), true
		}
		return of(name)
	}
}

// add judges a row.
func (x *expectation) add(at time.Time, of filter.Lookup, describe func() string) {
	if at.Before(x.from) {
		return
	}
	x.rows++
	if !x.where.Keeps(of) {
		return
	}
	x.kept++
	if at.After(x.newest) {
		x.newest = at
	}
	if x.Field == "" {
		return
	}
	a, has := of(x.Field)
	if has && x.complies(&a) || !has && x.Expect != notNull {
		return
	}
	x.failed++
	if len(x.examples) < exampleLimit {
		text := describe()
		if has {
			text += ": " + x.Field + " is " + textOf(&a)
		}
		x.examples.add(text)
	}
}

// complies says whether a row that has the field is as expected.
func (x *expectation) complies(a *kindred.Attribute) bool {
	switch x.Expect {
	case between:
		return a.Type == kindred.Number && within(a.Number, x.Min, x.Max)
	case inSet:
		if a.Type == kindred.StringSet {
			return !slices.ContainsFunc(a.Set, func(word string) bool { return !x.set[word] })
		}
		return x.set[textOf(a)]
	case matches:
		return x.pattern.MatchString(textOf(a))
	case unique:
		n := x.values.of(hashOf(textOf(a)))
		if n != nil {
			*n++
		}
		return n == nil || *n == 1
	default:
		return true
	}
}

func within(value float64, low, high *float64) bool {
	return (low == nil || value >= *low) && (high == nil || value <= *high)
}

// textOf writes an attribute's value as text.
func textOf(a *kindred.Attribute) string {
	switch a.Type {
	case kindred.Number:
		return strconv.FormatFloat(a.Number, 'g', -1, 64)
	case kindred.Bool:
		return strconv.FormatBool(a.Bool)
	case kindred.Time:
		return a.Time.UTC().Format(time.RFC3339)
	case kindred.StringSet:
		return strings.Join(a.Set, ",")
	case kindred.Vector:
		return fmt.Sprint(a.Vector)
	default:
		return a.Text
	}
}

// result judges all rows.
func (x *expectation) result() Result {
	r := Result{
		Name: x.Name, Group: "expectations", Status: OK, Unit: unitShare, Count: x.failed, Of: x.kept, Owner: x.Owner,
		Meaning: x.sentence(),
	}
	var met bool
	switch x.Expect {
	case freshWithin:
		r.Unit, r.Limit = unitDays, x.Within.Hours()/24
		met = x.kept > 0 && x.now.Sub(x.newest) <= x.Within
		if r.Detail = "there are no such rows"; x.kept > 0 {
			r.Figure, r.Detail = x.now.Sub(x.newest).Hours()/24, "the newest is of "+x.newest.UTC().Format("2006-01-02 15:04")
		}
	case countBetween:
		r.Unit, r.Figure, r.Count, r.Of = unitRows, float64(x.kept), x.kept, x.rows
		met = within(r.Figure, x.Min, x.Max)
	case shareOf:
		r.Figure, r.Count, r.Of = share(x.kept, x.rows), x.kept, x.rows
		met = within(r.Figure, x.Min, x.Max)
	default:
		if x.Expect == unique {
			r.Count, r.Of = x.values.scale(x.failed), x.kept
		}
		r.Figure = share(r.Count, r.Of)
		if x.Share != nil {
			r.Limit = 1 - *x.Share
		}
		met = r.Figure <= r.Limit+1e-12
	}
	r.Figure, r.Limit = round(r.Figure), round(r.Limit)
	if !met {
		r.Status, r.Examples = Error, x.examples
		if x.Severity != "" {
			r.Status = x.Severity
		}
	}
	return r
}

// sentence writes the expectation out.
func (x *expectation) sentence() string {
	text := x.Of
	if x.Where != "" {
		text += " where " + x.Where
	}
	if x.Window > 0 {
		text += " of the last " + x.Window.String()
	}
	text += ": " + strings.TrimSpace(x.Field+" "+x.Expect)
	switch x.Expect {
	case inSet:
		text += " " + clip(strings.Join(x.Values, ", "))
	case matches:
		text += " " + x.Pattern
	case freshWithin:
		text += " " + x.Within.String()
	}
	return text + bound(" from ", x.Min) + bound(" to ", x.Max) + bound(" in a share of ", x.Share)
}

// bound writes a bound that is set.
func bound(word string, at *float64) string {
	if at == nil {
		return ""
	}
	return word + strconv.FormatFloat(*at, 'g', -1, 64)
}
