package check

import (
	"fmt"
	"slices"
	"time"
)

func timeChecks() []Check {
	const group = "times"
	return []Check{
		{
			Name: "time_future", Group: group, Severity: Warning, Unit: unitShare, Figure: "events more than 5 minutes ahead of now, of all",
			Meaning: "they count as the newest for as long as they are ahead", Advice: "set the sender's clock, and send times with their zone",
			find: func(c *Collector) finding { return of(c.events.future, c.events.count, c.events.futureExamples) },
		},
		{
			Name: "time_ancient", Group: group, Severity: Warning, Unit: unitShare, Figure: "events before 1991, of all",
			Meaning: "a time of 0, or seconds taken for milliseconds, is no time", Advice: "leave the time out where it is not known, and send seconds or RFC 3339",
			find: func(c *Collector) finding { return of(c.events.ancient, c.events.count, c.events.ancientExamples) },
		},
		{
			Name: "time_same", Group: group, Severity: Warning, Limit: 0.05, Unit: unitShare, Figure: "events at the most frequent moment, of all",
			Meaning: "what came first is not known: models cannot be judged on what came later, nor learn sequences",
			Advice:  "send the time at which each event happened, not the one of its delivery", find: findSameTime,
		},
		{
			Name: "time_of_day_same", Group: group, Severity: Warning, Limit: 0.2, Unit: unitShare,
			Figure:  "events in the most frequent second of the day, of all",
			Meaning: "the times are dates: the order within a day and sessions are lost", Advice: "send the time beside the date", find: findSameSecond,
		},
		{
			Name: "time_gap", Group: group, Severity: Warning, Limit: 3, Unit: unitRatio,
			Figure:  "the longest run of days without events, over one more than the usual run (the 95th percentile)",
			Meaning: "events of these days are missing: what was popular then is not known", Advice: "import the days again, if they were lost", find: findGap,
		},
		{
			Name: "events_stale", Group: group, Severity: Warning, Limit: 2, Unit: unitDays, Figure: "age of the latest event",
			Meaning: "recommendations follow what people did then, not now", Advice: "see that events are being sent", find: findStale,
		},
		{
			Name: "kind_silent", Group: group, Severity: Warning, Limit: 3, Unit: unitRatio,
			Figure:  "of the quietest kind of event: the days since its last, over one more than its longest break before",
			Meaning: "a kind of event is no longer sent", Advice: "see what changed in the page or program that sends it", find: findSilent,
		},
	}
}

func findSameTime(c *Collector) finding {
	top := c.topMoments.top()
	if c.events.count < 100 {
		return skip("there are fewer than 100 events")
	}
	var found examples
	for _, t := range top[:min(len(top), 3)] {
		found.add(fmt.Sprintf("%s: %d events", moment(int64(t.key)).Format("2006-01-02 15:04:05.000"), t.count))
	}
	return of(top[0].count, c.events.count, found)
}

func findSameSecond(c *Collector) finding {
	if c.events.count < 100 {
		return skip("there are fewer than 100 events")
	}
	if share(c.topMoments.top()[0].count, c.events.count) > 0.2 {
		return skip("most events are at one moment; see time_same")
	}
	most := 0
	for second, n := range c.events.seconds {
		if n > c.events.seconds[most] {
			most = second
		}
	}
	at := time.Unix(int64(most), 0).UTC().Format("15:04:05")
	return of(int64(c.events.seconds[most]), c.events.count, nil).about("at " + at + " UTC")
}

// activeDays are the days with events, in order, without those that cannot be.
func (c *Collector) activeDays(counts func(*dayFacts) bool) (days []int64) {
	for number, d := range c.events.days {
		if at := number * dayMillis; at >= ancientMillis && at <= c.now && counts(d) {
			days = append(days, number)
		}
	}
	slices.Sort(days)
	return days
}

func anyEvent(d *dayFacts) bool { return d.events > 0 }

// breaks are the runs of days between one and the next, 0 for neighbours.
func breaks(days []int64) []int64 {
	var runs []int64
	for i := 1; i < len(days); i++ {
		runs = append(runs, days[i]-days[i-1]-1)
	}
	return runs
}

func findGap(c *Collector) finding {
	days := c.activeDays(anyEvent)
	if len(days) < 14 {
		return skip("there are fewer than 14 days with events")
	}
	runs := breaks(days)
	longest := slices.Max(runs)
	at := slices.Index(runs, longest)
	sorted := slices.Sorted(slices.Values(runs))
	usual := sorted[len(sorted)*95/100]
	var found examples
	if longest > 0 {
		found.add(fmt.Sprintf("%s to %s", date(days[at]+1), date(days[at+1]-1)))
	}
	return finding{
		figure: float64(longest) / float64(usual+1), count: longest, of: days[len(days)-1] - days[0] + 1, examples: found,
		detail: fmt.Sprintf("%d days at the longest, usually at most %d", longest, usual),
	}
}

func findStale(c *Collector) finding {
	if c.events.count == c.events.future {
		return skip("there are no events of the past")
	}
	age := float64(c.now-c.events.last) / float64(dayMillis)
	return finding{figure: max(age, 0), of: c.events.count, detail: "the latest is of " + moment(c.events.last).Format("2006-01-02 15:04")}
}

func findSilent(c *Collector) finding {
	const rare, few = 100, 7
	days := c.activeDays(anyEvent)
	if len(days) < few {
		return skip("there are fewer than 7 days with events")
	}
	last, worst := days[len(days)-1], finding{}
	for _, kind := range c.events.byIndex {
		own := c.activeDays(func(d *dayFacts) bool { return d.kinds[kind.index] > 0 })
		if kind.count < rare || len(own) < few {
			continue
		}
		silence := last - own[len(own)-1]
		figure := float64(silence) / float64(slices.Max(breaks(own))+1)
		if figure > worst.figure {
			worst = finding{figure: figure, count: silence, detail: fmt.Sprintf("no %s since %s", kind.name, date(own[len(own)-1]))}
			worst.examples.add(string(kind.name))
		}
	}
	worst.of = int64(len(days))
	return worst
}

func moment(millis int64) time.Time { return time.UnixMilli(millis).UTC() }

func date(number int64) string { return moment(number * dayMillis).Format(time.DateOnly) }
