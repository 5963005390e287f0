package format

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"kindred"
)

// Pair is one user and item of a file made for evaluation.
type Pair struct {
	User, Item string
	Value      float64 // 1 if not given
	Time       int64   // unix seconds or as given; the place in the user's line for sequences
}

// ReadPairs reads a file of layout adjacency ("user item item …"), sequence
// (the same, in order of time), triples ("user item [rating] [time]" between
// tabs, commas, :: or spaces, with or without a header), recbole, or auto.
// Errors name the line.
func ReadPairs(path, layout string, fn func(Pair) error) error {
	if !slices.Contains([]string{"", "auto", "adjacency", "sequence", "triples", "recbole"}, layout) {
		return kindred.Errorf(kindred.Invalid, "layout %q is none of auto, adjacency, sequence, triples, recbole", layout)
	}
	f, err := open(path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	if layout == "" || layout == "auto" {
		layout = guessLayout(f)
	}
	r := pairReader{at: [4]int{0, 1, 2, 3}, fn: fn}
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
	at [4]int // columns of user, item, value, time
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

// header takes the columns from a first line that names a user and an item.
func (r *pairReader) header(cells []string) bool {
	at := [4]int{-1, -1, -1, -1}
	for k, field := range []string{"user", "item", "value", "time"} {
		names, _ := aliases(field)
		at[k] = slices.IndexFunc(cells, func(cell string) bool {
			name, _, _ := strings.Cut(cell, ":")
			return slices.Contains(names, fold(name))
		})
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
	p := Pair{User: get(0), Item: get(1), Value: 1}
	if p.User == "" || p.Item == "" {
		return kindred.Errorf(kindred.Invalid, "needs a user and an item")
	}
	var bad *Reject
	if text := get(2); text != "" {
		if p.Value, bad = number(text, "rating"); bad != nil {
			return kindred.Errorf(kindred.Invalid, "%s", bad.Detail)
		}
	}
	if text := get(3); text != "" {
		x, bad := number(text, "time")
		if bad != nil || math.Abs(x) >= 1<<63 {
			return kindred.Errorf(kindred.Invalid, "time %q is no number of 64 bits", text)
		}
		p.Time = int64(x)
	}
	return r.fn(p)
}
