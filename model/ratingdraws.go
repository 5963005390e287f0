package model

import (
	"io"
	"math"
	"sync"

	"kindred/dataset"
	"kindred/linalg"
)

const shapeRatingDraws = "ratingdraws"

// RatingDraws is the learned shape of BayesMF: several models, each likely,
// whose predictions are averaged. Each folds the history in on its own, which
// costs a ridge regression, and an inner product for each item asked for.
type RatingDraws struct {
	scale   ratingScale
	width   int // factors and the bias
	items   int
	draws   []ratingDraw
	scratch sync.Pool // *drawsFoldIn
}

// ratingDraw is one of them.
type ratingDraw struct {
	precision     float64   // of a rating: τ
	centre, prior []float32 // width: μ and κ of users
	vectors       []float32 // items×width: q and 1
	biases        []float32 // items
	means         []float32 // items×width: mean of q and of the bias, to predict with
	links         []float32 // items×width: y
}

// drawsFoldIn is the scratch memory of one request.
type drawsFoldIn struct {
	fold       gaussianFold
	items      []int32
	z, left    []float32
	prior      []float64
	user, mean []float32
}

// Shape returns "ratingdraws".
func (*RatingDraws) Shape() string { return shapeRatingDraws }

// Items returns how many items there are.
func (m *RatingDraws) Items() int { return m.items }

// Score writes the predicted rating of every item.
func (m *RatingDraws) Score(scores []float32, history dataset.History) {
	m.predict(scores, history, nil)
	m.scale.scores(scores)
}

// PredictRatings writes how whoever has this history would rate the items.
func (m *RatingDraws) PredictRatings(ratings []float32, history dataset.History, items []int32) {
	m.predict(ratings, history, items)
	m.scale.ratings(ratings)
}

func (m *RatingDraws) predict(z []float32, history dataset.History, items []int32) {
	s, ok := m.scratch.Get().(*drawsFoldIn)
	if !ok {
		s = new(drawsFoldIn)
	}
	defer m.scratch.Put(s)
	s.items, s.z = m.scale.knownRatings(s.items[:0], s.z[:0], history, m.items)
	clear(z)
	share, w := 1/float32(len(m.draws)), m.width
	for n := range m.draws {
		d := &m.draws[n]
		m.foldIn(s, d)
		// The user's bias stands where the item's mean bias does: it is added
		// apart, and the factor of the latter is 1.
		bias := s.user[w-1]
		s.user[w-1] = 1
		for k := range z {
			x := bias
			if i := itemAt(items, k); uint(i) < uint(m.items) {
				x += linalg.Dot(s.user, d.means[i*w:(i+1)*w])
			}
			z[k] += share * x
		}
	}
}

// foldIn leaves the history's mean vector under one draw in s.user.
func (m *RatingDraws) foldIn(s *drawsFoldIn, d *ratingDraw) {
	s.user, s.mean, s.left, s.prior = sized(s.user, m.width), sized(s.mean, m.width), sized(s.left, len(s.items)), sized(s.prior, m.width)
	impliedVector(s.mean, d.links, s.items)
	linalg.Axpy(1, d.centre, s.mean)
	for f, kappa := range d.prior {
		s.prior[f] = float64(kappa)
	}
	for k, i := range s.items {
		s.left[k] = s.z[k] - d.biases[i]
	}
	s.fold.solve(s.user, s.mean, d.vectors, s.items, s.left, d.precision, s.prior)
}

// WriteTo writes the shape for Read.
func (m *RatingDraws) WriteTo(w io.Writer) (int64, error) {
	e := newEncoder(w, shapeRatingDraws)
	m.scale.writeTo(e)
	e.u32(uint32(m.width))
	e.u64(uint64(m.items))
	e.u32(uint32(len(m.draws)))
	for n := range m.draws {
		d := &m.draws[n]
		e.f64(d.precision)
		for _, x := range d.slices() {
			e.float32s(*x)
		}
	}
	return e.close()
}

func (d *ratingDraw) slices() []*[]float32 {
	return []*[]float32{&d.centre, &d.prior, &d.vectors, &d.biases, &d.means, &d.links}
}

func readRatingDraws(d *decoder) *RatingDraws {
	m := &RatingDraws{scale: readRatingScale(d), width: int(d.u32())}
	items, draws := d.u64(), int(d.u32())
	d.check(m.width > 1, m.width <= maxFactors, items < maxItems, draws > 0)
	m.items = int(items)
	for n := 0; n < draws && d.err == nil; n++ {
		one := ratingDraw{precision: d.f64()}
		for _, x := range one.slices() {
			*x = d.float32s()
		}
		matrix := m.items * m.width
		d.check(
			one.precision > 0, one.precision < math.Inf(1), len(one.centre) == m.width, len(one.prior) == m.width,
			len(one.vectors) == matrix, len(one.biases) == m.items, len(one.means) == matrix, len(one.links) == matrix,
		)
		for _, kappa := range one.prior {
			d.check(kappa > 0)
		}
		m.draws = append(m.draws, one)
	}
	return m
}
