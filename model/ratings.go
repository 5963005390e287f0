package model

import (
	"errors"
	"fmt"
	"math"

	"kindred/dataset"
	"kindred/linalg"
)

// What the models of ratings share. They learn from standardised ratings,
//
//	z(u,i) = (r(u,i) − mean) / spread
//
// with the mean and the standard deviation of all ratings, so that a setting
// means the same on every scale: ratings times twenty give predictions times
// twenty. Score writes the predicted rating and nothing else; PredictRatings
// keeps it within the range of the ratings learned from. No model has users: a
// user is folded in from the ratings of the history, items unknown to the
// model and ratings that are no number passed over.

// ratingScale is where the ratings lie.
type ratingScale struct{ mean, spread, low, high float64 }

// rating returns the rating that a standardised one stands for.
func (s ratingScale) rating(z float32) float32 { return float32(s.mean + s.spread*float64(z)) }

// standard is the inverse of rating.
func (s ratingScale) standard(rating float32) float32 {
	return float32((float64(rating) - s.mean) / s.spread)
}

// ratings turns predictions into ratings within the range, in place.
func (s ratingScale) ratings(z []float32) {
	for k, x := range z {
		z[k] = min(float32(s.high), max(float32(s.low), s.rating(x)))
	}
}

// scores turns predictions into ratings of any size, in place: at the ends of
// the range items would otherwise tie.
func (s ratingScale) scores(z []float32) {
	for k, x := range z {
		z[k] = s.rating(x)
	}
}

func (s ratingScale) writeTo(e *encoder) {
	for _, x := range []float64{s.mean, s.spread, s.low, s.high} {
		e.f64(x)
	}
}

func readRatingScale(d *decoder) ratingScale {
	s := ratingScale{mean: d.f64(), spread: d.f64(), low: d.f64(), high: d.f64()}
	const limit = math.MaxFloat32
	d.check(math.Abs(s.mean) <= limit, s.spread > 0, s.spread <= limit, s.low >= -limit, s.low <= s.high, s.high <= limit)
	return s
}

// standardRatings are the ratings as models learn from them.
type standardRatings struct {
	scale  ratingScale
	byUser *linalg.CSR // users×items: z
}

// standardise returns the ratings of data standardised; an error if it knows
// of none. Ratings that are all alike have a spread of 1.
func standardise(kind string, data *dataset.Interactions) (*standardRatings, error) {
	if data.Ratings == nil {
		return nil, fmt.Errorf("model: %s learns from ratings, and there are none (import events of the kind rating, or choose another model)", kind)
	}
	s := ratingScale{spread: 1}
	vals := data.Ratings.Vals
	if n := float64(len(vals)); n > 0 {
		s.low, s.high = math.Inf(1), math.Inf(-1)
		for _, r := range vals {
			x := float64(r)
			s.mean += x / n
			s.low, s.high = min(s.low, x), max(s.high, x)
		}
		squares := 0.0
		for _, r := range vals {
			squares += (float64(r) - s.mean) * (float64(r) - s.mean)
		}
		if deviation := math.Sqrt(squares / n); deviation > 1e-6*max(math.Abs(s.low), math.Abs(s.high)) {
			s.spread = deviation
		}
	}
	if !(s.high-s.low < math.MaxFloat32) {
		return nil, errors.New("model: a rating is not a finite number (remove it)")
	}
	z := *data.Ratings
	z.Vals = make([]float32, len(vals))
	for k, r := range vals {
		z.Vals[k] = s.standard(r)
	}
	return &standardRatings{scale: s, byUser: &z}, nil
}

// knownRatings appends what a model of that many items knows of a history's
// ratings, standardised.
func (s ratingScale) knownRatings(items []int32, z []float32, history dataset.History, known int) ([]int32, []float32) {
	for k, i := range history.Rated {
		x := s.standard(history.Ratings[k])
		if i >= 0 && int(i) < known && x-x == 0 { // neither NaN nor infinite
			items, z = append(items, i), append(z, x)
		}
	}
	return items, z
}

// itemAt is the k-th of the items to predict for: of those listed, or of all.
func itemAt(items []int32, k int) int {
	if items == nil {
		return k
	}
	return int(items[k])
}
