package linalg

import "slices"

// CSR is a sparse matrix in compressed rows: row r holds the columns
// Cols[Starts[r]:Starts[r+1]] with the values Vals of the same positions.
// Columns of a row may stand in any order, each at most once.
type CSR struct {
	Starts []int     // rows+1
	Cols   []int32   // nnz
	Vals   []float32 // nnz
	Width  int       // columns
}

// Rows returns the number of rows.
func (m *CSR) Rows() int { return len(m.Starts) - 1 }

// NNZ returns the number of stored entries.
func (m *CSR) NNZ() int { return len(m.Cols) }

// Row returns views of row r's columns and values.
func (m *CSR) Row(r int) (cols []int32, vals []float32) {
	lo, hi := m.Starts[r], m.Starts[r+1]
	return m.Cols[lo:hi:hi], m.Vals[lo:hi:hi]
}

// Prefetch asks the processor for the beginning of row r, which is to be read
// soon: rows in no order are not guessed.
func (m *CSR) Prefetch(r int) {
	prefetch(m.Cols[m.Starts[r]:])
	prefetch(m.Vals[m.Starts[r]:])
}

// Prefetch asks the processor for the beginning of x, up to 64 numbers, which
// are to be read soon.
func Prefetch[T int32 | float32](x []T) { prefetch(x) }

// Constants returns the value of each row whose entries are all the same, and
// 0 for the others.
func (m *CSR) Constants() []float32 {
	constants := make([]float32, m.Rows())
	for r := range constants {
		_, vals := m.Row(r)
		if len(vals) > 0 && !slices.ContainsFunc(vals, func(v float32) bool { return v != vals[0] }) {
			constants[r] = vals[0]
		}
	}
	return constants
}

// Transpose returns the matrix with rows and columns exchanged; columns of
// each new row ascend. Cost: O(nnz + rows + columns).
func (m *CSR) Transpose() *CSR {
	t := &CSR{
		Starts: make([]int, m.Width+1),
		Cols:   make([]int32, len(m.Cols)),
		Vals:   make([]float32, len(m.Vals)),
		Width:  m.Rows(),
	}
	for _, c := range m.Cols {
		t.Starts[c+1]++
	}
	for c := range m.Width {
		t.Starts[c+1] += t.Starts[c]
	}
	next := append([]int(nil), t.Starts[:m.Width]...)
	for r := range m.Rows() {
		cols, vals := m.Row(r)
		for k, c := range cols {
			t.Cols[next[c]] = int32(r)
			t.Vals[next[c]] = vals[k]
			next[c]++
		}
	}
	return t
}
