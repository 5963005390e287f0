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

// tail holds the events that are in the log but not yet in by_user.
type tail struct {
	mu     sync.RWMutex
	after  int64 // the events after this seq
	upto   int64 // and up to this one
	byUser map[int64][]moment
}

func newTail() *tail { return &tail{byUser: map[int64][]moment{}} }

// reset forgets the events, for those after a seq to be added anew.
func (t *tail) reset(after int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.after, t.upto = after, after
	t.byUser = map[int64][]moment{}
}

// add adds events; those already folded are left out.
func (t *tail) add(moments []moment, upto int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range moments {
		if m.seq > t.after {
			t.byUser[m.user] = append(t.byUser[m.user], m)
		}
	}
	t.upto = upto
}

// of returns a user's newest events with first < seq ≤ last, newest first, and
// the range of events the tail knows.
func (t *tail) of(user, first, last int64, limit int) (moments []moment, after, upto int64) {
	t.mu.RLock()
	for _, m := range t.byUser[user] {
		if first < m.seq && m.seq <= last {
			moments = append(moments, m)
		}
	}
	after, upto = t.after, t.upto
	t.mu.RUnlock()
	slices.SortFunc(moments, newestFirst)
	return moments[:min(limit, len(moments))], after, upto
}
