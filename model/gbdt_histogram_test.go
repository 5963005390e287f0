package model

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"kindred/dataset"
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

// TestBinTableMissing expects missing categories in bin 0 of every feature,
// target statistics included, in rows that were learned from and others.
func TestBinTableMissing(t *testing.T) {
	columns, words := dataset.NewColumns(), dataset.NewDict()
	for code := range 50 {
		words.Add(fmt.Sprint(code))
	}
	columns.Add("user", words)
	rows := &dataset.Rows{Columns: columns}
	for r := range 500 {
		v := float32(1 + r*7%50)
		if r%4 == 0 {
			v = float32(math.NaN())
		}
		rows.Vals, rows.Labels = append(rows.Vals, v), append(rows.Labels, float32(r%3%2))
	}
	a := NewGBDT()
	learn, _ := holdOut(rows, nil, 0, 1)
	features, ordered := a.features(learn)
	for name, table := range map[string]*binTable{"learned": newBinTable(rows, features, ordered), "other": newBinTable(rows, features, nil)} {
		for r := range int32(500) {
			for f := range features {
				if missing := r%4 == 0; (table.at(int32(f), r) == 0) != missing {
					t.Fatalf("%s row %d, missing is %v: feature %d of %d has bin %d", name, r, missing, f, len(features), table.at(int32(f), r))
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
