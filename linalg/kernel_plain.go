//go:build !amd64 || purego

package linalg

func dot(x, y []float32) float32                              { return dotPlain(x, y) }
func axpy(alpha float32, x, y []float32)                      { axpyPlain(alpha, x, y) }
func scale(alpha float32, x []float32)                        { scalePlain(alpha, x) }
func dotRows(dst, query, rows []float32)                      { dotRowsPlain(dst, query, rows) }
func firstAbove(scores []float32, threshold float32) int      { return firstAbovePlain(scores, threshold) }
func transpose8(dst []float32, ld int, src []float32, ls int) { transpose8Plain(dst, ld, src, ls) }
func scaleTo(dst, row []float32, weight float32)              { scaleToPlain(dst, row, weight) }
func scoreInt4(dst []float32, query []int8, rows []byte, scales []float32) {
	scoreInt4Plain(dst, query, rows, scales)
}

func tile(c []float32, ldc int, a strided, b []float32, ldb, width, k int) {
	tilePlain(c, ldc, a, b, ldb, width, k)
}

func eliminate(p []float32, stride, rows, cols int) bool {
	return eliminatePlain(p, stride, rows, cols)
}

func dot8(dst *[8]float32, x, rows []float32, stride int) { dot8Plain(dst, x, rows, stride) }

func axpy8(y []float32, alphas *[8]float32, rows []float32, stride int) {
	axpy8Plain(y, alphas, rows, stride)
}

func packRows(dst []float32, stride int, y []float32, d int, rows []int32, weights []float32) {
	packRowsPlain(dst, stride, y, d, rows, weights)
}

func drain(cols []int32, vals, sums []float32, groups []byte, base int32) int {
	return drainPlain(cols, vals, sums, groups, base)
}

func pick(cols []int32, vals []float32, from []int32, values []float32, set Bits) int {
	return pickPlain(cols, vals, from, values, set)
}

func raise(maxima, x []float32) { raisePlain(maxima, x) }

func adaGrad(w, squares, g []float32, step AdaGradStep) { adaGradPlain(w, squares, g, step) }

func prefetch[T int32 | float32]([]T) {}
