package format

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"kindred"
)

// The fields of a pair.
const (
	userField = iota
	itemField
	valueField
	timeField
	sessionField
	positionField
	propensityField
	pairFields
)

// pairReader reads the pairs of one file.
type pairReader struct {
	at     [pairFields]int // columns; -1: there is none
	sep    string          // between cells
	header bool            // the first line names the columns
	names  [pairFields][]string
	roles  map[string]role // by a name as it is written
	fn     func(Pair) error
}

// role is what a column or key is: rank counts from 1, the better known names
// first; 0 is none.
type role struct{ field, rank int }

func newPairReader(fn func(Pair) error) *pairReader {
	r := &pairReader{at: [pairFields]int{0, 1, 2, 3, -1, -1, -1}, roles: map[string]role{}, fn: fn}
	for field, more := range [pairFields]string{
		// Names that public data has, beside those that imports take.
		userField:    "authorid memberid accountid profileid householdkey",
		itemField:    "aid parentasin businessid artistid venueid locationid placeid bookid isbn songid trackid videoid gameid articleid newsid jobid postid recipeid event",
		valueField:   "overall weight playcount plays count",
		timeField:    "unixreviewtime reviewtime eventdate tdat day createdat clicktime",
		sessionField: "basketid orderid visitid",
	} {
		known, _ := aliases([pairFields]string{"user", "item", "value", "time", "session", "position", "propensity"}[field])
		r.names[field] = append(known, strings.Fields(more)...)
	}
	return r
}

// role returns what a name stands for; of lists, the plural.
func (r *pairReader) role(name string) role {
	if known, seen := r.roles[name]; seen {
		return known
	}
	var found role
	bare, _, _ := strings.Cut(name, ":") // of RecBole, with the type
	for _, folded := range []string{fold(bare), strings.TrimSuffix(fold(bare), "s")} {
		for field, names := range r.names {
			if rank := 1 + slices.Index(names, folded); rank > 0 && found.rank == 0 {
				found = role{field, rank}
			}
		}
	}
	if len(r.roles) < 1000 { // keys may be anything
		r.roles[name] = found
	}
	return found
}

// separator returns what stands between the cells of a line.
func separator(line string) string {
	for _, sep := range []string{"\t", "::", ",", ";", "|"} {
		if strings.Contains(line, sep) {
			return sep
		}
	}
	return " "
}

// cut takes a line apart.
func (r *pairReader) cut(line string) ([]string, error) {
	switch {
	case r.sep == " ":
		return strings.Fields(line), nil
	case line == "":
		return nil, nil
	case len(r.sep) == 1 && strings.Contains(line, `"`):
		quoted := csv.NewReader(strings.NewReader(line))
		quoted.Comma, quoted.LazyQuotes = rune(r.sep[0]), true
		cells, err := quoted.Read()
		if errors.Is(err, io.EOF) {
			err = nil
		}
		if err != nil {
			return nil, kindred.Errorf(kindred.Invalid, "cannot be taken apart").Because(err)
		}
		return cells, nil
	}
	return strings.Split(line, r.sep), nil
}

// columns learns from the first lines what separates the cells and which is
// what; given are the columns' names, of files without a header.
func (r *pairReader) columns(lines, given []string) error {
	r.sep = separator(lines[0])
	first, err := r.cut(strings.TrimSuffix(lines[0], "\r"))
	if err != nil {
		return err
	}
	if given != nil {
		if !r.named(given) {
			return kindred.Errorf(kindred.Invalid, "the columns %s name no item, or neither a user nor a session (name user, item, value, time, session, and - for others)", strings.Join(given, ","))
		}
		return nil
	}
	if r.header = r.named(first); r.header {
		return nil
	}
	if len(lines) > 1 && len(first) > 2 && !slices.ContainsFunc(first, isNumber) && !slices.ContainsFunc(first, isDate) {
		second, _ := r.cut(lines[1])
		if slices.ContainsFunc(second, isNumber) {
			return kindred.Errorf(kindred.Invalid, "the first line, %q, names no user and item (name the columns as it does user_id, item_id, rating, timestamp, session_id, or leave it out and give their names)", strings.Join(first, r.sep))
		}
	}
	r.guessColumns(lines)
	return nil
}

