package feature

import (
	"math"
	"slices"
)

// moment is an event as a track remembers it.
type moment struct {
	time  int64 // unix milliseconds
	seq   int64 // place in the log; 0 where events come in its order
	value float64
	other int32 // the item; of an item's track, the user; -1 none
	kind  uint8 // its bit in masks
}

// isBefore says whether an event comes before another: by time, then by
// arrival.
func (m *moment) isBefore(n *moment) bool {
	return m.time < n.time || m.time == n.time && m.seq < n.seq
}

// slack is how far behind the latest read another may come and still be exact,
// in milliseconds and, for entities with more than maxEvents, in events.
const (
	slackTime   = 60_000
	slackEvents = 1000
)

// Times that are none.
const (
	never   = math.MinInt64
	unknown = never + 1 // of an event that was taken back, and the one before is gone
)

// layout says what tracks of one sort of entity count. Windows, masks of kinds
// and the like stand in it once, whichever features share them.
type layout struct {
	maxEvents int
	slack     int     // slackEvents, but in tests
	horizon   int64   // how far back moments are kept; never limited: forever
	windows   []int64 // lengths; ascending; the last may be forever

	counts    []aggregate // by window
	sums      []aggregate
	distincts []aggregate
	decays    []decay
	lasts     []uint64 // masks

	// What an event of a kind adds to, and what it is taken from when it
	// leaves a window.
	enter [64]effects
	leave [][64]effects
}

const forever = math.MaxInt64

// aggregate counts the events of a mask in a window.
type aggregate struct {
	mask   uint64
	window int // in layout.windows
}

type decay struct {
	mask     uint64
	halfLife int64
}

// effects are the aggregates, by place, that an event changes.
type effects struct {
	counts, sums, distincts, decays, lasts []uint16
}

// compile fills the tables enter and leave.
func (l *layout) compile() {
	l.leave = make([][64]effects, len(l.windows))
	for kind := range l.enter {
		bit := uint64(1) << kind
		all := &l.enter[kind]
		collect := func(list []aggregate, into func(*effects) *[]uint16) {
			for i, a := range list {
				if a.mask&bit == 0 {
					continue
				}
				places := into(all)
				*places = append(*places, uint16(i))
				places = into(&l.leave[a.window][kind])
				*places = append(*places, uint16(i))
			}
		}
		collect(l.counts, func(e *effects) *[]uint16 { return &e.counts })
		collect(l.sums, func(e *effects) *[]uint16 { return &e.sums })
		collect(l.distincts, func(e *effects) *[]uint16 { return &e.distincts })
		for i, d := range l.decays {
			if d.mask&bit != 0 {
				all.decays = append(all.decays, uint16(i))
			}
		}
		for i, mask := range l.lasts {
			if mask&bit != 0 {
				all.lasts = append(all.lasts, uint16(i))
			}
		}
	}
}

// track is what is remembered of one entity. It stands at a moment: the
// aggregates hold the events before it, each window's those that it reaches.
// Not safe for concurrent use.
type track struct {
	log    []moment // by time, then by arrival
	head   int      // those before are before the moment
	tails  []int    // by window: from here to head the events are in it
	at     int64    // the moment
	oldest int64    // the earliest moment that seek can go back to
	first  int64    // time of the first event ever; never: none
	gone   int      // how many events are no longer in log
	lost   moment   // the latest of them

	counts    []int32
	sums      []fixed
	distincts []map[int32]int32
	decays    []decayed
	lasts     []int64 // time of the latest event of the mask; never: none
	settled   []int64 // the same, of events that are no longer in log
}

func (l *layout) newTrack() *track {
	t := &track{
		tails: make([]int, len(l.windows)), at: never, oldest: never, first: never,
		counts: make([]int32, len(l.counts)), sums: make([]fixed, len(l.sums)), distincts: make([]map[int32]int32, len(l.distincts)),
		decays: make([]decayed, len(l.decays)), lasts: make([]int64, 2*len(l.lasts)),
	}
	for i := range t.lasts {
		t.lasts[i] = never
	}
	t.lasts, t.settled = t.lasts[:len(l.lasts):len(l.lasts)], t.lasts[len(l.lasts):]
	return t
}

// reset makes the track that of another entity.
func (t *track) reset() {
	t.log, t.head, t.at, t.oldest, t.first, t.gone = t.log[:0], 0, never, never, never, 0
	clear(t.tails)
	clear(t.counts)
	clear(t.sums)
	clear(t.decays)
	for _, d := range t.distincts {
		clear(d)
	}
	for i := range t.lasts {
		t.lasts[i], t.settled[i] = never, never
	}
}

// observe takes note of an event, however late. Cost: that of moving the
// events after it, so constant for one that is not late.
func (t *track) observe(l *layout, m moment) {
	if t.first == never || m.time < t.first {
		t.first = m.time
	}
	place := len(t.log)
	for place > 0 && m.isBefore(&t.log[place-1]) {
		place--
	}
	if m.time >= t.at {
		t.log = slices.Insert(t.log, place, m)
		return
	}
	t.observeLate(l, m, place)
}

// observeLate takes note of an event before the moment, which therefore counts
// at once, if a window reaches it.
func (t *track) observeLate(l *layout, m moment, place int) {
	t.log = slices.Insert(t.log, place, m)
	t.head++
	t.enter(l, &m)
	for w := range t.tails {
		if place < t.tails[w] {
			t.tails[w]++
			t.leave(l, w, &m)
		}
	}
	t.slide(l)
}

