package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"kindred"
)

// query is a request's query, in which every name is known and given once.
type query map[string]string

// readQuery reads the query strictly: a misspelt parameter is an error rather
// than a surprise.
func readQuery(r *http.Request, known ...string) (query, error) {
	if r.URL.RawQuery == "" {
		return nil, nil
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "the query is malformed: write &, %%, + and ; within values as %%26, %%25, %%2B and %%3B")
	}
	var faults []fault
	q := make(query, len(values))
	for name, list := range values {
		location := "query." + name[:min(len(name), kindred.MaxKind)]
		switch {
		case !slices.Contains(known, name):
			faults = append(faults, fault{location, "is not a known parameter"})
		case len(list) > 1:
			faults = append(faults, fault{location, "is given more than once"})
		case !utf8.ValidString(list[0]):
			faults = append(faults, fault{location, "is not valid UTF-8"})
		}
		q[name] = list[0]
	}
	if len(faults) > 0 {
		slices.SortFunc(faults, func(a, b fault) int { return strings.Compare(a.Location, b.Location) })
		return nil, invalid("the query is not valid", faults[:min(len(faults), maxFaults)]...)
	}
	return q, nil
}

// integer returns a whole number, or otherwise if it is absent.
func (q query) integer(name string, otherwise, low, high int) (int, error) {
	text, given := q[name]
	if !given {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high {
		return 0, invalid("the query is not valid",
			fault{"query." + name, fmt.Sprintf("must be a whole number from %d to %d", low, high)})
	}
	return n, nil
}

// flag returns a boolean that is false if absent.
func (q query) flag(name string) (bool, error) {
	switch q[name] {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	default:
		return false, invalid("the query is not valid", fault{"query." + name, "must be true or false"})
	}
}

// text returns a text as long as an identifier may be.
func (q query) text(name string) (string, error) {
	if len(q[name]) > kindred.MaxID {
		return "", invalid("the query is not valid", fault{"query." + name, fmt.Sprintf("has more than %d bytes", kindred.MaxID)})
	}
	return q[name], nil
}

const (
	defaultPage = 50
	maxPage     = 500
)

func limitParam(high int) param {
	return param{
		name: "limit", kind: "integer", example: defaultPage,
		detail: fmt.Sprintf("At most so many, up to %d; %d if absent.", high, defaultPage),
	}
}

// page is one page of a list ordered by ID.
type page struct {
	limit           int
	after, category string
	search          string
}

// page reads the parameters of a list.
func (q query) page() (p page, err error) {
	if p.limit, err = q.integer("limit", defaultPage, 1, maxPage); err != nil {
		return p, err
	}
	if p.after, err = q.text("after"); err != nil {
		return p, err
	}
	if p.category, err = q.text("category"); err != nil {
		return p, err
	}
	p.search, err = q.text("q")
	return p, err
}

// moment returns a time, zero if absent.
func (q query) moment(name string) (time.Time, error) {
	text, given := q[name]
	if !given {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, invalid("the query is not valid", fault{"query." + name, "must be a time such as 2026-01-02T15:04:05Z"})
	}
	return t.UTC(), nil
}
