package model_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"kindred/dataset"
	"kindred/model"
)

// rowSuite holds every algorithm for rows, set up for the small sets below; a
// new one adds a line and passes all tests of this file. Those of squared and
// ranking losses are not asked for probabilities.
var rowSuite = map[string]struct {
	kind, settings string
}{
	"logistic":             {"logistic", `{"crosses": 4, "hash_bits": 12}`},
	"logistic, no crosses": {"logistic", `{"crosses": 0}`},
	"fm":                   {"fm", `{"factors": 8}`},
	"fm, squared":          {"fm", `{"factors": 8, "loss": "squared", "learn_rate": 0.1}`},
	"ffm":                  {"ffm", `{"factors": 4}`},
	"ffm, squared":         {"ffm", `{"factors": 4, "loss": "squared"}`},
	"gbdt":                 {"gbdt", `{"trees": 60, "target_stats": 8}`},
	"gbdt, squared":        {"gbdt", `{"trees": 60, "loss": "squared", "target_stats": 8}`},
	"gbdt, sampled":        {"gbdt", `{"trees": 60, "row_share": 0.7, "column_share": 0.9, "l1": 0.1, "patience": 0}`},
	"rowstack":             {"rowstack", `{"logistic": {"crosses": 4, "hash_bits": 12}, "gbdt": {"trees": 60, "target_stats": 8}}`},
	"rowstack, squared":    {"rowstack", `{"loss": "squared", "fm": {"factors": 8}, "ffm": null, "gbdt": {"trees": 60, "target_stats": 8}}`},
	"gbdt, lambdamart":     {"gbdt", `{"trees": 40, "loss": "lambdamart", "min_child": 0.01}`},
}

