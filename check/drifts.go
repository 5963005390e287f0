package check

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"kindred/drift"
)

// distribution is something of events whose drift is looked for.
type distribution struct {
	name   string // "kinds"
	by     drift.Distance
	floor  float64 // of the threshold
	bins   int
	counts func(*dayFacts) []int32
	has    func(*Collector) bool // something to compare
	none   string                // said where there is nothing
}

func always(*Collector) bool { return true }

func distributions() []distribution {
	return []distribution{
		{
			"kinds", drift.JensenShannon, 0.1, maxKinds, func(d *dayFacts) []int32 { return d.kinds[:] },
			func(c *Collector) bool { return len(c.events.byIndex) > 1 }, "there is one kind of event",
		},
		{
			"categories", drift.JensenShannon, 0.15, shelfBins, func(d *dayFacts) []int32 { return d.shelves[:] },
			func(c *Collector) bool { return c.shelf.categorised > 0 }, "no item has a category",
		},
		{
			"prices", drift.PSI, 0.25, priceBins, func(d *dayFacts) []int32 { return d.prices[:] },
			func(c *Collector) bool { return c.shelf.priced > 0 }, "no item has a price",
		},
		{"positions", drift.PSI, 0.25, positionBins, func(d *dayFacts) []int32 { return d.positions[:] }, always, ""},
		{"hours", drift.CramerV, 0.15, hoursADay, func(d *dayFacts) []int32 { return d.hours[:] }, always, ""},
	}
}

func driftChecks() []Check {
	const group, meaning = "drift", "models learned from before fit less now"
	const calibrated = ", over its threshold: mean and three deviations of the windows before, at least "
	line := func(name, what, floor, advice string, find func(*Collector) finding) Check {
		return Check{
			Name: name, Group: group, Severity: Warning, Limit: 1, Unit: unitDistance, Figure: what + calibrated + floor,
			Meaning: meaning, Advice: advice, find: find,
		}
	}
	lately := func(name string) func(*Collector) finding {
		return func(c *Collector) finding {
			all := distributions()
			d := &all[slices.IndexFunc(all, func(d distribution) bool { return d.name == name })]
			if !d.has(c) {
				return skip(d.none)
			}
			return c.drifted(d)
		}
	}
	return []Check{
		line("drift_kinds", "Jensen-Shannon distance of the mix of kinds, last window to those before", "0.1",
			"see whether a kind of event is sent differently, and train again", lately("kinds")),
		line("drift_categories", "Jensen-Shannon distance of the first categories of the events' items", "0.15",
			"train again; a half-life lets what is new count more", lately("categories")),
		line("drift_prices", "population stability index of the prices of the events' items, by doublings", "0.25",
			"see whether the currency changed or a sale goes on, and train again", lately("prices")),
		line("drift_value_shape", "Kolmogorov-Smirnov distance of ratings, or else quantities or seconds played", "0.1",
			"see whether the scale or unit of values changed", func(c *Collector) finding { return c.driftOfValues(drift.KolmogorovSmirnov, 0.1) }),
		line("drift_value_level", "Wasserstein distance, in deviations, of ratings, or else quantities or seconds played", "0.25",
			"see whether the scale or unit of values changed", func(c *Collector) finding { return c.driftOfValues(drift.Wasserstein, 0.25) }),
		line("drift_positions", "population stability index of positions in lists", "0.25",
			"see whether lists have another length or layout", lately("positions")),
		line("drift_hours", "Cramér's V (chi-square per row) of the hours of the day", "0.15",
			"see whether the clock's zone changed, or programs visit", lately("hours")),
		{
			Name: "drift_since_training", Group: group, Severity: Warning, Limit: 1, Unit: unitDistance,
			Figure:  "the largest of drift_kinds, _categories, _prices, _positions and _hours, the last window (or the days since, if fewer) being compared with what the live model was learned from",
			Meaning: "the live model was learned from other data than come now", Advice: "train again: kindred train", find: findSinceTraining,
		},
	}
}

// How much drift needs.
const (
	driftChunks = 8
	driftEvents = 500 // in the last window; fewer differ by chance
)

// stretch is a window of days and where the windows of the same length that it
// is compared with end; days are since 1970.
type stretch struct{ last, length, before int64 }

// lately is the last window and those right before it.
func (c *Collector) lately() stretch {
	length := int64(c.settings.Window / day)
	last := c.lastDay()
	return stretch{last, length, last - length}
}

