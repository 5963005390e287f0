package model

import (
	"cmp"
	"runtime"
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
	stated      bool      // its column has target statistics too
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
)

// orderedBins are the bins of a target statistic for the training rows, by row
// of the set; 0 for those held out, which no statistic has seen.
type orderedBins []uint8

// features decides how columns become features. ordered is by feature, nil but
// for target statistics.
func (a *GBDT) features(s sample) (features []treeFeature, ordered []orderedBins) {
	columns := s.rows.Columns
	counts := codeCounts(s)
	present, cuts := make([]int, columns.Len()), make([][]float32, columns.Len())
	eachColumn(s, binSample, func(c int, values []float32) {
		present[c] = len(values)
		if counts[c] == nil {
			slices.Sort(values)
			cuts[c] = cutsOf(values, a.Bins)
		}
	})
	for c, n := range counts {
		switch {
		case n != nil:
			f := categoriesOf(int32(c), n, a.Bins)
			f.stated = a.stated(n)
			features = append(features, f)
		case present[c] > 0:
			features = append(features, treeFeature{column: int32(c), cuts: cuts[c], count: len(cuts[c]) + 2})
		}
	}
	if len(features) > maxTreeFeatures {
		slices.SortStableFunc(features, func(x, y treeFeature) int { return cmp.Compare(present[y.column], present[x.column]) })
		features = features[:maxTreeFeatures]
	}
	slices.SortStableFunc(features, func(x, y treeFeature) int { return cmp.Compare(x.column, y.column) })
	statistics := a.targetStatistics(s, counts)
	ordered = make([]orderedBins, len(features), len(features)+len(statistics))
	for _, t := range statistics {
		features, ordered = append(features, t.feature), append(ordered, t.ordered)
	}
	return features, ordered
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

// groupSize is how many features stand together in a binTable: eight bytes
// that are loaded at once, and whose histograms fit in the first cache.
const groupSize = 8

// binTable holds the bins of rows, row after row, so that few cache lines hold
// all of one.
type binTable struct {
	groups int      // words of a row
	words  []uint64 // by row and group; feature k of a group in byte k
}

// newBinTable bins rows; ordered is nil for rows that were not learned from.
func newBinTable(rows *dataset.Rows, features []treeFeature, ordered []orderedBins) *binTable {
	t := &binTable{groups: (len(features) + groupSize - 1) / groupSize}
	t.words = make([]uint64, rows.Len()*t.groups)
	if ordered == nil {
		ordered = make([]orderedBins, len(features))
	}
	byColumn := make([][]int32, rows.Columns.Len())
	for f := range features {
		byColumn[features[f].column] = append(byColumn[features[f].column], int32(f))
	}
	eachRow(rows, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			words := t.words[r*t.groups : (r+1)*t.groups]
			cols, vals := rows.Row(r)
			for k, c := range cols {
				for _, f := range byColumn[c] {
					bin := features[f].bin(vals[k])
					if o := ordered[f]; o != nil && o[r] > 0 && bin > 0 { // what is missing stays so
						bin = o[r]
					}
					words[f/groupSize] |= uint64(bin) << (8 * (f % groupSize))
				}
			}
		}
	})
	return t
}

// at returns the bin of a feature in a row.
func (t *binTable) at(feature, r int32) uint8 {
	return uint8(t.words[int(r)*t.groups+int(feature/groupSize)] >> (8 * (feature % groupSize)))
}

// columns returns the bins of n features, one column each: what divides the
// rows of a leaf reads one feature only.
func (t *binTable) columns(n int) [][]uint8 {
	columns, rows := make([][]uint8, n), len(t.words)/max(t.groups, 1)
	for f := range columns {
		columns[f] = make([]uint8, rows)
	}
	eachBlock(runtime.GOMAXPROCS(0), rows, func(_, lo, hi int) {
		for f, column := range columns {
			for r := lo; r < hi; r++ {
				column[r] = t.at(int32(f), int32(r))
			}
		}
	})
	return columns
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
