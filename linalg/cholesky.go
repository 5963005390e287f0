package linalg

import (
	"errors"
	"math"
)

// ErrNotPositiveDefinite is what Cholesky returns for a matrix without a
// Cholesky factor, among them any that holds NaN.
var ErrNotPositiveDefinite = errors.New("linalg: matrix is not positive definite (try a larger regularisation)")

// stripRows is how many columns are eliminated at once: as many as AVX-512
// can hold in registers with the vectors they are divided by.
const stripRows = 16

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
	if need := 2 * stripRows * stride; need <= len(s.panel) {
		strip = s.panel[:need]
	} else {
		strip = make([]float32, need)
	}
	clear(strip) // tiles at the edge read beyond the last column
	right, left := strip[:stripRows*stride], strip[stripRows*stride:]
	for j := 0; j < n; j += stripRows {
		width := min(stripRows, n-j)
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

// eliminatePlain turns the strip p (rows×cols, upper trapezium) into rows of
// Lᵀ and reports whether all pivots were positive. Columns up to the next
// whole 16 may be overwritten.
func eliminatePlain(p []float32, stride, rows, cols int) bool {
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
// Cholesky. Cost: 2n² flops, eight rows at a time.
func CholeskySolve(l []float32, n int, x []float32) {
	sameLen("CholeskySolve (l)", len(l), n*n)
	sameLen("CholeskySolve (x)", len(x), n)
	var sums, alphas [8]float32
	whole := n &^ 7
	for i := 0; i < whole; i += 8 {
		dot8(&sums, x[:i], l[i*n:], n)
		for r := range 8 {
			row := l[(i+r)*n+i : (i+r)*n+i+r+1]
			sum := x[i+r] - sums[r]
			for c, v := range x[i : i+r] {
				sum -= row[c] * v
			}
			x[i+r] = sum / row[r]
		}
	}
	for i := whole; i < n; i++ {
		x[i] = (x[i] - dot(l[i*n:i*n+i], x[:i])) / l[i*n+i]
	}
	for i := n - 1; i >= whole; i-- {
		x[i] /= l[i*n+i]
		axpy(-x[i], l[i*n:i*n+i], x[:i])
	}
	for i := whole - 8; i >= 0; i -= 8 {
		for r := 7; r >= 0; r-- {
			row := l[(i+r)*n+i : (i+r)*n+i+r+1]
			v := x[i+r] / row[r]
			x[i+r], alphas[r] = v, -v
			for c := range r {
				x[i+c] -= row[c] * v
			}
		}
		axpy8(x[:i], &alphas, l[i*n:], n)
	}
}