// named takes the columns from names, if an item is among them and a user or a
// session; of several of a kind the best known.
func (r *pairReader) named(names []string) bool {
	at, ranks := [pairFields]int{-1, -1, -1, -1, -1, -1, -1}, [pairFields]int{}
	for k, name := range names {
		role := r.role(strings.TrimSpace(name))
		if role.rank > 0 && (ranks[role.field] == 0 || role.rank < ranks[role.field]) {
			at[role.field], ranks[role.field] = k, role.rank
		}
	}
	if at[userField] < 0 {
		at[userField] = at[sessionField]
	}
	if at[userField] < 0 || at[itemField] < 0 {
		return false
	}
	r.at = at
	return true
}

// guessColumns takes the time's column from the first lines, and the others in
// order.
func (r *pairReader) guessColumns(lines []string) {
	var rows [][]string
	for _, line := range lines {
		if cells, err := r.cut(strings.TrimSuffix(line, "\r")); err == nil && len(cells) > 0 {
			rows = append(rows, cells)
		}
	}
	when := timeColumn(rows)
	if when < 0 {
		return
	}
	others := slices.DeleteFunc([]int{0, 1, 2, 3}, func(k int) bool { return k == when })
	r.at = [pairFields]int{others[0], others[1], -1, when, -1, -1, -1}
	if others[2] < when {
		r.at[valueField] = others[2]
	}
}

// timeColumn looks for a column of dates, or for unix times in the third; -1 if
// there is none.
func timeColumn(rows [][]string) int {
	width := 0
	for k, row := range rows {
		if k == 0 || len(row) < width {
			width = min(len(row), 100)
		}
	}
	all := func(column int, is func(string) bool) bool {
		return !slices.ContainsFunc(rows, func(row []string) bool { return !is(row[column]) })
	}
	for k := range width {
		if width > 2 && all(k, isDate) {
			return k
		}
	}
	if width > 2 && all(2, isUnix) && (width == 3 || !all(3, isUnix)) {
		return 2
	}
	return -1
}

func isNumber(cell string) bool {
	_, err := strconv.ParseFloat(cell, 64)
	return err == nil
}

func isDate(cell string) bool {
	_, err := parseTime(cell)
	return err == nil && !isNumber(cell)
}

// isUnix says whether a number is likely a time: of 1980 or later, in seconds
// or finer.
func isUnix(cell string) bool {
	x, err := strconv.ParseFloat(cell, 64)
	if err != nil || x < 3e8 {
		return false
	}
	_, err = parseTime(cell)
	return err == nil
}

// table reads the rows of a Parquet file.
func (r *pairReader) table(f *file, path string) error {
	t, err := openParquet(f)
	if err != nil {
		return fmt.Errorf("format: %s: %w", path, err)
	}
	names, err := t.columns()
	if err != nil {
		return fmt.Errorf("format: %s: %w", path, err)
	}
	if !r.named(names) {
		return kindred.Errorf(kindred.Invalid, "%s: the columns %s name no user and item (name them user_id, item_id, rating, timestamp, session_id)", path, strings.Join(names, ", "))
	}
	for {
		rec, err := t.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		switch {
		case err != nil:
		case strings.HasPrefix(rec.cells[r.at[itemField]], "["):
			err = r.list(names, rec)
		default:
			err = r.triple(rec.cells)
		}
		if err != nil {
			return fmt.Errorf("format: %s: row %d: %w", path, rec.line, err)
		}
	}
}

// list takes a row with a list of items.
func (r *pairReader) list(names []string, rec *record) error {
	values := map[string]any{}
	for k, name := range names {
		if rec.raw[k] == nil {
			continue
		}
		var value any
		if err := json.Unmarshal(rec.raw[k], &value); err != nil {
			return kindred.Errorf(kindred.Invalid, "%s cannot be read", name).Because(err)
		}
		values[name] = value
	}
	return r.values(values)
}
