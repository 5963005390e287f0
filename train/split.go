package train

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"kindred"
	"kindred/dataset"
)

// Split is a rule by which one file is split in three.
type Split string

// The rules.
const (
	// LeaveLastOut tests on each user's last event and validates on the one
	// before; users of fewer than three stay in training.
	LeaveLastOut Split = "leave-last-out"
	// Chronological tests on the last share of all meetings and validates on
	// the share before. Users without training data are left out of both, and
	// counted.
	Chronological Split = "chronological"
	// Random tests on a share of each user's items, to the nearest but at
	// least one, and validates on a share of the others; users of fewer than
	// three stay in training.
	Random Split = "random"
	// Sessions tests on the share of users, or sessions, that begin last, whole,
	// and validates on the share before.
	Sessions Split = "sessions"
)

// Shares say how much goes to the test and to validation.
type Shares struct{ Test, Valid float64 }

// Split splits what was added as training data.
func (x *Explicit) Split(rule Split, shares Shares, seed uint64) error {
	if !(shares.Test > 0 && shares.Valid >= 0 && shares.Test+shares.Valid < 1) {
		return kindred.Errorf(kindred.Invalid, "the test's share is %g and the validation's %g (together they must leave some to learn from)",
			shares.Test, shares.Valid)
	}
	all := x.parts[dataset.TrainPart]
	slices.SortStableFunc(all, func(a, b meeting) int { return cmp.Compare(a.time, b.time) })
	untimed := len(all) == 0 || all[0].time == all[len(all)-1].time
	x.parts[dataset.TrainPart] = nil
	switch rule {
	case Chronological:
		if untimed {
			return kindred.Errorf(kindred.Invalid, "a chronological split needs times, and the file has none (use --split random)")
		}
		train, valid, test := cut(all, shares)
		x.keep(dataset.TrainPart, train)
		x.keep(dataset.ValidationPart, valid)
		x.keep(dataset.TestPart, test)
		x.dropCold()
	case Sessions:
		if untimed {
			return kindred.Errorf(kindred.Invalid, "a split by sessions needs times, and the file has none (use --split leave-last-out)")
		}
		groups := byUser(all)
		slices.SortStableFunc(groups, func(a, b []meeting) int { return cmp.Compare(a[0].time, b[0].time) })
		train, valid, test := cut(groups, shares)
		x.keep(dataset.TrainPart, slices.Concat(train...))
		x.keep(dataset.ValidationPart, slices.Concat(valid...))
		x.keep(dataset.TestPart, slices.Concat(test...))
	case LeaveLastOut:
		for _, mine := range byUser(all) {
			n := len(mine)
			if n < 3 {
				x.keep(dataset.TrainPart, mine)
				continue
			}
			x.keep(dataset.TrainPart, mine[:n-2])
			x.keep(dataset.ValidationPart, mine[n-2:n-1])
			x.keep(dataset.TestPart, mine[n-1:])
		}
	case Random:
		x.splitEach(all, shares, seed)
	default:
		return kindred.Errorf(kindred.Invalid, "there is no split %q", rule)
	}
	return nil
}

// cut gives the last of all to the test and those before to validation.
func cut[T any](all []T, shares Shares) (train, valid, test []T) {
	n := float64(len(all))
	first, second := int(math.Round(n*(1-shares.Test-shares.Valid))), int(math.Round(n*(1-shares.Test)))
	return all[:first], all[first:second], all[second:]
}

// splitEach splits each user's items by chance.
func (x *Explicit) splitEach(all []meeting, shares Shares, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, mine := range byUser(all) {
		n := len(mine)
		if n < 3 {
			x.keep(dataset.TrainPart, mine)
			continue
		}
		rng.Shuffle(n, func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
		test := max(1, int(math.Round(float64(n)*shares.Test)))
		valid := test + int(math.Round(float64(n-test)*shares.Valid))
		x.keep(dataset.TestPart, mine[:test])
		x.keep(dataset.ValidationPart, mine[test:valid])
		x.keep(dataset.TrainPart, mine[valid:])
	}
}

// dropCold leaves users without training data out of what is judged on.
func (x *Explicit) dropCold() {
	known, cold := map[int32]bool{}, map[int32]bool{}
	for _, m := range x.parts[dataset.TrainPart] {
		known[m.user] = true
	}
	for _, part := range []dataset.Part{dataset.ValidationPart, dataset.TestPart} {
		x.parts[part] = slices.DeleteFunc(slices.Clone(x.parts[part]), func(m meeting) bool {
			if !known[m.user] {
				cold[m.user] = true
			}
			return !known[m.user]
		})
	}
	x.cold = len(cold)
}

// HoldBack moves a share of each user's training data, chosen by the seed, to
// validation; users of few items may keep all.
func (x *Explicit) HoldBack(share float64, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	all := x.parts[dataset.TrainPart]
	x.parts[dataset.TrainPart] = nil
	for _, mine := range byUser(all) {
		rng.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
		back := int(math.Round(float64(len(mine)) * share))
		x.keep(dataset.ValidationPart, mine[:back])
		x.keep(dataset.TrainPart, mine[back:])
	}
}

// HoldBackNext moves to validation what is like the test's sequences: the last
// event of each training sequence where most test sequences go on from one,
// else a share of the sequences whole, chosen by the seed.
func (x *Explicit) HoldBackNext(share float64, seed uint64) {
	groups, known := byUser(x.parts[dataset.TrainPart]), map[int32]bool{}
	for _, mine := range groups {
		known[mine[0].user] = true
	}
	goOn := 0
	tests := byUser(x.parts[dataset.TestPart])
	for _, mine := range tests {
		if known[mine[0].user] {
			goOn++
		}
	}
	rng := rand.New(rand.NewPCG(seed, 1))
	x.parts[dataset.TrainPart] = nil
	for _, mine := range groups {
		stay := len(mine)
		switch {
		case 2*goOn > len(tests):
			slices.SortStableFunc(mine, func(a, b meeting) int { return cmp.Compare(a.time, b.time) })
			stay = max(1, len(mine)-1)
		case rng.Float64() < share:
			stay = 0
		}
		x.keep(dataset.TrainPart, mine[:stay])
		x.keep(dataset.ValidationPart, mine[stay:])
	}
}

func (x *Explicit) keep(part dataset.Part, meetings []meeting) {
	x.parts[part] = append(x.parts[part], meetings...)
}

// byUser groups meetings by user, each group in its present order.
func byUser(all []meeting) [][]meeting {
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b meeting) int { return cmp.Compare(a.user, b.user) })
	var groups [][]meeting
	for lo := 0; lo < len(sorted); {
		hi := lo + 1
		for hi < len(sorted) && sorted[hi].user == sorted[lo].user {
			hi++
		}
		groups = append(groups, sorted[lo:hi:hi])
		lo = hi
	}
	return groups
}
