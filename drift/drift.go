// Package drift measures how far one distribution is from another, and says
// from earlier chunks of the same data how much of that is usual.
//
// Distributions are given as counts by bin, the same bins for both; counts
// need not sum to the same. An empty distribution is at distance 0 from all,
// for nothing can be said of it. Every function is O(bins).
//
// With many rows a test of significance always fires, so what decides is a
// distance against a threshold: a floor below which no difference matters, or
// what chunks of the reference show among themselves (Threshold), whichever is
// higher.
package drift

import "math"

// smallest stands in for an empty bin in logarithms, as is usual for PSI.
const smallest = 1e-4

// Distance says how far current is from reference.
type Distance func(reference, current []int64) float64

func total(counts []int64) (sum float64) {
	for _, n := range counts {
		sum += float64(n)
	}
	return sum
}

// PSI is the population stability index, Σ (q-p) ln(q/p) with empty bins at
// 0.0001. By convention .1 is worth a look and .25 a change. Range [0, ∞).
func PSI(reference, current []int64) (index float64) {
	n, m := total(reference), total(current)
	if n == 0 || m == 0 {
		return 0
	}
	for i := range reference {
		p, q := float64(reference[i])/n, float64(current[i])/m
		if p == 0 && q == 0 {
			continue
		}
		p, q = max(p, smallest), max(q, smallest)
		index += (q - p) * math.Log(q/p)
	}
	return index
}

// JensenShannon is the distance of that name: the square root of the
// divergence, in nats, to the mean of both (Endres and Schindelin 2003). Range
// [0, .8326], the square root of ln 2.
func JensenShannon(reference, current []int64) float64 {
	n, m := total(reference), total(current)
	if n == 0 || m == 0 {
		return 0
	}
	divergence := 0.0
	for i := range reference {
		p, q := float64(reference[i])/n, float64(current[i])/m
		middle := (p + q) / 2
		if p > 0 {
			divergence += p * math.Log(p/middle) / 2
		}
		if q > 0 {
			divergence += q * math.Log(q/middle) / 2
		}
	}
	return math.Sqrt(max(divergence, 0))
}

// KolmogorovSmirnov is the largest difference of the cumulative shares, for
// bins in order. Range [0, 1].
func KolmogorovSmirnov(reference, current []int64) (largest float64) {
	n, m := total(reference), total(current)
	if n == 0 || m == 0 {
		return 0
	}
	difference := 0.0
	for i := range reference {
		difference += float64(reference[i])/n - float64(current[i])/m
		largest = max(largest, math.Abs(difference))
	}
	return largest
}

// Wasserstein is the earth mover's distance between bins that lie 1 apart,
// over the standard deviation of the reference: how many of those the mass
// moved on average. A reference in one bin counts as of deviation 1. Range
// [0, ∞).
func Wasserstein(reference, current []int64) float64 {
	n, m := total(reference), total(current)
	if n == 0 || m == 0 {
		return 0
	}
	moved, difference, mean, square := 0.0, 0.0, 0.0, 0.0
	for i := range reference {
		p := float64(reference[i]) / n
		difference += p - float64(current[i])/m
		moved += math.Abs(difference)
		mean += p * float64(i)
		square += p * float64(i) * float64(i)
	}
	if deviation := math.Sqrt(max(square-mean*mean, 0)); deviation > 0 {
		return moved / deviation
	}
	return moved
}

// CramerV is Pearson's chi-square of the two rows as a contingency table, made
// free of the number of rows: sqrt(χ²/(n+m)), as one of the two dimensions is
// 2. Range [0, 1].
func CramerV(reference, current []int64) float64 {
	n, m := total(reference), total(current)
	if n == 0 || m == 0 {
		return 0
	}
	return math.Sqrt(ChiSquare(reference, current) / (n + m))
}

// ChiSquare is Pearson's statistic for the question whether both rows come
// from one distribution; its degrees of freedom are the bins used less one.
func ChiSquare(reference, current []int64) (statistic float64) {
	n, m := total(reference), total(current)
	if n == 0 || m == 0 {
		return 0
	}
	for i := range reference {
		column := float64(reference[i]) + float64(current[i])
		if column == 0 {
			continue
		}
		inReference, inCurrent := column*n/(n+m), column*m/(n+m)
		a, b := float64(reference[i])-inReference, float64(current[i])-inCurrent
		statistic += a*a/inReference + b*b/inCurrent
	}
	return statistic
}

// LInfinity is the largest difference of a share. Range [0, 1].
func LInfinity(reference, current []int64) (largest float64) {
	n, m := total(reference), total(current)
	if n == 0 || m == 0 {
		return 0
	}
	for i := range reference {
		largest = max(largest, math.Abs(float64(reference[i])/n-float64(current[i])/m))
	}
	return largest
}

// MinChunks is how many chunks a reference needs for its spread to tell
// anything.
const MinChunks = 4

// Judgement is what became of a comparison with a reference in chunks.
type Judgement struct {
	Distance  float64 // of current from all chunks together
	Threshold float64 // what it would have to exceed
	Chunks    int     // not empty, of the reference
}

// Drifted says whether the distance is beyond the threshold. With fewer than
// MinChunks chunks it is not known and false.
func (j Judgement) Drifted() bool { return j.Chunks >= MinChunks && j.Distance > j.Threshold }

// Judge compares current with a reference in chunks, each about as long as
// current. The threshold is the mean of the chunks' distances, each from all
// the others together, plus three standard deviations (as NannyML does), but
// at least the floor. All slices are of one length.
func Judge(by Distance, chunks [][]int64, current []int64, floor float64) Judgement {
	pooled := make([]int64, len(current))
	var used [][]int64
	for _, chunk := range chunks {
		if total(chunk) == 0 {
			continue
		}
		used = append(used, chunk)
		for i, n := range chunk {
			pooled[i] += n
		}
	}
	j := Judgement{Distance: by(pooled, current), Threshold: floor, Chunks: len(used)}
	if len(used) < 2 {
		return j
	}
	others := make([]int64, len(current))
	mean, square := 0.0, 0.0
	for _, chunk := range used {
		for i := range others {
			others[i] = pooled[i] - chunk[i]
		}
		d := by(others, chunk)
		mean += d / float64(len(used))
		square += d * d / float64(len(used))
	}
	spread := math.Sqrt(max(square-mean*mean, 0) * float64(len(used)) / float64(len(used)-1))
	j.Threshold = max(floor, mean+3*spread)
	return j
}
