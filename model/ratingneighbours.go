package model

import (
	"io"
	"math"
	"sync"

	"kindred/dataset"
	"kindred/linalg"
)

const shapeRatingNeighbours = "ratingneighbours"

// RatingNeighbours is the learned shape of RatingKNN by items.
type RatingNeighbours struct {
	biases     *Biases
	most       int // neighbours that count
	damping    float64
	neighbours *linalg.CSR // items×items, each row most similar first
	scratch    sync.Pool   // *ratingLookup
}

// Shape returns "ratingneighbours".
func (*RatingNeighbours) Shape() string { return shapeRatingNeighbours }

// Items returns how many items there are.
func (m *RatingNeighbours) Items() int { return m.biases.Items() }

// Score writes the predicted rating of every item.
func (m *RatingNeighbours) Score(scores []float32, history dataset.History) {
	m.predict(scores, history, nil)
	m.biases.scale.scores(scores)
}

// PredictRatings writes how whoever has this history would rate the items.
func (m *RatingNeighbours) PredictRatings(ratings []float32, history dataset.History, items []int32) {
	m.predict(ratings, history, items)
	m.biases.scale.ratings(ratings)
}

func (m *RatingNeighbours) predict(z []float32, history dataset.History, items []int32) {
	l, ok := m.scratch.Get().(*ratingLookup)
	if !ok {
		l = new(ratingLookup)
	}
	defer m.scratch.Put(l)
	l.set(m.biases.scale, history, m.Items())
	defer l.clear()
	bias := userBias(m.biases.items, l.items, l.z, m.biases.shrink)
	for k := range z {
		i := itemAt(items, k)
		z[k] = bias + m.biases.item(i)
		if uint(i) >= uint(m.Items()) || len(l.items) == 0 {
			continue
		}
		sum, total, left := 0.0, m.damping, m.most
		others, similarities := m.neighbours.Row(i)
		for n, j := range others {
			if !l.rated.Has(int(j)) {
				continue
			}
			sum += float64(similarities[n]) * float64(l.byAll[j]-bias-m.biases.items[j])
			total += float64(similarities[n])
			left--
			if left == 0 {
				break
			}
		}
		if total > 0 {
			z[k] += float32(sum / total)
		}
	}
}

// WriteTo writes the shape for Read.
func (m *RatingNeighbours) WriteTo(w io.Writer) (int64, error) {
	e := newEncoder(w, shapeRatingNeighbours)
	m.biases.fieldsTo(e)
	e.u32(uint32(m.most))
	e.f64(m.damping)
	e.matrix(m.neighbours)
	return e.close()
}

func readRatingNeighbours(d *decoder) *RatingNeighbours {
	m := &RatingNeighbours{biases: readBiases(d), most: int(d.u32()), damping: d.f64(), neighbours: d.matrix()}
	d.check(
		m.most > 0, m.damping >= 0, m.damping < math.Inf(1),
		m.neighbours.Rows() == m.Items(), m.neighbours.Width == m.Items(),
	)
	return m
}

const shapeRatingPeople = "ratingpeople"

// RatingPeople is the learned shape of RatingKNN by users: what everyone rated,
// less the baseline. Cost of a request: the ratings of the items that the
// history rated, and of the items asked for.
type RatingPeople struct {
	biases     *Biases
	similarity shrunkPearson
	most       int // users that count
	damping    float64
	users      int
	residuals  *linalg.CSR // items×users
	scratch    sync.Pool   // *ratingCrowd
}

// ratingCrowd is the scratch memory of one request.
type ratingCrowd struct {
	items        []int32
	z            []float32
	sums         []common  // by user
	similarities []float32 // by user
	met          []float32 // similarities of the users of one item
	best         []linalg.Scored
}

// Shape returns "ratingpeople".
func (*RatingPeople) Shape() string { return shapeRatingPeople }

// Items returns how many items there are.
func (m *RatingPeople) Items() int { return m.biases.Items() }

// Score writes the predicted rating of every item.
func (m *RatingPeople) Score(scores []float32, history dataset.History) {
	m.predict(scores, history, nil)
	m.biases.scale.scores(scores)
}

// PredictRatings writes how whoever has this history would rate the items.
func (m *RatingPeople) PredictRatings(ratings []float32, history dataset.History, items []int32) {
	m.predict(ratings, history, items)
	m.biases.scale.ratings(ratings)
}

func (m *RatingPeople) predict(z []float32, history dataset.History, items []int32) {
	c, ok := m.scratch.Get().(*ratingCrowd)
	if !ok {
		c = new(ratingCrowd)
	}
	defer m.scratch.Put(c)
	c.items, c.z = m.biases.scale.knownRatings(c.items[:0], c.z[:0], history, m.Items())
	bias := userBias(m.biases.items, c.items, c.z, m.biases.shrink)
	m.compare(c, bias)
	for k := range z {
		i := itemAt(items, k)
		z[k] = bias + m.biases.item(i)
		if uint(i) >= uint(m.Items()) {
			continue
		}
		users, residuals := m.residuals.Row(i)
		c.met = sized(c.met, len(users))
		for n, v := range users {
			c.met[n] = c.similarities[v]
		}
		c.best = linalg.TopK(c.best[:0], c.met, m.most)
		sum, total := 0.0, m.damping
		for _, b := range c.best {
			sum += float64(b.Score) * float64(residuals[b.Index])
			total += float64(b.Score)
		}
		if total > 0 {
			z[k] += float32(sum / total)
		}
	}
}

// compare finds how like the history each user is.
func (m *RatingPeople) compare(c *ratingCrowd, bias float32) {
	c.sums, c.similarities = sized(c.sums, m.users), sized(c.similarities, m.users)
	clear(c.sums)
	for k, i := range c.items {
		x := float64(c.z[k] - bias - m.biases.items[i])
		users, residuals := m.residuals.Row(int(i))
		for n, v := range users {
			y, sum := float64(residuals[n]), &c.sums[v]
			sum.users++
			sum.product += x * y
			sum.own += x * x
			sum.other += y * y
		}
	}
	for v := range c.sums {
		c.similarities[v] = m.similarity.of(&c.sums[v])
	}
}

// WriteTo writes the shape for Read.
func (m *RatingPeople) WriteTo(w io.Writer) (int64, error) {
	e := newEncoder(w, shapeRatingPeople)
	m.biases.fieldsTo(e)
	e.f64(m.similarity.shrink)
	e.f64(m.similarity.power)
	e.u32(uint32(m.most))
	e.f64(m.damping)
	e.matrix(m.residuals)
	return e.close()
}

func readRatingPeople(d *decoder) *RatingPeople {
	m := &RatingPeople{
		biases: readBiases(d), similarity: shrunkPearson{d.f64(), d.f64()}, most: int(d.u32()), damping: d.f64(), residuals: d.matrix(),
	}
	m.users = m.residuals.Width
	d.check(
		m.similarity.shrink >= 0, m.similarity.shrink < math.Inf(1), m.similarity.power > 0, m.similarity.power <= 10,
		m.most > 0, m.damping >= 0, m.damping < math.Inf(1), m.residuals.Rows() == m.Items(),
	)
	return m
}
