package dataset

import (
	"math"
	"slices"

	"kindred"
)

// Normalise puts ratings on the scale of the user who gave them, so that a 3
// of somebody who never gives more is no rejection. With r a rating, and mean
// and deviation (that of a population) over the last ratings of each item that
// the user rated:
//
//	mean      r − mean
//	zscore    (r − mean) / deviation
//	quantile  2q − 1, q being the share of the user's ratings below r, plus half
//	          of those equal to it: −1 to 1
//
// 0 is the user's usual rating, and what somebody's only or always equal
// ratings are. Paper of the first two: J. Herlocker, J. Konstan, A. Borchers, J.
// Riedl, "An Algorithmic Framework for Performing Collaborative Filtering",
// SIGIR 1999.
type Normalise string

// The ways to normalise.
const (
	AsGiven           Normalise = ""
	NormaliseMean     Normalise = "mean"
	NormaliseZScore   Normalise = "zscore"
	NormaliseQuantile Normalise = "quantile"
)

// RatingScale says what one user's ratings are worth.
type RatingScale struct {
	signal          Signal
	weight          float64
	least           float64
	mean, deviation float64
	sorted          []float32 // for quantiles
}

// RatingScale returns the scale of a user who rated so, once for each item;
// highest is the highest rating anybody gave. Ratings are needed only where
// they are normalised.
func (s *Settings) RatingScale(ratings []float32, highest float64) RatingScale {
	r := RatingScale{signal: s.Signals[kindred.Rating], weight: 1}
	if w, named := s.Weights[kindred.Rating]; named {
		r.weight = w
	}
	switch {
	case r.signal.Min != nil || r.signal.Normalise != AsGiven:
		r.least = r.signal.least()
	case s.MinRating != 0:
		r.least = s.MinRating
	default:
		r.least = 0.6 * highest
	}
	n := float64(len(ratings))
	for _, x := range ratings {
		r.mean += float64(x) / n
	}
	for _, x := range ratings {
		r.deviation += (float64(x) - r.mean) * (float64(x) - r.mean) / n
	}
	r.deviation = math.Sqrt(r.deviation)
	if r.signal.Normalise == NormaliseQuantile {
		r.sorted = slices.Sorted(slices.Values(ratings))
	}
	return r
}

// Normalised returns a rating on the user's scale.
func (r *RatingScale) Normalised(rating float32) float64 {
	const equal = 1e-9 // of a deviation: what rounding makes of none
	x := float64(rating)
	switch r.signal.Normalise {
	case NormaliseMean:
		return x - r.mean
	case NormaliseZScore:
		if r.deviation < equal {
			return 0
		}
		return (x - r.mean) / r.deviation
	case NormaliseQuantile:
		if len(r.sorted) == 0 {
			return 0
		}
		below, _ := slices.BinarySearch(r.sorted, rating)
		upTo := below
		for upTo < len(r.sorted) && r.sorted[upTo] == rating {
			upTo++
		}
		return float64(below+upTo)/float64(len(r.sorted)) - 1
	default:
		return x
	}
}

// Weigh returns what a rating weighs, and whether it counts as liking; if it
// does not, the weight is that of the rejection.
func (r *RatingScale) Weigh(rating float32) (weight float64, liked bool) {
	x := r.Normalised(rating)
	if float32(x) < float32(r.least) { // as ratings are kept
		return r.weight, false
	}
	return r.weight * r.signal.grade(x), true
}

// ratingScales returns the scale of every user in the records, which stand as
// sorted leaves them; nil where ratings are taken as given.
func (b *Builder) ratingScales(records []record, highest float32) map[int32]*RatingScale {
	if b.settings.Signals[kindred.Rating].Normalise == AsGiven {
		return nil
	}
	scales := map[int32]*RatingScale{}
	var ratings []float32
	for lo := 0; lo < len(records); {
		hi := lo
		ratings = ratings[:0]
		for last := -1; hi < len(records) && records[hi].user == records[lo].user; hi++ {
			if records[hi].effect != Rates {
				continue
			}
			if last >= 0 && records[last].item == records[hi].item { // rated again
				ratings = ratings[:len(ratings)-1]
			}
			ratings, last = append(ratings, records[hi].amount), hi
		}
		if len(ratings) > 0 {
			scale := b.settings.RatingScale(ratings, float64(highest))
			scales[records[lo].user] = &scale
		}
		lo = hi
	}
	return scales
}

// scaleOf returns a user's scale.
func (b *Builder) scaleOf(user int32) *RatingScale {
	if scale, known := b.scales[user]; known {
		return scale
	}
	scale := b.settings.RatingScale(nil, float64(b.highest))
	return &scale
}
