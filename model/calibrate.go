package model

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"

	"kindred/dataset"
)

// Calibration is how Calibrate corrects probabilities.
type Calibration string

// The ways.
const (
	// Platt fits p' = σ(a·logit(p) + b) (Platt, Probabilistic Outputs for
	// Support Vector Machines, 1999, with the targets he shrinks; Newton's
	// method after Lin, Lin & Weng, Machine Learning 2007): two numbers, for
	// little data.
	Platt Calibration = "platt"
	// Isotonic fits the ascending step function nearest to the labels, by
	// pooling adjacent violators (Ayer et al., Annals of Mathematical
	// Statistics 1955; Zadrozny & Elkan, KDD 2002), and goes straight between
	// the middles of its steps: any shape, from some thousand rows on.
	Isotonic Calibration = "isotonic"
)

// Calibrate returns a model whose predictions are those of m corrected so that
// they are the shares of positive labels, as they are among the rows given,
// which m must not have learned from. Cost: O(rows·log rows).
func Calibrate(m RowModel, rows *dataset.Rows, how Calibration) (*Calibrated, error) {
	predictions := make([]float32, rows.Len())
	m.Predict(predictions, rows)
	var points []calibrationPoint
	for r, p := range predictions {
		if label := rows.Labels[r]; label == label { // not NaN
			points = append(points, calibrationPoint{float64(p), target(logisticLoss, label), float64(rows.Weight(r))})
		}
	}
	if len(points) == 0 {
		return nil, fmt.Errorf("model: calibration needs labelled rows")
	}
	c := &Calibrated{model: m, how: how}
	switch how {
	case Platt:
		c.a, c.b = platt(points)
	case Isotonic:
		c.x, c.y = isotonic(points)
	default:
		return nil, fmt.Errorf("model: there is no calibration %q (there are %s, %s)", how, Platt, Isotonic)
	}
	return c, nil
}

// calibrationPoint is a prediction and what came of it.
type calibrationPoint struct{ p, y, w float64 }

// logit is the inverse of sigmoid, bounded.
func logit(p float64) float64 {
	const least = 1e-7
	p = min(max(p, least), 1-least)
	return math.Log(p / (1 - p))
}

// platt minimises the logistic loss over a and b by Newton's method, halving
// steps that do not descend.
func platt(points []calibrationPoint) (a, b float64) {
	var positive, negative float64
	for _, p := range points {
		positive, negative = positive+p.w*p.y, negative+p.w*(1-p.y)
	}
	high, low := (positive+1)/(positive+2), 1/(negative+2)
	loss := func(a, b float64) (sum float64) {
		for _, p := range points {
			sum += p.w * pointLoss(logisticLoss, a*logit(p.p)+b, low+p.y*(high-low))
		}
		return sum
	}
	a, b = 1, 0
	for range 100 {
		var ga, gb, haa, hab, hbb float64
		for _, p := range points {
			x := logit(p.p)
			q := sigmoid(a*x + b)
			g, h := p.w*(q-low-p.y*(high-low)), p.w*q*(1-q)
			ga, gb, haa, hab, hbb = ga+g*x, gb+g, haa+h*x*x, hab+h*x, hbb+h
		}
		haa, hbb = haa+1e-9, hbb+1e-9
		det := haa*hbb - hab*hab
		if math.Abs(ga)+math.Abs(gb) < 1e-9*float64(len(points)) || det <= 0 {
			break
		}
		da, db := (hbb*ga-hab*gb)/det, (haa*gb-hab*ga)/det
		step, now := 1.0, loss(a, b)
		for step > 1e-6 && loss(a-step*da, b-step*db) > now {
			step /= 2
		}
		a, b = a-step*da, b-step*db
	}
	return a, b
}

// isotonic pools adjacent violators and returns the middles of the steps.
func isotonic(points []calibrationPoint) (xs, ys []float32) {
	slices.SortStableFunc(points, func(p, q calibrationPoint) int { return cmp.Compare(p.p, q.p) })
	type pool struct{ x, y, w float64 } // sums
	var pools []pool
	for k := 0; k < len(points); {
		var one pool // ties are one point, before any is pooled
		for first := points[k].p; k < len(points) && points[k].p == first; k++ {
			p := &points[k]
			one.x, one.y, one.w = one.x+p.p*p.w, one.y+p.y*p.w, one.w+p.w
		}
		pools = append(pools, one)
		for n := len(pools); n > 1 && pools[n-2].y*pools[n-1].w >= pools[n-1].y*pools[n-2].w; n = len(pools) {
			below, top := &pools[n-2], pools[n-1]
			below.x, below.y, below.w = below.x+top.x, below.y+top.y, below.w+top.w
			pools = pools[:n-1]
		}
	}
	for _, p := range pools {
		xs, ys = append(xs, float32(p.x/p.w)), append(ys, float32(p.y/p.w))
	}
	return xs, ys
}

const shapeCalibrated = "calibrated"

// Calibrated is a model with corrected probabilities.
type Calibrated struct {
	model RowModel
	how   Calibration
	a, b  float64   // Platt
	x, y  []float32 // Isotonic: ascending
}

// correct corrects one probability.
func (c *Calibrated) correct(p float32) float32 {
	if c.how == Platt {
		return float32(sigmoid(c.a*logit(float64(p)) + c.b))
	}
	k, exact := slices.BinarySearch(c.x, p)
	switch {
	case exact:
		return c.y[k]
	case k == 0:
		return c.y[0]
	case k == len(c.x):
		return c.y[k-1]
	}
	share := (p - c.x[k-1]) / (c.x[k] - c.x[k-1])
	return c.y[k-1] + share*(c.y[k]-c.y[k-1])
}

// Shape returns "calibrated".
func (*Calibrated) Shape() string { return shapeCalibrated }

// Columns returns how many columns the rows must have.
func (c *Calibrated) Columns() int { return c.model.Columns() }

// Predict implements RowModel.
func (c *Calibrated) Predict(predictions []float32, rows *dataset.Rows) {
	c.model.Predict(predictions, rows)
	for r, p := range predictions {
		predictions[r] = c.correct(p)
	}
}

// Contributions are those to the score before it is corrected.
func (c *Calibrated) Contributions(contributions []float64, rows *dataset.Rows, r int) (base float64) {
	return c.model.Contributions(contributions, rows, r)
}

// Importance is that of the model corrected.
func (c *Calibrated) Importance() []float64 { return c.model.Importance() }

// WriteTo writes the shape for ReadRows: the correction, then the model.
func (c *Calibrated) WriteTo(w io.Writer) (int64, error) {
	e := newEncoder(w, shapeCalibrated)
	e.text(string(c.how))
	e.f64(c.a)
	e.f64(c.b)
	e.float32s(c.x)
	e.float32s(c.y)
	n, err := e.close()
	if err != nil {
		return n, err
	}
	inner, err := c.model.WriteTo(w)
	return n + inner, err
}

func readCalibrated(d *decoder) *Calibrated {
	c := &Calibrated{how: Calibration(d.text()), a: d.f64(), b: d.f64(), x: d.float32s(), y: d.float32s()}
	d.check(c.how == Platt || c.how == Isotonic, c.how == Platt || len(c.x) > 0, len(c.x) == len(c.y), c.a-c.a == 0, c.b-c.b == 0)
	if d.err != nil {
		return c
	}
	shapes := rowShapes()
	delete(shapes, shapeCalibrated) // no correction of a correction, so no endless depth
	model, err := read(d, shapes)
	if err != nil {
		d.err = err
		return c
	}
	c.model = model
	return c
}
