package recommend

import (
	"cmp"
	"container/heap"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"kindred"
	"kindred/dataset"
	"kindred/filter"
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
	items     map[kindred.ItemID]*kindred.Item
	deleted   map[kindred.ItemID]bool
	groups    map[kindred.ItemID][]kindred.ItemID // the items of the catalogue that are variants of one, ascending
	views     []*view                             // the live models
	at        time.Time                           // the moment for which the views' hidden bits are right
	edges     edges                               // when windows open or close: those after at, and outdated ones
	changes   uint64                              // how often anything above changed
	regrouped atomic.Uint64                       // how often an item came into another group
	// newest are the items, newest first; nil: to be sorted when asked for.
	newest []*kindred.Item
	// meanwhile is what changed since a load began: nil for a deleted item.
	meanwhile map[kindred.ItemID]*kindred.Item
}

const (
	// maxFilters is how many filters' results a view keeps: a shop's pages
	// have a few dozens.
	maxFilters = 64
	// maxPlaced is how many new items are put in their places among the newest
	// one by one; more are sorted.
	maxPlaced = 64
)

func newCatalogue() *catalogue {
	return &catalogue{
		items: map[kindred.ItemID]*kindred.Item{}, deleted: map[kindred.ItemID]bool{}, groups: map[kindred.ItemID][]kindred.ItemID{},
	}
}

// begin is called before a load reads the first item.
func (c *catalogue) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.meanwhile = map[kindred.ItemID]*kindred.Item{}
}

// replace ends a load: it sets the whole content, but for what changed since
// the load began.
func (c *catalogue) replace(items map[kindred.ItemID]*kindred.Item, deleted map[kindred.ItemID]bool, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.items, c.deleted, c.groups = items, deleted, groupsOf(items)
	for id, item := range c.meanwhile {
		c.set(id, item)
	}
	c.meanwhile, c.newest = nil, nil
	c.changes++
	c.regrouped.Add(1)
	c.advance(now)
	c.findEdges()
	for _, v := range c.views {
		c.look(v)
	}
}

// attach makes views the models that the catalogue serves, and calls swap at
// the moment from which on it does.
func (c *catalogue) attach(views []*view, now time.Time, swap func()) {
	look := func() uint64 {
		for _, v := range views {
			if !slices.Contains(c.views, v) {
				c.look(v)
			}
		}
		return c.changes
	}
	c.rlock(now)
	seen := look() // takes a while; requests go on
	c.mu.RUnlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes != seen {
		look()
	}
	c.views = views
	c.changes++
	swap()
}

// look resolves the items of a view. mu is held, if only for reading while
// nobody else has the view.
func (c *catalogue) look(v *view) {
	v.entries = make([]*kindred.Item, v.items.Len())
	v.hidden = linalg.NewBits(v.items.Len())
	v.filters, v.variants = map[string]matched{}, map[int][]*kindred.Item{}
	for i := range v.items.Len() {
		c.resolve(v, i)
	}
}

// put adds or replaces items.
func (c *catalogue) put(items []kindred.Item, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.advance(now)
	if len(items) > maxPlaced {
		c.newest = nil
	}
	for i := range items {
		item := items[i]
		c.change(item.ID, &item)
	}
}

// remove takes an item out.
func (c *catalogue) remove(id kindred.ItemID, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.advance(now)
	c.change(id, nil)
}

// change sets an item, or nil for a deleted one, and all that follows from it.
// mu is held.
func (c *catalogue) change(id kindred.ItemID, item *kindred.Item) {
	c.changes++
	former := c.groupOf(id)
	if c.meanwhile != nil {
		c.meanwhile[id] = item
	}
	if c.newest != nil {
		c.place(c.items[id], item)
	}
	c.set(id, item)
	if item != nil {
		c.edges.push(item, c.at)
	}
	if len(c.edges) > 4*len(c.items)+64 { // at least half are outdated
		c.findEdges()
	}
	if c.groupOf(id) != former {
		c.regrouped.Add(1)
	}
	c.show(id, former)
}

func (c *catalogue) set(id kindred.ItemID, item *kindred.Item) {
	if item == nil {
		c.leaveGroup(id)
		delete(c.items, id)
		c.deleted[id] = true
		return
	}
	c.leaveGroup(id)
	c.items[id] = item
	c.joinGroup(item)
	delete(c.deleted, id)
}

