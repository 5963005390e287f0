package check

import (
	"fmt"
	"io"
	"strings"
)

// WriteText writes the report for people: what is not ok with its examples and
// what to do, then what is, in one line each if all is asked for, then what can
// be done with the data.
func (r *Report) WriteText(w io.Writer, all bool) error { //nolint:revive // flag-parameter: it is a flag of the command
	b := &strings.Builder{}
	r.writeRows(b)
	for _, list := range [][]Result{r.Expectations, r.Results} {
		for i := range list {
			if x := &list[i]; severityRank(x.Status) <= severityRank(Info) {
				x.write(b)
			}
		}
	}
	fmt.Fprintf(b, "\n%s\n", r.summary())
	if all {
		r.writeRest(b)
	}
	r.writeReadiness(b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) writeRows(b *strings.Builder) {
	fmt.Fprintf(b, "%d events, %d items, %d users with attributes, %d lists shown", r.Rows.Events, r.Rows.Items, r.Rows.Users, r.Rows.Exposures)
	if r.Rows.Rejected > 0 {
		fmt.Fprintf(b, ", %d rows rejected", r.Rows.Rejected)
	}
	if !r.Rows.First.IsZero() {
		fmt.Fprintf(b, "; from %s to %s", r.Rows.First.Format("2006-01-02 15:04"), r.Rows.Last.Format("2006-01-02 15:04"))
	}
	b.WriteString("\n")
	for _, name := range sortedKeys(r.Sampled) {
		fmt.Fprintf(b, "of %s a part of %s was looked at; their counts are estimates\n", name, percent(r.Sampled[name]))
	}
	for _, reason := range sortedKeys(r.Verdicts) {
		fmt.Fprintf(b, "cleaning found %d events of %s\n", r.Verdicts[reason], strings.ReplaceAll(reason, "_", " "))
	}
	b.WriteString("\n")
}

func (x *Result) write(b *strings.Builder) {
	fmt.Fprintf(b, "%-8s %s: %s", x.Status, x.Name, x.measure())
	if x.Detail != "" {
		fmt.Fprintf(b, " (%s)", x.Detail)
	}
	fmt.Fprintf(b, "\n         %s\n", x.Meaning)
	for _, example := range x.Examples {
		fmt.Fprintf(b, "         - %s\n", example)
	}
	if x.Advice != "" {
		fmt.Fprintf(b, "         → %s\n", x.Advice)
	}
	if x.Owner != "" {
		fmt.Fprintf(b, "         owner: %s\n", x.Owner)
	}
}

// measure writes the figure with its limit.
func (x *Result) measure() string {
	switch x.Unit {
	case unitShare:
		return fmt.Sprintf("%d of %d, %s; limit %s", x.Count, x.Of, percent(x.Figure), percent(x.Limit))
	case unitRows:
		return plain(x.Figure)
	default:
		return fmt.Sprintf("%s %s; limit %s", plain(x.Figure), x.Unit, plain(x.Limit))
	}
}

func (r *Report) summary() string {
	var parts []string
	for _, status := range []Status{Error, Warning, Info, OK, Skipped} {
		parts = append(parts, fmt.Sprintf("%d %s", r.Summary[status], status))
	}
	return strings.Join(parts, ", ")
}

func (r *Report) writeRest(b *strings.Builder) {
	for _, list := range [][]Result{r.Expectations, r.Results} {
		for i := range list {
			x := &list[i]
			if x.Status == OK {
				fmt.Fprintf(b, "ok       %s: %s\n", x.Name, x.measure())
			}
			if x.Status == Skipped {
				fmt.Fprintf(b, "skipped  %s: %s\n", x.Name, x.Detail)
			}
		}
	}
}

func (r *Report) writeReadiness(b *strings.Builder) {
	b.WriteString("\nwhat the data are enough for:\n")
	next := true
	for _, step := range r.Readiness {
		mark, needs := "yes", ""
		if !step.Ready {
			mark = "no"
			var parts []string
			for _, need := range step.Needs {
				if need.Have < need.Want {
					parts = append(parts, fmt.Sprintf("%d of %d %s", need.Have, need.Want, need.What))
				}
			}
			needs = "; has " + strings.Join(parts, ", ")
			if next {
				needs += " (the next step)"
				next = false
			}
		}
		fmt.Fprintf(b, "  %-3s  %s (%s)%s\n", mark, step.Name, step.Models, needs)
	}
}
