package model

import (
	"math"
	"slices"

	"kindred/dataset"
	"kindred/linalg"
)

// expectation says where a vector lies before anybody met anything: at a linear
// function of features,
//
//	m_r = w_0 + Σ_c x_rc·w_c
//
// and is learned from vectors by ridge regression. A nil one expects zero.
type expectation struct {
	features *linalg.CSR // rows×columns
	byColumn *linalg.CSR // the same, transposed
	factors  int
	weights  []float32 // (columns+1)×factors, row-major; the last row is w_0
}

func newExpectation(features *dataset.Features, rows, factors int) *expectation {
	x := &linalg.CSR{Starts: make([]int, rows+1)}
	if features != nil {
		x = features.Rows
	}
	return &expectation{features: x, byColumn: x.Transpose(), factors: factors, weights: make([]float32, (x.Width+1)*factors)}
}

// clone returns one whose weights are its own.
func (p *expectation) clone() *expectation {
	copied := *p
	copied.weights = slices.Clone(p.weights)
	return &copied
}

// rotate turns the weights as the vectors are turned.
func (p *expectation) rotate(rotation []float32) {
	if p != nil {
		rotate(p.weights, rotation, p.factors)
	}
}

// mean writes m of a row with the given columns; those that are unknown say
// nothing.
func mean(dst, weights []float32, cols []int32, vals []float32) {
	d := len(dst)
	constant := len(weights)/d - 1
	copy(dst, weights[constant*d:])
	for k, c := range cols {
		if c >= 0 && int(c) < constant {
			linalg.Axpy(vals[k], weights[int(c)*d:(int(c)+1)*d], dst)
		}
	}
}

func (p *expectation) mean(dst []float32, row int) {
	cols, vals := p.features.Row(row)
	mean(dst, p.weights, cols, vals)
}

// regressionSteps are those of the conjugate gradients in learn. They start
// from the weights there are, which are near from the second epoch on.
const regressionSteps = 15

// learn moves the weights to the minimum of
//
//	Σ_r c_r·‖v_r − m_r‖² / c̄ + lambda·Σ_c ‖w_c‖²,  c̄ the mean of c_r > 0
//
// v being rows×factors, by conjugate gradients with the diagonal as
// preconditioner, for all factors side by side. Cost: regressionSteps times
// 4·factors flops for each feature of each row.
func (p *expectation) learn(vectors []float32, counts []float64, lambda float64) {
	d, columns := p.factors, p.features.Width+1
	scale := relative(counts)
	between := make([]float32, len(vectors))
	residual := make([]float32, columns*d)
	p.misses(between, vectors, scale)
	p.back(residual, between)
	linalg.Axpy(-float32(lambda), p.weights[:(columns-1)*d], residual[:(columns-1)*d])
	inverse := p.preconditioner(scale, lambda)
	direction, moved := make([]float32, columns*d), make([]float32, columns*d)
	length, curvature := make([]float64, d), make([]float64, d) // by factor
	for step := range regressionSteps {
		before := slices.Clone(length)
		inner(length, residual, residual, inverse)
		for k := range direction {
			ratio := float32(0)
			if f := k % d; step > 0 && before[f] > 0 {
				ratio = float32(length[f] / before[f])
			}
			direction[k] = inverse[k/d]*residual[k] + ratio*direction[k]
		}
		p.apply(moved, direction, between, scale, lambda)
		inner(curvature, direction, moved, nil)
		for k := range direction {
			if f := k % d; curvature[f] > 0 {
				alpha := float32(length[f] / curvature[f])
				p.weights[k] += alpha * direction[k]
				residual[k] -= alpha * moved[k]
			}
		}
	}
}

// relative returns the counts relative to the mean of those above zero.
func relative(counts []float64) []float32 {
	total, n := 0.0, 0
	for _, c := range counts {
		if c > 0 {
			total, n = total+c, n+1
		}
	}
	scale := make([]float32, len(counts))
	for r, c := range counts {
		if c > 0 {
			scale[r] = float32(c * float64(n) / total)
		}
	}
	return scale
}

// misses writes scale·(vectors − what is expected of them).
func (p *expectation) misses(dst, vectors, scale []float32) {
	d := p.factors
	linalg.Parallel(workers(), len(scale), func(_, lo, hi int) {
		for r := lo; r < hi; r++ {
			row := dst[r*d : (r+1)*d]
			p.mean(row, r)
			for f, v := range vectors[r*d : (r+1)*d] {
				row[f] = scale[r] * (v - row[f])
			}
		}
	})
}

// apply writes the matrix of the regression times x, columns×factors. between
// is memory of rows×factors.
func (p *expectation) apply(dst, x, between, scale []float32, lambda float64) {
	d := p.factors
	linalg.Parallel(workers(), p.features.Rows(), func(_, lo, hi int) {
		for r := lo; r < hi; r++ {
			cols, vals := p.features.Row(r)
			row := between[r*d : (r+1)*d]
			mean(row, x, cols, vals)
			linalg.Scale(scale[r], row)
		}
	})
	p.back(dst, between)
	n := len(x) - d
	linalg.Axpy(float32(lambda), x[:n], dst[:n])
}

// back writes the transposed features, the constant among them, times rows.
func (p *expectation) back(dst, rows []float32) {
	d, columns := p.factors, p.features.Width
	clear(dst)
	linalg.Parallel(workers(), columns, func(_, lo, hi int) {
		for c := lo; c < hi; c++ {
			at, vals := p.byColumn.Row(c)
			for k, r := range at {
				linalg.Axpy(vals[k], rows[int(r)*d:(int(r)+1)*d], dst[c*d:(c+1)*d])
			}
		}
	})
	for r := range p.features.Rows() {
		linalg.Axpy(1, rows[r*d:(r+1)*d], dst[columns*d:])
	}
}

// preconditioner returns the inverse of the diagonal of the regression's
// matrix.
func (p *expectation) preconditioner(scale []float32, lambda float64) []float32 {
	inverse := make([]float32, p.features.Width+1)
	for c := range p.features.Width {
		sum := lambda
		rows, vals := p.byColumn.Row(c)
		for k, r := range rows {
			sum += float64(scale[r]) * float64(vals[k]) * float64(vals[k])
		}
		inverse[c] = float32(1 / sum)
	}
	sum := 0.0
	for _, s := range scale {
		sum += float64(s)
	}
	inverse[p.features.Width] = float32(1 / math.Max(sum, 1e-30))
	return inverse
}

// inner writes Σ_c x_cf·y_cf·weight_c for each factor f; weights nil: 1.
func inner(dst []float64, x, y, weights []float32) {
	clear(dst)
	d := len(dst)
	for k := range x {
		weight := float32(1)
		if weights != nil {
			weight = weights[k/d]
		}
		dst[k%d] += float64(x[k]) * float64(y[k]) * float64(weight)
	}
}
