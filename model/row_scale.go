package model

import (
	"maps"
	"math"
)

// labelScale is the mean and deviation of labels.
type labelScale struct{ mean, deviation float64 }

// scaleOf returns that of a sample's labels; the deviation is 1 if they do not
// differ.
func scaleOf(s sample) labelScale {
	var weight, sum, squares float64
	for _, r := range s.index {
		w := float64(s.rows.Weight(int(r)))
		weight, sum = weight+w, sum+w*float64(s.rows.Labels[r])
	}
	scale := labelScale{mean: sum / max(weight, 1e-30)}
	for _, r := range s.index {
		d := float64(s.rows.Labels[r]) - scale.mean
		squares += float64(s.rows.Weight(int(r))) * d * d
	}
	if scale.deviation = math.Sqrt(squares / max(weight, 1e-30)); !(scale.deviation > 0) || math.IsInf(scale.deviation, 0) {
		scale.deviation = 1
	}
	return scale
}

// apply returns a sample with labels in units of the scale.
func (l labelScale) apply(s sample) sample {
	rows := *s.rows
	rows.Labels = make([]float32, len(s.rows.Labels))
	for r, y := range s.rows.Labels {
		rows.Labels[r] = float32((float64(y) - l.mean) / l.deviation)
	}
	return sample{rows: &rows, index: s.index}
}

// told returns what tells the squared losses of the labels as they are.
func (l labelScale) told(progress func(Progress)) func(Progress) {
	if progress == nil {
		return nil
	}
	return func(p Progress) {
		p.Loss = maps.Clone(p.Loss)
		for name := range p.Loss {
			p.Loss[name] *= l.deviation * l.deviation
		}
		progress(p)
	}
}
