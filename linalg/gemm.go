package linalg

import "sync"

// A tile is tileRows×(16 or 32) elements of a product, held in registers while
// k runs: 16 accumulators of AVX-512 with two vector loads and eight
// broadcasts per step, so that the two FMA ports, not the loads, set the pace.
const (
	tileRows = 8
	tileCols = 32
	halfCols = 16
	// depth is the run of k for which a packed panel depth×tileCols (32 KiB)
	// stays in the first-level cache.
	depth = 256
	// panelRows bounds the rows of A that are reread for every panel, so that
	// panelRows×depth (512 KiB) stays in the second-level cache.
	panelRows = 512
)

// strided is a matrix read by element: (i, k) at data[i*row + k*step].
type strided struct {
	data      []float32
	row, step int
}

// scratch is the working memory of one product.
type scratch struct {
	panel [depth * tileCols]float32
	edge  [depth * tileRows]float32
	out   [tileRows * tileCols]float32
}

//nolint:gochecknoglobals // A cache of scratch memory: no call sees what another left.
var scratches = sync.Pool{New: func() any { return new(scratch) }}

func takeScratch() *scratch {
	s, ok := scratches.Get().(*scratch)
	if !ok {
		return new(scratch)
	}
	return s
}

// Gemm adds a·b to c: c (m×n) += a (m×k) · b (k×n). Cost: 2mnk flops.
func Gemm(c, a, b []float32, m, n, k int) {
	sameLen("Gemm (b)", len(b), k*n)
	gemm("Gemm", c, a, m, n, k, func(panel []float32, k0, j0, depth, width int) {
		for r := range depth {
			row := panel[r*tileCols : (r+1)*tileCols]
			clear(row[copy(row, b[(k0+r)*n+j0:(k0+r)*n+j0+width]):])
		}
	})
}

// GemmT adds a·bᵀ to c: c (m×n) += a (m×k) · b (n×k)ᵀ, as when users meet
// items. Cost: 2mnk flops.
func GemmT(c, a, b []float32, m, n, k int) {
	sameLen("GemmT (b)", len(b), n*k)
	gemm("GemmT", c, a, m, n, k, func(panel []float32, k0, j0, depth, width int) {
		if width < tileCols {
			clear(panel)
		}
		transpose(panel, tileCols, b[j0*k+k0:], k, width, depth)
	})
}

// gemm multiplies panel by panel: pack fills depth×tileCols of b, from row k0
// and column j0, with zeros beyond width.
func gemm(name string, c, a []float32, m, n, k int, pack func(panel []float32, k0, j0, depth, width int)) {
	sameLen(name+" (c)", len(c), m*n)
	sameLen(name+" (a)", len(a), m*k)
	s := takeScratch()
	defer scratches.Put(s)
	for k0 := 0; k0 < k; k0 += depth {
		kd := min(depth, k-k0)
		for i0 := 0; i0 < m; i0 += panelRows {
			i1 := min(i0+panelRows, m)
			for j0 := 0; j0 < n; j0 += tileCols {
				width := min(tileCols, n-j0)
				pack(s.panel[:kd*tileCols], k0, j0, kd, width)
				for i := i0; i < i1; i += tileRows {
					rows := min(tileRows, i1-i)
					left := strided{a[i*k+k0:], k, 1}
					if rows < tileRows {
						left = s.padRows(left, rows, kd)
					}
					s.addTile(c[i*n+j0:], n, rows, width, left, s.panel[:], tileCols, kd)
				}
			}
		}
	}
}

// padRows copies the last rows of a into a full tile, with zeros below.
func (s *scratch) padRows(a strided, rows, k int) strided {
	clear(s.edge[:])
	for i := range rows {
		for kk := range k {
			s.edge[kk*tileRows+i] = a.data[i*a.row+kk*a.step]
		}
	}
	return strided{s.edge[:], 1, tileRows}
}

// addTile adds a·b to the rows×cols corner of c; a and b must be readable as a
// full tile.
func (s *scratch) addTile(c []float32, ldc, rows, cols int, a strided, b []float32, ldb, k int) {
	width := tileCols
	if cols <= halfCols {
		width = halfCols
	}
	if rows == tileRows && cols == width {
		tile(c, ldc, a, b, ldb, width, k)
		return
	}
	clear(s.out[:])
	tile(s.out[:], tileCols, a, b, ldb, width, k)
	for i := range rows {
		axpy(1, s.out[i*tileCols:i*tileCols+cols], c[i*ldc:i*ldc+cols])
	}
}

// transpose writes src (rows×cols, row stride ls) to dst (cols×rows, row
// stride ld).
func transpose(dst []float32, ld int, src []float32, ls, rows, cols int) {
	r8, c8 := rows&^7, cols&^7
	for r := 0; r < r8; r += 8 {
		for c := 0; c < c8; c += 8 {
			transpose8(dst[c*ld+r:], ld, src[r*ls+c:], ls)
		}
	}
	for r := range rows {
		first := c8
		if r >= r8 {
			first = 0
		}
		for c := first; c < cols; c++ {
			dst[c*ld+r] = src[r*ls+c]
		}
	}
}
