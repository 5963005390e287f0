//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"kindred/dataset"
	"kindred/eval"
	"kindred/format"
	"kindred/model"
	"kindred/train"
)

// rowRun is a fit on labelled rows. The folder holds train, valid and test,
// each as NAME_x.npy and NAME_y.npy, matrices of float32 in which NaN is
// missing, and categorical.json, the numbers of the columns that are codes.
type rowRun struct {
	folder string
	target float64
	order  uint64
}

// measuredRows is what there is to say of such a fit.
type measuredRows struct {
	Model   string `json:"model"`
	Threads int    `json:"threads"`
	spent
	Rows   int     `json:"rows"`
	Epochs int     `json:"epochs"` // or trees, that were best
	Valid  float64 `json:"valid_log_loss"`
	Test   float64 `json:"log_loss"`
	AUC    float64 `json:"auc"`
	// Reached is when the validation loss first came down to the target.
	Reached *reached `json:"reached,omitempty"`
}

type reached struct {
	Epochs    int     `json:"epochs"`
	Seconds   float64 `json:"seconds"`
	Processor float64 `json:"processor_seconds"`
}

func (r rowRun) measure(ctx context.Context, text string) (out measuredRows, err error) {
	candidate, err := train.ParseRowCandidate(text, 1)
	if err != nil {
		return out, err
	}
	parts, err := r.read()
	if err != nil {
		return out, err
	}
	learn, valid, test := parts[0], parts[1], parts[2]
	out = measuredRows{Model: text, Threads: runtime.GOMAXPROCS(0), Rows: learn.Len()}
	start := time.Now()
	before, err := used(start)
	if err != nil {
		return out, err
	}
	learned, err := candidate.FitRows(ctx, learn, valid, func(p model.Progress) {
		loss := p.Loss["valid"]
		if out.Epochs == 0 || loss < out.Valid {
			out.Epochs, out.Valid = p.Epoch, loss
		}
		if now, err := used(start); err == nil && r.target > 0 && out.Reached == nil && loss <= r.target {
			now = now.since(before)
			out.Reached = &reached{p.Epoch, now.Seconds, now.Processor}
		}
	})
	if err != nil {
		return out, err
	}
	fitted, err := used(start)
	out.spent = fitted.since(before)
	out.Valid, _ = judge(learned, valid)
	out.Test, out.AUC = judge(learned, test)
	return out, err
}

func judge(learned model.RowModel, rows *dataset.Rows) (logLoss, auc float64) {
	predictions := make([]float32, rows.Len())
	learned.Predict(predictions, rows)
	report := eval.JudgeRows(eval.Predicted{Predictions: predictions, Labels: rows.Labels}, eval.Probabilities, nil)
	return report.Estimates["log_loss"].Mean, report.Estimates["auc"].Mean
}

// read returns the rows of the three parts.
func (r rowRun) read() (parts [3]*dataset.Rows, err error) {
	text, err := os.ReadFile(filepath.Join(r.folder, "categorical.json"))
	if err != nil {
		return parts, err
	}
	var categorical []int
	if err := json.Unmarshal(text, &categorical); err != nil {
		return parts, fmt.Errorf("categorical.json: %w", err)
	}
	for k, name := range []string{"train", "valid", "test"} {
		rows := &dataset.Rows{}
		if rows.Labels, _, err = r.matrix(name + "_y.npy"); err != nil {
			return parts, err
		}
		values, width, err := r.matrix(name + "_x.npy")
		if err != nil {
			return parts, err
		}
		if rows.Vals = values; len(values) != width*len(rows.Labels) {
			return parts, fmt.Errorf("%s has %d labels and %d values in %d columns", name, len(rows.Labels), len(rows.Vals), width)
		}
		parts[k] = rows
	}
	columns, err := columnsOf(parts[0].Vals, len(parts[0].Vals)/parts[0].Len(), categorical)
	for _, rows := range parts {
		rows.Columns = columns
		recode(rows, categorical)
	}
	if r.order > 0 {
		shuffle(parts[0], r.order)
	}
	return parts, err
}

func (r rowRun) matrix(name string) ([]float32, int, error) {
	f, err := os.Open(filepath.Join(r.folder, name))
	if err != nil {
		return nil, 0, err
	}
	defer f.Close() //nolint:errcheck // only read
	values, width, err := format.ReadNPY(f)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", name, err)
	}
	return values, width, nil
}

// columnsOf returns columns whose categories are the codes up to the largest
// one in training.
func columnsOf(values []float32, width int, categorical []int) (*dataset.Columns, error) {
	categories := make([]*dataset.Dict, width)
	for _, c := range categorical {
		if c < 0 || c >= width {
			return nil, fmt.Errorf("categorical.json names column %d of %d", c, width)
		}
		last := float32(0)
		for k := c; k < len(values); k += width {
			last = max(last, values[k])
		}
		categories[c] = dataset.NewDict()
		for code := range int(min(last, dataset.MaxCategories-2)) + 1 {
			categories[c].Add(strconv.Itoa(code))
		}
	}
	columns := dataset.NewColumns()
	for c, dict := range categories {
		columns.Add(strconv.Itoa(c), dict)
	}
	return columns, nil
}

// recode makes codes from 0 on those of the columns, 0 for what training did
// not meet.
func recode(rows *dataset.Rows, categorical []int) {
	for _, c := range categorical {
		for k := c; k < len(rows.Vals); k += rows.Columns.Len() {
			rows.Vals[k]++
			if rows.Vals[k] >= float32(rows.Columns.Codes(c)) {
				rows.Vals[k] = 0
			}
		}
	}
}

// shuffle puts rows in a random order.
func shuffle(rows *dataset.Rows, seed uint64) {
	width := rows.Columns.Len()
	rand.New(rand.NewPCG(seed, 0)).Shuffle(rows.Len(), func(i, j int) {
		rows.Labels[i], rows.Labels[j] = rows.Labels[j], rows.Labels[i]
		for c := range width {
			a, b := i*width+c, j*width+c
			rows.Vals[a], rows.Vals[b] = rows.Vals[b], rows.Vals[a]
		}
	})
}
