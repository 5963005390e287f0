package train

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"kindred"
	"kindred/dataset"
	"kindred/eval"
)

// FoldSettings say how CrossValidate splits.
type FoldSettings struct {
	K  int
	By FoldBy
	// Known is the share of a held-out user's items that the model is told
	// when asked for the others.
	Known float64
	// ValidShare of each training user's items chooses settings in each fold,
	// if there is a choice.
	ValidShare float64
	Seed       uint64
}

// FoldBy says what a fold holds out.
type FoldBy string

// What a fold holds out.
const (
	// FoldInteractions holds out some interactions of all users.
	FoldInteractions FoldBy = "interactions"
	// FoldUsers holds out some users whole, who are strangers to the model
	// (strong generalisation, Marlin, Modeling User Rating Profiles for
	// Collaborative Filtering, NIPS 2003): it is told a share of their items.
	FoldUsers FoldBy = "users"
)

// FoldsResult is what CrossValidate found.
type FoldsResult struct {
	Folds []ExplicitResult `json:"folds"`
	// Test has a row a kind, best first: means over the folds with their
	// standard errors over the folds. Settings are those of the last fold.
	Test []Judged `json:"test"`
}

// CrossValidate judges on each fold of what was added as training data what
// was learned from the other folds. The choice of settings, if there is one, is
// made anew for each fold, within its training data.
func (x *Explicit) CrossValidate(ctx context.Context, f FoldSettings, s ExplicitSettings, progress func(Progress)) (FoldsResult, error) {
	if f.K < 2 || !(f.Known > 0 && f.Known < 1) {
		return FoldsResult{}, kindred.Errorf(kindred.Invalid,
			"%d folds, held-out users known by a share of %g (use at least 2, and a share between 0 and 1)", f.K, f.Known)
	}
	if progress == nil {
		progress = func(Progress) {}
	}
	var r FoldsResult
	for fold := range int32(f.K) {
		y := x.fold(f, fold)
		if NeedsValidation(s.Candidates) {
			y.HoldBack(f.ValidShare, f.Seed)
		}
		one, err := y.Judge(ctx, s, func(p Progress) {
			p.Step = fmt.Sprintf("fold %d of %d, %s", fold+1, f.K, p.Step)
			progress(p)
		})
		if err != nil {
			return r, fmt.Errorf("train: fold %d: %w", fold+1, err)
		}
		r.Folds = append(r.Folds, one)
	}
	r.Test = overFolds(r.Folds)
	return r, nil
}

// fold returns the data with one fold as the test.
func (x *Explicit) fold(f FoldSettings, fold int32) *Explicit {
	y := &Explicit{users: x.users, items: x.items, given: x.given, described: x.described, people: x.people, signals: x.signals}
	all := x.parts[dataset.TrainPart]
	if f.By == FoldInteractions {
		for n, in := range dataset.Folds(len(all), f.K, f.Seed) {
			part := dataset.TrainPart
			if in == fold {
				part = dataset.TestPart
			}
			y.keep(part, all[n:n+1])
		}
		return y
	}
	groups := byUser(all)
	folds := dataset.Folds(len(groups), f.K, f.Seed)
	rng := rand.New(rand.NewPCG(f.Seed, 2))
	for n, mine := range groups {
		if folds[n] != fold {
			y.keep(dataset.TrainPart, mine)
			continue
		}
		if len(mine) < 2 {
			continue // nothing to be told, or nothing to be asked for
		}
		rng.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
		known := min(len(mine)-1, max(1, int(math.Round(float64(len(mine))*f.Known))))
		y.keep(dataset.HistoryPart, mine[:known])
		y.keep(dataset.TestPart, mine[known:])
	}
	return y
}

// overFolds averages each kind's rows.
func overFolds(folds []ExplicitResult) []Judged {
	var rows []Judged
	for _, last := range folds[len(folds)-1].Test {
		values, better := map[string][]float64{}, []float64{}
		row := Judged{Kind: last.Kind, Settings: last.Settings, Metrics: eval.Report{Names: last.Metrics.Names, Estimates: map[string]eval.Estimate{}}}
		for _, fold := range folds {
			one := fold.Test[slices.IndexFunc(fold.Test, func(j Judged) bool { return j.Kind == last.Kind })]
			row.FitTime += one.FitTime
			row.Metrics.Users += one.Metrics.Users
			better = append(better, one.Better.Mean)
			for name, estimate := range one.Metrics.Estimates {
				values[name] = append(values[name], estimate.Mean)
			}
		}
		for name, x := range values {
			row.Metrics.Estimates[name] = eval.Mean(x)
		}
		row.Better = eval.Mean(better)
		rows = append(rows, row)
	}
	metric := folds[0].Metric
	slices.SortStableFunc(rows, func(a, b Judged) int { return byMean(metric, a, b) })
	return rows
}
