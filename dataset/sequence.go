package dataset

import (
	"cmp"
	"slices"
	"time"

	"kindred"
)

// EndsVisit says whether a pause of so many seconds ends a visit, and a basket,
// where the client names no sessions.
func EndsVisit(pause int64) bool { return pause > int64(kindred.SessionGap/time.Second) }

// milliseconds is how many of a record's units of time are a second.
const milliseconds = 1000

// sequences makes sequences of records grouped by user, users ascending, whose
// times have so many units a second. It sorts them.
func sequences(users int, steps []record, perSecond int64) *Sequences {
	s := &Sequences{
		Starts: make([]int, users+1), Items: make([]int32, len(steps)), Times: make([]int64, len(steps)),
		Weights: make([]float32, len(steps)), Baskets: make([]int32, len(steps)),
	}
	for i := range steps {
		s.Starts[steps[i].user+1]++
	}
	for u := range users {
		s.Starts[u+1] += s.Starts[u]
		mine := steps[s.Starts[u]:s.Starts[u+1]]
		slices.SortStableFunc(mine, func(a, b record) int {
			return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.item, b.item), cmp.Compare(a.effect, b.effect))
		})
		basket := int32(0)
		for k := range mine {
			if k > 0 && startsBasket(&mine[k-1], &mine[k], perSecond) {
				basket++
			}
			at := s.Starts[u] + k
			s.Items[at], s.Times[at], s.Weights[at] = mine[k].item, floorDiv(mine[k].time, perSecond), mine[k].amount
			s.Baskets[at] = basket
		}
	}
	return s
}

// startsBasket says whether b, the event after a, belongs to another basket.
func startsBasket(a, b *record, perSecond int64) bool {
	none := [3]byte{}
	if a.session != none && b.session != none {
		return a.session != b.session
	}
	return EndsVisit((b.time - a.time) / perSecond)
}

func floorDiv(a, b int64) int64 {
	if a%b < 0 {
		return a/b - 1
	}
	return a / b
}

// hashSession returns 24 bits of a session's name, never all zero unless it
// has none (FNV-1a, folded): enough to tell the neighbouring sessions of one
// user apart.
func hashSession(name string) (hash [3]byte) {
	if name == "" {
		return hash
	}
	h := uint32(2166136261)
	for i := range len(name) {
		h = (h ^ uint32(name[i])) * 16777619
	}
	h = max(1, (h^h>>24)&(1<<24-1))
	return [3]byte{byte(h), byte(h >> 8), byte(h >> 16)}
}
