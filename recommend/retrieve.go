package recommend

import (
	"math"
	"math/bits"
	"slices"
	"time"

	"kindred"
	"kindred/dataset"
	"kindred/linalg"
	"kindred/model"
)

// Names of sources that are not a model's kind.
const (
	sourceSimilar  = "similar"
	sourcePopular  = "popular"
	sourceTrending = "trending"
	sourceNewest   = "newest"
)

// list is an answer in the making: it takes candidates from one source after
// the other until it has n. Lists are pooled; slices keep their capacity.
type list struct {
	*Service
	live    *live
	now     time.Time
	ask     *Request
	taste   *profile
	signals *dataset.Settings // how taste was weighed
	items   []Item
	context int                     // items that go with the context item: the first so many
	lead    *view                   // whose model gave the first item; nil: none
	chosen  map[kindred.ItemID]bool // excluded, or in the list already; at last also what the user knows
	stages  []Stage
	start   time.Time
	last    time.Time // when the last stage ended

	skip    linalg.Bits
	history dataset.History
	scored  []linalg.Scored
	scores  []float32
	vector  []float32
	nobody  []float32 // scores or vector of someone without attributes
	reasons reasons
}

func (l *list) isFull() bool { return len(l.items) >= l.ask.N }

// hide keeps items out of the list.
func (l *list) hide(ids ...kindred.ItemID) {
	for _, id := range ids {
		l.chosen[id] = true
	}
}

// hideProduct keeps an item out of the list, and every other variant of the
// same.
func (l *list) hideProduct(id kindred.ItemID) {
	l.hide(id)
	l.hide(l.catalogue.variants(id)...)
}

// propose adds what a view calls i.
func (l *list) propose(v *view, i int32, score float32, source string) {
	if id := l.catalogue.pick(v, i, l.ask.Filter, l.now, l.chosen); id != "" {
		l.add(v, id, float64(score), source)
	}
}

// add appends an item that a view (nil: none) proposes, unless it is in
// already or is to stay out.
func (l *list) add(v *view, id kindred.ItemID, score float64, source string) {
	if l.isFull() || l.chosen[id] {
		return
	}
	if len(l.items) == 0 {
		l.lead = v
	}
	l.hideProduct(id)
	l.items = append(l.items, Item{ID: id, Score: score, Source: source})
}

// fill adds the best of a view until the list has want items. find finds, of
// those that may be added, the best so many; as of several variants of one
// thing only the first gets in, it may have to look again.
func (l *list) fill(v *view, source string, want int, find func(n int)) {
	for factor := 1; len(l.items) < want; {
		before := len(l.items)
		find(min(factor*(want-before), v.items.Len()))
		for _, s := range l.scored {
			if len(l.items) < want {
				l.propose(v, s.Index, s.Score, source)
			}
		}
		added := len(l.items) - before
		if added == 0 || added == len(l.scored) {
			return // no more to be had, or no variants among them
		}
		factor = (len(l.scored) + added - 1) / added
	}
}

// skipFor returns what must not be taken from a view.
func (l *list) skipFor(v *view) linalg.Bits {
	l.skip = l.catalogue.skip(l.skip, v, l.ask.Filter, l.now, l.taste.in(v, l.catalogue))
	l.catalogue.skipTaken(l.skip, v, l.ask.Filter, l.now, l.chosen)
	return l.skip
}

// know translates what is known of the user for a view, and says whether that
// is anything to ask it with: a history, or attributes.
func (l *list) know(v *view) bool {
	l.taste.history(&l.history, l.taste.in(v, l.catalogue), l.signals, v.weighing, l.now)
	l.history.Features, l.history.FeatureValues = l.taste.features(v.users)
	return len(l.history.Items) > 0 || len(l.history.Features) > 0 && len(l.taste.attributes) > 0
}

// unattributed returns the history without what is said of the user. A model
// that answers alike for both knows nothing of somebody without a history.
func (l *list) unattributed() dataset.History {
	h := l.history
	h.Features, h.FeatureValues = nil, nil
	return h
}

// fromPersonal takes what the personal model scores best for the history and
// the attributes of the user, or for these alone if it learned from such. A
// Popularity in that role is passed over: what is popular comes later anyway.
func (l *list) fromPersonal() {
	v := l.live.personal
	if v == nil || l.isFull() {
		return
	}
	switch learned := v.learned.(type) {
	case model.Embedded:
		if !l.know(v) {
			return
		}
		l.vector = learned.UserVector(l.vector, l.history)
		if len(l.history.Items) == 0 {
			if l.nobody = learned.UserVector(l.nobody, l.unattributed()); slices.Equal(l.vector, l.nobody) {
				return
			}
		}
		l.fill(v, v.version.Kind, l.ask.N, func(n int) { l.search(v, l.vector, n) })
	case *model.Popularity:
	default:
		l.fromScores(v, v.version.Kind)
	}
}

