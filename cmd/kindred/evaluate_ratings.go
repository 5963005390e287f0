package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"kindred"
	"kindred/format"
	"kindred/train"
)

type evaluateRatingsCmd struct {
	Model  []string `help:"Candidate, as kind or kind:name=value,name=value; several with commas between them, or several times (default: every kind that predicts ratings)." sep:"none" aliases:"models"`
	Metric string   `help:"Metric that chooses settings and orders the table." enum:"rmse,mae" default:"rmse"`

	Train   []string `help:"File of training ratings: user, item, rating and perhaps time, separated by tabs, commas, :: or spaces, with or without a header. With several, each goes with the test file in its place (u1.base,u2.base and u1.test,u2.test)." type:"existingfile"`
	Test    []string `help:"File of test ratings; looked at once, with the chosen settings." type:"existingfile"`
	Valid   []string `help:"File of validation ratings, to choose settings on." type:"existingfile"`
	Data    string   `help:"One file of ratings, to be dealt out into --folds." type:"existingfile"`
	Columns []string `help:"Names of the columns of triples without a header: user, item, value, time, session, position, propensity, and - for others (guessed: user, item, value, time; a column of dates is the time)."`
	Folds   int      `help:"How many folds --data is dealt out into: each tests once, the others are learned from." default:"5"`

	ValidShare  float64 `help:"Share of the training ratings kept for validation when several settings of a kind are to be chosen from and there is no --valid." default:"0.1"`
	Seed        uint64  `help:"Seed of every random choice." default:"1"`
	Predictions string  `help:"File for every test row in order: user, item, rating, prediction, tab-separated; with several kinds, each has its name behind it." type:"path"`
}

func (c *evaluateRatingsCmd) Run(ctx context.Context, out *output) error {
	preferMemory()
	if !(c.ValidShare > 0 && c.ValidShare <= 0.5) {
		return kindred.Errorf(kindred.Invalid, "--valid-share is %g (use more than 0 and at most 0.5)", c.ValidShare)
	}
	texts := c.Model
	if len(texts) == 0 {
		texts = train.RatingKinds()
	}
	candidates, err := parseCandidates(texts, c.Seed)
	if err != nil {
		return err
	}
	data, folds, err := c.read()
	if err != nil {
		return err
	}
	settings := train.RatingSettings{Candidates: candidates, Metric: c.Metric, ValidShare: c.ValidShare, Seed: c.Seed}
	if c.Predictions != "" {
		settings.Predictions = fileForKind(c.Predictions, candidates)
	}
	result, err := data.Judge(ctx, folds, settings, out.steps())
	if err != nil {
		return err
	}
	return out.result(result, func() { printRatings(out, &result) })
}

// read reads the files that the flags name.
func (c *evaluateRatingsCmd) read() (*train.Ratings, []train.RatingFold, error) {
	data := train.NewRatings()
	if c.Data != "" {
		if len(c.Train)+len(c.Test)+len(c.Valid) > 0 {
			return nil, nil, kindred.Errorf(kindred.Invalid, "give either --data, to be dealt out, or --train and --test")
		}
		if _, err := c.readRatings(data, c.Data); err != nil {
			return nil, nil, err
		}
		folds, err := data.Folds(c.Folds, c.Seed)
		return data, folds, err
	}
	if len(c.Train) == 0 || len(c.Train) != len(c.Test) || (len(c.Valid) > 0 && len(c.Valid) != len(c.Train)) {
		return nil, nil, kindred.Errorf(kindred.Invalid, "give --data, or as many --train as --test (and as many --valid, or none)")
	}
	folds := make([]train.RatingFold, len(c.Train))
	for f := range folds {
		var err error
		if folds[f].Train, err = c.readRatings(data, c.Train[f]); err != nil {
			return nil, nil, err
		}
		if folds[f].Test, err = c.readRatings(data, c.Test[f]); err != nil {
			return nil, nil, err
		}
		if len(c.Valid) == 0 {
			continue
		}
		if folds[f].Valid, err = c.readRatings(data, c.Valid[f]); err != nil {
			return nil, nil, err
		}
	}
	return data, folds, nil
}

// readRatings adds a file's ratings and returns their rows.
func (c *evaluateRatingsCmd) readRatings(data *train.Ratings, path string) (rows []int, err error) {
	layout, err := format.GuessLayout(path)
	if err != nil {
		return nil, err
	}
	if layout == "adjacency" { // two cells a line
		layout = "triples"
	}
	err = format.ReadPairs(path, format.PairOptions{Layout: layout, Columns: c.Columns}, func(p format.Pair) error {
		row, err := data.Add(p.User, p.Item, p.Value, p.Time)
		rows = append(rows, row)
		return err
	})
	return rows, err
}

// fileForKind returns what opens the file named, with the kind behind its name
// where there are several kinds.
func fileForKind(path string, candidates []train.Candidate) func(kind string) (io.WriteCloser, error) {
	several := false
	for _, candidate := range candidates {
		several = several || candidate.Kind() != candidates[0].Kind()
	}
	return func(kind string) (io.WriteCloser, error) {
		if several {
			return os.Create(fmt.Sprintf("%s.%s", path, kind))
		}
		return os.Create(path)
	}
}

func printRatings(out *output, r *train.RatingResult) {
	out.endSteps()
	out.printf("%s users, %s items, %s ratings read", count(r.Users), count(r.Items), count(r.Ratings))
	if r.Folds > 1 {
		out.printf("; means over %d folds, ± twice the standard error over them", r.Folds)
	}
	out.printf("\n\n")
	names := []string{"rmse", "mae", "user_rmse", "user_mae"}
	header := []string{"MODEL"}
	for _, name := range names {
		header = append(header, strings.ToUpper(name))
	}
	var rows [][]string
	for i := range r.Test {
		j := &r.Test[i]
		row := []string{j.Kind}
		for _, name := range names {
			e := j.Metrics.Estimates[name]
			row = append(row, fmt.Sprintf("%.4f ± %.4f", e.Mean, 2*e.StdErr))
		}
		rows = append(rows, append(row, fmt.Sprintf("%.1f s", j.FitTime.Seconds())))
	}
	out.table(append(header, "FIT"), rows)
	out.printf("\n")
	for i := range r.Test {
		said := map[string]bool{}
		for _, settings := range r.Test[i].Settings {
			if !said[string(settings)] {
				out.printf("%s: %s\n", r.Test[i].Kind, settings)
			}
			said[string(settings)] = true
		}
	}
}
