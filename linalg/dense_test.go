package linalg

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// product is the definition: a·b in float64, b read by (k, j) through at.
func product(c, a []float32, m, n, k int, at func(k, j int) float32) []float32 {
	c = slices.Clone(c)
	for i := range m {
		for j := range n {
			sum := float64(c[i*n+j])
			for kk := range k {
				sum += float64(a[i*k+kk]) * float64(at(kk, j))
			}
			c[i*n+j] = float32(sum)
		}
	}
	return c
}

func TestGemmOfEveryShape(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	shapes := [][3]int{{0, 3, 3}, {3, 0, 3}, {3, 3, 0}, {1, 1, 1}, {8, 32, 256}, {9, 33, 257}, {520, 17, 3}, {7, 31, 600}, {64, 64, 64}}
	for range 60 {
		shapes = append(shapes, [3]int{rng.IntN(40), rng.IntN(80), rng.IntN(40)})
	}
	for _, s := range shapes {
		m, n, k := s[0], s[1], s[2]
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			a, _ := guarded(t, rng, m*k, 1)
			b, _ := guarded(t, rng, k*n, 2)
			c, check := guarded(t, rng, m*n, 3)
			want := product(c, a, m, n, k, func(kk, j int) float32 { return b[kk*n+j] })
			Gemm(c, a, b, m, n, k)
			closeTo(t, c, want, k)
			want = product(c, a, m, n, k, func(kk, j int) float32 { return b[j*k+kk] })
			GemmT(c, a, b, m, n, k)
			closeTo(t, c, want, k)
			check()
		})
	}
}

func closeTo(t *testing.T, got, want []float32, terms int) {
	t.Helper()
	bound := 1e-5 * math.Sqrt(float64(terms+1))
	for i := range want {
		if !(math.Abs(float64(got[i]-want[i])) <= bound*(1+math.Abs(float64(want[i])))) {
			t.Fatalf("[%d] = %g, want %g", i, got[i], want[i])
		}
	}
}

func TestSyrkRowsEqualsTheSumOfOuterProducts(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, d := range []int{0, 1, 7, 8, 9, 16, 17, 31, 32, 33, 50, 64, 100, 128, 600} {
		for _, n := range []int{0, 1, 3, 40, 300} {
			y, _ := guarded(t, rng, 50*d, 1)
			a, check := guarded(t, rng, d*d, 2)
			rows, weights := make([]int32, n), make([]float32, n)
			want := make([]float64, d*d)
			for i, v := range a {
				want[i] = float64(v)
			}
			for j := range rows {
				rows[j], weights[j] = int32(rng.IntN(50)), rng.Float32()
				v := y[int(rows[j])*d : int(rows[j]+1)*d]
				for r := range d {
					for c := range r + 1 {
						want[r*d+c] += float64(weights[j]) * float64(v[r]) * float64(v[c])
					}
				}
			}
			SyrkRows(a, d, y, rows, weights)
			check()
			for r := range d {
				for c := range r + 1 {
					if math.Abs(float64(a[r*d+c])-want[r*d+c]) > 2e-5*float64(n+1) {
						t.Fatalf("d=%d n=%d: (%d,%d) = %g, want %g", d, n, r, c, a[r*d+c], want[r*d+c])
					}
				}
			}
		}
	}
}

func TestSyrkRowsPanicsOn(t *testing.T) {
	for name, bad := range map[string]func(){
		"a row beyond the end":     func() { SyrkRows(make([]float32, 4), 2, make([]float32, 6), []int32{3}, []float32{1}) },
		"a negative row":           func() { SyrkRows(make([]float32, 4), 2, make([]float32, 6), []int32{-1}, []float32{1}) },
		"a negative weight":        func() { SyrkRows(make([]float32, 4), 2, make([]float32, 6), []int32{1}, []float32{-1}) },
		"a missing weight":         func() { SyrkRows(make([]float32, 4), 2, make([]float32, 6), []int32{1}, nil) },
		"a matrix of another size": func() { SyrkRows(make([]float32, 5), 2, make([]float32, 6), []int32{1}, []float32{1}) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			bad()
		})
	}
}

func TestGramIsTheSameOnAnyNumberOfWorkers(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for _, s := range [][2]int{{0, 5}, {1, 1}, {1023, 16}, {5000, 20}, {3000, 64}, {300, 33}} {
		n, d := s[0], s[1]
		y, _ := guarded(t, rng, n*d, 1)
		got, check := guarded(t, rng, d*d, 0)
		Gram(got, y, n, d, 1)
		check()
		for _, workers := range []int{2, 3, 16} {
			again := make([]float32, d*d)
			Gram(again, y, n, d, workers)
			if !slices.Equal(got, again) {
				t.Fatalf("%v: %d workers give other bytes", s, workers)
			}
		}
		for r := range d {
			for c := range d {
				want := 0.0
				for i := range n {
					want += float64(y[i*d+r]) * float64(y[i*d+c])
				}
				if math.Abs(float64(got[r*d+c])-want) > 1e-5*float64(n) {
					t.Fatalf("%v: (%d,%d) = %g, want %g", s, r, c, got[r*d+c], want)
				}
			}
		}
	}
}

