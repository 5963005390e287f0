// Package check reads all data once and says what is wrong with them, what
// that harms and what to do about it: some fifty named checks (table.go) of
// completeness, uniqueness, references, times, volume, drift, values, joins,
// identifiers, attributes and leaks, beside what users expect in their own
// words (Expectation), and what can be learned from that much data (ready.go).
//
// A Collector is fed items, users, exposures and then events, in any order
// within each; Report judges. Memory is bounded whatever the amount of data,
// at some 100 MB: sets of identifiers beyond 262,144 items, 131,072 users or
// 65,536 sessions and pairs are sampled by hash, so that shares stay right
// while counts are scaled and marked as estimates (Report.Sampled); the most
// frequent users and moments are found within one part in 512. The same data
// in the same order and the same settings give the same report.
package check

import (
	"fmt"
	"strings"
	"time"

	"kindred"
)

// Status says how a check came out.
type Status string

// The ways a check can come out, the worst first.
const (
	Error   Status = "error"   // training would learn nothing, or nonsense
	Warning Status = "warning" // training works, and worse than it could
	Info    Status = "info"    // worth knowing
	OK      Status = "ok"
	Skipped Status = "skipped" // there was nothing to compute it from; Detail says what
)

// Rule overrides how one check judges.
type Rule struct {
	// Severity is what the check says beyond its limit: error, warning, info,
	// or off. Empty leaves it as it is.
	Severity Status `yaml:"severity"`
	// Limit is the figure beyond which it says so.
	Limit *float64 `yaml:"limit"`
	// ErrorAbove is the figure beyond which it is an error in any case.
	ErrorAbove *float64 `yaml:"error_above"`
}

// off is the severity of a check that is not to be done.
const off Status = "off"

// Settings say when it is and what counts as bad. Zero settings but for Now
// are good.
type Settings struct {
	Now          time.Time
	Window       time.Duration   // what "lately" means for drift, in whole days; 0: 7 days
	Rules        map[string]Rule // by check
	Expectations []Expectation
	// TrainedTo is when the data of the live model end; zero: none is live.
	TrainedTo time.Time
	// Refuse are the verdicts of which training takes no events; 0: all but
	// the informational.
	Refuse kindred.Verdict
}

// Result is how one check came out.
type Result struct {
	Name     string   `json:"name"`
	Group    string   `json:"group"`
	Status   Status   `json:"status"`
	Figure   float64  `json:"figure"` // what was compared with the limit
	Limit    float64  `json:"limit"`  // beyond which it is no longer ok
	Unit     string   `json:"unit"`   // of both: share, days, distance, …
	Count    int64    `json:"count"`  // rows concerned
	Of       int64    `json:"of"`     // of so many looked at
	Detail   string   `json:"detail,omitempty"`
	Examples []string `json:"examples,omitempty"`
	Meaning  string   `json:"meaning"`
	Advice   string   `json:"advice,omitempty"` // what to do, unless it is ok
	Owner    string   `json:"owner,omitempty"`  // of an expectation
}

// Rows is how much there was.
type Rows struct {
	Events    int64     `json:"events"`
	Items     int64     `json:"items"`
	Users     int64     `json:"users"` // with attributes
	Exposures int64     `json:"exposures"`
	Rejected  int64     `json:"rejected"` // rows of files that could not be read as any of these
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"` // of the events, the future left out
}

// Report is the outcome of all checks.
type Report struct {
	At           time.Time      `json:"at"`
	Rows         Rows           `json:"rows"`
	Summary      map[Status]int `json:"summary"`
	Results      []Result       `json:"results"` // the worst first
	Expectations []Result       `json:"expectations"`
	Readiness    []Step         `json:"readiness"`
	// Verdicts counts events by each reason that cleaning found.
	Verdicts map[string]int64 `json:"verdicts,omitempty"`
	// Sampled names what was too much to be kept whole, with the part that was
	// looked at: {"users": 0.25}.
	Sampled map[string]float64 `json:"sampled,omitempty"`
}

// Find returns a check's or an expectation's result by name.
func (r *Report) Find(name string) (Result, bool) {
	for _, list := range [][]Result{r.Results, r.Expectations} {
		for i := range list {
			if list[i].Name == name {
				return list[i], true
			}
		}
	}
	return Result{}, false
}

// Worst returns the worst status there is.
func (r *Report) Worst() Status {
	for _, status := range []Status{Error, Warning, Info} {
		if r.Summary[status] > 0 {
			return status
		}
	}
	return OK
}

// Named returns which checks came out as errors and warnings. Learning from
// data with errors is overriding them.
func (r *Report) Named() kindred.DataChecks {
	checks := kindred.DataChecks{At: r.At, Errors: []string{}, Warnings: []string{}, Overridden: r.Summary[Error] > 0}
	for _, list := range [][]Result{r.Results, r.Expectations} {
		for i := range list {
			switch list[i].Status { //nolint:exhaustive // the others need no name
			case Error:
				checks.Errors = append(checks.Errors, list[i].Name)
			case Warning:
				checks.Warnings = append(checks.Warnings, list[i].Name)
			}
		}
	}
	return checks
}

// Err returns an error that names every check that came out as error, with
// what to do, or nil if there is none.
func (r *Report) Err() error {
	err := &kindred.Error{Kind: kindred.Conflict}
	for _, list := range [][]Result{r.Results, r.Expectations} {
		for i := range list {
			if x := &list[i]; x.Status == Error {
				parts := []string{x.measure()}
				for _, part := range []string{x.Detail, x.Meaning, x.Advice} {
					if part != "" {
						parts = append(parts, part)
					}
				}
				err.Fields = append(err.Fields, kindred.FieldError{Field: x.Name, Message: strings.Join(parts, "; ")})
			}
		}
	}
	if len(err.Fields) == 0 {
		return nil
	}
	err.Message = "the data are not fit to learn from; see all of it by 'kindred check', or train all the same with --ignore-checks"
	return err
}

// Validate reports every rule and expectation that makes no sense.
func (s *Settings) Validate() error {
	err := &kindred.Error{Kind: kindred.Invalid, Message: "what is to be checked is not valid"}
	fault := func(field, format string, args ...any) {
		err.Fields = append(err.Fields, kindred.FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
	}
	if s.Window < 0 || s.Window > maxWindow || s.Window%day != 0 {
		fault("window", "must be whole days, at most %d", maxWindow/day)
	}
	known := map[string]bool{}
	for _, c := range Checks() {
		known[c.Name] = true
	}
	for _, name := range sortedKeys(s.Rules) {
		rule := s.Rules[name]
		switch {
		case !known[name]:
			fault("checks."+name, "is no check (docs/checks.md lists all)")
		case rule.Severity != "" && rule.Severity != off && severityRank(rule.Severity) > severityRank(Info):
			fault("checks."+name+".severity", "%q is none of error, warning, info, off", rule.Severity)
		}
	}
	names := map[string]bool{}
	for i := range s.Expectations {
		e := &s.Expectations[i]
		if names[e.Name] {
			fault(fmt.Sprintf("expectations[%d].name", i), "%q is given twice", e.Name)
		}
		names[e.Name] = true
		for _, f := range e.faults() {
			fault(fmt.Sprintf("expectations[%d].%s", i, f.Field), "%s", f.Message)
		}
	}
	if len(err.Fields) == 0 {
		return nil
	}
	return err
}

// severityRank orders statuses, the worst first.
func severityRank(s Status) int {
	for rank, status := range []Status{Error, Warning, Info, OK, Skipped} {
		if s == status {
			return rank
		}
	}
	return 5
}
