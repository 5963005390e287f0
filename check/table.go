package check

import (
	"cmp"
	"math"
	"slices"
	"strconv"
)

// Check is one line of the table of checks. It judges a figure against a
// limit: beyond it, the check comes out with its severity, and beyond
// ErrorAbove, unless that is 0, as an error.
type Check struct {
	Name       string
	Group      string
	Severity   Status
	Limit      float64
	ErrorAbove float64
	Unit       string // of figure and limits
	Figure     string // what the figure is
	Meaning    string // what it harms
	Advice     string // what to do

	find func(*Collector) finding
}

// finding is what a check found.
type finding struct {
	figure    float64
	count, of int64
	detail    string
	examples  examples
	skipped   string // why nothing can be said
}

// Units of figures.
const (
	unitShare    = "share"
	unitRows     = "rows"
	unitDays     = "days"
	unitRatio    = "ratio"
	unitDistance = "distance"
)

// Checks returns the table of all checks, by group.
func Checks() []Check {
	return slices.Concat(
		amountChecks(), identifierChecks(), timeChecks(), volumeChecks(), driftChecks(), valueChecks(),
		behaviourChecks(), joinChecks(), catalogueChecks(), referenceChecks(), attributeChecks(), leakChecks(),
	)
}

// Report judges what was gathered.
func (c *Collector) Report() Report {
	r := Report{At: c.settings.Now.UTC(), Rows: c.rows(), Summary: map[Status]int{}, Sampled: c.sampled(), Results: []Result{}, Expectations: []Result{}}
	for _, check := range Checks() {
		rule := c.settings.Rules[check.Name]
		if rule.Severity != off {
			r.Results = append(r.Results, check.judge(rule, check.find(c)))
		}
	}
	for _, e := range c.expected {
		r.Expectations = append(r.Expectations, e.result())
	}
	for _, list := range [][]Result{r.Results, r.Expectations} {
		slices.SortStableFunc(list, func(a, b Result) int { return cmp.Compare(severityRank(a.Status), severityRank(b.Status)) })
		for i := range list {
			r.Summary[list[i].Status]++
		}
	}
	r.Readiness = c.readiness()
	for reason, n := range c.verdicts {
		if r.Verdicts == nil {
			r.Verdicts = map[string]int64{}
		}
		r.Verdicts[reason.String()] = n
	}
	return r
}

// judge compares a finding with the limits of the table, as overridden.
func (k *Check) judge(rule Rule, f finding) Result {
	severity, limit, errorAbove := cmp.Or(rule.Severity, k.Severity), k.Limit, k.ErrorAbove
	if rule.Limit != nil {
		limit = *rule.Limit
	}
	if rule.ErrorAbove != nil {
		errorAbove = *rule.ErrorAbove
	}
	r := Result{
		Name: k.Name, Group: k.Group, Status: OK, Figure: round(f.figure), Limit: limit, Unit: k.Unit, Count: f.count, Of: f.of,
		Detail: f.detail, Meaning: k.Meaning,
	}
	switch {
	case f.skipped != "":
		r.Status, r.Detail = Skipped, f.skipped
		return r
	case errorAbove != 0 && f.figure > errorAbove:
		r.Status, r.Limit = Error, errorAbove
	case f.figure > limit:
		r.Status = severity
	default:
		return r
	}
	r.Advice, r.Examples = k.Advice, f.examples
	return r
}

// rows says how much there was.
func (c *Collector) rows() Rows {
	rows := Rows{Events: c.events.count, Items: c.shelf.count, Users: c.people.rows, Exposures: c.shown.count}
	for _, n := range c.rejects {
		rows.Rejected += n
	}
	if c.events.count > c.events.future {
		rows.First, rows.Last = moment(c.events.first), moment(c.events.last)
	}
	return rows
}

// sampled says of what only a part was looked at.
func (c *Collector) sampled() map[string]float64 {
	parts := map[string]float64{}
	for name, level := range map[string]uint{
		"items": c.items.level, "users": c.users.level, "pairs": c.pairs.level, "sessions": c.sessions.level,
		"repeats": c.contents.level, "event_ids": c.ids.level, "exposures": c.requests.level,
	} {
		if level > 0 {
			parts[name] = math.Ldexp(1, -int(level))
		}
	}
	return parts
}

// of makes a finding about a share of rows.
func of(count, all int64, found examples) finding {
	return finding{figure: share(count, all), count: count, of: all, examples: found}
}

// about adds a detail to a finding.
func (f finding) about(detail string) finding {
	f.detail = detail
	return f
}

// orSkip says why there is nothing to compute a share from, if there is not.
func (f finding) orSkip(why string) finding {
	if f.of == 0 {
		return skip(why)
	}
	return f
}

func skip(why string) finding { return finding{skipped: why} }

func share(n, all int64) float64 {
	if all == 0 {
		return 0
	}
	return float64(n) / float64(all)
}

// round keeps four significant digits, which is more than any figure means.
func round(x float64) float64 {
	if x == 0 || math.IsInf(x, 0) || math.IsNaN(x) {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(math.Abs(x)))-3)
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(math.Round(x/unit)*unit, 'g', 4, 64), 64)
	if err != nil {
		return x
	}
	return rounded
}

// plain writes a number without an exponent, at most two digits behind the point.
func plain(x float64) string { return strconv.FormatFloat(math.Round(x*100)/100, 'f', -1, 64) }

// percent writes a share, small ones to two digits.
func percent(x float64) string {
	if x < 0.001 {
		return strconv.FormatFloat(x*100, 'g', 2, 64) + " %"
	}
	return strconv.FormatFloat(math.Round(x*1000)/10, 'f', -1, 64) + " %"
}
