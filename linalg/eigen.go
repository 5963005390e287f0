package linalg

import (
	"errors"
	"math"
	"slices"
)

// errNoConvergence is what Eigen returns when an eigenvalue will not settle,
// which happens only for matrices that hold NaN or infinities.
var errNoConvergence = errors.New("linalg: eigenvalues do not converge (does the matrix hold NaN or infinities?)")

// Eigen returns the eigenvalues of the symmetric n×n matrix a, largest first,
// and the unit eigenvectors, n×n: row i belongs to values[i]. Only the lower
// triangle of a is read; a is not changed. The sign of a vector is such that
// its largest component is positive.
//
// Method: Householder reduction to tridiagonal form, then QL with implicit
// shifts (Martin, Reinsch and Wilkinson, Numerische Mathematik 11, 1968;
// Dubrulle, Martin and Wilkinson, ibid. 12, 1968; EISPACK's tred2 and tql2),
// on rows instead of columns. Cost: about 6n³ flops, 2n² floats.
func Eigen(a []float64, n int) (values, vectors []float64, err error) {
	sameLen("Eigen", len(a), n*n)
	z := make([]float64, n*n)
	for r := range n {
		for c := range r + 1 {
			z[r*n+c], z[c*n+r] = a[r*n+c], a[r*n+c]
		}
	}
	d, e := make([]float64, n), make([]float64, n)
	tridiagonal(z, n, d, e)
	if err := implicitQL(z, n, d, e); err != nil {
		return nil, nil, err
	}
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		switch {
		case d[i] > d[j]:
			return -1
		case d[i] < d[j]:
			return 1
		}
		return 0
	})
	values, vectors = make([]float64, n), make([]float64, n*n)
	for to, from := range order {
		values[to] = d[from]
		row := vectors[to*n : (to+1)*n]
		copy(row, z[from*n:(from+1)*n])
		orient(row)
	}
	return values, vectors, nil
}

// orient flips v so that its largest component is positive.
func orient(v []float64) {
	largest := 0.0
	for _, x := range v {
		if math.Abs(x) > math.Abs(largest) {
			largest = x
		}
	}
	if largest < 0 {
		for i := range v {
			v[i] = -v[i]
		}
	}
}

// tridiagonal reduces z to the diagonal d and the subdiagonal e[1:], and
// replaces z by the rows of the transformation: a = zᵀ·T·z.
func tridiagonal(z []float64, n int, d, e []float64) {
	for i := n - 1; i > 0; i-- {
		v := z[i*n : i*n+i] // the row left of the diagonal becomes the reflector
		d[i] = 0
		norm := 0.0
		for _, x := range v[:i-1] {
			norm += math.Abs(x)
		}
		if norm == 0 {
			e[i] = v[i-1]
			continue
		}
		norm += math.Abs(v[i-1])
		h := 0.0
		for k := range v {
			v[k] /= norm
			h += v[k] * v[k]
		}
		g := -math.Copysign(math.Sqrt(h), v[i-1])
		e[i] = norm * g
		h -= v[i-1] * g
		v[i-1] -= g
		d[i] = h
		reflect(z, n, v, e[:i], h)
	}
	accumulate(z, n, d)
}

// reflect applies the reflector v, with h = |v|²/2, from both sides to the
// leading len(v)×len(v) lower triangle of z; p is scratch.
func reflect(z []float64, n int, v, p []float64, h float64) {
	clear(p)
	for j := range v {
		row := z[j*n : j*n+j]
		vj, sum := v[j], z[j*n+j]*v[j]
		for k, x := range row {
			sum += x * v[k]
			p[k] += x * vj
		}
		p[j] += sum
	}
	f := 0.0
	for j := range p {
		p[j] /= h
		f += p[j] * v[j]
	}
	f /= 2 * h
	for j := range p {
		p[j] -= f * v[j]
	}
	for j := range v {
		row := z[j*n : j*n+j+1]
		vj, pj := v[j], p[j]
		for k := range row {
			row[k] -= vj*p[k] + pj*v[k]
		}
	}
}

// accumulate multiplies the reflectors, kept in the rows of z with their h in
// d, into z, and moves the diagonal to d. Row k of the result is column k of
// EISPACK's.
func accumulate(z []float64, n int, d []float64) {
	for i := range n {
		h := d[i]
		d[i] = z[i*n+i]
		v := make([]float64, i)
		copy(v, z[i*n:i*n+i])
		for k := range i {
			z[i*n+k], z[k*n+i] = 0, 0
		}
		z[i*n+i] = 1
		if h == 0 {
			continue
		}
		for j := range i {
			row := z[j*n : j*n+i]
			g := 0.0
			for k, x := range row {
				g += x * v[k]
			}
			g /= h
			for k := range row {
				row[k] -= g * v[k]
			}
		}
	}
}

// implicitQL diagonalises the tridiagonal matrix (d, e[1:]), turning the rows
// of z along.
func implicitQL(z []float64, n int, d, e []float64) error {
	const sweeps = 60 // EISPACK gives up after 30; two or three are usual
	if n == 0 {
		return nil
	}
	copy(e, e[1:])
	e[n-1] = 0
	for l := range n {
		for sweep := 0; ; sweep++ {
			m := l
			for ; m < n-1; m++ {
				scale := math.Abs(d[m]) + math.Abs(d[m+1])
				if math.Abs(e[m]) <= 0x1p-53*scale {
					break
				}
			}
			if m == l {
				break
			}
			if sweep == sweeps {
				return errNoConvergence
			}
			qlSweep(z, n, d, e, l, m)
		}
		if math.IsNaN(d[l]) || math.IsInf(d[l], 0) {
			return errNoConvergence
		}
	}
	return nil
}

// qlSweep chases one implicit shift from m down to l.
func qlSweep(z []float64, n int, d, e []float64, l, m int) {
	g := (d[l+1] - d[l]) / (2 * e[l])
	r := math.Hypot(g, 1)
	g = d[m] - d[l] + e[l]/(g+math.Copysign(r, g))
	s, c, p := 1.0, 1.0, 0.0
	for i := m - 1; i >= l; i-- {
		f, b := s*e[i], c*e[i]
		r = math.Hypot(f, g)
		e[i+1] = r
		if r == 0 { // the matrix splits: start anew
			d[i+1] -= p
			e[m] = 0
			return
		}
		s, c = f/r, g/r
		g = d[i+1] - p
		r = (d[i]-g)*s + 2*c*b
		p = s * r
		d[i+1] = g + p
		g = c*r - b
		upper, lower := z[i*n:(i+1)*n], z[(i+1)*n:(i+2)*n]
		for k, x := range upper {
			y := lower[k]
			lower[k] = s*x + c*y
			upper[k] = c*x - s*y
		}
	}
	d[l] -= p
	e[l] = g
	e[m] = 0
}
