package format

import (
	"encoding/binary"
	"encoding/hex"
	"math"

	"github.com/zeebo/xxh3"

	"kindred"
)

// occurrences counts equal rows of one import, by open addressing over 12-byte
// slots at most three quarters full: 16 to 32 bytes a row.
type occurrences struct {
	keys   []uint64 // 0: free
	counts []uint32
	used   int
	buf    []byte
}

func newOccurrences() *occurrences {
	return &occurrences{keys: make([]uint64, 1024), counts: make([]uint32, 1024)}
}

// id names an event by what it says and by how many equal rows came before:
// importing again, even a grown or re-sorted file, gives the same names.
func (o *occurrences) id(e *kindred.Event, timed bool) string { //nolint:revive // timed: a file's own time is no meaning
	b := o.buf[:0]
	for _, s := range [...]string{string(e.User), string(e.Item), string(e.Kind), e.Session} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(e.Value))
	if timed {
		b = binary.LittleEndian.AppendUint64(b, uint64(e.Time.UnixMilli())) //nolint:gosec // bits
	}
	hash := xxh3.Hash128(b)
	b = binary.AppendUvarint(b, uint64(o.count(hash.Lo|1)))
	o.buf = b
	sum := xxh3.Hash128(b).Bytes()
	return hex.EncodeToString(sum[:])
}

// count returns how often key was counted before.
func (o *occurrences) count(key uint64) uint32 {
	if 4*o.used >= 3*len(o.keys) {
		old := *o
		o.keys, o.counts = make([]uint64, 2*len(old.keys)), make([]uint32, 2*len(old.keys))
		for i, k := range old.keys {
			if k != 0 {
				at := o.slot(k)
				o.keys[at], o.counts[at] = k, old.counts[i]
			}
		}
	}
	at := o.slot(key)
	if o.keys[at] == 0 {
		o.keys[at] = key
		o.used++
	}
	o.counts[at]++
	return o.counts[at] - 1
}

func (o *occurrences) slot(key uint64) int {
	mask := len(o.keys) - 1
	at := int(key>>1) & mask //nolint:gosec // masked
	for o.keys[at] != 0 && o.keys[at] != key {
		at = (at + 1) & mask
	}
	return at
}
