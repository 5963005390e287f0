package dataset

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"kindred"
)

// Case is one user to judge a model on.
type Case struct {
	User    int32   // in the training data's Users; -1: a stranger to it
	History History // what the model may know
	// Relevant are the items the user went on to, ascending, distinct; none
	// of them is in the history unless repeats count.
	Relevant []int32
	Gains    []float32 // what each relevant item is worth; nil: not known
	Hidden   int       // items the user went on to that training never saw
	// Candidates are the items to rank, ascending, distinct; nil: all.
	Candidates []int32
}

// Holdout is data split at a moment: what was before, to learn from, and what
// came after, to judge by.
type Holdout struct {
	Train *Interactions // events before Cut
	Cases []Case        // users known at Cut, by index
	Cold  []Case        // users first seen from Cut on: User is -1 and History empty but for features
	Cut   time.Time
	// ColdUsers and ColdItems count those seen from Cut on that Train does not
	// know; whatever of them cannot be judged is counted here, not lost.
	ColdUsers, ColdItems int

	repeats bool // count
}

// Split cuts at the moment from which on the given share of the events lies.
func (b *Builder) Split(share float64) (*Holdout, error) {
	cut, err := b.Cut(share)
	if err != nil {
		return nil, err
	}
	return b.SplitAt(cut)
}

// Cut returns the moment from which on the given share of the events lies (ties
// at that moment all go to the later side).
func (b *Builder) Cut(share float64) (time.Time, error) {
	if !(share > 0 && share < 1) {
		return time.Time{}, kindred.Errorf(kindred.Invalid, "the hold-out's share is %g (use more than 0 and less than 1, as 0.1)", share)
	}
	var times []int64
	for _, chunk := range b.chunks {
		for i := range chunk {
			times = append(times, chunk[i].time)
		}
	}
	if len(times) < 2 {
		return time.Time{}, kindred.Errorf(kindred.Conflict, "there are %d events to split (at least 2 are needed)", len(times))
	}
	slices.Sort(times)
	at := min(len(times)-1, int(math.Ceil(float64(len(times))*(1-share))))
	cut := times[at]
	if cut == times[0] { // so many at the first moment: the cut comes after it
		later, _ := slices.BinarySearch(times, cut+1)
		if later == len(times) {
			return time.Time{}, kindred.Errorf(kindred.Conflict, "all events have the same time, so none is later (give events their own times)")
		}
		cut = times[later]
	}
	return time.UnixMilli(cut).UTC(), nil
}

// SplitAt is Split at an explicit moment. Train is aged relative to it and
// holds no event from it or later. What a user returned to is not relevant,
// only items new to the user are, unless the settings count repeats.
func (b *Builder) SplitAt(cut time.Time) (*Holdout, error) {
	if err := b.settings.Validate(); err != nil {
		return nil, err
	}
	s, moment := b.sorted(), cut.UnixMilli()
	before, after := s.records[:0], []record(nil) // before takes no memory of its own
	for _, r := range s.records {
		if r.time < moment {
			before = append(before, r)
		} else {
			after = append(after, r)
		}
	}
	// The automatic rating threshold must not know the future either.
	past := *b
	past.highest = highestRating(before)
	past.scales = b.ratingScales(before, past.highest)
	h := &Holdout{Cut: cut, repeats: b.settings.CountRepeats, Train: past.interactions(s, past.meetings(before, cut), moment)}
	h.addCases(s, past.meetings(after, cut).liked, b.people)
	return h, nil
}

func highestRating(records []record) float32 {
	var highest float32
	for _, r := range records {
		if r.effect == Rates {
			highest = max(highest, r.amount)
		}
	}
	return highest
}

