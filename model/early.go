package model

import (
	"context"
	"fmt"
	"math"

	"kindred/dataset"
	"kindred/eval"
)

const (
	// stopperUsers are held out at most: NDCG then has a standard error of
	// some hundredths of itself, which is as fine as epochs differ.
	stopperUsers = 3000
	stopperK     = 20
)

// stopper ends a fit that no longer gets better, and keeps the best weights.
// It holds the last item of some users out of what the fit learns from, one of
// them at random where several came last at one moment or there are no times,
// and after each epoch measures NDCG@20 on it, all items ranked. With a patience
// of 0 nothing is held out, and the last epoch is as good as any.
type stopper struct {
	patience int
	items    int
	cases    []dataset.Case
	best     float64
	since    int // epochs since the best
	learned  Learned
}

// newStopper returns a stopper and what the fit is to learn from. Which users
// give an item depends on the seed and the data only.
func newStopper(data *dataset.Interactions, patience int, seed uint64) (*stopper, *dataset.Interactions) {
	s := &stopper{patience: patience, items: data.ByUser.Width, best: math.Inf(-1)}
	if patience == 0 {
		return s, data
	}
	for u := range data.ByUser.Rows() {
		if items, _ := data.ByUser.Row(u); len(items) >= 3 {
			s.cases = append(s.cases, dataset.Case{User: int32(u)})
		}
	}
	s.cases = dataset.Sample(s.cases, min(stopperUsers, (len(s.cases)+1)/2), seed)
	out := make([][]int32, data.ByUser.Rows())
	for _, c := range s.cases {
		items := inOrder(data.History(int(c.User)), seed, c.User)
		out[c.User] = items[len(items)-1:]
	}
	train := data.Without(out)
	for n := range s.cases {
		c := &s.cases[n]
		c.History, c.Relevant = train.History(int(c.User)), out[c.User]
	}
	return s, train
}

// after is told of every epoch's weights and says whether to stop. learned
// must not change afterwards.
func (s *stopper) after(ctx context.Context, learned Learned) (stop bool, err error) {
	if len(s.cases) == 0 {
		s.learned = learned
		return false, ctx.Err()
	}
	name := fmt.Sprintf("ndcg@%d", stopperK)
	report, err := eval.Judge(ctx, learned, s.items, s.cases, eval.Options{Ks: []int{stopperK}})
	if err != nil {
		return true, err
	}
	if ndcg := report.Estimates[name].Mean; ndcg > s.best {
		s.best, s.since, s.learned = ndcg, 0, learned
	} else {
		s.since++
	}
	return s.since >= s.patience, nil
}
