package check

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

func amountChecks() []Check {
	const group = "amount"
	return []Check{
		{
			Name: "events_none", Group: group, Severity: Error, Unit: unitRows, Figure: "1 if there are no events",
			Meaning: "there is nothing to learn from", Advice: "import some, or post them to the API",
			find: func(c *Collector) finding {
				if c.events.count == 0 {
					return finding{figure: 1, detail: "there are no events"}
				}
				return finding{of: c.events.count}
			},
		},
		{
			Name: "events_of_one", Group: group, Severity: Error, Unit: unitRows, Figure: "1 if all events are of one user or of one item",
			Meaning: "with nothing to compare, nothing can be learned", Advice: "send the identifiers of users and of items with each event",
			find: findOne,
		},
		{
			Name: "rows_rejected", Group: group, Severity: Warning, Limit: 0.05, ErrorAbove: 0.9, Unit: unitShare,
			Figure: "rows of the files that could not be read, of all rows", Meaning: "what cannot be read is not learned from",
			Advice: "mend the rows at their source, or say which column is what by --column", find: findRejected,
		},
		{
			Name: "events_refused", Group: group, Severity: Warning, Limit: 0.2, ErrorAbove: 0.95, Unit: unitShare,
			Figure:  "events with a verdict of cleaning that training refuses, of all",
			Meaning: "a large part of the data teaches nothing", Advice: "look at the verdicts; mend the source, or the rule that finds too much",
			find: func(c *Collector) finding { return of(c.events.refused, c.events.count, c.events.refusedExamples) },
		},
		{
			Name: "users_single", Group: group, Severity: Info, Limit: 0.5, Unit: unitShare, Figure: "users with a single event, of all users",
			Meaning: "nothing is known of what else they like", Advice: "keep visitors apart by a lasting identifier, and send views beside purchases",
			find: func(c *Collector) finding { return c.rareUsers(2) },
		},
		{
			Name: "items_rare", Group: group, Severity: Info, Limit: 0.5, Unit: unitShare, Figure: "items with fewer than 5 events, of those with any",
			Meaning: "their neighbours are chance; only their attributes can speak for them", Advice: "describe items by categories and attributes",
			find: func(c *Collector) finding { return c.rareItems(5) },
		},
		{
			Name: "core_shrinkage", Group: group, Severity: Info, Limit: 0.5, Unit: unitShare,
			Figure:  "events lost if users or items with fewer than 5 events were left out, the larger of both",
			Meaning: "the data are thinner than published ones, which are cut to such a core", Advice: "expect lower figures than published ones",
			find: findCore,
		},
		{
			Name: "long_tail", Group: group, Severity: Info, Limit: 0.5, Unit: unitShare, Figure: "events of the most popular 1 % of items, of all",
			Meaning: "popularity alone is hard to beat, and lists tend to repeat it", Advice: "look at coverage and novelty beside the deciding metric",
			find: findTail,
		},
		{
			Name: "item_dominance", Group: group, Severity: Warning, Limit: 0.2, Unit: unitShare, Figure: "events of the most frequent item, of all",
			Meaning: "one item drowns the others: often a default, a test or a page of its own", Advice: "see whether it is an item at all; leave it out if not",
			find: func(c *Collector) finding { return dominance(c.topItems, c.items.distinct(), 20, "items") },
		},
		{
			Name: "user_dominance", Group: group, Severity: Warning, Limit: 0.05, Unit: unitShare, Figure: "events of the most active user, of all",
			Meaning: "one user decides what is similar: often a program, a till or a test account", Advice: "leave this user out, or turn cleaning on",
			find: func(c *Collector) finding { return dominance(c.topUsers, c.users.distinct(), 100, "users") },
		},
	}
}

func findOne(c *Collector) finding {
	items := c.itemsWithEvents()
	switch {
	case c.events.count == 0:
		return skip("there are no events")
	case len(items) < 2:
		return finding{figure: 1, count: c.events.count, of: c.events.count, detail: "all events are of one item, or of none"}
	case c.users.distinct() < 2 || len(c.topUsers.top()) == 1:
		return finding{figure: 1, count: c.events.count, of: c.events.count, detail: "all events are of one user"}
	}
	return finding{of: c.events.count}
}