func rowAlgorithm(t *testing.T, name string) model.RowAlgorithm {
	t.Helper()
	a, err := model.RowFromJSON(rowSuite[name].kind, []byte(rowSuite[name].settings))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func fitRows(t *testing.T, name string, train *dataset.Rows) model.RowModel {
	t.Helper()
	m, err := rowAlgorithm(t, name).FitRows(t.Context(), train, nil, nil)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return m
}

func predictionsOf(m model.RowModel, rows *dataset.Rows) []float32 {
	predictions := slices.Repeat([]float32{42}, rows.Len())
	m.Predict(predictions, rows)
	return predictions
}

// accuracy is how often a prediction is on the right side of what is usual.
func accuracy(predictions []float32, rows *dataset.Rows) float64 {
	right := 0
	sorted := slices.Sorted(slices.Values(predictions))
	middle := sorted[len(sorted)/2]
	for r, p := range predictions {
		if (p >= middle) == (rows.Labels[r] > 0) {
			right++
		}
	}
	return float64(right) / float64(len(predictions))
}

// planted returns rows of two numbers, three categories and noise whose label
// follows a rule of the row's values, a tenth of the labels wrong, in groups
// of ten.
func planted(n int, seed uint64, rule func(vals []float32) bool) *dataset.Rows {
	columns := dataset.NewColumns()
	columns.Add("x", nil)
	columns.Add("y", nil)
	for c, size := range map[string]int{"color": 2} {
		columns.Add(c, words(size))
	}
	columns.Add("shape", words(2))
	columns.Add("user", words(20))
	dice := rand.New(rand.NewPCG(seed, 0))
	rows := &dataset.Rows{Columns: columns}
	for r := range n {
		vals := []float32{dice.Float32(), dice.Float32()*2 - 1, float32(1 + dice.IntN(2)), float32(1 + dice.IntN(2)), float32(1 + dice.IntN(20))}
		label := float32(0)
		if rule(vals) != (dice.IntN(10) == 0) {
			label = 1
		}
		rows.Vals, rows.Labels, rows.Groups = append(rows.Vals, vals...), append(rows.Labels, label), append(rows.Groups, int32(r/10))
	}
	return rows
}

func words(n int) *dataset.Dict {
	d := dataset.NewDict()
	for i := range n {
		d.Add(fmt.Sprintf("w%d", i))
	}
	return d
}

func xor(vals []float32) bool       { return (vals[2] == 1) != (vals[3] == 1) }
func threshold(v []float32) bool    { return v[1] > 0 }
func memory(vals []float32) bool    { return int(vals[4])%3 == 0 == (vals[4] < 11) }
func numberXor(vals []float32) bool { return vals[0] > 0.5 != (vals[1] > 0) }

// TestRowsLearn expects planted rules back on other rows; nine tenths is the
// ceiling. Without crosses a linear model cannot learn an exclusive or.
func TestRowsLearn(t *testing.T) {
	for rule, truth := range map[string]func([]float32) bool{"xor": xor, "threshold": threshold, "memory": memory, "xor of numbers": numberXor} {
		train, test := planted(4000, 1, truth), planted(1000, 2, truth)
		for name := range rowSuite {
			t.Run(rule+"/"+name, func(t *testing.T) {
				got := accuracy(predictionsOf(fitRows(t, name, train), test), test)
				if strings.Contains(rule, "xor") && strings.HasSuffix(name, "no crosses") {
					if got > 0.6 {
						t.Errorf("%.3f right without a cross: the test is too easy", got)
					}
					return
				}
				if got < 0.84 || got > 0.94 {
					t.Errorf("%.3f right, want about 0.9", got)
				}
			})
		}
	}
}

// TestRowsOfAnySize expects what predicts numbers to predict a thousand times
// the numbers as well.
func TestRowsOfAnySize(t *testing.T) {
	train, test := planted(3000, 1, xor), planted(500, 2, xor)
	larger := *train
	larger.Labels = slices.Clone(train.Labels)
	for r := range larger.Labels {
		larger.Labels[r] = 7000 + 1000*larger.Labels[r]
	}
	for name := range rowSuite {
		if !strings.HasSuffix(name, ", squared") {
			continue
		}
		small, large := predictionsOf(fitRows(t, name, train), test), predictionsOf(fitRows(t, name, &larger), test)
		squares := 0.
		for r := range small {
			off := float64(large[r]-7000)/1000 - float64(small[r])
			squares += off * off
		}
		if off := math.Sqrt(squares / float64(len(small))); off > 0.03 { // trees may take another of two splits as good, and one tree more
			t.Errorf("%s: predictions are %.4f apart, in units of the labels", name, off)
		}
	}
}

// TestRowsSameBytes expects the same artefact twice and on any number of cores.
func TestRowsSameBytes(t *testing.T) {
	train := planted(1500, 1, xor)
	for name := range rowSuite {
		t.Run(name, func(t *testing.T) {
			first := rowBytes(t, fitRows(t, name, train))
			for _, cores := range []int{1, 2, 5} {
				before := runtime.GOMAXPROCS(cores)
				other := rowBytes(t, fitRows(t, name, train))
				runtime.GOMAXPROCS(before)
				if !bytes.Equal(first, other) {
					t.Errorf("%d cores give other bytes", cores)
				}
			}
		})
	}
}

func TestRowsSaveAndLoad(t *testing.T) {
	train := planted(400, 1, xor)
	models := map[string]model.RowModel{}
	for name := range rowSuite {
		models[name] = fitRows(t, name, train)
	}
	for _, how := range []model.Calibration{model.Platt, model.Isotonic} {
		m, err := model.Calibrate(models["fm"], train, how)
		if err != nil {
			t.Fatal(err)
		}
		models[string(how)] = m
	}
	for name, m := range models {
		t.Run(name, func(t *testing.T) {
			saved := rowBytes(t, m)
			loaded, err := model.ReadRows(bytes.NewReader(saved))
			if err != nil {
				t.Fatal(err)
			}
			if loaded.Shape() != m.Shape() || loaded.Columns() != 5 || m.Columns() != 5 {
				t.Errorf("got %s of %d columns, want %s of 5", loaded.Shape(), loaded.Columns(), m.Shape())
			}
			if !slices.Equal(predictionsOf(loaded, train), predictionsOf(m, train)) {
				t.Error("other predictions after loading")
			}
			if !slices.Equal(loaded.Importance(), m.Importance()) {
				t.Error("other importance after loading")
			}
			if !bytes.Equal(saved, rowBytes(t, loaded)) {
				t.Error("saved again, other bytes")
			}
			for n := 0; n < len(saved); n += 1 + n/50 {
				if _, err := model.ReadRows(bytes.NewReader(saved[:n])); err == nil {
					t.Fatalf("the first %d of %d bytes pass for a model", n, len(saved))
				}
			}
			if _, err := m.WriteTo(brokenPipe{}); !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("writing to a broken pipe: got %v", err)
			}
		})
	}
}

func TestRowsStopWhenCancelled(t *testing.T) {
	train := planted(300, 1, xor)
	for name := range rowSuite {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			m, err := rowAlgorithm(t, name).FitRows(ctx, train, nil, func(model.Progress) { cancel() })
			if !errors.Is(err, context.Canceled) || m != nil {
				t.Errorf("cancelled after an epoch: got %v, %v", m, err)
			}
			if m, err = rowAlgorithm(t, name).FitRows(ctx, train, nil, nil); !errors.Is(err, context.Canceled) || m != nil {
				t.Errorf("cancelled before: got %v, %v", m, err)
			}
		})
	}
}

