package format

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"kindred/dataset"
)

// feature is an index of a libsvm or libffm file, within its field.
type feature struct{ field, index int32 }

// place is what a feature became: a column, and the code there if it is
// categorical.
type place struct {
	column int32
	code   float32 // 0: the column is numeric
}

// sparseLayout reads libsvm and libffm.
type sparseLayout struct {
	fields     bool // libffm
	positional bool // libsvm whose positions are categorical columns
	places     map[feature]place
	byField    map[int32]int32 // categorical columns
}

// entry is one "index:value" or "field:index:value".
type entry struct {
	feature
	value float32
}

// sparseLine is one row as it stands.
type sparseLine struct {
	number  int64
	whole   []byte
	label   float32
	group   string
	entries []entry
}

var (
	errEntry  = errors.New("has an entry that is no index:value (or field:index:value) of whole, non-negative numbers and a value")
	errTwice  = errors.New("has an index twice")
	errLabel  = errors.New("has no number for a label")
	errNoEdge = errors.New("is longer than 1 MB")
)

// parse reads one line; the label may be absent.
func (s *sparseLine) parse(line []byte, fields bool) error {
	s.label, s.group, s.entries = notKnown(), "", s.entries[:0]
	first := true
	for cell := range bytes.FieldsSeq(line) {
		if cell[0] == '#' {
			break // a comment ends the row
		}
		if first && bytes.IndexByte(cell, ':') < 0 {
			label, err := strconv.ParseFloat(string(cell), 32)
			if err != nil || math.IsInf(label, 0) || math.IsNaN(label) {
				return errLabel
			}
			s.label, first = float32(label), false
			continue
		}
		first = false
		if name, group, found := bytes.Cut(cell, []byte(":")); found && string(name) == "qid" {
			s.group = string(group)
			continue
		}
		e, err := parseEntry(cell, fields)
		if err != nil {
			return err
		}
		s.entries = append(s.entries, e)
	}
	return nil
}

func parseEntry(cell []byte, fields bool) (e entry, err error) { //nolint:revive // the layout of the file
	if fields {
		field, rest, found := bytes.Cut(cell, []byte(":"))
		if e.field, err = parseIndex(field); err != nil || !found {
			return e, errEntry
		}
		cell = rest
	}
	index, value, found := bytes.Cut(cell, []byte(":"))
	if e.index, err = parseIndex(index); err != nil || !found {
		return e, errEntry
	}
	if len(value) == 1 && value[0] == '1' { // nearly all of them
		e.value = 1
		return e, nil
	}
	x, err := strconv.ParseFloat(string(value), 32)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return e, errEntry
	}
	e.value = clip(x)
	return e, nil
}

// clip makes what is beyond a float32 the largest one.
func clip(x float64) float32 {
	return float32(max(-math.MaxFloat32, min(math.MaxFloat32, x))) // NaN stays
}

func parseIndex(text []byte) (int32, error) {
	if len(text) == 0 || len(text) > 10 {
		return 0, errEntry
	}
	n := int64(0)
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, errEntry
		}
		n = 10*n + int64(c-'0')
	}
	if n > math.MaxInt32 {
		return 0, errEntry
	}
	return int32(n), nil
}

func (s *sparseLine) reject(err error) *Reject {
	rec := record{whole: s.whole}
	return &Reject{Line: s.number, Reason: "bad_row", Detail: err.Error(), Raw: rec.text()}
}

// each calls fn with every line, whose bad rows have an error.
func (l *sparseLayout) each(path string, fn func(s *sparseLine, bad *Reject)) error {
	f, err := open(path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	var (
		s   sparseLine
		buf []byte
	)
	for number := int64(1); ; number++ {
		line, tooLong, err := f.line(buf)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("format: %s:%d: %w", path, number, err)
		}
		buf = line
		if len(bytes.TrimSpace(line)) == 0 && !tooLong {
			continue
		}
		err = s.parse(line, l.fields)
		if tooLong {
			err = errNoEdge
		}
		var bad *Reject
		if s.number, s.whole = number, line; err != nil {
			bad = s.reject(err)
		}
		fn(&s, bad)
	}
}

// sparseRows gathers rows while they are read.
type sparseRows struct {
	rows   *dataset.Rows
	groups []string
	any    bool // a row has a group
}

func newSparseRows() *sparseRows {
	return &sparseRows{rows: &dataset.Rows{Starts: []int{0}}}
}

func (g *sparseRows) end(label float32, group string) {
	g.rows.Labels = append(g.rows.Labels, label)
	g.rows.Starts = append(g.rows.Starts, len(g.rows.Cols))
	g.groups = append(g.groups, group)
	g.any = g.any || group != ""
}

func (g *sparseRows) finish(path string) (*dataset.Rows, error) {
	dense(g.rows)
	if g.any {
		return g.rows, groups(g.rows, g.groups, path)
	}
	return g.rows, nil
}

// census is what the entries of a training file have in common.
type census struct {
	features []feature         // in the order in which they come
	index    map[feature]int32 // into features
	position []int32           // of each feature in its rows; -1: several
	seen     []int             // by feature: the row last seen in
	length   int               // of all rows; -1: several
	fields   map[int32]*fieldCensus
}

// fieldCensus says whether a field can be one categorical column.
type fieldCensus struct {
	last   int // row
	once   bool
	ones   bool
	number int // of features
}

