package ann

import (
	"slices"
	"sync"

	"kindred/linalg"
)

// queue has searches that come at the same time share scans: the copy in four
// bits is then read once for all of them, and memory is what a scan waits for.
// Nobody waits for company: who finds a scanner free scans at once, for
// everyone who waits; who does not is scanned for, in the order of arrival, or
// told to scan when one becomes free. Half of the cores scan at most, so that
// the others meanwhile get more searches ready.
type queue struct {
	scanners int // at most, at the same time

	mu       sync.Mutex
	scanning int
	waiting  []*scratch // the one that came first, first
}

const (
	// together is how many searches share a scan. A few do nearly all: with
	// four, reading the copy is a quarter of what it was.
	together = 4
	// scanBlock is how many items are scanned for one search after the other,
	// few enough to stay in the first-level cache; a multiple of the kernel's 16.
	scanBlock = 512
)

// scan writes every item's score, up to a common factor and summand, into
// s.scores.
func (x *Exact) scan(s *scratch) {
	if !x.queue.isScanner(s) {
		return
	}
	group := [together]*scratch{s}
	n := 1 + x.queue.take(group[1:])
	x.coarse.score(group[:n])
	x.queue.leave()
	for _, other := range group[1:n] {
		other.turn <- false
	}
}

// isScanner returns true when it is for s to scan, and false when it has been
// scanned for.
func (q *queue) isScanner(s *scratch) bool {
	q.mu.Lock()
	if q.scanning < q.scanners { // and so nobody waits
		q.scanning++
		q.mu.Unlock()
		return true
	}
	q.waiting = append(q.waiting, s)
	q.mu.Unlock()
	return <-s.turn
}

// take moves those who wait to group, and returns how many.
func (q *queue) take(group []*scratch) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := copy(group, q.waiting)
	q.waiting = slices.Delete(q.waiting, 0, n)
	return n
}

// leave has the first who waits scan next.
func (q *queue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.scanning--
		return
	}
	q.waiting[0].turn <- true
	q.waiting = slices.Delete(q.waiting, 0, 1)
}

// score scores all items for several searches.
func (c *coarse) score(group []*scratch) {
	for lo := 0; lo < len(c.steps); lo += scanBlock {
		hi := min(lo+scanBlock, len(c.steps))
		codes := c.codes[linalg.Int4Len(lo, c.width):linalg.Int4Len(hi, c.width)]
		for _, s := range group {
			linalg.ScoreInt4(s.scores[lo:hi], s.query, codes, c.steps[lo:hi])
		}
	}
}
