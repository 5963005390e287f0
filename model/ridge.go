package model

import (
	"math"

	"kindred/linalg"
)

// ridge is the one small problem that iALS solves over and over, in training
// and when a history comes to be served:
//
//	minimise  Σ_k w_k (y_kᵀx − t_k)² + Σ_f D_f·x_f²   over x
//
// with n rows y_k, d unknowns and D > 0. Two forms have the same solution:
//
//	primal, d×d:  (YᵀWY + D)·x = YᵀWt
//	dual,   n×n:  (ZZᵀ + I)·β = √W·t,  x = D^(−½)·Zᵀβ,  Z = √W·Y·D^(−½)
//
// The dual is the Woodbury identity made symmetric. Cost: nd² + d³/3 flops for
// the primal, n²d + n³/3 for the dual; the smaller system is taken. As most
// histories are shorter than d, the dual is what makes many factors cheap.
//
// A ridge is the scratch memory of one goroutine.
type ridge struct {
	a     []float32 // the system, n×n or d×d
	panel []float32 // Z, n×d
	right []float32 // the right side, then its solution
	root  []float32 // d: D^(−½)
	moved []float32 // n: targets less what stands still

	block     []float32 // n×block: columns of Y
	targets   []float32 // n
	predicted []float32 // n
	order     []int32   // 0, 1, …, n−1
}

// solve writes x and returns the first sum above, for that x. The rows of Y
// are rows[k] of y, which is as wide as x.
func (r *ridge) solve(x, y []float32, rows []int32, weights, targets, diagonal []float32) (loss float64) {
	if len(rows) < len(x) {
		return r.dual(x, y, rows, weights, targets, diagonal)
	}
	return r.primal(x, y, rows, weights, targets, diagonal)
}

// solveFrom is solve with D·(x − from)² in place of D·x².
func (r *ridge) solveFrom(x, from, y []float32, rows []int32, weights, targets, diagonal []float32) (loss float64) {
	d := len(x)
	r.moved = sized(r.moved, len(rows))
	for k, row := range rows {
		r.moved[k] = targets[k] - linalg.Dot(from, y[int(row)*d:(int(row)+1)*d])
	}
	loss = r.solve(x, y, rows, weights, r.moved, diagonal)
	linalg.Axpy(1, from, x)
	return loss
}

func (r *ridge) primal(x, y []float32, rows []int32, weights, targets, diagonal []float32) (loss float64) {
	d := len(x)
	r.right = sized(r.right, d)
	clear(r.right)
	for k, row := range rows {
		linalg.Axpy(weights[k]*targets[k], y[int(row)*d:(int(row)+1)*d], r.right)
	}
	r.factor(d, func() {
		linalg.SyrkRows(r.a, d, y, rows, weights)
		for f, D := range diagonal {
			r.a[f*d+f] += D
		}
	})
	linalg.CholeskySolve(r.a, d, r.right)
	copy(x, r.right)
	for k, row := range rows {
		miss := linalg.Dot(x, y[int(row)*d:(int(row)+1)*d]) - targets[k]
		loss += float64(weights[k] * miss * miss)
	}
	return loss
}

func (r *ridge) dual(x, y []float32, rows []int32, weights, targets, diagonal []float32) (loss float64) {
	n, d := len(rows), len(x)
	r.root, r.panel, r.right = sized(r.root, d), sized(r.panel, n*d), sized(r.right, n)
	for f, D := range diagonal {
		r.root[f] = float32(1 / math.Sqrt(float64(D)))
	}
	for k, row := range rows {
		weight := float32(math.Sqrt(float64(weights[k])))
		r.right[k] = weight * targets[k]
		from, root := y[int(row)*d:][:d], r.root[:d]
		for f, to := 0, r.panel[k*d:][:d]; f < d; f++ {
			to[f] = weight * root[f] * from[f]
		}
	}
	r.factor(n, func() {
		for k := range n {
			linalg.DotRows(r.a[k*n:k*n+k+1], r.panel[k*d:(k+1)*d], r.panel[:(k+1)*d])
			r.a[k*n+k]++
		}
	})
	linalg.CholeskySolve(r.a, n, r.right)
	clear(x)
	for k, beta := range r.right {
		linalg.Axpy(beta, r.panel[k*d:(k+1)*d], x)
		loss += float64(beta * beta) // √w·(t − yᵀx) = β
	}
	for f, root := range r.root {
		x[f] *= root
	}
	return loss
}

// factor leaves in r.a the Cholesky factor of the n×n matrix that add adds to
// zeros. In exact arithmetic the matrix is positive definite; where rounding
// spoils that, its diagonal is raised by a millionth of its mean, and tenfold
// until it is.
func (r *ridge) factor(n int, add func()) {
	r.a = sized(r.a, n*n)
	for jitter := float32(0); ; jitter = max(1e-6, 10*jitter) {
		clear(r.a)
		add()
		var trace float32
		for k := range n {
			trace += r.a[k*n+k]
		}
		for k := range n {
			r.a[k*n+k] += jitter * trace / float32(n)
		}
		if linalg.Cholesky(r.a, n) == nil {
			return
		}
		if jitter > 1 { // not a number somewhere; the loss will tell
			clear(r.a)
			for k := range n {
				r.a[k*n+k] = float32(math.Inf(1))
			}
			return
		}
	}
}

// improve makes x better by solving, exactly, for one block of its elements
// after the other while the rest stand still (iALS++). Because the quadratic term is diagonal, blocks meet only in the predictions,
// and each is a ridge problem of its own whose targets are what the other
// blocks leave over. Returns the loss as solve does.
func (r *ridge) improve(x, y []float32, rows []int32, weights, targets, diagonal []float32, width int) (loss float64) {
	n, d := len(rows), len(x)
	r.predicted, r.targets = sized(r.predicted, n), sized(r.targets, n)
	r.order, r.block = sized(r.order, n), sized(r.block, n*width)
	for k, row := range rows {
		r.order[k] = int32(k)
		r.predicted[k] = linalg.Dot(x, y[int(row)*d:(int(row)+1)*d])
	}
	for lo := 0; lo < d; lo += width {
		hi := min(lo+width, d)
		b, part := hi-lo, x[lo:hi]
		for k, row := range rows {
			columns := r.block[k*b : (k+1)*b]
			copy(columns, y[int(row)*d+lo:int(row)*d+hi])
			r.targets[k] = targets[k] - r.predicted[k] + linalg.Dot(part, columns)
		}
		loss = r.solve(part, r.block[:n*b], r.order, weights, r.targets, diagonal[lo:hi])
		for k := range rows {
			r.predicted[k] = targets[k] - r.targets[k] + linalg.Dot(part, r.block[k*b:(k+1)*b])
		}
	}
	return loss
}

// sized returns a slice of n elements of any value, x's own memory if it has
// that much.
func sized[T any](x []T, n int) []T {
	if cap(x) < n {
		return make([]T, n, n+n/4)
	}
	return x[:n]
}
