package dataset

import "kindred/linalg"

// Without returns the interactions without some of each user's items, as if
// the user had never met, rated or rejected them: out[u] are user u's, in any
// order. Dictionaries and features stay as they are.
func (x *Interactions) Without(out [][]int32) *Interactions {
	left := &Interactions{Users: x.Users, Items: x.Items, ItemFeatures: x.ItemFeatures, UserFeatures: x.UserFeatures}
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
	left := &Sequences{Starts: starts, Items: chosen(s.Items, kept), Weights: chosen(s.Weights, kept), Baskets: chosen(s.Baskets, kept)}
	if s.Times != nil {
		left.Times = chosen(s.Times, kept)
	}
	return left
}

func chosen[T any](x []T, kept []int) []T {
	some := make([]T, len(kept))
	for n, at := range kept {
		some[n] = x[at]
	}
	return some
}
