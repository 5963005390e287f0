package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"kindred"
	"kindred/dataset"
	"kindred/format"
	"kindred/train"
)

// evaluateCmd judges models. Each protocol of the field is a command of its
// own; ranking is meant where none is named.
type evaluateCmd struct {
	Ranking evaluateRankingCmd `cmd:"" default:"withargs" help:"Rank all items for every user, on what is stored or on files you name."`
}

type evaluateRankingCmd struct {
	Model  []string `help:"Candidate, as kind or kind:name=value,name=value; may be given several times (default: those of kindred.yaml)." sep:"none"`
	Metric string   `help:"Metric that chooses settings and orders the table." default:"ndcg@20"`

	Data   string `help:"One file of interactions to split by --split." type:"existingfile"`
	Split  string `help:"How to split --data: leave-last-out (last item tests, the one before validates), chronological, random." enum:"leave-last-out,chronological,random" default:"leave-last-out"`
	Train  string `help:"File of training interactions." type:"existingfile"`
	Valid  string `help:"File of validation interactions, to choose settings on." type:"existingfile"`
	Test   string `help:"File of test interactions; looked at once, with the chosen settings." type:"existingfile"`
	Layout string `help:"Of these files (guessed from the training file): adjacency (user item item …), triples (user item [value] [time]), recbole, sequence (as adjacency, in time order)." enum:"auto,adjacency,triples,recbole,sequence" default:"auto"`

	ValidShare float64 `help:"Share of each user's training items kept for validation when several settings are to be chosen from and there is no --valid." default:"0.1"`
	Refit      bool    `help:"Fit the chosen settings again on training and validation data together, before the test." default:"true" negatable:""`
	K          []int   `help:"Cut-offs." default:"10,20,50"`
	Seed       uint64  `help:"Seed of every random choice." default:"1"`
	Lists      string  `help:"File for every test user's ranked list of the best model: user, then items, tab-separated." type:"path"`
}

func (c *evaluateRankingCmd) Run(ctx context.Context, g *cli, out *output) (err error) {
	preferMemory()
	candidates, err := parseCandidates(c.Model, c.Seed)
	if err != nil {
		return err
	}
	if c.Data != "" || c.Train != "" || c.Test != "" || c.Valid != "" {
		return c.onFiles(ctx, candidates, out)
	}
	if c.Lists != "" {
		return kindred.Errorf(kindred.Invalid, "--lists goes with --train and --test, or with --data")
	}
	e, err := openEngine(ctx, g, out)
	if err != nil {
		return err
	}
	defer closeEngine(e, &err)
	e.Config.Training.Metric = c.Metric
	result, err := e.Judge(ctx, candidates, out.steps())
	if err != nil {
		return err
	}
	return out.result(result, func() { printJudged(out, &result) })
}

// onFiles judges on files instead of the store.
func (c *evaluateRankingCmd) onFiles(ctx context.Context, candidates []train.Candidate, out *output) error {
	if len(candidates) == 0 {
		for _, kind := range []string{"popular", "itemknn", "ials"} {
			candidate, err := train.NewCandidate(kind, nil, c.Seed)
			if err != nil {
				return err
			}
			candidates = append(candidates, candidate)
		}
	}
	data, err := c.read()
	if err != nil {
		return err
	}
	if train.NeedsValidation(candidates) && c.Valid == "" && c.Data == "" {
		data.HoldBack(c.ValidShare, c.Seed)
	}
	settings := train.ExplicitSettings{Candidates: candidates, Metric: c.Metric, Ks: c.K}
	if c.Refit {
		settings.RefitFrom = dataset.ValidationPart
	}
	if c.Lists != "" {
		settings.Lists = c.listsFile(candidates)
	}
	result, err := data.Judge(ctx, settings, out.steps())
	if err != nil {
		return err
	}
	return out.result(result, func() {
		out.endSteps()
		out.printf("%s users, %s items, %s training interactions\n", count(result.Users), count(result.Items), count(result.Training))
		if result.ColdUsers > 0 {
			out.printf("%s users have no training data and are not judged on\n", count(result.ColdUsers))
		}
		if len(result.Validation) > 0 {
			out.printf("\nvalidation, on which settings are chosen:\n")
			printRows(out, result.Validation, c.Metric)
		}
		out.printf("\ntest, %s users, with the settings chosen:\n", count(result.Test[0].Metrics.Users))
		printRows(out, result.Test, c.Metric)
		for i := range result.Test {
			out.printf("%s: %s\n", result.Test[i].Kind, result.Test[i].Settings)
		}
	})
}

// read reads the files that the flags name.
func (c *evaluateRankingCmd) read() (*train.Explicit, error) {
	data := train.NewExplicit()
	layout := c.Layout
	if layout == "auto" && c.Train != "" {
		guess, err := format.GuessLayout(c.Train)
		if err != nil {
			return nil, err
		}
		layout = guess
	}
	add := func(part dataset.Part, path string) error {
		if path == "" {
			return nil
		}
		return format.ReadPairs(path, layout, func(p format.Pair) error {
			data.Add(part, p.User, p.Item, p.Time)
			return nil
		})
	}
	if c.Data != "" {
		if c.Train != "" || c.Valid != "" || c.Test != "" {
			return nil, kindred.Errorf(kindred.Invalid, "give either --data, to be split, or --train and --test")
		}
		if err := add(dataset.TrainPart, c.Data); err != nil {
			return nil, err
		}
		err := data.Split(train.Split(c.Split), c.Seed)
		return data, err
	}
	if c.Train == "" || c.Test == "" {
		return nil, kindred.Errorf(kindred.Invalid, "--train and --test go together")
	}
	for part, path := range []string{c.Train, c.Valid, c.Test} {
		if err := add(dataset.Part(part), path); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// listsFile returns what opens the file of ranked lists: the one named, with
// the kind behind its name where there are several kinds.
func (c *evaluateRankingCmd) listsFile(candidates []train.Candidate) func(kind string) (io.WriteCloser, error) {
	several := false
	for _, candidate := range candidates {
		several = several || candidate.Kind() != candidates[0].Kind()
	}
	return func(kind string) (io.WriteCloser, error) {
		path := c.Lists
		if several {
			path = fmt.Sprintf("%s.%s", path, kind)
		}
		return os.Create(path)
	}
}
