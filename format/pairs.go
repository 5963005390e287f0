package format

import (
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

// ReadPairs reads a file of layout adjacency ("user item item …"), sequence
// (the same, in order of time), triples ("user item [rating] [time]" between
// tabs, commas, :: or spaces, with or without a header, which may also name a
// session, a position and a propensity), recbole, jsonl (an object a line with the keys that a header has,
// or with a list of items), or auto. Errors name the line.
func ReadPairs(path, layout string, fn func(Pair) error) error {
	if !slices.Contains([]string{"", "auto", "adjacency", "sequence", "triples", "recbole", "jsonl"}, layout) {
		return kindred.Errorf(kindred.Invalid, "layout %q is none of auto, adjacency, sequence, triples, recbole, jsonl", layout)
	}
	f, err := open(path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	if layout == "" || layout == "auto" {
		layout = guessLayout(f)
	}
	r := pairReader{at: columns[int]{0, 1, 2, 3, -1, -1, -1}, fn: fn}
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

// guessLayout looks at the first lines: a header or another separator than
// spaces means triples, as do lines all of the same three or four cells.
func guessLayout(f *file) string {
	head, _ := f.Peek(4096)
	lines := strings.Split(strings.TrimSpace(string(head)), "\n")
	if strings.Contains(lines[0], ":token") {
		return "recbole"
	}
	if strings.HasPrefix(lines[0], "{") {
		return "jsonl"
	}
	if len(lines) > 1 && len(head) == 4096 {
		lines = lines[:len(lines)-1]
	}
	same := len(strings.Fields(lines[0]))
	for _, line := range lines {
		if strings.ContainsAny(line, "\t,") || strings.Contains(line, "::") {
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

// columns are those of user, item, value, time, session, position and
// propensity.
type columns[T any] [7]T

type pairReader struct {
	at columns[int]
	fn func(Pair) error
}

// pairFields are what columns are of.
func pairFields() columns[string] {
	return columns[string]{"user", "item", "value", "time", "session", "position", "propensity"}
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
	cells := cut(line)
	if len(cells) == 0 {
		return nil
	}
	if number == 1 && r.header(cells) {
		return nil
	}
	return r.triple(cells)
}

func cut(line string) []string {
	for _, sep := range []string{"\t", "::", ","} {
		if strings.Contains(line, sep) {
			return strings.Split(line, sep)
		}
	}
	return strings.Fields(line)
}

// header takes the columns from a first line that names an item, and a user or
// a session.
func (r *pairReader) header(cells []string) bool {
	var at columns[int]
	for k, field := range pairFields() {
		names, _ := aliases(field)
		at[k] = slices.IndexFunc(cells, func(cell string) bool {
			name, _, _ := strings.Cut(cell, ":")
			return slices.Contains(names, fold(name))
		})
	}
	if at[0] < 0 {
		at[0] = at[4]
	}
	if at[0] < 0 || at[1] < 0 {
		return false
	}
	r.at = at
	return true
}

func (r *pairReader) triple(cells []string) error {
	var row columns[string]
	for k, at := range r.at {
		if at >= 0 && at < len(cells) {
			row[k] = strings.TrimSpace(cells[at])
		}
	}
	return r.pair(row)
}

// pair takes a pair as it is written.
func (r *pairReader) pair(row columns[string]) error {
	p := Pair{User: row[0], Item: row[1], Session: row[4], Value: 1}
	if p.User == "" || p.Item == "" {
		return kindred.Errorf(kindred.Invalid, "needs a user and an item")
	}
	var bad *Reject
	if row[2] != "" {
		if p.Value, bad = number(row[2], "rating"); bad != nil {
			return kindred.Errorf(kindred.Invalid, "%s", bad.Detail)
		}
	}
	if when := row[3]; when != "" {
		x, bad := number(when, "time")
		if date, err := parseTime(when); bad != nil && err == nil {
			x, bad = float64(date.Unix()), nil
		}
		if bad != nil || math.Abs(x) >= 1<<63 {
			return kindred.Errorf(kindred.Invalid, "time %q is neither a number of 64 bits nor a date", when)
		}
		p.Time = int64(x)
	}
	if err := p.seen(row[5], row[6]); err != nil {
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
// items, in order, without times of their own.
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
	get := func(field string) any {
		names, _ := aliases(field)
		for _, name := range names { // the better known name first
			for key, value := range values {
				if value != nil && strings.TrimSuffix(fold(key), "s") == name {
					return value
				}
			}
		}
		return ""
	}
	var row columns[string]
	for k, field := range pairFields() {
		row[k] = fmt.Sprint(get(field))
	}
	if row[0] == "" {
		row[0] = row[4]
	}
	list, many := get("item").([]any)
	if !many {
		return r.pair(row)
	}
	for k, item := range list {
		one := columns[string]{row[0], fmt.Sprint(item), "", strconv.Itoa(k + 1), row[4]}
		if err := r.pair(one); err != nil {
			return err
		}
	}
	return nil
}
