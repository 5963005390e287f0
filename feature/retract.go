package feature

import (
	"slices"

	"kindred"
)

// retract takes back an event that was observed, and leaves what there would
// be if it never had been. It says whether it could: the track of an entity
// with very many events knows only the latest, and may lack what a window
// reaches instead, or when the event before was. Cost: that of moving the
// events after it.
func (t *track) retract(l *layout, m moment) (isExact bool) {
	place, isThere := slices.BinarySearchFunc(t.log, m, func(a, b moment) int {
		switch {
		case a.isBefore(&b):
			return -1
		case b.isBefore(&a):
			return 1
		default:
			return 0
		}
	})
	switch {
	case !isThere:
		isExact = t.retractGone(l, &m)
	case place >= t.head:
		t.log = slices.Delete(t.log, place, place+1)
		isExact = true
	default:
		isExact = t.retractCounted(l, place)
	}
	if t.first == m.time && t.gone == 0 { // else one of those gone is earlier than any read
		t.first = never
		if len(t.log) > 0 {
			t.first = t.log[0].time
		}
	}
	return isExact
}

// retractCounted takes back an event of the log that is before the moment.
func (t *track) retractCounted(l *layout, place int) (isExact bool) {
	m := t.log[place]
	for w := range t.tails {
		if place < t.tails[w] {
			t.tails[w]--
		} else {
			t.leave(l, w, &m)
		}
	}
	e := &l.enter[m.kind]
	for _, i := range e.decays {
		t.decays[i].sub(m.time, l.decays[i].halfLife)
	}
	t.log = slices.Delete(t.log, place, place+1)
	t.head--
	isExact = t.reaches(l)
	for _, i := range e.lasts {
		if t.lasts[i] == m.time {
			t.lasts[i] = t.latest(l, i)
		}
		isExact = isExact && t.isSettled(l, i)
	}
	t.widen(l)
	return isExact
}

// reaches says whether all that windows reach is in the log, after an event of
// it went; for that, it may give up going back.
func (t *track) reaches(l *layout) bool {
	if t.gone == 0 || l.horizon != forever && t.lost.time < t.oldest-l.horizon {
		return true
	}
	last := l.maxEvents - 1 // so many remain before oldest
	for last-l.maxEvents+1 < len(t.log) && t.log[last-l.maxEvents+1].isBefore(&t.lost) {
		last++
	}
	if last >= t.head {
		return false
	}
	t.oldest = max(t.oldest, t.log[last].time+1)
	return true
}

// retractGone takes back an event that is no longer in the log: windows
// without an end count it, and decayed counts.
func (t *track) retractGone(l *layout, m *moment) (isExact bool) {
	if t.gone == 0 || t.lost.isBefore(m) {
		return false // it is not known
	}
	t.gone--
	for w, length := range l.windows {
		if length == forever {
			t.leave(l, w, m)
		}
	}
	e := &l.enter[m.kind]
	for _, i := range e.decays {
		t.decays[i].sub(m.time, l.decays[i].halfLife)
	}
	isExact = true
	for _, i := range e.lasts {
		if t.settled[i] != m.time {
			continue
		}
		t.settled[i] = unknown
		if t.lasts[i] == m.time {
			t.lasts[i] = t.latest(l, i)
		}
		isExact = isExact && t.isSettled(l, i)
	}
	return isExact
}

// isSettled says whether the latest event of a mask is known at any moment to
// be read: where that of those gone is not, the log must have another.
func (t *track) isSettled(l *layout, i uint16) bool {
	if t.settled[i] != unknown {
		return true
	}
	for k := 0; k < t.head && t.log[k].time < t.oldest; k++ {
		if l.lasts[i]>>t.log[k].kind&1 == 1 {
			return true
		}
	}
	return false
}

// isEmpty says whether nothing is known of the entity.
func (t *track) isEmpty() bool { return len(t.log) == 0 && t.gone == 0 }

// Change is what became known of events that were observed before, or would
// have been.
type Change struct {
	Position int64    // in the log of changes
	Retract  []Logged // these count no longer
	Observe  []Logged // these count now
	// Users are IDs with whose they are from now on: their own, if nobody's
	// alias any more. Retract is of what was before, Observe of what is now.
	Users map[kindred.UserID]kindred.UserID
}

// Apply takes note of a change, whole: no read sees a part of it. now is as in
// Observe. It returns how many events could not be taken back exactly, because
// what the state keeps of users and items with very many events does not
// suffice; the state is then to be built anew.
//
// Cost: about 2 µs an event.
func (o *Online) Apply(c *Change, now int64) (inexact int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range c.Retract {
		if !o.retract(&c.Retract[i]) {
			inexact++
		}
	}
	for id, user := range c.Users {
		if id == user {
			delete(o.aliases, string(id))
		} else {
			o.aliases[string(id)] = string(user)
		}
	}
	for i := range c.Observe {
		o.observe(&c.Observe[i], now)
	}
	o.change = max(o.change, c.Position)
	o.inexact += inexact
	return inexact
}

func (o *Online) retract(e *Logged) (isExact bool) {
	m := o.plan.momentOf(e)
	user, isKnown := o.users.ids.Index(o.userOf(string(e.Event.User)))
	if !isKnown {
		return false
	}
	if e.Event.Item != "" {
		if m.other, isKnown = o.items.ids.Index(string(e.Event.Item)); !isKnown {
			return false
		}
	}
	isExact = o.users.retract(user, m)
	if e.Event.Session != "" && o.sessions.layout != nil {
		session, isKnown := o.sessions.ids.Index(e.Event.Session)
		isExact = isKnown && o.sessions.retract(session, m) && isExact
	}
	if item := m.other; item >= 0 {
		m.other = user
		isExact = o.items.retract(item, m) && isExact
	}
	return isExact
}

func (t *table) retract(id int32, m moment) (isExact bool) {
	if t.layout == nil {
		return true
	}
	if int(id) >= len(t.tracks) || t.tracks[id] == nil {
		return false
	}
	isExact = t.tracks[id].retract(t.layout, m)
	if t.tracks[id].isEmpty() {
		t.tracks[id] = nil
	}
	return isExact
}

// UserOf returns whose an ID is: its own, unless it is an alias.
func (o *Online) UserOf(id string) string {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.userOf(id)
}

func (o *Online) userOf(id string) string {
	if user, isAlias := o.aliases[id]; isAlias {
		return user
	}
	return id
}

// usersOf returns whose IDs are.
func (o *Online) usersOf(ids []string) []string {
	if len(o.aliases) == 0 || ids == nil {
		return ids
	}
	users := make([]string, len(ids))
	for i, id := range ids {
		users[i] = o.userOf(id)
	}
	return users
}
