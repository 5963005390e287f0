package linalg

import (
	"errors"
	"math"
)

// ErrNotPositiveDefinite is what Cholesky returns for a matrix without a
// Cholesky factor, among them any that holds NaN.
var ErrNotPositiveDefinite = errors.New("linalg: matrix is not positive definite (try a larger regularisation)")

// Cholesky replaces the lower triangle of the symmetric n×n matrix a by L with
// a = L·Lᵀ. The upper triangle is not read; its elements may be overwritten.
// Cost: n³/3 flops.
//
// Method: right-looking, in strips of 16 columns. A strip is transposed, so
// that its elimination runs along rows; the rest of the triangle then takes
// one rank-16 update in tiles.
func Cholesky(a []float32, n int) error {
	sameLen("Cholesky", len(a), n*n)
	s := takeScratch()
	defer scratches.Put(s)
	stride := padded(n) + tileCols
	var strip []float32
	if need := 2 * halfCols * stride; need <= len(s.panel) {
		strip = s.panel[:need]
	} else {
		strip = make([]float32, need)
	}
	clear(strip) // tiles at the edge read beyond the last column
	right, left := strip[:halfCols*stride], strip[halfCols*stride:]
	for j := 0; j < n; j += halfCols {
		width := min(halfCols, n-j)
		rest := n - j
		transpose(right, stride, a[j*n+j:], n, rest, width)
		if !eliminate(right, stride, width, rest) {
			return ErrNotPositiveDefinite
		}
		transpose(a[j*n+j:], n, right, stride, width, rest)
		if rest -= width; rest == 0 {
			break
		}
		for k := range width {
			scaleTo(left[k*stride:], right[k*stride+width:k*stride+width+rest], -1)
		}
		below := a[(j+width)*n+j+width:]
		s.syrkPanel(below, n, rest, left, right[width:], stride, width)
	}
	return nil
}

// eliminate turns the strip p (rows×cols, upper trapezium) into rows of Lᵀ and
// reports whether all pivots were positive.
func eliminate(p []float32, stride, rows, cols int) bool {
	for k := range rows {
		row := p[k*stride : k*stride+cols]
		pivot := math.Sqrt(float64(row[k]))
		if !(pivot > 0) || math.IsInf(pivot, 1) {
			return false
		}
		scale(float32(1/pivot), row[k:])
		for j := k + 1; j < rows; j++ {
			axpy(-row[j], row[j:], p[j*stride+j:j*stride+cols])
		}
	}
	return true
}

// CholeskySolve replaces x by the solution of L·Lᵀ·y = x, with L from
// Cholesky. Cost: 2n² flops.
func CholeskySolve(l []float32, n int, x []float32) {
	sameLen("CholeskySolve (l)", len(l), n*n)
	sameLen("CholeskySolve (x)", len(x), n)
	for i := range n {
		row := l[i*n : i*n+i+1]
		x[i] = (x[i] - dot(row[:i], x[:i])) / row[i]
	}
	for i := n - 1; i >= 0; i-- {
		row := l[i*n : i*n+i+1]
		x[i] /= row[i]
		axpy(-x[i], row[:i], x[:i])
	}
}