// TestRowsDegenerate expects finite predictions whatever the rows.
func TestRowsDegenerate(t *testing.T) {
	nan := float32(math.NaN())
	with := func(change func(rows *dataset.Rows)) *dataset.Rows {
		rows := planted(200, 1, xor)
		change(rows)
		return rows
	}
	every := func(x []float32, v float32) {
		for i := range x {
			x[i] = v
		}
	}
	sets := map[string]*dataset.Rows{
		"one row":          planted(1, 1, xor),
		"two rows":         planted(2, 1, xor),
		"no label":         with(func(rows *dataset.Rows) { every(rows.Labels, 0) }),
		"only labels":      with(func(rows *dataset.Rows) { every(rows.Labels, 1) }),
		"all missing":      with(func(rows *dataset.Rows) { every(rows.Vals, nan) }),
		"constant columns": with(func(rows *dataset.Rows) { every(rows.Vals, 1) }),
		"huge values": with(func(rows *dataset.Rows) {
			for r := range rows.Len() {
				rows.Vals[5*r] = math.MaxFloat32 * float32(r%3-1)
			}
		}),
		"unknown categories": with(func(rows *dataset.Rows) {
			for r := range rows.Len() {
				rows.Vals[5*r+4] = 0
			}
		}),
		"no category like it": with(func(rows *dataset.Rows) {
			for r := range rows.Len() {
				rows.Vals[5*r+4] = 1e9
			}
		}),
		"weights far apart": with(func(rows *dataset.Rows) {
			for r := range rows.Len() {
				rows.Weights = append(rows.Weights, []float32{1e-6, 1e3}[r%2])
			}
		}),
		"sparse, empty rows": {
			Columns: planted(1, 1, xor).Columns, Labels: []float32{1, 0, 1}, Groups: []int32{0, 0, 0},
			Starts: []int{0, 0, 2, 2}, Cols: []int32{4, 1}, Vals: []float32{3, 2},
		},
	}
	for name := range rowSuite {
		t.Run(name, func(t *testing.T) {
			for set, rows := range sets {
				m := fitRows(t, name, rows)
				for other, asked := range sets {
					for r, p := range predictionsOf(m, asked) {
						if math.IsNaN(float64(p)) || math.IsInf(float64(p), 0) {
							t.Fatalf("%s: prediction %d of %s is %v", set, r, other, p)
						}
					}
				}
			}
		})
	}
}

func TestRowsRefuse(t *testing.T) {
	nan := planted(20, 1, xor)
	nan.Labels[7] = float32(math.NaN())
	for name := range rowSuite {
		for set, rows := range map[string]*dataset.Rows{"7 has no finite label": nan, "no rows": {Columns: nan.Columns}} {
			if _, err := rowAlgorithm(t, name).FitRows(t.Context(), rows, nil, nil); err == nil || !strings.Contains(err.Error(), set) {
				t.Errorf("%s: got %v, want %q", name, err, set)
			}
		}
	}
	ungrouped := planted(20, 1, xor)
	ungrouped.Groups = nil
	if _, err := rowAlgorithm(t, "gbdt, lambdamart").FitRows(t.Context(), ungrouped, nil, nil); err == nil || !strings.Contains(err.Error(), "needs groups") {
		t.Errorf("ranking without groups: %v", err)
	}
}

// TestRowsDiverge expects an error that names the epoch and what to try.
func TestRowsDiverge(t *testing.T) {
	rows := planted(300, 1, xor)
	rows.Weights = slices.Repeat([]float32{math.MaxFloat32}, rows.Len())
	for _, settings := range []string{`{"learn_rate": 10, "init_scale": 10}`, `{"loss": "squared", "learn_rate": 10, "init_scale": 10}`} {
		for _, kind := range []string{"fm", "ffm"} {
			a, err := model.RowFromJSON(kind, []byte(settings))
			if err != nil {
				t.Fatal(err)
			}
			_, err = a.FitRows(t.Context(), rows, nil, nil)
			if err == nil || !strings.Contains(err.Error(), "epoch 1") || !strings.Contains(err.Error(), "learn_rate") {
				t.Errorf("%s: got %v", kind, err)
			}
		}
	}
}

