package clean

import (
	"kindred"
)

// maxUsers is how many users are remembered: 20 MB.
const maxUsers = 1 << 17

// user is what is remembered of one: 160 bytes. Times are unix milliseconds.
type user struct {
	key      uint64
	isRecent bool // since the last look for someone to forget

	last   int64  // time of the latest event
	isBot  bool   // flagged
	weak   uint8  // suspicions that alone make no bot
	acts   uint16 // views, clicks and searches, up to maxCount
	clicks uint16
	shown  uint16 // impressions
	inSum  bool   // counted in the audience

	minute, hour     int64 // that are counted
	perMinute        uint16
	perHour          uint16
	hours            uint64 // of the last 64, the latest in the lowest bit: whether there was an act
	lastAct          int64
	pauses, offBeat  uint16
	mean, variance   float64 // of pauses in seconds, the recent ones more
	favourite        uint64  // item
	hits, candidates uint16  // of the favourite, of views and clicks since; halved now and then

	view     int64 // place of a view nothing followed yet; 0: none
	viewItem uint64
	viewTime int64
	session  [maxAbandoned]int64 // places of its first events
	visited  uint16              // events of the session
	isBusy   bool                // the session came to more than views and clicks
}

// maxCount is where counts stop.
const maxCount = 1 << 15

func count(n *uint16) {
	if *n < maxCount {
		*n++
	}
}

// users are the last ones seen. Who has not been seen since the hand last
// came by is the next to be forgotten, as in the clock algorithm for pages.
type users struct {
	slots []user
	place map[uint64]int32
	hand  int
	sweep int // whose session is looked at next
}

func newUsers() users { return users{place: map[uint64]int32{}} }

// of returns what is remembered of a user, from now on.
func (s *users) of(key uint64) *user {
	if i, known := s.place[key]; known {
		u := &s.slots[i]
		u.isRecent = true
		return u
	}
	if len(s.slots) < maxUsers {
		s.place[key] = int32(len(s.slots)) //nolint:gosec // below maxUsers
		s.slots = append(s.slots, user{key: key, isRecent: true})
		return &s.slots[len(s.slots)-1]
	}
	for s.slots[s.hand].isRecent {
		s.slots[s.hand].isRecent = false
		s.hand = (s.hand + 1) % len(s.slots)
	}
	u := &s.slots[s.hand]
	delete(s.place, u.key)
	s.place[key] = int32(s.hand) //nolint:gosec // below maxUsers
	*u = user{key: key, isRecent: true}
	s.hand = (s.hand + 1) % len(s.slots)
	return u
}

func (s *users) forget(key uint64) {
	if i, known := s.place[key]; known {
		s.slots[i] = user{key: key}
	}
}

// isAct says whether a kind is what a person does with a click; events of
// other kinds come many at a time, or are told by a program: impressions by
// the list, plays by the player, purchases by the cart.
func isAct(kind kindred.Kind) bool {
	return kind == kindred.View || kind == kindred.Click || kind == kindred.Search
}

// visit follows a user's session: what ends it may show that it led to
// nothing, and what follows a view that it was accidental.
func (j *Judge) visit(u *user, e *kindred.Event, at *moment, found *Found) (reasons kindred.Verdict) {
	isNew := u.last == 0 || at.time-u.last > j.settings.SessionGap.Milliseconds()
	if isNew {
		j.abandon(u, found)
		u.view, u.visited, u.isBusy = 0, 0, false
	}
	u.last = max(u.last, at.time)
	if j.settings.Abandoned.On {
		if int(u.visited) < len(u.session) {
			u.session[u.visited] = at.seq
		}
		count(&u.visited)
		u.isBusy = u.isBusy || !isAct(e.Kind) && e.Kind != kindred.Impression
	}
	if j.settings.Accidental.On && e.Kind != kindred.Impression {
		reasons = j.glance(u, e, at, found)
	}
	j.sweep(at.time, found)
	return reasons
}

// sweep looks at some users, one after the other, who may have left for good:
// a session has ended when the log is two gaps further, the second of them for
// events that come late.
func (j *Judge) sweep(now int64, found *Found) {
	if !j.settings.Abandoned.On {
		return
	}
	const some = 4
	for range some {
		u := &j.users.slots[j.users.sweep]
		j.users.sweep = (j.users.sweep + 1) % len(j.users.slots)
		if now-u.last > 2*j.settings.SessionGap.Milliseconds() {
			j.abandon(u, found)
		}
	}
}

// abandon marks the events of a session that has ended.
func (j *Judge) abandon(u *user, found *Found) {
	if !j.settings.Abandoned.On || u.visited == 0 || u.isBusy || int(u.visited) >= j.settings.Abandoned.Events {
		return
	}
	for _, seq := range u.session[:u.visited] {
		found.mark(seq, kindred.AbandonedSession)
	}
	u.visited = maxCount // once
}

// glance marks views that were left at once.
func (j *Judge) glance(u *user, e *kindred.Event, at *moment, found *Found) (reasons kindred.Verdict) {
	least := j.settings.Accidental.Dwell
	if pause := at.time - u.viewTime; u.view != 0 && at.item != u.viewItem && pause >= 0 && pause < least.Milliseconds() {
		found.mark(u.view, kindred.AccidentalView)
	}
	u.view = 0
	switch {
	case e.Kind != kindred.View:
	case at.said.hasDwell && at.said.dwell < least:
		reasons = kindred.AccidentalView
	case !at.said.hasDwell:
		u.view, u.viewItem, u.viewTime = at.seq, at.item, at.time
	}
	return reasons
}
