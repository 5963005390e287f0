package linalg

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// oversampling is how many vectors more than asked for RandomSVD works with,
// so that the last of those asked for are as good as the first.
const oversampling = 16

// negligible is the share of the largest eigenvalue of a Gram matrix in
// float32 below which an eigenvalue is rounding.
const negligible = 1e-6

// RandomSVD returns, of the sparse m×n matrix x with the transpose xt, the
// squares of the greatest singular values, greatest first, and the right
// singular vectors, as rows of an n×k matrix: column f belongs to values[f].
// Where x has fewer than k singular values above zero, the rest are zero and
// so are their vectors. after is called after each iteration and may end the
// work by an error. The bytes are the same for any number of workers.
//
// Method: N. Halko, P. Martinsson, J. Tropp, "Finding Structure with
// Randomness", SIAM Review 53, 2011, arXiv:0909.4061: subspace iteration from
// a random start, made orthonormal after each product by the eigenvectors of
// its Gram matrix, and a Rayleigh-Ritz step at the end. Cost of each of the
// iterations: 4·nnz·k flops, 4(m+n)k² and 12k³; 4(m+n)k bytes.
func RandomSVD(x, xt *CSR, k, iterations int, seed uint64, workers int, after func(step, steps int) error) (values, vectors []float32, err error) {
	m, n := x.Rows(), x.Width
	w := min(k+oversampling, m, n)
	values, vectors = make([]float32, k), make([]float32, n*k)
	if w == 0 {
		return values, vectors, nil
	}
	left, right := make([]float32, m*w), make([]float32, n*w)
	for i := range n {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		for f := range w {
			right[i*w+f] = float32(rng.NormFloat64())
		}
	}
	for step := range iterations {
		MulDense(left, x, right, w, workers)
		if err := orthonormalise(left, m, w, workers); err != nil {
			return nil, nil, err
		}
		MulDense(right, xt, left, w, workers)
		if err := orthonormalise(right, n, w, workers); err != nil {
			return nil, nil, err
		}
		if err := after(step+1, iterations); err != nil {
			return nil, nil, err
		}
	}
	MulDense(left, x, right, w, workers)
	squares, axes, err := gramEigen(left, m, w, workers)
	if err != nil {
		return nil, nil, err
	}
	found := min(k, w)
	for f := range found {
		if squares[f] > negligible*squares[0] {
			values[f] = float32(squares[f])
		} else {
			clear(axes[f*w : (f+1)*w])
		}
	}
	parallelRows(n, workers, func(lo, hi int) {
		product := make([]float32, (hi-lo)*found)
		GemmT(product, right[lo*w:hi*w], axes[:found*w], hi-lo, found, w)
		for i := lo; i < hi; i++ {
			copy(vectors[i*k:], product[(i-lo)*found:(i-lo+1)*found])
		}
	})
	return values, vectors, nil
}

// orthonormalise replaces the n×w matrix y by one with orthonormal columns
// that span the same space, and columns of zeros where that has fewer
// dimensions.
func orthonormalise(y []float32, n, w, workers int) error {
	squares, axes, err := gramEigen(y, n, w, workers)
	if err != nil {
		return err
	}
	for f, square := range squares {
		axis, scaling := axes[f*w:(f+1)*w], 0.0
		if square > negligible*squares[0] {
			scaling = 1 / math.Sqrt(square)
		}
		Scale(float32(scaling), axis)
	}
	parallelRows(n, workers, func(lo, hi int) {
		rows := y[lo*w : hi*w]
		product := make([]float32, len(rows))
		GemmT(product, rows, axes, hi-lo, w, w)
		copy(rows, product)
	})
	return nil
}

// gramEigen returns the eigenvalues of yᵀy, greatest first, and its
// eigenvectors as rows.
func gramEigen(y []float32, n, w, workers int) (values []float64, axes []float32, err error) {
	gram, wide := make([]float32, w*w), make([]float64, w*w)
	Gram(gram, y, n, w, workers)
	for i, g := range gram {
		wide[i] = float64(g)
	}
	values, vectors, err := Eigen(wide, w)
	if err != nil {
		return nil, nil, fmt.Errorf("linalg: a singular value decomposition: %w", err)
	}
	axes = make([]float32, w*w)
	for i, v := range vectors {
		axes[i] = float32(v)
	}
	return values, axes, nil
}

// parallelRows calls fn for pieces of n rows, each enough for a matrix product
// to be fast.
func parallelRows(n, workers int, fn func(lo, hi int)) {
	const rows = 256
	Parallel(workers, (n+rows-1)/rows, func(_, lo, hi int) {
		for b := lo; b < hi; b++ {
			fn(b*rows, min((b+1)*rows, n))
		}
	})
}

// MulDense writes the product of the sparse matrix x and the dense one y, with
// d columns, into dst. Cost: 2·nnz·d flops.
func MulDense(dst []float32, x *CSR, y []float32, d, workers int) {
	sameLen("MulDense (dst)", len(dst), x.Rows()*d)
	sameLen("MulDense (y)", len(y), x.Width*d)
	Parallel(workers, x.Rows(), func(_, lo, hi int) {
		for r := lo; r < hi; r++ {
			row := dst[r*d : (r+1)*d]
			clear(row)
			cols, vals := x.Row(r)
			for k, c := range cols {
				axpy(vals[k], y[int(c)*d:(int(c)+1)*d], row)
			}
		}
	})
}
