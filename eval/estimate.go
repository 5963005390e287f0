package eval

import (
	"encoding/json"
	"fmt"
	"math"
)

// Estimate is a mean with its standard error. Either is NaN where there was
// nothing to compute it from, and null in JSON.
type Estimate struct {
	Mean   float64
	StdErr float64
}

// MarshalJSON writes {"mean": …, "std_err": …}.
func (e Estimate) MarshalJSON() ([]byte, error) {
	return json.Marshal(estimateJSON{orNil(e.Mean), orNil(e.StdErr)})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (e *Estimate) UnmarshalJSON(text []byte) error {
	var read estimateJSON
	if err := json.Unmarshal(text, &read); err != nil {
		return fmt.Errorf("eval: reading an estimate: %w", err)
	}
	e.Mean, e.StdErr = orNaN(read.Mean), orNaN(read.StdErr)
	return nil
}

type estimateJSON struct {
	Mean   *float64 `json:"mean"`
	StdErr *float64 `json:"std_err"`
}

func orNil(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

func orNaN(x *float64) float64 {
	if x == nil {
		return math.NaN()
	}
	return *x
}

// running is a mean and variance in one pass (Welford, Note on a Method for
// Calculating Corrected Sums of Squares and Products, Technometrics 1962).
// NaN is passed over.
type running struct {
	n             int
	mean, squares float64
}

func (r *running) add(x float64) {
	if math.IsNaN(x) {
		return
	}
	r.n++
	d := x - r.mean
	r.mean += d / float64(r.n)
	r.squares += d * (x - r.mean)
}

func (r *running) estimate() Estimate {
	e := Estimate{math.NaN(), math.NaN()}
	if r.n > 0 {
		e.Mean = r.mean
	}
	if r.n > 1 {
		e.StdErr = math.Sqrt(r.squares / float64(r.n-1) / float64(r.n))
	}
	return e
}

// Mean returns the mean of x with its standard error. NaN is left out.
func Mean(x []float64) Estimate {
	var r running
	for _, value := range x {
		r.add(value)
	}
	return r.estimate()
}

// Paired returns the mean of a[i]-b[i] over users i with its standard error:
// how much better a is than b for the same users. Users with NaN in either are
// left out. It panics if the lengths differ.
func Paired(a, b []float64) Estimate {
	if len(a) != len(b) {
		panic(fmt.Sprintf("eval: paired comparison of %d values with %d", len(a), len(b)))
	}
	var difference running
	for i := range a {
		difference.add(a[i] - b[i])
	}
	return difference.estimate()
}
