package linalg

import "math"

// The plain Go below defines what the assembly must compute, runs where there
// is none, and takes its place under the build tag purego.

func dotPlain(x, y []float32) float32 {
	y = y[:len(x)]
	var s0, s1, s2, s3 float32
	i := 0
	for ; i+4 <= len(x); i += 4 {
		s0 += x[i] * y[i]
		s1 += x[i+1] * y[i+1]
		s2 += x[i+2] * y[i+2]
		s3 += x[i+3] * y[i+3]
	}
	for ; i < len(x); i++ {
		s0 += x[i] * y[i]
	}
	return (s0 + s1) + (s2 + s3)
}

func axpyPlain(alpha float32, x, y []float32) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] += alpha * v
	}
}

func scalePlain(alpha float32, x []float32) {
	for i := range x {
		x[i] *= alpha
	}
}

func dotRowsPlain(dst, query, rows []float32) {
	d := len(query)
	for r := range dst {
		dst[r] = dotPlain(query, rows[r*d:(r+1)*d])
	}
}

func scoreInt4Plain(dst []float32, query []int8, rows []byte, scales []float32) {
	for r := range dst {
		block := rows[r/int4Rows*int4Rows*len(query)/2:]
		var sum int32
		for g := 0; g < len(query); g += int4Group {
			for j, packed := range block[int4Rows*g/2+r%int4Rows*4:][:4] {
				sum += (int32(packed&15)-nibbleZero)*int32(query[g+j]) + (int32(packed>>4)-nibbleZero)*int32(query[g+4+j])
			}
		}
		dst[r] = float32(sum) * scales[r]
	}
}

// dot8Plain writes the products of x with eight rows of the given stride.
func dot8Plain(dst *[8]float32, x, rows []float32, stride int) {
	for r := range dst {
		dst[r] = dot(x, rows[r*stride:r*stride+len(x)])
	}
}

// axpy8Plain adds eight rows of the given stride, times alphas, to y.
func axpy8Plain(y []float32, alphas *[8]float32, rows []float32, stride int) {
	for r, alpha := range alphas {
		axpy(alpha, rows[r*stride:r*stride+len(y)], y)
	}
}

// raisePlain makes each maximum the greater of itself and its x, if that is a
// number.
func raisePlain(maxima, x []float32) {
	maxima = maxima[:len(x)]
	for i, v := range x {
		if v > maxima[i] {
			maxima[i] = v
		}
	}
}

// firstAbovePlain returns the index of the first score above threshold, or
// len(scores). NaN is above nothing.
func firstAbovePlain(scores []float32, threshold float32) int {
	for i, s := range scores {
		if s > threshold {
			return i
		}
	}
	return len(scores)
}

// leastWeight is below which AdaGrad takes a weight for zero: one that nothing
// but Lambda moves would end among the subnormal numbers, with which processors
// count a hundred times slower.
const leastWeight = 1e-30

func adaGradPlain(w, squares, g []float32, step AdaGradStep) {
	squares, g = squares[:len(w)], g[:len(w)]
	for k, x := range w {
		slope := float32(step.Scale*g[k]) + float32(step.Lambda*x)
		square := squares[k] + float32(slope*slope)
		squares[k] = square
		if x -= float32(float32(step.Rate*slope) / float32(math.Sqrt(float64(square+step.Epsilon)))); max(x, -x) < leastWeight {
			x = 0
		}
		w[k] = x
	}
}
