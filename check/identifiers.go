package check

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

func identifierChecks() []Check {
	const group = "identifiers"
	return []Check{
		{
			Name: "event_id_repeated", Group: group, Severity: Warning, Unit: unitShare, Figure: "events whose identifier another has, of all",
			Meaning: "of events with one identifier only the first is stored", Advice: "give each event an identifier of its own, and the same again only to send it again",
			find: func(c *Collector) finding { return repeated(c.ids, c.events.identified, c.events.sameID) },
		},
		{
			Name: "event_repeated", Group: group, Severity: Warning, Limit: 0.002, Unit: unitShare,
			Figure:  "events equal to another in user, item, kind, value and time, of all",
			Meaning: "what was reported twice counts twice", Advice: "send an event_id made from what happened, such as order and line; turn cleaning on",
			find: func(c *Collector) finding { return repeated(c.contents, c.events.count, c.events.repeats) },
		},
		{
			Name: "user_placeholder", Group: group, Severity: Warning, Limit: 0, ErrorAbove: 0.5, Unit: unitShare,
			Figure:  "events of users called null, undefined, 0 or the like, of all",
			Meaning: "many people become one, who likes everything", Advice: "leave the events of nobody out, or send the session in place of the user",
			find: func(c *Collector) finding { return c.events.nobody.found(c.events.count) },
		},
		{
			Name: "item_placeholder", Group: group, Severity: Warning, Limit: 0, ErrorAbove: 0.5, Unit: unitShare,
			Figure:  "events of items called null, undefined, 0 or the like, of all",
			Meaning: "an item that is none is recommended", Advice: "leave such events out where they are sent",
			find: func(c *Collector) finding { return c.events.nothing.found(c.events.count) },
		},
		{
			Name: "item_id_variants", Group: group, Severity: Warning, Unit: unitShare,
			Figure:  "items whose identifier differs from another's only in case, space or leading zeros, of all",
			Meaning: "one item stands for two, each with half of the events", Advice: "write identifiers in one way where they are sent",
			find: func(c *Collector) finding { return variants(namesOfItems(c)) },
		},
		{
			Name: "user_id_variants", Group: group, Severity: Warning, Unit: unitShare,
			Figure:  "users whose identifier differs from another's only in case, space or leading zeros, of all",
			Meaning: "one person stands for two, each with half of the history", Advice: "write identifiers in one way where they are sent",
			find: func(c *Collector) finding { return variants(namesOfUsers(c)) },
		},
		{
			Name: "item_id_shape", Group: group, Severity: Warning, Unit: unitShare,
			Figure:  "items whose identifier looks unlike those of the others (shapes of one or two, or 1 in 500, where 3 in 4 are of one), of all",
			Meaning: "such codes are often fees, corrections or tests rather than goods", Advice: "look at the examples, and leave out what is no item",
			find: func(c *Collector) finding { return shapes(namesOfItems(c)) },
		},
		{
			Name: "user_id_shape", Group: group, Severity: Info, Unit: unitShare,
			Figure:  "users whose identifier looks unlike those of the others (shapes of one or two, or 1 in 500, where 3 in 4 are of one), of all",
			Meaning: "such users are often tills, programs or test accounts", Advice: "look at the examples, and leave out who is no user",
			find: func(c *Collector) finding { return shapes(namesOfUsers(c)) },
		},
		{
			Name: "item_test_code", Group: group, Severity: Warning, Unit: unitShare,
			Figure:  "items whose identifier says test, dummy, postage, fee, discount, voucher or the like and nothing else, of all",
			Meaning: "what nobody should be recommended is learned and recommended", Advice: "leave them out of events and catalogue",
			find: findTestCodes,
		},
	}
}

// repeated is how many of a sample's rows came again.
func repeated(s *sample[int64], events int64, found examples) finding {
	var again, all int64
	for _, n := range s.values {
		again += *n - 1
		all += *n
	}
	if all == 0 {
		return skip("there are no events")
	}
	f := of(again, all, found)
	f.count, f.of = int64(math.Round(f.figure*float64(events))), events
	return f
}

func namesOfItems(c *Collector) (names []string) {
	for _, f := range c.items.all() {
		names = append(names, string(f.name))
	}
	return names
}

func namesOfUsers(c *Collector) (names []string) {
	for _, f := range c.users.all() {
		names = append(names, string(f.name))
	}
	return names
}

func variants(names []string) finding {
	byFold := map[string][]string{}
	for _, name := range names {
		fold := foldID(name)
		byFold[fold] = append(byFold[fold], name)
	}
	var found examples
	var count int64
	for _, fold := range sortedKeys(byFold) {
		if same := byFold[fold]; len(same) > 1 {
			slices.Sort(same)
			count += int64(len(same))
			found.add(fmt.Sprintf("%q", same[:min(len(same), 4)]))
		}
	}
	return of(count, int64(len(names)), found)
}

// shapes finds what looks unlike the rest, where most look alike.
func shapes(names []string) finding {
	const fewest, alike, odd = 50, 0.75, 500
	if len(names) < fewest {
		return skip(fmt.Sprintf("there are fewer than %d", fewest))
	}
	byShape := map[string][]string{}
	for _, name := range names {
		shape := shapeOf(name)
		byShape[shape] = append(byShape[shape], name)
	}
	order := sortedKeys(byShape)
	slices.SortStableFunc(order, func(a, b string) int { return cmp.Compare(len(byShape[b]), len(byShape[a])) })
	usual := order[0]
	if float64(len(byShape[usual])) < alike*float64(len(names)) {
		return finding{of: int64(len(names)), detail: "no shape is usual"}
	}
	var found examples
	var count int64
	for _, shape := range order {
		if same := byShape[shape]; len(same) <= max(2, len(names)/odd) {
			count += int64(len(same))
			slices.Sort(same)
			found.add(strings.Join(same[:min(len(same), 6)], ", "))
		}
	}
	return of(count, int64(len(names)), found).about(fmt.Sprintf("%s look as %q", percent(share(int64(len(byShape[usual])), int64(len(names)))), usual))
}

func findTestCodes(c *Collector) finding {
	words := testWords()
	var found examples
	var count int64
	items := c.items.all()
	slices.SortFunc(items, func(a, b *itemFacts) int {
		return cmp.Or(cmp.Compare(b.events, a.events), strings.Compare(string(a.name), string(b.name)))
	})
	for _, f := range items {
		if isTestCode(string(f.name), words) {
			count++
			found.add(fmt.Sprintf("%s: %d events", f.name, f.events))
		}
	}
	return of(c.items.scale(count), c.items.distinct(), found)
}
