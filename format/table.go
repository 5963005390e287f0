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
	whole []byte            // the row as it stands, of files with a row a line; else nil
}

// text returns at most 1 kB of the row.
func (r *record) text() string {
	s := r.whole
	if s == nil {
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		_ = w.Write(r.cells) // a buffer takes everything
		w.Flush()
		s = bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	}
	return strings.ToValidUTF8(string(s[:min(len(s), maxRaw)]), "")
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
		return layout{table: openCSV}, nil
	case "tsv":
		return layout{table: func(f *file) (table, error) { return newCSV(f, '\t'), nil }}, nil
	case "jsonl":
		return layout{table: func(f *file) (table, error) { return &jsonTable{f: f}, nil }}, nil
	case "parquet":
		return layout{table: openParquet}, nil
	case "recbole":
		return layout{table: openRecBole}, nil
	case "online-retail":
		return layout{table: openCSV, entity: events, kind: kindred.Purchase, retail: true}, nil
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

func openCSV(f *file) (table, error) { return newCSV(f, 0), nil }

// newCSV reads cells between commas; comma 0 takes what the header uses most
// of , ; tab and |.
func newCSV(f *file, comma rune) *csvTable {
	if comma == 0 {
		head, _ := f.Peek(1 << 14) // whatever is there will do
		line, _, _ := bytes.Cut(head, []byte("\n"))
		comma = ','
		for _, sep := range ";\t|" {
			if bytes.Count(line, []byte(string(sep))) > bytes.Count(line, []byte(string(comma))) {
				comma = sep
			}
		}
	}
	b := &bound{r: f, left: 2 * maxLine}
	r := csv.NewReader(b)
	r.Comma, r.ReuseRecord, r.FieldsPerRecord = comma, true, -1
	r.LazyQuotes = comma == '\t'
	return &csvTable{bound: b, reader: r}
}

// peekWidth returns how many cells the first line has, without reading it.
func (t *csvTable) peekWidth(f *file) int {
	head, _ := f.Peek(1 << 16) // whatever is there will do
	r := csv.NewReader(bytes.NewReader(head))
	r.Comma, r.LazyQuotes = t.reader.Comma, t.reader.LazyQuotes
	cells, _ := r.Read()
	return len(cells)
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
		return nil, &Reject{Line: int64(bad.StartLine), Reason: "bad_csv", Detail: bad.Err.Error(), Raw: (&record{cells: cells}).text()}
	}
	if err != nil {
		if errors.Is(err, errLongRow) {
			err = fmt.Errorf("after line %d: %w", t.rec.line, err)
		}
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
	t.rec.whole = line
	if tooLong {
		return nil, &Reject{Line: t.rec.line, Reason: "line_too_long", Detail: "is longer than 1 MB", Raw: t.rec.text()}
	}
	text := string(line)
	if t.latin1 {
		text = fromLatin1(text)
	}
	t.rec.cells = strings.Split(text, t.sep)
	if len(t.rec.cells) != len(t.names) {
		return nil, &Reject{
			Line: t.rec.line, Reason: "wrong_columns",
			Detail: fmt.Sprintf("has %d columns instead of %d", len(t.rec.cells), len(t.names)), Raw: t.rec.text(),
		}
	}
	return &t.rec, nil
}

// fromLatin1 reads text as ISO 8859-1 unless it is UTF-8.
func fromLatin1(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	runes := make([]rune, len(text))
	for i := range len(text) {
		runes[i] = rune(text[i])
	}
	return string(runes)
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
	t.buf, t.rec.whole = line, line
	t.rec.line++
	if tooLong {
		return nil, &Reject{Line: t.rec.line, Reason: "line_too_long", Detail: "is longer than 1 MB", Raw: t.rec.text()}
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(line, &object); err != nil || object == nil {
		return nil, &Reject{Line: t.rec.line, Reason: "bad_json", Detail: "is no JSON object", Raw: t.rec.text()}
	}
	t.rec.clear()
	for _, name := range slices.Sorted(maps.Keys(object)) {
		raw := object[name]
		at, known := t.index[name]
		if !known {
			if len(t.names) >= 1024 {
				return nil, &Reject{Line: t.rec.line, Reason: "too_many_columns", Detail: "brings a new key beyond 1024", Raw: t.rec.text()}
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
