package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"kindred"
	"kindred/engine"
	"kindred/ingest"
)

type importCmd struct {
	Format string   `arg:"" help:"movielens, csv, tsv, jsonl, parquet, recbole, online-retail, or auto to guess."`
	Paths  []string `arg:"" help:"Files or folders; gzip and zstd are read as they are." type:"existingpath"`

	columnFlags

	MaxBad       string `help:"Bad rows to put up with: a number, a share such as 5%, or any." default:"any"`
	Rejects      string `help:"File for all bad rows, as JSON Lines (default: rejects.jsonl in the state folder)." type:"path"`
	ValidateOnly bool   `help:"Read and check, store nothing."`
}

// badRowsError says that an import had more bad rows than it was to accept.
type badRowsError struct{ message string }

func (e *badRowsError) Error() string { return e.message }

func (c *importCmd) Run(ctx context.Context, g *cli, out *output) (err error) {
	opts := ingest.ImportOptions{Examples: 3, ValidateOnly: c.ValidateOnly}
	if opts.MaxBad, opts.MaxBadShare, err = parseMaxBad(c.MaxBad); err != nil {
		return err
	}
	e, err := openEngine(ctx, g, out)
	if err != nil {
		return err
	}
	defer closeEngine(e, &err)
	src, err := c.open(c.Format, c.Paths)
	if err != nil {
		return err
	}
	defer src.Close() //nolint:errcheck // only read
	rejects, err := newRejects(c.Rejects, e)
	if err != nil {
		return err
	}
	defer rejects.close(&err)
	opts.Rejects = rejects
	out.notef("%s\n", src.Mapping())

	_, total := src.Progress()
	bar := out.progress("importing", total, "bytes")
	opts.Progress = func(p ingest.ImportProgress) { bar.set(p.Bytes) }
	report, err := e.Import(ctx, src, opts)
	bar.done()
	if errors.Is(err, ingest.ErrTooManyBad) {
		err = &badRowsError{fmt.Sprintf("%v; see %s", err, rejects.path)}
	}
	return errors.Join(err, out.result(report, func() { printImport(out, &report, rejects) }))
}

// parseMaxBad reads "any", "100" or "5%".
func parseMaxBad(text string) (rows int64, share float64, err error) {
	if text == "any" {
		return -1, 1, nil
	}
	if percent, ok := strings.CutSuffix(text, "%"); ok {
		if _, err := fmt.Sscanf(percent, "%g", &share); err == nil && share >= 0 && share <= 100 {
			return -1, share / 100, nil
		}
	} else if _, err := fmt.Sscanf(text, "%d", &rows); err == nil && rows >= 0 {
		return rows, 1, nil
	}
	return 0, 0, kindred.Errorf(kindred.Invalid, "--max-bad is a number of rows, a share such as 5%%, or any; not %q", text)
}

func printImport(out *output, r *ingest.ImportReport, rejects *rejects) {
	var bad int64
	for _, n := range r.Rejected {
		bad += n
	}
	shown := ""
	if r.Aliases > 0 {
		shown = fmt.Sprintf(", %s aliases", count(r.Aliases))
	}
	if r.Exposures > 0 {
		shown += fmt.Sprintf(", %s exposures", count(r.Exposures))
	}
	out.printf("%s rows read: %s events, %s items, %s users%s; %s were here already; %s rejected\n",
		count(r.Rows), count(r.Events), count(r.Items), count(r.Users), shown, count(r.Duplicates), count(bad))
	if r.Events > 0 {
		var kinds []string
		for _, kind := range slices.Sorted(maps.Keys(r.Kinds)) {
			kinds = append(kinds, fmt.Sprintf("%s %s", count(r.Kinds[kind]), kind))
		}
		out.printf("events: %s\n", strings.Join(kinds, ", "))
		if !r.First.IsZero() {
			out.printf("from %s to %s\n", r.First.Format("2006-01-02 15:04"), r.Last.Format("2006-01-02 15:04"))
		}
	}
	out.printf("took %.1f s, %s rows/s\n", r.Took.Seconds(), count(int64(float64(r.Rows)/max(r.Took.Seconds(), 1e-3))))
	if bad == 0 {
		return
	}
	out.printf("\nrejected, by reason:\n")
	byCount := slices.SortedFunc(maps.Keys(r.Rejected), func(a, b string) int {
		return int(r.Rejected[b] - r.Rejected[a])
	})
	for _, reason := range byCount {
		out.printf("  %9s  %s\n", count(r.Rejected[reason]), reason)
		for _, example := range r.Examples[reason] {
			out.printf("             %s:%d: %s\n", example.File, example.Line, example.Detail)
		}
	}
	out.printf("all of them: %s\n", rejects.path)
}

// rejects is the file of bad rows; it comes into being with the first one.
type rejects struct {
	path string
	file *os.File
}

func newRejects(path string, e *engine.Engine) (*rejects, error) {
	if path == "" {
		path = e.Path("rejects.jsonl")
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("making way for the file of bad rows: %w", err)
	}
	return &rejects{path: path}, nil
}

// Write implements io.Writer.
func (r *rejects) Write(p []byte) (n int, err error) {
	if r.file == nil {
		if r.file, err = os.Create(r.path); err != nil {
			return 0, err
		}
	}
	return r.file.Write(p)
}

func (r *rejects) close(err *error) { //nolint:gocritic // deferred, it sets the caller's result
	if r.file != nil {
		*err = errors.Join(*err, r.file.Close())
	}
}
