package recommend

import (
	"slices"

	"kindred"
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
