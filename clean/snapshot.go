package clean

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"github.com/zeebo/xxh3"

	"kindred"
)

// snapshotVersion is the first byte of a snapshot; the last eight are a hash
// of all before.
const snapshotVersion = 2

// codec writes numbers to a buffer, or reads them from it: one description of
// what is kept serves both ways.
type codec struct {
	buf    []byte
	isRead bool
	failed bool
}

func (c *codec) u64(v *uint64) {
	if !c.isRead {
		c.buf = binary.LittleEndian.AppendUint64(c.buf, *v)
		return
	}
	if len(c.buf) < 8 {
		c.failed = true
		return
	}
	*v = binary.LittleEndian.Uint64(c.buf)
	c.buf = c.buf[8:]
}

func (c *codec) i64(v *int64) {
	n := uint64(*v) //nolint:gosec // as bits
	c.u64(&n)
	*v = int64(n) //nolint:gosec // as bits
}

func (c *codec) f64(v *float64) {
	n := math.Float64bits(*v)
	c.u64(&n)
	*v = math.Float64frombits(n)
}

// small packs up to four counts into one number.
func (c *codec) small(counts ...*uint16) {
	var n uint64
	for i, v := range counts {
		n |= uint64(*v) << (16 * i)
	}
	c.u64(&n)
	for i, v := range counts {
		*v = uint16(n >> (16 * i)) //nolint:gosec // the lowest bits
	}
}

// flags packs truths and small numbers into one number.
func (c *codec) flags(bits *uint8, truths ...*bool) {
	n := uint64(*bits)
	for i, v := range truths {
		if *v {
			n |= 1 << (8 + i)
		}
	}
	c.u64(&n)
	*bits = uint8(n) //nolint:gosec // the lowest bits
	for i, v := range truths {
		*v = n>>(8+i)&1 == 1
	}
}

// length writes a length, or reads one that is possible: of entries of at
// least so many bytes.
func (c *codec) length(n, atLeast, most int) int {
	v := uint64(n) //nolint:gosec // a length
	c.u64(&v)
	if c.isRead && (v > uint64(most) || v > uint64(len(c.buf)/atLeast)) { //nolint:gosec // lengths
		c.failed = true
		return 0
	}
	return int(v) //nolint:gosec // at most a length
}

func (c *codec) place(n *int, below int) {
	v := int64(*n)
	c.i64(&v)
	if *n = int(v); v < 0 || v > 0 && v >= int64(below) {
		*n, c.failed = 0, true
	}
}

func (u *user) code(c *codec) {
	c.u64(&u.key)
	c.flags(&u.weak, &u.isRecent, &u.isBot, &u.inSum, &u.isBusy)
	c.i64(&u.last)
	c.small(&u.acts, &u.clicks, &u.shown, &u.perMinute)
	c.small(&u.perHour, &u.pauses, &u.hits, &u.candidates)
	c.small(&u.visited, &u.offBeat)
	c.i64(&u.minute)
	c.i64(&u.hour)
	c.u64(&u.hours)
	c.i64(&u.lastAct)
	c.f64(&u.mean)
	c.f64(&u.variance)
	c.u64(&u.favourite)
	c.i64(&u.view)
	c.u64(&u.viewItem)
	c.i64(&u.viewTime)
	for i := range u.session {
		c.i64(&u.session[i])
	}
}

func (j *Judge) code(c *codec) {
	c.i64(&j.seq)
	sum := uint64(j.shown.with)<<32 | uint64(j.shown.without)
	c.u64(&sum)
	j.shown = audience{with: uint32(sum >> 32), without: uint32(sum)} //nolint:gosec // two halves

	c.u64(&j.zero.events)
	c.u64(&j.zero.all)
	var none uint8
	c.flags(&none, &j.zero.isNobody)

	const userBytes, meetingBytes = 160, 24
	n := c.length(len(j.users.slots), userBytes, maxUsers)
	j.users.slots = slices.Grow(j.users.slots, n)[:n]
	c.place(&j.users.hand, n)
	c.place(&j.users.sweep, n)
	for i := range j.users.slots {
		j.users.slots[i].code(c)
	}
	n = c.length(len(j.meetings.ring), meetingBytes, maxMeetings)
	j.meetings.ring = slices.Grow(j.meetings.ring, n)[:n]
	c.place(&j.meetings.next, n)
	for i := range j.meetings.ring {
		m := &j.meetings.ring[i]
		c.u64(&m.key)
		c.i64(&m.time)
		c.i64(&m.seq)
	}
}

// Snapshot returns all that the judge knows, for Restore. The same log gives
// the same bytes. Cost: some 0.1 s for as many users as it remembers.
func (j *Judge) Snapshot() []byte {
	c := &codec{buf: append([]byte{snapshotVersion, byte(len(j.rules))}, j.rules...)}
	j.code(c)
	return binary.LittleEndian.AppendUint64(c.buf, xxh3.Hash(c.buf))
}

var errSnapshot = errors.New("clean: the snapshot is damaged")

// Restore returns a judge that goes on where another with the same settings
// was at its Snapshot. It fails with Conflict for a snapshot of other rules.
func Restore(settings Settings, snapshot []byte) (*Judge, error) {
	j, err := NewJudge(settings)
	if err != nil {
		return nil, err
	}
	body := len(snapshot) - 8
	if body < 2 || binary.LittleEndian.Uint64(snapshot[max(body, 0):]) != xxh3.Hash(snapshot[:max(body, 0)]) {
		return nil, errSnapshot
	}
	head := 2 + int(snapshot[1])
	if snapshot[0] != snapshotVersion || head > body || string(snapshot[2:head]) != j.rules {
		return nil, kindred.Errorf(kindred.Conflict, "the snapshot is of other rules than %s (judge from the beginning)", j.rules)
	}
	c := &codec{buf: snapshot[head:body], isRead: true}
	j.code(c)
	if c.failed || len(c.buf) != 0 {
		return nil, errSnapshot
	}
	for i := range j.users.slots {
		j.users.place[j.users.slots[i].key] = int32(i) //nolint:gosec // below maxUsers
	}
	for i := range j.meetings.ring {
		j.meetings.place[j.meetings.ring[i].key] = int32(i) //nolint:gosec // below maxMeetings
	}
	return j, nil
}
