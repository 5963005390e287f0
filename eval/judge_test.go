package eval

import (
	"context"
	"math"
	"reflect"
	"slices"
	"testing"

	"kindred/dataset"
)

// positional scores a history by its place in the batch too: if batches
// depended on the number of workers, so would the report.
type positional struct{ factors }

func (p positional) ScoreBatch(scores []float32, hs []dataset.History) {
	p.factors.ScoreBatch(scores, hs)
	items := len(scores) / len(hs)
	for at := range hs {
		scores[at*items+at] += float32(100 * len(hs))
	}
}

func TestBatchesDoNotDependOnWorkers(t *testing.T) {
	const items = 90
	cases := randomCases(blockCases+3*groupCases+5, items) // the last block and group are short
	f := randomFactors(items, 8)
	for name, ranker := range map[string]Ranker{"factors": f, "positional": positional{f}} {
		t.Run(name, func(t *testing.T) {
			var lists [][]int32
			judge := func(workers int) (Report, [][]int32) {
				lists = nil
				report, err := Judge(context.Background(), ranker, items, cases, Options{
					Ks: []int{1, 7}, Workers: workers, PerUser: "ndcg@7",
					Lists: func(_ int32, list []int32, _ []float32) { lists = append(lists, slices.Clone(list)) },
				})
				if err != nil {
					t.Fatal(err)
				}
				return report, lists
			}
			one, oneLists := judge(1)
			for _, workers := range []int{0, 2, 3, 7, 500} {
				other, otherLists := judge(workers)
				if mustJSON(t, one) != mustJSON(t, other) || !reflect.DeepEqual(one.PerUser, other.PerUser) || !reflect.DeepEqual(oneLists, otherLists) {
					t.Errorf("%d workers give another report than one", workers)
				}
			}
			if len(oneLists) != len(cases) || len(one.PerUser) != len(cases) {
				t.Errorf("%d lists and %d values for %d cases", len(oneLists), len(one.PerUser), len(cases))
			}
		})
	}
}

// Lists by hand; hits stand in the comments as ranks.
func TestCappedRecallAndMAPByHand(t *testing.T) {
	for name, c := range map[string]struct {
		ranked, relevant            []int32
		k                           int
		recall, capped, mean, plain float64 // of recall, recall_capped, map, map_relevant
	}{
		"all, k reaches":           {[]int32{1, 2, 3}, []int32{1, 2, 3}, 3, 1, 1, 1, 1},                            // 1 2 3
		"all, fewer than k":        {[]int32{4, 9, 8}, []int32{4, 9}, 3, 1, 1, 1, 1},                               // 1 2
		"more relevant than k":     {[]int32{1, 2, 9}, []int32{1, 2, 3, 4}, 2, .5, 1, 1, .5},                       // 1 2
		"more relevant, one hit":   {[]int32{9, 2, 1}, []int32{1, 2, 3, 4}, 2, .25, .5, .25, .125},                 // 2
		"one relevant, last":       {[]int32{6, 7, 8, 5}, []int32{5}, 4, 1, 1, .25, .25},                           // 4
		"one relevant, after k":    {[]int32{6, 7, 8, 5}, []int32{5}, 3, 0, 0, 0, 0},                               //
		"gaps":                     {[]int32{1, 8, 2, 9, 3}, []int32{1, 2, 3, 4}, 5, .75, .75, 34. / 60, 34. / 60}, // 1 3 5
		"short list, k beyond":     {[]int32{8, 1}, []int32{1, 2, 3}, 10, 1. / 3, 1. / 3, 1. / 6, 1. / 6},          // 2
		"short list, cap at k":     {[]int32{1}, []int32{1, 2, 3}, 2, 1. / 3, .5, .5, 1. / 3},                      // 1
		"empty list":               {nil, []int32{1, 2}, 5, 0, 0, 0, 0},                                            //
		"k 1, hit":                 {[]int32{3, 1}, []int32{1, 3}, 1, .5, 1, 1, .5},                                // 1
		"k 1, miss":                {[]int32{2, 1}, []int32{1, 3}, 1, 0, 0, 0, 0},                                  //
		"order matters to map":     {[]int32{9, 1, 2}, []int32{1, 2}, 3, 1, 1, 7. / 12, 7. / 12},                   // 2 3
		"as many relevant as k":    {[]int32{1, 9}, []int32{1, 2}, 2, .5, .5, .5, .5},                              // 1
		"hits past k do not count": {[]int32{9, 1, 2, 3}, []int32{1, 2, 3}, 2, 1. / 3, .5, .25, 1. / 6},            // 2
	} {
		t.Run(name, func(t *testing.T) {
			v := Measure(c.ranked, c.relevant, c.k)
			near(t, "recall", v.Recall, c.recall)
			near(t, "recall_capped", v.RecallCapped, c.capped)
			near(t, "map", v.MAP, c.mean)
			near(t, "map_relevant", v.MAPRelevant, c.plain)
		})
	}
	if v := Measure([]int32{1}, []int32{1}, 0); !math.IsNaN(v.RecallCapped) || !math.IsNaN(v.MAP) {
		t.Errorf("a cut-off of 0 gives %+v", v)
	}
}
