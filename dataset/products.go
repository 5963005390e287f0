package dataset

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"kindred"
)

// Groups says what an item is a variant of; empty: of nothing.
type Groups func(item kindred.ItemID) kindred.ItemID

// Product returns what an event of an item counts for: what the item is a
// variant of, if events count so, else the item. It is the one rule of training
// and serving. groups may be nil.
func (s *Settings) Product(item kindred.ItemID, groups Groups) kindred.ItemID {
	if !s.ByGroup || groups == nil {
		return item
	}
	return cmp.Or(groups(item), item)
}

// products are the variants of the catalogue, as training meets them.
type products struct {
	groups map[kindred.ItemID]kindred.ItemID // by variant
	leads  map[kindred.ItemID]kindred.ItemID // by group: the variant that describes it
	events map[kindred.ItemID]int            // by variant: those that say it was wanted
}

func newProducts() products {
	return products{map[kindred.ItemID]kindred.ItemID{}, map[kindred.ItemID]kindred.ItemID{}, map[kindred.ItemID]int{}}
}

func (p *products) group(item kindred.ItemID) kindred.ItemID { return p.groups[item] }

// add takes a variant in, and says whether it is what describes its group so
// far: the one named like it, or else the first by name.
func (p *products) add(item *kindred.Item) (leads bool) {
	p.groups[item.ID] = item.Group
	former, known := p.leads[item.Group]
	if known && (former == item.Group || item.ID != item.Group && former < item.ID) {
		return false
	}
	p.leads[item.Group] = item.ID
	return true
}

// variants returns the variants by group, those that were wanted most first.
func (p *products) variants() map[string][]string {
	if len(p.groups) == 0 {
		return nil
	}
	all := map[string][]string{}
	for _, id := range slices.Sorted(maps.Keys(p.groups)) {
		group := string(p.groups[id])
		all[group] = append(all[group], string(id))
	}
	for _, ids := range all {
		slices.SortStableFunc(ids, func(a, b string) int {
			return cmp.Compare(p.events[kindred.ItemID(b)], p.events[kindred.ItemID(a)])
		})
	}
	return all
}

// AddItem takes an item of the catalogue in, with all that describes it. It
// will be among the items whether anybody met it or not. Where variants count
// for their group, the group is among the items instead.
func (b *Builder) AddItem(item *kindred.Item) {
	id, leads, from := string(item.ID), true, int64(math.MinInt64)
	isVariant := b.settings.ByGroup && item.Group != ""
	if isVariant {
		leads = b.products.add(item)
		id = string(item.Group)
	}
	b.items.Add(id)
	if length := LengthOf(item.Attributes); length > 0 && b.settings.NeedsLengths() {
		b.lengths[item.ID] = length
	}
	if leads {
		b.catalogue[id] = ItemAttributes(item)
	}
	if !item.AvailableFrom.IsZero() {
		from = item.AvailableFrom.UnixMilli()
	}
	if former, known := b.from[id]; known {
		from = min(from, former)
	}
	if isVariant || from > math.MinInt64 {
		b.from[id] = from
	}
}

// Product returns what an event of an item counts for.
func (b *Builder) Product(item kindred.ItemID) kindred.ItemID {
	return b.settings.Product(item, b.products.group)
}
