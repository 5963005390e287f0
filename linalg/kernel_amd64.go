//go:build amd64 && !purego

package linalg

import (
	"math"
	"unsafe"

	"golang.org/x/sys/cpu"
)

// Each kernel picks, at run time, the widest form that the machine has:
// AVX-512, AVX2 with FMA, or plain Go. Lengths have been checked by the
// exported functions; the assembly touches nothing beyond them.

func hasAVX512() bool {
	return cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL
}

func hasAVX2() bool { return cpu.X86.HasAVX2 && cpu.X86.HasFMA }

func dot(x, y []float32) float32 {
	switch {
	case len(x) == 0:
		return 0
	case hasAVX512():
		return dotAVX512(&x[0], &y[0], len(x))
	case hasAVX2():
		return dotAVX2(&x[0], &y[0], len(x))
	}
	return dotPlain(x, y)
}

func axpy(alpha float32, x, y []float32) {
	switch {
	case len(x) == 0:
	case hasAVX512():
		axpyAVX512(alpha, &x[0], &y[0], len(x))
	case hasAVX2():
		axpyAVX2(alpha, &x[0], &y[0], len(x))
	default:
		axpyPlain(alpha, x, y)
	}
}

func scale(alpha float32, x []float32) { scaleTo(x, x, alpha) }

func scaleTo(dst, x []float32, alpha float32) {
	switch {
	case len(x) == 0:
	case hasAVX512():
		scaleToAVX512(&dst[:len(x)][0], &x[0], len(x), alpha)
	case hasAVX2():
		scaleToAVX2(&dst[:len(x)][0], &x[0], len(x), alpha)
	default:
		scaleToPlain(dst, x, alpha)
	}
}

func adaGrad(w, squares, g []float32, step AdaGradStep) {
	if len(w) == 0 || !hasAVX512() {
		adaGradPlain(w, squares, g, step)
		return
	}
	adaGradAVX512(&w[0], &squares[0], &g[0], len(w), &step)
}

// dotRows ends with eight rows that may overlap the last but one eight, so
// that a row's sum does not depend on where it stands.
func dotRows(dst, query, rows []float32) {
	d, n := len(query), len(dst)
	if d == 0 || n < 8 || !hasAVX512() {
		for r := range dst {
			dst[r] = dot(query, rows[r*d:(r+1)*d])
		}
		return
	}
	dotRowsAVX512(&dst[0], &query[0], &rows[0], d, d, n/8)
	if n%8 != 0 {
		dotRowsAVX512(&dst[n-8], &query[0], &rows[(n-8)*d], d, d, 1)
	}
}

func scoreInt4(dst []float32, query []int8, rows []byte, scales []float32) {
	if len(query) == 0 || len(dst) == 0 || !hasAVX2() {
		scoreInt4Plain(dst, query, rows, scales)
		return
	}
	bias := int32(0)
	for _, q := range query {
		bias -= nibbleZero * int32(q)
	}
	groups, whole := len(query)/int4Group, len(dst)/int4Rows*int4Rows
	if whole > 0 {
		scoreInt4Blocks(&dst[0], &query[0], &rows[0], &scales[0], groups, whole/int4Rows, bias)
	}
	if whole < len(dst) {
		var last, by [int4Rows]float32
		copy(by[:], scales[whole:])
		scoreInt4Blocks(&last[0], &query[0], &rows[whole*len(query)/2], &by[0], groups, 1, bias)
		copy(dst[whole:], last[:])
	}
}

func scoreInt4Blocks(dst *float32, query *int8, rows *byte, scales *float32, groups, blocks int, bias int32) {
	if hasAVX512() && cpu.X86.HasAVX512VNNI {
		scoreInt4VNNI(dst, query, rows, scales, groups, blocks, bias)
		return
	}
	scoreInt4AVX2(dst, query, rows, scales, groups, blocks, bias)
}

