package model

import (
	"cmp"
	"slices"

	"kindred/dataset"
	"kindred/linalg"
)

// treeFeature turns a column into bins: 0 is missing, the others ascend for a
// numeric feature and are categories for a categorical one.
type treeFeature struct {
	column      int32
	categorical bool
	cuts        []float32 // of a numeric column
	bins        []uint8   // of a categorical column, by code; nil: use cuts
	count       int       // bins in use, bin 0 included
}

// bin returns the bin of a value.
func (f *treeFeature) bin(v float32) uint8 {
	switch {
	case v != v: // NaN
		return 0
	case f.bins != nil:
		return f.bins[codeOf(v, len(f.bins))]
	default:
		return uint8(1 + binOf(f.cuts, v))
	}
}

const (
	maxTreeFeatures = 2048
	binSample       = 200_000 // rows that thresholds are computed from
	targetFolds     = 8
)

// foldBins are the bins of a target statistic for training rows, each computed
// from the other folds.
type foldBins struct {
	bins [targetFolds][]uint8 // by code
	seed uint64
}

func (f *foldBins) fold(r int) int { return int(mix(f.seed^mix(uint64(r))) % targetFolds) }

// features decides how columns become features. folds is by feature, nil but
// for target statistics.
func (a *GBDT) features(s sample) (features []treeFeature, folds []*foldBins) {
	columns := s.rows.Columns
	counts := codeCounts(s)
	present := make([]int, columns.Len())
	eachColumn(s, binSample, func(c int, values []float32) {
		present[c] = len(values)
		if counts[c] == nil && len(values) > 0 {
			slices.Sort(values)
			cuts := cutsOf(values, a.Bins)
			features = append(features, treeFeature{column: int32(c), cuts: cuts, count: len(cuts) + 2})
		}
	})
	for c, n := range counts {
		if n != nil {
			features = append(features, categoriesOf(int32(c), n, a.Bins))
		}
	}
	if len(features) > maxTreeFeatures {
		slices.SortStableFunc(features, func(x, y treeFeature) int { return cmp.Compare(present[y.column], present[x.column]) })
		features = features[:maxTreeFeatures]
	}
	slices.SortStableFunc(features, func(x, y treeFeature) int { return cmp.Compare(x.column, y.column) })
	folds = make([]*foldBins, len(features))
	for c, n := range counts {
		if n != nil && a.TargetStats > 0 && len(n) > a.TargetStats {
			statistic, fold := a.targetStatistic(s, int32(c), n)
			features = append(features, statistic, frequencyOf(int32(c), n, a.Bins))
			folds = append(folds, fold, nil)
		}
	}
	return features, folds
}

// categoriesOf gives the most frequent categories bins of their own; the last
// bin is for the others, and those not met.
func categoriesOf(column int32, counts []int32, bins int) treeFeature {
	f := treeFeature{column: column, categorical: true, bins: make([]uint8, len(counts))}
	own := byCount(counts, 1, bins-1)
	f.count = len(own) + 2
	for code := range f.bins {
		f.bins[code] = uint8(len(own) + 1)
	}
	for k, code := range own {
		f.bins[code] = uint8(k + 1)
	}
	return f
}

// frequencyOf orders categories by how often training met them.
func frequencyOf(column int32, counts []int32, bins int) treeFeature {
	values := make([]float32, len(counts))
	for code := 1; code < len(counts); code++ {
		values[code] = float32(counts[code])
	}
	cuts := cutsOf(slices.Sorted(slices.Values(values)), bins)
	return treeFeature{column: column, bins: binsOf(cuts, values), count: len(cuts) + 2}
}

func binsOf(cuts, values []float32) []uint8 {
	bins := make([]uint8, len(values))
	for i, v := range values {
		bins[i] = uint8(1 + binOf(cuts, v))
	}
	return bins
}

