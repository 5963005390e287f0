package linalg

// symmetricBlock is the side of a Symmetric's blocks: a product of two of them
// runs at the speed of Gemm, and three (3 MiB) about fit the second-level
// cache.
const symmetricBlock = 512

// Symmetric is a dense symmetric n×n matrix in half the memory of a square
// one: the lower triangle of blocks×blocks, each row-major and by itself.
// Blocks on the diagonal hold both their triangles.
type Symmetric struct {
	n      int
	blocks [][]float32 // block (r, c), c ≤ r, at r(r+1)/2 + c
}

// NewSymmetric returns the n×n matrix of zeros. It takes 2n² bytes and a
// little.
func NewSymmetric(n int) *Symmetric {
	a := &Symmetric{n: n}
	for r := range a.bands() {
		for c := range r + 1 {
			a.blocks = append(a.blocks, make([]float32, a.height(r)*a.height(c)))
		}
	}
	return a
}

// Order returns n.
func (a *Symmetric) Order() int { return a.n }

// bands returns how many blocks lie side by side.
func (a *Symmetric) bands() int { return (a.n + symmetricBlock - 1) / symmetricBlock }

// height returns how many rows the blocks of band r have.
func (a *Symmetric) height(r int) int { return min(symmetricBlock, a.n-r*symmetricBlock) }

// block returns block (r, c), c ≤ r.
func (a *Symmetric) block(r, c int) []float32 { return a.blocks[r*(r+1)/2+c] }

// SetRow sets what row r holds up to its diagonal, row[:r+1], and with it what
// column r does. Different rows may be set at once.
func (a *Symmetric) SetRow(r int, row []float32) {
	band, inside := r/symmetricBlock, r%symmetricBlock
	for c := range band {
		copy(a.block(band, c)[inside*symmetricBlock:][:symmetricBlock], row[c*symmetricBlock:])
	}
	diagonal, h := a.block(band, band), a.height(band)
	for k, v := range row[band*symmetricBlock : r+1] {
		diagonal[inside*h+k], diagonal[k*h+inside] = v, v
	}
}

// Rows writes rows lo to hi into dst, (hi−lo)×n. Some 16 at a time use what a
// cache line brings.
func (a *Symmetric) Rows(dst []float32, lo, hi int) {
	sameLen("Symmetric.Rows", len(dst), (hi-lo)*a.n)
	for lo < hi {
		band := lo / symmetricBlock
		end := min(hi, (band+1)*symmetricBlock)
		first, count := lo-band*symmetricBlock, end-lo
		for other := range a.bands() {
			width := a.height(other)
			if other > band { // the block mirrored
				transpose(dst[other*symmetricBlock:], a.n, a.block(other, band)[first:], a.height(band), width, count)
				continue
			}
			from := a.block(band, other)[first*width:]
			for k := range count {
				copy(dst[k*a.n+other*symmetricBlock:], from[k*width:(k+1)*width])
			}
		}
		dst, lo = dst[count*a.n:], end
	}
}

// Invert replaces a, which must be positive definite, by its inverse. after is
// called, from this goroutine, after each of the steps; an error it returns
// ends the work and is returned, and a is lost. The bytes are the same for any
// number of workers.
//
// Method: the symmetric sweep operator (A. Beaton, 1964; J. Goodnight, "A
// Tutorial on the SWEEP Operator", The American Statistician 33, 1979) on
// whole blocks. For each pivot block D of the diagonal, with the panel P of
// the blocks in its row and column,
//
//	the rest  −= P·D⁻¹·Pᵀ,   P → P·D⁻¹,   D → −D⁻¹
//
// after which the matrix is minus the inverse. Without pivoting this is as
// stable for positive definite matrices as Cholesky is; unlike Cholesky and
// two triangular products it needs one kind of step, which any number of
// cores shares evenly. Cost: n³ flops at the speed of Gemm, 2·512·n floats of
// scratch memory.
func (a *Symmetric) Invert(workers int, after func(step, steps int) error) error {
	s := &sweep{matrix: a, workers: workers}
	for k := range a.bands() {
		if err := s.step(k); err != nil {
			return err
		}
		if err := after(k+1, a.bands()); err != nil {
			return err
		}
	}
	Parallel(workers, len(a.blocks), func(_, lo, hi int) {
		for _, block := range a.blocks[lo:hi] {
			Scale(-1, block)
		}
	})
	return nil
}

// sweep is one inversion under way.
type sweep struct {
	matrix  *Symmetric
	workers int
	// panel and product hold P and −P·D⁻¹, a block for each band.
	panel, product [][]float32
}

// step sweeps the k-th block of the diagonal.
func (s *sweep) step(k int) error {
	a := s.matrix
	pivot, width := a.block(k, k), a.height(k)
	inverse, err := invertDefinite(pivot, width, s.workers)
	if err != nil {
		return err
	}
	if s.panel == nil {
		s.panel, s.product = make([][]float32, a.bands()), make([][]float32, a.bands())
		for i := range s.panel {
			s.panel[i] = make([]float32, a.height(i)*symmetricBlock)
			s.product[i] = make([]float32, a.height(i)*symmetricBlock)
		}
	}
	Parallel(s.workers, a.bands(), func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			if i != k {
				s.takePanel(i, k, inverse)
			}
		}
	})
	Parallel(s.workers, len(a.blocks), func(_, lo, hi int) {
		r, c := blockAt(lo)
		for _, block := range a.blocks[lo:hi] {
			if r != k && c != k {
				h, w := a.height(r), a.height(c)
				GemmT(block, s.product[r][:h*width], s.panel[c][:w*width], h, w, width)
			}
			c++
			if c > r {
				r, c = r+1, 0
			}
		}
	})
	scaleTo(pivot, inverse, -1)
	return nil
}

// takePanel fills band i of both panels and replaces the block by P·D⁻¹.
func (s *sweep) takePanel(i, k int, inverse []float32) {
	a := s.matrix
	h, width := a.height(i), a.height(k)
	p, w := s.panel[i][:h*width], s.product[i][:h*width]
	if i > k {
		copy(p, a.block(i, k))
	} else {
		transpose(p, width, a.block(k, i), h, width, h)
	}
	clear(w)
	GemmT(w, p, inverse, h, width, width)
	if i > k {
		copy(a.block(i, k), w)
	} else {
		transpose(a.block(k, i), h, w, width, h, width)
	}
	Scale(-1, w)
}

// blockAt returns where the lower triangle of blocks has its t-th.
func blockAt(t int) (r, c int) {
	for t > r {
		r++
		t -= r
	}
	return r, t
}

// invertDefinite returns the inverse of the positive definite n×n matrix a, of
// which only the lower triangle is read. Cost: 7n³/3 flops.
func invertDefinite(a []float32, n, workers int) ([]float32, error) {
	l := make([]float32, n*n)
	copy(l, a)
	if err := Cholesky(l, n); err != nil {
		return nil, err
	}
	inverse := make([]float32, n*n)
	Parallel(workers, n, func(_, lo, hi int) {
		for r := lo; r < hi; r++ {
			row := inverse[r*n : (r+1)*n]
			row[r] = 1
			CholeskySolve(l, n, row)
		}
	})
	Mirror(inverse, n)
	return inverse, nil
}
