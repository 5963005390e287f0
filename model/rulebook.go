package model

import (
	"io"
	"slices"

	"kindred/dataset"
	"kindred/linalg"
)

const shapeRules = "rules"

// RuleBook is the learned shape of Rules.
type RuleBook struct {
	score   measure
	scope   scope
	baskets int32
	held    []int32 // by item: how many baskets hold it

	// By rule; rules stand by their first antecedent, those of one best first.
	antecedents *linalg.CSR // rules×items, each row ascending; values unused
	consequents []int32
	both, ifs   []int32
	scores      []float32

	starts []int       // items+1: where the rules of a first antecedent start
	pairs  *linalg.CSR // items×items: the rules of one antecedent, best first
}

// measure numbers what rules are ordered by, scope where antecedents are
// looked for, in files.
type (
	measure uint32
	scope   uint32
)

func measures() []string {
	return []string{"confidence", "lift", "leverage", "conviction", "support"}
}

func scopes() []string { return []string{"history", "basket"} }

const latestBasket scope = 1

// newRuleBook writes rules, in the order in which they are kept, into a book.
func newRuleBook(a *Rules, baskets int32, held []int32, rules []Rule) *RuleBook {
	m := &RuleBook{
		score: measure(slices.Index(measures(), a.Score)), scope: scope(slices.Index(scopes(), a.Antecedents)),
		baskets: baskets, held: held,
		antecedents: &linalg.CSR{Starts: []int{0}, Width: len(held)},
	}
	for _, r := range rules {
		m.antecedents.Cols = append(m.antecedents.Cols, r.Antecedents...)
		m.antecedents.Starts = append(m.antecedents.Starts, len(m.antecedents.Cols))
		m.consequents, m.both, m.ifs = append(m.consequents, r.Consequent), append(m.both, r.Both), append(m.ifs, r.If)
	}
	m.index()
	return m
}

// index makes what follows from the rules.
func (m *RuleBook) index() {
	items := len(m.held)
	m.starts = make([]int, items+1)
	m.scores = make([]float32, len(m.consequents))
	m.pairs = &linalg.CSR{Starts: make([]int, items+1), Width: items}
	for r := range m.scores {
		rule := m.Rule(r)
		m.scores[r] = rule.by(measures()[m.score])
		first := rule.Antecedents[0]
		m.starts[first+1]++
		if len(rule.Antecedents) == 1 {
			m.pairs.Starts[first+1]++
			m.pairs.Cols, m.pairs.Vals = append(m.pairs.Cols, rule.Consequent), append(m.pairs.Vals, m.scores[r])
		}
	}
	for i := range items {
		m.starts[i+1] += m.starts[i]
		m.pairs.Starts[i+1] += m.pairs.Starts[i]
	}
}

// Shape returns "rules".
func (*RuleBook) Shape() string { return shapeRules }

// Items returns how many items there are.
func (m *RuleBook) Items() int { return len(m.held) }

// Rules returns how many rules there are.
func (m *RuleBook) Rules() int { return len(m.consequents) }

// Rule returns the rule of that number. Its antecedents are the model's.
func (m *RuleBook) Rule(number int) Rule {
	antecedents, consequent := m.antecedents.Cols[m.antecedents.Starts[number]:m.antecedents.Starts[number+1]], m.consequents[number]
	return Rule{
		Antecedents: antecedents, Consequent: consequent, Both: m.both[number], If: m.ifs[number],
		Then: m.held[consequent], Baskets: m.baskets,
	}
}

// Neighbours returns views of what is often bought together with item i, best
// first, and the scores: the rules that have it for their only antecedent.
func (m *RuleBook) Neighbours(i int32) (items []int32, scores []float32) { return m.pairs.Row(int(i)) }

// Score writes for each item the score of the best rule whose antecedents are
// all in the history, or in its latest basket; 0 where there is none. Cost: the
// rules whose first antecedent the history holds.
func (m *RuleBook) Score(scores []float32, history dataset.History) {
	clear(scores)
	have := m.have(&history)
	for _, i := range have {
		for r := m.starts[i]; r < m.starts[i+1]; r++ {
			c := m.consequents[r]
			if m.scores[r] > scores[c] && m.matches(r, have) {
				scores[c] = m.scores[r]
			}
		}
	}
}

// have returns the known items that antecedents may be among, ascending.
func (m *RuleBook) have(history *dataset.History) []int32 {
	items := history.Items
	if steps, times := history.Events(); m.scope == latestBasket && times != nil {
		from := max(0, len(steps)-1)
		for from > 0 && !dataset.EndsVisit(times[from]-times[from-1]) {
			from--
		}
		items = steps[from:]
	}
	have := make([]int32, 0, len(items))
	for _, i := range items {
		if i >= 0 && int(i) < m.Items() {
			have = append(have, i)
		}
	}
	slices.Sort(have)
	return slices.Compact(have)
}

// matches says whether all antecedents of a rule are among the sorted items.
func (m *RuleBook) matches(rule int, items []int32) bool {
	for _, i := range m.antecedents.Cols[m.antecedents.Starts[rule]:m.antecedents.Starts[rule+1]] {
		if _, found := slices.BinarySearch(items, i); !found {
			return false
		}
	}
	return true
}

// WriteTo writes the shape for Read.
func (m *RuleBook) WriteTo(w io.Writer) (int64, error) {
	e := newEncoder(w, shapeRules)
	e.u32(uint32(m.score))
	e.u32(uint32(m.scope))
	e.u32(uint32(m.baskets))
	e.int32s(m.held)
	e.words(m.Rules(), func(r int) uint32 {
		return uint32(m.antecedents.Starts[r+1] - m.antecedents.Starts[r])
	})
	e.int32s(m.antecedents.Cols)
	e.int32s(m.consequents)
	e.int32s(m.both)
	e.int32s(m.ifs)
	return e.close()
}

func readRules(d *decoder) *RuleBook {
	m := &RuleBook{score: measure(d.u32()), scope: scope(d.u32()), baskets: int32(d.u32()), held: d.int32s()}
	lengths := d.int32s()
	m.antecedents = &linalg.CSR{Starts: make([]int, len(lengths)+1), Cols: d.int32s(), Width: len(m.held)}
	m.consequents, m.both, m.ifs = d.int32s(), d.int32s(), d.int32s()
	for r, n := range lengths {
		d.check(n > 0)
		m.antecedents.Starts[r+1] = m.antecedents.Starts[r] + int(n)
	}
	d.check(int(m.score) < len(measures()), int(m.scope) < len(scopes()), len(m.held) < maxItems,
		m.antecedents.Starts[len(lengths)] == len(m.antecedents.Cols),
		len(m.consequents) == len(lengths), len(m.both) == len(lengths), len(m.ifs) == len(lengths))
	if d.err != nil {
		return m
	}
	for _, i := range m.antecedents.Cols {
		d.check(i >= 0, int(i) < len(m.held))
	}
	for r, c := range m.consequents {
		d.check(c >= 0, int(c) < len(m.held), m.both[r] > 0, m.ifs[r] >= m.both[r], m.baskets >= m.ifs[r])
		if d.err == nil {
			d.check(m.held[c] >= m.both[r], m.held[c] <= m.baskets)
			d.check(r == 0 || m.antecedents.Cols[m.antecedents.Starts[r]] >= m.antecedents.Cols[m.antecedents.Starts[r-1]])
		}
	}
	if d.err == nil {
		m.index()
	}
	return m
}
