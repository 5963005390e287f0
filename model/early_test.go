package model

import (
	"slices"
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

// TestStopperWithoutOrder expects one of the items that came last to be held
// out, by chance, not the highest of them.
func TestStopperWithoutOrder(t *testing.T) {
	for name, c := range map[string]struct {
		times   []int64
		highest int32
		least   int // of 40 held out that are not the highest
	}{"no times": {nil, 3, 20}, "one time": {[]int64{5, 5, 5, 5}, 3, 20}, "in order": {[]int64{1, 2, 3, 4}, 3, 0}} {
		data := &dataset.Interactions{Users: dataset.NewDict(), Items: dataset.NewDict(), ByUser: &linalg.CSR{Starts: []int{0}, Width: 4}}
		for range 80 {
			data.ByUser.Cols, data.ByUser.Vals = append(data.ByUser.Cols, 0, 1, 2, 3), append(data.ByUser.Vals, 1, 1, 1, 1)
			data.Times = append(data.Times, c.times...)
			data.ByUser.Starts = append(data.ByUser.Starts, len(data.ByUser.Cols))
		}
		s, _ := newStopper(data, 1, 1)
		others := 0
		for _, held := range s.cases {
			if held.Relevant[0] != c.highest {
				others++
			}
			if slices.Contains(held.History.Items, held.Relevant[0]) || len(held.History.Items) != 3 {
				t.Fatalf("%s: %v is to be found from %v", name, held.Relevant, held.History.Items)
			}
		}
		if len(s.cases) != 40 || others < c.least || c.least == 0 && others > 0 {
			t.Errorf("%s: of %d cases %d hold another than the highest item out", name, len(s.cases), others)
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
