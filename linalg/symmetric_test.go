package linalg

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// symmetricOf returns the lower triangle of an n×n matrix as a Symmetric.
func symmetricOf(a []float32, n int) *Symmetric {
	s := NewSymmetric(n)
	for r := range n {
		s.SetRow(r, a[r*n:r*n+r+1])
	}
	return s
}

func goOn(int, int) error { return nil }

// gaussInverse is the definition: Gauss-Jordan elimination in float64.
func gaussInverse(a []float32, n int) []float64 {
	work, inverse := make([]float64, n*n), make([]float64, n*n)
	for i := range n {
		inverse[i*n+i] = 1
		for j := range n {
			work[i*n+j] = float64(a[i*n+j])
		}
	}
	for k := range n {
		pivot := work[k*n+k]
		for j := range n {
			work[k*n+j] /= pivot
			inverse[k*n+j] /= pivot
		}
		for i := range n {
			if factor := work[i*n+k]; i != k && factor != 0 {
				for j := range n {
					work[i*n+j] -= factor * work[k*n+j]
					inverse[i*n+j] -= factor * inverse[k*n+j]
				}
			}
		}
	}
	return inverse
}

func TestSymmetricGivesBackItsRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	for _, n := range []int{0, 1, 7, 511, 512, 513, 1100} {
		a := make([]float32, n*n)
		for r := range n {
			for c := range r + 1 {
				a[r*n+c] = rng.Float32()
				a[c*n+r] = a[r*n+c]
			}
		}
		s := symmetricOf(a, n)
		if s.Order() != n {
			t.Errorf("order %d, want %d", s.Order(), n)
		}
		for lo := 0; lo < n; {
			hi := min(n, lo+1+rng.IntN(700))
			rows, check := guarded(t, rng, (hi-lo)*n, 1)
			s.Rows(rows, lo, hi)
			check()
			if !slices.Equal(rows, a[lo*n:hi*n]) {
				t.Fatalf("n=%d: other rows from %d to %d", n, lo, hi)
			}
			lo = hi
		}
	}
}

func TestInvertEqualsGauss(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 16))
	for _, n := range []int{0, 1, 2, 17, 100, 512, 513, 700} {
		a := definite(rng, n)
		s := symmetricOf(a, n)
		steps := 0
		if err := s.Invert(2, func(step, of int) error {
			steps++
			if step != steps || of != (n+511)/512 {
				t.Errorf("n=%d: step %d of %d, want %d", n, step, of, steps)
			}
			return nil
		}); err != nil {
			t.Fatalf("n=%d: %v", n, err)
		}
		got, want := make([]float32, n*n), gaussInverse(a, n)
		s.Rows(got, 0, n)
		size := 0.0
		for i := range n {
			size = max(size, want[i*n+i])
		}
		for i := range got {
			if !(math.Abs(float64(got[i])-want[i]) <= 1e-4*size) {
				t.Fatalf("n=%d: (%d,%d) = %g, want %g", n, i/n, i%n, got[i], want[i])
			}
		}
	}
}

func TestInvertIsTheSameOnAnyNumberOfWorkers(t *testing.T) {
	const n = 1300
	a := definite(rand.New(rand.NewPCG(17, 18)), n)
	inverse := func(workers int) []float32 {
		s, rows := symmetricOf(a, n), make([]float32, n*n)
		if err := s.Invert(workers, goOn); err != nil {
			t.Fatal(err)
		}
		s.Rows(rows, 0, n)
		return rows
	}
	first := inverse(1)
	for _, workers := range []int{2, 8} {
		if !slices.Equal(first, inverse(workers)) {
			t.Errorf("%d workers give other bytes", workers)
		}
	}
}

func TestInvertRejects(t *testing.T) {
	rng := rand.New(rand.NewPCG(19, 20))
	for _, n := range []int{1, 40, 600} {
		for _, bad := range []float32{0, -1, float32(math.NaN())} {
			a := definite(rng, n)
			a[n*n-1] = bad
			if err := symmetricOf(a, n).Invert(2, goOn); !errors.Is(err, ErrNotPositiveDefinite) {
				t.Errorf("n=%d with %g: %v", n, bad, err)
			}
		}
	}
	stop := errors.New("stop")
	if err := symmetricOf(definite(rng, 600), 600).Invert(2, func(int, int) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("stopped: %v", err)
	}
}

func BenchmarkInvert(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1000, 4096} {
		s := NewSymmetric(n)
		row := make([]float32, n)
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("%d/workers=%d", n, workers), func(b *testing.B) {
				for b.Loop() {
					b.StopTimer()
					for r := range n {
						for c := range r {
							row[c] = rng.Float32() - .5
						}
						row[r] = float32(n)
						s.SetRow(r, row[:r+1])
					}
					b.StartTimer()
					if err := s.Invert(workers, goOn); err != nil {
						b.Fatal(err)
					}
				}
				reportFlops(b, float64(n)*float64(n)*float64(n))
			})
		}
	}
}
