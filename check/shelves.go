package check

import "fmt"

func catalogueChecks() []Check {
	const group = "catalogue"
	return []Check{
		{
			Name: "catalogue_none", Group: group, Severity: Info, Unit: unitRows, Figure: "1 if no item is described",
			Meaning: "lists have no titles, filters and categories; new items cannot be recommended", Advice: "import the items: kindred import csv items.csv",
			find: func(c *Collector) finding {
				if c.shelf.count == 0 {
					return finding{figure: 1, detail: "no item is described"}
				}
				return finding{of: c.shelf.count}
			},
		},
		catalogued("title_missing", Warning, 0.05, "items without a title, of all", "people see an identifier", "send a title with each item",
			func(s *shelfFacts) finding { return of(s.count-s.titled, s.count, s.untitledItems) }),
		catalogued("title_repeated", Info, 0.05, "items whose title another has, of all", "variants of one thing crowd out others in a list",
			"group variants under one parent, or tell them apart by title", findSameTitles),
		catalogued("category_missing", Warning, 0.2, "items without a category, of all, where others have one", "they drop out of lists and filters by category",
			"send the category with each item", func(s *shelfFacts) finding {
				if s.categorised == 0 {
					return skip("no item has a category")
				}
				return of(s.count-s.categorised, s.count, s.uncategorisedItems)
			}),
		catalogued("category_many", Warning, 0.5, "categories, over items", "nearly every item has a category of its own, from which nothing can be learned",
			"send broad categories, from broad to narrow", findManyCategories),
		catalogued("price_missing", Warning, 0.1, "items without a price, or of price 0, of all, where others have one", "they drop out of filters by price and of revenue",
			"send the price with each item", func(s *shelfFacts) finding {
				if s.priced == 0 {
					return skip("no item has a price")
				}
				return of(s.count-s.priced, s.count, s.unpricedItems)
			}),
		catalogued("price_outlier", Warning, 0, "items whose price is 16 times beyond the 1st or 99th percentile, of those with one", "slips of the decimal point, or goods that are none",
			"look at the examples", findPriceOutliers),
		catalogued("item_expired", Warning, 0.5, "items that are available no more, of all", "few are left to recommend",
			"see whether available_until is right; delete what will not come back", func(s *shelfFacts) finding { return of(s.expired, s.count, s.expiredItems) }),
		catalogued("text_damaged", Warning, 0, "items whose title, category or attribute was decoded wrongly (Ã©, â€™, \uFFFD), of all", "people see it, and words do not match",
			"send UTF-8, and import the items again", func(s *shelfFacts) finding { return of(s.damaged, s.count, s.damagedItems) }),
	}
}

// catalogued makes a check of the catalogue, which needs one.
func catalogued(name string, severity Status, limit float64, figure, meaning, advice string, find func(*shelfFacts) finding) Check {
	return Check{
		Name: name, Group: "catalogue", Severity: severity, Limit: limit, Unit: unitShare, Figure: figure, Meaning: meaning, Advice: advice,
		find: func(c *Collector) finding {
			if c.shelf.count == 0 {
				return skip("no item is described")
			}
			return find(&c.shelf)
		},
	}
}

func findSameTitles(s *shelfFacts) finding {
	var same, all int64
	for _, n := range s.titles.values {
		all += *n
		if *n > 1 {
			same += *n
		}
	}
	return of(s.titles.scale(same), s.titles.scale(all), s.sameTitle)
}

func findManyCategories(s *shelfFacts) finding {
	const few = 50
	if s.categorised < few {
		return skip("fewer than 50 items have a category")
	}
	return of(s.categories.distinct(), s.categorised, nil)
}

func findPriceOutliers(s *shelfFacts) finding {
	const few = 50
	if s.priced < few {
		return skip("fewer than 50 items have a price")
	}
	count, all := s.prices.outside(farOut)
	low, _ := s.prices.quantile(0.01)
	high, _ := s.prices.quantile(0.99)
	var found examples
	for _, x := range s.dearest {
		if binOf(x.amount) >= high+farOut {
			found.add(x.text)
		}
	}
	for _, x := range s.cheapest {
		if binOf(-x.amount) <= low-farOut {
			found.add(x.text)
		}
	}
	return of(count, all, found)
}

func referenceChecks() []Check {
	const group = "references"
	return []Check{
		{
			Name: "item_unknown", Group: group, Severity: Warning, Limit: 0.02, ErrorAbove: 0.5, Unit: unitShare,
			Figure:  "events of items that the catalogue does not hold, of all events of items, where there is one",
			Meaning: "such items have no title, price or availability; nobody knows whether they can be had", Advice: "import the missing items, or see whether events name items otherwise",
			find: findUnknownItems,
		},
		{
			Name: "item_untouched", Group: group, Severity: Info, Limit: 0.5, Unit: unitShare, Figure: "items of the catalogue without an event, of all",
			Meaning: "only attributes speak for them", Advice: "describe them by categories and attributes, and let lists explore", find: findUntouched,
		},
		{
			Name: "item_unavailable", Group: group, Severity: Warning, Limit: 0.02, Unit: unitShare,
			Figure:  "events of items outside of their availability, of those of items that have one",
			Meaning: "people did something with what could not be had: the availability is wrong", Advice: "send availability with its time zone", find: func(c *Collector) finding {
				return of(c.events.unavailable, c.events.unavailableOf, c.events.unavailableExamples).orSkip("no item has a time of availability")
			},
		},
		{
			Name: "user_unknown", Group: group, Severity: Info, Limit: 0.5, Unit: unitShare,
			Figure:  "users of events who are not described, of all, where others are",
			Meaning: "attributes cannot help those who are new", Advice: "send the attributes of all users", find: findUnknownUsers,
		},
	}
}

func findUnknownItems(c *Collector) finding {
	if c.shelf.count == 0 {
		return skip("no item is described")
	}
	var unknown, all, most int64
	var found examples
	for _, f := range c.itemsWithEvents() {
		all += int64(f.events)
		if !f.known {
			unknown += int64(f.events)
			most++
			found.add(fmt.Sprintf("%s: %d events", f.name, f.events))
		}
	}
	return of(c.items.scale(unknown), c.items.scale(all), found).about(fmt.Sprintf("%d items", c.items.scale(most)))
}

func findUntouched(c *Collector) finding {
	if c.shelf.count == 0 || c.events.count == 0 {
		return skip("no item is described, or there are no events")
	}
	var untouched, all int64
	var found examples
	for _, f := range c.items.all() {
		if f.known {
			all++
			if f.events == 0 {
				untouched++
				found.add(string(f.name))
			}
		}
	}
	return of(c.items.scale(untouched), c.items.scale(all), found)
}

func findUnknownUsers(c *Collector) finding {
	if c.people.rows == 0 {
		return skip("no user is described")
	}
	var unknown, all int64
	for _, f := range c.usersWithEvents() {
		all++
		if !f.known {
			unknown++
		}
	}
	return of(c.users.scale(unknown), c.users.scale(all), nil)
}
