package model

import (
	"runtime"
	"slices"

	"kindred/linalg"
)

// statistic is a feature made of the labels or the frequencies of a column's
// categories.
type statistic struct {
	feature treeFeature
	ordered orderedBins // of a target statistic
}

// priorsOf are the multiples of Shrink that a column's target statistics are
// shrunk by.
func priorsOf() []float32 { return []float32{1, 10} }

// stated reports whether a column, whose codes are counted, gets statistics.
func (a *GBDT) stated(counts []int32) bool {
	return a.TargetStats > 0 && len(counts) > a.TargetStats
}

// targetStatistics returns the statistics of the columns with more than
// TargetStats codes: for each prior the mean label, then the frequency. counts
// is by column and code, nil for numeric columns.
func (a *GBDT) targetStatistics(s sample, counts [][]int32) []statistic {
	var columns []int32
	for c, n := range counts {
		if a.stated(n) {
			columns = append(columns, int32(c))
		}
	}
	order, mean := s.shuffled(mix(a.Seed)), a.meanTarget(s)
	found := make([][]statistic, len(columns))
	linalg.Parallel(runtime.GOMAXPROCS(0), len(columns), func(_, lo, hi int) {
		for k := lo; k < hi; k++ {
			c := columns[k]
			for _, multiple := range priorsOf() {
				found[k] = append(found[k], a.targetStatistic(s, order, c, len(counts[c]), mean, float32(a.Shrink)*multiple))
			}
			found[k] = append(found[k], statistic{feature: frequencyOf(c, counts[c], a.Bins)})
		}
	})
	return slices.Concat(found...)
}

// meanTarget is the weighted mean of what labels mean.
func (a *GBDT) meanTarget(s sample) float32 {
	var sum, weight float64
	for _, r := range s.index {
		w := float64(s.rows.Weight(int(r)))
		sum, weight = sum+w*target(a.Loss, s.rows.Labels[r]), weight+w
	}
	return float32(sum / max(weight, 1e-30))
}

// targetStatistic orders categories by their mean label, shrunk to the mean of
// all by shrink rows. A training row's is the mean of the rows before it in
// the order given, so that its own label is no part of it; other rows' that of
// all training rows, or for a category not met the mean of all.
func (a *GBDT) targetStatistic(s sample, order []int32, column int32, codes int, mean, shrink float32) statistic {
	sums, weights := make([]float32, codes), make([]float32, codes)
	value := func(code int) float32 { return (sums[code] + mean*shrink) / (weights[code] + shrink) }
	before := make([]float32, len(order))
	var seen []float32
	stride := max(1, len(order)/binSample)
	for k, r := range order {
		v, present := valueAt(s.rows, int(r), int(column))
		if !present {
			continue
		}
		code := codeOf(v, codes)
		before[k] = value(code)
		if k%stride == 0 {
			seen = append(seen, before[k])
		}
		if code > 0 {
			w := s.rows.Weight(int(r))
			sums[code], weights[code] = sums[code]+w*float32(target(a.Loss, s.rows.Labels[r])), weights[code]+w
		}
	}
	slices.Sort(seen)
	cuts := cutsOf(seen, a.Bins)
	ordered := make(orderedBins, s.rows.Len())
	for k, r := range order {
		ordered[r] = uint8(1 + binOf(cuts, before[k]))
	}
	all := make([]float32, codes)
	for code := range all {
		all[code] = value(code)
	}
	return statistic{treeFeature{column: column, bins: binsOf(cuts, all), count: len(cuts) + 2}, ordered}
}
