// Package format turns files into events, items, users and exposures and back: CSV, JSON
// Lines, Parquet, RecBole's atomic files, MovieLens and the Online Retail
// invoices. It streams: memory is bounded however large a file is, except for
// 16 to 32 bytes an event that tell repeated rows apart. It neither validates
// beyond what a row must have nor stores anything.
package format

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"kindred"
)

// maxLine bounds a line of text.
const maxLine = 1 << 20

// maxRaw bounds what of a bad row is shown.
const maxRaw = 1 << 10

// Row is one row of a file: exactly one of the first five is set.
type Row struct {
	Event    *kindred.Event
	Item     *kindred.Item
	User     *kindred.User
	Alias    *kindred.Alias
	Exposure *kindred.Exposure

	File string
	Line int64
	// Gathered marks an item put together from many lines that are rows of
	// their own; Line is the last of them.
	Gathered bool

	rec *record
}

// Raw returns at most 1 kB of the row as it stood in the file, until the next
// row is read.
func (r *Row) Raw() string {
	if r.rec == nil {
		return ""
	}
	return r.rec.text()
}

// Reject is the error of one row; reading goes on after it.
type Reject struct { //nolint:errname // it is a row first, and an error on its way to the report
	File   string `json:"file"`
	Line   int64  `json:"line"`
	Reason string `json:"reason"` // a short code: bad_number, missing_user, …
	Detail string `json:"detail"`
	Raw    string `json:"raw,omitempty"` // at most 1 kB of the row
}

// Error says where the row is and what is wrong with it.
func (r *Reject) Error() string {
	return fmt.Sprintf("%s:%d: %s: %s", r.File, r.Line, r.Reason, r.Detail)
}

// Source reads rows.
type Source interface {
	// Next returns the next row, io.EOF after the last, or a *Reject.
	Next() (Row, error)
	// Progress returns how many bytes on disk are read, and how many there are.
	Progress() (readBytes, totalBytes int64)
	Close() error
	// Mapping tells people which column is what.
	Mapping() string
}

// Options overrule what is guessed.
type Options struct {
	Columns map[string]string // by field: user, item, kind, …: the name of its column
	Entity  string            // events, items, users, aliases or exposures
	Kind    kindred.Kind      // of events whose rows do not say
}

// Open opens files, or all files of folders, of a format: movielens, csv, tsv,
// jsonl, parquet, recbole, online-retail, or auto, which guesses for each; or
// files of adjacency or sequence, one user a line.
func Open(formatName string, paths []string, opts Options) (Source, error) {
	known := []string{"auto", "movielens", "csv", "tsv", "jsonl", "parquet", "recbole", "online-retail", adjacency, sequence}
	if formatName == adjacency || formatName == sequence {
		return openLists(formatName, paths, opts)
	}
	if !slices.Contains(known, formatName) {
		return nil, kindred.Errorf(kindred.Invalid, "format %q is none of %s", formatName, strings.Join(known, ", "))
	}
	if err := opts.check(); err != nil {
		return nil, err
	}
	s := &source{ids: newOccurrences()}
	for _, path := range paths {
		files, err := list(path)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			if err := s.add(formatName, file, opts); err != nil {
				return nil, err
			}
		}
	}
	if len(s.parts) == 0 {
		return nil, kindred.Errorf(kindred.Invalid, "no file of format %s in %s", formatName, strings.Join(paths, ", "))
	}
	// Files of items come first: events may be judged by the items there are.
	slices.SortStableFunc(s.parts, func(a, b part) int { return itemsFirst(&a) - itemsFirst(&b) })
	return s, nil
}

func itemsFirst(p *part) int {
	if p.mapper.entity == items {
		return 0
	}
	return 1
}

func (o *Options) check() error {
	if !slices.Contains([]string{"", events, items, users, alias, exposures}, o.Entity) {
		return kindred.Errorf(kindred.Invalid, "entity %q is none of events, items, users, aliases, exposures", o.Entity)
	}
	for field := range o.Columns {
		if _, known := aliases(field); !known {
			return kindred.Errorf(kindred.Invalid, "there is no field %q to map a column to", field)
		}
	}
	return nil
}

// list returns the files of a folder in the order of their names, or the path.
func list(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, kindred.Errorf(kindred.Invalid, "cannot read %s", path).Because(err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("format: listing %s: %w", path, err)
	}
	var files []string
	for _, e := range entries {
		file := filepath.Join(path, e.Name())
		if name, _ := Guess(file); !e.IsDir() && name != "" {
			files = append(files, file)
		}
	}
	return files, nil
}

// baseName is a file's lower-case name without folders and compression.
func baseName(path string) string {
	name := strings.ToLower(filepath.Base(path))
	name = strings.TrimSuffix(name, ".gz")
	return strings.TrimSuffix(name, ".zst")
}