// addCases turns the pairs after the cut, grouped by user, into cases.
func (h *Holdout) addCases(s sortedRecords, pairs []pair, people described) {
	coldItems, met := map[int32]bool{}, newMarks(h.Train.Items.Len())
	for lo := 0; lo < len(pairs); {
		hi := lo + 1
		for hi < len(pairs) && pairs[hi].user == pairs[lo].user {
			hi++
		}
		c := Case{User: -1}
		if u, known := h.Train.Users.Index(s.users[pairs[lo].user]); known {
			c.User, c.History = u, h.Train.History(int(u))
			c.History.Now = h.Cut.Unix()
		} else {
			h.ColdUsers++
			if f := h.Train.UserFeatures; f != nil {
				c.History.Features, c.History.FeatureValues = f.Encoding.Append(nil, nil, people[s.users[pairs[lo].user]])
			}
		}
		met.set(c.History.Items)
		for _, p := range pairs[lo:hi] {
			i, known := h.Train.Items.Index(s.items[p.item])
			switch {
			case !known:
				c.Hidden++
				coldItems[p.item] = true
			case h.repeats || !met.has(i):
				c.Relevant = append(c.Relevant, i)
			}
		}
		switch {
		case len(c.Relevant) == 0:
		case c.User < 0:
			h.Cold = append(h.Cold, c)
		default:
			h.Cases = append(h.Cases, c)
		}
		lo = hi
	}
	h.ColdItems = len(coldItems)
}

// CasesOf returns the cases of another hold-out of the same moment as this
// one's training knows their users and items, in their order, so that ways to
// weigh events are asked the same. Every relevant item stays: one that this
// training does not know is numbered behind all items, where nothing ranks it.
// Users that it does not know are strangers.
func (h *Holdout) CasesOf(other *Holdout) []Case {
	cases := make([]Case, len(other.Cases))
	for n, c := range other.Cases {
		mine := Case{User: -1}
		if u, known := h.Train.Users.Index(other.Train.Users.ID(c.User)); known {
			mine.User, mine.History = u, h.Train.History(int(u))
		}
		mine.History.Now = h.Cut.Unix()
		for k, item := range c.Relevant {
			i, known := h.Train.Items.Index(other.Train.Items.ID(item))
			if !known {
				i = int32(h.Train.Items.Len() + k)
			}
			mine.Relevant = append(mine.Relevant, i)
		}
		slices.Sort(mine.Relevant)
		cases[n] = mine
	}
	return cases
}

// LeaveLastOut takes each user's last item for the test and the last but one
// for validation; the history of a test case includes the latter. Users of
// fewer than three items stay in training whole. Dictionaries stay as they
// are. Note that training then knows other users' future; Builder.Split does
// not have that fault.
func LeaveLastOut(x *Interactions) (train *Interactions, validation, test []Case) {
	out := make([][]int32, x.ByUser.Rows())
	for u := range out {
		h := x.History(u)
		n := len(h.Items)
		if n < 3 {
			continue
		}
		validation = append(validation, Case{User: int32(u), History: h.First(n - 2), Relevant: h.Items[n-2 : n-1]})
		test = append(test, Case{User: int32(u), History: h.First(n - 1), Relevant: h.Items[n-1:]})
		out[u] = h.Items[n-2:]
	}
	return x.Without(out), validation, test
}

// Sample returns n of the cases, chosen evenly by the seed, in their order; all
// of them if there are no more.
func Sample(cases []Case, n int, seed uint64) []Case {
	if n >= len(cases) {
		return cases
	}
	chosen := rand.New(rand.NewPCG(seed, 0)).Perm(len(cases))[:max(0, n)]
	slices.Sort(chosen)
	sampled := make([]Case, len(chosen))
	for i, at := range chosen {
		sampled[i] = cases[at]
	}
	return sampled
}

// HasTimes says whether the events lie at more than one moment, so that they
// can be split by time.
func (b *Builder) HasTimes() bool {
	for _, chunk := range b.chunks {
		for i := range chunk {
			if chunk[i].time != b.chunks[0][0].time {
				return true
			}
		}
	}
	return false
}

// HoldOut takes a share of each user's items, chosen evenly by the seed, as
// what the user went on to; users of too few items stay in training whole. It
// is for data without times, where what came first cannot be known: the cut is
// zero and nobody is cold. Dictionaries stay as they are.
func HoldOut(x *Interactions, share float64, seed uint64) *Holdout {
	rng := rand.New(rand.NewPCG(seed, 0))
	relevant := make([][]int32, x.ByUser.Rows())
	for u := range relevant {
		items, _ := x.ByUser.Row(u)
		for _, at := range rng.Perm(len(items))[:int(float64(len(items))*share)] {
			relevant[u] = append(relevant[u], items[at])
		}
		slices.Sort(relevant[u])
	}
	h := &Holdout{Train: x.Without(relevant)}
	for u, mine := range relevant {
		if len(mine) > 0 {
			h.Cases = append(h.Cases, Case{User: int32(u), History: h.Train.History(u), Relevant: mine})
		}
	}
	return h
}
