package model

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestRidge compares all forms with plain elimination in float64, for systems
// narrower, square and wider than the number of unknowns.
func TestRidge(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 1))
	var r ridge // one for all sizes, as in training
	for _, size := range [][2]int{{1, 1}, {3, 8}, {8, 8}, {40, 8}, {7, 33}, {33, 7}, {90, 64}, {20, 64}} {
		n, d := size[0], size[1]
		y := normals(dice, (n+5)*d)
		rows, order := make([]int32, n), dice.Perm(n+5)
		weights, targets, ones, diagonal := make([]float32, n), normals(dice, n), make([]float32, n), make([]float32, d)
		for k := range rows {
			rows[k], weights[k], ones[k] = int32(order[k]), 0.1+dice.Float32()*3, 1
		}
		for f := range diagonal {
			diagonal[f] = 0.05 + dice.Float32()
		}
		want := eliminate(y, rows, weights, targets, diagonal)
		for name, form := range map[string]func(x, y []float32, rows []int32, weights, targets, diagonal []float32) float64{
			"chosen": r.solve, "primal": r.primal, "dual": r.dual,
		} {
			x := normals(dice, d)
			loss := form(x, y, rows, weights, targets, diagonal)
			near(t, name, x, want)
			if wantLoss := lossOf(x, y, rows, weights, targets); math.Abs(loss-wantLoss) > 1e-3*(1+wantLoss) {
				t.Errorf("%s, %d×%d: loss %v, want %v", name, n, d, loss, wantLoss)
			}
		}

		// Blocks, gone through often, end where the whole problem does.
		for _, width := range []int{1, 3, d} {
			x, loss := normals(dice, d), 0.0
			for range 3000 / max(1, width) {
				loss = r.improve(x, y, rows, weights, targets, diagonal, min(width, d))
			}
			near(t, "blocks", x, want)
			if wantLoss := lossOf(x, y, rows, weights, targets); math.Abs(loss-wantLoss) > 1e-3*(1+wantLoss) {
				t.Errorf("blocks of %d, %d×%d: loss %v, want %v", width, n, d, loss, wantLoss)
			}
		}
	}
}

// TestRidgeSurvivesRounding expects a finite answer where float32 cannot hold
// the system.
func TestRidgeSurvivesRounding(t *testing.T) {
	for n := 1; n < 12; n++ {
		var y, ones, diagonal []float32
		var rows []int32
		for k := range n {
			y = append(y, 1e4, 1e4, 1e4, 1e4)
			rows, ones = append(rows, int32(k)), append(ones, 1)
		}
		diagonal = append(diagonal, 1e-9, 1e-9, 1e-9, 1e-9)
		x := make([]float32, 4)
		new(ridge).solve(x, y, rows, ones, ones, diagonal)
		if sum := float64(1e4 * (x[0] + x[1] + x[2] + x[3])); !(math.Abs(sum-1) < 0.1) {
			t.Errorf("%d rows: predicts %v, want 1", n, sum)
		}
	}
}

func near(t *testing.T, what string, got []float32, want []float64) {
	t.Helper()
	for f := range want {
		if math.Abs(float64(got[f])-want[f]) > 2e-3*(1+math.Abs(want[f])) {
			t.Fatalf("%s: x[%d] of %d is %v, want %v", what, f, len(want), got[f], want[f])
		}
	}
}

func lossOf(x, y []float32, rows []int32, weights, targets []float32) (loss float64) {
	for k, row := range rows {
		miss := -float64(targets[k])
		for f := range x {
			miss += float64(x[f]) * float64(y[int(row)*len(x)+f])
		}
		loss += float64(weights[k]) * miss * miss
	}
	return loss
}

// eliminate solves (YᵀWY + D)·x = YᵀWt by Gauss and Jordan.
func eliminate(y []float32, rows []int32, weights, targets, diagonal []float32) []float64 {
	d := len(diagonal)
	system := make([][]float64, d)
	for f := range system {
		system[f] = make([]float64, d+1)
		system[f][f] = float64(diagonal[f])
	}
	for k, row := range rows {
		v := y[int(row)*d : (int(row)+1)*d]
		for f := range system {
			for g := range d {
				system[f][g] += float64(weights[k]) * float64(v[f]) * float64(v[g])
			}
			system[f][d] += float64(weights[k]) * float64(targets[k]) * float64(v[f])
		}
	}
	for p := range d {
		for f := range d {
			if f == p {
				continue
			}
			factor := system[f][p] / system[p][p]
			for g := p; g <= d; g++ {
				system[f][g] -= factor * system[p][g]
			}
		}
	}
	x := make([]float64, d)
	for f := range x {
		x[f] = system[f][d] / system[f][f]
	}
	return x
}

func normals(dice *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for k := range x {
		x[k] = float32(dice.NormFloat64())
	}
	return x
}