// Guess returns the format of a file by its name and, for CSV, its header.
func Guess(path string) (formatName string, err error) {
	name := baseName(path)
	if _, known := movielens(name); known {
		return "movielens", nil
	}
	switch filepath.Ext(name) {
	case ".inter", ".item", ".user":
		return "recbole", nil
	case ".tsv":
		return "tsv", nil
	case ".jsonl", ".ndjson":
		return "jsonl", nil
	case ".parquet":
		return "parquet", nil
	case ".csv":
		columns, err := header(path)
		if slices.Contains(columns, "InvoiceNo") && slices.Contains(columns, "StockCode") {
			return "online-retail", err
		}
		if skipped(name) {
			return "", nil
		}
		return "csv", err
	}
	return "", kindred.Errorf(kindred.Invalid, "cannot tell the format of %s by its name (name it: csv, jsonl, …)", path)
}

// skipped names the MovieLens files that hold neither ratings nor films.
func skipped(name string) bool {
	return slices.Contains([]string{"links.csv", "tags.csv", "genome-scores.csv", "genome-tags.csv"}, name)
}

func header(path string) ([]string, error) {
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	return newCSV(f, 0).columns()
}

// part is one file of a source.
type part struct {
	path   string
	size   int64
	layout layout
	mapper mapper
}

// source reads one part after the other.
type source struct {
	parts   []part
	ids     *occurrences
	file    *file
	table   table
	retail  *retail
	pending []Row
	done    int64
	total   int64
}

func (s *source) add(formatName, path string, opts Options) error {
	if formatName == "auto" {
		guess, err := Guess(path)
		if err != nil || guess == "" {
			return err
		}
		formatName = guess
	}
	l, err := layoutOf(formatName, path)
	if err != nil {
		return err
	}
	if l.skip {
		return nil
	}
	p := part{path: path, layout: l}
	if err := p.prepare(opts); err != nil {
		return fmt.Errorf("format: %s: %w", path, err)
	}
	s.parts = append(s.parts, p)
	s.total += p.size
	return nil
}

// Next implements Source.
func (s *source) Next() (Row, error) {
	for {
		if n := len(s.pending); n > 0 {
			row := s.pending[n-1]
			s.pending = s.pending[:n-1]
			return row, nil
		}
		if len(s.parts) == 0 {
			return Row{}, io.EOF
		}
		p := &s.parts[0]
		if s.table == nil {
			if err := s.start(p); err != nil {
				return Row{}, err
			}
		}
		rec, err := s.table.next()
		switch {
		case err == io.EOF: //nolint:errorlint // tables return it bare
			if err := s.finish(p); err != nil {
				return Row{}, err
			}
			continue
		case err != nil:
			if bad, ok := errors.AsType[*Reject](err); ok {
				bad.File = p.path
				return Row{}, bad
			}
			return Row{}, fmt.Errorf("format: reading %s: %w", p.path, err)
		}
		row, err := s.convert(p, rec)
		if err != nil {
			return Row{}, err
		}
		row.File, row.Line, row.rec = p.path, rec.line, rec
		return row, nil
	}
}

func (s *source) convert(p *part, rec *record) (Row, error) {
	row, reject := p.mapper.row(rec)
	if reject == nil && p.layout.amend != nil {
		reject = p.layout.amend(&row, rec)
	}
	if reject == nil && s.retail != nil {
		reject = s.retail.check(&row, &p.mapper, rec)
	}
	if reject != nil {
		reject.File, reject.Line, reject.Raw = p.path, rec.line, rec.text()
		return Row{}, reject
	}
	if row.Event != nil && row.Event.ID == "" {
		row.Event.ID = s.ids.id(row.Event, p.mapper.field("time") >= 0)
	}
	return row, nil
}

func (s *source) start(p *part) (err error) {
	if s.file, err = open(p.path); err != nil {
		return err
	}
	if p.layout.retail {
		s.retail = newRetail()
	}
	if s.table, err = p.layout.table(s.file); err != nil {
		return fmt.Errorf("format: reading %s: %w", p.path, err)
	}
	return nil
}

func (s *source) finish(p *part) error {
	if s.retail != nil {
		s.pending = s.retail.items(p.path)
		s.retail = nil
	}
	err := s.file.Close()
	s.done += p.size
	s.file, s.table, s.parts = nil, nil, s.parts[1:]
	return err
}

// Progress implements Source.
func (s *source) Progress() (readBytes, totalBytes int64) {
	if s.file == nil {
		return s.done, s.total
	}
	return s.done + min(s.file.read.Load(), s.parts[0].size), s.total
}

// Close implements Source.
func (s *source) Close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// Mapping implements Source.
func (s *source) Mapping() string {
	var b strings.Builder
	for i := range s.parts {
		fmt.Fprintf(&b, "%s: %s\n", s.parts[i].path, s.parts[i].mapper.String())
	}
	return strings.TrimSuffix(b.String(), "\n")
}
