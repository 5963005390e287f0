package linalg

// Bits is a set of small whole numbers. A nil or short Bits holds nothing
// beyond its end.
type Bits []uint64

// NewBits returns an empty set with room for 0 … n-1.
func NewBits(n int) Bits { return make(Bits, (n+63)/64) }

// Set puts i into the set; it panics when there is no room for i.
func (b Bits) Set(i int) { b[i>>6] |= 1 << (i & 63) }

// Clear takes i out of the set; it panics when there is no room for i.
func (b Bits) Clear(i int) { b[i>>6] &^= 1 << (i & 63) }

// Has reports whether i, which must not be negative, is in the set.
func (b Bits) Has(i int) bool { return i>>6 < len(b) && b[i>>6]>>(i&63)&1 != 0 }
