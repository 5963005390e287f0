package format

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"kindred"
	"kindred/dataset"
)

// columnKind says what becomes of a column of a table of labelled rows.
type columnKind uint8

const (
	ignored columnKind = iota
	labelColumn
	weightColumn
	groupColumn
	numeric     // one numeric column
	categorical // one categorical column
	timeColumns // days since the first, hour of the day, day of the week
)

// tableLayout reads CSV and TSV, with a header or without one: columns are then
// f1, f2 and so on. Kinds are guessed from the first sampleRows rows:
//
//   - times (see parseTime, and 20141021, 2014102113, 14102113 in a column
//     named like a time) become three numeric columns;
//   - what is mostly no number is categorical, as are whole numbers in a
//     column named like an identifier or code (user, item_id, C14, zip …);
//   - other numbers are numeric;
//   - identifiers that never repeat number the rows and are left out.
type tableLayout struct {
	comma   rune
	bare    bool   // the training file has no header
	plans   []plan // by column of the training file
	columns *dataset.Columns
}

// plan is what becomes of one column.
type plan struct {
	name   string
	kind   columnKind
	column int // first of those it becomes
	dict   *dataset.Dict
	origin int64 // unix seconds of a time's day 0
}

// sampleRows are looked at to guess what columns are.
const sampleRows = 20_000

// train implements rowLayout.
func (l *tableLayout) train(path string, r *RowReader) (*dataset.Rows, error) {
	if err := l.lookForHeader(path, &r.options); err != nil {
		return nil, err
	}
	sample, names, err := l.sample(path)
	if err != nil {
		return nil, err
	}
	if err := l.guess(names, sample, r.options); err != nil {
		return nil, fmt.Errorf("format: %s: %w", path, err)
	}
	return l.rows(path, r, true)
}

// read implements rowLayout.
func (l *tableLayout) read(path string, r *RowReader) (*dataset.Rows, error) {
	return l.rows(path, r, false)
}

// open starts reading a table. The label may be left out of a file without a
// header.
func (l *tableLayout) open(f *file) (table *csvTable, names []string, err error) {
	table = newCSV(f, l.comma)
	if !l.bare {
		names, err = table.columns()
		return table, names, err
	}
	width := table.peekWidth(f)
	if names = numbered(width); len(l.plans) == width+1 {
		names = numbered(width + 1)
		names = slices.DeleteFunc(names, func(name string) bool {
			return slices.ContainsFunc(l.plans, func(p plan) bool { return p.name == name && p.kind == labelColumn })
		})
	}
	table.names = names
	return table, names, nil
}

// numbered names the columns of files without a header.
func numbered(n int) []string {
	names := make([]string, n)
	for k := range names {
		names[k] = "f" + strconv.Itoa(k+1)
	}
	return names
}

// sample returns the cells of the first rows, by column.
func (l *tableLayout) sample(path string) (cells [][]string, names []string, err error) {
	f, err := open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	table, names, err := l.open(f)
	if err != nil {
		return nil, nil, fmt.Errorf("format: %s: %w", path, err)
	}
	names, cells = slices.Clone(names), make([][]string, len(names))
	for range sampleRows {
		rec, err := table.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if _, bad := errors.AsType[*Reject](err); bad {
			continue // it is reported when the file is read
		}
		if err != nil {
			return nil, nil, fmt.Errorf("format: reading %s: %w", path, err)
		}
		for c, cell := range rec.cells {
			cells[c] = append(cells[c], strings.Clone(strings.TrimSpace(cell)))
		}
	}
	return cells, names, nil
}

// guess plans what becomes of each column.
func (l *tableLayout) guess(names []string, sample [][]string, o RowOptions) error {
	for _, name := range slices.Concat([]string{o.Label, o.Weight, o.Group}, o.Categorical, o.Numeric, o.Ignore) {
		if name != "" && !slices.Contains(names, name) {
			return kindred.Errorf(kindred.Invalid, "there is no column %q (there are %s)", name, strings.Join(names, ", "))
		}
	}
	label := o.Label
	if label == "" {
		if label = guessLabel(names, sample); label == "" {
			return kindred.Errorf(kindred.Invalid, "cannot tell which column is the label (name it: --label)")
		}
	}
	l.columns = dataset.NewColumns()
	for c, name := range names {
		p := plan{name: name, column: l.columns.Len(), kind: guessKind(name, sample[c])}
		switch {
		case name == label:
			p.kind = labelColumn
		case name == o.Weight:
			p.kind = weightColumn
		case name == o.Group:
			p.kind = groupColumn
		case slices.Contains(o.Ignore, name):
			p.kind = ignored
		case slices.Contains(o.Categorical, name):
			p.kind = categorical
		case slices.Contains(o.Numeric, name):
			p.kind = numeric
		}
		l.add(&p, sample[c])
	}
	if l.columns.Len() == 0 {
		return kindred.Errorf(kindred.Invalid, "there is no column to learn from")
	}
	return nil
}

// add adds the columns that one of the file becomes.
func (l *tableLayout) add(p *plan, sample []string) {
	switch p.kind {
	case numeric:
		l.columns.Add(p.name, nil)
	case categorical:
		p.dict = dataset.NewDict()
		l.columns.Add(p.name, p.dict)
	case timeColumns:
		p.origin = math.MaxInt64
		for _, cell := range sample {
			if t, err := parseMoment(cell, p.name); err == nil {
				p.origin = min(p.origin, t.Unix()-t.Unix()%86400)
			}
		}
		l.columns.Add(p.name, nil)
		l.columns.Add(p.name+".hour", nil)
		l.columns.Add(p.name+".weekday", nil)
	default:
	}
	l.plans = append(l.plans, *p)
}

