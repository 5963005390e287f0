package model

import (
	"context"
	"math"
	"runtime"

	"kindred/linalg"
)

// search finds for every item the others that score best, an item at a time:
// no items×items matrix is ever made, and no result depends on which worker
// did what.
type search struct {
	items int
	keep  int // others to keep for an item
	// gather adds up what an item has in common with the others.
	gather func(sums *accumulator, item int32)
	// score turns the sums of an item with the others, in their place, into
	// scores; what does not score above zero is dropped.
	score func(item int32, others []int32, sums []float32)
	// reflexive lets an item be among its own others.
	reflexive bool
	// normalise divides the scores kept for an item by their sum to this power.
	normalise float64
}

// run returns an items×items matrix, each row best first. Cost: that of
// gather, and O(others) for each item; 12 bytes an item and core, 8 bytes for
// each other kept, twice while the rows are laid together.
func (s *search) run(ctx context.Context) (*linalg.CSR, error) {
	rows := make([][]linalg.Scored, s.items)
	workers := make([]*accumulator, runtime.GOMAXPROCS(0))
	linalg.Parallel(len(workers), s.items, func(worker, lo, hi int) {
		if workers[worker] == nil {
			workers[worker] = &accumulator{Accumulator: linalg.NewAccumulator(s.items)}
		}
		for i := lo; i < hi && ctx.Err() == nil; i++ {
			rows[i] = s.best(workers[worker], int32(i))
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return compress(rows), nil
}

// best returns the others that score best with an item.
func (s *search) best(a *accumulator, item int32) []linalg.Scored {
	s.gather(a, item)
	if !s.reflexive {
		a.Clear(item)
	}
	others, scores := a.Take()
	s.score(item, others, scores)
	a.best = linalg.TopK(a.best[:0], scores, s.keep)
	for n, b := range a.best {
		if !(b.Score > 0) {
			a.best = a.best[:n]
			break
		}
	}
	row, sum := a.row(len(a.best)), 0.0
	for n, b := range a.best {
		row[n] = linalg.Scored{Index: others[b.Index], Score: b.Score}
		sum += float64(b.Score)
	}
	if s.normalise > 0 && sum > 0 {
		factor := float32(math.Pow(sum, -s.normalise))
		for n := range row {
			row[n].Score *= factor
		}
	}
	return row
}

// accumulator is one worker's row of an items×items product.
type accumulator struct {
	*linalg.Accumulator
	best []linalg.Scored
	room []linalg.Scored // for rows to come
}

// row returns room for a row of n entries. Rows share blocks: one allocation
// for many.
func (a *accumulator) row(n int) []linalg.Scored {
	const block = 1 << 15
	if n > len(a.room) {
		a.room = make([]linalg.Scored, max(n, block))
	}
	row := a.room[:n:n]
	a.room = a.room[n:]
	return row
}

// compress lays the rows one behind the other.
func compress(rows [][]linalg.Scored) *linalg.CSR {
	m := &linalg.CSR{Starts: make([]int, len(rows)+1), Width: len(rows)}
	for i, row := range rows {
		m.Starts[i+1] = m.Starts[i] + len(row)
	}
	m.Cols = make([]int32, m.Starts[len(rows)])
	m.Vals = make([]float32, len(m.Cols))
	for i, row := range rows {
		for n, neighbour := range row {
			m.Cols[m.Starts[i]+n], m.Vals[m.Starts[i]+n] = neighbour.Index, neighbour.Score
		}
	}
	return m
}