func firstAbove(scores []float32, threshold float32) int {
	if len(scores) == 0 || !hasAVX2() {
		return firstAbovePlain(scores, threshold)
	}
	return firstAboveAVX2(&scores[0], len(scores), threshold)
}

func raise(maxima, x []float32) {
	whole := len(x) &^ 7
	if whole > 0 && hasAVX2() {
		raiseAVX2(&maxima[:whole][0], &x[0], whole/8)
		maxima, x = maxima[whole:], x[whole:]
	}
	raisePlain(maxima, x)
}

// prefetch asks for the first 64 of x; behind its end that does no harm.
func prefetch[T int32 | float32](x []T) {
	if len(x) > 0 {
		prefetchLines(unsafe.Pointer(&x[0]))
	}
}

// drain has room for a whole block in cols and vals.
func drain(cols []int32, vals, sums []float32, groups []byte, base int32) int {
	if !hasAVX512() {
		return drainPlain(cols, vals, sums, groups, base)
	}
	return drainAVX512(&cols[:blockCols][0], &vals[:blockCols][0], &sums[:blockCols][0], &groups[:blockGroups][0], base)
}

// pick takes whole sixteens in assembly, which writes no further than they go.
func pick(cols []int32, vals []float32, from []int32, values []float32, set Bits) int {
	whole := len(from) &^ 15
	if whole == 0 || len(set) == 0 || len(set) > math.MaxInt32/64 || !hasAVX512() {
		return pickPlain(cols, vals, from, values, set)
	}
	found := pickAVX512(&cols[0], &vals[0], &from[0], &values[0], &set[0], 64*len(set), whole/16)
	if found < 0 {
		panic("linalg: Pick of a column outside the set")
	}
	return found + pickPlain(cols[found:], vals[found:], from[whole:], values[whole:], set)
}

func tile(c []float32, ldc int, a strided, b []float32, ldb, width, k int) {
	if k == 0 {
		return
	}
	_ = c[(tileRows-1)*ldc+width-1]
	_ = a.data[(tileRows-1)*a.row+(k-1)*a.step]
	_ = b[(k-1)*ldb+width-1]
	switch {
	case hasAVX512() && width == tileCols:
		tile32AVX512(&c[0], ldc, &a.data[0], a.row, a.step, &b[0], ldb, k)
	case hasAVX512():
		tile16AVX512(&c[0], ldc, &a.data[0], a.row, a.step, &b[0], ldb, k)
	case hasAVX2():
		for i := 0; i < tileRows; i += 4 {
			for j := 0; j < width; j += 16 {
				tile4x16AVX2(&c[i*ldc+j], ldc, &a.data[i*a.row], a.row, a.step, &b[j], ldb, k)
			}
		}
	default:
		tilePlain(c, ldc, a, b, ldb, width, k)
	}
}

// packRows gathers weighted rows; see packRowsPlain. Rows have been checked.
func packRows(dst []float32, stride int, y []float32, d int, rows []int32, weights []float32) {
	if len(rows) == 0 || !hasAVX512() {
		packRowsPlain(dst, stride, y, d, rows, weights)
		return
	}
	_ = dst[(len(rows)-1)*stride+(d+15)&^15-1]
	packRowsAVX512(&dst[0], stride, &y[0], d, &rows[0], &weights[0], len(rows))
}

// eliminate turns the strip p into rows of Lᵀ; see eliminatePlain.
func eliminate(p []float32, stride, rows, cols int) bool {
	if rows != stripRows || !hasAVX512() {
		return eliminatePlain(p, stride, rows, cols)
	}
	groups := (cols - 1) / 16 // to the right of the diagonal block
	_ = p[(stripRows-1)*stride+16*groups+15]
	var (
		l      [stripRows * stripRows]float32
		scales [stripRows]float32
	)
	return eliminate16AVX512(&p[0], stride, groups, &l[0], &scales[0])
}

