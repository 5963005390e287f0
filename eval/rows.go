package eval

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Predicted is what a ranker says of labelled rows.
type Predicted struct {
	Predictions []float32
	Labels      []float32 // NaN: not known; such rows are left out
	Groups      []int32   // of the rows, those of one together; nil: none
}

// Measures says which metrics of rows there are.
type Measures uint8

// What predictions are.
const (
	Probabilities Measures = iota // of a label above 0
	Numbers                       // as the labels
	Scores                        // that rank the rows of a group
)

// RowReport is what JudgeRows found.
type RowReport struct {
	Rows      int                 `json:"rows"`      // labelled ones
	Positives int                 `json:"positives"` // labels above 0
	Estimates map[string]Estimate `json:"estimates"` // by name
	Names     []string            `json:"names"`     // in the order to show them
}

// JudgeRows measures predictions. For probabilities
//
//	auc                chance that a positive scores above a negative, ties
//	                   half (standard error of DeLong, DeLong & Clarke-Pearson,
//	                   Biometrics 1988, in the fast form of Sun & Xu, IEEE SPL
//	                   2014)
//	log_loss           mean of −ln p(label), p kept 1e-7 off 0 and 1
//	brier              mean of (p − y)²
//	calibration_error  mean |mean p − mean y| over ten equally full bins by p
//	accuracy           of p ≥ ½
//
// for numbers rmse (standard error by the delta method) and mae. With groups
// also gauc, the AUC of groups with both labels, weighed by their rows, and
// for each cut-off ndcg@k (gains 2^label−1, ideal lists, groups without a
// positive left out) and err@k (Chapelle et al., Expected Reciprocal Rank,
// CIKM 2009); equal predictions keep the order of the rows. Weights play no
// part. What cannot be computed is NaN. Cost: O(rows·log rows).
func JudgeRows(p Predicted, measures Measures, ks []int) RowReport {
	p = p.labelled()
	report := RowReport{Rows: len(p.Labels), Estimates: map[string]Estimate{}}
	for _, y := range p.Labels {
		if y > 0 {
			report.Positives++
		}
	}
	add := func(name string, e Estimate) {
		report.Names = append(report.Names, name)
		report.Estimates[name] = e
	}
	switch measures {
	case Probabilities:
		add("auc", auc(p.Predictions, p.Labels))
		add("log_loss", p.mean(func(q, y float64) float64 { return -math.Log(max(y*q+(1-y)*(1-q), 1e-7)) }))
		add("brier", p.mean(func(q, y float64) float64 { return (q - y) * (q - y) }))
		add("calibration_error", Estimate{p.calibrationError(), math.NaN()})
		add("accuracy", p.mean(func(q, y float64) float64 { return map[bool]float64{true: 1}[(q >= .5) == (y > 0)] }))
	case Numbers:
		add("rmse", p.rmse())
		add("mae", p.errors(math.Abs))
	case Scores:
		add("auc", auc(p.Predictions, p.Labels))
	}
	if p.Groups != nil {
		add("gauc", p.groupAUC())
		for _, k := range slices.Compact(slices.Sorted(slices.Values(ks))) {
			ndcg, err := p.lists(k)
			add(fmt.Sprintf("ndcg@%d", k), ndcg)
			add(fmt.Sprintf("err@%d", k), err)
		}
	}
	return report
}

// labelled leaves rows without a label out.
func (p Predicted) labelled() (known Predicted) {
	for r, y := range p.Labels {
		if math.IsNaN(float64(y)) {
			continue
		}
		known.Predictions, known.Labels = append(known.Predictions, p.Predictions[r]), append(known.Labels, y)
		if p.Groups != nil {
			known.Groups = append(known.Groups, p.Groups[r])
		}
	}
	return known
}

// mean is the mean over rows of a function of the prediction and the label, 1
// or 0.
func (p Predicted) mean(of func(q, y float64) float64) Estimate {
	var m running
	for r, q := range p.Predictions {
		m.add(of(float64(q), map[bool]float64{true: 1}[p.Labels[r] > 0]))
	}
	return m.estimate()
}

func (p Predicted) errors(of func(float64) float64) Estimate {
	var m running
	for r, q := range p.Predictions {
		m.add(of(float64(q) - float64(p.Labels[r])))
	}
	return m.estimate()
}

func (p Predicted) rmse() Estimate {
	e := p.errors(func(x float64) float64 { return x * x })
	root := math.Sqrt(e.Mean)
	return Estimate{root, e.StdErr / (2 * root)}
}

