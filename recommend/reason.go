package recommend

import (
	"kindred"
	"kindred/dataset"
	"kindred/linalg"
	"kindred/model"
)

// reasonSteps is how many of the newest items of a history may be named as
// the reason for a recommendation: people remember what they did lately.
const reasonSteps = 30

// giveReasons says of every item in the list why it is there.
func (l *list) giveReasons() {
	because := l.because()
	for i := range l.items {
		it := &l.items[i]
		switch {
		case it.Source == sourcePopular:
			it.Reason = Reason{Code: "popular", Text: "Popular with everyone"}
		case it.Source == sourceTrending:
			it.Reason = Reason{Code: "trending", Text: "On the rise"}
		case it.Source == sourceNewest:
			it.Reason = Reason{Code: "new_arrival", Text: "New"}
		case it.Source == sourceSimilar && l.ask.ContextItem != "":
			it.Reason = Reason{Code: "similar_to", Item: l.ask.ContextItem, Text: "Similar to " + l.quote(l.ask.ContextItem)}
		case because[i] != nil:
			it.Reason = l.reasonFor(because[i])
		default:
			it.Reason = Reason{Code: "like_similar_users", Text: "Liked by people with a similar taste"}
		}
	}
}

// because finds for each item of the list the step of the history that speaks
// most for it; nil where none does.
func (l *list) because() []*step {
	found := make([]*step, len(l.items))
	steps := l.taste.steps[max(0, len(l.taste.steps)-reasonSteps):]
	if len(steps) == 0 {
		return found
	}
	for _, v := range []*view{l.live.similar, l.live.personal} {
		if v == nil {
			continue
		}
		speaks := affinity(v)
		if speaks == nil {
			continue
		}
		for n := range l.items {
			if found[n] == nil {
				found[n] = strongest(steps, v.items, speaks, l.items[n].ID)
			}
		}
	}
	return found
}

// affinity returns how much item i of a view speaks for item j, if the view's
// model can say: 0 or less means not at all.
func affinity(v *view) func(i, j int32) float32 {
	switch learned := v.learned.(type) {
	case *model.ItemItem:
		return func(i, j int32) float32 {
			items, weights := learned.Neighbours(i)
			for n, other := range items {
				if other == j {
					return weights[n]
				}
			}
			return 0
		}
	case *model.Factors:
		vectors, dim := learned.ItemVectors()
		row := func(i int32) []float32 { return vectors[int(i)*dim : (int(i)+1)*dim] }
		return func(i, j int32) float32 { return linalg.Dot(row(i), row(j)) }
	}
	return nil
}

func strongest(steps []step, items *dataset.Dict, speaks func(i, j int32) float32, id kindred.ItemID) *step {
	j, known := items.Index(string(id))
	if !known {
		return nil
	}
	var best *step
	var most float32
	for n := range steps {
		if i, known := items.Index(string(steps[n].item)); known {
			if score := speaks(i, j); score > most {
				best, most = &steps[n], score
			}
		}
	}
	return best
}

func (l *list) reasonFor(s *step) Reason {
	switch strength(s.kind) {
	case strength(kindred.Purchase):
		return Reason{Code: "because_bought", Item: s.item, Text: "Because you bought " + l.quote(s.item)}
	case strength(kindred.Like):
		return Reason{Code: "because_liked", Item: s.item, Text: "Because you liked " + l.quote(s.item)}
	default:
		return Reason{Code: "because_viewed", Item: s.item, Text: "Because you viewed " + l.quote(s.item)}
	}
}

// quote names an item for a person.
func (l *list) quote(id kindred.ItemID) string {
	if item, known := l.catalogue.get(id); known && item.Title != "" {
		return "“" + item.Title + "”"
	}
	return "“" + string(id) + "”"
}
