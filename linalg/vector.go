package linalg

import "fmt"

// Dot returns the inner product of x and y, which must be equally long.
func Dot(x, y []float32) float32 {
	sameLen("Dot", len(x), len(y))
	return dot(x, y)
}

// Axpy adds alpha·x to y.
func Axpy(alpha float32, x, y []float32) {
	sameLen("Axpy", len(x), len(y))
	axpy(alpha, x, y)
}

// Scale multiplies every element of x by alpha.
func Scale(alpha float32, x []float32) { scale(alpha, x) }

// DotRows writes the inner products of query with every row of rows
// (len(dst)×len(query)) into dst.
func DotRows(dst, query, rows []float32) {
	sameLen("DotRows", len(rows), len(dst)*len(query))
	dotRows(dst, query, rows)
}

// nibbleZero is what stands for zero in half a byte.
const nibbleZero = 8

// PackInt4 writes codes, an even number of values from -8 to 7, to dst, two in
// a byte: byte j holds codes[j] in its low and codes[len(codes)/2+j] in its
// high half, each with 8 added.
func PackInt4(dst []byte, codes []int8) {
	sameLen("PackInt4", 2*len(dst), len(codes))
	half := len(dst)
	for j := range dst {
		dst[j] = byte(codes[j]+nibbleZero)&15 | byte(codes[half+j]+nibbleZero)<<4
	}
}

// DotInt4Rows writes the exact inner products of query, of even length, with
// every row of rows (len(dst) rows from PackInt4) into dst. It panics for a
// query longer than 65,536.
func DotInt4Rows(dst []int32, query []int8, rows []byte) {
	sameLen("DotInt4Rows (rows)", 2*len(rows), len(dst)*len(query))
	if len(query) > 1<<16 || len(query)%2 != 0 {
		panic(fmt.Sprintf("linalg: DotInt4Rows of %d dimensions (an even number up to 65536)", len(query)))
	}
	dotInt4Rows(dst, query, rows)
}

// ScaleInt32 writes src[i]·scales[i] into dst: sums of bytes back to numbers.
func ScaleInt32(dst []float32, src []int32, scales []float32) {
	sameLen("ScaleInt32 (src)", len(src), len(dst))
	sameLen("ScaleInt32 (scales)", len(scales), len(dst))
	scaleInt32(dst, src, scales)
}

// sameLen panics when a caller's shapes disagree.
func sameLen(name string, got, want int) {
	if got != want {
		panic(fmt.Sprintf("linalg: %s of lengths %d and %d", name, got, want))
	}
}
