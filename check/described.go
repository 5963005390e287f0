package check

import (
	"cmp"
	"fmt"
	"slices"

	"kindred"
)

// attributeChecks are the same for items and users.
func attributeChecks() []Check {
	var checks []Check
	for _, of := range []struct {
		one, many string
		set       func(*Collector) *attributeSet
	}{
		{"item", "items", func(c *Collector) *attributeSet { return &c.catalogue }},
		{"user", "users", func(c *Collector) *attributeSet { return &c.people }},
	} {
		line := func(name string, severity Status, figure, meaning, advice string, is func(*attributeSet, *attributeFacts) string) {
			checks = append(checks, Check{
				Name: of.one + "_attribute_" + name, Group: "attributes", Severity: severity, Unit: unitShare,
				Figure: "attributes of " + of.many + " " + figure + ", of all", Meaning: meaning, Advice: advice,
				find: func(c *Collector) finding { return countAttributes(of.set(c), of.many, is) },
			})
		}
		line("constant", Info, "with one value in 50 rows or more", "they tell nothing apart", "leave them out", isConstant)
		line("identifying", Info, "of words that nearly each row has of its own (9 in 10 of 50 or more)",
			"from a word that occurs once nothing can be learned", "send broad words, or prose as text", isIdentifying)
		line("sparse", Info, "that fewer than 1 in 100 rows have", "hardly anything can be learned from them", "see whether they are still sent", isSparse)
		line("mixed", Warning, "of several types", "models see only one of the types", "send one type always", isMixed)
	}
	return checks
}

// countAttributes counts the attributes of which is says something.
func countAttributes(s *attributeSet, what string, is func(*attributeSet, *attributeFacts) string) finding {
	if len(s.names) == 0 {
		return skip("no " + what + " have attributes")
	}
	var n int64
	var found examples
	for _, name := range sortedKeys(s.names) {
		if said := is(s, s.names[name]); said != "" {
			n++
			found.add(name + ": " + said)
		}
	}
	return of(n, int64(len(s.names)), found)
}

const fewRows = 50

func isConstant(_ *attributeSet, f *attributeFacts) string {
	if f.present >= fewRows && f.values.distinct() == 1 {
		return fmt.Sprintf("one value in %d rows", f.present)
	}
	return ""
}

func isIdentifying(_ *attributeSet, f *attributeFacts) string {
	words := f.types[kindred.String]
	if words >= fewRows && float64(f.values.distinct()) > 0.9*float64(words) {
		return fmt.Sprintf("%d values in %d rows, such as %s", f.values.distinct(), f.present, first(f.examples))
	}
	return ""
}

func first(e examples) string {
	if len(e) == 0 {
		return ""
	}
	return e[0]
}

func isSparse(s *attributeSet, f *attributeFacts) string {
	if s.rows >= fewRows && float64(f.present) < 0.01*float64(s.rows) {
		return fmt.Sprintf("%d of %d rows", f.present, s.rows)
	}
	return ""
}

func isMixed(_ *attributeSet, f *attributeFacts) string {
	if len(f.types) < 2 {
		return ""
	}
	type part struct {
		name  string
		count int64
	}
	var parts []part
	for t, n := range f.types {
		parts = append(parts, part{t.String(), n})
	}
	slices.SortFunc(parts, func(a, b part) int { return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.name, b.name)) })
	return fmt.Sprintf("%d %s, %d %s", parts[0].count, parts[0].name, parts[1].count, parts[1].name)
}

func leakChecks() []Check {
	const group = "leaks"
	const meaning = "what is only known afterwards makes models look good and serve badly"
	return []Check{
		{
			Name: "item_attribute_leak", Group: group, Severity: Warning, Limit: 0.95, Unit: unitDistance,
			Figure:  "highest rank correlation of a number or flag of items with how often they were wanted (4096 items, by hash)",
			Meaning: meaning, Advice: "leave attributes out that are made from sales or clicks", find: func(c *Collector) finding {
				return findLeak(&c.catalogue, "items", func(key uint64) (int32, bool) {
					if f := c.items.find(key); f != nil {
						return f.outcomes, true
					}
					return 0, false
				})
			},
		},
		{
			Name: "user_attribute_leak", Group: group, Severity: Warning, Limit: 0.95, Unit: unitDistance,
			Figure:  "highest rank correlation of a number or flag of users with how much they did (4096 users, by hash)",
			Meaning: meaning, Advice: "leave attributes out that are made from orders or visits", find: func(c *Collector) finding {
				return findLeak(&c.people, "users", func(key uint64) (int32, bool) {
					if f := c.users.find(key); f != nil {
						return f.outcomes, true
					}
					return 0, false
				})
			},
		},
		{
			Name: "item_described_later", Group: group, Severity: Info, Limit: 0.05, Unit: unitShare,
			Figure:  "events of items whose description is newer than the event, of all events of described items, where descriptions are not all of one hour",
			Meaning: "attributes are those of today, not of then: price and stock may tell what came of it", Advice: "keep in mind when judging models on attributes that change", find: findLater,
		},
	}
}

func findLeak(s *attributeSet, what string, outcomes func(uint64) (int32, bool)) finding {
	if len(s.numeric) == 0 {
		return skip("no " + what + " have numbers or flags")
	}
	list, rows := s.leaks(outcomes)
	if rows < 2*fewRows {
		return skip(fmt.Sprintf("there are fewer than %d such %s with events", 2*fewRows, what))
	}
	var found examples
	for _, l := range list[:min(len(list), 3)] {
		found.add(fmt.Sprintf("%s: %.2f", l.name, l.correlation))
	}
	return finding{figure: list[0].correlation, count: 1, of: int64(len(list)), detail: list[0].name, examples: found}
}

func findLater(c *Collector) finding {
	const hour = dayMillis / hoursADay
	if c.events.beforeOf == 0 || c.shelf.updatedLast-c.shelf.updatedFirst < hour {
		return skip("no item is described, or all were within an hour")
	}
	return of(c.events.before, c.events.beforeOf, nil)
}
