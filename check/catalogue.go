package check

import (
	"strings"

	"kindred"
)

// shelfFacts is what is known of the catalogue beyond the single items.
type shelfFacts struct {
	count                                      int64
	titled, categorised, priced                int64
	expired, dated                             int64
	damaged                                    int64
	updatedFirst, updatedLast                  int64
	untitledItems, unpricedItems, expiredItems examples
	uncategorisedItems, damagedItems           examples
	prices                                     magnitudes
	cheapest, dearest                          extremes
	titles                                     *sample[int64]
	sameTitle                                  examples
	categories                                 *sample[int64]
}

// contentNames is how many titles or categories are told apart.
const contentNames = 1 << 16

func newShelfFacts() shelfFacts {
	return shelfFacts{titles: newSample[int64](contentNames), categories: newSample[int64](contentNames)}
}

// AddItem takes an item of the catalogue in.
func (c *Collector) AddItem(item *kindred.Item) {
	key, updated := hashOf(item.ID), item.UpdatedAt.UnixMilli()
	s := &c.shelf
	if s.count == 0 {
		s.updatedFirst, s.updatedLast = updated, updated
	}
	s.count++
	s.updatedFirst, s.updatedLast = min(s.updatedFirst, updated), max(s.updatedLast, updated)
	s.describe(item)
	s.price(item)
	if !item.AvailableUntil.IsZero() {
		s.dated++
		if item.AvailableUntil.UnixMilli() <= c.now {
			s.expired++
			s.expiredItems.add(string(item.ID))
		}
	}
	if f := c.items.of(key); f != nil {
		f.name, f.known, f.updated, f.price = item.ID, true, updated, priceBin(item.Cost())
		if !item.AvailableFrom.IsZero() {
			f.from = item.AvailableFrom.UnixMilli()
		}
		if !item.AvailableUntil.IsZero() {
			f.until = item.AvailableUntil.UnixMilli()
		}
		if len(item.Categories) > 0 {
			f.shelf = uint8(hashOf(item.Categories[0]) % shelfBins)
		}
	}
	c.catalogue.add(key, item.Attributes)
	for _, e := range c.expected {
		e.addItem(item)
	}
}

// describe looks at what tells people and models what an item is.
func (s *shelfFacts) describe(item *kindred.Item) {
	id := string(item.ID)
	if item.Title == "" {
		s.untitledItems.add(id)
	} else {
		s.titled++
		if n := s.titles.of(hashOf(strings.ToLower(strings.Join(strings.Fields(item.Title), " ")))); n != nil {
			*n++
			if *n == 2 {
				s.sameTitle.add(item.Title)
			}
		}
	}
	if len(item.Categories) == 0 {
		s.uncategorisedItems.add(id)
	} else {
		s.categorised++
	}
	damaged := isDamaged(item.Title)
	for _, category := range item.Categories {
		damaged = damaged || isDamaged(category)
		if n := s.categories.of(hashOf(category)); n != nil {
			*n++
		}
	}
	for _, a := range item.Attributes {
		damaged = damaged || isDamaged(a.Text)
	}
	if damaged {
		s.damaged++
		s.damagedItems.add(id + " " + item.Title)
	}
}

func (s *shelfFacts) price(item *kindred.Item) {
	cost := item.Cost()
	if cost == 0 {
		s.unpricedItems.add(string(item.ID))
		return
	}
	s.priced++
	s.prices.add(cost)
	text := func() string { return string(item.ID) + " at " + plain(cost) + " " + item.Title }
	s.dearest.add(cost, text)
	s.cheapest.add(-cost, text)
}
