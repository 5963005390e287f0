// Package ann finds the vectors with the largest inner product with a query:
// which items a user's factors like best. It does no I/O, and the same vectors
// and query give the same answer every time.
package ann

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"sync"

	"kindred/linalg"
)

// Exact scans all items. Of vectors that outgrow the cache, where memory sets
// the pace, it first scans a copy in four bits and then scores the best of it
// exactly in float32, so scores are always exact and, of the true best k, at least
// .999 are found (measured in the tests for even and for steeply falling
// variances). Below, it scans the vectors themselves.
//
// The copy: items minus their mean (which adds the same to every score), under
// a random rotation with a fixed seed, so that no dimension dominates a row's
// range, each row in steps of its own 1/7th of its largest component. What is
// lost is about a tenth of the spread of scores, which a few times k candidates
// make up for, while a scan moves an eighth of the memory.
//
// Memory: items×(dim/2+4) bytes beside the vectors, and 4 bytes for each item and
// concurrent search. All methods may be called from many goroutines at once.
type Exact struct {
	vectors []float32 // items×dim, the caller's
	dim     int
	items   int
	coarse  *coarse // nil: scan the vectors
	queue   queue
	pool    sync.Pool
}

// coarse is the copy in four bits.
type coarse struct {
	width    int       // of a row: linalg.Int4Width
	codes    []byte    // by linalg.PackInt4
	steps    []float32 // items: what one unit of a row's codes is worth
	rotation []float32 // dim×dim, orthonormal rows
}

// scratch is the memory of one search.
type scratch struct {
	scores  []float32 // items
	rotated []float32 // dim
	query   []int8    // width
	found   []linalg.Scored
	turn    chan bool // a message to who waits: true to scan, false when scanned
}

// Where the copy begins to pay, as measured: vectors of coarseFloats still fit
// the second-level cache; rows shorter than coarseDim cost as much in bits.
const (
	coarseFloats = 1 << 19
	coarseDim    = 32
)

// NewExact returns an index over the rows of vectors (items×dim), which it
// keeps, not copies, and which must not change from now on. It panics when
// vectors do not make whole rows.
func NewExact(vectors []float32, dim int) *Exact {
	if dim <= 0 || len(vectors)%dim != 0 {
		panic(fmt.Sprintf("ann: %d numbers do not make rows of %d", len(vectors), dim))
	}
	x := &Exact{vectors: vectors, dim: dim, items: len(vectors) / dim}
	if len(vectors) >= coarseFloats && dim >= coarseDim {
		x.coarse = newCoarse(vectors, dim)
	}
	x.queue.scanners = (runtime.GOMAXPROCS(0) + 1) / 2
	x.pool.New = func() any { return x.newScratch() }
	return x
}

func (x *Exact) newScratch() *scratch {
	s := &scratch{scores: make([]float32, x.items)}
	if x.coarse != nil {
		s.rotated = make([]float32, x.dim)
		s.query = make([]int8, x.coarse.width)
		s.turn = make(chan bool, 1)
	}
	return s
}

// Len returns the number of items.
func (x *Exact) Len() int { return x.items }

// Search overwrites dst with the k items outside skip whose inner product with
// query is largest, best first, ties by lower index, and returns it, grown if
// need be. It is shorter than k only when fewer items are left, or their
// scores are NaN or -Inf. A dst of capacity 2k is never reallocated. It
// panics when query is not dim long.
//
// Cost: items×dim products of small integers, then 2·dim flops for each of a
// few times k items.
func (x *Exact) Search(dst []linalg.Scored, query []float32, k int, skip linalg.Bits) []linalg.Scored {
	if len(query) != x.dim {
		panic(fmt.Sprintf("ann: query of %d dimensions in an index of %d", len(query), x.dim))
	}
	s, ok := x.pool.Get().(*scratch)
	if !ok {
		s = x.newScratch()
	}
	defer x.pool.Put(s)
	if x.coarse == nil || 2*candidates(k) > x.items || !x.coarse.ask(s, query) {
		linalg.DotRows(s.scores, query, x.vectors)
		hide(s.scores, skip)
		return linalg.TopK(dst, s.scores, k)
	}
	x.scan(s)
	hide(s.scores, skip)
	s.found = linalg.Select(s.found, s.scores, candidates(k))
	for i, f := range s.found {
		row := x.vectors[int(f.Index)*x.dim : (int(f.Index)+1)*x.dim]
		s.found[i].Score = linalg.Dot(query, row)
	}
	return append(dst[:0], linalg.Best(s.found, k)...)
}

