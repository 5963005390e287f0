package main

import (
	"context"
	"os"

	"kindred"
	"kindred/check"
	"kindred/format"
	"kindred/ingest"
)

type checkCmd struct {
	Format string   `arg:"" optional:"" help:"Format of files to check instead of what is stored, as of 'kindred import'; auto guesses."`
	Paths  []string `arg:"" optional:"" help:"Files or folders." type:"existingpath"`
	columnFlags

	FailOn string `help:"What ends with exit code 1: error, or warning for both." enum:"error,warning" default:"error"`
	All    bool   `help:"List the checks that came out well or were skipped, too."`
}

// columnFlags say how to read files whose columns are named otherwise.
type columnFlags struct {
	Column map[string]string `help:"Which column holds what, as user=customer_no; the rest is guessed." placeholder:"FIELD=COLUMN"`
	Entity string            `help:"What the rows are: events, items, users, aliases or exposures. Guessed from the columns." enum:",events,items,users,aliases,exposures" default:""`
	Kind   string            `help:"Kind of events whose rows do not say (rating if there is one, else view)."`
}

func (f *columnFlags) open(name string, paths []string) (format.Source, error) {
	return format.Open(name, paths, format.Options{Columns: f.Column, Entity: f.Entity, Kind: kindred.Kind(f.Kind)})
}

func (c *checkCmd) Run(ctx context.Context, g *cli, out *output) (err error) {
	e, err := openEngine(ctx, g, out)
	if err != nil {
		return err
	}
	defer closeEngine(e, &err)
	var report check.Report
	switch {
	case c.Format == "":
		report, err = e.Check(ctx)
	case len(c.Paths) == 0:
		return kindred.Errorf(kindred.Invalid, "name the files to check: kindred check %s FILE …", c.Format)
	default:
		bar := out.progress("reading twice", totalBytes(c.Paths), "bytes")
		open := func() (format.Source, error) { return c.open(c.Format, c.Paths) }
		report, err = e.CheckFiles(ctx, open, func(p ingest.ImportProgress) { bar.set(p.Bytes) })
		bar.done()
	}
	if err != nil {
		return err
	}
	return c.answer(&report, out)
}

// answer prints the report, and fails if it is as bad as --fail-on says.
func (c *checkCmd) answer(report *check.Report, out *output) error {
	var failed error
	if n := report.Summary[check.Error]; n > 0 {
		failed = kindred.Errorf(kindred.Conflict, "checks with errors: %d", n)
	} else if n := report.Summary[check.Warning]; n > 0 && c.FailOn == "warning" {
		failed = kindred.Errorf(kindred.Conflict, "checks with warnings: %d", n)
	}
	var written error
	if err := out.result(report, func() { written = report.WriteText(out.w, c.All) }); err != nil {
		return err
	}
	if written != nil {
		return written
	}
	return failed
}

// totalBytes is how much there is to read, for a bar; folders count as nothing.
func totalBytes(paths []string) (total int64) {
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			total += info.Size()
		}
	}
	return total
}
