package dataset

import "kindred/linalg"

// Interactions are what users did with items, one entry for each user and
// item however often they met. They never change once built.
type Interactions struct {
	Users *Dict
	Items *Dict
	// ByUser is users×items; a value is the summed weight of the events, above
	// zero. Within a row the entries stand in the order of Times, oldest first
	// (equal times by item index).
	ByUser *linalg.CSR
	// Times are the unix seconds of the last event of each entry of ByUser;
	// nil when the data has no times (entries then keep the order given).
	Times []int64
}

// History is what one user did, as a model sees it: distinct items, oldest
// first, with their weights and times (nil if unknown).
type History struct {
	Items   []int32
	Weights []float32
	Times   []int64 // unix seconds
}

// History returns views of user u's row.
func (x *Interactions) History(u int) History {
	items, weights := x.ByUser.Row(u)
	h := History{Items: items, Weights: weights}
	if x.Times != nil {
		lo, hi := x.ByUser.Starts[u], x.ByUser.Starts[u+1]
		h.Times = x.Times[lo:hi:hi]
	}
	return h
}

// ItemUsers returns how many users met each item.
func (x *Interactions) ItemUsers() []int32 {
	counts := make([]int32, x.Items.Len())
	for _, i := range x.ByUser.Cols {
		counts[i]++
	}
	return counts
}
