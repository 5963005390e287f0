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

// DotInt8Rows writes the exact inner products of query with every row of rows
// (len(dst)×len(query)) into dst. It panics for a query longer than 65,536,
// beyond which a sum could leave int32.
func DotInt8Rows(dst []int32, query, rows []int8) {
	sameLen("DotInt8Rows", len(rows), len(dst)*len(query))
	if len(query) > 1<<16 {
		panic(fmt.Sprintf("linalg: DotInt8Rows of %d dimensions overflows (at most 65536)", len(query)))
	}
	dotInt8Rows(dst, query, rows)
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
