package model

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"kindred/linalg"
)

// TestGram compares submatrices with sums over all users, in float64, where
// most pairs occur and where few do, and where only some of them are kept.
func TestGram(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	const users, items = 120, 60
	for name, test := range map[string]struct {
		each  int // items of a user
		keep  int
		dense bool
	}{
		"most pairs":        {20, items, true},
		"few pairs":         {4, items, false},
		"few pairs, cut":    {4, 5, false},
		"most pairs, cut":   {20, 5, false},
		"one item of a row": {4, 1, false},
	} {
		x := &linalg.CSR{Starts: []int{0}, Width: items}
		for range users {
			chosen := dice.Perm(items)[:test.each]
			for _, i := range chosen {
				x.Cols, x.Vals = append(x.Cols, int32(i*i/items)), append(x.Vals, 0.5+dice.Float32())
			}
			x.Starts = append(x.Starts, len(x.Cols))
		}
		s := &scaled{byUser: merged(x)}
		s.byItem = s.byUser.Transpose()
		c, err := cooccur(t.Context(), s, 1, test.keep)
		if err != nil {
			t.Fatal(err)
		}
		g := c.gram
		if (g.dense != nil) != test.dense {
			t.Errorf("%s: dense %v", name, g.dense != nil)
		}
		want := kept(s, g.rank, test.keep)
		sub := subgram{of: g}
		for range 20 {
			chosen := make([]int32, 1+dice.IntN(items-1))
			for n, i := range dice.Perm(items)[:len(chosen)] {
				chosen[n] = int32(i)
			}
			sub.choose(chosen)
			for n, i := range chosen {
				for m, got := range sub.row(n) {
					if w := want[int(i)*items+int(chosen[m])]; math.Abs(float64(got)-w) > 1e-5*(1+w) {
						t.Fatalf("%s: entry of %d and %d is %v, want %v", name, i, chosen[m], got, w)
					}
				}
				if sub.diagonal[n] != g.diagonal[i] {
					t.Fatalf("%s: diagonal of %d", name, i)
				}
			}
		}
	}
}

// merged leaves the first entry of each column in a row.
func merged(x *linalg.CSR) *linalg.CSR {
	m := &linalg.CSR{Starts: []int{0}, Width: x.Width}
	for r := range x.Rows() {
		cols, vals := x.Row(r)
		for k, c := range cols {
			if !slices.Contains(m.Cols[m.Starts[r]:], c) {
				m.Cols, m.Vals = append(m.Cols, c), append(m.Vals, vals[k])
			}
		}
		m.Starts = append(m.Starts, len(m.Cols))
	}
	return m
}

// kept returns xᵀx, of each item only the pairs that gram says it keeps.
func kept(s *scaled, rank []int32, keep int) []float64 {
	items := s.byUser.Width
	all, some := make([]float64, items*items), make([]float64, items*items)
	for u := range s.byUser.Rows() {
		cols, vals := s.byUser.Row(u)
		for k, i := range cols {
			for l, j := range cols {
				all[int(i)*items+int(j)] += float64(vals[k]) * float64(vals[l])
			}
		}
	}
	for i := range items {
		some[i*items+i] = all[i*items+i]
		var lower []int
		for j := range items {
			if rank[j] < rank[i] && all[i*items+j] > 0 {
				lower = append(lower, j)
			}
		}
		cosine := func(j int) float64 { return all[i*items+j] / math.Sqrt(all[i*items+i]*all[j*items+j]) }
		slices.SortFunc(lower, func(a, b int) int {
			if cosine(a) > cosine(b) {
				return -1
			}
			return 1
		})
		for _, j := range lower[:min(keep, len(lower))] {
			some[i*items+j], some[j*items+i] = all[i*items+j], all[i*items+j]
		}
	}
	return some
}

// TestGramRanks expects what most users met first, and of equals the first.
func TestGramRanks(t *testing.T) {
	s := &scaled{byUser: &linalg.CSR{
		Starts: []int{0, 2, 5, 6}, Cols: []int32{1, 3, 3, 0, 2, 3}, Vals: []float32{1, 1, 1, 1, 1, 1}, Width: 5,
	}}
	s.byItem = s.byUser.Transpose()
	if rank := s.ranks(); !slices.Equal(rank, []int32{1, 2, 3, 0, 4}) {
		t.Errorf("ranks %v", rank)
	}
}
