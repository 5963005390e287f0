package main

import (
	"context"
	"runtime/debug"
	"time"

	"kindred"
	"kindred/engine"
	"kindred/featurestore"
	"kindred/format"
	"kindred/store"
)

type featuresTrainingSetCmd struct {
	Set    string `arg:"" help:"The set of features."`
	Out    string `help:"File to write: Parquet, or what its name ends in of .csv and .jsonl." short:"o" required:"" type:"path"`
	Labels string `help:"File of labels: user, item, time and label (or value). Without it, every item of every list that was shown is a row, and its label is 1 if it was acted on." type:"existingfile"`
	spanFlags
	Positive []kindred.Kind `help:"Kinds of event that make the label 1, where they name the list." default:"click,add_to_cart,purchase,play,like"`
	FromLog  bool           `help:"Take the values that were served (features.log in kindred.yaml) instead of computing them."`
}

// Help tells the rule of time.
func (*featuresTrainingSetCmd) Help() string {
	return "Each value is what the feature was just before the row's moment: events of that moment and later do not count, so nothing leaks. " +
		"--from-log gives exactly what was served, events that came late left out as they were then."
}

// gcPercent has garbage collected earlier than usual: the events of the whole
// log are in memory, and twice as much is not to be needed.
const gcPercent = 40

// madeSet is the outcome of training-set.
type madeSet struct {
	Path         string        `json:"path"`
	Rows         int           `json:"rows"`
	Features     int           `json:"features"`
	OtherVersion int           `json:"other_version"`
	Took         time.Duration `json:"took_ns"`
}

func (c *featuresTrainingSetCmd) Run(ctx context.Context, g *cli, out *output) error {
	return withFeatures(ctx, g, out, func(e *engine.Engine, s *featurestore.Service) error {
		start := time.Now()
		debug.SetGCPercent(gcPercent)
		refs, err := refsOf(s.Plan(), c.Set)
		if err != nil {
			return err
		}
		span, err := c.span()
		if err != nil {
			return err
		}
		labels, err := c.labels(ctx, e, s, span)
		if err != nil {
			return err
		}
		counts, err := e.Store.Counts(ctx)
		if err != nil {
			return err
		}
		labels.Events = counts.Events
		made := madeSet{Path: c.Out, Features: len(refs)}
		err = writeTable(c.Out, func(write featurestore.Table) error {
			counted := func(columns []format.BlockColumn, rows int) error {
				made.Rows += rows
				return write(columns, rows)
			}
			if c.FromLog {
				made.OtherVersion, err = s.LoggedSet(ctx, e.Store, c.Set, span, labels, counted)
				return err
			}
			summaries, err := s.TrainingSet(ctx, refs, labels, counted)
			if err != nil {
				return err
			}
			statistics := summaries.Statistics(c.Set, s.Plan().Version(refs), start)
			return featurestore.SaveStatistics(e.Path(engine.StatisticsFolder), &statistics)
		})
		if err != nil {
			return err
		}
		made.Took = time.Since(start)
		return out.result(made, func() {
			out.printf("%s: %s rows of %d features in %.1f s\n", made.Path, count(made.Rows), made.Features, made.Took.Seconds())
			if made.OtherVersion > 0 {
				out.notef("%s lists were left out: the set was another version when they were shown\n", count(made.OtherVersion))
			}
		})
	})
}

func (c *featuresTrainingSetCmd) labels(ctx context.Context, e *engine.Engine, s *featurestore.Service, span store.EventRange) (*featurestore.Labels, error) {
	switch {
	case c.Labels == "":
		return s.ShownLabels(ctx, e.Store, span, c.Positive)
	case c.FromLog:
		return nil, kindred.Errorf(kindred.Invalid, "--labels and --from-log do not go together: what was served belongs to lists that were shown")
	default:
		return featurestore.ReadLabels(c.Labels)
	}
}

// writeTable writes a table to a file, which has its name only once it is
// whole.
func writeTable(path string, fill func(featurestore.Table) error) error {
	file, err := format.Create(path)
	if err != nil {
		return err
	}
	defer file.Discard()
	rows, err := format.WriteBlocks(file, formatOf(path), func(write func([]format.BlockColumn, int) error) error { return fill(write) })
	if err != nil {
		return err
	}
	if rows == 0 {
		return kindred.Errorf(kindred.Invalid, "there are no rows to make a training set of: no list was shown in that time, or nothing was kept")
	}
	return file.Commit()
}
