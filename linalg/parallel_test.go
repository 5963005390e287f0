package linalg

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
)

func TestParallelCoversEverythingOnce(t *testing.T) {
	for _, workers := range []int{-1, 0, 1, 2, 7, 100} {
		for _, n := range []int{-1, 0, 1, 2, 5, 1000} {
			seen := make([]atomic.Int32, max(n, 0))
			Parallel(workers, n, func(worker, lo, hi int) {
				if worker < 0 || worker >= max(1, workers) {
					t.Errorf("worker %d of %d", worker, workers)
				}
				for i := lo; i < hi; i++ {
					seen[i].Add(1)
				}
			})
			for i := range seen {
				if c := seen[i].Load(); c != 1 {
					t.Fatalf("workers=%d n=%d: %d met %d times", workers, n, i, c)
				}
			}
		}
	}
}

func TestParallelPassesPanicsOn(t *testing.T) {
	for _, workers := range []int{1, 4} {
		func() {
			defer func() {
				if p := recover(); !strings.Contains(fmt.Sprint(p), "ouch") {
					t.Errorf("workers=%d: recovered %v", workers, p)
				}
			}()
			Parallel(workers, 100, func(_, lo, _ int) {
				if lo == 0 {
					panic("ouch")
				}
			})
			t.Errorf("workers=%d: no panic", workers)
		}()
	}
}
