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
}

// ReadPairs reads a file of layout adjacency ("user item item …"), sequence
// (the same, in order of time), triples ("user item [rating] [time]" between
// tabs, commas, :: or spaces, with or without a header, which may also name a
// session), recbole, jsonl (an object a line with the keys that a header has,
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
	r := pairReader{at: [5]int{0, 1, 2, 3, -1}, fn: fn}
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

type pairReader struct {
	at [5]int // columns of user, item, value, time, session
	fn func(Pair) error
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
	at := [5]int{-1, -1, -1, -1, -1}
	for k, field := range []string{"user", "item", "value", "time", "session"} {
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
	get := func(k int) string {
		if at := r.at[k]; at >= 0 && at < len(cells) {
			return strings.TrimSpace(cells[at])
		}
		return ""
	}
	return r.pair(get(0), get(1), get(2), get(3), get(4))
}

// pair takes a pair as it is written.
func (r *pairReader) pair(user, item, value, when, session string) error {
	p := Pair{User: user, Item: item, Session: session, Value: 1}
	if p.User == "" || p.Item == "" {
		return kindred.Errorf(kindred.Invalid, "needs a user and an item")
	}
	var bad *Reject
	if value != "" {
		if p.Value, bad = number(value, "rating"); bad != nil {
			return kindred.Errorf(kindred.Invalid, "%s", bad.Detail)
		}
	}
	if when != "" {
		x, bad := number(when, "time")
		if date, err := parseTime(when); bad != nil && err == nil {
			x, bad = float64(date.Unix()), nil
		}
		if bad != nil || math.Abs(x) >= 1<<63 {
			return kindred.Errorf(kindred.Invalid, "time %q is neither a number of 64 bits nor a date", when)
		}
		p.Time = int64(x)
	}
	return r.fn(p)
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
	user, session := fmt.Sprint(get("user")), fmt.Sprint(get("session"))
	if user == "" {
		user = session
	}
	list, many := get("item").([]any)
	if !many {
		return r.pair(user, fmt.Sprint(get("item")), fmt.Sprint(get("value")), fmt.Sprint(get("time")), session)
	}
	for k, item := range list {
		if err := r.pair(user, fmt.Sprint(item), "", strconv.Itoa(k+1), session); err != nil {
			return err
		}
	}
	return nil
}
