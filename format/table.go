package format

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"kindred"
)

// record is one row as it stands in a file; it is reused between rows.
type record struct {
	line  int64
	cells []string          // by column
	names []string          // of the columns, where rows can bring new ones
	raw   []json.RawMessage // by column, of files whose values have types; else nil
}

// text returns at most 1 kB of the row.
func (r *record) text() string {
	s := strings.Join(r.cells, ",")
	return strings.ToValidUTF8(s[:min(len(s), 1024)], "")
}

// table reads records: *Reject concerns one row, any other error ends it.
type table interface {
	columns() ([]string, error) // known so far; JSON may bring more
	next() (*record, error)
}

// layout is how a file is to be read.
type layout struct {
	table  func(*file) (table, error)
	entity string
	kind   kindred.Kind
	amend  func(*Row, *record) *Reject // what a preset adds to a row
	retail bool
	skip   bool
}

func layoutOf(formatName, path string) (layout, error) {
	switch formatName {
	case "csv":
		return layout{table: func(f *file) (table, error) { return newCSV(f, ','), nil }}, nil
	case "tsv":
		return layout{table: func(f *file) (table, error) { return newCSV(f, '\t'), nil }}, nil
	case "jsonl":
		return layout{table: func(f *file) (table, error) { return &jsonTable{f: f}, nil }}, nil
	case "parquet":
		return layout{table: openParquet}, nil
	case "recbole":
		return layout{table: openRecBole}, nil
	case "online-retail":
		return layout{table: func(f *file) (table, error) { return newCSV(f, ','), nil }, entity: events, kind: kindred.Purchase, retail: true}, nil
	default:
		l, known := movielens(baseName(path))
		if !known {
			return l, kindred.Errorf(kindred.Invalid, "%s is no file of MovieLens", path)
		}
		return l, nil
	}
}

// csvTable reads CSV and TSV with a header.
type csvTable struct {
	bound  *bound
	reader *csv.Reader
	names  []string
	rec    record
}

// bound stops a row, such as one with an unclosed quote, from filling memory.
type bound struct {
	r    io.Reader
	left int
}

var errLongRow = errors.New("a row is longer than 1 MB (an unclosed quote?)")

// Read implements io.Reader.
func (b *bound) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errLongRow
	}
	n, err := b.r.Read(p)
	b.left -= n
	return n, err
}

func newCSV(f *file, comma rune) *csvTable {
	b := &bound{r: f, left: 2 * maxLine}
	r := csv.NewReader(b)
	r.Comma, r.ReuseRecord, r.FieldsPerRecord = comma, true, -1
	r.LazyQuotes = comma == '\t'
	return &csvTable{bound: b, reader: r}
}

func (t *csvTable) columns() ([]string, error) {
	if t.names == nil {
		names, err := t.reader.Read()
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("reading the header: %w", err)
		}
		t.names = slices.Clone(names)
	}
	return t.names, nil
}

func (t *csvTable) next() (*record, error) {
	if _, err := t.columns(); err != nil {
		return nil, err
	}
	t.bound.left = 2 * maxLine
	cells, err := t.reader.Read()
	if bad, ok := errors.AsType[*csv.ParseError](err); ok {
		return nil, &Reject{Line: int64(bad.StartLine), Reason: "bad_csv", Detail: bad.Err.Error()}
	}
	if err != nil {
		return nil, err
	}
	line, _ := t.reader.FieldPos(0)
	if len(cells) != len(t.names) {
		return nil, &Reject{
			Line: int64(line), Reason: "wrong_columns",
			Detail: fmt.Sprintf("has %d columns, the header %d", len(cells), len(t.names)), Raw: (&record{cells: cells}).text(),
		}
	}
	t.rec = record{line: int64(line), cells: cells}
	return &t.rec, nil
}

// splitTable reads lines of cells between separators, without quotes.
type splitTable struct {
	f      *file
	sep    string
	names  []string
	latin1 bool
	buf    []byte
	rec    record
}

func (t *splitTable) columns() ([]string, error) { return t.names, nil }

func (t *splitTable) next() (*record, error) {
	line, tooLong, err := t.f.line(t.buf)
	if err != nil {
		return nil, err
	}
	t.buf = line
	t.rec.line++
	text := string(line)
	if t.latin1 && !utf8.Valid(line) {
		runes := make([]rune, len(line))
		for i, b := range line {
			runes[i] = rune(b)
		}
		text = string(runes)
	}
	t.rec.cells = strings.Split(text, t.sep)
	if tooLong || len(t.rec.cells) != len(t.names) {
		return nil, &Reject{
			Line: t.rec.line, Reason: "wrong_columns",
			Detail: fmt.Sprintf("has %d columns instead of %d", len(t.rec.cells), len(t.names)), Raw: t.rec.text(),
		}
	}
	return &t.rec, nil
}

// jsonTable reads JSON Lines: one object a line, its keys the columns.
type jsonTable struct {
	f     *file
	names []string
	index map[string]int
	buf   []byte
	ahead bool // the first record is read and waits
	rec   record
}

func (t *jsonTable) columns() ([]string, error) {
	if t.index == nil {
		for range 1000 { // bad lines are reported when the file is read
			if _, err := t.next(); err == nil {
				t.ahead = true
				break
			}
		}
	}
	return t.names, nil
}

func (t *jsonTable) next() (*record, error) {
	if t.ahead {
		t.ahead = false
		return &t.rec, nil
	}
	if t.index == nil {
		t.index = map[string]int{}
	}
	line, tooLong, err := t.f.line(t.buf)
	if err != nil {
		return nil, err
	}
	t.buf = line
	t.rec.line++
	if tooLong {
		return nil, &Reject{Line: t.rec.line, Reason: "line_too_long", Detail: "is longer than 1 MB"}
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(line, &object); err != nil || object == nil {
		return nil, &Reject{
			Line: t.rec.line, Reason: "bad_json", Detail: fmt.Sprintf("is no JSON object: %v", err),
			Raw: strings.ToValidUTF8(string(line[:min(len(line), 1024)]), ""),
		}
	}
	t.rec.clear()
	for _, name := range slices.Sorted(maps.Keys(object)) {
		raw := object[name]
		at, known := t.index[name]
		if !known {
			if len(t.names) >= 1024 {
				return nil, &Reject{Line: t.rec.line, Reason: "too_many_columns", Detail: "brings a new key beyond 1024"}
			}
			at = len(t.names)
			t.index[name] = at
			t.names = append(t.names, name)
		}
		t.rec.set(at, raw)
	}
	t.rec.names = t.names
	return &t.rec, nil
}

func (r *record) clear() {
	clear(r.cells)
	clear(r.raw)
}

func (r *record) set(at int, raw json.RawMessage) {
	for len(r.cells) <= at {
		r.cells, r.raw = append(r.cells, ""), append(r.raw, nil)
	}
	raw = bytes.TrimSpace(raw)
	r.raw[at] = raw
	switch {
	case len(raw) > 0 && raw[0] == '"':
		_ = json.Unmarshal(raw, &r.cells[at])
	case bytes.Equal(raw, []byte("null")):
		r.cells[at], r.raw[at] = "", nil
	default:
		r.cells[at] = string(raw)
	}
}
