package dataset

import (
	"cmp"
	"slices"
)

// Prefixes says which beginnings of a sequence are judged on.
type Prefixes uint8

// The beginnings.
const (
	NoPrefixes  Prefixes = iota // sequences are not asked for their next item
	LastPrefix                  // all but the last event; the last is next
	AllPrefixes                 // every one with a next event
)

// Next returns a case for each beginning of the part's sequences: what was done
// before is the history, the event after it is relevant. A user's sequence
// goes on from what the user did in training and HistoryPart, which is never
// asked for; its events stand in the order of time, equal times as they were
// added. Where repeats do not count, beginnings whose next item they hold are
// left out and counted. It follows Build.
//
// Cost: views of one copy of the sequences; where a sequence returns to an
// item, a copy of each beginning after that.
func (f *Fixed) Next(part Part, prefixes Prefixes) (cases []Case, repeats int) {
	sequence, starts, known := f.continued(part)
	people := f.people.features(f.Users, f.Signals.Missing)
	b := beginnings{last: make(map[int32]int)}
	for u, n := range known {
		mine := sequence[starts[u]:starts[u+1]]
		if n == len(mine) {
			continue
		}
		b.set(mine)
		if prefixes == LastPrefix {
			n = len(mine) - 1
		}
		for at := max(1, n); at < len(mine); at++ {
			if !f.CountRepeats && b.again[at] {
				repeats++
				continue
			}
			c := Case{User: int32(u), History: b.first(at), Relevant: b.items[at : at+1 : at+1]}
			if f.weighing != nil {
				c.History.Weights = slices.Clone(c.History.Weights)
				f.weighing.Weigh(c.History.Items, c.History.Weights)
			}
			c.History.Features, c.History.FeatureValues = people.Row(u)
			cases = append(cases, c)
		}
	}
	return cases, repeats
}

// continued returns what each user did in training, HistoryPart and the part,
// one after the other, user by user, and how much of it is not of the part.
func (f *Fixed) continued(part Part) (sequence []pair, starts, known []int) {
	starts, known = make([]int, f.Users.Len()+1), make([]int, f.Users.Len())
	for _, from := range []Part{TrainPart, HistoryPart, part} {
		piece := slices.Clone(f.parts[from])
		slices.SortStableFunc(piece, func(a, b pair) int { return cmp.Compare(a.time, b.time) })
		sequence = append(sequence, piece...)
		for _, p := range piece {
			starts[p.user+1]++
			if from != part {
				known[p.user]++
			}
		}
	}
	for u := range known {
		starts[u+1] += starts[u]
	}
	slices.SortStableFunc(sequence, func(a, b pair) int { return cmp.Compare(a.user, b.user) })
	return sequence, starts, known
}

// beginnings are the histories of one sequence's beginnings.
type beginnings struct {
	items    []int32
	weights  []float32
	times    []int64
	again    []bool        // by event: whether one before it was of the same item
	distinct int           // events before the first that repeats an item
	last     map[int32]int // by item: its last event so far
}

func (b *beginnings) set(sequence []pair) {
	n := len(sequence)
	b.items, b.weights, b.times, b.again = make([]int32, n), make([]float32, n), make([]int64, n), make([]bool, n)
	b.distinct = n
	clear(b.last)
	for k, p := range sequence {
		b.items[k], b.weights[k], b.times[k] = p.item, p.weight, p.time
		if _, b.again[k] = b.last[p.item]; b.again[k] {
			b.distinct = min(b.distinct, k)
		}
		b.last[p.item] = k
	}
}

// first returns the history of the first n events.
func (b *beginnings) first(n int) History {
	if n <= b.distinct {
		return History{
			Items: b.items[:n:n], Weights: b.weights[:n:n], Times: b.times[:n:n],
			Steps: b.items[:n:n], StepTimes: b.times[:n:n],
		}
	}
	h := History{Steps: b.items[:n:n], StepTimes: b.times[:n:n]}
	clear(b.last)
	for k, i := range h.Steps {
		b.last[i] = k
	}
	sums := make(map[int32]float32, len(b.last))
	for k, i := range h.Steps {
		sums[i] += b.weights[k]
		if b.last[i] == k {
			h.Items, h.Weights, h.Times = append(h.Items, i), append(h.Weights, sums[i]), append(h.Times, b.times[k])
		}
	}
	return h
}