// train implements rowLayout.
func (l *sparseLayout) train(path string, r *RowReader) (*dataset.Rows, error) {
	gathered, c := newSparseRows(), census{index: map[feature]int32{}, fields: map[int32]*fieldCensus{}}
	rows := gathered.rows
	err := l.each(path, func(s *sparseLine, bad *Reject) {
		if bad == nil && math.IsNaN(float64(s.label)) {
			bad = s.reject(errLabel)
		}
		if bad == nil && !c.add(s, rows) {
			bad = s.reject(errTwice)
		}
		if bad != nil {
			rows.Cols, rows.Vals = rows.Cols[:rows.Starts[rows.Len()]], rows.Vals[:rows.Starts[rows.Len()]]
			r.reject(bad, path)
			return
		}
		gathered.end(s.label, s.group)
	})
	if err != nil {
		return nil, err
	}
	l.positional = !l.fields && c.positional(rows)
	rows.Columns = l.learn(&c)
	for k, i := range rows.Cols {
		p := l.places[c.key(i, l.positional)]
		rows.Cols[k] = p.column
		if p.code > 0 {
			rows.Vals[k] = p.code
		}
	}
	return gathered.finish(path)
}

// add counts a row and appends its entries, columns being features yet. It
// reports false for a row with a feature twice.
func (c *census) add(s *sparseLine, rows *dataset.Rows) bool {
	row := rows.Len() + 1
	for at, e := range s.entries {
		i, known := c.index[e.feature]
		if !known {
			i = int32(len(c.features))
			c.index[e.feature] = i
			c.features, c.position, c.seen = append(c.features, e.feature), append(c.position, int32(at)), append(c.seen, 0)
		}
		if c.seen[i] == row {
			return false
		}
		c.seen[i] = row
		if c.position[i] != int32(at) {
			c.position[i] = -1
		}
		f := c.fields[e.field]
		if f == nil {
			f = &fieldCensus{once: true, ones: true}
			c.fields[e.field] = f
		}
		if !known {
			f.number++
		}
		f.once, f.last = f.once && f.last != row, row
		f.ones = f.ones && e.value == 1
		rows.Cols, rows.Vals = append(rows.Cols, i), append(rows.Vals, e.value)
	}
	if row == 1 {
		c.length = len(s.entries)
	} else if c.length != len(s.entries) {
		c.length = -1
	}
	return true
}

// positional reports whether each position of the rows is a categorical
// column, one-hot encoded.
func (c *census) positional(rows *dataset.Rows) bool {
	if c.length < 2 || len(c.features) <= c.length {
		return false
	}
	for _, at := range c.position {
		if at < 0 {
			return false
		}
	}
	for _, v := range rows.Vals {
		if v != 1 {
			return false
		}
	}
	return true
}

// key is the feature a file's entry stands for.
func (c *census) key(i int32, positional bool) feature { //nolint:revive // how the whole file is read
	f := c.features[i]
	if positional {
		f.field = c.position[i]
	}
	return f
}

// manyColumns is up to how many numeric columns of libsvm have fields of their
// own; more share one, for a field-aware model has a vector for each pair.
const manyColumns = 64

// learn makes columns of the features.
func (l *sparseLayout) learn(c *census) *dataset.Columns {
	columns := dataset.NewColumns()
	l.places, l.byField = make(map[feature]place, len(c.features)), map[int32]int32{}
	fields := map[int32]int32{} // of columns, by the file's
	for i := range c.features {
		key := c.key(int32(i), l.positional)
		name := strconv.Itoa(int(key.index))
		_, known := fields[key.field]
		switch {
		case l.positional || l.fields && c.fields[key.field].categorical():
			if !known {
				fields[key.field] = int32(len(columns.FieldNames))
				l.byField[key.field] = int32(columns.Len())
				columns.Add("field "+strconv.Itoa(int(key.field)), dataset.NewDict())
			}
			column := l.byField[key.field]
			l.places[key] = place{column, float32(columns.Categories[column].Add(name) + 1)}
			continue
		case !l.fields && len(c.features) <= manyColumns:
			columns.Add(name, nil)
		case !known:
			fields[key.field] = int32(len(columns.FieldNames))
			columns.Add(name, nil)
			columns.FieldNames[fields[key.field]] = "field " + strconv.Itoa(int(key.field))
		default:
			columns.AddTo(fields[key.field], name, nil)
		}
		l.places[key] = place{column: int32(columns.Len() - 1)}
	}
	return columns
}

func (f *fieldCensus) categorical() bool { return f.once && f.ones && f.number > 1 }

// read implements rowLayout.
func (l *sparseLayout) read(path string, r *RowReader) (*dataset.Rows, error) {
	gathered := newSparseRows()
	rows := gathered.rows
	rows.Columns = r.columns
	seen := make([]int, r.columns.Len())
	err := l.each(path, func(s *sparseLine, bad *Reject) {
		if bad != nil {
			r.reject(bad, path)
			gathered.end(notKnown(), s.group)
			return
		}
		for at, e := range s.entries {
			if l.positional {
				e.field = int32(at)
			}
			p, known := l.places[e.feature]
			if !known {
				column, categorical := l.byField[e.field]
				if !categorical {
					continue
				}
				p = place{column: column}
			}
			if seen[p.column] == rows.Len()+1 {
				continue // a field that was never filled twice in training
			}
			seen[p.column] = rows.Len() + 1
			if r.columns.Categories[p.column] != nil {
				e.value = p.code
			}
			rows.Cols, rows.Vals = append(rows.Cols, p.column), append(rows.Vals, e.value)
		}
		gathered.end(s.label, s.group)
	})
	if err != nil {
		return nil, err
	}
	return gathered.finish(path)
}
