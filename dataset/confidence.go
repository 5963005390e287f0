package dataset

import (
	"cmp"
	"errors"
	"math"

	"kindred"
	"kindred/linalg"
)

// Confidence turns the summed weight r of a user and an item into what models
// learn from. α is Alpha, ε Epsilon; U users met n_i the item; |u| is the sum
// of the user's weights and |ū| its mean over users:
//
//	linear  1 + α·r
//	log     1 + α·ln(1 + r/ε)
//	bm25    (K1+1)·r / (r + K1·(1 − B + B·|u|/|ū|)) · max(0, ln U − ln(1+n_i))
//	tfidf   √r · max(0, ln U − ln(1+n_i))
//
// Papers: Y. Hu, Y. Koren, C. Volinsky, "Collaborative Filtering for Implicit
// Feedback Datasets", ICDM 2008 (the first two); S. Robertson, H. Zaragoza,
// "The Probabilistic Relevance Framework: BM25 and Beyond", 2009. The last two
// are as in the package implicit, whose idf is negative for items that all
// users met; here it is 0 for these. Weights stay above zero, as all
// interactions do: the least is 1e-9.
type Confidence struct {
	Scheme  Scheme  `json:"scheme,omitempty" yaml:"scheme"`
	Alpha   float64 `json:"alpha,omitempty" yaml:"alpha"`     // 0: 40
	Epsilon float64 `json:"epsilon,omitempty" yaml:"epsilon"` // 0: 1
	K1      float64 `json:"k1,omitempty" yaml:"k1"`           // 0: 100
	B       float64 `json:"b,omitempty" yaml:"b"`             // 0: 0.8
}

// leastWeight is what a pair weighs that teaches next to nothing.
const leastWeight = 1e-9

// Scheme names a transform.
type Scheme string

// The transforms; see Confidence.
const (
	NoScheme     Scheme = "" // the weight as it is
	LinearScheme Scheme = "linear"
	LogScheme    Scheme = "log"
	BM25Scheme   Scheme = "bm25"
	TFIDFScheme  Scheme = "tfidf"
)

func (c *Confidence) validate() error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, kindred.Errorf(kindred.Invalid, "confidence: "+format, args...))
	}
	oneOf(fault, "scheme", c.Scheme, LinearScheme, LogScheme, BM25Scheme, TFIDFScheme)
	if !inRange(c.Alpha) || !inRange(c.Epsilon) || !inRange(c.K1) || !(c.B >= 0 && c.B <= 1) {
		fault("alpha, epsilon, k1 and b are %g, %g, %g and %g (use 0 to 1e6, b up to 1; 0 is the default)", c.Alpha, c.Epsilon, c.K1, c.B)
	}
	return errors.Join(faults...)
}

// Weighing is a Confidence with what it needs to know of the data it was
// learned from, and the popularity discount of Debias, so that a history that
// comes later is weighed as training weighed its own. Nil leaves weights as
// they are.
type Weighing struct {
	Confidence
	MeanLength float64   `json:"mean_length,omitempty"`
	Items      []float32 `json:"items,omitempty"` // by item: a factor; nil: 1 each
}

// newWeighing measures users×items; nil if there is nothing to do.
func newWeighing(s *Settings, byUser *linalg.CSR) *Weighing {
	w := &Weighing{Confidence: s.Confidence}
	w.Alpha, w.Epsilon = cmp.Or(w.Alpha, 40), cmp.Or(w.Epsilon, 1)
	w.K1, w.B = cmp.Or(w.K1, 100), cmp.Or(w.B, 0.8)
	byIDF := w.Scheme == BM25Scheme || w.Scheme == TFIDFScheme
	if w.Scheme == NoScheme && s.Debias.Popularity == 0 {
		return nil
	}
	if !byIDF && s.Debias.Popularity == 0 {
		return w
	}
	users, most, total := make([]int32, byUser.Width), int32(0), 0.
	for k, i := range byUser.Cols {
		users[i]++
		most = max(most, users[i])
		total += float64(byUser.Vals[k])
	}
	w.MeanLength = total / float64(max(1, byUser.Rows()))
	w.Items = make([]float32, byUser.Width)
	for i, n := range users {
		factor := min(s.Debias.clip(), 1/PopularityPropensity(n, most, s.Debias.Popularity))
		if byIDF {
			factor *= max(0, math.Log(float64(byUser.Rows()))-math.Log1p(float64(n)))
		}
		w.Items[i] = float32(factor)
	}
	return w
}

// Weigh replaces the weights of one user's items, all of them. Cost: O(items).
func (w *Weighing) Weigh(items []int32, weights []float32) {
	if w == nil {
		return
	}
	length := 0.
	for _, x := range weights {
		length += float64(x)
	}
	norm := w.K1 * (1 - w.B + w.B*length/max(w.MeanLength, math.SmallestNonzeroFloat64))
	for k, i := range items {
		x := float64(weights[k])
		switch w.Scheme {
		case LinearScheme:
			x = 1 + w.Alpha*x
		case LogScheme:
			x = 1 + w.Alpha*math.Log1p(x/w.Epsilon)
		case BM25Scheme:
			x *= (w.K1 + 1) / (norm + x)
		case TFIDFScheme:
			x = math.Sqrt(x)
		case NoScheme:
		}
		if w.Items != nil {
			x *= float64(w.Items[i])
		}
		weights[k] = float32(max(x, leastWeight))
	}
}

// weigh turns all weights into confidence.
func (x *Interactions) weigh(s *Settings) {
	x.weighBy(newWeighing(s, x.ByUser))
}

// weighBy is weigh as it was learned from other interactions.
func (x *Interactions) weighBy(w *Weighing) {
	x.Weighing = w
	for u := range x.ByUser.Rows() {
		w.Weigh(x.ByUser.Row(u))
	}
}
