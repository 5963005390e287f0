package model

import (
	"kindred/dataset"
	"kindred/linalg"
)

// weigh finds the weights by Newton's method, halving steps that do not
// descend, from the mean, which rows without labels leave as it is.
func (m *RowStacked) weigh(rows *dataset.Rows, lambda float64) {
	width := len(m.members)
	m.weights = make([]float64, width)
	for k := range m.weights {
		m.weights[k] = 1 / float64(width)
	}
	fit := rowStackFit{loss: m.loss, rows: rows, scores: m.scores(rows), lambda: lambda, width: width}
	unit := labelScale{deviation: 1}
	if m.loss == squaredLoss { // lambda is to mean the same of labels of any size
		all := sample{rows: rows}
		for r := range rows.Len() {
			all.index = append(all.index, int32(r))
		}
		unit = scaleOf(all)
		fit.rows = unit.apply(all).rows
		for k, z := range fit.scores {
			fit.scores[k] = (z - unit.mean) / unit.deviation
		}
	}
	at := append([]float64{0}, m.weights...)
	for range 30 {
		step, ok := fit.newton(at)
		if !ok {
			break
		}
		loss, share := fit.penalised(at), 1.0
		next := shifted(at, step, share)
		for share > 1e-6 && fit.penalised(next) > loss {
			share /= 2
			next = shifted(at, step, share)
		}
		if share <= 1e-6 || loss-fit.penalised(next) <= 1e-10*loss {
			break
		}
		at = next
	}
	m.base, m.weights = unit.mean+unit.deviation*at[0], at[1:]
	for _, weight := range m.weights {
		m.base -= weight * unit.mean
	}
}

func shifted(at, step []float64, share float64) []float64 {
	next := make([]float64, len(at))
	for k := range next {
		next[k] = at[k] - share*step[k]
	}
	return next
}

// rowStackFit is a stack's weights under way: b, then β.
type rowStackFit struct {
	loss   string
	rows   *dataset.Rows
	scores []float64
	lambda float64
	width  int
}

// off is how far weight k is from what it is shrunk to.
func (f *rowStackFit) off(at []float64, k int) float64 {
	if k == 0 {
		return at[0]
	}
	return at[k] - 1/float64(f.width)
}

func (f *rowStackFit) raw(at []float64, r int) float64 {
	sum := at[0]
	for k, z := range f.scores[r*f.width : (r+1)*f.width] {
		sum += at[k+1] * z
	}
	return sum
}

// penalised is the loss of all rows and of the distance to what weights are
// shrunk to.
func (f *rowStackFit) penalised(at []float64) (sum float64) {
	for r, label := range f.rows.Labels {
		sum += float64(f.rows.Weight(r)) * pointLoss(f.loss, f.raw(at, r), target(f.loss, label))
	}
	for k := range at {
		sum += f.lambda / 2 * f.off(at, k) * f.off(at, k)
	}
	return sum
}

// newton returns H⁻¹·G; ok is false where there is none.
func (f *rowStackFit) newton(at []float64) (step []float64, ok bool) {
	n := len(at)
	g, h, x := make([]float64, n), make([]float64, n*n), make([]float64, n)
	for r, label := range f.rows.Labels {
		x[0] = 1
		copy(x[1:], f.scores[r*f.width:(r+1)*f.width])
		raw, w := f.raw(at, r), float64(f.rows.Weight(r))
		d, curve := w*slope(f.loss, raw, target(f.loss, label)), w
		if f.loss == logisticLoss {
			p := sigmoid(raw)
			curve *= p * (1 - p)
		}
		for i := range n {
			g[i] += d * x[i]
			for j := range i + 1 {
				h[i*n+j] += curve * x[i] * x[j]
			}
		}
	}
	narrow, solution := make([]float32, n*n), make([]float32, n)
	for k := range n {
		g[k] += f.lambda * f.off(at, k)
		h[k*n+k] += f.lambda
		solution[k] = float32(g[k])
	}
	for k, v := range h {
		narrow[k] = float32(v)
	}
	if linalg.Cholesky(narrow, n) != nil {
		return nil, false
	}
	linalg.CholeskySolve(narrow, n, solution)
	return wide(solution), true
}
