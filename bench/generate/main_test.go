package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// TestWrite counts what comes out: every pair once, a long tail of items, and
// the same bytes again.
func TestWrite(t *testing.T) {
	s := settings{Interactions: 20_000, PerUser: 40, Seed: 3}
	var first, second bytes.Buffer
	for _, out := range []*bytes.Buffer{&first, &second} {
		if err := s.check(); err != nil {
			t.Fatal(err)
		}
		if err := s.write(out); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("other bytes the second time")
	}
	rows := strings.Split(strings.TrimSpace(first.String()), "\n")[1:]
	if len(rows) != s.Interactions {
		t.Errorf("%d rows, want %d", len(rows), s.Interactions)
	}
	pairs, users, items := map[string]bool{}, map[string]int{}, map[string]int{}
	for _, row := range rows {
		cells := strings.Split(row, ",")
		pairs[cells[0]+cells[1]] = true
		users[cells[0]]++
		items[cells[1]]++
	}
	if len(pairs) != len(rows) {
		t.Errorf("%d pairs come again", len(rows)-len(pairs))
	}
	if mean := len(rows) / len(users); mean < 25 || mean > 60 {
		t.Errorf("%d interactions a user, want about 40", mean)
	}
	var counts []int
	for _, n := range items {
		counts = append(counts, n)
	}
	slices.Sort(counts)
	top := 0
	for _, n := range counts[len(counts)*9/10:] {
		top += n
	}
	if share := float64(top) / float64(len(rows)); share < .25 || share > .8 {
		t.Errorf("the top tenth of the items has %.2f of the rows", share)
	}
}
