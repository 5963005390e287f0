package model_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"kindred/dataset"
	"kindred/model"
)

// allRules returns settings that keep every rule.
func allRules(minSupport float64, longest int) *model.Rules {
	a := model.NewRules()
	a.MinSupport, a.MaxLength, a.MinConfidence, a.MinLift = minSupport, longest, 0, 0
	return a
}

func ruleBook(t *testing.T, a *model.Rules, data *dataset.Interactions) *model.RuleBook {
	t.Helper()
	book, ok := fit(t, a, data).(*model.RuleBook)
	if !ok {
		t.Fatal("another shape")
	}
	return book
}

// TestMinersFindAllSets compares both miners with counting every set there is.
func TestMinersFindAllSets(t *testing.T) {
	dice := rand.New(rand.NewPCG(11, 1))
	for round := range 30 {
		const items = 10
		rows := make([][]int32, 5+dice.IntN(60))
		for b := range rows {
			for i := range int32(items) {
				if dice.IntN(items) < 2+int(i)/2 {
					rows[b] = append(rows[b], i)
				}
			}
			dice.Shuffle(len(rows[b]), func(x, y int) { rows[b][x], rows[b][y] = rows[b][y], rows[b][x] })
		}
		data := interactions(items, rows...)
		a := allRules(float64(2+dice.IntN(6)), 2+dice.IntN(4))
		want := bruteRules(rows, items, int(a.MinSupport), a.MaxLength)
		for _, miner := range []string{"fpgrowth", "apriori"} {
			a.Miner = miner
			book := ruleBook(t, a, data)
			got := map[string]string{}
			for r := range book.Rules() {
				rule := book.Rule(r)
				got[fmt.Sprint(rule.Antecedents, rule.Consequent)] = fmt.Sprint(rule.Both, rule.If, rule.Then, rule.Baskets)
			}
			if len(got) != book.Rules() {
				t.Errorf("round %d, %s: a rule twice", round, miner)
			}
			if len(got) != len(want) {
				t.Errorf("round %d, %s: %d rules, want %d", round, miner, len(got), len(want))
			}
			for rule, counts := range want {
				if got[rule] != counts {
					t.Fatalf("round %d, %s: rule %s has counts %q, want %q", round, miner, rule, got[rule], counts)
				}
			}
		}
	}
}

// bruteRules counts every set of items in every basket.
func bruteRules(rows [][]int32, items, minCount, longest int) map[string]string {
	counts := make([]int, 1<<items)
	for _, row := range rows {
		basket := 0
		for _, i := range row {
			basket |= 1 << i
		}
		for set := range counts {
			if set&basket == set {
				counts[set]++
			}
		}
	}
	rules := map[string]string{}
	for set, both := range counts {
		var members []int32
		for i := range int32(items) {
			if set>>i&1 == 1 {
				members = append(members, i)
			}
		}
		if both < minCount || len(members) < 2 || len(members) > longest {
			continue
		}
		for out, c := range members {
			antecedents := slices.Concat(members[:out], members[out+1:])
			rules[fmt.Sprint(antecedents, c)] = fmt.Sprint(both, counts[set&^(1<<c)], counts[1<<c], len(rows))
		}
	}
	return rules
}

// TestRuleMetrics compares with the package mlxtend; bench/oracles made the file.
func TestRuleMetrics(t *testing.T) {
	text, err := os.ReadFile("testdata/association_rules.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Items    int       `json:"items"`
		MinCount float64   `json:"min_count"`
		Baskets  [][]int32 `json:"baskets"`
		Rules    []struct {
			Antecedents                         []int32
			Consequent                          int32
			Support, Confidence, Lift, Leverage float64
			Conviction                          *float64 // none: infinite
		} `json:"rules"`
	}
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	book := ruleBook(t, allRules(golden.MinCount, 4), interactions(golden.Items, golden.Baskets...))
	got := map[string]model.Rule{}
	for r := range book.Rules() {
		got[fmt.Sprint(book.Rule(r).Antecedents, book.Rule(r).Consequent)] = book.Rule(r)
	}
	if len(got) != len(golden.Rules) || len(got) < 50 {
		t.Errorf("%d rules, want %d", len(got), len(golden.Rules))
	}
	for _, want := range golden.Rules {
		r, found := got[fmt.Sprint(want.Antecedents, want.Consequent)]
		if !found {
			t.Fatalf("no rule %v → %d", want.Antecedents, want.Consequent)
		}
		conviction := math.Inf(1)
		if want.Conviction != nil {
			conviction = *want.Conviction
		}
		for metric, pair := range map[string][2]float64{
			"support": {r.Support(), want.Support}, "confidence": {r.Confidence(), want.Confidence},
			"lift": {r.Lift(), want.Lift}, "leverage": {r.Leverage(), want.Leverage}, "conviction": {r.Conviction(), conviction},
		} {
			if pair[0] != pair[1] && !(math.Abs(pair[0]-pair[1]) < 1e-9) {
				t.Errorf("%v → %d: %s is %v, want %v", want.Antecedents, want.Consequent, metric, pair[0], pair[1])
			}
		}
	}
}

