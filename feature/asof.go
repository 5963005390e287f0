package feature

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"kindred"
	"kindred/dataset"
)

// History is a log of events and written values, gathered to compute features
// as of past moments. Memory: 32 bytes an event and 100 bytes a name.
type History struct {
	plan     *Plan
	users    *dataset.Dict
	items    *dataset.Dict
	sessions *dataset.Dict

	user, item, session []int32 // by event; -1 none
	kind                []uint8
	time                []int64
	value               []float64
	told                map[Entity]known
	aliases             map[kindred.UserID]kindred.UserID
}

// NewHistory returns a history without events, for all features of the plan.
func (p *Plan) NewHistory() *History {
	return &History{
		plan: p, users: dataset.NewDict(), items: dataset.NewDict(), sessions: dataset.NewDict(),
		told: map[Entity]known{User: {}, Item: {}},
	}
}

// Know says whose IDs are, of those that are somebody else's, before any event
// is added.
func (h *History) Know(aliases map[kindred.UserID]kindred.UserID) { h.aliases = aliases }

func (h *History) userOf(id kindred.UserID) kindred.UserID {
	if user, isAlias := h.aliases[id]; isAlias {
		return user
	}
	return id
}

// Add takes note of an event, in the order of the log.
func (h *History) Add(e *kindred.Event) {
	item := int32(-1)
	if e.Item != "" {
		item = h.items.Add(string(e.Item))
	}
	h.user, h.item = append(h.user, h.users.Add(string(h.userOf(e.User)))), append(h.item, item)
	h.kind, h.time, h.value = append(h.kind, h.plan.bitOf(e.Kind)), append(h.time, e.Time.UnixMilli()), append(h.value, e.Value)
	if h.plan.tracks[Session] != nil {
		session := int32(-1)
		if e.Session != "" {
			session = h.sessions.Add(e.Session)
		}
		h.session = append(h.session, session)
	}
}

// Reserve makes room for so many events more, so that adding them does not
// copy those before.
func (h *History) Reserve(n int) {
	h.user, h.item = slices.Grow(h.user, n), slices.Grow(h.item, n)
	h.kind, h.time, h.value = slices.Grow(h.kind, n), slices.Grow(h.time, n), slices.Grow(h.value, n)
	if h.plan.tracks[Session] != nil {
		h.session = slices.Grow(h.session, n)
	}
}

// Write takes note of a written value.
func (h *History) Write(w *Written) { h.told[w.Entity].put(h.plan, w) }

// Len returns how many events there are.
func (h *History) Len() int { return len(h.user) }

// Rows are what features are asked for, a moment each: the rows of a training
// set. Entities may be left out as in a Request.
type Rows struct {
	Users, Items, Sessions []string
	Contexts               []kindred.Attributes // none, or one a row
	Times                  []int64              // unix milliseconds
}

// AsOf returns the values of features as they were before each row's moment,
// by the code that tells them now: each entity's events are played to a track,
// which is read at the rows' moments. Rows are computed on all cores, with the
// same result on any number of them. Memory: 17 bytes for each number.
//
// Cost: sorting the events, then a few nanoseconds for each event, window and
// count; of user_item features, a pass over the user's events for each row.
func (h *History) AsOf(ctx context.Context, refs []Ref, rows *Rows) ([]Column, error) {
	request := Request{Features: refs, Users: rows.Users, Items: rows.Items, Sessions: rows.Sessions, Contexts: rows.Contexts, Rows: len(rows.Times)}
	if err := h.plan.Check(&request); err != nil {
		return nil, err
	}
	if len(h.aliases) > 0 && rows.Users != nil {
		own := *rows
		own.Users = make([]string, len(rows.Users))
		for i, id := range rows.Users {
			own.Users[i] = string(h.userOf(kindred.UserID(id)))
		}
		rows = &own
	}
	s := h.plan.newSelection(refs, len(rows.Times))
	for _, part := range []struct {
		entity Entity
		ids    *dataset.Dict
		of     []string
		events []int32
		other  []int32
	}{
		{User, h.users, rows.Users, h.user, h.item},
		{Item, h.items, rows.Items, h.item, h.user},
		{Session, h.sessions, rows.Sessions, h.session, h.item},
	} {
		if len(s.tracked[part.entity]) == 0 && (part.entity != User || len(s.tracked[UserItem]) == 0) {
			continue
		}
		replay := replay{History: h, selection: s, entity: part.entity, layout: h.plan.tracks[part.entity], rows: rows, other: part.other}
		replay.group(part.ids, part.of, part.events)
		if err := replay.run(ctx); err != nil {
			return nil, err
		}
	}
	err := parallel(ctx, len(rows.Times), func() func(int) {
		own := *s // a row and a buffer of its own
		return func(row int) {
			if len(rows.Contexts) > 0 {
				own.fillContext(rows.Contexts[row], row)
			} else {
				own.fillContext(nil, row)
			}
			own.derive(row)
		}
	})
	return s.result(), err
}

