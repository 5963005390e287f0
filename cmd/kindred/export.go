package main

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"kindred"
	"kindred/engine"
	"kindred/export"
)

type exportCmd struct {
	What   string `arg:"" help:"events, items, users, aliases (their further IDs), exposures (the lists that were shown), features (what those of users and items are now), or all that is stored." enum:"events,items,users,aliases,exposures,features,all"`
	Out    string `help:"File to write, compressed if it ends in .gz or .zst; for all, a folder; - is standard output." short:"o" default:"-"`
	Format string `help:"jsonl, csv or parquet (default: what the file's name says, else jsonl)." enum:",jsonl,csv,parquet" default:""`
	From   string `help:"Only events and exposures from this moment on: 2006-01-02 or 2006-01-02T15:04:05Z." placeholder:"TIME"`
	To     string `help:"Only events and exposures before this moment." placeholder:"TIME"`
	Set    string `help:"Only the features of this set."`
	Entity string `help:"Only features of user, or of item." enum:",user,item" default:""`
}

// Help tells what the files are good for.
func (*exportCmd) Help() string {
	return "Writes what is stored as it is at one moment, while others go on reading and writing. A file has its name only once it is whole. " +
		"'kindred import auto FOLDER' into an empty state folder stores the same again. Features follow from the rest, so all leaves them out."
}

// exported is what an export says of each file.
type exported struct {
	What export.What   `json:"what"`
	Path string        `json:"path"`
	Rows int64         `json:"rows"`
	Took time.Duration `json:"took_ns"`
}

func (c *exportCmd) Run(ctx context.Context, g *cli, out *output) (err error) {
	requests, err := c.requests()
	if err != nil {
		return err
	}
	e, err := openEngine(ctx, g, out)
	if err != nil {
		return err
	}
	defer closeEngine(e, &err)
	counts, err := e.Store.Counts(ctx)
	if err != nil {
		return err
	}
	from, err := c.source(ctx, e)
	if err != nil {
		return err
	}
	if c.Out == "-" {
		_, err := export.Write(ctx, out.w, from, requests[0])
		return err
	}
	var files []exported
	for _, r := range requests {
		path := c.Out
		if c.What == "all" {
			path = filepath.Join(c.Out, string(r.What)+"."+r.Format)
		}
		bar := out.progress("exporting "+string(r.What), map[export.What]int64{
			export.Events: counts.Events, export.Items: counts.Items, export.Users: counts.Users,
		}[r.What], "rows")
		r.Progress = bar.set
		began := time.Now()
		rows, err := export.File(ctx, path, from, r)
		bar.done()
		if err != nil {
			return err
		}
		files = append(files, exported{r.What, path, rows, time.Since(began)})
	}
	return out.result(map[string]any{"files": files}, func() {
		for _, f := range files {
			out.printf("%s %s to %s in %.1f s\n", count(f.Rows), f.What, f.Path, f.Took.Seconds())
		}
	})
}

// source returns where the export comes from; features are computed from the
// log first.
func (c *exportCmd) source(ctx context.Context, e *engine.Engine) (export.Source, error) {
	if export.What(c.What) != export.FeatureValues {
		return e.Exports(nil), nil
	}
	features, err := featuresOf(e)
	if err == nil {
		err = features.Materialize(ctx)
	}
	return e.Exports(features), err
}

// requests returns what is to be exported, with every fault told before
// anything is written.
func (c *exportCmd) requests() (requests []export.Request, err error) {
	all := export.All()
	if c.What != "all" {
		all = []export.What{export.What(c.What)}
	}
	for _, what := range all {
		r := export.Request{What: what, Format: c.Format, Set: c.Set, Entity: c.Entity}
		isDated := what == export.Events || what == export.Exposures
		if r.From, err = moment("--from", c.From); err == nil {
			r.To, err = moment("--to", c.To)
		}
		if err != nil {
			return nil, err
		}
		if c.What == "all" && !isDated {
			r.From, r.To = time.Time{}, time.Time{}
		}
		if r.Format == "" && (c.Out == "-" || c.What == "all") {
			r.Format = "jsonl"
		}
		requests = append(requests, r)
	}
	if c.What != "all" {
		return requests, nil
	}
	if c.Out == "-" {
		return nil, kindred.Errorf(kindred.Invalid, "all goes to several files: name a folder for them with --out")
	}
	if err := os.MkdirAll(c.Out, 0o750); err != nil {
		return nil, kindred.Errorf(kindred.Invalid, "all goes to a folder, and --out %s cannot be one", c.Out).Because(err)
	}
	return requests, nil
}

// moment reads a time that a flag may give.
func moment(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	return parseMoment(flag, text)
}
