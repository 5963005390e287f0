package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// judgedRows is what the test reads of `evaluate rows --json`.
type judgedRows struct {
	Columns []string
	Test    []struct {
		Kind       string
		Importance []float64
		Metrics    struct {
			Rows      int
			Estimates map[string]struct{ Mean *float64 }
		}
	}
}

// clicks returns a table whose label is whether a and b differ, a tenth of the
// labels wrong, and the same as libsvm, one-hot.
func clicks(n int, seed uint64, label string) (table, sparse string) {
	dice := rand.New(rand.NewPCG(seed, 0))
	var t, s strings.Builder
	fmt.Fprintf(&t, "%sa,b,price\n", label)
	for range n {
		a, b, y := dice.IntN(2), dice.IntN(2), 0
		if (a != b) != (dice.IntN(10) == 0) {
			y = 1
		}
		if label != "" {
			fmt.Fprintf(&t, "%d,", y)
			fmt.Fprintf(&s, "%d ", y)
		}
		fmt.Fprintf(&t, "a%d,b%d,%.3f\n", a, b, dice.Float64())
		fmt.Fprintf(&s, "%d:1 %d:1\n", a, 2+b)
	}
	return t.String(), s.String()
}

func TestEvaluateRows(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	train, trainSparse := clicks(2000, 1, "click,")
	test, testSparse := clicks(500, 2, "click,")
	blind, _ := clicks(500, 2, "")
	files := map[string][2]string{
		"csv":                     {put("train.csv", train), put("test.csv", test)},
		"libsvm":                  {put("train.libsvm", trainSparse), put("test.libsvm", testSparse)},
		"csv without test labels": {put("train2.csv", train), put("blind.csv", blind)},
	}
	for name, pair := range files {
		for _, flags := range [][]string{{"--model=gbdt:trees=20"}, {"--model=gbdt:trees=20,leaves=4", "--calibrate=isotonic"}, {"--model=fm:factors=2", "--model=logistic"}} {
			predictions := filepath.Join(dir, "predictions")
			args := append([]string{"evaluate", "rows", "--json", "--quiet", "--importance", "--train", pair[0], "--test", pair[1], "--predictions", predictions}, flags...)
			var got judgedRows
			if err := json.Unmarshal([]byte(succeed(t, args...).out), &got); err != nil {
				t.Fatal(err)
			}
			for _, j := range got.Test {
				path := predictions
				if len(got.Test) > 1 {
					path += "." + j.Kind
				}
				text, err := os.ReadFile(path)
				if err != nil || strings.Count(string(text), "\n") != 500 {
					t.Errorf("%s %v: %d predictions of 500, %v", name, flags, strings.Count(string(text), "\n"), err)
				}
				auc := j.Metrics.Estimates["auc"].Mean
				if labelled := !strings.Contains(name, "without"); labelled != (auc != nil) || labelled && (*auc < 0.85 || *auc > 0.95) {
					t.Errorf("%s %v: %s has AUC %v", name, flags, j.Kind, auc)
				}
				if len(j.Importance) != len(got.Columns) || j.Importance[0] < 0.2 {
					t.Errorf("%s %v: importance %v of %v", name, flags, j.Importance, got.Columns)
				}
			}
		}
	}
	var amounts strings.Builder // half a price, told by the price alone
	for k := range 600 {
		fmt.Fprintf(&amounts, "%g,%d\n", 100+float64(k%37)/2, k%37)
	}
	numbers := put("amounts.csv", "label,price\n"+amounts.String())
	r := succeed(t, "evaluate", "rows", "--json", "--train", numbers, "--test", numbers)
	var got judgedRows
	if err := json.Unmarshal([]byte(r.out), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Test) != 4 || !strings.Contains(r.err, "labels are numbers from 100 to 118") {
		t.Errorf("%d kinds of numbers; %s", len(got.Test), r.err)
	}
	if best := got.Test[0].Metrics.Estimates["rmse"].Mean; best == nil || *best > 0.5 { // their deviation is 5.3
		t.Errorf("%s has RMSE %v", got.Test[0].Kind, best)
	}
	for _, args := range [][]string{{"--model=svm"}, {"--label=z"}, {"--k=0"}} {
		args = append([]string{"evaluate", "rows", "--quiet", "--train", files["csv"][0], "--test", files["csv"][1]}, args...)
		if r := kindredRun(t, args...); r.code != exitUsage {
			t.Errorf("%v: exit %d: %s", args, r.code, r.err)
		}
	}
}
