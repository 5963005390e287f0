package model

import (
	"cmp"
	"io"
	"math"
	"slices"
	"sync"

	"kindred/dataset"
	"kindred/linalg"
)

const (
	shapeMixture  = "mixture"
	maxComponents = 16
)

// scoreScale makes the scores of different components comparable, history by
// history. Only items that a component knows are looked at.
type scoreScale uint32

const (
	// byRange puts the mean of the scores at 0 and the best of an item not in
	// the history at 1, or the standard deviation if that is more: a component
	// to which all items outside the history are alike says little.
	byRange scoreScale = iota
	// byDeviation puts the mean at 0 and the standard deviation at 1.
	byDeviation
	// byRank gives the item at rank r (61)/(60+r), so the first 1, as
	// reciprocal rank fusion does. An item of the history ranks where it would
	// stand among those that are not. Items beyond rankDepth, and those that
	// score no higher than the worst, get 0.
	byRank
	scoreScales
)

const (
	rankOffset = 60
	rankDepth  = 1000
)

// Mixture is the learned shape of hybrids that add their components' scores
// up: scaled history by history and weighted by the length of the history.
// Scoring costs the sum of what the components cost, and three passes over the
// items for each.
//
// An item that nobody met when the components learned is scored by those
// components alone that know more of it than that, from its content: the
// others have no say, for or against.
type Mixture struct {
	components []Learned
	scale      scoreScale
	// counted multiplies an item's score by how many components score it above
	// their mean.
	counted bool
	bounds  []int32   // of history lengths, ascending: a longer history takes the next weights
	weights []float32 // (bounds+1)×components, row-major
	unmet   []int32   // items that nobody met
	aware   []bool    // by component: tells unmet items apart
	scratch sync.Pool // *mixing
}

// mixing is the scratch memory of one call.
type mixing struct {
	scores []float32 // histories×items, of one component
	counts []float32 // likewise, of all
	list   []linalg.Scored
	held   []linalg.Scored // what the history's items scored
}

// newMixture returns a mixture of components fitted on data. The histories of
// some of its users show which components know items that nobody met.
func newMixture(components []Learned, data *dataset.Interactions, scale scoreScale, bounds []int32, weights []float32) *Mixture {
	m := &Mixture{components: components, scale: scale, bounds: bounds, weights: weights, aware: make([]bool, len(components))}
	for i, n := range data.ItemUsers() {
		if n == 0 {
			m.unmet = append(m.unmet, int32(i))
		}
	}
	const shown = 8
	scores := make([]float32, data.ByUser.Width)
	for c := range components {
		for u := 0; u < min(shown, data.ByUser.Rows()) && len(m.unmet) > 0 && !m.aware[c]; u++ {
			components[c].Score(scores, data.History(u))
			for _, i := range m.unmet {
				m.aware[c] = m.aware[c] || scores[i] != 0
			}
		}
	}
	return m
}

// Shape returns "mixture".
func (*Mixture) Shape() string { return shapeMixture }

// Items returns how many items there are.
func (m *Mixture) Items() int { return m.components[0].Items() }

// Components returns the models mixed. The slice is the model's.
func (m *Mixture) Components() []Learned { return m.components }

// Score writes the weighted sum of the components' scaled scores.
func (m *Mixture) Score(scores []float32, history dataset.History) {
	m.ScoreBatch(scores, []dataset.History{history})
}

// ScoreBatch writes what Score writes, for many histories at once: scores is
// histories×items. It may differ from Score in the last bits, as the
// components' do.
func (m *Mixture) ScoreBatch(scores []float32, histories []dataset.History) {
	s, ok := m.scratch.Get().(*mixing)
	if !ok {
		s = new(mixing)
	}
	defer m.scratch.Put(s)
	items := m.Items()
	s.scores = sized(s.scores, len(scores))
	clear(scores)
	if m.counted {
		s.counts = sized(s.counts, len(scores))
		clear(s.counts)
	}
	for c, component := range m.components {
		scoreAll(s.scores, component, histories)
		for h := range histories {
			row := s.scores[h*items : (h+1)*items]
			weight := m.weightsFor(histories[h])[c]
			if weight == 0 {
				continue
			}
			m.rescale(row, histories[h], c, m.scale, s)
			linalg.Axpy(weight, row, scores[h*items:(h+1)*items])
			if m.counted {
				count(s.counts[h*items:(h+1)*items], row)
			}
		}
	}
	for h := range histories {
		row := scores[h*items : (h+1)*items]
		m.restore(row, m.weightsFor(histories[h]))
		if m.counted {
			for i, n := range s.counts[h*items : (h+1)*items] {
				row[i] *= n
			}
		}
	}
}

// count counts the scores above 0.
func count(counts, row []float32) {
	for i, score := range row {
		if score > 0 {
			counts[i]++
		}
	}
}

