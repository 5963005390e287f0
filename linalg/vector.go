package linalg

import "fmt"

// Dot returns the inner product of x and y, which must be equally long.
func Dot(x, y []float32) float32 {
	sameLen("Dot", len(x), len(y))
	return dot(x, y)
}

// Axpy adds alpha·x to y.
func Axpy(alpha float32, x, y []float32) {
	sameLen("Axpy", len(x), len(y))
	axpy(alpha, x, y)
}

// Scale multiplies every element of x by alpha.
func Scale(alpha float32, x []float32) { scale(alpha, x) }

// AdaGradStep says how AdaGrad goes down a gradient g:
//
//	s = Scale·g + Lambda·w,  squares += s²,  w −= Rate·s/√(squares+Epsilon)
//
// and a weight nearer to 0 than 1e-30 is 0.
type AdaGradStep struct{ Scale, Rate, Lambda, Epsilon float32 }

// AdaGrad takes a step (J. Duchi, E. Hazan, Y. Singer, "Adaptive Subgradient
// Methods for Online Learning and Stochastic Optimization", JMLR 12, 2011), each
// element at a rate of its own. The slices must be equally long. Every machine
// gives the same bits: nothing is fused.
func AdaGrad(w, squares, g []float32, step AdaGradStep) {
	sameLen("AdaGrad (squares)", len(squares), len(w))
	sameLen("AdaGrad (gradient)", len(g), len(w))
	adaGrad(w, squares, g, step)
}

// DotRows writes the inner products of query with every row of rows
// (len(dst)×len(query)) into dst.
func DotRows(dst, query, rows []float32) {
	sameLen("DotRows", len(rows), len(dst)*len(query))
	dotRows(dst, query, rows)
}

// Rows of four-bit codes stand together in blocks of int4Rows, and a block goes
// by groups of int4Group dimensions, so that a register's lanes are rows, and
// their sums need no adding across lanes. Byte 4r+j of a group's 64 holds, for
// row r, dimension j of the group in its low and j+4 in its high half, each
// with nibbleZero added.
const (
	int4Rows   = 16
	int4Group  = 8
	nibbleZero = 8
)

// Int4Len is how many bytes so many rows of four-bit codes take.
func Int4Len(rows, dim int) int {
	return (rows + int4Rows - 1) / int4Rows * int4Rows * Int4Width(dim) / 2
}

// Int4Width is how many dimensions a row of four-bit codes has room for: dim or
// a few more.
func Int4Width(dim int) int { return (dim + int4Group - 1) / int4Group * int4Group }

// PackInt4 makes codes, values from -8 to 7 and Int4Width of them, row r of
// rows.
func PackInt4(rows []byte, r int, codes []int8) {
	sameLen("PackInt4", len(codes), Int4Width(len(codes)))
	block := rows[r/int4Rows*int4Rows*len(codes)/2:]
	for g := 0; g < len(codes); g += int4Group {
		four := block[int4Rows*g/2+r%int4Rows*4:][:4]
		for j := range four {
			four[j] = byte(codes[g+j]+nibbleZero)&15 | byte(codes[g+4+j]+nibbleZero)<<4
		}
	}
}

// ScoreInt4 writes the exact inner products of query with the first len(dst)
// rows, from PackInt4, each times its scale, into dst. The query is Int4Width
// long; more than 65,536 panics.
func ScoreInt4(dst []float32, query []int8, rows []byte, scales []float32) {
	sameLen("ScoreInt4 (rows)", len(rows), Int4Len(len(dst), len(query)))
	sameLen("ScoreInt4 (scales)", len(scales), len(dst))
	if len(query) > 1<<16 || len(query)%int4Group != 0 {
		panic(fmt.Sprintf("linalg: ScoreInt4 of %d dimensions (a multiple of %d up to 65536)", len(query), int4Group))
	}
	scoreInt4(dst, query, rows, scales)
}

// sameLen panics when a caller's shapes disagree.
func sameLen(name string, got, want int) {
	if got != want {
		panic(fmt.Sprintf("linalg: %s of lengths %d and %d", name, got, want))
	}
}
