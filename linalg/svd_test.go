package linalg

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// sparse returns an m×n matrix with about one entry in four.
func sparse(rng *rand.Rand, m, n int) *CSR {
	x := &CSR{Starts: []int{0}, Width: n}
	for range m {
		for c := range n {
			if rng.IntN(4) == 0 {
				x.Cols, x.Vals = append(x.Cols, int32(c)), append(x.Vals, float32(rng.NormFloat64()))
			}
		}
		x.Starts = append(x.Starts, len(x.Cols))
	}
	return x
}

func dense(x *CSR) []float32 {
	y := make([]float32, x.Rows()*x.Width)
	for r := range x.Rows() {
		cols, vals := x.Row(r)
		for k, c := range cols {
			y[r*x.Width+int(c)] = vals[k]
		}
	}
	return y
}

// TestRandomSVDEqualsEigen compares with the eigenvectors of the Gram matrix:
// the space of the k greatest, and their values.
func TestRandomSVDEqualsEigen(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	for _, s := range [][3]int{{0, 5, 2}, {5, 0, 2}, {1, 1, 3}, {30, 20, 4}, {20, 30, 40}, {60, 40, 40}, {700, 90, 5}} {
		m, n, k := s[0], s[1], s[2]
		x := sparse(rng, m, n)
		values, vectors, err := RandomSVD(x, x.Transpose(), k, 30, 7, 2, goOn)
		if err != nil {
			t.Fatal(err)
		}
		if len(values) != k || len(vectors) != n*k {
			t.Fatalf("%v: %d values and %d numbers", s, len(values), len(vectors))
		}
		gram, y := make([]float64, n*n), dense(x)
		for i := range n {
			for j := range n {
				for r := range m {
					gram[i*n+j] += float64(y[r*n+i]) * float64(y[r*n+j])
				}
			}
		}
		want, axes, err := Eigen(gram, n)
		if err != nil {
			t.Fatal(err)
		}
		for f := range min(k, n) {
			if math.Abs(float64(values[f])-want[f]) > 1e-3*(1+want[0]) {
				t.Errorf("%v: value %d is %g, want %g", s, f, values[f], want[f])
			}
		}
		for i := range n { // V·Σ²·Vᵀ does not depend on how the vectors are chosen
			for j := range n {
				var got, sum float64
				for f := range k {
					got += float64(values[f]) * float64(vectors[i*k+f]) * float64(vectors[j*k+f])
					if f < n {
						sum += want[f] * axes[f*n+i] * axes[f*n+j]
					}
				}
				if math.Abs(got-sum) > 2e-3*(1+want[0]) {
					t.Fatalf("%v: product (%d,%d) is %g, want %g", s, i, j, got, sum)
				}
			}
		}
	}
}

func TestRandomSVDIsTheSameOnAnyNumberOfWorkers(t *testing.T) {
	x := sparse(rand.New(rand.NewPCG(23, 24)), 900, 300)
	_, first, err := RandomSVD(x, x.Transpose(), 20, 3, 1, 1, goOn)
	if err != nil {
		t.Fatal(err)
	}
	for _, workers := range []int{2, 8} {
		if _, again, err := RandomSVD(x, x.Transpose(), 20, 3, 1, workers, goOn); err != nil || !slices.Equal(first, again) {
			t.Errorf("%d workers give other bytes, error %v", workers, err)
		}
	}
}

func TestRandomSVDStops(t *testing.T) {
	x := sparse(rand.New(rand.NewPCG(25, 26)), 20, 20)
	stop := errors.New("stop")
	if _, _, err := RandomSVD(x, x.Transpose(), 4, 3, 1, 1, func(int, int) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	x.Vals[3] = float32(math.NaN())
	if _, _, err := RandomSVD(x, x.Transpose(), 4, 3, 1, 1, goOn); err == nil {
		t.Error("a matrix with NaN has a decomposition")
	}
}

func TestMulDense(t *testing.T) {
	rng := rand.New(rand.NewPCG(27, 28))
	for _, s := range [][3]int{{0, 3, 2}, {5, 7, 1}, {40, 30, 17}} {
		m, n, d := s[0], s[1], s[2]
		x := sparse(rng, m, n)
		y, _ := guarded(t, rng, n*d, 1)
		got, check := guarded(t, rng, m*d, 2)
		MulDense(got, x, y, d, 2)
		check()
		want := product(make([]float32, m*d), dense(x), m, d, n, func(k, j int) float32 { return y[k*d+j] })
		closeTo(t, got, want, n)
	}
}

func BenchmarkRandomSVD(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	x := &CSR{Starts: []int{0}, Width: 20_000}
	for range 20_000 {
		for range 30 {
			x.Cols, x.Vals = append(x.Cols, rng.Int32N(20_000)), append(x.Vals, 1)
		}
		x.Starts = append(x.Starts, len(x.Cols))
	}
	xt := x.Transpose()
	for b.Loop() {
		if _, _, err := RandomSVD(x, xt, 128, 4, 1, 2, goOn); err != nil {
			b.Fatal(err)
		}
	}
}
