package format

import (
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"kindred"
	"kindred/dataset"
)

// RowOptions overrule what is guessed of files of labelled rows.
type RowOptions struct {
	Format string // libsvm, libffm, csv, tsv; auto or "": by name and first line
	Label  string // the label's column, of files with a header
	Weight string // the weight's column; "": none
	Group  string // the column whose value numbers the group; "": none
	// Categorical, Numeric and Ignore name columns whose kind is not guessed.
	Categorical, Numeric, Ignore []string
}

// maxShownRejects bounds the rejected rows kept with their reasons.
const maxShownRejects = 20

// RowReader reads files of labelled rows: the training file first, which says
// what columns and categories there are, then others by the same columns.
//
// libsvm is "label [qid:n] index:value …", libffm "label field:index:value …",
// csv and tsv have a header, or columns f1, f2 and so on. A field of libffm that has in each row at most
// one entry of value 1 becomes one categorical column; so do the positions of
// libsvm rows that all hold as many entries of value 1, each index always at
// the same place, as one-hot encoded tables do. Other indices are numeric
// columns.
//
// A bad row is counted, and the first ones are kept with line and reason. In
// the training file it is left out; in others it stays, everything missing,
// so that predictions stand in the order of the file.
type RowReader struct {
	Rejected int
	Rejects  []*Reject // the first of them

	options RowOptions
	layout  rowLayout
	columns *dataset.Columns // nil until the training file is read
}

// rowLayout reads one layout of rows.
type rowLayout interface {
	// train reads rows and learns the columns from them.
	train(path string, r *RowReader) (*dataset.Rows, error)
	// read reads rows by the columns learned.
	read(path string, r *RowReader) (*dataset.Rows, error)
}

// NewRowReader returns a reader without columns.
func NewRowReader(o RowOptions) *RowReader { return &RowReader{options: o} }

// Columns returns what the training file taught.
func (r *RowReader) Columns() *dataset.Columns { return r.columns }

// Train reads the training file. Cost: a pass over the file, two for one with
// a header; dataset.Rows says what it takes in memory, categories come on top.
func (r *RowReader) Train(path string) (*dataset.Rows, error) {
	name := r.options.Format
	if name == "" || name == "auto" {
		var err error
		if name, err = guessRows(path); err != nil {
			return nil, err
		}
	}
	switch name {
	case "libsvm":
		r.layout = &sparseLayout{}
	case "libffm":
		r.layout = &sparseLayout{fields: true}
	case "csv":
		r.layout = &tableLayout{}
	case "tsv":
		r.layout = &tableLayout{comma: '\t'}
	default:
		return nil, kindred.Errorf(kindred.Invalid, "format %q is none of auto, libsvm, libffm, csv, tsv", name)
	}
	rows, err := r.layout.train(path, r)
	if err != nil {
		return nil, err
	}
	if rows.Len() == 0 {
		return nil, kindred.Errorf(kindred.Invalid, "%s has no row to learn from (%d were rejected)", path, r.Rejected)
	}
	r.columns = rows.Columns
	return rows, nil
}

// Read reads another file by the columns of the training file: what training
// did not know becomes the unknown category, an unknown numeric column is
// passed over. Labels may be absent.
func (r *RowReader) Read(path string) (*dataset.Rows, error) {
	if r.columns == nil {
		return nil, kindred.Errorf(kindred.Invalid, "read the training file before %s", path)
	}
	return r.layout.read(path, r)
}

// reject counts a bad row.
func (r *RowReader) reject(bad *Reject, path string) {
	r.Rejected++
	bad.File = path
	if len(r.Rejects) < maxShownRejects {
		r.Rejects = append(r.Rejects, bad)
	}
}

// guessRows tells a layout by the file's name, else by its first line.
func guessRows(path string) (string, error) {
	switch filepath.Ext(baseName(path)) {
	case ".csv":
		return "csv", nil
	case ".tsv":
		return "tsv", nil
	case ".libsvm", ".svm", ".libfm":
		return "libsvm", nil
	case ".libffm", ".ffm":
		return "libffm", nil
	}
	f, err := open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // only read
	line, _, err := f.line(nil)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("format: reading %s: %w", path, err)
	}
	cells := strings.Fields(string(line))
	if len(cells) == 0 {
		return "", kindred.Errorf(kindred.Invalid, "cannot tell the format of %s: its first line is empty (name it: libsvm, libffm, csv)", path)
	}
	switch last := cells[len(cells)-1]; {
	case strings.Contains(string(line), ",") || strings.Contains(string(line), "\t") && !strings.Contains(last, ":"):
		return "csv", nil
	case strings.Count(last, ":") == 2:
		return "libffm", nil
	default:
		return "libsvm", nil
	}
}

// dense drops the column numbers of rows that all hold all columns in order.
func dense(rows *dataset.Rows) {
	n := rows.Columns.Len()
	if len(rows.Cols) != n*rows.Len() {
		return
	}
	for k, c := range rows.Cols {
		if int(c) != k%n {
			return
		}
	}
	for r, start := range rows.Starts {
		if start != r*n {
			return
		}
	}
	rows.Starts, rows.Cols = nil, nil
}

// groups numbers the groups in the order in which they come and puts the rows
// of each together, if they are not, keeping their order within.
func groups(rows *dataset.Rows, names []string, path string) error {
	dict := dataset.NewDict()
	rows.Groups = make([]int32, len(names))
	for r, name := range names {
		rows.Groups[r] = dict.Add(name)
	}
	if !slices.IsSorted(rows.Groups) {
		return kindred.Errorf(kindred.Invalid, "%s: the rows of a group do not stand together (sort the file by group)", path)
	}
	return nil
}

// notKnown is what a missing value, or label, reads as.
func notKnown() float32 { return float32(math.NaN()) }
