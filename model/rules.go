package model

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"

	"kindred/dataset"
)

// Rules finds association rules: who has the items A in a basket, often has
// item b in it too. With s(X) the share of baskets that hold all of X:
//
//	support     s(A∪b)
//	confidence  s(A∪b) / s(A)
//	lift        s(A∪b) / (s(A)·s(b))
//	leverage    s(A∪b) − s(A)·s(b)
//	conviction  (1 − s(b)) / (1 − confidence)
//
// Kept are the MaxRules best by Score among those of at least MinConfidence
// and MinLift. Baskets are the orders or sessions of the data's sequences, or
// whole histories where none are known. Consequents are single items: a rule
// with more of them recommends nothing that one with each would not. A history
// is answered by the best rule for each item whose antecedents are all in it.
//
// Papers: R. Agrawal, R. Srikant, "Fast Algorithms for Mining Association
// Rules", VLDB 1994; J. Han, J. Pei, Y. Yin, "Mining Frequent Patterns without
// Candidate Generation", SIGMOD 2000; lift, leverage and conviction: S. Brin,
// R. Motwani, J. Ullman, S. Tsur, "Dynamic Itemset Counting and Implication
// Rules for Market Basket Data", SIGMOD 1997; G. Piatetsky-Shapiro,
// "Discovery, Analysis, and Presentation of Strong Rules", 1991. Both miners
// find the same sets; FP-growth is the faster.
//
// Cost: at most MaxSets sets, refused beyond; 12 bytes and 4 an antecedent a
// rule. FP-growth takes 16 bytes a node, at most one for each item of a basket.
type Rules struct {
	Miner string `json:"miner" oneof:"fpgrowth apriori"`
	// MinSupport is a number of baskets from 1 on, and a share of them below.
	MinSupport    float64 `json:"min_support" range:"1e-9,1e9" tune:"0.0002,0.01,log"`
	MinConfidence float64 `json:"min_confidence" range:"0,1" tune:"0.01,0.3,log"`
	MinLift       float64 `json:"min_lift" range:"0,1e9"`
	MaxLength     int     `json:"max_length" range:"2,10"` // items of a rule, both sides together
	MaxRules      int     `json:"max_rules" range:"1,100000000"`
	MaxSets       int     `json:"max_sets" range:"1,100000000"`
	Score         string  `json:"score" oneof:"confidence lift leverage conviction support"`
	// Antecedents are looked for in the latest basket, all that was done
	// without half an hour's pause, or in the whole history.
	Antecedents string `json:"antecedents" oneof:"history basket"`
}

// NewRules returns association rules as they do well in many shops.
func NewRules() *Rules {
	return &Rules{
		Miner: "fpgrowth", MinSupport: 0.001, MinConfidence: 0.02, MinLift: 1, MaxLength: 3,
		MaxRules: 1_000_000, MaxSets: 5_000_000, Score: "confidence", Antecedents: "history",
	}
}

// Kind returns "rules".
func (*Rules) Kind() string { return "rules" }

// Validate reports every setting out of range.
func (a *Rules) Validate() error { return validate(a) }

// leastBaskets is the least support that says anything: once is no habit.
const leastBaskets = 2

// Fit finds the rules. It returns a *RuleBook.
func (a *Rules) Fit(ctx context.Context, data *dataset.Interactions, progress func(Progress)) (Learned, error) {
	if err := errors.Join(a.Validate(), ctx.Err()); err != nil {
		return nil, err
	}
	task := mining{baskets: baskets(data), longest: a.MaxLength, most: a.MaxSets}
	minCount := a.MinSupport
	if minCount < 1 {
		minCount = math.Ceil(a.MinSupport * float64(task.baskets.Rows()))
	}
	task.minCount = int32(min(max(minCount, leastBaskets), math.MaxInt32))
	mine := task.fpGrowth
	if a.Miner == "apriori" {
		mine = task.apriori
	}
	sets, err := mine(ctx)
	if err != nil {
		return nil, err
	}
	held, count := task.itemCounts(), int32(task.baskets.Rows())
	book := newRuleBook(a, count, held, a.rules(sets, held, count))
	if progress != nil {
		progress(Progress{Epoch: 1, Epochs: 1})
	}
	return book, nil
}

// Rule says that baskets with the antecedents often hold the consequent too.
type Rule struct {
	Antecedents []int32 // ascending
	Consequent  int32
	Both        int32 // baskets with all of them
	If, Then    int32 // baskets with the antecedents, and with the consequent
	Baskets     int32 // in all
}

// Support returns the share of baskets that hold all of the rule.
func (r *Rule) Support() float64 { return float64(r.Both) / float64(r.Baskets) }

// Confidence returns the share of the antecedents' baskets that hold the
// consequent.
func (r *Rule) Confidence() float64 { return float64(r.Both) / float64(r.If) }

// Lift returns how many times likelier the consequent is with the antecedents.
func (r *Rule) Lift() float64 { return r.Confidence() / r.base() }

// Leverage returns how much more often all come together than by chance.
func (r *Rule) Leverage() float64 { return r.Support() - float64(r.If)/float64(r.Baskets)*r.base() }

// Conviction returns how many times oftener the rule would fail by chance; it
// is infinite for a rule that never fails.
func (r *Rule) Conviction() float64 { return (1 - r.base()) / (1 - r.Confidence()) }

func (r *Rule) base() float64 { return float64(r.Then) / float64(r.Baskets) }

// by returns the value of a measure, bounded so that it can be added up.
func (r *Rule) by(score string) float32 {
	switch score {
	case "lift":
		return float32(r.Lift())
	case "leverage":
		return float32(r.Leverage())
	case "conviction":
		if r.Both == r.If { // as if one more basket had failed it
			return float32((1 - r.base()) * float64(r.If+1))
		}
		return float32(r.Conviction())
	case "support":
		return float32(r.Support())
	default:
		return float32(r.Confidence())
	}
}

// rules makes all rules of the sets, which stand in order, and keeps the best,
// in order.
func (a *Rules) rules(sets []itemSet, held []int32, baskets int32) []Rule {
	var rules []Rule
	for _, set := range sets {
		if len(set.items) < 2 {
			continue
		}
		for out, consequent := range set.items {
			antecedents := slices.Concat(set.items[:out], set.items[out+1:])
			at, _ := slices.BinarySearchFunc(sets, itemSet{items: antecedents}, itemSet.compare)
			r := Rule{
				Antecedents: antecedents, Consequent: consequent,
				Both: set.count, If: sets[at].count, Then: held[consequent], Baskets: baskets,
			}
			if r.Confidence() >= a.MinConfidence && r.Lift() >= a.MinLift {
				rules = append(rules, r)
			}
		}
	}
	slices.SortStableFunc(rules, func(x, y Rule) int { return cmp.Compare(y.by(a.Score), x.by(a.Score)) })
	rules = rules[:min(len(rules), a.MaxRules)]
	slices.SortStableFunc(rules, func(x, y Rule) int { return cmp.Compare(x.Antecedents[0], y.Antecedents[0]) })
	return rules
}
