package recommend

import (
	"slices"

	"kindred"
	"kindred/linalg"
	"kindred/model"
)

// reasonSteps is how many of the newest items of a history may be named as
// the reason for a recommendation: people remember what they did lately.
const reasonSteps = 12

// reasonNeighbours is how many of a step's neighbours, the best first, are
// looked through: what speaks most for an item stands near the top, and the
// rest would cost more than the answer itself.
const reasonNeighbours = 64

// reasons is the scratch memory of finding reasons. The history's items are
// meant by their place among the newest reasonSteps, the list's by theirs.
type reasons struct {
	because []int32   // by item of the list: the step that speaks most for it; -1: none
	most    []float32 // by item of the list: how much it does
	items   []int32   // by item of the list: its index in a view; -1: unknown
	listed  linalg.Bits
	given   []Reason // by step: the reason it makes
}

// giveReasons says of every item in the list why it is there.
func (l *list) giveReasons() {
	steps := l.taste.steps[max(0, len(l.taste.steps)-reasonSteps):]
	l.findReasons(steps)
	r := &l.reasons
	r.given = slices.Grow(r.given[:0], len(steps))[:len(steps)]
	clear(r.given)
	var similar Reason
	if l.context > 0 {
		similar = Reason{Code: "similar_to", Item: l.ask.ContextItem, Text: l.sentence("Similar to", l.ask.ContextItem)}
	}
	for n := range l.items {
		it := &l.items[n]
		switch {
		case n < l.context:
			it.Reason = similar
		case it.Source == sourcePopular:
			it.Reason = Reason{Code: "popular", Text: "Popular with everyone"}
		case it.Source == sourceTrending:
			it.Reason = Reason{Code: "trending", Text: "On the rise"}
		case it.Source == sourceNewest:
			it.Reason = Reason{Code: "new_arrival", Text: "New"}
		case r.because[n] >= 0:
			given := &r.given[r.because[n]]
			if given.Code == "" {
				*given = l.reasonFor(&steps[r.because[n]])
			}
			it.Reason = *given
		default:
			it.Reason = Reason{Code: "like_similar_users", Text: "Liked by people with a similar taste"}
		}
	}
}

// findReasons finds for each item of the list the step that speaks most for
// it: by the similar model, or by the personal one where that says nothing.
func (l *list) findReasons(steps []step) {
	r := &l.reasons
	r.because, r.most = r.because[:0], r.most[:0]
	for range l.items {
		r.because, r.most = append(r.because, -1), append(r.most, 0)
	}
	for _, v := range []*view{l.live.similar, l.live.personal} {
		if v != nil && len(steps) > 0 && l.lookUp(v) {
			switch learned := v.learned.(type) {
			case model.Related:
				l.askRelated(v, learned, steps)
			case model.Embedded:
				l.askVectors(v, learned, steps)
			}
		}
	}
}

// lookUp finds the items of the list that still lack a reason in a view, and
// says whether there are any.
func (l *list) lookUp(v *view) (found bool) {
	r := &l.reasons
	r.items = r.items[:0]
	for n := range l.items {
		at := int32(-1)
		if n >= l.context && r.because[n] < 0 {
			if i, known := l.catalogue.index(v, l.items[n].ID); known {
				at, found = i, true
			}
		}
		r.items = append(r.items, at)
	}
	return found
}

// note takes down that a step speaks for an item of the list.
func (r *reasons) note(n, step int, score float32) {
	if score > r.most[n] {
		r.because[n], r.most[n] = int32(step), score
	}
}

// askRelated goes once through the neighbours of every step.
func (l *list) askRelated(v *view, learned model.Related, steps []step) {
	r := &l.reasons
	words := (learned.Items() + 63) / 64
	r.listed = slices.Grow(r.listed[:0], words)[:words]
	clear(r.listed)
	for _, i := range r.items {
		if i >= 0 {
			r.listed.Set(int(i))
		}
	}
	for s, i := range l.newest(v, steps) {
		if i < 0 {
			continue
		}
		items, similarities := learned.Neighbours(i)
		for at, j := range items[:min(len(items), reasonNeighbours)] {
			if r.listed.Has(int(j)) {
				r.note(slices.Index(r.items, j), s, similarities[at])
			}
		}
	}
}

// askVectors compares the vectors of every step and item of the list.
func (l *list) askVectors(v *view, learned model.Embedded, steps []step) {
	r := &l.reasons
	vectors, dim := learned.ItemVectors()
	row := func(i int32) []float32 { return vectors[int(i)*dim : (int(i)+1)*dim] }
	for s, i := range l.newest(v, steps) {
		if i < 0 {
			continue
		}
		for n, j := range r.items {
			if j >= 0 {
				r.note(n, s, linalg.Dot(row(i), row(j)))
			}
		}
	}
}

// newest returns where a view has the newest steps of the history.
func (l *list) newest(v *view, steps []step) []int32 {
	all := l.taste.in(v, l.catalogue).steps
	return all[len(all)-len(steps):]
}

func (l *list) reasonFor(s *step) Reason {
	switch strength(s.kind) {
	case bought:
		return Reason{Code: "because_bought", Item: s.item, Text: l.sentence("Because you bought", s.item)}
	case liked:
		return Reason{Code: "because_liked", Item: s.item, Text: l.sentence("Because you liked", s.item)}
	default:
		return Reason{Code: "because_viewed", Item: s.item, Text: l.sentence("Because you viewed", s.item)}
	}
}

// sentence ends with the name of an item.
func (l *list) sentence(start string, id kindred.ItemID) string {
	name := string(id)
	if item, known := l.catalogue.get(id); known && item.Title != "" {
		name = item.Title
	}
	return start + " “" + name + "”"
}
