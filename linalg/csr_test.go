package linalg

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestTransposeTwiceIsTheMatrixWithSortedRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		m := &CSR{Starts: []int{0}, Width: rng.IntN(20)}
		for range rng.IntN(20) {
			for c := range m.Width {
				if rng.IntN(3) == 0 {
					m.Cols = append(m.Cols, int32(c))
					m.Vals = append(m.Vals, rng.Float32())
				}
			}
			m.Starts = append(m.Starts, len(m.Cols))
		}
		back := m.Transpose()
		if back.Rows() != m.Width || back.Width != m.Rows() || back.NNZ() != m.NNZ() {
			t.Fatalf("%d×%d with %d entries became %d×%d with %d", m.Rows(), m.Width, m.NNZ(), back.Rows(), back.Width, back.NNZ())
		}
		back = back.Transpose()
		if !slices.Equal(back.Starts, m.Starts) || !slices.Equal(back.Cols, m.Cols) || !slices.Equal(back.Vals, m.Vals) {
			t.Fatalf("%+v came back as %+v", m, back)
		}
	}
}
