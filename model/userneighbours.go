package model

import (
	"io"
	"math"
	"slices"
	"sync"

	"kindred/dataset"
	"kindred/linalg"
)

const shapeUserNeighbours = "userneighbours"

// UserNeighbours is the learned shape of UserKNN: everyone's history, without
// names.
type UserNeighbours struct {
	neighbours        int
	locality, recency float64
	weights           *weights // of a history's items
	centre            *centring
	users             []summary
	byItem            *linalg.CSR // items×users: x, the users to look at first
	met               *linalg.CSR // users×items: what a neighbour speaks for
	discounts         []float32   // by item; nil: 1
	scratch           sync.Pool   // *comparison
}

// comparison is the scratch memory of one request.
type comparison struct {
	sums  *linalg.Accumulator
	best  []linalg.Scored
	items []int32
	x     []float32
}

// ready makes the model able to score.
func (m *UserNeighbours) ready() *UserNeighbours {
	m.scratch.New = func() any {
		return &comparison{sums: linalg.NewAccumulator(len(m.users))}
	}
	return m
}

// Shape returns "userneighbours".
func (*UserNeighbours) Shape() string { return shapeUserNeighbours }

// Items returns how many items there are.
func (m *UserNeighbours) Items() int { return m.met.Width }

// Score writes for each item what the users most like the history say of it.
func (m *UserNeighbours) Score(scores []float32, history dataset.History) {
	clear(scores)
	c, ok := m.scratch.Get().(*comparison)
	if !ok {
		return // the pool makes nothing else
	}
	defer m.scratch.Put(c)
	s := m.weights.similarity
	m.prepare(c, &history)
	for k, i := range c.items {
		users, x := m.byItem.Row(int(i))
		c.sums.Add(users, x, c.x[k])
	}
	users, similarities := c.sums.Take()
	s.score(s.summarise(m.centre, c.items, c.x), m.users, users, similarities, m.centre, m.Items())
	sharpen(similarities, m.locality)
	c.best = linalg.TopK(c.best[:0], similarities, m.neighbours)
	for _, b := range c.best {
		if !(b.Score > 0) {
			break
		}
		items, weights := m.met.Row(int(users[b.Index]))
		for n, j := range items {
			scores[j] += b.Score * weights[n]
		}
	}
	if m.discounts != nil {
		for j, d := range m.discounts {
			scores[j] *= d
		}
	}
}

// prepare makes a column x of what the model knows of a history.
func (m *UserNeighbours) prepare(c *comparison, history *dataset.History) {
	items, values := history.Items, history.Weights
	if m.weights.explicit {
		items, values = history.Rated, history.Ratings
	}
	c.items, c.x = c.items[:0], c.x[:0]
	for k, i := range items {
		if i < 0 || int(i) >= m.Items() {
			continue
		}
		value := float32(1)
		if values != nil {
			value = values[k]
		}
		c.items, c.x = append(c.items, i), append(c.x, value)
	}
	m.weights.column(c.items, c.x)
	if m.recency > 0 {
		for k := range c.x {
			c.x[k] *= float32(math.Pow(float64(len(c.x)-k), -m.recency))
		}
	}
}

// WriteTo writes the shape for Read.
func (m *UserNeighbours) WriteTo(w io.Writer) (int64, error) {
	e := newEncoder(w, shapeUserNeighbours)
	s := &m.weights.similarity
	e.u32(uint32(slices.Index(similarities(), s.Name)))
	for _, x := range m.numbers() {
		e.f64(*x)
	}
	e.u32(uint32(m.neighbours))
	e.int32s(m.flags())
	e.float32s(m.weights.factors)
	e.float32s(m.weights.means)
	if m.centre != nil {
		e.float32s(m.centre.means)
	}
	e.words(4*len(m.users), func(k int) uint32 { return math.Float32bits(*m.users[k/4].number(k % 4)) })
	e.float32s(m.discounts)
	e.matrix(m.byItem)
	e.matrix(m.met)
	return e.close()
}

// numbers are what is written as such.
func (m *UserNeighbours) numbers() []*float64 {
	s := &m.weights.similarity
	return []*float64{&s.Shrink, &s.Asymmetry, &s.WeightPower, &s.K1, &s.B, &m.weights.meanLength, &m.locality, &m.recency}
}

// flags say whether ratings are compared and whether there is a centring.
func (m *UserNeighbours) flags() []int32 {
	flags := []int32{0, 0}
	if m.weights.explicit {
		flags[0] = 1
	}
	if m.centre != nil {
		flags[1] = 1
	}
	return flags
}

func readUserNeighbours(d *decoder) *UserNeighbours {
	m := &UserNeighbours{weights: &weights{}}
	name := d.u32()
	d.check(name < uint32(len(similarities())))
	for _, x := range m.numbers() {
		*x = d.f64()
		d.check(*x >= 0, *x <= maxElements)
	}
	m.neighbours = int(d.u32())
	flags := d.int32s()
	d.check(m.neighbours > 0, m.neighbours < maxItems, len(flags) == 2, m.weights.meanLength > 0)
	if d.err != nil {
		return m
	}
	m.weights.Name, m.weights.explicit = similarities()[name], flags[0] == 1
	m.weights.factors, m.weights.means = d.float32s(), d.float32s()
	if flags[1] == 1 {
		m.centre = &centring{means: d.float32s()}
	}
	users := d.float32s()
	m.users = make([]summary, len(users)/4)
	for k, x := range users {
		if k/4 < len(m.users) {
			*m.users[k/4].number(k % 4) = x
		}
	}
	m.discounts = d.float32s()
	m.byItem, m.met = d.matrix(), d.matrix()
	items := m.met.Width
	d.check(len(users)%4 == 0, m.byItem.Width == len(m.users), m.byItem.Rows() == items, m.met.Rows() == len(m.users),
		len(m.weights.factors) == items, len(m.discounts) == 0 || len(m.discounts) == items)
	m.restore(d, items)
	return m.ready()
}

// restore makes what was not written anew, and nil of what was not there.
func (m *UserNeighbours) restore(d *decoder, items int) {
	byMean := m.weights.Name == adjustedCosine
	d.check((m.weights.explicit && byMean) == (len(m.weights.means) > 0) || items == 0)
	if len(m.weights.means) == 0 {
		m.weights.means = nil
	}
	if len(m.discounts) == 0 {
		m.discounts = nil
	}
	if m.centre == nil {
		return
	}
	m.centre.rows = float64(max(items, 1))
	d.check(byMean == (len(m.centre.means) > 0) || items == 0, len(m.centre.means) == 0 || len(m.centre.means) == items)
	if !byMean {
		m.centre.means = nil
	}
	for _, mean := range m.centre.means {
		m.centre.constant += float64(mean) * float64(mean)
	}
}
