package model_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"kindred/dataset"
	"kindred/model"
)

// identifiers returns rows of one column of many categories, the first half of
// which training rows may have; a label is positive with the chance that
// chanceOf gives its category.
func identifiers(n, categories int, seed uint64, chanceOf func(code int) float64) *dataset.Rows {
	columns := dataset.NewColumns()
	columns.Add("user", words(categories))
	columns.Add("noise", nil)
	dice := rand.New(rand.NewPCG(seed, 0))
	rows := &dataset.Rows{Columns: columns}
	for range n {
		code, label := 1+dice.IntN(categories), float32(0)
		if dice.Float64() < chanceOf(code) {
			label = 1
		}
		rows.Vals, rows.Labels = append(rows.Vals, float32(code), dice.Float32()), append(rows.Labels, label)
	}
	return rows
}

// TestGBDTTargetStatistics expects statistics that carry what categories are
// and not the labels of their own rows: of categories that mean nothing trees
// must learn next to nothing, although each has a few rows only.
func TestGBDTTargetStatistics(t *testing.T) {
	const categories = 1000
	rules := map[string]func(int) float64{
		"nothing": func(int) float64 { return 0.5 },
		"half":    func(code int) float64 { return []float64{0.1, 0.9}[int(mixed(code))%2] },
	}
	for name, chanceOf := range rules {
		train, test := identifiers(6000, categories, 1, chanceOf), identifiers(6000, categories, 2, chanceOf)
		a := model.NewGBDT()
		a.Trees, a.Patience = 40, 0
		m, err := a.FitRows(t.Context(), train, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		learned, other := logLoss(predictionsOf(m, train), train), logLoss(predictionsOf(m, test), test)
		if name == "nothing" && other > math.Ln2+0.04 {
			t.Errorf("%s to learn: loss %.4f on other rows, the prior has %.4f", name, other, math.Ln2)
		}
		if name == "half" && other > 0.48 {
			t.Errorf("%s: loss %.4f on other rows (%.4f on its own), the least possible is 0.325", name, other, learned)
		}
		unseen := train.Select([]int32{0, 1})
		unseen.Vals[0], unseen.Vals[2] = 0, 0
		for _, p := range predictionsOf(m, unseen) {
			if math.Abs(float64(p)-0.5) > 0.25 {
				t.Errorf("%s: a category never met has the prediction %.3f", name, p)
			}
		}
	}
}

// TestGBDTSameBytesOfManyRows has rows enough that workers share a leaf's.
func TestGBDTSameBytesOfManyRows(t *testing.T) {
	train := planted(20_000, 1, numberXor)
	a := model.ForEpochs(model.NewGBDT(), 8)
	var first []byte
	for _, cores := range []int{1, 3, 8} {
		before := runtime.GOMAXPROCS(cores)
		m, err := a.FitRows(t.Context(), train, nil, nil)
		runtime.GOMAXPROCS(before)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = rowBytes(t, m)
		}
		if !bytes.Equal(first, rowBytes(t, m)) {
			t.Errorf("%d cores give other bytes than one", cores)
		}
	}
}

// mixed scatters codes.
func mixed(code int) uint32 { return uint32(code) * 2654435761 >> 16 }

// TestShapleyByBruteForce compares the contributions of trees with Shapley's
// definition: the mean, over all orders of the columns, of what knowing a
// column adds to the expectation of the score.
func TestShapleyByBruteForce(t *testing.T) {
	train := planted(800, 1, func(v []float32) bool { return xor(v) != (v[0] > 0.6 && v[1] > -0.2) })
	a := model.NewGBDT()
	a.Trees, a.Leaves, a.TargetStats, a.Patience, a.MinChild = 6, 9, 0, 0, 0.1
	m, err := a.FitRows(t.Context(), train, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	trees, ok := m.(*model.Trees)
	if !ok {
		t.Fatalf("got a %T", m)
	}
	const columns = 5
	got := make([]float64, columns)
	for r := range 40 {
		base := m.Contributions(got, train, r)
		value := model.KnownScores(trees, train, r)
		if math.Abs(base-value[0]) > 1e-9 {
			t.Fatalf("row %d: base %v, the expectation is %v", r, base, value[0])
		}
		for c := range columns {
			want := 0.0
			for known := range value {
				if known>>c&1 == 0 {
					want += subsetWeight(known, columns) * (value[known|1<<c] - value[known])
				}
			}
			if math.Abs(got[c]-want) > 1e-9 {
				t.Errorf("row %d, column %d: %v, want %v", r, c, got[c], want)
			}
		}
	}
}

// subsetWeight is |S|!·(n−|S|−1)!/n! of a set of columns.
func subsetWeight(set, n int) float64 {
	weight, size := 1.0, 0
	for ; set > 0; set &= set - 1 {
		size++
	}
	for k := 1; k <= size; k++ {
		weight *= float64(k)
	}
	for k := 1; k < n-size; k++ {
		weight *= float64(k)
	}
	for k := 1; k <= n; k++ {
		weight /= float64(k)
	}
	return weight
}
