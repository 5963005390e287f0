package format

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// lookForHeader says whether the training file has one. Its names are distinct
// and none is a number, unless one is an option's or a label's or they count up.
func (l *tableLayout) lookForHeader(path string, o *RowOptions) error {
	f, err := open(path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	first, err := newCSV(f, l.comma).columns()
	if err != nil {
		return fmt.Errorf("format: %s: %w", path, err)
	}
	asked := slices.Concat([]string{o.Label, o.Weight, o.Group}, o.Categorical, o.Numeric, o.Ignore, labelNames())
	counting, distinct := true, map[string]bool{}
	for k, cell := range first {
		if cell != "" && slices.ContainsFunc(asked, func(name string) bool { return strings.EqualFold(name, cell) }) {
			return nil
		}
		distinct[cell] = true
		counting = counting && strings.TrimSpace(cell) == strconv.Itoa(k)
	}
	l.bare = !counting && (len(distinct) < len(first) || slices.ContainsFunc(first, func(cell string) bool { return isNumber(strings.TrimSpace(cell)) }))
	return nil
}

// guessLabel takes a column named like a label, else the first of two values,
// else nothing.
func guessLabel(names []string, sample [][]string) string {
	for _, want := range labelNames() {
		for _, name := range names {
			if strings.EqualFold(name, want) {
				return name
			}
		}
	}
	for _, read := range []func(string) (float32, error){numberOf, labelOf} { // yes and no say less than 1 and 0
		for c, name := range names {
			if distinct := distinctOf(sample[c], 3); len(distinct) == 2 && all(distinct, read) {
				return name
			}
		}
	}
	return ""
}

func labelNames() []string {
	return []string{"label", "click", "clicked", "clk", "is_click", "isclick", "target", "y", "conversion", "converted"}
}

// distinctOf returns the distinct cells that are not missing, up to a number.
func distinctOf(cells []string, most int) map[string]bool {
	distinct := map[string]bool{}
	for _, cell := range cells {
		if !missing(cell) {
			distinct[cell] = true
			if len(distinct) >= most {
				break
			}
		}
	}
	return distinct
}

func all(cells map[string]bool, read func(string) (float32, error)) bool {
	for cell := range cells {
		if _, err := read(cell); err != nil {
			return false
		}
	}
	return true
}

// labelOf reads a label: a number, or a yes or no.
func labelOf(cell string) (float32, error) {
	switch strings.ToLower(cell) {
	case "true", "yes", "t", "y":
		return 1, nil
	case "false", "no", "f", "n":
		return 0, nil
	}
	return numberOf(cell)
}

// missing reports whether a cell says that nothing is known.
func missing(cell string) bool {
	switch cell {
	case "", "NA", "N/A", "n/a", "na", "NaN", "nan", "NULL", "null", "None", "none", "?", `\N`, "-":
		return true
	}
	return false
}

var (
	// identifier matches names of columns whose numbers only name things.
	identifier = regexp.MustCompile(`(?i)(^|[_. -])(id|ids|code|zip|zipcode|type|category|categ|cat|cate|class|user|item|product|device|site|app|brand|city|country|region|state|channel|campaign|advertiser|publisher|creative|model|genre|gender|occupation|segment|tag|key|hash)\d*$|(?-i:[a-z](ID|Id)$|^[cC]\d+$)|^(user|item|ad|query|doc|session|customer|movie|product|artist|track)id$`)
	// temporal matches names of columns whose numbers are times.
	temporal = regexp.MustCompile(`(?i)time|date|stamp|hour|^ts$|_ts$|_at$`)
)

// tally counts what the cells of a column look like.
type tally struct {
	known, numbers, whole int
	moments, dates        int // times, and those that are no numbers
	distinct              map[string]struct{}
}

func (t *tally) add(cell, name string) {
	t.known++
	t.distinct[cell] = struct{}{}
	x, err := strconv.ParseFloat(cell, 64)
	if err == nil {
		t.numbers++
		if x == math.Trunc(x) {
			t.whole++
		}
	}
	if _, bad := parseMoment(cell, name); bad == nil {
		t.moments++
		if err != nil {
			t.dates++
		}
	}
}

// guessKind looks at a column's name and cells.
func guessKind(name string, cells []string) columnKind {
	t := tally{distinct: map[string]struct{}{}}
	for _, cell := range cells {
		if !missing(cell) {
			t.add(cell, name)
		}
	}
	const enough = 100 // rows, to tell that identifiers never repeat
	switch {
	case t.known == 0:
		return numeric
	case t.moments == t.known && (t.dates == t.known || temporal.MatchString(name)):
		return timeColumns
	case t.numbers < t.known-t.known/100 || t.whole == t.numbers && identifier.MatchString(name):
		if len(t.distinct) == t.known && t.known >= enough {
			return ignored
		}
		return categorical
	default:
		return numeric
	}
}

// parseMoment reads a date or time; a bare number is one only in a column
// named like a time, and within the years 1990 to 2100.
func parseMoment(cell, name string) (time.Time, error) {
	n, err := strconv.ParseInt(cell, 10, 64)
	if err != nil {
		if _, err := strconv.ParseFloat(cell, 64); err == nil {
			return time.Time{}, errTime
		}
		return parseTime(cell)
	}
	if !temporal.MatchString(name) {
		return time.Time{}, errTime
	}
	layouts := map[int][]string{8: {"20060102", "06010215"}, 10: {"2006010215"}, 12: {"200601021504"}, 14: {"20060102150405"}}
	for _, layout := range layouts[len(cell)] {
		if t, err := time.Parse(layout, cell); err == nil && t.Year() >= 1990 && t.Year() <= 2100 {
			return t, nil
		}
	}
	if n < 6e8 {
		return time.Time{}, errTime
	}
	return parseTime(cell)
}
