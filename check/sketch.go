package check

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/zeebo/xxh3"
)

// hashOf is what sketches know an identifier by.
func hashOf[T ~string](id T) uint64 { return xxh3.HashString(string(id)) }

// mix joins two hashes to one in which both count, in this order.
func mix(a, b uint64) uint64 {
	x := a*0x9e3779b97f4a7c15 ^ b
	x = (x ^ x>>32) * 0xd6e8feb86659fd93
	x = (x ^ x>>32) * 0xd6e8feb86659fd93
	return x ^ x>>32
}

// sample keeps a value for each key, as long as there are few. When there are
// more than limit it keeps the half whose hash begins with one more zero bit,
// and so on (adaptive sampling, Flajolet 1990). A key that is kept has been
// kept from its first sight, so its value is exact, and shares among the keys
// kept are those among all keys. Which are kept depends on the set of keys
// alone, not on their order.
type sample[V any] struct {
	limit  int
	level  uint
	values map[uint64]*V
}

func newSample[V any](limit int) *sample[V] {
	return &sample[V]{limit: limit, values: map[uint64]*V{}}
}

// keeps says whether a key is among those kept.
func (s *sample[V]) keeps(key uint64) bool { return s.level == 0 || key>>(64-s.level) == 0 }

// of returns a key's value, making it at the first sight; nil for a key that
// is not kept.
func (s *sample[V]) of(key uint64) *V {
	if !s.keeps(key) {
		return nil
	}
	if v := s.values[key]; v != nil {
		return v
	}
	v := new(V)
	s.values[key] = v
	for len(s.values) > s.limit {
		s.level++
		maps.DeleteFunc(s.values, func(key uint64, _ *V) bool { return !s.keeps(key) })
	}
	if !s.keeps(key) {
		return nil
	}
	return v
}

// find returns a key's value, or nil if it was never seen or is not kept.
func (s *sample[V]) find(key uint64) *V { return s.values[key] }

// distinct estimates how many keys there are: exact up to limit, else within
// about 1.2/sqrt(limit).
func (s *sample[V]) distinct() int64 { return s.scale(int64(len(s.values))) }

// scale estimates a count over all keys from one over those kept.
func (s *sample[V]) scale(n int64) int64 { return n << s.level }

// all returns the values in the order of their keys.
func (s *sample[V]) all() []*V {
	values := make([]*V, 0, len(s.values))
	for _, key := range slices.Sorted(maps.Keys(s.values)) {
		values = append(values, s.values[key])
	}
	return values
}

// heavyLimit is how many keys a heavy keeps.
const heavyLimit = 512

// heavy finds the most frequent keys of a stream (Misra and Gries 1982): each
// count is at most the true one and at least that less n/512. Exact with up to
// 512 keys.
type heavy struct {
	counts map[uint64]*named
	all    int64
}

// named is a key with how often it was seen.
type named struct {
	key   uint64
	name  string
	count int64
}

func newHeavy() *heavy { return &heavy{counts: make(map[uint64]*named, heavyLimit)} }

func (h *heavy) add(key uint64, name string) {
	h.all++
	if c := h.counts[key]; c != nil {
		c.count++
		return
	}
	if len(h.counts) < heavyLimit {
		h.counts[key] = &named{key, name, 1}
		return
	}
	maps.DeleteFunc(h.counts, func(_ uint64, c *named) bool {
		c.count--
		return c.count == 0
	})
}

// top returns the keys by count, the highest first.
func (h *heavy) top() []named {
	var list []named
	for _, c := range h.counts {
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b named) int {
		return cmp.Or(cmp.Compare(b.count, a.count), strings.Compare(a.name, b.name), cmp.Compare(a.key, b.key))
	})
	return list
}

// magnitudes counts positive numbers by powers of two, from 2^-16 to 2^47;
// what is outside counts as at the end.
type magnitudes [64]int64

const unitBin = 16 // of 1 to below 2

func binOf(x float64) int { return min(max(math.Ilogb(x)+unitBin, 0), 63) }

func (m *magnitudes) add(x float64) {
	if x > 0 {
		m[binOf(x)]++
	}
}

// quantile returns the bin of a quantile, and how many numbers there are.
func (m *magnitudes) quantile(q float64) (bin int, all int64) {
	for _, n := range m {
		all += n
	}
	below := int64(0)
	for bin, n := range m {
		if below += n; float64(below) >= q*float64(all) && below > 0 {
			return bin, all
		}
	}
	return 0, all
}

// outside counts the numbers that are 2^width times beyond the 1st and 99th
// percentile.
func (m *magnitudes) outside(width int) (count, all int64) {
	low, all := m.quantile(0.01)
	high, _ := m.quantile(0.99)
	for bin, n := range m {
		if bin <= low-width || bin >= high+width {
			count += n
		}
	}
	return count, all
}

// exampleLimit is how many examples a finding shows.
const exampleLimit = 5

// examples are the first few of what a check found, each once.
type examples []string

func (e *examples) add(text string) {
	if len(*e) < exampleLimit && !slices.Contains(*e, text) {
		*e = append(*e, clip(text))
	}
}

// clip shortens a text to what a line has room for.
func clip(text string) string {
	const most = 120
	text = strings.ToValidUTF8(text, "\uFFFD")
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

// extremes are the rows with the largest amounts.
type extremes []extreme

type extreme struct {
	text   string
	amount float64
}

// add keeps a row if it is among the largest; text is called only then.
func (e *extremes) add(amount float64, text func() string) {
	if len(*e) == exampleLimit && amount <= (*e)[exampleLimit-1].amount {
		return
	}
	at, _ := slices.BinarySearchFunc(*e, amount, func(x extreme, amount float64) int { return cmp.Compare(amount, x.amount) })
	*e = slices.Insert(*e, at, extreme{clip(text()), amount})
	*e = (*e)[:min(len(*e), exampleLimit)]
}
