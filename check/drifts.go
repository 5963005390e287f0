package check

import (
	"fmt"
	"time"

	"kindred/drift"
)

func driftChecks() []Check {
	const group, meaning = "drift", "models learned from before fit less now"
	const calibrated = ", over its threshold: mean and three deviations of the windows before, at least "
	line := func(name, what, floor, advice string, find func(*Collector) finding) Check {
		return Check{
			Name: name, Group: group, Severity: Warning, Limit: 1, Unit: unitDistance, Figure: what + calibrated + floor,
			Meaning: meaning, Advice: advice, find: find,
		}
	}
	return []Check{
		line("drift_kinds", "Jensen-Shannon distance of the mix of kinds, last window to those before", "0.1",
			"see whether a kind of event is sent differently, and train again", findDriftKinds),
		line("drift_categories", "Jensen-Shannon distance of the first categories of the events' items", "0.15",
			"train again; a half-life lets what is new count more", findDriftCategories),
		line("drift_value_shape", "Kolmogorov-Smirnov distance of ratings, or else quantities or seconds played", "0.1",
			"see whether the scale or unit of values changed", func(c *Collector) finding { return c.driftOfValues(drift.KolmogorovSmirnov, 0.1) }),
		line("drift_value_level", "Wasserstein distance, in deviations, of ratings, or else quantities or seconds played", "0.25",
			"see whether the scale or unit of values changed", func(c *Collector) finding { return c.driftOfValues(drift.Wasserstein, 0.25) }),
		line("drift_positions", "population stability index of positions in lists", "0.25",
			"see whether lists have another length or layout", findDriftPositions),
		line("drift_hours", "Cramér's V (chi-square per row) of the hours of the day", "0.15",
			"see whether the clock's zone changed, or programs visit", findDriftHours),
	}
}

// How much drift needs.
const (
	driftChunks = 8
	driftEvents = 500 // in the last window; fewer differ by chance
)

// windows returns a distribution's counts in the last window and, in chunks
// of the same length, before.
func (c *Collector) windows(bins int, counts func(*dayFacts) []int32) (current []int64, chunks [][]int64) {
	days := c.activeDays(anyEvent)
	current = make([]int64, bins)
	if len(days) == 0 {
		return current, nil
	}
	first, last, length := days[0], days[len(days)-1], int64(c.settings.Window/day)
	add := func(into []int64, until int64) {
		for number := until - length + 1; number <= until; number++ {
			if d := c.events.days[number]; d != nil {
				for i, n := range counts(d) {
					into[i] += int64(n)
				}
			}
		}
	}
	add(current, last)
	for k := range int64(driftChunks) {
		until := last - (k+1)*length
		if until-length+1 < first {
			break
		}
		chunk := make([]int64, bins)
		add(chunk, until)
		chunks = append(chunks, chunk)
	}
	return current, chunks
}

func (c *Collector) drifted(by drift.Distance, floor float64, bins int, counts func(*dayFacts) []int32) finding {
	current, chunks := c.windows(bins, counts)
	var rows int64
	for _, n := range current {
		rows += n
	}
	j := drift.Judge(by, chunks, current, floor)
	switch {
	case rows < driftEvents:
		return skip(fmt.Sprintf("there are fewer than %d such events in the last %s", driftEvents, daysOf(c.settings.Window)))
	case j.Chunks < drift.MinChunks:
		return skip(fmt.Sprintf("there are fewer than %d times %s before the last", drift.MinChunks, daysOf(c.settings.Window)))
	}
	return finding{
		figure: j.Distance / j.Threshold, count: rows, of: c.events.count,
		detail: fmt.Sprintf("%s in the last %s, threshold %s", plain3(j.Distance), daysOf(c.settings.Window), plain3(j.Threshold)),
	}
}

func daysOf(d time.Duration) string { return fmt.Sprintf("%d days", d/day) }

// plain3 writes a number to three places.
func plain3(x float64) string { return fmt.Sprintf("%.3f", x) }

func findDriftKinds(c *Collector) finding {
	if len(c.events.byIndex) < 2 {
		return skip("there is one kind of event")
	}
	return c.drifted(drift.JensenShannon, 0.1, maxKinds, func(d *dayFacts) []int32 { return d.kinds[:] })
}

func findDriftCategories(c *Collector) finding {
	if c.shelf.categorised == 0 {
		return skip("no item has a category")
	}
	return c.drifted(drift.JensenShannon, 0.15, shelfBins, func(d *dayFacts) []int32 { return d.shelves[:] })
}

func findDriftPositions(c *Collector) finding {
	return c.drifted(drift.PSI, 0.25, positionBins, func(d *dayFacts) []int32 { return d.positions[:] })
}

func findDriftHours(c *Collector) finding {
	return c.drifted(drift.CramerV, 0.15, hoursADay, func(d *dayFacts) []int32 { return d.hours[:] })
}

// driftOfValues looks at the values of the first kind that has enough.
func (c *Collector) driftOfValues(by drift.Distance, floor float64) finding {
	best := skip("there are no ratings, quantities or seconds")
	for _, valued := range [...]int{1, 0, 2} { // rating, purchase, play
		f := c.drifted(by, floor, valueBins, func(d *dayFacts) []int32 { return d.values[valued][:] })
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
