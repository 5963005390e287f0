package linalg

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// reportFlops adds the rate and its share of the core's peak.
func reportFlops(b *testing.B, flops float64) {
	b.Helper()
	rate := flops * float64(b.N) / float64(b.Elapsed().Nanoseconds())
	b.ReportMetric(rate, "GFLOP/s")
	if peak := peakGFLOPS(); peak > 0 {
		b.ReportMetric(100*rate/peak, "%peak")
	}
}

func noise(n int) []float32 {
	rng := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

func BenchmarkVector(b *testing.B) {
	for _, n := range []int{16, 64, 128, 1000} {
		x, y := noise(n), noise(n)
		b.Run(fmt.Sprintf("Dot/%d", n), func(b *testing.B) {
			for b.Loop() {
				Dot(x, y)
			}
		})
		b.Run(fmt.Sprintf("DotPlain/%d", n), func(b *testing.B) {
			for b.Loop() {
				dotPlain(x, y)
			}
		})
		b.Run(fmt.Sprintf("Axpy/%d", n), func(b *testing.B) {
			for b.Loop() {
				Axpy(1e-9, x, y)
			}
		})
		b.Run(fmt.Sprintf("Scale/%d", n), func(b *testing.B) {
			for b.Loop() {
				Scale(1, x)
			}
		})
	}
}

func BenchmarkDotRows(b *testing.B) {
	for _, n := range []int{1000, 41000} {
		rows, query, dst := noise(n*128), noise(128), make([]float32, n)
		b.Run(fmt.Sprintf("%dx128", n), func(b *testing.B) {
			for b.Loop() {
				DotRows(dst, query, rows)
			}
			b.ReportMetric(float64(4*len(rows))*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GB/s")
		})
	}
}

func BenchmarkScoreInt4(b *testing.B) {
	for _, n := range []int{1000, 10000, 41000} {
		rows, query := make([]byte, Int4Len(n, 128)), make([]int8, 128)
		dst, scales := make([]float32, n), make([]float32, n)
		for i := range rows {
			rows[i] = byte(i) // untouched memory would be one page of zeros, read from the cache
		}
		b.Run(fmt.Sprintf("%dx128", n), func(b *testing.B) {
			for b.Loop() {
				ScoreInt4(dst, query, rows, scales)
			}
			b.ReportMetric(float64(len(rows))*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GB/s")
		})
	}
}

func BenchmarkGemm(b *testing.B) {
	for _, n := range []int{64, 128, 512, 1024} {
		x, y, z := noise(n*n), noise(n*n), make([]float32, n*n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				Gemm(z, x, y, n, n, n)
			}
			reportFlops(b, 2*float64(n)*float64(n)*float64(n))
		})
	}
}

func BenchmarkGemmT(b *testing.B) {
	const users, items = 64, 10000
	for _, d := range []int{64, 128} {
		x, y, z := noise(users*d), noise(items*d), make([]float32, users*items)
		b.Run(fmt.Sprintf("%dx%dx%d", users, items, d), func(b *testing.B) {
			for b.Loop() {
				GemmT(z, x, y, users, items, d)
			}
			reportFlops(b, 2*users*items*float64(d))
		})
	}
}

func BenchmarkSyrkRows(b *testing.B) {
	const items = 1000
	for _, d := range []int{16, 32, 64, 128, 256} {
		y, a := noise(items*d), make([]float32, d*d)
		for _, n := range []int{10, 30, 100} {
			rows, weights := make([]int32, n), make([]float32, n)
			rng := rand.New(rand.NewPCG(1, 2))
			for i := range rows {
				rows[i], weights[i] = rng.Int32N(items), 1
			}
			b.Run(fmt.Sprintf("d=%d/rows=%d", d, n), func(b *testing.B) {
				for b.Loop() {
					SyrkRows(a, d, y, rows, weights)
				}
				reportFlops(b, float64(n)*float64(d)*float64(d+1))
			})
		}
	}
}

func BenchmarkGram(b *testing.B) {
	const n, d = 41000, 64
	y, dst := noise(n*d), make([]float32, d*d)
	for b.Loop() {
		Gram(dst, y, n, d, 1)
	}
	reportFlops(b, n*d*(d+1))
}

func BenchmarkCholesky(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{16, 32, 64, 128, 256, 512} {
		a := definite(rng, n)
		l, x := make([]float32, n*n), noise(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				copy(l, a)
				if err := Cholesky(l, n); err != nil {
					b.Fatal(err)
				}
			}
			reportFlops(b, float64(n)*float64(n)*float64(n)/3)
		})
		b.Run(fmt.Sprintf("Solve/%d", n), func(b *testing.B) {
			for b.Loop() {
				CholeskySolve(l, n, x)
			}
		})
	}
}

func BenchmarkTopK(b *testing.B) {
	scores := noise(41000)
	for _, k := range []int{1, 20, 50, 500} {
		dst := make([]Scored, 0, 2*k)
		b.Run(fmt.Sprintf("41000/k=%d", k), func(b *testing.B) {
			for b.Loop() {
				dst = TopK(dst, scores, k)
			}
		})
	}
}

func BenchmarkEigen(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{64, 128, 512, 1024} {
		a := randomSymmetric(n, rng)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				if _, _, err := Eigen(a, n); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
