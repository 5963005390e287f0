package check

import "kindred"

// Step is a family of models with what it needs to be worth its cost.
type Step struct {
	Name   string `json:"name"` // popular, content, item-knn, factors, sequences, rankers
	Ready  bool   `json:"ready"`
	Models string `json:"models"` // kinds of this family
	Needs  []Need `json:"needs"`
}

// Need is something a family of models needs.
type Need struct {
	What string `json:"what"`
	Have int64  `json:"have"`
	Want int64  `json:"want"`
}

// readiness says which families of models the data are enough for. The figures
// are where a family begins to beat the simpler ones on the public data sets,
// and the least that hosted services accept (1000 interactions of 25 users
// with two each).
func (c *Collector) readiness() []Step {
	atLeast := func(counts []int64, n int64) int64 {
		fewer, _ := below(counts, n)
		return int64(len(counts)) - fewer
	}
	users, items := c.eventsOfUsers(), c.eventsOfItems()
	twice, often := c.users.scale(atLeast(users, 2)), c.users.scale(atLeast(users, 5))
	itemsOften := c.items.scale(atLeast(items, 5))
	events := c.events.outcomes
	steps := []Step{
		{Name: "popular", Models: "popular", Needs: []Need{{"events", events, 1}}},
		{Name: "content", Models: "content", Needs: []Need{{"items with a category or attributes", c.describedItems(), 20}, {"events", events, 100}}},
		{Name: "item-knn", Models: "itemknn, rp3beta, covisit", Needs: []Need{{"events", events, 1000}, {"users with 2 events or more", twice, 25}}},
		{Name: "factors", Models: "ials, bpr, ease", Needs: []Need{
			{"events", events, 10_000}, {"users with 5 events or more", often, 300}, {"items with 5 events or more", itemsOften, 100},
		}},
		{Name: "sequences", Models: "covisit and sequence models", Needs: []Need{
			{"events at moments of their own", c.ordered(), 50_000}, {"users with 5 events or more", often, 1000},
		}},
		{Name: "rankers", Models: "logistic, fm, gbdt", Needs: []Need{
			{"impressions, or items of lists shown", c.impressions(), 10_000}, {"clicks, or events that name a list", max(c.events.requested, c.countOf(kindred.Click)), 1000},
		}},
	}
	for i := range steps {
		steps[i].Ready = true
		for _, need := range steps[i].Needs {
			steps[i].Ready = steps[i].Ready && need.Have >= need.Want
		}
	}
	return steps
}

// describedItems is how many items content models can use.
func (c *Collector) describedItems() int64 {
	described := c.shelf.categorised
	for _, f := range c.catalogue.names {
		described = max(described, f.present)
	}
	return described
}

// ordered is how many events are in an order: none if most are at one moment.
func (c *Collector) ordered() int64 {
	top := c.topMoments.top()
	if len(top) == 0 || share(top[0].count, c.events.count) > 0.5 {
		return 0
	}
	return c.events.outcomes
}

// impressions is how often an item is known to have been shown.
func (c *Collector) impressions() int64 { return c.countOf(kindred.Impression) + c.shown.items }