// candidates is how many items of the coarse scan are scored exactly.
func candidates(k int) int {
	return 3*k + 64 // errors of the coarse scan weigh more in short lists
}

// hide takes the items in skip out of the running.
func hide(scores []float32, skip linalg.Bits) {
	for w, word := range skip {
		for ; word != 0; word &= word - 1 {
			i := w*64 + bits.TrailingZeros64(word)
			if i >= len(scores) {
				return
			}
			scores[i] = float32(math.Inf(-1))
		}
	}
}

// newCoarse returns the copy in four bits, or nil when vectors hold NaN or
// infinities.
func newCoarse(vectors []float32, dim int) *coarse {
	items := len(vectors) / dim
	width := linalg.Int4Width(dim)
	mean := meanOf(vectors, dim)
	c := &coarse{
		width:    width,
		codes:    make([]byte, linalg.Int4Len(items, dim)),
		steps:    make([]float32, items),
		rotation: rotation(dim),
	}
	const batch = 256
	centred, rotated := make([]float32, batch*dim), make([]float32, batch*dim)
	codes := make([]int8, width)
	for lo := 0; lo < items; lo += batch {
		n := min(batch, items-lo)
		copy(centred, vectors[lo*dim:(lo+n)*dim])
		for r := range n {
			linalg.Axpy(-1, mean, centred[r*dim:(r+1)*dim])
		}
		clear(rotated)
		linalg.GemmT(rotated[:n*dim], centred[:n*dim], c.rotation, n, dim, dim)
		for r := range n {
			i := lo + r
			step, ok := quantise(codes, rotated[r*dim:(r+1)*dim], itemLevels)
			if !ok {
				return nil
			}
			c.steps[i] = step
			linalg.PackInt4(c.codes, i, codes)
		}
	}
	return c
}

func meanOf(vectors []float32, dim int) []float32 {
	sums := make([]float64, dim)
	for lo := 0; lo < len(vectors); lo += dim {
		for d, v := range vectors[lo : lo+dim] {
			sums[d] += float64(v)
		}
	}
	mean := make([]float32, dim)
	for d, sum := range sums {
		mean[d] = float32(sum / float64(len(vectors)/dim))
	}
	return mean
}

// ask makes a query ready to be scanned for. It reports false when the query
// has no direction: when it is zero or not finite.
func (c *coarse) ask(s *scratch, query []float32) bool {
	linalg.DotRows(s.rotated, query, c.rotation)
	step, ok := quantise(s.query, s.rotated, queryLevels)
	return ok && step != 0
}

// The largest codes of an item, in four bits, and of a query, in eight.
const (
	itemLevels  = 7
	queryLevels = 127
)

// quantise writes v to codes in whole steps, at most the given number of them
// either way, and returns the step, and whether v is finite.
func quantise(codes []int8, v []float32, levels float32) (step float32, ok bool) {
	largest := float32(0)
	for _, x := range v {
		largest = max(largest, x, -x) // NaN, once met, stays
	}
	if !(largest <= math.MaxFloat32) { // NaN must not pass
		return 0, false
	}
	step = largest / levels
	if step == 0 {
		clear(codes)
		return 0, true
	}
	for i, x := range v {
		codes[i] = int8(math.RoundToEven(float64(max(-levels, min(levels, x/step)))))
	}
	return step, true
}

// rotation returns a random orthonormal matrix, dim×dim, by rows: normal
// numbers made orthogonal by Gram and Schmidt's method, twice for accuracy.
func rotation(dim int) []float32 {
	rng := rand.New(rand.NewPCG(0x616e6e, 0x6b696e64726564))
	m := make([]float32, dim*dim)
	for r := range dim {
		row := m[r*dim : (r+1)*dim]
		for i := range row {
			row[i] = float32(rng.NormFloat64())
		}
		for range 2 {
			for p := range r {
				other := m[p*dim : (p+1)*dim]
				linalg.Axpy(-linalg.Dot(row, other), other, row)
			}
			linalg.Scale(1/float32(math.Sqrt(float64(linalg.Dot(row, row)))), row)
		}
	}
	return m
}
