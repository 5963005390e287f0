package linalg

import (
	"math"
	"slices"
)

// Scored is an index with its score.
type Scored struct {
	Index int32
	Score float32
}

// before reports whether a ranks above b; of equal scores the lower index does.
func before(a, b Scored) bool {
	return a.Score > b.Score || (a.Score == b.Score && a.Index < b.Index)
}

// Compare orders best first, ties by lower index; scores must not be NaN.
func (s Scored) Compare(other Scored) int {
	switch {
	case before(s, other):
		return -1
	case s == other:
		return 0
	}
	return 1
}

// TopK overwrites dst with the k best scores and their indices, best first,
// ties by lower index, and returns it, grown if need be. NaN and -Inf are
// never returned, so the result may be shorter than k. A dst of capacity 2k is
// never reallocated. Cost: that of Select, and sorting k.
func TopK(dst []Scored, scores []float32, k int) []Scored {
	return Best(Select(dst, scores, k), k)
}

// Best cuts s, which it reorders, to its k best, best first, ties by lower
// index; scores must not be NaN.
func Best(s []Scored, k int) []Scored {
	k = max(k, 0)
	if len(s) > k {
		selectBest(s, k)
		s = s[:k]
	}
	slices.SortFunc(s, Scored.Compare)
	return s
}

// Select is TopK without its order.
//
// Method: scores that beat a bar gather in a buffer of 2k; when it is full,
// quickselect keeps the better half, whose worst is the new bar. Long inputs
// start from a bar that little more than k reach. Cost: O(n + k) comparisons
// as a rule, eight at a time.
func Select(dst []Scored, scores []float32, k int) []Scored {
	dst = dst[:0]
	k = min(k, len(scores))
	if k <= 0 {
		return dst
	}
	dst = slices.Grow(dst, min(2*k+7, len(scores)))
	bar := float32(math.Inf(-1))
	if lanes := (2*k + 7) &^ 7; len(scores) >= 4*lanes {
		bar = lowBar(dst, scores, k, lanes)
	}
	dst = gather(dst, scores, k, bar)
	if len(dst) > k {
		selectBest(dst, k)
		dst = dst[:k]
	}
	return dst
}

// lowBar returns a score just below the k-th best of the maxima of lanes: k
// scores or more beat it, from 2k lanes 1.4k as a rule. It uses dst's memory.
func lowBar(dst []Scored, scores []float32, k, lanes int) float32 {
	const most = 1024
	var room [most]float32
	maxima := room[:min(lanes, most)]
	if lanes > most {
		maxima = make([]float32, lanes)
	}
	for lane := range maxima {
		maxima[lane] = float32(math.Inf(-1))
	}
	for at := 0; at < len(scores); at += lanes {
		raise(maxima, scores[at:min(at+lanes, len(scores))])
	}
	for lane, score := range maxima {
		dst = append(dst, Scored{int32(lane), score})
	}
	selectBest(dst, k)
	return math.Nextafter32(dst[k-1].Score, float32(math.Inf(-1)))
}

// gather appends the scores that beat bar, which rises as better ones are
// found, keeping at least the k best of dst, whose length stays within 2k.
func gather(dst []Scored, scores []float32, k int, bar float32) []Scored {
	for i := 0; i < len(scores); i++ {
		if !(scores[i] > bar) { // NaN is not above either
			i += 1 + firstAbove(scores[i+1:], bar)
			if i == len(scores) {
				break
			}
		}
		if len(dst) == 2*k {
			selectBest(dst, k)
			dst = dst[:k]
			bar = dst[k-1].Score
			if scores[i] <= bar {
				continue
			}
		}
		dst = append(dst, Scored{int32(i), scores[i]})
	}
	return dst
}

// selectBest reorders s so that its k best stand first, the k-th best of all
// at k-1 (Hoare's quickselect with the median of three as pivot; no two
// elements are equal, as indices differ).
func selectBest(s []Scored, k int) {
	lo, hi := 0, len(s)-1
	for lo < hi {
		mid := lo + (hi-lo)/2
		if before(s[mid], s[lo]) {
			s[mid], s[lo] = s[lo], s[mid]
		}
		if before(s[hi], s[lo]) {
			s[hi], s[lo] = s[lo], s[hi]
		}
		if before(s[hi], s[mid]) {
			s[hi], s[mid] = s[mid], s[hi]
		}
		pivot := s[mid]
		i, j := lo, hi
		for i <= j {
			for before(s[i], pivot) {
				i++
			}
			for before(pivot, s[j]) {
				j--
			}
			if i <= j {
				s[i], s[j] = s[j], s[i]
				i++
				j--
			}
		}
		switch {
		case k <= j+1:
			hi = j
		case k > i:
			lo = i
		default:
			return
		}
	}
}
