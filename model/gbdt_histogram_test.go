package model

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
)

// anyTable returns a grower over a table of random bins, with any derivatives.
func anyTable(rows, features, workers int) *grower {
	dice := rand.New(rand.NewPCG(1, 0))
	t := &binTable{groups: (features + groupSize - 1) / groupSize}
	g := &grower{table: t, workers: workers, tiles: make([]tile, workers), features: make([]treeFeature, features)}
	for range rows * t.groups {
		t.words = append(t.words, dice.Uint64())
	}
	for range rows {
		g.packed = append(g.packed, uint64(dice.Int64N(1<<20)-1<<19)<<32+uint64(dice.Int64N(1<<10)))
	}
	return g
}

// someRows returns every so manieth row on average.
func someRows(rows, every int) (some []int32) {
	dice := rand.New(rand.NewPCG(2, 0))
	for r := range rows {
		if dice.IntN(every) == 0 {
			some = append(some, int32(r))
		}
	}
	return some
}

// TestHistogramCount compares with sums bin by bin, for rows that are shared
// out and rows that are not.
func TestHistogramCount(t *testing.T) {
	const rows, features = 20_000, 19
	for _, workers := range []int{1, 3, 8} {
		for _, every := range []int{1, 2, 17, 100_000} {
			g, some := anyTable(rows, features, workers), someRows(rows, every)
			want := make([]groupHistogram, g.table.groups)
			for _, r := range some {
				for f := range int32(features) {
					want[f/groupSize][f%groupSize][g.table.at(f, r)] += g.packed[r]
				}
			}
			got := g.take()
			for group := range got {
				got[group][3][7] = 42 // of the tree before
			}
			g.count(got, some)
			for f := range features {
				if got[f/groupSize][f%groupSize] != want[f/groupSize][f%groupSize] {
					t.Errorf("%d workers, %d rows: feature %d has other sums", workers, len(some), f)
				}
			}
		}
	}
}

func BenchmarkHistogram(b *testing.B) {
	const rows, features = 1 << 19, 32
	g := anyTable(rows, features, runtime.GOMAXPROCS(0))
	h := g.take()
	for _, every := range []int{1, 8, 64} {
		some := someRows(rows, every)
		b.Run(fmt.Sprintf("one_row_in_%d", every), func(b *testing.B) {
			for b.Loop() {
				g.count(h, some)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(some)*features), "ns/value")
		})
	}
}