// weightsFor returns the components' weights for a history.
func (m *Mixture) weightsFor(history dataset.History) []float32 {
	bucket := 0
	for bucket < len(m.bounds) && len(history.Items) > int(m.bounds[bucket]) {
		bucket++
	}
	return m.weights[bucket*len(m.components) : (bucket+1)*len(m.components)]
}

// rescale scales the scores of component c.
func (m *Mixture) rescale(row []float32, history dataset.History, c int, scale scoreScale, s *mixing) {
	unknown := m.unmet
	if m.aware[c] {
		unknown = nil
	}
	s.rescale(row, history, unknown, scale)
	for _, i := range unknown {
		row[i] = 0
	}
}

// restore gives unmet items the mean of those components that know them, on
// the footing of the sum of all.
func (m *Mixture) restore(row, weights []float32) {
	all, aware := float32(0), float32(0)
	for c, weight := range weights {
		all += weight
		if m.aware[c] {
			aware += weight
		}
	}
	if aware == 0 || aware == all {
		return
	}
	for _, i := range m.unmet {
		row[i] *= all / aware
	}
}

// rescale scales one component's scores for a history; unknown items have no
// part in it.
func (s *mixing) rescale(row []float32, history dataset.History, unknown []int32, scale scoreScale) {
	if scale == byRank {
		s.ranked(row, history)
		return
	}
	n := float64(len(row) - len(unknown))
	sum := 0.
	for _, score := range row {
		sum += float64(score)
	}
	for _, i := range unknown {
		sum -= float64(row[i])
	}
	mean := float32(sum / max(1, n))
	squares := 0.
	for _, score := range row {
		squares += float64(score-mean) * float64(score-mean)
	}
	for _, i := range unknown {
		squares -= float64(row[i]-mean) * float64(row[i]-mean)
	}
	unit := float32(math.Sqrt(max(0, squares) / max(1, n)))
	if scale == byRange {
		if best := s.unseen(row, history, 1); len(best) > 0 {
			unit = max(unit, best[0].Score-mean)
		}
	}
	if unit <= 1e-12*max(1, float32(math.Abs(float64(mean)))) { // all alike: nothing is said
		clear(row)
		return
	}
	for i := range row {
		row[i] = (row[i] - mean) / unit
	}
}

// ranked replaces scores by scaled reciprocal ranks.
func (s *mixing) ranked(row []float32, history dataset.History) {
	if len(row) == 0 {
		return
	}
	worst := slices.Min(row)
	list := s.unseen(row, history, rankDepth)
	clear(row)
	for rank, scored := range list {
		if scored.Score > worst {
			row[scored.Index] = reciprocal(rank)
		}
	}
	for _, held := range slices.Backward(s.held) {
		row[held.Index] = 0
		if held.Score > worst {
			rank, _ := slices.BinarySearchFunc(list, held.Score, func(a linalg.Scored, score float32) int { return cmp.Compare(score, a.Score) })
			row[held.Index] = reciprocal(rank)
		}
	}
}

// reciprocal is the scaled reciprocal of a rank that counts from 0.
func reciprocal(rank int) float32 { return (rankOffset + 1) / float32(rankOffset+1+rank) }

// unseen returns the k best items that are not in the history.
func (s *mixing) unseen(row []float32, history dataset.History, k int) []linalg.Scored {
	s.held = s.held[:0]
	for _, i := range history.Items {
		if i >= 0 && int(i) < len(row) {
			s.held = append(s.held, linalg.Scored{Index: i, Score: row[i]})
			row[i] = float32(math.Inf(-1))
		}
	}
	s.list = linalg.TopK(s.list, row, k)
	for _, held := range slices.Backward(s.held) { // of an item held twice the first is true
		row[held.Index] = held.Score
	}
	return s.list
}

// WriteTo writes the shape for Read.
func (m *Mixture) WriteTo(w io.Writer) (int64, error) {
	e := newEncoder(w, shapeMixture)
	e.u32(uint32(m.scale))
	e.bools([]bool{m.counted})
	e.int32s(m.bounds)
	e.float32s(m.weights)
	e.int32s(m.unmet)
	e.bools(m.aware)
	for _, component := range m.components {
		e.nested(component)
	}
	return e.close()
}

func readMixture(d *decoder) *Mixture {
	m := &Mixture{scale: scoreScale(d.u32())}
	counted := d.bools()
	m.bounds, m.weights, m.unmet, m.aware = d.int32s(), d.float32s(), d.int32s(), d.bools()
	n := len(m.aware)
	d.check(m.scale < scoreScales, len(counted) == 1, slices.IsSorted(m.bounds), n > 0, n <= maxComponents, len(m.weights) == n*(len(m.bounds)+1))
	for c := 0; c < n && d.err == nil; c++ {
		m.components = append(m.components, d.nested())
		d.check(d.err != nil || m.components[c].Items() == m.components[0].Items())
	}
	if d.err != nil {
		return nil
	}
	m.counted = counted[0]
	for _, i := range m.unmet {
		d.check(i >= 0, int(i) < m.Items())
	}
	return m
}