// rows reads all rows; learn says that the categories are to be learned.
func (l *tableLayout) rows(path string, r *RowReader, learn bool) (*dataset.Rows, error) { //nolint:revive // the training file or another
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	table, names, err := l.open(f)
	if err != nil {
		return nil, fmt.Errorf("format: %s: %w", path, err)
	}
	at := make([]int, len(l.plans)) // columns of this file
	for k, p := range l.plans {
		at[k] = slices.Index(names, p.name)
		if at[k] < 0 && (learn || p.kind >= numeric) {
			return nil, kindred.Errorf(kindred.Invalid, "%s has no column %q, which the training file has", path, p.name)
		}
	}
	g := &tableRows{
		file: f, rows: &dataset.Rows{Columns: l.columns}, layout: l, at: at, learn: learn, cells: make([]float32, l.columns.Len()),
		weighted: l.has(weightColumn), grouped: l.has(groupColumn),
	}
	for {
		rec, err := table.next()
		if errors.Is(err, io.EOF) {
			return g.finish(path)
		}
		bad, isReject := errors.AsType[*Reject](err)
		if err != nil && !isReject {
			return nil, fmt.Errorf("format: reading %s: %w", path, err)
		}
		if err == nil {
			bad = g.add(rec)
		}
		if bad != nil {
			r.reject(bad, path)
			if !learn {
				g.empty()
			}
		}
	}
}

// tableRows gathers rows while they are read.
type tableRows struct {
	file     *file
	rows     *dataset.Rows
	layout   *tableLayout
	at       []int
	learn    bool
	weighted bool
	grouped  bool
	cells    []float32 // of the row at hand
	groups   []string
}

// add converts a row.
func (g *tableRows) add(rec *record) *Reject {
	label, weight, group := notKnown(), float32(1), ""
	for k := range g.layout.plans {
		p := &g.layout.plans[k]
		if g.at[k] < 0 || p.kind == ignored {
			continue
		}
		cell := strings.TrimSpace(rec.cells[g.at[k]])
		var err error
		switch p.kind {
		case labelColumn:
			label, err = labelOf(cell)
		case weightColumn:
			if weight, err = numberOf(cell); err == nil && !(weight > 0) { // NaN is no weight
				err = errors.New("is no weight above zero")
			}
		case groupColumn:
			group = strings.Clone(cell)
		default:
			err = g.cell(p, cell)
		}
		if err != nil {
			return &Reject{Line: rec.line, Reason: "bad_cell", Detail: fmt.Sprintf("column %s: %q %v", p.name, cell[:min(len(cell), 100)], err), Raw: rec.text()}
		}
	}
	if g.learn && math.IsNaN(float64(label)) {
		return &Reject{Line: rec.line, Reason: "missing_label", Detail: "has no label", Raw: rec.text()}
	}
	g.append(label, weight, group)
	return nil
}

// cell converts one cell of a column that is learned from.
func (g *tableRows) cell(p *plan, cell string) (err error) {
	to := g.cells[p.column:]
	switch {
	case missing(cell):
		to[0] = notKnown()
		if p.kind == timeColumns {
			to[1], to[2] = notKnown(), notKnown()
		}
	case p.kind == numeric:
		to[0], err = numberOf(cell)
	case p.kind == timeColumns:
		var t time.Time
		if t, err = parseMoment(cell, p.name); err == nil {
			to[0] = float32(float64(t.Unix()-p.origin) / 86400)
			to[1], to[2] = float32(t.Hour()), float32(t.Weekday())
		}
	default:
		if _, known := p.dict.Index(cell); g.learn && !known && p.dict.Len() < dataset.MaxCategories-1 {
			p.dict.Add(strings.Clone(cell))
		}
		to[0] = g.layout.columns.Code(p.column, cell)
	}
	return err
}

func (g *tableRows) append(label, weight float32, group string) {
	if n := len(g.rows.Labels); n == cap(g.rows.Labels) {
		more := g.file.more(n)
		g.rows.Labels = slices.Grow(g.rows.Labels, more)
		g.rows.Vals = slices.Grow(g.rows.Vals, more*len(g.cells))
	}
	g.rows.Labels = append(g.rows.Labels, label)
	g.rows.Vals = append(g.rows.Vals, g.cells...)
	if g.weighted {
		g.rows.Weights = append(g.rows.Weights, weight)
	}
	if g.grouped {
		g.groups = append(g.groups, group)
	}
}

// empty appends a row of which nothing is known.
func (g *tableRows) empty() {
	for c := range g.cells {
		g.cells[c] = notKnown()
	}
	group := ""
	if n := len(g.groups); n > 0 {
		group = g.groups[n-1]
	}
	g.append(notKnown(), 1, group)
}

func (g *tableRows) finish(path string) (*dataset.Rows, error) {
	if g.grouped {
		return g.rows, groups(g.rows, g.groups, path)
	}
	return g.rows, nil
}

// has reports whether a column is of that kind.
func (l *tableLayout) has(kind columnKind) bool {
	return slices.ContainsFunc(l.plans, func(p plan) bool { return p.kind == kind })
}

// numberOf reads a number; a missing one is NaN, one too large the largest.
func numberOf(cell string) (float32, error) {
	if missing(cell) {
		return notKnown(), nil
	}
	x, err := strconv.ParseFloat(cell, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return notKnown(), errors.New("is no number")
	}
	return clip(x), nil
}
