package dataset

import "kindred/linalg"

// Without returns the interactions without some of each user's items, as if
// the user had never met, rated or rejected them: out[u] are user u's, in any
// order. Dictionaries and features stay as they are.
func (x *Interactions) Without(out [][]int32) *Interactions {
	left := &Interactions{Users: x.Users, Items: x.Items, Weighing: x.Weighing, Variants: x.Variants, ItemFeatures: x.ItemFeatures, UserFeatures: x.UserFeatures}
	w := &withdrawal{out: out, gone: newMarks(x.ByUser.Width)}
	var kept []int
	left.ByUser, kept = w.matrix(x.ByUser)
	if x.Times != nil {
		left.Times = chosen(x.Times, kept)
	}
	if x.Ratings != nil {
		left.Ratings, _ = w.matrix(x.Ratings)
	}
	if x.Disliked != nil {
		left.Disliked, _ = w.matrix(x.Disliked)
	}
	if x.Sequences != nil {
		left.Sequences = w.sequences(x.Sequences)
	}
	return left
}

// withdrawal takes items out, user after user.
type withdrawal struct {
	out  [][]int32
	gone *marks
}

// stay returns the positions of the entries that stay, and where those of
// each user start among them.
func (w *withdrawal) stay(entryStarts []int, items []int32) (starts, kept []int) {
	starts, kept = make([]int, len(entryStarts)), make([]int, 0, len(items))
	for u, mine := range w.out {
		w.gone.set(mine)
		for at := entryStarts[u]; at < entryStarts[u+1]; at++ {
			if !w.gone.has(items[at]) {
				kept = append(kept, at)
			}
		}
		starts[u+1] = len(kept)
	}
	return starts, kept
}

func (w *withdrawal) matrix(m *linalg.CSR) (left *linalg.CSR, kept []int) {
	starts, kept := w.stay(m.Starts, m.Cols)
	return &linalg.CSR{Starts: starts, Cols: chosen(m.Cols, kept), Vals: chosen(m.Vals, kept), Width: m.Width}, kept
}

func (w *withdrawal) sequences(s *Sequences) *Sequences {
	starts, kept := w.stay(s.Starts, s.Items)
	return s.at(starts, kept)
}

func chosen[T any](x []T, kept []int) []T {
	some := make([]T, len(kept))
	for n, at := range kept {
		some[n] = x[at]
	}
	return some
}

// FirstSteps returns the interactions as they were when each user u had done
// the first steps[u] events of Sequences and no more: what was done again later
// stays, for as much as its earlier events weigh. Ratings go with the last
// event of their pair; rejections stay, as nobody knows when they came.
// Sequences must be known.
func (x *Interactions) FirstSteps(steps []int) *Interactions {
	q := x.Sequences
	var pairs []pair
	var kept []int
	starts, gone := make([]int, len(q.Starts)), make([][]int32, len(steps))
	some, all := make([]float64, x.ByUser.Width), make([]float64, x.ByUser.Width) // weights of an item's events
	last := make([]int64, x.ByUser.Width)
	for u, n := range steps {
		items, weights := x.ByUser.Row(u)
		for _, i := range items {
			some[i], all[i] = 0, 0
		}
		for k := q.Starts[u]; k < q.Starts[u+1]; k++ {
			i := q.Items[k]
			all[i] += float64(q.Weights[k])
			if k >= q.Starts[u]+n {
				continue
			}
			some[i] += float64(q.Weights[k])
			last[i] = int64(k)
			if q.Times != nil {
				last[i] = q.Times[k]
			}
			kept = append(kept, k)
		}
		starts[u+1] = len(kept)
		for at, i := range items {
			if some[i] > 0 {
				pairs = append(pairs, pair{last[i], int32(u), i, float32(float64(weights[at]) * (some[i] / all[i]))})
			} else {
				gone[u] = append(gone[u], i)
			}
		}
	}
	left, met := x.Without(gone), assemble(x.Users, x.Items, pairs)
	left.ByUser = met.ByUser
	if x.Times != nil {
		left.Times = met.Times
	}
	left.Sequences = q.at(starts, kept)
	return left
}

// at returns the events at the positions kept, where starts tells the users'.
func (s *Sequences) at(starts, kept []int) *Sequences {
	left := &Sequences{Starts: starts, Items: chosen(s.Items, kept), Weights: chosen(s.Weights, kept), Baskets: chosen(s.Baskets, kept)}
	if s.Times != nil {
		left.Times = chosen(s.Times, kept)
	}
	return left
}
