package store

import (
	"cmp"
	"slices"
	"sync"
)

// moment is an event as the order of a user's history needs it.
type moment struct {
	user, time, seq int64
}

// newestFirst is the order of a history: by time, then by arrival.
func newestFirst(a, b moment) int {
	return cmp.Or(cmp.Compare(b.time, a.time), cmp.Compare(b.seq, a.seq))
}

// tail holds the events that are in the log but, for all that readers need to
// know, not yet in by_user. It has two generations, of which the older one is
// being folded.
type tail struct {
	mu         sync.RWMutex
	after      int64 // the events after this seq
	upto       int64 // and up to this one
	older, now map[int64][]moment
}

func newTail() *tail { return &tail{now: map[int64][]moment{}} }

// reset forgets the events, for those after a seq to be added anew.
func (t *tail) reset(after int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.after, t.upto = after, after
	t.older, t.now = nil, map[int64][]moment{}
}

// turn begins a new generation.
func (t *tail) turn() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.older, t.now = t.now, map[int64][]moment{}
}

// drop forgets the older generation, which ends at a seq.
func (t *tail) drop(after int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.after, t.older = after, nil
}

// add adds events.
func (t *tail) add(events []waiting, upto int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range events {
		m := events[i].moment
		t.now[m.user] = append(t.now[m.user], m)
	}
	t.upto = upto
}

// of returns a user's newest events with first < seq ≤ last, newest first, and
// the range of events the tail knows.
func (t *tail) of(user, first, last int64, limit int) (moments []moment, after, upto int64) {
	t.mu.RLock()
	for _, generation := range [][]moment{t.older[user], t.now[user]} {
		for _, m := range generation {
			if first < m.seq && m.seq <= last {
				moments = append(moments, m)
			}
		}
	}
	after, upto = t.after, t.upto
	t.mu.RUnlock()
	slices.SortFunc(moments, newestFirst)
	return moments[:min(limit, len(moments))], after, upto
}
