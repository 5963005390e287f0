package model

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"

	"kindred/dataset"
	"kindred/linalg"
)

// RatingNMF predicts a rating, above the lowest there is, by the product of two
// vectors without negative parts, so that each part can be read as a taste
// that a user has more or less of:
//
//	r(u,i) = low + spread·p_uᵀq_i
//	minimise  Σ (x(u,i) − p_uᵀq_i)² + Lambda·Σ ‖p_u − p̄‖² + Lambda·Σ ‖q_i − q̄‖²,  p, q ≥ 0
//
// with x = (r − low)/spread, and p̄ and q̄ the means over users and items. Users
// and items are gone over in turn, each by coordinate descent.
//
// Papers: D. Lee, H. Seung, "Algorithms for Non-negative Matrix Factorization",
// NIPS 2000; for ratings, S. Zhang et al., "Learning from Incomplete Ratings
// Using Non-negative Matrix Factorization", SDM 2006; coordinate descent:
// A. Cichocki, A.-H. Phan, "Fast Local Algorithms for Large Scale Nonnegative
// Matrix and Tensor Factorizations", IEICE 2009.
//
// Departure: vectors are drawn to their mean, not to zero, so that whoever
// rated nothing is taken for average.
//
// Cost: O(ratings·Factors) an epoch; 4·Factors bytes an item and, while
// fitting, a user.
type RatingNMF struct {
	Factors int     `json:"factors" range:"1,2048" tune:"5,100,log"`
	Epochs  int     `json:"epochs" range:"1,1000" tune:"10,60"`
	Lambda  float64 `json:"lambda" range:"1e-6,1e6" tune:"1,50,log"`
	Seed    uint64  `json:"seed"`
}

// NewRatingNMF returns a RatingNMF as it does well on many sets.
func NewRatingNMF() *RatingNMF { return &RatingNMF{Factors: 30, Epochs: 40, Lambda: 12, Seed: 1} }

// Kind returns "ratingnmf".
func (*RatingNMF) Kind() string { return "ratingnmf" }

// Validate reports every setting out of range.
func (a *RatingNMF) Validate() error { return validate(a) }

// Fit alternates. It returns a *RatingParts.
func (a *RatingNMF) Fit(ctx context.Context, data *dataset.Interactions, progress func(Progress)) (Learned, error) {
	if err := errors.Join(a.Validate(), ctx.Err()); err != nil {
		return nil, err
	}
	ratings, err := standardise(a.Kind(), data)
	if err != nil {
		return nil, err
	}
	x, total := ratings.byUser, 0.0
	low := ratings.scale.standard(float32(ratings.scale.low))
	for k := range x.Vals {
		x.Vals[k] = max(0, x.Vals[k]-low)
		total += float64(x.Vals[k]) / float64(len(x.Vals))
	}
	// Users start alike, so that their order is no matter; items are drawn.
	size, dice := math.Sqrt(total/float64(a.Factors)), rand.New(rand.NewPCG(a.Seed, 0))
	users := newParts(x, a.Factors, func() float64 { return size })
	items := newParts(x.Transpose(), a.Factors, func() float64 { return size * (0.5 + dice.Float64()) })
	for epoch := 1; epoch <= a.Epochs; epoch++ {
		a.half(ctx, users, items)
		a.half(ctx, items, users)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		loss := items.loss()
		if math.IsNaN(loss) || math.IsInf(loss, 0) {
			return nil, fmt.Errorf("model: ratingnmf, epoch %d: the squared error is %v (try a larger lambda)", epoch, loss)
		}
		if progress != nil {
			progress(Progress{Epoch: epoch, Epochs: a.Epochs, Loss: map[string]float64{"squared": loss}})
		}
	}
	return &RatingParts{scale: ratings.scale, lambda: a.Lambda, mean: users.mean, vectors: items.vectors}, nil
}

// parts is the users or the items of a fit.
type parts struct {
	rated   *linalg.CSR // rows of the other side, and x
	vectors []float32   // rows×factors
	mean    []float32   // factors
	squared []float64   // by row: error when last gone over
}

func newParts(rated *linalg.CSR, factors int, draw func() float64) *parts {
	s := &parts{
		rated: rated, vectors: make([]float32, rated.Rows()*factors),
		mean: make([]float32, factors), squared: make([]float64, rated.Rows()),
	}
	for k := range s.vectors {
		s.vectors[k] = float32(draw())
	}
	s.average()
	return s
}

// average takes the mean of the rows that have ratings.
func (s *parts) average() {
	d := len(s.mean)
	sums, n := make([]float64, d), 0
	for r := range s.rated.Rows() {
		if s.rated.Starts[r] == s.rated.Starts[r+1] {
			continue
		}
		n++
		for f, x := range s.vectors[r*d : (r+1)*d] {
			sums[f] += float64(x)
		}
	}
	for f, sum := range sums {
		s.mean[f] = float32(sum / float64(max(1, n)))
	}
}

func (s *parts) loss() (sum float64) {
	for _, x := range s.squared {
		sum += x
	}
	return sum
}