func findRejected(c *Collector) finding {
	all := c.events.count + c.shelf.count + c.people.rows
	var rejected int64
	reasons := sortedKeys(c.rejects)
	slices.SortStableFunc(reasons, func(a, b string) int { return cmp.Compare(c.rejects[b], c.rejects[a]) })
	var parts []string
	for _, reason := range reasons {
		rejected += c.rejects[reason]
		parts = append(parts, fmt.Sprintf("%d %s", c.rejects[reason], reason))
	}
	return of(rejected, all+rejected, c.rejectExamples[:min(len(c.rejectExamples), 2*exampleLimit)]).about(strings.Join(parts[:min(len(parts), 8)], ", "))
}

// itemsWithEvents returns the items that events name.
func (c *Collector) itemsWithEvents() []*itemFacts {
	return slices.DeleteFunc(c.items.all(), func(f *itemFacts) bool { return f.events == 0 })
}

func (c *Collector) usersWithEvents() []*userFacts {
	return slices.DeleteFunc(c.users.all(), func(f *userFacts) bool { return f.events == 0 })
}

// eventsOfUsers returns how many events each user has.
func (c *Collector) eventsOfUsers() (counts []int64) {
	for _, f := range c.usersWithEvents() {
		counts = append(counts, int64(f.events))
	}
	return counts
}

func (c *Collector) eventsOfItems() (counts []int64) {
	for _, f := range c.itemsWithEvents() {
		counts = append(counts, int64(f.events))
	}
	return counts
}

// below returns how many counts are below a bound, and what they sum up to.
func below(counts []int64, bound int64) (n, sum int64) {
	for _, count := range counts {
		if count < bound {
			n++
			sum += count
		}
	}
	return n, sum
}

func (c *Collector) rareUsers(few int64) finding {
	counts := c.eventsOfUsers()
	rare, _ := below(counts, few)
	return of(c.users.scale(rare), c.users.scale(int64(len(counts))), nil).orSkip("there are no events")
}

func (c *Collector) rareItems(few int64) finding {
	counts := c.eventsOfItems()
	rare, _ := below(counts, few)
	return of(c.items.scale(rare), c.items.scale(int64(len(counts))), nil).orSkip("there are no events of items")
}

func findCore(c *Collector) finding {
	const core = 5
	users, items := c.eventsOfUsers(), c.eventsOfItems()
	_, lostUsers := below(users, core)
	_, lostItems := below(items, core)
	_, ofUsers := below(users, math.MaxInt64)
	_, ofItems := below(items, math.MaxInt64)
	if share(lostUsers, ofUsers) > share(lostItems, ofItems) {
		return of(c.users.scale(lostUsers), c.users.scale(ofUsers), nil).about("of rare users")
	}
	return of(c.items.scale(lostItems), c.items.scale(ofItems), nil).about("of rare items").orSkip("there are no events of items")
}

func findTail(c *Collector) finding {
	items := c.itemsWithEvents()
	if len(items) < 100 {
		return skip("there are fewer than 100 items with events")
	}
	slices.SortFunc(items, func(a, b *itemFacts) int { return cmp.Compare(b.events, a.events) })
	var head, all int64
	for i, f := range items {
		all += int64(f.events)
		if i < len(items)/100 {
			head += int64(f.events)
		}
	}
	return of(c.items.scale(head), c.items.scale(all), nil)
}

// dominance is the share of the most frequent key, where there are enough.
func dominance(h *heavy, distinct, enough int64, what string) finding {
	if distinct < enough || h.all == 0 {
		return skip(fmt.Sprintf("there are fewer than %d %s with events", enough, what))
	}
	var found examples
	top := h.top()
	for _, t := range top[:min(len(top), 3)] {
		found.add(fmt.Sprintf("%s: %s", t.name, percent(share(t.count, h.all))))
	}
	return of(top[0].count, h.all, found).about(clip(top[0].name))
}
