package feature

import (
	"math"
	"math/bits"
)

// fixed is a sum in fixed point with 40 binary places, of 128 bits in two's
// complement. Adding is exact, so a sum depends neither on the order of its
// terms nor on what was added and taken away between; a value is rounded to
// 2^-40 (1e-12) once, before it is added. Values beyond ±2^62 count as that.
type fixed struct {
	hi, lo uint64
}

const (
	places   = 40
	maxFixed = 1 << 62
)

// fixedOf returns the value nearest to x.
func fixedOf(x float64) fixed {
	x = min(max(x, -maxFixed), maxFixed)
	whole := math.Floor(x)
	rest := math.RoundToEven((x - whole) * (1 << places)) // in [0, 2^40]
	i := int64(whole)
	f := fixed{hi: uint64(i >> (64 - places)), lo: uint64(i) << places}
	f.add(fixed{lo: uint64(rest)})
	return f
}

func (f *fixed) add(g fixed) {
	var carry uint64
	f.lo, carry = bits.Add64(f.lo, g.lo, 0)
	f.hi, _ = bits.Add64(f.hi, g.hi, carry)
}

func (f *fixed) sub(g fixed) {
	var borrow uint64
	f.lo, borrow = bits.Sub64(f.lo, g.lo, 0)
	f.hi, _ = bits.Sub64(f.hi, g.hi, borrow)
}

// float returns the sum as a float64.
func (f *fixed) float() float64 {
	isNegative := int64(f.hi) < 0
	if isNegative {
		var g fixed
		g.sub(*f)
		f = &g
	}
	x := math.Ldexp(float64(f.hi), 64-places) + math.Ldexp(float64(f.lo), -places)
	if isNegative {
		return -x
	}
	return x
}

// A decayed count is kept by forward decay (Cormode, Shkapenyuk, Srivastava,
// Xu: Forward Decay, ICDE 2009): an event weighs 2^(age at the landmark / half
// life), which never changes, and the sum is scaled when it is read. The
// landmark is the beginning of the event's epoch of epochLives half-lives, so
// that weights lie between 1 and 2^epochLives. epochs is how many epochs count
// at a moment, the present one included; one more is kept, for a read of a
// moment a little earlier.
const (
	epochLives = 16
	epochs     = 3
	epochsKept = epochs + 1
)

// decayed is a decayed count by epoch.
type decayed struct {
	latest int64 // epoch of sums[0]; sums[i] is that of epoch latest-i
	sums   [epochsKept]fixed
}

func epochOf(time, halfLife int64) int64 { return floorDiv(time, epochLives*halfLife) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func decayWeight(time, halfLife int64) fixed {
	age := time - epochOf(time, halfLife)*epochLives*halfLife
	return fixedOf(math.Exp2(float64(age) / float64(halfLife)))
}

func (d *decayed) add(time, halfLife int64) {
	epoch := epochOf(time, halfLife)
	if ahead := epoch - d.latest; ahead > 0 {
		var moved [epochsKept]fixed
		if ahead < epochsKept {
			copy(moved[ahead:], d.sums[:])
		}
		d.latest, d.sums = epoch, moved
	}
	if behind := d.latest - epoch; behind < epochsKept {
		d.sums[behind].add(decayWeight(time, halfLife))
	}
}

func (d *decayed) sub(time, halfLife int64) {
	if behind := d.latest - epochOf(time, halfLife); behind < epochsKept {
		d.sums[behind].sub(decayWeight(time, halfLife))
	}
}

// at returns the count at a moment not before any event that was added.
func (d *decayed) at(time, halfLife int64) float64 {
	sum, now := 0.0, epochOf(time, halfLife)
	for i := epochsKept - 1; i >= 0; i-- {
		epoch := d.latest - int64(i)
		if d.sums[i] == (fixed{}) || now-epoch >= epochs {
			continue
		}
		age := float64(time-epoch*epochLives*halfLife) / float64(halfLife)
		sum += d.sums[i].float() * math.Exp2(-age)
	}
	return sum
}
