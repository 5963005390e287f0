package linalg

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestTopKIsTheHeadOfTheSortedList(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var got []Scored
	for round := range 3000 {
		size := 300
		if round%8 == 0 {
			size = 8000 // long enough to guess the bar
		}
		scores := make([]float32, rng.IntN(size))
		for i := range scores {
			switch scores[i] = float32(rng.NormFloat64()); rng.IntN(12) {
			case 0:
				scores[i] = float32(math.NaN())
			case 1:
				scores[i] = float32(math.Inf(-1))
			case 2:
				scores[i] = float32(math.Inf(1))
			case 3, 4, 5:
				scores[i] = float32(rng.IntN(3))
			}
		}
		switch round % 4 {
		case 1:
			slices.Sort(scores)
		case 2:
			slices.SortFunc(scores, func(a, b float32) int { return cmp.Compare(b, a) })
		}
		k := rng.IntN(60)
		if round%10 == 0 {
			k = len(scores) + 3
		}
		want := []Scored{}
		for i, s := range scores {
			if s > float32(math.Inf(-1)) {
				want = append(want, Scored{int32(i), s})
			}
		}
		slices.SortStableFunc(want, func(a, b Scored) int {
			switch {
			case a.Score > b.Score:
				return -1
			case a.Score < b.Score:
				return 1
			}
			return 0
		})
		want = want[:min(k, len(want))]
		if got = TopK(got, scores, k); !slices.Equal(got, want) {
			t.Fatalf("round %d, k=%d:\n%v, want\n%v", round, k, got, want)
		}
	}
}

func TestTopKAllocatesNothing(t *testing.T) {
	scores := make([]float32, 5000)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range scores {
		scores[i] = rng.Float32()
	}
	dst := make([]Scored, 0, 100)
	if n := testing.AllocsPerRun(20, func() { dst = TopK(dst, scores, 50) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestBits(t *testing.T) {
	b := NewBits(130)
	for _, i := range []int{0, 63, 64, 129} {
		b.Set(i)
	}
	b.Clear(63)
	for i := range 400 {
		if want := i == 0 || i == 64 || i == 129; b.Has(i) != want {
			t.Errorf("Has(%d) = %v", i, b.Has(i))
		}
	}
	if Bits(nil).Has(0) {
		t.Error("nil holds 0")
	}
}
