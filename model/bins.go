package model

import (
	"runtime"
	"slices"
	"sort"

	"kindred/dataset"
	"kindred/linalg"
)

// cutsOf returns ascending thresholds that put sorted values into at most bins
// bins: one each if there are so few, else about equally full ones. A value x
// belongs to the bin numbered by the thresholds below x.
func cutsOf(sorted []float32, bins int) (cuts []float32) {
	var distinct []float32
	var counts []int
	for k, v := range sorted {
		if k == 0 || v != sorted[k-1] {
			distinct, counts = append(distinct, v), append(counts, 0)
		}
		counts[len(counts)-1]++
	}
	if len(distinct) < 2 {
		return nil
	}
	left, open := len(sorted), bins // rows and bins not yet closed
	filled := 0
	for k := range len(distinct) - 1 {
		filled += counts[k]
		few := len(distinct)-k <= open // as many bins as values: one each
		if open > 1 && (few || float64(filled) >= float64(left)/float64(open)) {
			cuts = append(cuts, between(distinct[k], distinct[k+1]))
			left, open, filled = left-filled, open-1, 0
		}
	}
	return cuts
}

// between returns the middle of a < b, or a where there is none.
func between(a, b float32) float32 {
	if m := a + (b/2 - a/2); m >= a && m < b {
		return m
	}
	return a
}

// binOf returns how many cuts are below x.
func binOf(cuts []float32, x float32) int {
	below := 0
	for n := uint(len(cuts)); n > 0; {
		half := (n + 1) / 2
		is := 0 // not a branch, for nobody could guess it
		if cuts[below+int(half)-1] < x {
			is = 1
		}
		below += -is & int(half)
		n -= half
	}
	return below
}

// eachColumn calls fn with the values of each column, missing ones left out,
// from an even sample of the rows that holds about limit of them at most; on
// all cores, so that the columns come in any order. The slice is reused.
func eachColumn(s sample, limit int, fn func(column int, values []float32)) {
	width, workers := s.rows.Columns.Len(), runtime.GOMAXPROCS(0)
	stride := max(1, len(s.index)/limit)
	if s.rows.Starts == nil {
		room := make([][]float32, workers)
		linalg.Parallel(workers, width, func(worker, lo, hi int) {
			for c := lo; c < hi; c++ {
				values := room[worker][:0]
				for k := 0; k < len(s.index); k += stride {
					if v := s.rows.Vals[int(s.index[k])*width+c]; v == v { // not NaN
						values = append(values, v)
					}
				}
				room[worker] = values
				fn(c, values)
			}
		})
		return
	}
	starts := make([]int, width+1)
	each := func(fn func(c int32, v float32)) {
		for k := 0; k < len(s.index); k += stride {
			cols, vals := s.rows.Row(int(s.index[k]))
			for j, c := range cols {
				if v := vals[j]; v == v { // not NaN
					fn(c, v)
				}
			}
		}
	}
	each(func(c int32, _ float32) { starts[c+1]++ })
	for c := range width {
		starts[c+1] += starts[c]
	}
	values, next := make([]float32, starts[width]), slices.Clone(starts)
	each(func(c int32, v float32) { values[next[c]] = v; next[c]++ })
	linalg.Parallel(workers, width, func(_, lo, hi int) {
		for c := lo; c < hi; c++ {
			fn(c, values[starts[c]:starts[c+1]])
		}
	})
}

// codeCounts returns how often each code of the categorical columns occurs, by
// column; nil for the numeric ones.
func codeCounts(s sample) [][]int32 {
	columns := s.rows.Columns
	counts := make([][]int32, columns.Len())
	for c := range counts {
		if n := columns.Codes(c); n > 0 {
			counts[c] = make([]int32, n)
		}
	}
	for _, r := range s.index {
		cols, vals := s.rows.Row(int(r))
		for k, c := range cols {
			if n := counts[c]; n != nil && vals[k] == vals[k] { // not NaN
				n[codeOf(vals[k], len(n))]++
			}
		}
	}
	return counts
}

// codeOf returns a code of n; whatever is none is unknown, 0.
func codeOf(v float32, n int) int {
	if v >= 0 && v < float32(n) {
		return int(v)
	}
	return 0
}

// byCount returns the codes above 0 that occur at least least times, the most
// frequent first, at most most of them.
func byCount(counts []int32, least int32, most int) (codes []int32) {
	for code := 1; code < len(counts); code++ {
		if counts[code] >= least {
			codes = append(codes, int32(code))
		}
	}
	sort.SliceStable(codes, func(i, j int) bool { return counts[codes[i]] > counts[codes[j]] })
	return codes[:min(len(codes), most)]
}

// valueAt returns the value of a column in a row; ok is false if missing.
func valueAt(rows *dataset.Rows, r, column int) (v float32, ok bool) {
	if rows.Starts == nil {
		v = rows.Vals[r*rows.Columns.Len()+column]
		return v, v == v // not NaN
	}
	cols, vals := rows.Row(r)
	if k := slices.Index(cols, int32(column)); k >= 0 {
		return vals[k], vals[k] == vals[k] // not NaN
	}
	return 0, false
}
