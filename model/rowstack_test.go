package model_test

import (
	"math"
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

func TestRowStackRefuses(t *testing.T) {
	for settings, want := range map[string]string{
		`{"logistic": null, "ffm": null, "gbdt": null}`: "has members",
		`{"gbdt": {"loss": "squared"}}`:                 "the loss logistic",
		`{"gbdt": {"trees": 0}}`:                        "gbdt: trees is 0",
		`{"lambda": 0}`:                                 "lambda is 0",
	} {
		_, err := model.RowFromJSON("rowstack", []byte(settings))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", settings, err, want)
		}
	}
}