// targetStatistic orders categories by their mean label, shrunk to the mean of
// all by Shrink rows. Thresholds are those of the training rows.
func (a *GBDT) targetStatistic(s sample, column int32, counts []int32) (treeFeature, *foldBins) {
	folds := &foldBins{seed: a.Seed}
	type tally struct{ sum, weight float32 }
	var byFold [targetFolds][]tally
	for k := range byFold {
		byFold[k] = make([]tally, len(counts))
	}
	var sum, weight float64
	for _, r := range s.index {
		w, y := s.rows.Weight(int(r)), float32(target(a.Loss, s.rows.Labels[r]))
		sum, weight = sum+float64(w*y), weight+float64(w)
		if v, ok := valueAt(s.rows, int(r), int(column)); ok {
			t := &byFold[folds.fold(int(r))][codeOf(v, len(counts))]
			t.sum, t.weight = t.sum+w*y, t.weight+w
		}
	}
	mean, shrink := float32(sum/max(weight, 1e-30)), float32(a.Shrink)
	statistics := func(left int) []float32 {
		values := make([]float32, len(counts))
		for code := range values {
			all := tally{mean * shrink, shrink}
			for k := range byFold {
				if k != left && code > 0 {
					all.sum, all.weight = all.sum+byFold[k][code].sum, all.weight+byFold[k][code].weight
				}
			}
			values[code] = all.sum / all.weight
		}
		return values
	}
	full := statistics(-1)
	var seen []float32
	for k := 0; k < len(s.index); k += max(1, len(s.index)/binSample) {
		if v, ok := valueAt(s.rows, int(s.index[k]), int(column)); ok {
			seen = append(seen, full[codeOf(v, len(counts))])
		}
	}
	slices.Sort(seen)
	cuts := cutsOf(seen, a.Bins)
	for k := range folds.bins {
		folds.bins[k] = binsOf(cuts, statistics(k))
	}
	return treeFeature{column: column, bins: binsOf(cuts, full), count: len(cuts) + 2}, folds
}

// groupSize is how many features stand together in a binTable: eight bytes
// that are loaded at once, and whose histograms fit in the first cache.
const groupSize = 8

// binTable holds the bins of rows, eight features together.
type binTable struct {
	rows   int
	groups [][]uint64 // by group and row; feature k of a group in byte k
}

// newBinTable bins rows; folds is nil for rows that were not learned from.
// Which training rows are held out does not matter: their own labels are in no
// statistic, so any fold will do.
func newBinTable(rows *dataset.Rows, features []treeFeature, folds []*foldBins) *binTable {
	t := &binTable{rows: rows.Len()}
	for range (len(features) + groupSize - 1) / groupSize {
		t.groups = append(t.groups, make([]uint64, rows.Len()))
	}
	if folds == nil {
		folds = make([]*foldBins, len(features))
	}
	byColumn := make([][]int32, rows.Columns.Len())
	for f := range features {
		byColumn[features[f].column] = append(byColumn[features[f].column], int32(f))
	}
	eachRow(rows, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			cols, vals := rows.Row(r)
			for k, c := range cols {
				for _, f := range byColumn[c] {
					bin := features[f].bin(vals[k])
					if fold := folds[f]; fold != nil && bin > 0 {
						bins := fold.bins[fold.fold(r)]
						bin = bins[codeOf(vals[k], len(bins))]
					}
					t.groups[f/groupSize][r] |= uint64(bin) << (8 * (f % groupSize))
				}
			}
		}
	})
	return t
}

// at returns the bin of a feature in a row.
func (t *binTable) at(feature, r int32) uint8 {
	return uint8(t.groups[feature/groupSize][r] >> (8 * (feature % groupSize)))
}

// block is how many rows are handled together where a result is put together
// from pieces; it never depends on the number of cores.
const rowBlock = 1 << 14

// eachBlock calls fn for blocks of n rows, on all cores.
func eachBlock(workers, n int, fn func(block, lo, hi int)) {
	linalg.Parallel(workers, (n+rowBlock-1)/rowBlock, func(_, from, to int) {
		for b := from; b < to; b++ {
			fn(b, b*rowBlock, min((b+1)*rowBlock, n))
		}
	})
}
