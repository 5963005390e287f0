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
// never returned, so the result may be shorter than k.
//
// Method: scores that beat the k-th best so far gather in a buffer of 2k; when
// it is full, quickselect keeps the better half and raises the bar. Cost:
// O(n + k log k) plus O(k log(n/k)) that pass the bar, for scores in random
// order. A dst of capacity 2k is never reallocated.
func TopK(dst []Scored, scores []float32, k int) []Scored {
	dst = dst[:0]
	k = min(k, len(scores))
	if k <= 0 {
		return dst
	}
	dst = slices.Grow(dst, min(2*k, len(scores)))
	bar := float32(math.Inf(-1))
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
	if len(dst) > k {
		selectBest(dst, k)
		dst = dst[:k]
	}
	slices.SortFunc(dst, Scored.Compare)
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
