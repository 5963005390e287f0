//go:build linux

package main

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"kindred/format"
)

// TestRows fits rows whose label follows a category and a number that is
// missing at times: the model is to be better than chance, in any order, and
// codes are to be those that the columns count from 1.
func TestRows(t *testing.T) {
	dir, dice := t.TempDir(), rand.New(rand.NewPCG(1, 1))
	save := func(name string, values []float32, columns int) {
		var b bytes.Buffer
		if err := format.WriteNPY(&b, values, columns); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, part := range []string{"train", "valid", "test"} {
		var x, y []float32
		for range 400 {
			code, number, label := float32(dice.IntN(5)), float32(dice.NormFloat64()), float32(0)
			if code == 4 || number > 1 {
				label = 1
			}
			if dice.IntN(10) == 0 {
				number = float32(math.NaN())
			}
			x, y = append(x, number, code), append(y, label)
		}
		if part == "test" {
			x[1] = 9 // training did not meet it
		}
		save(part+"_x.npy", x, 2)
		save(part+"_y.npy", y, 1)
	}
	if err := os.WriteFile(filepath.Join(dir, "categorical.json"), []byte("[1]"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, run := range []rowRun{{folder: dir, target: 0.4}, {folder: dir, order: 3}} {
		parts, err := run.read()
		if err != nil {
			t.Fatal(err)
		}
		if n, unknown, known := parts[0].Columns.Codes(1), parts[2].Vals[1], parts[1].Vals[1]; n != 6 || unknown != 0 || known < 1 || known > 5 {
			t.Errorf("%d codes, of one not met %g, of one met %g", n, unknown, known)
		}
		out, err := run.measure(t.Context(), "gbdt:trees=60")
		if err != nil {
			t.Fatal(err)
		}
		if out.Rows != 400 || out.Test > 0.4 || out.Valid > 0.4 || out.AUC < 0.9 || out.Epochs < 1 || (out.Reached == nil) != (run.target == 0) {
			t.Errorf("%+v", out)
		}
	}
	if _, err := (rowRun{folder: dir}).measure(t.Context(), "nonsense"); err == nil {
		t.Error("an unknown ranker is fitted")
	}
}
