package model

import (
	"context"
	"errors"
	"math"
	"slices"

	"kindred/dataset"
	"kindred/linalg"
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
// Cost: at most MaxSets sets, refused beyond, of some 60 bytes and 12 a rule of
// theirs while fitting; 12 bytes and 4 an antecedent a rule kept. FP-growth
// takes 12 bytes an item of a basket, and the steps of all pairs in baskets.
type Rules struct {
	Miner string `json:"miner" oneof:"fpgrowth apriori"`
	// MinSupport is a number of baskets from 1 on, and a share of them below.
	// 0 finds it: five baskets, or one in ten thousand if that is more, doubled
	// until there are at most MaxSets sets.
	MinSupport    float64 `json:"min_support" range:"0,1e9" tune:"0.0002,0.01,log"`
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
		Miner: "fpgrowth", MinConfidence: 0.02, MinLift: 1, MaxLength: 3,
		MaxRules: 1_000_000, MaxSets: 1_000_000, Score: "confidence", Antecedents: "history",
	}
}

// Kind returns "rules".
func (*Rules) Kind() string { return "rules" }

// Validate reports every setting out of range.
func (a *Rules) Validate() error { return validate(a) }

// leastBaskets is the least support that says anything: once is no habit. Found
// support starts at fewBaskets, or at the share fewShare.
const (
	leastBaskets = 2
	fewBaskets   = 5
	fewShare     = 1e-4
)

// Fit finds the rules. It returns a *RuleBook.
func (a *Rules) Fit(ctx context.Context, data *dataset.Interactions, progress func(Progress)) (Learned, error) {
	if err := errors.Join(a.Validate(), ctx.Err()); err != nil {
		return nil, err
	}
	task := mining{baskets: baskets(data), longest: a.MaxLength, most: a.MaxSets}
	sets, err := a.sets(ctx, &task)
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

// sets returns the frequent sets, in order.
func (a *Rules) sets(ctx context.Context, task *mining) ([]itemSet, error) {
	minCount, baskets := a.MinSupport, float64(task.baskets.Rows())
	switch {
	case minCount == 0:
		minCount = max(fewBaskets, math.Ceil(fewShare*baskets))
	case minCount < 1:
		minCount = math.Ceil(minCount * baskets)
	}
	task.minCount = int32(min(max(minCount, leastBaskets), math.MaxInt32))
	mine := task.fpGrowth
	if a.Miner == "apriori" {
		mine = task.apriori
	}
	for {
		sets, err := mine(ctx)
		if a.MinSupport > 0 || !errors.Is(err, errTooManySets) || int(task.minCount) > task.baskets.Rows() {
			return sets, err
		}
		task.minCount *= 2
	}
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
// in order. Cost: a search among the sets of the same first item for each rule.
func (a *Rules) rules(sets []itemSet, held []int32, baskets int32) []Rule {
	index := newSetIndex(sets, len(held))
	type place struct{ set, out int32 } // a set, and which of its items is the consequent
	var (
		places []place
		scores []float32
		room   []int32
	)
	for s := range sets {
		for out := range sets[s].items {
			if len(sets[s].items) < 2 {
				break
			}
			r := index.rule(s, out, room[:0])
			room = r.Antecedents
			r.Then, r.Baskets = held[r.Consequent], baskets
			if r.Confidence() >= a.MinConfidence && r.Lift() >= a.MinLift {
				places, scores = append(places, place{int32(s), int32(out)}), append(scores, r.by(a.Score))
			}
		}
	}
	best := linalg.TopK(nil, scores, a.MaxRules)
	starts := make([]int, len(held)+1) // by first antecedent: where its rules go
	first := func(p place) int32 {
		items := sets[p.set].items
		if p.out == 0 {
			return items[1]
		}
		return items[0]
	}
	for _, b := range best {
		starts[first(places[b.Index])+1]++
	}
	for i := range held {
		starts[i+1] += starts[i]
	}
	rules := make([]Rule, len(best))
	for _, b := range best {
		p := places[b.Index]
		r := index.rule(int(p.set), int(p.out), nil)
		r.Then, r.Baskets = held[r.Consequent], baskets
		rules[starts[first(p)]] = r
		starts[first(p)]++
	}
	return rules
}

// setIndex finds sets, which stand in order, by their size and first item.
type setIndex struct {
	sets  []itemSet
	first [][]int // by size less one, and first item: where they start
}

func newSetIndex(sets []itemSet, items int) *setIndex {
	x := &setIndex{sets: sets}
	for lo := 0; lo < len(sets); {
		size, starts := len(sets[lo].items), make([]int, items+1)
		for i := range items + 1 {
			starts[i] = lo
			for lo < len(sets) && len(sets[lo].items) == size && int(sets[lo].items[0]) == i {
				lo++
			}
		}
		x.first = append(x.first, starts)
	}
	return x
}

// rule returns the counts of the rule that tells an item of a set from the
// others, which are appended to room.
func (x *setIndex) rule(set, out int, room []int32) Rule {
	s := x.sets[set]
	antecedents := append(append(room, s.items[:out]...), s.items[out+1:]...)
	starts := x.first[len(antecedents)-1][antecedents[0]:]
	among := x.sets[starts[0]:starts[1]]
	at, _ := slices.BinarySearchFunc(among, itemSet{items: antecedents}, itemSet.compare)
	return Rule{Antecedents: antecedents, Consequent: s.items[out], Both: s.count, If: among[at].count}
}
