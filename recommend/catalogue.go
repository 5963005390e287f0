package recommend

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"kindred"
	"kindred/linalg"
)

// catalogue is all items in memory, and what they mean to the live models:
// which indices of each must not be recommended at present.
//
// An item that a model knows and the catalogue does not may be recommended
// (data without a catalogue is normal), unless it was deleted from the
// catalogue.
type catalogue struct {
	mu sync.RWMutex
	// All below is guarded by mu. An *Item never changes; a new one replaces it.
	items   map[kindred.ItemID]*kindred.Item
	deleted map[kindred.ItemID]bool
	views   []*view // the live models
	// next is when the first window opens or closes; zero: none will.
	next time.Time
	// newest are the items, newest first; nil: to be sorted when asked for.
	newest []*kindred.Item
}

// filterCacheSize is how many filters' results a view keeps between changes
// of the catalogue: a shop's pages have a few dozens.
const filterCacheSize = 64

// replace sets the whole content.
func (c *catalogue) replace(items map[kindred.ItemID]*kindred.Item, deleted map[kindred.ItemID]bool, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.items, c.deleted = items, deleted
	for _, v := range c.views {
		v.look(c)
	}
	c.refresh(now)
}

// attach makes views the models that the catalogue serves.
func (c *catalogue) attach(views []*view, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.views = views
	for _, v := range views {
		v.look(c)
	}
	c.refresh(now)
}

// put adds or replaces items.
func (c *catalogue) put(items []kindred.Item, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range items {
		item := items[i]
		c.items[item.ID] = &item
		delete(c.deleted, item.ID)
		c.changed(item.ID, &item, now)
	}
}

// remove takes an item out.
func (c *catalogue) remove(id kindred.ItemID, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.items, id)
	c.deleted[id] = true
	c.changed(id, nil, now)
}

// changed tells the views about one item. mu is held.
func (c *catalogue) changed(id kindred.ItemID, item *kindred.Item, now time.Time) {
	c.newest = nil
	if item != nil {
		c.note(item, now)
	}
	for _, v := range c.views {
		clear(v.filters)
		if i, known := v.items.Index(string(id)); known {
			v.entries[i] = item
			v.hide(int(i), c.hidden(id, item, now))
		}
	}
}

// hidden says whether an item must not be recommended now. mu is held.
func (c *catalogue) hidden(id kindred.ItemID, item *kindred.Item, now time.Time) bool {
	if item == nil {
		return c.deleted[id]
	}
	return !item.AvailableAt(now)
}

// note keeps the next moment at which an item's availability changes.
func (c *catalogue) note(item *kindred.Item, now time.Time) {
	for _, t := range []time.Time{item.AvailableFrom, item.AvailableUntil} {
		if t.After(now) && (c.next.IsZero() || t.Before(c.next)) {
			c.next = t
		}
	}
}

// refresh recomputes what is hidden, and until when that holds. mu is held.
func (c *catalogue) refresh(now time.Time) {
	c.next, c.newest = time.Time{}, nil
	for _, item := range c.items {
		c.note(item, now)
	}
	for _, v := range c.views {
		clear(v.filters)
		for i, item := range v.entries {
			v.hide(i, c.hidden(kindred.ItemID(v.items.ID(int32(i))), item, now))
		}
	}
}

// rlock takes the read lock with everything right for this moment.
func (c *catalogue) rlock(now time.Time) {
	c.mu.RLock()
	if !c.due(now) {
		return
	}
	c.mu.RUnlock()
	c.mu.Lock()
	if c.due(now) {
		c.refresh(now)
	}
	c.mu.Unlock()
	c.mu.RLock()
}

func (c *catalogue) due(now time.Time) bool { return !c.next.IsZero() && !now.Before(c.next) }

// newestItems returns the items, newest first: by the start of their window,
// else by their last change; ties by identifier.
func (c *catalogue) newestItems() []*kindred.Item {
	c.mu.RLock()
	sorted := c.newest
	c.mu.RUnlock()
	if sorted != nil {
		return sorted
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.newest == nil {
		c.newest = make([]*kindred.Item, 0, len(c.items))
		for _, item := range c.items {
			c.newest = append(c.newest, item)
		}
		slices.SortFunc(c.newest, func(a, b *kindred.Item) int {
			return cmp.Or(born(b).Compare(born(a)), cmp.Compare(a.ID, b.ID))
		})
	}
	return c.newest
}

func born(item *kindred.Item) time.Time {
	if item.AvailableFrom.IsZero() {
		return item.UpdatedAt
	}
	return item.AvailableFrom
}

// get returns an item of the catalogue.
func (c *catalogue) get(id kindred.ItemID) (*kindred.Item, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	item, known := c.items[id]
	return item, known
}

// look resolves the view's items. The catalogue's mu is held.
func (v *view) look(c *catalogue) {
	v.entries = make([]*kindred.Item, v.items.Len())
	v.hiddenBits = linalg.NewBits(v.items.Len())
	v.filters = map[string]linalg.Bits{}
	for i, id := range v.items.IDs() {
		v.entries[i] = c.items[kindred.ItemID(id)]
	}
}

func (v *view) hide(i int, isHidden bool) {
	if isHidden {
		v.hiddenBits.Set(i)
	} else {
		v.hiddenBits.Clear(i)
	}
}

// skip writes into bits what must not be recommended from the view: hidden
// items and those that a filter does not keep.
func (c *catalogue) skip(bits linalg.Bits, v *view, filter *Filter, now time.Time) linalg.Bits {
	c.rlock(now)
	defer c.mu.RUnlock()
	bits = append(bits[:0], v.hiddenBits...)
	if filter == nil {
		return bits
	}
	unmatched, cached := v.cachedFilter(filter)
	if !cached {
		unmatched = linalg.NewBits(len(v.entries))
		for i, item := range v.entries {
			if !filter.Match(item) {
				unmatched.Set(i)
			}
		}
		v.cacheFilter(filter, unmatched)
	}
	for i, word := range unmatched {
		bits[i] |= word
	}
	return bits
}

func (v *view) cachedFilter(filter *Filter) (linalg.Bits, bool) {
	v.filtersMu.Lock()
	defer v.filtersMu.Unlock()
	bits, cached := v.filters[filter.text]
	return bits, cached
}

func (v *view) cacheFilter(filter *Filter, bits linalg.Bits) {
	v.filtersMu.Lock()
	defer v.filtersMu.Unlock()
	if len(v.filters) >= filterCacheSize {
		clear(v.filters)
	}
	v.filters[filter.text] = bits
}

func (c *catalogue) isDeleted(id kindred.ItemID) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.deleted[id]
}
