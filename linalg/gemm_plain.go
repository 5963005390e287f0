package linalg

import "math"

// tilePlain adds to the tileRows×width tile c: c[i][j] += Σ_k a(i,k)·b[k][j].
func tilePlain(c []float32, ldc int, a strided, b []float32, ldb, width, k int) {
	for kk := range k {
		row := b[kk*ldb : kk*ldb+width]
		for i := range tileRows {
			axpyPlain(a.data[i*a.row+kk*a.step], row, c[i*ldc:i*ldc+width])
		}
	}
}

// transpose8Plain writes the transpose of the 8×8 corner of src to dst.
func transpose8Plain(dst []float32, ld int, src []float32, ls int) {
	for r := range 8 {
		for c, v := range src[r*ls : r*ls+8] {
			dst[c*ld+r] = v
		}
	}
}

// scaleToPlain writes weight·row to dst.
func scaleToPlain(dst, row []float32, weight float32) {
	for i, v := range row {
		dst[i] = weight * v
	}
}

// packRowsPlain writes the chosen rows of y (n×d), each times the root of its
// weight, to rows of dst; what lies between d and stride is unspecified.
func packRowsPlain(dst []float32, stride int, y []float32, d int, rows []int32, weights []float32) {
	for j, r := range rows {
		root := float32(math.Sqrt(float64(weights[j])))
		scaleTo(dst[j*stride:j*stride+d], y[int(r)*d:int(r)*d+d], root)
	}
}
