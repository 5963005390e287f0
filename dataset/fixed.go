package dataset

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"kindred"
)

// Part names a part of data that somebody else split.
type Part uint8

// The parts of a fixed split.
const (
	TrainPart Part = iota
	ValidationPart
	TestPart
	// HistoryPart is what is known of users when they are judged on, beside
	// the training data, and not learned from: the past of strangers to it.
	HistoryPart
)

// Fixed gathers data that somebody else split into training, validation and
// test, under one dictionary for all: an item that occurs in the test only
// still counts in the catalogue that is ranked, as published protocols demand.
// Users and items are numbered in the order they come. It keeps 24 bytes a
// pair.
type Fixed struct {
	Users, Items *Dict
	// CountRepeats lets what the history holds be relevant again.
	CountRepeats bool
	// Signals say what becomes of summed weights, and what stands for missing
	// attributes; what single events weigh is for whoever adds them.
	Signals Settings
	parts   [HistoryPart + 1][]pair

	catalogue, people described
	weighing          *Weighing // learned by Build
}

// NewFixed returns an empty split.
func NewFixed() *Fixed {
	return &Fixed{Users: NewDict(), Items: NewDict(), catalogue: described{}, people: described{}}
}

// Describe takes in what is said of items and users. It puts none of them among
// the items or users: that is for the parts to say.
func (f *Fixed) Describe(items []*kindred.Item, users []*kindred.User) {
	for _, item := range items {
		f.catalogue[string(item.ID)] = ItemAttributes(item)
	}
	for _, user := range users {
		f.people[string(user.ID)] = user.Attributes
	}
}

// Add puts a user's meeting with an item into a part. time is in unix seconds,
// or any number that grows with time. It panics if there is no such part or
// the weight is not finite and above zero.
func (f *Fixed) Add(part Part, user, item string, weight float32, time int64) {
	if part > HistoryPart {
		panic(fmt.Sprintf("dataset: adding to part %d (use TrainPart, ValidationPart, TestPart or HistoryPart)", part))
	}
	if !(weight > 0 && weight <= math.MaxFloat32) {
		panic(fmt.Sprintf("dataset: adding a weight of %g (use a finite one above zero)", weight))
	}
	f.parts[part] = append(f.parts[part], pair{time, f.Users.Add(user), f.Items.Add(item), weight})
}

// Build returns the training data and the cases of validation and test. The
// history of both is the user's training data and HistoryPart, and what it
// holds is not relevant again unless repeats count. A pair given twice in a part counts once, with the summed
// weight and the latest time; sequences are kept of training data with such
// pairs only, as without them the histories say as much.
func (f *Fixed) Build() (train *Interactions, validation, test []Case) {
	train = f.interactions(f.parts[TrainPart])
	missing := f.Signals.Missing
	train.ItemFeatures, train.UserFeatures = f.catalogue.features(f.Items, missing), f.people.features(f.Users, missing)
	train.weigh(&f.Signals)
	f.weighing = train.Weighing
	known := train
	if past := f.parts[HistoryPart]; len(past) > 0 {
		known = f.interactions(slices.Concat(f.parts[TrainPart], past))
		known.UserFeatures = train.UserFeatures
		known.weighBy(f.weighing)
	}
	return train, f.cases(known, ValidationPart), f.cases(known, TestPart)
}

func (f *Fixed) interactions(all []pair) *Interactions {
	pairs := merged(all)
	x := assemble(f.Users, f.Items, pairs)
	if len(pairs) == len(all) {
		return x
	}
	steps := make([]record, 0, len(all))
	for _, p := range all {
		steps = append(steps, record{time: p.time, user: p.user, item: p.item, amount: p.weight})
	}
	slices.SortStableFunc(steps, func(a, b record) int { return cmp.Compare(a.user, b.user) })
	x.Sequences = sequences(f.Users.Len(), steps, 1)
	return x
}

// merged returns the pairs by user and item, each once.
func merged(pairs []pair) []pair {
	sorted := slices.Clone(pairs)
	slices.SortStableFunc(sorted, func(a, b pair) int {
		if a.user != b.user {
			return int(a.user) - int(b.user)
		}
		return int(a.item) - int(b.item)
	})
	out := sorted[:0]
	for _, p := range sorted {
		if n := len(out); n > 0 && out[n-1].user == p.user && out[n-1].item == p.item {
			out[n-1].weight += p.weight
			out[n-1].time = max(out[n-1].time, p.time)
			continue
		}
		out = append(out, p)
	}
	return out
}

func (f *Fixed) cases(past *Interactions, part Part) []Case {
	var cases []Case
	pairs, known := merged(f.parts[part]), newMarks(f.Items.Len())
	for lo := 0; lo < len(pairs); {
		c := Case{User: pairs[lo].user, History: past.History(int(pairs[lo].user))}
		known.set(c.History.Items)
		hi := lo
		for ; hi < len(pairs) && pairs[hi].user == c.User; hi++ {
			if f.CountRepeats || !known.has(pairs[hi].item) {
				c.Relevant = append(c.Relevant, pairs[hi].item)
			}
		}
		if len(c.Relevant) > 0 {
			cases = append(cases, c)
		}
		lo = hi
	}
	return cases
}

// marks is a set of items that is emptied in no time: an item is in it if its
// mark is the current round's.
type marks struct {
	rounds []int32
	round  int32
}

func newMarks(items int) *marks { return &marks{rounds: make([]int32, items)} }

// set makes the set hold the given items only.
func (m *marks) set(items []int32) {
	m.round++
	for _, i := range items {
		m.rounds[i] = m.round
	}
}

func (m *marks) has(item int32) bool { return m.rounds[item] == m.round }