// TestRulesByHand: of four orders two hold bread and butter, one of them jam.
func TestRulesByHand(t *testing.T) {
	const bread, butter, jam, milk = 0, 1, 2, 3
	data := interactions(4, []int32{bread, butter, jam}, []int32{bread, butter, milk}, []int32{milk})
	data.Sequences = &dataset.Sequences{ // the first user comes twice
		Starts: []int{0, 5, 8, 9}, Items: []int32{bread, butter, jam, jam, bread, bread, butter, milk, milk},
		Baskets: []int32{0, 0, 0, 0, 1, 0, 0, 0, 0},
	}
	book := ruleBook(t, allRules(2, 3), data)
	// Only {bread, butter} is in two of the four baskets.
	if book.Rules() != 2 {
		t.Fatalf("%d rules, want 2", book.Rules())
	}
	r := book.Rule(0)
	if r.Consequent != butter || r.Support() != .5 || r.Confidence() != 2./3 || math.Abs(r.Lift()-4./3) > 1e-12 ||
		math.Abs(r.Leverage()-.125) > 1e-12 || math.Abs(r.Conviction()-1.5) > 1e-12 {
		t.Errorf("got %+v: support %v, confidence %v, lift %v, leverage %v, conviction %v",
			r, r.Support(), r.Confidence(), r.Lift(), r.Leverage(), r.Conviction())
	}
	items, scores := book.Neighbours(butter)
	if !slices.Equal(items, []int32{bread}) || !slices.Equal(scores, []float32{1}) {
		t.Errorf("with butter: %v %v, want bread for sure", items, scores)
	}
}

// TestRulesScore expects the best rule to speak, of all antecedents in the
// history, or in its latest basket.
func TestRulesScore(t *testing.T) {
	rows := [][]int32{{0, 1, 2}, {0, 1, 2}, {0, 3}, {1, 4}, {0, 3}, {1, 4}, {1, 4}}
	history := dataset.History{Items: []int32{0, 1}, Times: []int64{0, 100_000}}
	for scope, want := range map[string][]float64{
		"history": {2. / 5, 2. / 4, 1, 2. / 4, 3. / 5}, // {0, 1} → 2 always holds
		"basket":  {2. / 5, 0, 2. / 5, 0, 3. / 5},      // item 1 alone
	} {
		a := allRules(2, 3)
		a.Antecedents = scope
		closeTo(t, scope, scoresOf(ruleBook(t, a, interactions(5, rows...)), history), want)
	}
}

// TestSupportIsFound expects the rules of the least support, of 5, 10, 20 …
// baskets, at which there are not too many sets.
func TestSupportIsFound(t *testing.T) {
	dice := rand.New(rand.NewPCG(5, 5))
	rows := make([][]int32, 200)
	for b := range rows {
		for i := range int32(12) {
			if dice.IntN(24) < 4+int(i) {
				rows[b] = append(rows[b], i)
			}
		}
	}
	data := interactions(12, rows...)
	for _, miner := range []string{"fpgrowth", "apriori"} {
		for _, maxSets := range []int{1, 20, 60, 200, 100_000} {
			want := 5.
			explicit := allRules(want, 3)
			explicit.Miner, explicit.MaxSets = miner, maxSets
			for {
				if _, err := explicit.Fit(t.Context(), data, nil); err == nil {
					break
				}
				want *= 2
				explicit.MinSupport = want
			}
			found := *explicit
			found.MinSupport = 0
			if got := ruleBook(t, &found, data); !reflect.DeepEqual(got, ruleBook(t, explicit, data)) {
				t.Errorf("%s, %d sets: other rules than with %v baskets", miner, maxSets, want)
			}
			if (maxSets == 100_000) != (want == 5) {
				t.Errorf("%s, %d sets: the least support is %v", miner, maxSets, want)
			}
		}
	}
}

// TestTooManySets expects a refusal that names the way out.
func TestTooManySets(t *testing.T) {
	data := interactions(40, span(0, 40), span(0, 40))
	for _, miner := range []string{"fpgrowth", "apriori"} {
		a := allRules(2, 10)
		a.Miner, a.MaxSets = miner, 10_000
		if _, err := a.Fit(t.Context(), data, nil); err == nil || !strings.Contains(err.Error(), "raise min_support") {
			t.Errorf("%s: got %v", miner, err)
		}
	}
}

func BenchmarkRules(b *testing.B) {
	data := randomInteractions(20_000, 4_000, 20)
	for _, miner := range []string{"fpgrowth", "apriori"} {
		b.Run(miner, func(b *testing.B) {
			a := allRules(20, 3)
			a.Miner = miner
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.Fit(b.Context(), data, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
