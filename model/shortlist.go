package model

import (
	"context"
	"math"
	"runtime"
	"slices"

	"kindred/dataset"
	"kindred/linalg"
)

// shortlist is what components propose to one case of a rehearsal.
type shortlist struct {
	items    []int32 // ascending
	relevant []int32 // places in items
	ideal    float64 // DCG of a list that begins with all relevant items
	// scores are, for each scaling, what each component gives each item:
	// items×components, row-major.
	scores [scoreScales][]float32
}

// proposer makes shortlists: of each component the depth best items outside
// the history, and, where repeats count, the history's.
type proposer struct {
	*Mixture
	depth   int
	repeats bool
}

// propose returns a shortlist a case. Cost: a Score of each component and
// three passes over the items for each case.
func (p *proposer) propose(ctx context.Context, cases []dataset.Case) ([]shortlist, error) {
	lists := make([]shortlist, len(cases))
	workers := runtime.GOMAXPROCS(0)
	scratch := make([]mixing, workers)
	linalg.Parallel(workers, len(cases), func(w, lo, hi int) {
		for n := lo; n < hi && ctx.Err() == nil; n++ {
			var also []int32
			if p.repeats {
				also = cases[n].History.Items
			}
			lists[n] = p.of(&scratch[w], &cases[n], also)
		}
	})
	return lists, ctx.Err()
}

// of returns the shortlist of one case, the items of also on it. It leaves the
// components' scores in s.
func (p *proposer) of(s *mixing, c *dataset.Case, also []int32) shortlist {
	items, many := p.Items(), len(p.components)
	s.scores = sized(s.scores, many*items)
	s.counts = sized(s.counts, items)
	var l shortlist
	for k, component := range p.components {
		row := s.scores[k*items : (k+1)*items]
		component.Score(row, c.History)
		for _, best := range s.unseen(row, c.History, p.depth) {
			l.items = append(l.items, best.Index)
		}
	}
	for _, i := range also {
		if i >= 0 && int(i) < items {
			l.items = append(l.items, i)
		}
	}
	slices.Sort(l.items)
	l.items = slices.Compact(l.items)
	for scale := range scoreScales {
		l.scores[scale] = make([]float32, len(l.items)*many)
		for k := range p.components {
			row := s.counts
			copy(row, s.scores[k*items:(k+1)*items])
			p.rescale(row, c.History, k, scale, s)
			for at, i := range l.items {
				l.scores[scale][at*many+k] = row[i]
			}
		}
	}
	for _, i := range c.Relevant {
		if at, proposed := slices.BinarySearch(l.items, i); proposed {
			l.relevant = append(l.relevant, int32(at))
		}
	}
	for rank := range c.Relevant {
		l.ideal += rankDiscount(rank, math.MaxInt)
	}
	return l
}

// ndcg returns the NDCG, without cut-off, of the shortlist ranked by the
// scores; of equal ones the lower index is first.
func (l *shortlist) ndcg(scores []float32) float64 {
	gain := 0.
	for _, at := range l.relevant {
		rank := 0
		for other, score := range scores {
			if score > scores[at] || score == scores[at] && other < int(at) {
				rank++
			}
		}
		gain += rankDiscount(rank, math.MaxInt)
	}
	return gain / l.ideal
}
