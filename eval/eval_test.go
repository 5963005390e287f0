package eval

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"testing"

	"kindred/dataset"
)

func near(t *testing.T, name string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9 {
		t.Errorf("%s is %v, want %v", name, got, want)
	}
}

func TestMeasureByHand(t *testing.T) {
	// Hits at ranks 1 and 3 of 4; three relevant items.
	v := Measure([]int32{7, 2, 5, 9}, []int32{1, 5, 7}, 4)
	near(t, "recall", v.Recall, 2./3)
	near(t, "precision", v.Precision, .5)
	near(t, "hit rate", v.HitRate, 1)
	near(t, "ndcg", v.NDCG, 1.5/(1+1/math.Log2(3)+.5))
	near(t, "map", v.MAP, (1+2./3)/3)
	near(t, "mrr", v.MRR, 1)
	v = Measure([]int32{7, 2, 5, 9}, []int32{1, 5, 7}, 2)
	near(t, "capped recall", v.RecallCapped, .5)
	near(t, "map", v.MAP, .5)
	near(t, "map over relevant", v.MAPRelevant, 1./3)
	if !math.IsNaN(Measure([]int32{1}, nil, 2).Recall) {
		t.Error("nothing relevant must give NaN")
	}
	near(t, "gini, one item has all", Gini([]int{0, 0, 0, 8}), .75)
	near(t, "gini, all the same", Gini([]int{2, 2, 2}), 0)
}

// The golden file is made by bench/oracles/ranking_metrics.py from trec_eval
// and scikit-learn.
func TestMeasureAgainstTrecEval(t *testing.T) {
	text, err := os.ReadFile("testdata/ranking_metrics.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Ranked, Relevant []int32
		K                int
		Want             map[string]float64
	}
	if err := json.Unmarshal(text, &cases); err != nil || len(cases) < 100 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for _, c := range cases {
		got := Measure(c.Ranked, c.Relevant, c.K).list()
		for m, name := range names() {
			if want, known := c.Want[name]; known {
				near(t, at(name, c.K), got[m], want)
			}
		}
	}
}

// TestUnbiased computes by hand: items 0 to 3 were looked at by all, a half, a
// quarter and a tenth.
func TestUnbiased(t *testing.T) {
	theta := []float32{1, .5, .25, .125}
	recall, ndcg := Unbiased([]int32{0, 3, 2}, []int32{0, 2, 3}, 2, theta)
	near(t, "recall", recall, (1.+8)/(1+4+8))
	near(t, "ndcg", ndcg, (1+8/math.Log2(3))/(8+4/math.Log2(3)))
	recall, ndcg = Unbiased([]int32{1, 0}, []int32{1, 9}, 5, theta) // item 9 is not known: as seldom as 3
	near(t, "recall with an unknown item", recall, 2./10)
	near(t, "ndcg with an unknown item", ndcg, 2/(8+2/math.Log2(3)))
	same := []float32{.3, .3, .3, .3}
	recall, ndcg = Unbiased([]int32{0, 3, 2}, []int32{2, 3}, 3, same)
	plain := Measure([]int32{0, 3, 2}, []int32{2, 3}, 3)
	near(t, "recall of equal propensities", recall, plain.Recall)
	near(t, "ndcg of equal propensities", ndcg, plain.NDCG)
	if recall, ndcg = Unbiased([]int32{0}, nil, 3, theta); !math.IsNaN(recall) || !math.IsNaN(ndcg) {
		t.Error("nothing relevant must give NaN")
	}
}