// replay computes the features of one sort of entity, entity by entity.
type replay struct {
	*History
	*selection
	entity Entity
	layout *layout
	rows   *Rows
	other  []int32

	names  []string  // of the entities that rows ask for
	ids    []int32   // their numbers; -1 has no events
	rowsOf [][]int32 // the rows of each, by time
	starts []int32   // by number: where its events begin in sorted; as long as all of them, and one more
	sorted []int32   // events by entity, then by time, then by arrival
}

// group sorts rows and events by entity.
func (r *replay) group(ids *dataset.Dict, of []string, events []int32) {
	place := map[string]int{}
	for row, id := range of {
		at, isKnown := place[id]
		if !isKnown {
			at = len(r.names)
			place[id] = at
			number, hasEvents := ids.Index(id)
			if !hasEvents {
				number = -1
			}
			r.names, r.ids, r.rowsOf = append(r.names, id), append(r.ids, number), append(r.rowsOf, nil)
		}
		r.rowsOf[at] = append(r.rowsOf[at], int32(row))
	}
	if r.layout == nil {
		return
	}
	r.starts = make([]int32, ids.Len()+2)
	for _, e := range events {
		if e >= 0 {
			r.starts[e+2]++
		}
	}
	for i := 1; i < len(r.starts); i++ {
		r.starts[i] += r.starts[i-1]
	}
	r.sorted = make([]int32, r.starts[len(r.starts)-1])
	for i, e := range events {
		if e >= 0 {
			r.sorted[r.starts[e+1]] = int32(i)
			r.starts[e+1]++
		}
	}
}

func (r *replay) run(ctx context.Context) error {
	return parallel(ctx, len(r.names), func() func(int) {
		var t *track
		if r.layout != nil {
			t = r.layout.newTrack()
		}
		var places []int32
		return func(i int) {
			slices.SortStableFunc(r.rowsOf[i], func(a, b int32) int { return cmp.Compare(r.rows.Times[a], r.rows.Times[b]) })
			places = r.one(t, places, i)
		}
	})
}

// one computes the rows of one entity.
func (r *replay) one(t *track, places []int32, i int) []int32 {
	var events []int32
	if id := r.ids[i]; id >= 0 && t != nil {
		t.reset()
		events = r.sorted[r.starts[id]:r.starts[id+1]]
		slices.SortStableFunc(events, func(a, b int32) int { return cmp.Compare(r.time[a], r.time[b]) })
	}
	of := r.told[r.entity].of(r.names[i])
	for _, row := range r.rowsOf[i] {
		at := r.rows.Times[row]
		for len(events) > 0 && r.time[events[0]] < at {
			e := events[0]
			events = events[1:]
			t.observe(r.layout, moment{time: r.time[e], value: r.value[e], other: r.other[e], kind: r.kind[e]})
			if len(t.log)-t.head > behind {
				t.seek(r.layout, r.time[e])
			}
		}
		current := t
		if r.ids[i] < 0 || t == nil {
			current = nil
		} else {
			t.seek(r.layout, at)
		}
		r.fill(r.entity, current, int(row), r)
		r.fillAttributes(r.entity, of, at, int(row))
		if r.entity == User && len(r.tracked[UserItem]) > 0 {
			places = places[:0]
			if item, isKnown := r.items.Index(r.rows.Items[row]); isKnown && current != nil {
				places = current.pairs(r.layout, item, places)
			}
			r.fillPair(current, places, int(row))
		}
	}
	return places
}

func (r *replay) nameOf(entity Entity, id int32) string {
	if entity == User {
		return r.users.ID(id)
	}
	return r.items.ID(id)
}

// parallel calls a function made for each core with 0 to n-1, in any order.
func parallel(ctx context.Context, n int, worker func() func(int)) error {
	const chunk = 64
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n/chunk+1) {
		group.Go(func() {
			do := worker()
			for ctx.Err() == nil {
				to := int(next.Add(chunk))
				if to-chunk >= n {
					return
				}
				for i := to - chunk; i < min(to, n); i++ {
					do(i)
				}
			}
		})
	}
	group.Wait()
	return ctx.Err()
}
