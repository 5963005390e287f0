package recommend

import (
	"cmp"
	"slices"
	"time"

	"kindred"
	"kindred/filter"
	"kindred/linalg"
)

// groupsOf returns the items that are variants, by what they are variants of.
func groupsOf(items map[kindred.ItemID]*kindred.Item) map[kindred.ItemID][]kindred.ItemID {
	groups := map[kindred.ItemID][]kindred.ItemID{}
	for id, item := range items {
		if item.Group != "" {
			groups[item.Group] = append(groups[item.Group], id)
		}
	}
	for _, ids := range groups {
		slices.Sort(ids)
	}
	return groups
}

// leaveGroup takes an item that is to change out of its group. mu is held.
func (c *catalogue) leaveGroup(id kindred.ItemID) {
	former := c.items[id]
	if former == nil || former.Group == "" {
		return
	}
	// A slice that variants has given away never changes.
	rest := slices.DeleteFunc(slices.Clone(c.groups[former.Group]), func(other kindred.ItemID) bool { return other == id })
	if len(rest) == 0 {
		delete(c.groups, former.Group)
		return
	}
	c.groups[former.Group] = rest
}

// joinGroup puts an item into its group. mu is held.
func (c *catalogue) joinGroup(item *kindred.Item) {
	if item.Group == "" {
		return
	}
	ids := slices.Clone(c.groups[item.Group])
	at, _ := slices.BinarySearch(ids, item.ID)
	c.groups[item.Group] = slices.Insert(ids, at, item.ID)
}

// variants returns every variant of what an item is a variant of, itself
// included; none if it is of nothing.
func (c *catalogue) variants(id kindred.ItemID) []kindred.ItemID {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if len(c.groups) == 0 {
		return nil
	}
	if item := c.items[id]; item != nil && item.Group != "" {
		return c.groups[item.Group]
	}
	return nil
}

// skipVariants sets the bits of every variant of what an item is a variant of.
// mu is held.
func (c *catalogue) skipVariants(bits linalg.Bits, v *view, item *kindred.Item) {
	if item == nil || item.Group == "" {
		return
	}
	for _, id := range c.groups[item.Group] {
		if i, known := v.items.Index(string(id)); known {
			bits.Set(int(i))
		}
	}
}

// groupOf returns what an item is a variant of. mu is held.
func (c *catalogue) groupOf(id kindred.ItemID) kindred.ItemID {
	if item := c.items[id]; item != nil {
		return item.Group
	}
	return ""
}

// group is groupOf for those who do not hold mu.
func (c *catalogue) group(id kindred.ItemID) kindred.ItemID {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.groupOf(id)
}

// index returns the index under which a view knows an item: that of its group,
// if the view's model learned of groups.
func (c *catalogue) index(v *view, id kindred.ItemID) (int32, bool) {
	if v.byGroup {
		c.mu.RLock()
		defer c.mu.RUnlock()
	}
	return c.indexIn(v, id)
}

// indexIn is index where mu is held. Of an item that has been deleted it is
// known what it was in training.
func (c *catalogue) indexIn(v *view, id kindred.ItemID) (int32, bool) {
	if v.byGroup {
		group := c.groupOf(id)
		if c.items[id] == nil {
			group = v.groupOf[id]
		}
		if i, known := v.items.Index(string(group)); known && group != "" {
			return i, true
		}
	}
	return v.items.Index(string(id))
}

// resolveGroup finds the variants of what a view calls i, the most wanted first:
// those in the catalogue, the item named like their group among them. mu is
// held, as for resolve.
func (c *catalogue) resolveGroup(v *view, i int, name kindred.ItemID) {
	delete(v.variants, i)
	ids := c.groups[name]
	if len(ids) == 0 {
		return
	}
	var group []*kindred.Item
	if item := c.items[name]; item != nil && item.Group == "" {
		group = append(group, item)
	}
	for _, id := range ids {
		group = append(group, c.items[id])
	}
	wanted := v.trained[string(name)]
	rank := func(item *kindred.Item) int {
		at := slices.Index(wanted, string(item.ID))
		if at < 0 {
			return len(wanted)
		}
		return at
	}
	slices.SortStableFunc(group, func(a, b *kindred.Item) int { return cmp.Compare(rank(a), rank(b)) })
	v.variants[i] = group
}

// matches says whether a filter keeps what a view calls i: any variant that is
// available, if it is a group. The catalogue's mu is held, and at is its moment.
func (v *view) matches(i int, keep *filter.Filter, at time.Time) bool {
	group := v.variants[i]
	if group == nil {
		return keep.Match(v.entries[i])
	}
	return slices.ContainsFunc(group, func(item *kindred.Item) bool { return item.AvailableAt(at) && keep.Match(item) })
}

// pick returns the item to show for what a view calls i: of a group the most
// wanted variant that is available, meets the filter and is not taken; empty if
// there is none.
func (c *catalogue) pick(v *view, i int32, keep *filter.Filter, now time.Time, taken map[kindred.ItemID]bool) kindred.ItemID {
	if v.byGroup {
		c.mu.RLock()
		defer c.mu.RUnlock()
	}
	return c.pickIn(v, i, keep, now, taken)
}

// pickIn is pick where mu is held.
func (*catalogue) pickIn(v *view, i int32, keep *filter.Filter, now time.Time, taken map[kindred.ItemID]bool) kindred.ItemID {
	var group []*kindred.Item
	if v.byGroup {
		group = v.variants[int(i)]
	}
	if id := kindred.ItemID(v.items.ID(i)); group == nil && !taken[id] {
		return id
	}
	for _, item := range group {
		if !taken[item.ID] && item.AvailableAt(now) && keep.Match(item) {
			return item.ID
		}
	}
	return ""
}

// skipTaken sets the bits of what has nothing left to show, as it is taken.
func (c *catalogue) skipTaken(bits linalg.Bits, v *view, keep *filter.Filter, now time.Time, taken map[kindred.ItemID]bool) {
	if v.byGroup {
		c.mu.RLock()
		defer c.mu.RUnlock()
	}
	for id := range taken {
		if i, known := c.indexIn(v, id); known && c.pickIn(v, i, keep, now, taken) == "" {
			bits.Set(int(i))
		}
	}
}
