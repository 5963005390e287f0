package linalg

import (
	"fmt"
)

// SyrkRows adds weighted outer products of chosen rows of y to a:
// a (d×d) += Σ_j weights[j] · y_r·y_rᵀ with r = rows[j]. Weights must not be
// negative. Only the lower triangle of a (with the diagonal) is read or
// meaningful afterwards; elements above it may be overwritten. This is the
// inner loop of iALS.
//
// Method: rows, each times the root of its weight, are gathered into a panel
// that fits the first-level cache; the lower triangle then takes a rank-k
// update tile by tile. Cost: d(d+1) flops for each row.
func SyrkRows(a []float32, d int, y []float32, rows []int32, weights []float32) {
	sameLen("SyrkRows (a)", len(a), d*d)
	sameLen("SyrkRows (weights)", len(weights), len(rows))
	if d == 0 {
		return
	}
	n := len(y) / d
	for j, r := range rows {
		if uint(r) >= uint(n) {
			panic(fmt.Sprintf("linalg: SyrkRows with row %d of %d", r, n))
		}
		if weights[j] < 0 {
			panic(fmt.Sprintf("linalg: SyrkRows with the negative weight %g", weights[j]))
		}
	}
	s := takeScratch()
	defer scratches.Put(s)
	stride := padded(d)
	panel, batch := s.rowPanel(stride)
	for lo := 0; lo < len(rows); lo += batch {
		hi := min(lo+batch, len(rows))
		packRows(panel, stride, y, d, rows[lo:hi], weights[lo:hi])
		s.syrkPanel(a, d, d, panel, panel, stride, hi-lo)
	}
}

// rowPanel returns memory for a panel of rows of the given stride, and how
// many of them to take at once.
func (s *scratch) rowPanel(stride int) (panel []float32, batch int) {
	const least = 16 // below this, loading and storing tiles outweighs the sums
	if len(s.panel) >= least*stride {
		return s.panel[:], len(s.panel) / stride
	}
	return make([]float32, least*stride), least
}

// padded rounds up to whole tiles.
func padded(d int) int { return (d + tileCols - 1) &^ (tileCols - 1) }

// syrkPanel adds leftᵀ·right to the lower triangle of the d×d matrix c with
// row stride ldc; both panels are k rows of the given stride, readable in
// whole tiles beyond d (what stands there does not matter), and hold the same
// rows up to a factor.
func (s *scratch) syrkPanel(c []float32, ldc, d int, left, right []float32, stride, k int) {
	for i := 0; i < d; i += tileRows {
		rows := min(tileRows, d-i)
		end := i + rows // columns that this band of the triangle reaches
		for j := 0; j < end; j += tileCols {
			cols := min(tileCols, d-j)
			if end-j <= halfCols {
				cols = min(halfCols, cols)
			}
			s.addTile(c[i*ldc+j:], ldc, rows, cols, strided{left[i:], 1, stride}, right[j:], stride, k)
		}
	}
}

// gramBlocks bounds the partial sums of Gram, and gramRows is the least number
// of rows worth one.
const (
	gramBlocks = 32
	gramRows   = 1024
)

// Gram writes yᵀ·y into dst (d×d, both triangles); y is n×d. Rows are cut into
// blocks that depend on n alone, and the blocks' sums are added in order, so
// the bytes are the same for any number of workers. Cost: nd(d+1) flops and at
// most 32·d² floats.
func Gram(dst, y []float32, n, d, workers int) {
	sameLen("Gram (dst)", len(dst), d*d)
	sameLen("Gram (y)", len(y), n*d)
	if d == 0 {
		return
	}
	rows := max(gramRows, (n+gramBlocks-1)/gramBlocks)
	blocks := (n + rows - 1) / rows
	sums := make([]float32, blocks*d*d)
	Parallel(workers, blocks, func(_, lo, hi int) {
		for b := lo; b < hi; b++ {
			gramBlock(sums[b*d*d:(b+1)*d*d], y[b*rows*d:min((b+1)*rows, n)*d], d)
		}
	})
	clear(dst)
	for b := range blocks {
		axpy(1, sums[b*d*d:(b+1)*d*d], dst)
	}
	Mirror(dst, d)
}

// gramBlock adds yᵀ·y to the lower triangle of sum.
func gramBlock(sum, y []float32, d int) {
	s := takeScratch()
	defer scratches.Put(s)
	stride := padded(d)
	panel, batch := s.rowPanel(stride)
	for ; len(y) > 0; y = y[min(batch*d, len(y)):] {
		k := min(batch, len(y)/d)
		for j := range k {
			copy(panel[j*stride:], y[j*d:(j+1)*d])
		}
		s.syrkPanel(sum, d, d, panel, panel, stride, k)
	}
}

// Mirror copies the lower triangle of the n×n matrix a onto the upper.
func Mirror(a []float32, n int) {
	sameLen("Mirror", len(a), n*n)
	for r := range n {
		for c := range r {
			a[c*n+r] = a[r*n+c]
		}
	}
}
