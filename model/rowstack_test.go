package model_test

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"kindred/dataset"
	"kindred/model"
)

// logLoss is the mean logistic loss of probabilities.
func logLoss(predictions []float32, rows *dataset.Rows) (loss float64) {
	for r, p := range predictions {
		hit := float64(p)
		if rows.Labels[r] <= 0 {
			hit = 1 - hit
		}
		loss -= math.Log(hit) / float64(len(predictions))
	}
	return loss
}

// TestRowStackBeatsMembers expects the stack of a linear model, blind to the
// crossed half of a rule, and of trees no worse than either on other rows, and
// on the rows its weights are learned from better.
func TestRowStackBeatsMembers(t *testing.T) {
	rule := func(v []float32) bool { return xor(v) != (v[4] < 6) }
	train, valid, test := planted(3000, 1, rule), planted(1500, 2, rule), planted(3000, 3, rule)
	stack := model.NewRowStack()
	stack.Logistic.Crosses, stack.GBDT.Trees, stack.FFM = 0, 10, nil
	fit := func(a model.RowAlgorithm) (held, other float64) {
		m, err := a.FitRows(t.Context(), train, valid, nil)
		if err != nil {
			t.Fatal(err)
		}
		return logLoss(predictionsOf(m, valid), valid), logLoss(predictionsOf(m, test), test)
	}
	held, other := fit(stack)
	for _, member := range []model.RowAlgorithm{stack.Logistic, stack.GBDT} {
		if h, o := fit(member); held >= h || other > o+0.002 {
			t.Errorf("the stack's losses are %.4f and %.4f, %s alone has %.4f and %.4f", held, other, member.Kind(), h, o)
		}
	}
}

// TestRowStackRefit expects members that saw other rows, and the weights as they
// were; a loaded stack cannot.
func TestRowStackRefit(t *testing.T) {
	train, valid := planted(600, 1, xor), planted(600, 2, xor)
	stack := model.NewRowStack()
	stack.GBDT.Trees, stack.FFM = 20, nil
	fitted, err := stack.FitRows(t.Context(), train, valid, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, ok := fitted.(*model.RowStacked)
	if !ok {
		t.Fatalf("got a %T", fitted)
	}
	refitted, err := m.Refit(t.Context(), train.Join(valid), nil)
	if err != nil {
		t.Fatal(err)
	}
	again, ok := refitted.(*model.RowStacked)
	if !ok {
		t.Fatalf("got a %T", refitted)
	}
	before, after := logLoss(predictionsOf(m, valid), valid), logLoss(predictionsOf(again, valid), valid)
	if after >= before {
		t.Errorf("the loss on rows now learned from is %.4f, it was %.4f", after, before)
	}
	for k, w := range again.Weights() {
		if w != m.Weights()[k] {
			t.Errorf("weight %d is %v, was %v", k, w, m.Weights()[k])
		}
	}
	if _, err := (&model.RowStacked{}).Refit(t.Context(), train, nil); err == nil {
		t.Error("a stack without settings was fitted again")
	}
}

// TestRowStackFM expects an fm with its defaults where settings name it, and
// none where they do not.
func TestRowStackFM(t *testing.T) {
	for settings, want := range map[string]*model.FM{
		`{}`:                      nil,
		`{"lambda": 3}`:           nil,
		`{"fm": null}`:            nil,
		`{"fm": {}}`:              model.NewFM(),
		`{"fm": {"epochs": 3}}`:   {Epochs: 3},
		`{"ffm": null, "fm": {}}`: model.NewFM(),
	} {
		a, err := model.RowFromJSON("rowstack", []byte(settings))
		if err != nil {
			t.Fatal(err)
		}
		stack, ok := a.(*model.RowStack)
		if !ok {
			t.Fatalf("got a %T", a)
		}
		if want != nil && want.Factors == 0 {
			epochs := want.Epochs
			want = model.NewFM()
			want.Epochs = epochs
		}
		if !reflect.DeepEqual(stack.FM, want) {
			t.Errorf("%s: the fm is %+v, want %+v", settings, stack.FM, want)
		}
	}
}

// TestRowStackSquared expects numbers, with a smaller error than members have.
func TestRowStackSquared(t *testing.T) {
	graded := func(n int, seed uint64) *dataset.Rows {
		rows := planted(n, seed, xor)
		for r := range rows.Labels {
			rows.Labels[r] = 10*rows.Labels[r] + 3*rows.Vals[5*r] // x
		}
		return rows
	}
	train, valid, test := graded(3000, 1), graded(1500, 2), graded(3000, 3)
	stack := model.NewRowStack()
	stack.Loss, stack.GBDT.Trees = "squared", 60
	squares := func(a model.RowAlgorithm) (sum float64) {
		m, err := a.FitRows(t.Context(), train, valid, nil)
		if err != nil {
			t.Fatal(err)
		}
		for r, p := range predictionsOf(m, test) {
			sum += math.Pow(float64(p-test.Labels[r]), 2) / float64(test.Len())
		}
		return sum
	}
	got, trees, factors := squares(stack), *stack.GBDT, *stack.FFM
	trees.Loss, factors.Loss = "squared", "squared"
	for _, member := range []model.RowAlgorithm{&trees, &factors} {
		if alone := squares(member); got > 1.01*alone {
			t.Errorf("the stack's mean square is %.3f, %s alone has %.3f", got, member.Kind(), alone)
		}
	}
}

func TestRowStackRefuses(t *testing.T) {
	for settings, want := range map[string]string{
		`{"logistic": null, "ffm": null, "gbdt": null}`:  "has members",
		`{"gbdt": {"loss": "squared"}}`:                  "gbdt has the loss squared, the stack has logistic (leave",
		`{"gbdt": {"loss": "lambdamart"}}`:               "gbdt has the loss lambdamart",
		`{"loss": "lambdamart"}`:                         "loss is \"lambdamart\", not one of logistic, squared",
		`{"loss": "squared", "ffm": null, "gbdt": null}`: "none has the loss squared",
		`{"fm": {"factors": 0}}`:                         "fm: factors is 0",
		`{"fm": {"factor": 8}}`:                          "unknown field",
		`{"fms": {}}`:                                    "unknown field",
		`{"gbdt": {"trees": 0}}`:                         "gbdt: trees is 0",
		`{"lambda": 0}`:                                  "lambda is 0",
	} {
		_, err := model.RowFromJSON("rowstack", []byte(settings))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", settings, err, want)
		}
	}
}