// lastDay is that of the last event, 0 if there is none.
func (c *Collector) lastDay() int64 {
	if days := c.activeDays(anyEvent); len(days) > 0 {
		return days[len(days)-1]
	}
	return 0
}

// windows returns a distribution's counts in a stretch, and in chunks of the
// same length before.
func (c *Collector) windows(s stretch, d *distribution) (current []int64, chunks [][]int64) {
	days := c.activeDays(anyEvent)
	current = make([]int64, d.bins)
	if len(days) == 0 {
		return current, nil
	}
	add := func(into []int64, until int64) {
		for number := until - s.length + 1; number <= until; number++ {
			if facts := c.events.days[number]; facts != nil {
				for i, n := range d.counts(facts) {
					into[i] += int64(n)
				}
			}
		}
	}
	add(current, s.last)
	for k := range int64(driftChunks) {
		until := s.before - k*s.length
		if until-s.length+1 < days[0] {
			break
		}
		chunk := make([]int64, d.bins)
		add(chunk, until)
		chunks = append(chunks, chunk)
	}
	return current, chunks
}

// compare judges a distribution's drift; of so few rows or chunks nothing can
// be said, and why is set.
func (c *Collector) compare(s stretch, d *distribution) (j drift.Judgement, rows int64, why string) {
	current, chunks := c.windows(s, d)
	for _, n := range current {
		rows += n
	}
	j = drift.Judge(d.by, chunks, current, d.floor)
	length := time.Duration(s.length) * day
	switch {
	case rows < driftEvents:
		why = fmt.Sprintf("there are fewer than %d such events in the last %s", driftEvents, daysOf(length))
	case j.Chunks < drift.MinChunks:
		why = fmt.Sprintf("there are fewer than %d times %s before the last", drift.MinChunks, daysOf(length))
	}
	return j, rows, why
}

func (c *Collector) drifted(d *distribution) finding {
	j, rows, why := c.compare(c.lately(), d)
	if why != "" {
		return skip(why)
	}
	return finding{
		figure: j.Distance / j.Threshold, count: rows, of: c.events.count,
		detail: fmt.Sprintf("%s in the last %s, threshold %s", plain3(j.Distance), daysOf(c.settings.Window), plain3(j.Threshold)),
	}
}

// findSinceTraining compares what came after the live model's data with those.
func findSinceTraining(c *Collector) finding {
	if c.settings.TrainedTo.IsZero() {
		return skip("no model is live")
	}
	trained := floorDiv(c.settings.TrainedTo.UnixMilli(), dayMillis)
	last := c.lastDay()
	s := stretch{last, min(last-trained, int64(c.settings.Window/day)), trained}
	if s.length < 1 {
		return skip("the live model knows all events but today's")
	}
	found, why := finding{figure: -1}, ""
	for _, d := range distributions() {
		j, rows, few := c.compare(s, &d)
		if !d.has(c) || few != "" {
			why = cmp.Or(few, d.none)
			continue
		}
		if figure := j.Distance / j.Threshold; figure > found.figure {
			found = finding{
				figure: figure, count: rows, of: c.events.count,
				detail: fmt.Sprintf("%s: %s in the last %s, threshold %s", d.name, plain3(j.Distance), daysOf(time.Duration(s.length)*day), plain3(j.Threshold)),
			}
		}
	}
	if found.figure < 0 {
		return skip(why)
	}
	return found
}

func daysOf(d time.Duration) string { return fmt.Sprintf("%d days", d/day) }

// plain3 writes a number to three places.
func plain3(x float64) string { return fmt.Sprintf("%.3f", x) }

// driftOfValues looks at the values of the first kind that has enough.
func (c *Collector) driftOfValues(by drift.Distance, floor float64) finding {
	best := skip("there are no ratings, quantities or seconds")
	for _, valued := range [...]int{1, 0, 2} { // rating, purchase, play
		f := c.drifted(&distribution{by: by, floor: floor, bins: valueBins, counts: func(d *dayFacts) []int32 { return d.values[valued][:] }})
		if f.skipped == "" {
			return f
		}
		if c.hasValues(valued) {
			best = f
		}
	}
	return best
}

func (c *Collector) hasValues(valued int) bool {
	for _, kind := range c.events.byIndex {
		if kind.valued == valued && kind.count > 0 {
			return true
		}
	}
	return false
}