// auc is the area under the ROC curve, by mid-ranks.
func auc(predictions, labels []float32) Estimate {
	order := make([]int32, len(predictions))
	for r := range order {
		order[r] = int32(r)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(predictions[a], predictions[b]) })
	positives := 0
	for _, y := range labels {
		if y > 0 {
			positives++
		}
	}
	negatives := len(labels) - positives
	// Of each positive the share of negatives below, ties half, and of each
	// negative the share of positives above: the AUC is the mean of either,
	// their variances make its.
	var above, below running
	seenPositive, seenNegative := 0, 0
	for lo := 0; lo < len(order); {
		hi, p := lo, 0
		for hi < len(order) && predictions[order[hi]] == predictions[order[lo]] {
			if labels[order[hi]] > 0 {
				p++
			}
			hi++
		}
		n := hi - lo - p
		for range p {
			above.add((float64(seenNegative) + float64(n)/2) / float64(max(negatives, 1)))
		}
		for range n {
			below.add((float64(positives-seenPositive-p) + float64(p)/2) / float64(max(positives, 1)))
		}
		seenPositive, seenNegative, lo = seenPositive+p, seenNegative+n, hi
	}
	if positives == 0 || negatives == 0 {
		return Estimate{math.NaN(), math.NaN()}
	}
	a, b := above.estimate().StdErr, below.estimate().StdErr
	return Estimate{above.mean, math.Sqrt(a*a + b*b)}
}

// calibrationError compares the means of ten equally full bins.
func (p Predicted) calibrationError() float64 {
	const bins = 10
	order := make([]int32, len(p.Predictions))
	for r := range order {
		order[r] = int32(r)
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(p.Predictions[a], p.Predictions[b]) })
	sum := 0.0
	for b := range bins {
		difference := 0.0
		for _, r := range order[b*len(order)/bins : (b+1)*len(order)/bins] {
			difference += float64(p.Predictions[r])
			if p.Labels[r] > 0 {
				difference--
			}
		}
		sum += math.Abs(difference)
	}
	return sum / float64(len(order))
}

// eachGroup calls fn for the rows of every group.
func (p Predicted) eachGroup(fn func(predictions, labels []float32)) {
	for lo := 0; lo < len(p.Groups); {
		hi := lo
		for hi < len(p.Groups) && p.Groups[hi] == p.Groups[lo] {
			hi++
		}
		fn(p.Predictions[lo:hi], p.Labels[lo:hi])
		lo = hi
	}
}

// groupAUC weighs the groups by their rows; its standard error is that of a
// weighted mean over groups.
func (p Predicted) groupAUC() Estimate {
	var values, weights []float64
	sum, total := 0.0, 0.0
	p.eachGroup(func(predictions, labels []float32) {
		if e := auc(predictions, labels); !math.IsNaN(e.Mean) {
			w := float64(len(labels))
			values, weights = append(values, e.Mean), append(weights, w)
			sum, total = sum+w*e.Mean, total+w
		}
	})
	mean, squares := sum/total, 0.0
	for g, x := range values {
		squares += weights[g] * weights[g] * (x - mean) * (x - mean)
	}
	e := Estimate{mean, math.NaN()}
	if n := float64(len(values)); n > 1 {
		e.StdErr = math.Sqrt(squares*n/(n-1)) / total
	}
	return e
}

// lists are the mean NDCG@k and ERR@k of groups with a positive.
func (p Predicted) lists(k int) (ndcg, err Estimate) {
	highest := 0.0
	for _, y := range p.Labels {
		highest = max(highest, float64(y))
	}
	var ndcgs, errs running
	p.eachGroup(func(predictions, labels []float32) {
		ideal := dcg(ranked(labels, labels), k)
		if ideal == 0 {
			return
		}
		order := ranked(predictions, labels)
		ndcgs.add(dcg(order, k) / ideal)
		errs.add(reciprocal(order, k, highest))
	})
	return ndcgs.estimate(), errs.estimate()
}

// ranked returns the labels in the order of the predictions, highest first.
func ranked(predictions, labels []float32) []float64 {
	order := make([]int, len(labels))
	for r := range order {
		order[r] = r
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(predictions[b], predictions[a]) })
	sorted := make([]float64, len(labels))
	for at, r := range order {
		sorted[at] = max(float64(labels[r]), 0)
	}
	return sorted
}

func dcg(labels []float64, k int) (sum float64) {
	for at, y := range labels[:min(k, len(labels))] {
		sum += (math.Exp2(y) - 1) / math.Log2(float64(at)+2)
	}
	return sum
}

// reciprocal is the expected reciprocal rank of where a reader stops.
func reciprocal(labels []float64, k int, highest float64) (sum float64) {
	goesOn := 1.0
	for at, y := range labels[:min(k, len(labels))] {
		stops := (math.Exp2(y) - 1) / math.Exp2(highest)
		sum += goesOn * stops / float64(at+1)
		goesOn *= 1 - stops
	}
	return sum
}