// show brings the views up to date about one item and its groups, that of now
// and the former. mu is held.
func (c *catalogue) show(id, former kindred.ItemID) {
	for _, v := range c.views {
		c.showIn(v, id)
		if v.byGroup {
			c.showIn(v, c.groupOf(id))
			c.showIn(v, former)
		}
	}
}

// showIn brings a view up to date about a name. mu is held.
func (c *catalogue) showIn(v *view, name kindred.ItemID) {
	at, known := v.items.Index(string(name))
	if !known {
		return
	}
	i := int(at)
	c.resolve(v, i)
	for _, m := range v.filters {
		m.unmatched.Clear(i)
		if !v.matches(i, m.filter, c.at) {
			m.unmatched.Set(i)
		}
	}
}

// resolve looks up what a view calls i. mu is held, if only for reading while
// nobody else has the view.
func (c *catalogue) resolve(v *view, i int) {
	name := kindred.ItemID(v.items.ID(int32(i)))
	item := c.items[name]
	v.entries[i] = item
	v.hidden.Clear(i)
	if v.byGroup {
		c.resolveGroup(v, i, name)
	}
	if c.isHidden(v, i, name) {
		v.hidden.Set(i)
	}
}

// isHidden says whether what a view calls i must not be recommended. mu is held.
func (c *catalogue) isHidden(v *view, i int, name kindred.ItemID) bool {
	item, group := v.entries[i], v.variants[i]
	switch {
	case group != nil:
		return !slices.ContainsFunc(group, func(item *kindred.Item) bool { return item.AvailableAt(c.at) })
	case item != nil:
		return !item.AvailableAt(c.at)
	default: // a group of which no variant is left is no item
		return c.deleted[name] || v.trained[string(name)] != nil
	}
}

// findEdges collects the edges of all items anew. mu is held.
func (c *catalogue) findEdges() {
	c.edges = nil
	for _, item := range c.items {
		c.edges.push(item, c.at)
	}
}

// advance brings everything to a later moment. mu is held.
func (c *catalogue) advance(now time.Time) {
	if now.After(c.at) {
		c.at = now
	}
	for c.isDue(now) {
		c.changes++
		c.show(c.edges.pop().id, "")
	}
}

func (c *catalogue) isDue(now time.Time) bool { return len(c.edges) > 0 && !c.edges[0].at.After(now) }

// rlock takes the read lock with everything right for this moment.
func (c *catalogue) rlock(now time.Time) {
	c.mu.RLock()
	for c.isDue(now) {
		c.mu.RUnlock()
		c.mu.Lock()
		c.advance(now)
		c.mu.Unlock()
		c.mu.RLock()
	}
}

// skip writes into bits what must not be recommended from the view: hidden
// items and those that a filter does not keep; the given items with the other
// variants of what they are variants of.
func (c *catalogue) skip(bits linalg.Bits, v *view, keep *filter.Filter, now time.Time, given *places) linalg.Bits {
	c.rlock(now)
	defer c.mu.RUnlock()
	bits = append(bits[:0], v.hidden...)
	if keep != nil {
		for w, word := range v.unmatched(keep, c.at) {
			bits[w] |= word
		}
	}
	for _, some := range [...][]int32{given.steps, given.other} {
		for _, i := range some {
			if i >= 0 {
				bits.Set(int(i))
				c.skipVariants(bits, v, v.entries[i])
			}
		}
	}
	return bits
}

// matched is a filter and the items of a view that it does not keep.
type matched struct {
	filter    *filter.Filter
	unmatched linalg.Bits
}

// unmatched returns the items that a filter does not keep. The catalogue's mu
// is held, and at is its moment.
func (v *view) unmatched(keep *filter.Filter, at time.Time) linalg.Bits {
	v.filtersMu.Lock()
	text := keep.String()
	m, cached := v.filters[text]
	v.filtersMu.Unlock()
	if cached {
		return m.unmatched
	}
	m = matched{keep, linalg.NewBits(len(v.entries))}
	for i := range v.entries {
		if !v.matches(i, keep, at) {
			m.unmatched.Set(i)
		}
	}
	v.filtersMu.Lock()
	defer v.filtersMu.Unlock()
	if len(v.filters) >= maxFilters {
		clear(v.filters)
	}
	v.filters[text] = m
	return m.unmatched
}