// definite returns a random well-conditioned positive definite matrix.
func definite(rng *rand.Rand, n int) []float32 {
	y := make([]float32, (n+4)*n)
	for i := range y {
		y[i] = float32(rng.NormFloat64())
	}
	a := make([]float32, n*n)
	Gram(a, y, n+4, n, 1)
	for i := range n {
		a[i*n+i] += float32(n) / 2
	}
	return a
}

func TestCholeskySolvesItsMatrix(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	sizes := []int{0, 1, 2, 15, 16, 17, 31, 32, 33, 64, 100, 128, 200, 257, 600}
	for _, n := range sizes {
		a := definite(rng, n)
		l, check := guarded(t, rng, n*n, 1)
		copy(l, a)
		for r := range n { // the upper triangle must not be read
			for c := r + 1; c < n; c++ {
				l[r*n+c] = float32(math.NaN())
			}
		}
		if err := Cholesky(l, n); err != nil {
			t.Fatalf("n=%d: %v", n, err)
		}
		check()
		x, b := make([]float32, n), make([]float32, n)
		for i := range x {
			x[i] = float32(rng.NormFloat64())
		}
		for i := range b {
			b[i] = dotPlain(a[i*n:(i+1)*n], x)
		}
		CholeskySolve(l, n, b)
		for i := range x {
			if !(math.Abs(float64(b[i]-x[i])) < 1e-3) {
				t.Fatalf("n=%d: x[%d] = %g, want %g", n, i, b[i], x[i])
			}
		}
	}
}

func TestCholeskyRejects(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for _, n := range []int{1, 5, 20, 64, 130} {
		for _, bad := range []float32{0, -1, float32(math.NaN()), float32(math.Inf(1))} {
			for _, at := range []int{0, n / 2, n - 1} {
				a := definite(rng, n)
				a[at*n+at] = bad
				if err := Cholesky(a, n); !errors.Is(err, ErrNotPositiveDefinite) {
					t.Errorf("n=%d with %g at %d: %v", n, bad, at, err)
				}
			}
		}
	}
}

func TestEigenTakesTheMatrixApart(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for _, n := range []int{0, 1, 2, 3, 5, 20, 65} {
		for _, draw := range []func(n int, rng *rand.Rand) []float64{randomSymmetric, lowRank, diagonal} {
			a := draw(n, rng)
			values, vectors, err := Eigen(a, n)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.IsSortedFunc(values, func(x, y float64) int { return cmp.Compare(y, x) }) {
				t.Fatalf("n=%d: values out of order: %v", n, values)
			}
			for i := range n {
				for j := range n {
					sum, ortho := 0.0, 0.0
					for k := range n {
						sum += values[k] * vectors[k*n+i] * vectors[k*n+j]
						ortho += vectors[i*n+k] * vectors[j*n+k]
					}
					if want := a[max(i, j)*n+min(i, j)]; math.Abs(sum-want) > 1e-10*float64(n) {
						t.Fatalf("n=%d: rebuilt (%d,%d) = %g, want %g", n, i, j, sum, want)
					}
					if i == j {
						ortho--
					}
					if math.Abs(ortho) > 1e-11*float64(n) {
						t.Fatalf("n=%d: vectors %d and %d: product off by %g", n, i, j, ortho)
					}
				}
			}
		}
	}
}

func randomSymmetric(n int, rng *rand.Rand) []float64 {
	a := make([]float64, n*n)
	for r := range n {
		for c := range r + 1 {
			a[r*n+c] = rng.NormFloat64()
		}
	}
	return a
}

func lowRank(n int, rng *rand.Rand) []float64 {
	a, v := make([]float64, n*n), make([]float64, n)
	for i := range v {
		v[i] = rng.NormFloat64()
	}
	for r := range n {
		for c := range r + 1 {
			a[r*n+c] = v[r] * v[c]
		}
	}
	return a
}

func diagonal(n int, rng *rand.Rand) []float64 {
	a := make([]float64, n*n)
	for r := range n {
		a[r*n+r] = float64(rng.IntN(3))
	}
	return a
}

func TestEigenReportsNaN(t *testing.T) {
	a := randomSymmetric(6, rand.New(rand.NewPCG(1, 1)))
	a[7] = math.NaN()
	if _, _, err := Eigen(a, 6); err == nil {
		t.Error("no error")
	}
}