// half goes over all rows of one side; rows without ratings become average.
func (a *RatingNMF) half(ctx context.Context, moved, fixed *parts) {
	d := a.Factors
	workers := make([]coordinates, runtime.GOMAXPROCS(0))
	linalg.Parallel(len(workers), moved.rated.Rows(), func(worker, lo, hi int) {
		for r := lo; r < hi && ctx.Err() == nil; r++ {
			cols, x := moved.rated.Row(r)
			vector := moved.vectors[r*d : (r+1)*d]
			workers[worker].start(vector, fixed.vectors, cols, x)
			const sweeps = 2
			for range sweeps {
				workers[worker].sweep(vector, moved.mean, a.Lambda)
			}
			moved.squared[r] = float64(linalg.Dot(workers[worker].left, workers[worker].left))
		}
	})
	moved.average()
}

// coordinates is one problem without negative parts,
//
//	minimise  Σ_k (x_k − y_kᵀv)² + λ·‖v − mean‖²  over v ≥ 0
//
// which is convex, so that sweeps over the coordinates of v end in the one
// solution.
type coordinates struct {
	left    []float32 // x_k − y_kᵀv
	columns []float32 // factors×n: y transposed
}

func (c *coordinates) start(v, y []float32, rows []int32, x []float32) {
	n, d := len(rows), len(v)
	c.left, c.columns = sized(c.left, n), sized(c.columns, n*d)
	for k, row := range rows {
		vector := y[int(row)*d : (int(row)+1)*d]
		c.left[k] = x[k] - linalg.Dot(v, vector)
		for f, value := range vector {
			c.columns[f*n+k] = value
		}
	}
}

// sweep improves each coordinate once and returns the largest step.
func (c *coordinates) sweep(v, mean []float32, lambda float64) (moved float64) {
	n := len(c.left)
	for f, old := range v {
		column := c.columns[f*n : (f+1)*n]
		square := float64(linalg.Dot(column, column))
		best := (float64(linalg.Dot(column, c.left)) + square*float64(old) + lambda*float64(mean[f])) / (square + lambda)
		v[f] = float32(max(0, best))
		linalg.Axpy(old-v[f], column, c.left)
		moved = max(moved, math.Abs(float64(v[f]-old)))
	}
	return moved
}

const shapeRatingParts = "ratingparts"

// RatingParts is the learned shape of RatingNMF: a vector an item, and the mean
// of the users', from which a history's vector is solved for.
type RatingParts struct {
	scale   ratingScale
	lambda  float64
	mean    []float32 // factors
	vectors []float32 // items×factors
	scratch sync.Pool // *partsFoldIn
}

// partsFoldIn is the scratch memory of one request.
type partsFoldIn struct {
	coordinates coordinates
	items       []int32
	x, user     []float32
}

// Shape returns "ratingparts".
func (*RatingParts) Shape() string { return shapeRatingParts }

// Items returns how many items there are.
func (m *RatingParts) Items() int { return len(m.vectors) / len(m.mean) }

// fold leaves the history's vector in s.user.
func (m *RatingParts) fold(s *partsFoldIn, history dataset.History) {
	const (
		sweeps = 300
		still  = 1e-5
	)
	s.items, s.x = m.scale.knownRatings(s.items[:0], s.x[:0], history, m.Items())
	low := m.scale.standard(float32(m.scale.low))
	for k := range s.x {
		s.x[k] -= low
	}
	s.user = append(s.user[:0], m.mean...)
	s.coordinates.start(s.user, m.vectors, s.items, s.x)
	for range sweeps {
		if s.coordinates.sweep(s.user, m.mean, m.lambda) < still {
			return
		}
	}
}

// Score writes the predicted rating of every item.
func (m *RatingParts) Score(scores []float32, history dataset.History) {
	m.predict(scores, history, nil)
	m.scale.scores(scores)
}

// PredictRatings writes how whoever has this history would rate the items.
func (m *RatingParts) PredictRatings(ratings []float32, history dataset.History, items []int32) {
	m.predict(ratings, history, items)
	m.scale.ratings(ratings)
}

func (m *RatingParts) predict(z []float32, history dataset.History, items []int32) {
	s, ok := m.scratch.Get().(*partsFoldIn)
	if !ok {
		s = new(partsFoldIn)
	}
	defer m.scratch.Put(s)
	m.fold(s, history)
	d, low := len(m.mean), m.scale.standard(float32(m.scale.low))
	for k := range z {
		z[k] = 0 // the mean rating
		if i := itemAt(items, k); uint(i) < uint(m.Items()) {
			z[k] = low + linalg.Dot(s.user, m.vectors[i*d:(i+1)*d])
		}
	}
}

// WriteTo writes the shape for Read.
func (m *RatingParts) WriteTo(w io.Writer) (int64, error) {
	e := newEncoder(w, shapeRatingParts)
	m.scale.writeTo(e)
	e.f64(m.lambda)
	e.float32s(m.mean)
	e.float32s(m.vectors)
	return e.close()
}

func readRatingParts(d *decoder) *RatingParts {
	m := &RatingParts{scale: readRatingScale(d), lambda: d.f64(), mean: d.float32s(), vectors: d.float32s()}
	d.check(m.lambda > 0, m.lambda < math.Inf(1), len(m.mean) > 0, len(m.mean) <= maxFactors)
	if d.err != nil {
		return nil
	}
	d.check(len(m.vectors)%len(m.mean) == 0, len(m.vectors)/len(m.mean) < maxItems)
	return m
}
