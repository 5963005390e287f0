package linalg

import (
	"math/rand/v2"
	"testing"
)

// Rows of a product are those of the dense product, zeros left out, whether
// the rows of its right side are constant or not, and nothing stays behind.
func TestAccumulatorGivesRowsOfTheDenseProduct(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, width := range []int{1, 15, 16, 1023, 1024, 3000} {
		const rows, inner = 20, 30
		left, right := someRows(rng, rows, inner), someRows(rng, inner, width)
		constants, a := right.Constants(), NewAccumulator(width)
		for r := range rows {
			a.AddProduct(left, right, constants, r)
			a.AddOne(int32(width-1), 8)
			a.Clear(0)
			want := make([]float32, width)
			middle, x := left.Row(r)
			for k, m := range middle {
				cols, y := right.Row(int(m))
				for n, j := range cols {
					want[j] += x[k] * y[n]
				}
			}
			want[width-1] += 8
			want[0] = 0
			cols, sums := a.Take()
			for j, w := range want {
				switch {
				case w == 0:
				case len(cols) == 0 || int(cols[0]) != j || sums[0] != w:
					t.Fatalf("width %d, row %d: column %d is not %g: %v %v", width, r, j, w, cols, sums)
				default:
					cols, sums = cols[1:], sums[1:]
				}
			}
			if len(cols) > 0 {
				t.Fatalf("width %d, row %d: columns %v too many", width, r, cols)
			}
		}
	}
}

// someRows returns a matrix of small whole numbers, whose sums are exact and
// sometimes zero; every other row is constant, and some are empty.
func someRows(rng *rand.Rand, rows, width int) *CSR {
	m := &CSR{Starts: make([]int, 1, rows+1), Width: width}
	for r := range rows {
		for c := range width {
			if r%7 == 0 || rng.IntN(1+width/20) > 0 {
				continue
			}
			value := float32(1 + r%3)
			if r%2 == 0 {
				value = float32(1+rng.IntN(3)) * float32(1-2*rng.IntN(2))
			}
			m.Cols, m.Vals = append(m.Cols, int32(c)), append(m.Vals, value)
		}
		m.Starts = append(m.Starts, len(m.Cols))
	}
	return m
}
