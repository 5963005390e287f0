package clean

import (
	"fmt"
	"strings"

	"github.com/zeebo/xxh3"

	"kindred"
)

// isPlaceholder says whether an identifier stands for none.
func (j *Judge) isPlaceholder(id string) bool {
	if !j.settings.Placeholders.On {
		return false
	}
	if id[0] == '0' || id[0] == '-' {
		if strings.Trim(id, "0-") == "" && len(id) > 1 {
			return true
		}
	}
	const longest = 16
	if len(id) > longest+2 {
		return false
	}
	return j.names[strings.ToLower(strings.TrimSpace(id))]
}

// zero is what the user "0" did, beside all users.
type zero struct {
	events, all uint64
	isNobody    bool // flagged
}

const (
	zeroEvents = 100 // before they say something
	zeroTimes  = 20  // as many events as users have on average are not one person's
)

// isNobody says whether an event is of user "0" and that stands for nobody, as
// where guests have it: where numbers begin at 0, it is the first and does
// about as much as others.
func (j *Judge) isNobody(in *Input, found *Found) bool {
	z := &j.zero
	z.all++
	if !j.settings.Placeholders.On || in.Event.User != "0" {
		return false
	}
	z.events++
	users := uint64(len(j.users.slots))
	if !z.isNobody && z.events >= zeroEvents && z.events*users > zeroTimes*z.all {
		z.isNobody = true
		found.Flags = append(found.Flags, kindred.Flag{
			Seq: in.Seq, User: in.Event.User, Reasons: kindred.Placeholder,
			Why: fmt.Sprintf("%d of %d events, which is not one person's of %d", z.events, z.all, users),
		})
	}
	return z.isNobody
}

// maxMeetings is how many meetings are remembered to find what repeats them.
const maxMeetings = 1 << 17

// meeting is the last time a user did something to an item.
type meeting struct {
	key       uint64 // of user, item and kind
	time, seq int64
}

// meetings are the last ones, the oldest of them the first to be forgotten.
type meetings struct {
	ring  []meeting
	next  int // in ring, once it is full
	place map[uint64]int32
}

func newMeetings() meetings { return meetings{place: map[uint64]int32{}} }

// repeat marks the earlier of two events that are one.
func (j *Judge) repeat(e *kindred.Event, at *moment, found *Found) {
	s := &j.settings.NearDuplicate
	window := s.Windows[e.Kind].Milliseconds()
	if !s.On || window <= 0 || e.Item == "" {
		return
	}
	m := &j.meetings
	key := at.user ^ mix(at.item) ^ mix(hashOf(string(e.Kind))+1)
	now := meeting{key: key, time: at.time, seq: at.seq}
	i, known := m.place[key]
	if !known {
		m.add(now)
		return
	}
	before := m.ring[i]
	if apart := now.time - before.time; apart >= -window && apart <= window {
		earlier := before
		if now.time < before.time {
			earlier = now
		}
		found.mark(earlier.seq, kindred.NearDuplicate)
	}
	if now.time >= before.time {
		m.ring[i] = now
	}
}

func (m *meetings) add(now meeting) {
	if len(m.ring) < maxMeetings {
		m.place[now.key] = int32(len(m.ring)) //nolint:gosec // below maxMeetings
		m.ring = append(m.ring, now)
		return
	}
	delete(m.place, m.ring[m.next].key)
	m.place[now.key] = int32(m.next) //nolint:gosec // below maxMeetings
	m.ring[m.next] = now
	m.next = (m.next + 1) % maxMeetings
}

// hashOf is what an identifier is known by; never 0.
func hashOf(id string) uint64 { return xxh3.HashString(id) | 1 }

// mix spreads the bits of a hash, so that sums of hashes do not meet
// (the finaliser of MurmurHash3).
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