// dot8 writes the products of x with eight rows of the given stride.
func dot8(dst *[8]float32, x, rows []float32, stride int) {
	if len(x) == 0 || !hasAVX512() {
		dot8Plain(dst, x, rows, stride)
		return
	}
	_ = rows[7*stride+len(x)-1]
	dotRowsAVX512(&dst[0], &x[0], &rows[0], len(x), stride, 1)
}

// axpy8 adds eight rows of the given stride, times alphas, to y.
func axpy8(y []float32, alphas *[8]float32, rows []float32, stride int) {
	if len(y) == 0 || !hasAVX512() {
		axpy8Plain(y, alphas, rows, stride)
		return
	}
	_ = rows[7*stride+len(y)-1]
	axpy8AVX512(&y[0], &alphas[0], &rows[0], stride, len(y))
}

func transpose8(dst []float32, ld int, src []float32, ls int) {
	if !hasAVX2() {
		transpose8Plain(dst, ld, src, ls)
		return
	}
	_, _ = dst[7*ld+7], src[7*ls+7]
	transpose8AVX2(&dst[0], ld, &src[0], ls)
}

//go:noescape
func dotAVX512(x, y *float32, n int) float32

//go:noescape
func dotAVX2(x, y *float32, n int) float32

//go:noescape
func axpyAVX512(alpha float32, x, y *float32, n int)

//go:noescape
func axpyAVX2(alpha float32, x, y *float32, n int)

//go:noescape
func scaleToAVX512(dst, x *float32, n int, alpha float32)

//go:noescape
func scaleToAVX2(dst, x *float32, n int, alpha float32)

//go:noescape
func adaGradAVX512(w, squares, gradient *float32, n int, step *AdaGradStep)

// dotRowsAVX512 takes eight rows at a time.
//
//go:noescape
func dotRowsAVX512(dst, query, rows *float32, d, stride, eights int)

// scoreInt4VNNI uses VPDPBUSD, which multiplies unsigned by signed bytes and
// sums fours of them into 32 bits.
//
//go:noescape
func scoreInt4VNNI(dst *float32, query *int8, rows *byte, scales *float32, groups, blocks int, bias int32)

// scoreInt4AVX2 uses VPMADDUBSW, which cannot saturate here: two products of
// at most 15·128.
//
//go:noescape
func scoreInt4AVX2(dst *float32, query *int8, rows *byte, scales *float32, groups, blocks int, bias int32)

//go:noescape
func firstAboveAVX2(scores *float32, n int, threshold float32) int

//go:noescape
func raiseAVX2(maxima, x *float32, eights int)

//go:noescape
func prefetchLines(x unsafe.Pointer)

//go:noescape
func drainAVX512(cols *int32, vals, sums *float32, groups *byte, base int32) int

// pickAVX512 returns −1 if a column is not below width.
//
//go:noescape
func pickAVX512(cols *int32, vals *float32, from *int32, values *float32, set *uint64, width, sixteens int) int

//go:noescape
func tile32AVX512(c *float32, ldc int, a *float32, row, step int, b *float32, ldb, k int)

//go:noescape
func tile16AVX512(c *float32, ldc int, a *float32, row, step int, b *float32, ldb, k int)

//go:noescape
func tile4x16AVX2(c *float32, ldc int, a *float32, row, step int, b *float32, ldb, k int)

//go:noescape
func transpose8AVX2(dst *float32, ld int, src *float32, ls int)

//go:noescape
func eliminate16AVX512(p *float32, stride, groups int, l, scales *float32) bool

//go:noescape
func axpy8AVX512(y, alphas, rows *float32, stride, n int)

//go:noescape
func packRowsAVX512(dst *float32, stride int, y *float32, d int, rows *int32, weights *float32, n int)

// peakAVX512 and peakAVX2 run n rounds of 16 (12) independent FMAs on
// registers: what benchmarks call the machine's peak.
func peakAVX512(n int)
func peakAVX2(n int)
