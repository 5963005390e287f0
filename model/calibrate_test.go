package model_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"kindred/dataset"
	"kindred/model"
)

// oracle is a model whose predictions are the first column.
type oracle struct{ model.RowModel }

func (oracle) Columns() int { return 1 }

func (oracle) Predict(predictions []float32, rows *dataset.Rows) { copy(predictions, rows.Vals) }

// TestCalibrateAsScikitLearn compares corrections with those of scikit-learn
// (bench/oracles/calibration.py): Platt's row by row, the isotonic one at the
// weighted middle of each of scikit-learn's steps, for ours goes straight
// between the middles.
func TestCalibrateAsScikitLearn(t *testing.T) {
	text, err := os.ReadFile("testdata/calibration.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Predictions, Labels, Weights, Platt, Isotonic []float32
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	columns := dataset.NewColumns()
	columns.Add("p", nil)
	for n, c := range cases {
		rows := &dataset.Rows{Columns: columns, Vals: c.Predictions, Labels: c.Labels, Weights: c.Weights}
		m, err := model.Calibrate(oracle{}, rows, model.Platt)
		if err != nil {
			t.Fatal(err)
		}
		for r, p := range predictionsOf(m, rows) {
			if math.Abs(float64(p-c.Platt[r])) > 2e-5 {
				t.Errorf("case %d, row %d: Platt gives %v, want %v", n, r, p, c.Platt[r])
			}
		}
		compareSteps(t, n, rows, c.Isotonic)
	}
}

// compareSteps asks the isotonic correction for the middle of each step of
// those expected.
func compareSteps(t *testing.T, n int, rows *dataset.Rows, want []float32) {
	t.Helper()
	m, err := model.Calibrate(oracle{}, rows, model.Isotonic)
	if err != nil {
		t.Fatal(err)
	}
	type step struct{ x, w float64 }
	steps := map[float32]step{}
	for r, y := range want {
		s, w := steps[y], float64(rows.Weights[r])
		steps[y] = step{s.x + w*float64(rows.Vals[r]), s.w + w}
	}
	for y, s := range steps {
		middle := &dataset.Rows{Columns: rows.Columns, Vals: []float32{float32(s.x / s.w)}, Labels: []float32{0}}
		if p := predictionsOf(m, middle)[0]; math.Abs(float64(p-y)) > 2e-4 {
			t.Errorf("case %d: the step at %v is %v, want %v", n, middle.Vals[0], p, y)
		}
	}
}
