package linalg

import (
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// chunksPerWorker is how finely Parallel cuts: enough that one slow chunk does
// not keep the other workers waiting long, few enough to cost nothing.
const chunksPerWorker = 16

// Parallel calls fn for pieces [lo, hi) that together cover [0, n) once, on
// the given number of goroutines (at least one). Pieces are handed out as
// workers come free, so fn's effect must not depend on which worker (0 …
// workers-1) gets which piece, nor on where pieces end. A panic in fn is
// raised again in the caller, with the stack it had, once all workers have
// stopped.
func Parallel(workers, n int, fn func(worker, lo, hi int)) {
	if n <= 0 {
		return
	}
	workers = max(1, min(workers, n))
	if workers == 1 {
		fn(0, 0, n)
		return
	}
	chunk := max(1, n/(workers*chunksPerWorker))
	var (
		next    atomic.Int64
		once    sync.Once
		failure string
		wait    sync.WaitGroup
	)
	for w := range workers {
		wait.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					once.Do(func() { failure = fmt.Sprintf("%v\n%s", p, debug.Stack()) })
					next.Store(int64(n))
				}
			}()
			for {
				hi := int(next.Add(int64(chunk)))
				lo := hi - chunk
				if lo >= n {
					return
				}
				fn(w, lo, min(hi, n))
			}
		})
	}
	wait.Wait()
	if failure != "" {
		panic(failure)
	}
}
