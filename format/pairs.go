package format

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"kindred"
)

// Pair is one user and item of a file made for evaluation.
type Pair struct {
	User, Item string  // the session stands for the user in files that name none
	Session    string  // "" if not given
	Value      float64 // 1 if not given
	Time       int64   // unix seconds or as given; the place in the user's line for sequences
	Position   int     // place in the list that it was seen in, from 1; 0 if not given
	Propensity float64 // how likely it was looked at; 0 if not given
}

// PairOptions say how a file of pairs is written.
type PairOptions struct {
	Layout string // adjacency, sequence, triples, recbole, jsonl, parquet; "" or auto: guessed
	// Columns name the columns of triples, which then have no header: user, item,
	// value, time, session, position, propensity, or anything else for those to pass
	// over. nil: the
	// header's, or else guessed.
	Columns []string
}

// ReadPairs reads a file of layout adjacency ("user item item …"), sequence
// (the same, in order of time), triples (a pair a line, between tabs, commas,
// semicolons, ::, | or spaces), recbole, jsonl (an object a line with the keys
// that a header has, or with a list of items, or of objects) or parquet.
//
// The columns of triples are those of the header, which may also name a
// session, a position and a propensity. Without a header they are user, item, value and time, unless the
// first lines show dates, or unix times in the third column: user, item and
// value are then the first of the others, the value before the time.
//
// Errors name the line.
func ReadPairs(path string, options PairOptions, fn func(Pair) error) error {
	layouts := []string{"auto", "adjacency", "triples", "recbole", "sequence", "jsonl", "parquet"}
	layout := cmp.Or(options.Layout, "auto")
	if !slices.Contains(layouts, layout) {
		return kindred.Errorf(kindred.Invalid, "layout %q is none of %s", layout, strings.Join(layouts, ", "))
	}
	f, err := open(path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	if layout == "auto" {
		layout = guessLayout(f)
	}
	r := newPairReader(fn)
	switch layout {
	case "parquet":
		return r.table(f, path)
	case "triples", "recbole":
		head, _ := f.Peek(pairHead)
		if err := r.columns(sample(head), options.Columns); err != nil {
			return fmt.Errorf("format: %s: %w", path, err)
		}
	}
	var buf []byte
	for number := 1; ; number++ {
		line, tooLong, err := f.line(buf)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil && tooLong {
			err = kindred.Errorf(kindred.Invalid, "is longer than 1 MB")
		}
		if err == nil {
			err = r.line(string(line), layout, number)
		}
		if err != nil {
			return fmt.Errorf("format: %s:%d: %w", path, number, err)
		}
		buf = line
	}
}

// GuessLayout returns the layout that ReadPairs would guess. Files that belong
// together have one layout, best guessed from the largest: a test file of two
// items a user looks like triples.
func GuessLayout(path string) (layout string, err error) {
	f, err := open(path)
	if err != nil {
		return "", err
	}
	return guessLayout(f), f.Close()
}

// pairHead is how much of a file says how it is written.
const pairHead = 4096

// sample returns the whole lines of a file's beginning.
func sample(head []byte) []string {
	lines := strings.Split(strings.TrimSpace(string(head)), "\n")
	if len(lines) > 1 && len(head) == pairHead {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// guessLayout looks at the first lines: a header or another separator than
// spaces means triples, as do lines all of the same three or four cells.
func guessLayout(f *file) string {
	head, _ := f.Peek(pairHead)
	lines := sample(head)
	switch {
	case strings.HasPrefix(lines[0], "PAR1"):
		return "parquet"
	case strings.Contains(lines[0], ":token"):
		return "recbole"
	case strings.HasPrefix(lines[0], "{"):
		return "jsonl"
	}
	same := len(strings.Fields(lines[0]))
	for _, line := range lines {
		if separator(line) != " " {
			return "triples"
		}
		if len(strings.Fields(line)) != same {
			return "adjacency"
		}
	}
	if same == 3 || same == 4 {
		return "triples"
	}
	return "adjacency"
}

func (r *pairReader) line(line, layout string, number int) error {
	if layout == "adjacency" || layout == "sequence" {
		cells := strings.Fields(line)
		for i := 1; i < len(cells); i++ {
			p := Pair{User: cells[0], Item: cells[i], Value: 1}
			if layout == "sequence" {
				p.Time = int64(i)
			}
			if err := r.fn(p); err != nil {
				return err
			}
		}
		return nil
	}
	if layout == "jsonl" {
		return r.object(line)
	}
	cells, err := r.cut(line)
	if err != nil || len(cells) == 0 || number == 1 && r.header {
		return err
	}
	return r.triple(cells)
}

func (r *pairReader) triple(cells []string) error {
	var row [pairFields]string
	for field, at := range r.at {
		if at >= 0 && at < len(cells) {
			row[field] = strings.TrimSpace(cells[at])
		}
	}
	return r.pair(row)
}

// pair takes a pair as it is written, by field.
func (r *pairReader) pair(row [pairFields]string) error {
	p := Pair{User: row[userField], Item: row[itemField], Session: row[sessionField], Value: 1}
	if p.User == "" || p.Item == "" {
		return kindred.Errorf(kindred.Invalid, "needs a user and an item")
	}
	var bad *Reject
	if value := row[valueField]; value != "" {
		if p.Value, bad = number(value, "rating"); bad != nil {
			return kindred.Errorf(kindred.Invalid, "%s", bad.Detail)
		}
	}
	if when := row[timeField]; when != "" {
		x, bad := number(when, "time")
		if date, err := parseTime(when); err == nil && (bad != nil || x >= 1e11) { // a date, or finer than seconds
			x, bad = float64(date.Unix()), nil
		}
		if bad != nil || math.Abs(x) >= 1<<63 {
			return kindred.Errorf(kindred.Invalid, "time %q is neither a number of 64 bits nor a date", when)
		}
		p.Time = int64(x)
	}
	if err := p.seen(row[positionField], row[propensityField]); err != nil {
		return err
	}
	return r.fn(p)
}

// seen takes where the item was seen, as it is written.
func (p *Pair) seen(position, propensity string) error {
	var bad *Reject
	if position != "" {
		x, bad := number(position, "position")
		if bad != nil || x != math.Trunc(x) || x < 0 || x > math.MaxInt32 {
			return kindred.Errorf(kindred.Invalid, "position %q is no place in a list (use 1 for the first)", position)
		}
		p.Position = int(x)
	}
	if propensity != "" {
		if p.Propensity, bad = number(propensity, "propensity"); bad != nil || !(p.Propensity > 0 && p.Propensity <= 1) {
			return kindred.Errorf(kindred.Invalid, "propensity %q is no probability (use more than 0, up to 1)", propensity)
		}
	}
	return nil
}

// object takes a line that is a JSON object: a pair, or the pairs of a list of
// items, in order, with what each has of its own.
func (r *pairReader) object(line string) error {
	if strings.TrimSpace(line) == "" {
		return nil
	}
	decoder := json.NewDecoder(strings.NewReader(line))
	decoder.UseNumber()
	var values map[string]any
	if err := decoder.Decode(&values); err != nil {
		return kindred.Errorf(kindred.Invalid, "is no JSON object").Because(err)
	}
	return r.values(values)
}

// values takes an object.
func (r *pairReader) values(values map[string]any) error {
	of := r.fields(values)
	if of[userField] == nil {
		of[userField] = of[sessionField]
	}
	list, many := of[itemField].([]any)
	if !many {
		return r.pair(cellsOf(of))
	}
	whole := cellsOf([pairFields]any{userField: of[userField], sessionField: of[sessionField]})
	for k, element := range list {
		row := whole
		if own, isObject := element.(map[string]any); isObject {
			row = cellsOf(r.fields(own))
			row[userField], row[sessionField] = whole[userField], whole[sessionField]
		} else {
			row[itemField] = cellOf(element)
		}
		row[timeField] = cmp.Or(row[timeField], strconv.Itoa(k+1))
		if err := r.pair(row); err != nil {
			return err
		}
	}
	return nil
}

func cellsOf(values [pairFields]any) (row [pairFields]string) {
	for field, value := range values {
		row[field] = cellOf(value)
	}
	return row
}

// fields returns the values by field, of several keys that of the better known
// name.
func (r *pairReader) fields(values map[string]any) (of [pairFields]any) {
	var ranks [pairFields]int
	for key, value := range values {
		role := r.role(key)
		if value != nil && role.rank > 0 && (ranks[role.field] == 0 || role.rank < ranks[role.field]) {
			of[role.field], ranks[role.field] = value, role.rank
		}
	}
	return of
}

// cellOf writes a JSON value as a cell would have it; nothing as "".
func cellOf(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		return fmt.Sprint(v)
	}
}