// fromSimilar takes what goes with the items of the history.
func (l *list) fromSimilar() {
	v := l.live.similar
	if v == nil || v == l.live.personal || l.isFull() {
		return
	}
	if _, ok := v.learned.(model.Related); ok {
		l.fromScores(v, sourceSimilar)
	}
}

// fromScores takes the items that the view's model scores above zero for the
// history, or for attributes that it learned from. It scores all items.
func (l *list) fromScores(v *view, source string) {
	if !l.know(v) {
		return
	}
	l.scores = slices.Grow(l.scores[:0], v.items.Len())[:v.items.Len()]
	v.learned.Score(l.scores, l.history)
	if len(l.history.Items) == 0 {
		l.nobody = slices.Grow(l.nobody[:0], v.items.Len())[:v.items.Len()]
		v.learned.Score(l.nobody, l.unattributed())
		if slices.Equal(l.scores, l.nobody) {
			return
		}
	}
	l.fill(v, source, l.ask.N, func(n int) { l.top(v, n) })
}

// top finds the best n of what the view has scored above zero.
func (l *list) top(v *view, n int) {
	for w, word := range l.skipFor(v) {
		for ; word != 0; word &= word - 1 {
			l.scores[w*64+bits.TrailingZeros64(word)] = float32(math.Inf(-1))
		}
	}
	l.scored = linalg.TopK(slices.Grow(l.scored[:0], 2*n), l.scores, n)
	for n, s := range l.scored {
		if s.Score <= 0 { // nothing speaks for this one and the rest
			l.scored = l.scored[:n]
			break
		}
	}
}

// fromNeighbours takes up to want items that go with the context item.
func (l *list) fromNeighbours(want int) {
	for _, v := range []*view{l.live.similar, l.live.personal} {
		if v == nil || len(l.items) >= want {
			continue
		}
		i, known := l.catalogue.index(v, l.ask.ContextItem)
		if !known {
			continue
		}
		switch learned := v.learned.(type) {
		case model.Related:
			items, weights := learned.Neighbours(i)
			l.fill(v, sourceSimilar, want, func(n int) { l.neighbours(v, items, weights, n) })
		case model.Embedded:
			vectors, dim := learned.ItemVectors()
			l.fill(v, sourceSimilar, want, func(n int) { l.search(v, vectors[int(i)*dim:(int(i)+1)*dim], n) })
		}
	}
	l.context = len(l.items)
}

// neighbours finds the first n of an item's neighbours that may be added.
func (l *list) neighbours(v *view, items []int32, weights []float32, n int) {
	skip := l.skipFor(v)
	l.scored = l.scored[:0]
	for k, j := range items {
		if len(l.scored) < n && weights[k] > 0 && !skip.Has(int(j)) {
			l.scored = append(l.scored, linalg.Scored{Index: j, Score: weights[k]})
		}
	}
}

// search finds the best want items for a vector.
func (l *list) search(v *view, vector []float32, want int) {
	l.scored = v.index.Search(slices.Grow(l.scored[:0], 2*want), vector, want, l.skipFor(v))
}

// fromRanking takes from a fixed order of a view's items.
func (l *list) fromRanking(v *view, best []linalg.Scored, source string) {
	if l.isFull() || len(best) == 0 {
		return
	}
	skip := l.skipFor(v)
	for _, s := range best {
		if l.isFull() {
			return
		}
		if !skip.Has(int(s.Index)) {
			l.propose(v, s.Index, s.Score, source)
		}
	}
}

func (l *list) fromPopular() {
	if v := l.live.popular; v != nil {
		l.fromRanking(v, v.popular, sourcePopular)
	}
}

func (l *list) fromTrending() {
	if v := l.live.popular; v != nil {
		l.fromRanking(v, v.trending, sourceTrending)
	}
}

// fromNewest takes the catalogue's newest items: the end of every chain, and
// all there is before the first training.
func (l *list) fromNewest() {
	if l.isFull() {
		return
	}
	for i := range l.taste.steps {
		l.hideProduct(l.taste.steps[i].item)
	}
	for i := range l.taste.other {
		l.hideProduct(l.taste.other[i].item)
	}
	for item := range l.catalogue.newestFirst() {
		if l.isFull() {
			return
		}
		if item.AvailableAt(l.now) && l.ask.Filter.Match(item) {
			l.add(nil, item.ID, 0, sourceNewest)
		}
	}
}

// stage ends a step of the trace.
func (l *list) stage(name string) {
	if !l.ask.Explain {
		return
	}
	now := time.Now()
	l.stages = append(l.stages, Stage{Name: name, Items: len(l.items), Microseconds: now.Sub(l.last).Microseconds()})
	l.last = now
}
