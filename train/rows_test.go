package train

import (
	"encoding/json"
	"testing"
)

func TestLossOf(t *testing.T) {
	for _, c := range []struct {
		labels []float32
		want   string
	}{
		{nil, "logistic"},
		{[]float32{0, 1, 1}, "logistic"},     // clicks
		{[]float32{-1, 1}, "logistic"},       // the same, as some write it
		{[]float32{0, 0.5}, "logistic"},      // two values, one of them nothing
		{[]float32{0, 3, 1, 0}, "logistic"},  // counts, grades
		{[]float32{0, 0}, "logistic"},        // one value: nothing to learn by any loss
		{[]float32{4, 4}, "logistic"},        // the same
		{[]float32{1, 5, 3}, "squared"},      // ratings
		{[]float32{1, 2}, "squared"},         // no label says no
		{[]float32{0, 12.5, 3}, "squared"},   // amounts
		{[]float32{-2, 4, 1}, "squared"},     // differences
		{[]float32{-1, -0.5, -3}, "squared"}, // losses
	} {
		if got := LossOf(c.labels); got != c.want {
			t.Errorf("%v: %s, want %s", c.labels, got, c.want)
		}
	}
}

func TestTakeLoss(t *testing.T) {
	for text, want := range map[string]string{
		"gbdt": "squared", "fm:factors=3": "squared", "rowstack": "squared",
		"gbdt:loss=lambdamart": "lambdamart", "ffm:loss=logistic": "logistic", "logistic": "",
	} {
		c, err := ParseRowCandidate(text, 7)
		if err != nil {
			t.Fatal(err)
		}
		taken, err := TakeLoss([]RowCandidate{c}, "squared")
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Loss          string
			Factors, Seed float64
		}
		if err := json.Unmarshal(taken[0].Settings(), &got); err != nil {
			t.Fatal(err)
		}
		if got.Loss != want || got.Seed != 7 || text == "fm:factors=3" && got.Factors != 3 {
			t.Errorf("%s: %s", text, taken[0].Settings())
		}
	}
	rival, err := ParseRowCandidate(`rowstack:gbdt={"loss":"lambdamart"}`, 1)
	if err == nil {
		t.Errorf("a stack with a member of another loss is %v", rival)
	}
}
