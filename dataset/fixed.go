package dataset

import "slices"

// Part names a part of data that somebody else split.
type Part uint8

// The parts of a fixed split.
const (
	TrainPart Part = iota
	ValidationPart
	TestPart
)

// Fixed gathers data that somebody else split into training, validation and
// test, under one dictionary for all: an item that occurs in the test only
// still counts in the catalogue that is ranked, as published protocols demand.
// Users and items are numbered in the order they come. It keeps 24 bytes a
// pair.
type Fixed struct {
	Users, Items *Dict
	parts        [TestPart + 1][]pair
}

// NewFixed returns an empty split.
func NewFixed() *Fixed { return &Fixed{Users: NewDict(), Items: NewDict()} }

// Add puts a user's meeting with an item, of a weight above zero, into a part.
// time is in unix seconds, or any number that grows with time.
func (f *Fixed) Add(part Part, user, item string, weight float32, time int64) {
	f.parts[part] = append(f.parts[part], pair{time, f.Users.Add(user), f.Items.Add(item), weight})
}

// Build returns the training data and the cases of validation and test. The
// history of both is the user's training data, and what it holds is not
// relevant again. A pair given twice in a part counts once, with the summed
// weight and the latest time.
func (f *Fixed) Build() (train *Interactions, validation, test []Case) {
	train = assemble(f.Users, f.Items, merged(f.parts[TrainPart]))
	return train, f.cases(train, ValidationPart), f.cases(train, TestPart)
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

func (f *Fixed) cases(train *Interactions, part Part) []Case {
	var cases []Case
	pairs := merged(f.parts[part])
	for lo := 0; lo < len(pairs); {
		c := Case{User: pairs[lo].user, History: train.History(int(pairs[lo].user))}
		hi := lo
		for ; hi < len(pairs) && pairs[hi].user == c.User; hi++ {
			if !slices.Contains(c.History.Items, pairs[hi].item) {
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
