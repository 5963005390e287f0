package check

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	"kindred"
)

func valueChecks() []Check {
	const group = "values"
	return []Check{
		{
			Name: "value_negative", Group: group, Severity: Warning, Unit: unitShare, Figure: "events but ratings with a value below 0, of all",
			Meaning: "a return counted as a purchase teaches the opposite", Advice: "send returns as events of kind refund with a positive value",
			find: func(c *Collector) finding {
				return c.valued(func(k *kindFacts) int64 { return k.negative })
			},
		},
		{
			Name: "value_zero", Group: group, Severity: Warning, Limit: 0.001, Unit: unitShare, Figure: "events but ratings with a value of 0, of all",
			Meaning: "a purchase of nothing, or a play of no time, is none", Advice: "leave such events out, or leave the value out where it is not known",
			find: func(c *Collector) finding {
				return c.valued(func(k *kindFacts) int64 { return k.zero })
			},
		},
		{
			Name: "value_outlier", Group: group, Severity: Warning, Unit: unitShare,
			Figure:  "events but ratings whose value is beyond 16 times the 99th percentile of their kind, of all",
			Meaning: "wholesale orders or slips outweigh what people want", Advice: "look at the largest; turn cleaning on, which caps values", find: findOutliers,
		},
		{
			Name: "rating_constant", Group: group, Severity: Warning, Limit: 0.9, Unit: unitShare, Figure: "ratings of the most frequent value, of all ratings",
			Meaning: "where all is liked alike, a rating tells no more than a click", Advice: "send likes instead, or the value that people gave",
			find: findConstantRating,
		},
		{
			Name: "rating_scale", Group: group, Severity: Warning, Limit: 0.001, Unit: unitShare,
			Figure:  "ratings below 0 or above twice the 95th percentile, of all ratings",
			Meaning: "two scales are mixed, or a default stands for a rating", Advice: "bring ratings to one scale where they are sent", find: findRatingScale,
		},
		{
			Name: "refund_share", Group: group, Severity: Info, Limit: 0.005, ErrorAbove: 0, Unit: unitShare, Figure: "refunds, of purchases",
			Meaning: "each takes a purchase back from the history; many on one item warn of it", Advice: "see which items come back",
			find: findRefunds,
		},
		{
			Name: "refund_orphan", Group: group, Severity: Warning, Limit: 0.1, Unit: unitShare,
			Figure:  "refunds of what the user had not bought before, of all refunds",
			Meaning: "the purchases are missing, or user or item is named otherwise", Advice: "import older purchases, and compare the identifiers of both", find: findOrphans,
		},
		{
			Name: "price_jump", Group: group, Severity: Warning, Unit: unitShare,
			Figure:  "items whose price in the context of events differs by 20 times or more, of those with one",
			Meaning: "slips of the till, or corrections booked as sales", Advice: "look at the examples, and leave such events out", find: findPriceJumps,
		},
	}
}

// valued sums a count over all kinds.
func (c *Collector) valued(count func(*kindFacts) int64) finding {
	var n int64
	var found examples
	for _, kind := range c.events.byIndex {
		if count(kind) > 0 {
			n += count(kind)
			for _, text := range kind.examples {
				found.add(text)
			}
		}
	}
	return of(n, c.events.count-c.events.ratings.count, found)
}

// farOut is how many doublings beyond the usual a value is out of place.
const farOut = 4

func findOutliers(c *Collector) finding {
	var n, all int64
	var found examples
	for _, kind := range c.events.byIndex {
		high, count := kind.sizes.quantile(0.99)
		all += count
		if count < 100 {
			continue
		}
		for bin := high + farOut; bin < len(kind.sizes); bin++ {
			n += kind.sizes[bin]
		}
		for _, x := range kind.largest {
			if binOf(x.amount) >= high+farOut {
				found.add(x.text)
			}
		}
	}
	return of(n, all, found)
}

func findConstantRating(c *Collector) finding {
	r := &c.events.ratings
	if r.count < 100 {
		return skip("there are fewer than 100 ratings")
	}
	value, most := 0.0, int64(0)
	for _, v := range slices.Sorted(maps.Keys(r.values)) {
		if r.values[v] > most {
			value, most = v, r.values[v]
		}
	}
	return of(most, r.count, nil).about(fmt.Sprintf("the most frequent is %g", value))
}

func findRatingScale(c *Collector) finding {
	r := &c.events.ratings
	if r.count < 100 {
		return skip("there are fewer than 100 ratings")
	}
	values := slices.Sorted(maps.Keys(r.values))
	below, high := int64(0), values[len(values)-1]
	for _, v := range values {
		if below += r.values[v]; float64(below) >= 0.95*float64(r.count-r.other) {
			high = v
			break
		}
	}
	var odd int64
	var found examples
	for _, v := range slices.Backward(values) {
		if v < 0 || v > 2*math.Abs(high) {
			odd += r.values[v]
			found.add(fmt.Sprintf("%g: %d ratings", v, r.values[v]))
		}
	}
	return of(odd, r.count, found).about(fmt.Sprintf("from %g to %g, 19 in 20 at most %g", values[0], values[len(values)-1], high))
}

// countOf is how many events there are of a kind.
func (c *Collector) countOf(kind kindred.Kind) int64 {
	if k := c.events.kinds[kind]; k != nil {
		return k.count
	}
	return 0
}

func findRefunds(c *Collector) finding {
	return of(c.countOf(kindred.Refund), c.countOf(kindred.Purchase), nil).orSkip("there are no purchases")
}

func findOrphans(c *Collector) finding {
	var orphans, refunds int64
	for _, p := range c.pairs.values {
		refunds += int64(p.refunds)
		switch {
		case p.did&didReturn == 0:
		case p.did&didBuy == 0:
			orphans += int64(p.refunds)
		case p.returned < p.bought:
			orphans++
		}
	}
	return of(c.pairs.scale(orphans), c.pairs.scale(refunds), nil).orSkip("there are no refunds")
}

func findPriceJumps(c *Collector) finding {
	var jumps, priced int64
	var found []*itemFacts
	for _, f := range c.items.all() {
		if f.high == 0 {
			continue
		}
		priced++
		if f.high >= 20*f.low {
			jumps++
			found = append(found, f)
		}
	}
	slices.SortStableFunc(found, func(a, b *itemFacts) int { return cmp.Compare(b.high/b.low, a.high/a.low) })
	var shown examples
	for _, f := range found[:min(len(found), exampleLimit)] {
		shown.add(fmt.Sprintf("%s: %g to %g", f.name, f.low, f.high))
	}
	return of(c.items.scale(jumps), c.items.scale(priced), shown).orSkip(`no event tells a "price" in its context`)
}
