package check

import (
	"fmt"
	"math"
	"slices"
)

func volumeChecks() []Check {
	const group = "volume"
	return []Check{
		{
			Name: "volume_day", Group: group, Severity: Warning, Limit: 5, Unit: unitRatio,
			Figure:  "how far the last whole day's number of events is from the median of up to 8 such weekdays before, in their deviations (1.4826 MAD, at least 3 root of the median and a tenth of it)",
			Meaning: "events are lost, doubled or made by programs", Advice: "compare with what the shop's own books say of that day", find: findVolume,
		},
		{
			Name: "volume_hours", Group: group, Severity: Warning, Limit: 0.2, Unit: unitShare,
			Figure:  "hours of the last whole day that are more than 5 deviations from those of the weekday's hours before, or empty as none was before, of 24",
			Meaning: "events were lost for part of the day, or the clock's zone changed", Advice: "see what happened in these hours", find: findVolumeHours,
		},
	}
}

// weeksBack is how many of the same weekday make the band.
const (
	weeksBack = 8
	minWeeks  = 4
	fewADay   = 30 // events of the median day, below which any number is usual
)

// lastWholeDay is the day before that of the latest event, with the same
// weekdays before it.
func (c *Collector) lastWholeDay() (last int64, before []*dayFacts) {
	days := c.activeDays(anyEvent)
	if len(days) == 0 {
		return 0, nil
	}
	last = days[len(days)-1] - 1
	for week := range int64(weeksBack) {
		number := last - 7*(week+1)
		if number <= days[0] { // the first day may be a part
			break
		}
		before = append(before, c.dayFacts(number))
	}
	return last, before
}

// dayFacts returns what happened on a day, which may be nothing.
func (c *Collector) dayFacts(number int64) *dayFacts {
	if d := c.events.days[number]; d != nil {
		return d
	}
	return &dayFacts{}
}

// deviation is how far x is from the median of the band, in robust standard
// deviations.
func deviation(x float64, band []float64) (far, median float64) {
	median = medianOf(band)
	away := make([]float64, len(band))
	for i, b := range band {
		away[i] = math.Abs(b - median)
	}
	spread := max(1.4826*medianOf(away), 3*math.Sqrt(max(median, 1)), 0.1*median)
	return (x - median) / spread, median
}

func medianOf(x []float64) float64 {
	sorted := slices.Sorted(slices.Values(x))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

func findVolume(c *Collector) finding {
	last, before := c.lastWholeDay()
	if len(before) < minWeeks {
		return skip("there are fewer than 5 weeks of events")
	}
	band := make([]float64, len(before))
	for i, d := range before {
		band[i] = float64(d.events)
	}
	events := c.dayFacts(last).events
	far, median := deviation(float64(events), band)
	if median < fewADay {
		return skip("there are too few events on such a day to tell")
	}
	return finding{
		figure: math.Abs(far), count: events, of: int64(median),
		detail: fmt.Sprintf("%d events on %s, where %s are usual", events, date(last), plain(median)),
	}
}

func findVolumeHours(c *Collector) finding {
	last, before := c.lastWholeDay()
	if len(before) < minWeeks {
		return skip("there are fewer than 5 weeks of events")
	}
	var found examples
	var outside int64
	today := c.dayFacts(last)
	band := make([]float64, len(before))
	for hour := range hoursADay {
		for i, d := range before {
			band[i] = float64(d.hours[hour])
		}
		far, median := deviation(float64(today.hours[hour]), band)
		isEmpty := today.hours[hour] == 0 && median >= 10 && slices.Min(band) > 0
		if isEmpty || math.Abs(far) > 5 {
			outside++
			found.add(fmt.Sprintf("%s %02d:00: %d events, usually %s", date(last), hour, today.hours[hour], plain(median)))
		}
	}
	return of(outside, hoursADay, found)
}
