package main

import (
	"context"
	"strings"
	"time"

	"kindred"
	"kindred/dataset"
	"kindred/format"
	"kindred/train"
)

// evaluateCmd judges models. Each protocol of the field is a command of its
// own; ranking is meant where none is named.
type evaluateCmd struct {
	Ranking   evaluateRankingCmd   `cmd:"" default:"withargs" help:"Rank all items for every user, on what is stored or on files you name."`
	Cold      evaluateColdCmd      `cmd:"" help:"Recommend items and to users that models never saw, from their attributes."`
	Next      evaluateNextCmd      `cmd:"" help:"Rank all items as what comes next in sequences or sessions of files you name."`
	Rows      evaluateRowsCmd      `cmd:"" help:"Judge rankers on files of labelled rows (libsvm, libffm, CSV), and predict."`
	Positions evaluatePositionsCmd `cmd:"" help:"Estimate how likely each place of a list is looked at, from the lists shown."`
	Signals   evaluateSignalsCmd   `cmd:"" help:"Compare ways to weigh events, those of training.signals in kindred.yaml, on what is stored."`
	Ratings   evaluateRatingsCmd   `cmd:"" help:"Predict ratings on files you name: RMSE and MAE, by folds or on a given test."`
}

type evaluateRankingCmd struct {
	explicitFlags
	Split     string   `help:"How to split --data: leave-last-out (last item tests, the one before validates), chronological, random (a share of each user's items)." enum:"leave-last-out,chronological,random" default:"leave-last-out"`
	Negatives string   `help:"File of the items that each user's test items are ranked against, instead of all: user item item …, or (user,item) item …. The metrics are then named as sampled." type:"existingfile"`
	Folds     int      `help:"Cross-validate --data in so many folds, instead of --split."`
	FoldBy    string   `help:"What a fold holds out: interactions, or users whole, of whose items the model is told --fold-known." enum:"interactions,users" default:"interactions"`
	FoldKnown float64  `help:"Share of a held-out user's items that the model is told." default:"0.8"`
	Cut       string   `help:"Judge what is stored on the events from this moment on (2006-01-02 or 2006-01-02T15:04:05Z) instead of the configured share."`
	Model     []string `help:"Candidate, as kind or kind:name=value,name=value; several with commas between them, or several times (default: those of kindred.yaml)." sep:"none" aliases:"models"`
}

func (c *evaluateRankingCmd) Run(ctx context.Context, g *cli, out *output) (err error) {
	preferMemory()
	candidates, err := parseCandidates(c.Model, c.Seed)
	if err != nil {
		return err
	}
	if c.onFiles() {
		return c.judgeFiles(ctx, candidates, out)
	}
	if c.Lists != "" || c.Negatives != "" || c.Folds != 0 {
		return kindred.Errorf(kindred.Invalid, "--lists, --negatives and --folds go with --train and --test, or with --data")
	}
	e, err := openEngine(ctx, g, out)
	if err != nil {
		return err
	}
	defer closeEngine(e, &err)
	e.Config.Training.Metric = c.Metric
	training := &e.Config.Training
	training.CountRepeats = training.CountRepeats || c.Repeats == "allow"
	if c.Cut != "" {
		if training.Cut, err = parseMoment("--cut", c.Cut); err != nil {
			return err
		}
	}
	result, err := e.Judge(ctx, candidates, out.steps())
	if err != nil {
		return err
	}
	return out.result(result, func() { printJudged(out, &result) })
}

// parseMoment reads the date or moment, in UTC, that a flag gives.
func parseMoment(flag, text string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if moment, err := time.Parse(layout, text); err == nil {
			return moment.UTC(), nil
		}
	}
	return time.Time{}, kindred.Errorf(kindred.Invalid, "%s %q is no moment (write 2006-01-02 or 2006-01-02T15:04:05Z)", flag, text)
}

// judgeFiles judges on files instead of the store.
func (c *evaluateRankingCmd) judgeFiles(ctx context.Context, candidates []train.Candidate, out *output) error {
	candidates, err := orDefaults(candidates, c.Seed)
	if err != nil {
		return err
	}
	data, err := c.read(func(p format.Pair) (string, int64) { return p.User, p.Time })
	if err != nil {
		return err
	}
	if err := c.readNegatives(data); err != nil {
		return err
	}
	settings := c.settings(candidates)
	if c.Folds != 0 {
		return c.crossValidate(ctx, data, settings, out)
	}
	if err := c.split(data, candidates, c.Split, dataset.NoPrefixes); err != nil {
		return err
	}
	result, err := data.Judge(ctx, settings, out.steps())
	if err != nil {
		return err
	}
	return out.result(result, func() {
		printExplicit(out, &result, "users")
		printRows(out, result.Test, result.Metric)
		printSettings(out, result.Test)
	})
}

func (c *evaluateRankingCmd) crossValidate(ctx context.Context, data *train.Explicit, settings train.ExplicitSettings, out *output) error {
	if c.Data == "" || c.Lists != "" {
		return kindred.Errorf(kindred.Invalid, "--folds goes with --data, and without --lists")
	}
	folds := train.FoldSettings{K: c.Folds, By: train.FoldBy(c.FoldBy), Known: c.FoldKnown, ValidShare: c.ValidShare, Seed: c.Seed}
	result, err := data.CrossValidate(ctx, folds, settings, out.steps())
	if err != nil {
		return err
	}
	return out.result(result, func() {
		out.endSteps()
		out.printf("%d folds by %s; means over the folds ± standard errors\n", c.Folds, c.FoldBy)
		printErrors(out, result.Test, result.Folds[0].Metric, []string{"recall", "ndcg", "map", "mrr", "precision"})
		printSettings(out, result.Test)
	})
}

// readNegatives reads what the test items are ranked against. The pair before
// it, as He et al. write it, says the user.
func (c *evaluateRankingCmd) readNegatives(data *train.Explicit) error {
	if c.Negatives == "" {
		return nil
	}
	return format.ReadPairs(c.Negatives, format.PairOptions{Layout: "adjacency"}, func(p format.Pair) error {
		user := p.User
		if inner, found := strings.CutPrefix(user, "("); found {
			user, _, _ = strings.Cut(inner, ",")
		}
		data.AddCandidate(user, p.Item)
		return nil
	})
}