// TestUnbiasedEstimate expects the mean over tests that people took part in by
// propensity to be that of the full test, where the plain recall is not.
func TestUnbiasedEstimate(t *testing.T) {
	theta := []float32{1, .8, .5, .3, .2, .2, .1, .1}
	ranked := []int32{0, 1, 6, 7}
	full := Measure(ranked, []int32{0, 1, 2, 3, 4, 5, 6, 7}, 4).Recall
	r := rand.New(rand.NewPCG(1, 1))
	var hits, all, plain float64
	const tests = 200_000
	for range tests {
		var relevant []int32
		for i, p := range theta {
			if r.Float32() < p {
				relevant = append(relevant, int32(i))
			}
		}
		recall, _ := Unbiased(ranked, relevant, 4, theta) // item 0 is always met
		weight := 0.
		for _, i := range relevant {
			weight += 1 / float64(theta[i])
		}
		hits, all = hits+recall*weight, all+weight
		plain += Measure(ranked, relevant, 4).Recall / tests
	}
	if math.Abs(hits/all-full) > .005 || math.Abs(plain-full) < .1 {
		t.Errorf("unbiased %.3f, plain %.3f; the full test says %.3f", hits/all, plain, full)
	}
}

func TestPaired(t *testing.T) {
	e := Paired([]float64{1, 2, 3, math.NaN()}, []float64{0, 0, 0, 5})
	near(t, "mean", e.Mean, 2)
	near(t, "standard error", e.StdErr, 1/math.Sqrt(3))
	text, err := json.Marshal(Paired(nil, nil))
	if err != nil || string(text) != `{"mean":null,"std_err":null}` {
		t.Errorf("%s, %v", text, err)
	}
}

// hashed scores item i for a history by a hash of both.
type hashed struct{}

func (hashed) Score(scores []float32, h dataset.History) {
	r := rand.New(rand.NewPCG(uint64(len(h.Items)), uint64(h.Items[0])))
	for i := range scores {
		scores[i] = r.Float32()
	}
}

type hashedBatch struct{ hashed }

func (b hashedBatch) ScoreBatch(scores []float32, hs []dataset.History) {
	n := len(scores) / len(hs)
	for i, h := range hs {
		b.Score(scores[i*n:(i+1)*n], h)
	}
}

func TestJudge(t *testing.T) {
	const items = 50
	var cases []dataset.Case
	for u := range 300 {
		i := int32(u % (items - 2))
		cases = append(cases, dataset.Case{
			User: int32(u), History: dataset.History{Items: []int32{i}}, Relevant: []int32{i + 1, i + 2}, Gains: []float32{2, 3},
		})
	}
	judge := func(r Ranker, workers int) Report {
		next := int32(0)
		report, err := Judge(context.Background(), r, items, cases, Options{
			Ks: []int{items, 5, 5}, Workers: workers, ItemUsers: make([]int32, items), Users: 8, PerUser: "ndcg@5", Propensities: slices.Repeat([]float32{.5}, items),
			Lists: func(user int32, list []int32, _ []float32) {
				if user != next || len(list) != items-1 {
					t.Fatalf("user %d of %d has %d items", user, next, len(list))
				}
				next++
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	one := judge(hashed{}, 1)
	near(t, "ndcg of equal propensities", one.Estimates["unbiased_ndcg@5"].Mean, one.Estimates["ndcg@5"].Mean)
	for name, want := range map[string]float64{"recall@50": 1, "coverage@50": 1, "revenue@50": 5, "novelty@5": 3, "popularity@5": 0} {
		near(t, name, one.Estimates[name].Mean, want)
	}
	near(t, "mean of users", Paired(one.PerUser, make([]float64, 300)).Mean, one.Estimates["ndcg@5"].Mean)
	for _, other := range []Report{judge(hashed{}, 3), judge(hashedBatch{}, 2)} {
		if a, b := mustJSON(t, one), mustJSON(t, other); a != b || !reflect.DeepEqual(one.PerUser, other.PerUser) {
			t.Errorf("the report depends on workers or batches:\n%s\n%s", a, b)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Judge(ctx, hashed{}, items, cases, Options{Ks: []int{5}}); err != context.Canceled { //nolint:errorlint // it must be this very error
		t.Errorf("cancelled: %v", err)
	}
	if _, err := Judge(context.Background(), hashed{}, items, cases, Options{Ks: []int{5}, PerUser: "ndcg@6"}); err == nil {
		t.Error("an unknown metric is accepted")
	}
}

func mustJSON(t *testing.T, r Report) string {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
