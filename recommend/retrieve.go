package recommend

import (
	"math"
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
	live   *live
	now    time.Time
	ask    *Request
	taste  *profile
	items  []Item
	chosen map[kindred.ItemID]bool // seen, excluded, or in the list already
	stages []Stage
	start  time.Time
	last   time.Time // when the last stage ended

	skip    linalg.Bits
	history dataset.History
	scored  []linalg.Scored
	scores  []float32
	vector  []float32
}

func (l *list) isFull() bool { return len(l.items) >= l.ask.N }

// hide keeps items out of the list.
func (l *list) hide(ids ...kindred.ItemID) {
	for _, id := range ids {
		l.chosen[id] = true
	}
}

// add appends an item unless it is in already or is to stay out.
func (l *list) add(id kindred.ItemID, score float64, source string) {
	if !l.isFull() && !l.chosen[id] {
		l.chosen[id] = true
		l.items = append(l.items, Item{ID: id, Score: score, Source: source})
	}
}

// skipFor returns what must not be taken from a view.
func (l *list) skipFor(v *view) linalg.Bits {
	l.skip = l.catalogue.skip(l.skip, v, l.ask.Filter, l.now)
	for id := range l.chosen {
		if i, known := v.items.Index(string(id)); known {
			l.skip.Set(int(i))
		}
	}
	return l.skip
}

// fromPersonal takes what the personal model scores best for the history.
func (l *list) fromPersonal() {
	v := l.live.personal
	if v == nil || l.isFull() {
		return
	}
	l.taste.history(&l.history, v.items)
	if len(l.history.Items) == 0 {
		return
	}
	want := l.ask.N - len(l.items)
	switch learned := v.learned.(type) {
	case *model.Popularity: // popularity is what a live set falls back to when nothing is better
		return
	case *model.Factors:
		l.vector = learned.UserVector(l.vector, l.history)
		l.scored = v.index.Search(slices.Grow(l.scored[:0], 2*want), l.vector, want, l.skipFor(v))
		l.addAll(v, v.kind())
	default:
		l.score(v, func() { learned.Score(l.scores, l.history) })
		l.addScored(v, v.kind(), math.Inf(-1), want)
	}
}

// fromSimilar takes what goes with the items of the history.
func (l *list) fromSimilar() {
	v := l.live.similar
	if v.neighbours() == nil || l.isFull() || l.live.personal == v {
		return
	}
	l.taste.history(&l.history, v.items)
	if len(l.history.Items) == 0 {
		return
	}
	l.score(v, func() { v.learned.Score(l.scores, l.history) })
	l.addScored(v, sourceSimilar, 0, l.ask.N-len(l.items))
}

// fromNeighbours takes up to want items that go with one item.
func (l *list) fromNeighbours(id kindred.ItemID, want int) {
	for _, v := range []*view{l.live.similar, l.live.personal} {
		if v == nil || l.isFull() || want <= 0 {
			continue
		}
		i, known := v.items.Index(string(id))
		if !known {
			continue
		}
		before := len(l.items)
		want = min(want, l.ask.N-len(l.items))
		switch learned := v.learned.(type) {
		case *model.ItemItem:
			items, weights := learned.Neighbours(i)
			skip := l.skipFor(v)
			for k, j := range items {
				if !skip.Has(int(j)) && len(l.items)-before < want {
					l.add(kindred.ItemID(v.items.ID(j)), float64(weights[k]), sourceSimilar)
				}
			}
		case *model.Factors:
			vectors, dim := learned.ItemVectors()
			vector := vectors[int(i)*dim : (int(i)+1)*dim]
			l.scored = v.index.Search(slices.Grow(l.scored[:0], 2*want), vector, want, l.skipFor(v))
			l.addAll(v, sourceSimilar)
		default:
			continue
		}
		want -= len(l.items) - before
	}
}

// score runs a dense scoring of all items of a view.
func (l *list) score(v *view, score func()) {
	l.scores = slices.Grow(l.scores[:0], v.items.Len())[:v.items.Len()]
	score()
}

// addScored adds the best of l.scores that lie above a threshold.
func (l *list) addScored(v *view, source string, above float64, want int) {
	skip := l.skipFor(v)
	for i := range l.scores {
		if skip.Has(i) || float64(l.scores[i]) <= above {
			l.scores[i] = float32(math.Inf(-1))
		}
	}
	l.scored = linalg.TopK(slices.Grow(l.scored[:0], 2*want), l.scores, want)
	l.addAll(v, source)
}

func (l *list) addAll(v *view, source string) {
	for _, s := range l.scored {
		l.add(kindred.ItemID(v.items.ID(s.Index)), float64(s.Score), source)
	}
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
			l.add(kindred.ItemID(v.items.ID(s.Index)), float64(s.Score), source)
		}
	}
}

func (l *list) fromPopular() {
	if v := l.live.popular; v != nil {
		l.fromRanking(v, v.popularBest, sourcePopular)
	}
}

func (l *list) fromTrending() {
	if v := l.live.popular; v != nil {
		l.fromRanking(v, v.trendingBest, sourceTrending)
	}
}

// fromNewest takes the catalogue's newest items: the end of every chain, and
// all there is before the first training.
func (l *list) fromNewest() {
	if l.isFull() {
		return
	}
	for _, item := range l.catalogue.newestItems() {
		if l.isFull() {
			return
		}
		if item.AvailableAt(l.now) && l.ask.Filter.Match(item) {
			l.add(item.ID, 0, sourceNewest)
		}
	}
}

// stage ends a step of the trace.
func (l *list) stage(name string) {
	if !l.ask.Explain {
		return
	}
	now := l.clock()
	l.stages = append(l.stages, Stage{Name: name, Items: len(l.items), Microseconds: now.Sub(l.last).Microseconds()})
	l.last = now
}
