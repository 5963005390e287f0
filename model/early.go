package model

import (
	"context"
	"errors"
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

// epochs is a fit that goes on until there are enough epochs, or its stopper
// says that it no longer gets better.
type epochs struct {
	name     string // of the algorithm, for errors
	count    int
	every    int // epochs between two looks at what was held out
	early    *stopper
	progress func(Progress)
	remedy   string // what to try where a term of the objective is not finite
	// epoch takes one and returns the terms of the objective.
	epoch func(ctx context.Context, number int) (map[string]float64, error)
	// learned returns what has been learned so far; if this is not the last
	// epoch, in memory of its own.
	learned func(last bool) (Learned, error)
}

// run returns the best that was learned.
func (e *epochs) run(ctx context.Context) (Learned, error) {
	for number := 1; number <= e.count; number++ {
		when := fmt.Sprintf("%s, epoch %d", e.name, number)
		loss, err := e.epoch(ctx, number)
		if err = errors.Join(err, ctx.Err()); err != nil {
			return nil, fmt.Errorf("model: %s: %w", when, err)
		}
		if err := finite(loss, when, e.remedy); err != nil {
			return nil, err
		}
		if e.progress != nil {
			e.progress(Progress{Epoch: number, Epochs: e.count, Loss: loss})
		}
		if number < e.count && (e.early.patience == 0 || number%e.every > 0) {
			continue
		}
		learned, err := e.learned(number == e.count)
		if err != nil {
			return nil, fmt.Errorf("model: %s: %w", when, err)
		}
		stop, err := e.early.after(ctx, learned)
		if err != nil {
			return nil, err
		}
		if stop {
			break
		}
	}
	return e.early.learned, nil
}
