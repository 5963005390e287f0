package store

import "slices"

// waiting is an event that by_user and seen do not hold yet.
type waiting struct {
	moment
	hash int64
}

// idSet finds the waiting events by ID without holding the IDs: seq by hash.
// Of IDs with the same hash, the later one is at the next free number.
type idSet map[int64]int64

// find asks is, of each event that may have the ID with this hash, whether it
// does.
func (s idSet) find(hash int64, is func(seq int64) (bool, error)) (bool, error) {
	for ; ; hash++ {
		seq, taken := s[hash]
		if !taken {
			return false, nil
		}
		if same, err := is(seq); same || err != nil {
			return same, err
		}
	}
}

func (s idSet) add(hash, seq int64) {
	for {
		if _, taken := s[hash]; !taken {
			s[hash] = seq
			return
		}
		hash++
	}
}

// ascending gives events in ascending order, some at a time, for the work of
// sorting those: to sort a million at once would stop the writer for 0.2 s.
// It is quicksort that puts off the larger parts: Paredes and Navarro, Optimal
// Incremental Sorting, ALENEX 2006; n log n comparisons in all.
type ascending struct {
	events  []waiting
	ends    []int // of parts of events, the first part's last; no part holds more than the next
	compare func(a, b waiting) int
	at      int // those before are given
}

func newAscending(events []waiting, compare func(a, b waiting) int) *ascending {
	return &ascending{events: events, ends: []int{len(events)}, compare: compare}
}

func (q *ascending) isEmpty() bool { return q.at == len(q.events) }

// take returns the next one to n events; it must not be empty.
func (q *ascending) take(n int) []waiting {
	for {
		last := len(q.ends) - 1
		end := q.ends[last]
		if end-q.at > n {
			q.ends = append(q.ends, q.at+split(q.events[q.at:end], q.compare))
			continue
		}
		part := q.events[q.at:end]
		q.at, q.ends = end, q.ends[:last]
		slices.SortFunc(part, q.compare)
		return part
	}
}

// split is Hoare's partition: it moves the events so that none of the first
// part, whose length it returns, is above any of the second. Of two or more
// events neither part is empty.
func split(events []waiting, compare func(a, b waiting) int) int {
	pivot := events[(len(events)-1)/2]
	i, j := 0, len(events)-1
	for {
		for compare(events[i], pivot) < 0 {
			i++
		}
		for compare(events[j], pivot) > 0 {
			j--
		}
		if i >= j {
			return j + 1
		}
		events[i], events[j] = events[j], events[i]
		i++
		j--
	}
}