// TestRowsContributions expects contributions to sum to the raw score, and the
// column that matters to contribute and to be important.
func TestRowsContributions(t *testing.T) {
	train := planted(2000, 1, threshold)
	for name := range rowSuite {
		t.Run(name, func(t *testing.T) {
			m := fitRows(t, name, train)
			predictions, contributions := predictionsOf(m, train), make([]float64, 5)
			for r := range 50 {
				raw := m.Contributions(contributions, train, r)
				for _, x := range contributions {
					raw += x
				}
				want := float64(predictions[r])
				if !strings.Contains(name, "squared") && !strings.Contains(name, "lambdamart") {
					raw = 1 / (1 + math.Exp(-raw))
				}
				if math.Abs(raw-want) > 1e-4 {
					t.Fatalf("row %d: contributions give %v, the prediction is %v", r, raw, want)
				}
				if high := train.Vals[5*r+1] > 0.1; (high || train.Vals[5*r+1] < -0.1) && high != (contributions[1] > 0) {
					t.Errorf("row %d: y = %v contributes %v", r, train.Vals[5*r+1], contributions[1])
				}
			}
			importance, sum := m.Importance(), 0.0
			for _, x := range importance {
				sum += x
			}
			if slices.Max(importance) != importance[1] || math.Abs(sum-1) > 1e-4 {
				t.Errorf("importance %v", importance)
			}
		})
	}
}

func TestRowsConcurrent(t *testing.T) {
	train := planted(300, 1, xor)
	for name := range rowSuite {
		t.Run(name, func(t *testing.T) {
			m := fitRows(t, name, train)
			alone := predictionsOf(m, train)
			var wait sync.WaitGroup
			for range 8 {
				wait.Go(func() {
					m.Contributions(make([]float64, 5), train, 0)
					if !slices.Equal(predictionsOf(m, train), alone) {
						t.Error("other predictions in company")
					}
				})
			}
			wait.Wait()
		})
	}
}

// TestRowsStopEarly expects fewer epochs than allowed, both losses told, and
// the best model kept: no worse on what validates than the last.
func TestRowsStopEarly(t *testing.T) {
	train, valid := planted(600, 1, xor), planted(600, 2, xor)
	for name := range rowSuite {
		t.Run(name, func(t *testing.T) {
			if strings.Contains(name, "sampled") {
				t.Skip("has no patience")
			}
			var told []model.Progress
			m, err := rowAlgorithm(t, name).FitRows(t.Context(), train, valid, func(p model.Progress) { told = append(told, p) })
			if err != nil {
				t.Fatal(err)
			}
			best := math.Inf(1)
			for k, p := range told {
				if p.Epoch != k+1 || p.Epochs < len(told) && !strings.HasPrefix(name, "rowstack") || len(p.Loss) != 2 {
					t.Errorf("call %d of %d says %+v", k+1, len(told), p)
				}
				best = min(best, p.Loss["valid"])
			}
			if len(told) == 0 {
				t.Fatal("never told")
			}
			if strings.Contains(name, "squared") || strings.Contains(name, "lambdamart") || name == "rowstack" {
				return // the losses told are others
			}
			loss := 0.0
			for r, p := range predictionsOf(m, valid) {
				loss -= math.Log(map[bool]float64{true: float64(p), false: 1 - float64(p)}[valid.Labels[r] > 0]) / float64(valid.Len())
			}
			if math.Abs(loss-best) > 1e-4 {
				t.Errorf("the model kept has loss %v on what validates, the best told was %v", loss, best)
			}
		})
	}
}

func TestRowKinds(t *testing.T) {
	for _, kind := range model.RowKinds() {
		a, err := model.RowFromJSON(kind, nil)
		if err != nil || a.Kind() != kind {
			t.Errorf("%s: %v, %v", kind, a, err)
		}
		if len(model.Settings(a)) != reflect.TypeOf(a).Elem().NumField() {
			t.Errorf("%s: not every setting has a name", kind)
		}
	}
	for settings, want := range map[string]string{`{"trees": 0}`: "trees is 0", `{"tree": 1}`: "unknown field", `{} {}`: "nothing after it", `{"loss": "hinge"}`: "loss is"} {
		if _, err := model.RowFromJSON("gbdt", []byte(settings)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", settings, err, want)
		}
	}
	if _, err := model.RowFromJSON("svm", nil); err == nil || !strings.Contains(err.Error(), "logistic fm ffm gbdt rowstack") {
		t.Errorf("unknown kind: %v", err)
	}
}

func rowBytes(t *testing.T, m model.RowModel) []byte {
	t.Helper()
	var b bytes.Buffer
	n, err := m.WriteTo(&b)
	if err != nil || n != int64(b.Len()) {
		t.Fatalf("wrote %d bytes, says %d, error %v", b.Len(), n, err)
	}
	return b.Bytes()
}
