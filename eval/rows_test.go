package eval

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"
)

// The golden file is made by bench/oracles/row_metrics.py from scikit-learn.
func TestRowsAgainstScikitLearn(t *testing.T) {
	text, err := os.ReadFile("testdata/row_metrics.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Measures            Measures
		Predictions, Labels []float32
		Groups              []int32
		Want                map[string]float64
		AUCStdErr           float64 `json:"auc_std_err"`
	}
	if err := json.Unmarshal(text, &cases); err != nil || len(cases) < 30 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for k, c := range cases {
		report := JudgeRows(Predicted{c.Predictions, c.Labels, c.Groups}, c.Measures, []int{5})
		for name, want := range c.Want {
			if got, known := report.Estimates[name]; !known || math.Abs(got.Mean-want) > 1e-6 {
				t.Errorf("case %d: %s is %v, want %v", k, name, got.Mean, want)
			}
		}
		// The bootstrap has an error of its own: 4,000 rounds give 1.1 %.
		if got := report.Estimates["auc"].StdErr; c.AUCStdErr > 0 && math.Abs(got/c.AUCStdErr-1) > 0.08 {
			t.Errorf("case %d: the standard error of the AUC is %v, the bootstrap says %v", k, got, c.AUCStdErr)
		}
	}
}

func TestRowsByHand(t *testing.T) {
	nan := float32(math.NaN())
	report := JudgeRows(Predicted{[]float32{.9, .8, .3, .2}, []float32{2, 0, 1, nan}, []int32{0, 0, 0, 1}}, Scores, []int{2, 1})
	if report.Rows != 3 || report.Positives != 2 || !slices.Equal(report.Names, []string{"auc", "gauc", "ndcg@1", "err@1", "ndcg@2", "err@2"}) {
		t.Errorf("report %+v", report)
	}
	near(t, "auc", report.Estimates["auc"].Mean, .5)
	near(t, "ndcg@2", report.Estimates["ndcg@2"].Mean, 3/(3+1/math.Log2(3)))
	near(t, "err@2", report.Estimates["err@2"].Mean, 3./4)
	for _, labels := range [][]float32{{}, {0, 0}, {1, 1}} {
		report := JudgeRows(Predicted{make([]float32, len(labels)), labels, nil}, Probabilities, nil)
		if !math.IsNaN(report.Estimates["auc"].Mean) {
			t.Errorf("labels %v: auc %v", labels, report.Estimates["auc"])
		}
	}
}