// newestFirst returns the items, newest first: by the start of their window,
// else by their last change; ties by identifier. The loop's body must not
// touch the catalogue.
func (c *catalogue) newestFirst() iter.Seq[*kindred.Item] {
	return func(yield func(*kindred.Item) bool) {
		c.mu.RLock()
		for c.newest == nil {
			c.mu.RUnlock()
			c.sortNewest()
			c.mu.RLock()
		}
		defer c.mu.RUnlock()
		for _, item := range c.newest {
			if !yield(item) {
				return
			}
		}
	}
}

func (c *catalogue) sortNewest() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.newest != nil {
		return
	}
	c.newest = make([]*kindred.Item, 0, len(c.items))
	for _, item := range c.items {
		c.newest = append(c.newest, item)
	}
	slices.SortFunc(c.newest, newerFirst)
}

// place takes the former item out of the newest and puts the present one in.
// Either may be nil. mu is held.
func (c *catalogue) place(former, present *kindred.Item) {
	if former != nil {
		if at, found := slices.BinarySearchFunc(c.newest, former, newerFirst); found {
			c.newest = slices.Delete(c.newest, at, at+1)
		}
	}
	if present != nil {
		at, _ := slices.BinarySearchFunc(c.newest, present, newerFirst)
		c.newest = slices.Insert(c.newest, at, present)
	}
}

func newerFirst(a, b *kindred.Item) int {
	return cmp.Or(born(b).Compare(born(a)), cmp.Compare(a.ID, b.ID))
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

// count returns how many items there are by state, how many groups, and how
// often anything had changed; nothing to count if that is the number known.
func (c *catalogue) count(now time.Time, known uint64) (states map[string]int, groups int, changes uint64) {
	c.rlock(now)
	defer c.mu.RUnlock()
	if c.changes == known {
		return nil, 0, known
	}
	states = map[string]int{"available": 0, "unavailable": 0, "deleted": len(c.deleted), "unknown": c.unknown()}
	for _, item := range c.items {
		if item.AvailableAt(c.at) {
			states["available"]++
		} else {
			states["unavailable"]++
		}
	}
	return states, len(c.groups), c.changes
}

// unknown counts what live models know and the catalogue never held. mu is held.
func (c *catalogue) unknown() int {
	names := map[string]bool{}
	for _, v := range c.views {
		for i, id := range v.items.IDs() {
			if v.entries[i] == nil && v.variants[i] == nil && v.trained[id] == nil && !c.deleted[kindred.ItemID(id)] {
				names[id] = true
			}
		}
	}
	return len(names)
}

// length returns how long an item takes, in seconds; 0: not known.
func (c *catalogue) length(id kindred.ItemID) float64 {
	if item, known := c.get(id); known {
		return dataset.LengthOf(item.Attributes)
	}
	return 0
}

func (c *catalogue) isDeleted(id kindred.ItemID) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.deleted[id]
}

// edge is a moment at which an item's availability may change.
type edge struct {
	at time.Time
	id kindred.ItemID
}

// edges are a heap, the earliest first.
type edges []edge

// push adds the edges of an item after a moment.
func (e *edges) push(item *kindred.Item, after time.Time) {
	for _, at := range []time.Time{item.AvailableFrom, item.AvailableUntil} {
		if at.After(after) {
			heap.Push(e, edge{at, item.ID})
		}
	}
}

// pop takes the earliest.
func (e *edges) pop() edge {
	first := (*e)[0]
	heap.Pop(e)
	return first
}

func (e *edges) Len() int           { return len(*e) }
func (e *edges) Less(i, j int) bool { return (*e)[i].at.Before((*e)[j].at) }
func (e *edges) Swap(i, j int)      { (*e)[i], (*e)[j] = (*e)[j], (*e)[i] }

// Push is for heap.
func (e *edges) Push(x any) {
	if added, ok := x.(edge); ok {
		*e = append(*e, added)
	}
}

// Pop is for heap.
func (e *edges) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	*e = (*e)[:last]
	return x
}
