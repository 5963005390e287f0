package dataset

import (
	"slices"

	"kindred/linalg"
)

// Interactions are what users did with items, one entry for each user and
// item however often they met, and what else is known of both. They never
// change once built. What is nil is not known.
type Interactions struct {
	Users *Dict
	Items *Dict // may hold items that nobody met yet
	// ByUser is users×items; a value is the summed weight of the events, or the
	// confidence made of it (see Weighing), above zero. Within a row the entries stand in the order of Times, oldest first
	// (equal times by item index).
	ByUser *linalg.CSR
	// Times are the unix seconds of the last event of each entry of ByUser;
	// nil when the data has no times (entries then keep the order given).
	Times []int64

	// Sequences hold every event that ByUser sums up.
	Sequences *Sequences
	// Ratings is users×items: the last rating of each pair, low ones too, on
	// the scale it was given in.
	Ratings *linalg.CSR
	// Disliked is users×items: what was rejected, by a dislike or a rating
	// below the least that counts as liking, and not taken up again since. A
	// value is the weight of the rejection. No pair is also in ByUser.
	Disliked *linalg.CSR
	// Weighing is what made ByUser's values of the summed weights; nil: nothing.
	Weighing *Weighing
	// Variants are the items that count for each group, by name, those that
	// were wanted most first; nil: every item counts for itself.
	Variants map[string][]string
	// ItemFeatures and UserFeatures describe items and users, row by row.
	ItemFeatures, UserFeatures *Features
}

// Sequences are the events that count as liking, user after user, oldest
// first, repeats included: user u did events Starts[u] to Starts[u+1].
type Sequences struct {
	Starts  []int     // users+1
	Items   []int32   // by event, as all below
	Times   []int64   // unix seconds; nil: only the order is known
	Weights []float32 // what the event counts for
	// Baskets number what was done together, an order or a session, from 0
	// for each user, ascending.
	Baskets []int32
}

// History is what one user did, as a model sees it: distinct items, oldest
// first, with their weights and times, and what else is known. What is nil is
// not known, and each group stands for itself: a model uses what it
// understands.
type History struct {
	Items   []int32
	Weights []float32
	Times   []int64 // unix seconds

	// Steps are all events, oldest first, repeats included; see Events.
	Steps     []int32
	StepTimes []int64 // unix seconds

	// Now is the moment of asking in unix seconds; 0: just after the newest
	// event.
	Now int64

	Rated   []int32 // distinct
	Ratings []float32

	Disliked []int32 // distinct

	// Features are columns of the training data's UserFeatures.
	Features      []int32
	FeatureValues []float32
}

// Events returns every event of the history, oldest first, repeats included
// as far as they are known, and their unix seconds (nil if unknown).
func (h History) Events() (items []int32, times []int64) {
	if h.Steps != nil {
		return h.Steps, h.StepTimes
	}
	return h.Items, h.Times
}

// Asked returns the moment of asking in unix seconds, never before the newest
// event; 0 if nothing is known of it.
func (h History) Asked() int64 {
	now := h.Now
	if _, times := h.Events(); len(times) > 0 {
		now = max(now, times[len(times)-1])
	}
	return now
}

// History returns views of what is known of user u.
func (x *Interactions) History(u int) History {
	items, weights := x.ByUser.Row(u)
	h := History{Items: items, Weights: weights}
	if x.Times != nil {
		lo, hi := x.ByUser.Starts[u], x.ByUser.Starts[u+1]
		h.Times = x.Times[lo:hi:hi]
	}
	if s := x.Sequences; s != nil {
		lo, hi := s.Starts[u], s.Starts[u+1]
		h.Steps = s.Items[lo:hi:hi]
		if s.Times != nil {
			h.StepTimes = s.Times[lo:hi:hi]
		}
	}
	if x.Ratings != nil {
		h.Rated, h.Ratings = x.Ratings.Row(u)
	}
	if x.Disliked != nil {
		h.Disliked, _ = x.Disliked.Row(u)
	}
	h.Features, h.FeatureValues = x.UserFeatures.Row(u)
	return h
}

// First returns a view of the n oldest of the history's items with what was
// done up to the last of them; ratings and features stay as they are.
func (h History) First(n int) History {
	h.Items = h.Items[:n:n]
	if h.Weights != nil {
		h.Weights = h.Weights[:n:n]
	}
	if h.Times != nil {
		h.Times = h.Times[:n:n]
	}
	if h.Steps == nil {
		return h
	}
	// Items stand in the order of their last events, so the steps to keep end
	// with the last event of the n-th item.
	end := 0
	if n > 0 {
		end = lastIndex(h.Steps, h.Items[n-1]) + 1
	}
	h.Steps = h.Steps[:end:end]
	if h.StepTimes != nil {
		h.StepTimes = h.StepTimes[:end:end]
	}
	return h
}

func lastIndex(items []int32, item int32) int {
	for at, i := range slices.Backward(items) {
		if i == item {
			return at
		}
	}
	return -1
}

// ItemUsers returns how many users met each item.
func (x *Interactions) ItemUsers() []int32 {
	counts := make([]int32, x.Items.Len())
	for _, i := range x.ByUser.Cols {
		counts[i]++
	}
	return counts
}
