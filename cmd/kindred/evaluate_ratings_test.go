package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ratedFile writes 40 users' ratings of 30 items: what the user gives plus
// what the item gets, of which every row from the given remainders mod 5.
func ratedFile(t *testing.T, name string, remainders ...int) (path string, rows int) {
	t.Helper()
	var text strings.Builder
	for u := range 40 {
		for i := range 30 {
			for _, r := range remainders {
				if (u+i)%5 == r {
					fmt.Fprintf(&text, "u%d\ti%d\t%d\t%d\n", u, i, 1+u%4+i%3, 1000+i)
					rows++
				}
			}
		}
	}
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, rows
}

type evaluatedRatings struct {
	Folds int
	Test  []struct {
		Kind     string
		Settings []map[string]any
		Metrics  struct {
			Ratings   int
			Estimates map[string]struct{ Mean float64 }
		}
	}
}

func evaluateRatings(t *testing.T, args ...string) (r evaluatedRatings) {
	t.Helper()
	said := succeed(t, append([]string{"evaluate", "ratings", "--json", "--quiet"}, args...)...)
	if err := json.Unmarshal([]byte(said.out), &r); err != nil {
		t.Fatalf("%v in %s", err, said.out)
	}
	return r
}

// TestEvaluateRatings judges on a pair of files, two pairs and folds of one
// file: ratings that are a sum of two biases are predicted well.
func TestEvaluateRatings(t *testing.T) {
	all, rows := ratedFile(t, "all.tsv", 0, 1, 2, 3, 4)
	train, _ := ratedFile(t, "train.tsv", 0, 1, 2, 3)
	test, tested := ratedFile(t, "test.tsv", 4)
	other, _ := ratedFile(t, "other.tsv", 1, 2, 3, 4)
	otherTest, _ := ratedFile(t, "othertest.tsv", 0)
	predictions := filepath.Join(t.TempDir(), "predictions.tsv")
	for name, c := range map[string]struct {
		args         []string
		folds, rated int
	}{
		"one pair":  {[]string{"--train", train, "--test", test}, 1, tested},
		"two pairs": {[]string{"--train", train + "," + other, "--test", test + "," + otherTest}, 2, 2 * tested},
		"folds":     {[]string{"--data", all, "--folds", "4"}, 4, rows},
	} {
		t.Run(name, func(t *testing.T) {
			r := evaluateRatings(t, append(c.args, "--model", "baseline:user_shrink=0.1,item_shrink=0.1", "--predictions", predictions)...)
			if r.Folds != c.folds || len(r.Test) != 1 || r.Test[0].Metrics.Ratings != c.rated {
				t.Fatalf("%+v, want %d folds and %d ratings", r, c.folds, c.rated)
			}
			rmse := r.Test[0].Metrics.Estimates["rmse"].Mean
			if rmse > 0.05 {
				t.Errorf("RMSE %g", rmse)
			}
			checkPredictions(t, predictions, c.rated, rmse, c.folds)
		})
	}
}

// checkPredictions expects the file to say what was reported.
func checkPredictions(t *testing.T, path string, rows int, rmse float64, folds int) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum, n := 0.0, 0
	for line := range strings.Lines(string(text)) {
		var user, item string
		var rating, prediction float64
		if _, err := fmt.Sscan(line, &user, &item, &rating, &prediction); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		sum += (rating - prediction) * (rating - prediction)
		n++
	}
	if n != rows {
		t.Fatalf("%d predictions, want %d", n, rows)
	}
	if got := math.Sqrt(sum / float64(n)); folds < 3 && math.Abs(got-rmse) > 1e-3 {
		t.Errorf("the predictions' RMSE is %g, reported %g", got, rmse)
	}
}

// TestEvaluateRatingsChooses gives two settings of which one forgets all.
func TestEvaluateRatingsChooses(t *testing.T) {
	all, _ := ratedFile(t, "all.tsv", 0, 1, 2, 3, 4)
	r := evaluateRatings(t, "--data", all, "--model", "baseline:user_shrink=1e6,item_shrink=1e6", "--model", "baseline:user_shrink=1,item_shrink=1")
	if len(r.Test) != 1 || len(r.Test[0].Settings) != 5 || r.Test[0].Settings[0]["user_shrink"] != 1.0 {
		t.Errorf("%+v", r.Test)
	}
}

// TestEvaluateRatingsRefuses expects wrong use to be told.
func TestEvaluateRatingsRefuses(t *testing.T) {
	all, _ := ratedFile(t, "all.tsv", 0, 1)
	for want, args := range map[string][]string{
		"ranks and does not predict": {"--data", all, "--model", "popular"},
		"as many --train as --test":  {"--train", all},
		"to be dealt out, or":        {"--data", all, "--train", all, "--test", all},
		"1 folds of":                 {"--data", all, "--folds", "1"},
		"--valid-share":              {"--data", all, "--valid-share", "0.9"},
	} {
		said := kindredRun(t, append([]string{"evaluate", "ratings", "--quiet"}, args...)...)
		if said.code != exitUsage || !strings.Contains(said.err, want) {
			t.Errorf("%v: exit %d, %q", args, said.code, said.err)
		}
	}
}