// seek moves the track to a moment. Cost: that of the events that enter or
// leave a window on the way. It goes back by slack at most, to oldest.
func (t *track) seek(l *layout, at int64) {
	at = max(at, t.oldest)
	switch {
	case at > t.at:
		for t.head < len(t.log) && t.log[t.head].time < at {
			t.enter(l, &t.log[t.head])
			t.head++
		}
		t.at = at
		t.slide(l)
		t.compact(l)
	case at < t.at:
		t.rewind(l, at)
	}
}

// slide takes out of each window what it no longer reaches.
func (t *track) slide(l *layout) {
	floor := t.head - l.maxEvents
	for w, length := range l.windows {
		if length == forever {
			continue
		}
		tail, from := t.tails[w], t.at-length
		for tail < t.head && (t.log[tail].time < from || tail < floor) {
			t.leave(l, w, &t.log[tail])
			tail++
		}
		t.tails[w] = tail
	}
}

// rewind undoes seek.
func (t *track) rewind(l *layout, at int64) {
	t.at = at
	for t.head > 0 && t.log[t.head-1].time >= at {
		t.head--
		m := &t.log[t.head]
		t.undo(l, m)
		for w := range t.tails {
			if t.tails[w] > t.head {
				t.tails[w] = t.head
			} else {
				t.leave(l, w, m)
			}
		}
	}
	t.widen(l)
}

// widen takes into each window what it reaches again.
func (t *track) widen(l *layout) {
	floor := max(t.head-l.maxEvents, 0)
	for w, length := range l.windows {
		if length == forever {
			continue
		}
		for tail := t.tails[w]; tail > floor && t.log[tail-1].time >= t.at-length; tail-- {
			t.tails[w] = tail - 1
			t.reenter(l, w, &t.log[tail-1])
		}
	}
}

// enter counts an event in every window.
func (t *track) enter(l *layout, m *moment) {
	e := &l.enter[m.kind]
	for _, i := range e.counts {
		t.counts[i]++
	}
	if len(e.sums) > 0 {
		value := fixedOf(m.value)
		for _, i := range e.sums {
			t.sums[i].add(value)
		}
	}
	for _, i := range e.distincts {
		t.distinct(i, m.other, 1)
	}
	for _, i := range e.decays {
		t.decays[i].add(m.time, l.decays[i].halfLife)
	}
	for _, i := range e.lasts {
		t.lasts[i] = max(t.lasts[i], m.time)
	}
}

// leave takes an event out of one window.
func (t *track) leave(l *layout, w int, m *moment) {
	e := &l.leave[w][m.kind]
	for _, i := range e.counts {
		t.counts[i]--
	}
	if len(e.sums) > 0 {
		value := fixedOf(m.value)
		for _, i := range e.sums {
			t.sums[i].sub(value)
		}
	}
	for _, i := range e.distincts {
		t.distinct(i, m.other, -1)
	}
}

// reenter undoes leave.
func (t *track) reenter(l *layout, w int, m *moment) {
	e := &l.leave[w][m.kind]
	for _, i := range e.counts {
		t.counts[i]++
	}
	for _, i := range e.sums {
		t.sums[i].add(fixedOf(m.value))
	}
	for _, i := range e.distincts {
		t.distinct(i, m.other, 1)
	}
}

// undo undoes what enter did beside the windows. The event is log[head].
func (t *track) undo(l *layout, m *moment) {
	e := &l.enter[m.kind]
	for _, i := range e.decays {
		t.decays[i].sub(m.time, l.decays[i].halfLife)
	}
	for _, i := range e.lasts {
		t.lasts[i] = t.latest(l, i)
	}
}

// latest finds the time of the latest event of a mask before the moment.
func (t *track) latest(l *layout, i uint16) int64 {
	for k := t.head - 1; k >= 0; k-- {
		if l.lasts[i]>>t.log[k].kind&1 == 1 {
			return max(t.settled[i], t.log[k].time)
		}
	}
	if t.settled[i] == unknown {
		return never
	}
	return t.settled[i]
}

func (t *track) distinct(i uint16, other, by int32) {
	if t.distincts[i] == nil {
		t.distincts[i] = map[int32]int32{}
	}
	if n := t.distincts[i][other] + by; n > 0 {
		t.distincts[i][other] = n
	} else {
		delete(t.distincts[i], other)
	}
}

// compact forgets the events that no window and no read can reach, once they
// are half of all.
func (t *track) compact(l *layout) {
	if t.head < 32 {
		return
	}
	from := int64(never) // what is before it is out of reach
	if l.horizon != forever {
		from = t.at - slackTime - l.horizon
	}
	gone := t.head / 2
	if t.log[gone].time >= from && gone >= t.head-l.maxEvents-l.slack {
		return
	}
	for gone < t.head && t.log[gone].time < from {
		gone++
	}
	if t.log[gone-1].time >= from { // only the number is too large
		gone = 0
	}
	t.oldest = max(t.oldest, t.at-slackTime)
	if full := t.head - l.maxEvents - l.slack; full > gone {
		gone = full
		t.oldest = max(t.oldest, t.log[gone+l.maxEvents-1].time+1) // maxEvents remain before it
	}
	for k := range gone {
		for _, i := range l.enter[t.log[k].kind].lasts {
			t.settled[i] = max(t.settled[i], t.log[k].time)
		}
	}
	if last := &t.log[gone-1]; t.gone == 0 || t.lost.isBefore(last) {
		t.lost = *last
	}
	t.gone += gone
	t.log = slices.Delete(t.log, 0, gone)
	t.head -= gone
	for w := range t.tails {
		t.tails[w] = max(t.tails[w]-gone, 0)
	}
}
