package model

import (
	"testing"

	"kindred/dataset"
	"kindred/linalg"
)

// TestStopper plants epochs that get better and worse again, and expects the
// best to be kept and the fit to end when patience does.
func TestStopper(t *testing.T) {
	data := &dataset.Interactions{Users: dataset.NewDict(), Items: dataset.NewDict(), ByUser: &linalg.CSR{Starts: []int{0}, Width: 50}}
	for u := range 40 {
		for k := range 4 {
			data.ByUser.Cols = append(data.ByUser.Cols, int32((7*u+11*k)%50))
			data.ByUser.Vals = append(data.ByUser.Vals, 1)
		}
		data.ByUser.Starts = append(data.ByUser.Starts, len(data.ByUser.Cols))
	}
	s, train := newStopper(data, 2, 1)
	if len(s.cases) != 20 || train.ByUser.NNZ() != data.ByUser.NNZ()-20 {
		t.Fatalf("%d cases, %d of %d pairs left", len(s.cases), train.ByUser.NNZ(), data.ByUser.NNZ())
	}
	epoch := func(quality int) Learned { // scores the first so many cases' hidden items high
		m := &Popularity{popular: make([]float32, 50), trending: make([]float32, 50)}
		for _, c := range s.cases[:quality] {
			m.popular[c.Relevant[0]]++
		}
		return m
	}
	for n, step := range []struct {
		quality int
		stop    bool
	}{{1, false}, {12, false}, {2, false}, {1, true}} {
		learned := epoch(step.quality)
		stop, err := s.after(t.Context(), learned)
		if err != nil || stop != step.stop {
			t.Errorf("epoch %d: stop %v, %v", n+1, stop, err)
		}
		if n == 1 && s.learned != learned {
			t.Error("the better epoch is not kept")
		}
		if n > 1 && s.learned == learned {
			t.Errorf("epoch %d is kept, and is worse", n+1)
		}
	}
}

// TestStopperWithoutPatience expects nothing to be held out.
func TestStopperWithoutPatience(t *testing.T) {
	data := &dataset.Interactions{ByUser: &linalg.CSR{Starts: []int{0, 3}, Cols: []int32{0, 1, 2}, Vals: []float32{1, 1, 1}, Width: 3}}
	s, train := newStopper(data, 0, 1)
	if train != data {
		t.Error("the data is another")
	}
	last := &Popularity{popular: []float32{1, 2, 3}, trending: []float32{1, 1, 1}}
	if stop, err := s.after(t.Context(), last); stop || err != nil || s.learned != last {
		t.Errorf("stop %v, %v", stop, err)
	}
}
