package linalg

// Accumulator adds up sparse rows into one: the sparse accumulator of
// J. Gilbert, C. Moler, R. Schreiber, "Sparse Matrices in MATLAB: Design and
// Implementation", SIAM J. Matrix Anal. Appl. 1992. Instead of a list of the
// columns met it keeps two levels of marks, which cost an addition no branch
// and give the columns back in ascending order. It is for one goroutine.
type Accumulator struct {
	sums   []float32 // whole blocks; zero where nothing was added
	groups []byte    // by group of columns: 1 where something was added
	blocks []byte    // by block of groups: the same
	cols   []int32
	vals   []float32
}

const (
	groupCols   = 16 // a cache line of sums, a vector of AVX-512
	blockGroups = 64 // a vector of marks
	blockCols   = groupCols * blockGroups
)

// NewAccumulator returns one for rows of the given width. Memory: 4 bytes a
// column, and what Take returns.
func NewAccumulator(width int) *Accumulator {
	blocks := (width + blockCols - 1) / blockCols
	return &Accumulator{
		sums:   make([]float32, blocks*blockCols),
		groups: make([]byte, blocks*blockGroups),
		blocks: make([]byte, blocks),
	}
}

// Add adds weight·x to the sums of some columns.
func (a *Accumulator) Add(cols []int32, x []float32, weight float32) {
	x = x[:len(cols)]
	sums, groups, blocks := a.sums, a.groups, a.blocks
	for n, j := range cols {
		sums[j] += weight * x[n]
		groups[uint32(j)/groupCols] = 1
		blocks[uint32(j)/blockCols] = 1
	}
}

// AddSame adds weight to the sums of some columns.
func (a *Accumulator) AddSame(cols []int32, weight float32) {
	sums, groups, blocks := a.sums, a.groups, a.blocks
	for _, j := range cols {
		sums[j] += weight
		groups[uint32(j)/groupCols] = 1
		blocks[uint32(j)/blockCols] = 1
	}
}

// AddOne adds weight to the sum of one column.
func (a *Accumulator) AddOne(col int32, weight float32) {
	a.sums[col] += weight
	a.groups[uint32(col)/groupCols] = 1
	a.blocks[uint32(col)/blockCols] = 1
}

// AddProduct adds a row of left·right; constants are those of right. Rows of
// right are fetched ahead, as each is somewhere else in memory. Cost: the
// entries of right's rows that left's row names.
func (a *Accumulator) AddProduct(left, right *CSR, constants []float32, row int) {
	const ahead = 4
	middle, x := left.Row(row)
	for k, r := range middle {
		if k+ahead < len(middle) {
			prefetch(right.Cols[right.Starts[middle[k+ahead]]:])
		}
		cols, y := right.Row(int(r))
		if c := constants[r]; c != 0 {
			a.AddSame(cols, x[k]*c)
		} else {
			a.Add(cols, y, x[k])
		}
	}
}

// Clear makes the sum of a column zero.
func (a *Accumulator) Clear(col int32) { a.sums[col] = 0 }

// Take returns the columns whose sums are not zero, ascending, and these, and
// starts anew; what it returns is good until the next Take. Cost: O(columns
// met), groupCols at a time, and a 1024th of the width.
func (a *Accumulator) Take() (cols []int32, sums []float32) {
	n := 0
	for b, mark := range a.blocks {
		if mark == 0 {
			continue
		}
		a.blocks[b] = 0
		if len(a.cols) < n+blockCols {
			a.cols = append(a.cols, make([]int32, n+2*blockCols)...)
			a.vals = append(a.vals, make([]float32, n+2*blockCols)...)
		}
		block := a.sums[b*blockCols : (b+1)*blockCols]
		n += drain(a.cols[n:], a.vals[n:], block, a.groups[b*blockGroups:(b+1)*blockGroups], int32(b*blockCols))
	}
	return a.cols[:n], a.vals[:n]
}

// drainPlain moves what is not zero of the marked groups of a block to cols,
// counted from base, and vals, zeroes sums and marks, and returns how many. It
// may write anything behind these, as far as a whole block needs.
func drainPlain(cols []int32, vals, sums []float32, groups []byte, base int32) int {
	n := 0
	for g, mark := range groups {
		if mark == 0 {
			continue
		}
		groups[g] = 0
		group := (*[groupCols]float32)(sums[g*groupCols:])
		for k, sum := range group {
			if sum != 0 {
				cols[n], vals[n] = base+int32(g*groupCols+k), sum
				n++
			}
		}
		*group = [groupCols]float32{}
	}
	return n
}
