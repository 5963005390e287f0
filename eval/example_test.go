package eval_test

import (
	"context"
	"fmt"

	"kindred/dataset"
	"kindred/eval"
)

// fixedOrder ranks item 0 first, then 1 and so on, for everyone.
type fixedOrder struct{}

func (fixedOrder) Score(scores []float32, _ dataset.History) {
	for i := range scores {
		scores[i] = -float32(i)
	}
}

func ExampleJudge() {
	cases := []dataset.Case{
		{User: 0, History: dataset.History{Items: []int32{0}}, Relevant: []int32{1, 4}}, // is shown 1 and 2
		{User: 1, History: dataset.History{Items: []int32{3}}, Relevant: []int32{1}},    // is shown 0 and 1
	}
	report, err := eval.Judge(context.Background(), fixedOrder{}, 5, cases, eval.Options{Ks: []int{2}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, name := range []string{"recall@2", "mrr@2", "coverage@2"} {
		fmt.Printf("%s %.2f\n", name, report.Estimates[name].Mean)
	}
	// Output:
	// recall@2 0.75
	// mrr@2 0.75
	// coverage@2 0.60
}

func ExampleMeasure() {
	v := eval.Measure([]int32{7, 2, 5}, []int32{1, 5, 7, 8}, 3) // 7 and 5 are hits
	fmt.Printf("recall %.3f, capped %.3f, map %.3f\n", v.Recall, v.RecallCapped, v.MAP)
	// Output: recall 0.500, capped 0.667, map 0.556
}

func ExamplePaired() {
	learned, popular := []float64{.5, .4, .9, .3}, []float64{.3, .4, .5, .3}
	e := eval.Paired(learned, popular)
	fmt.Printf("better by %.2f ± %.2f\n", e.Mean, e.StdErr)
	// Output: better by 0.15 ± 0.10
}
