package format

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/parquet-go/parquet-go"

	"kindred"
)

// groupRows is how many rows a writer of Parquet holds back.
const groupRows = 100_000

func quote(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(text)
}

// EventJSON returns an event as one JSON object, as a line of a file and as
// the API takes it.
func EventJSON(e *kindred.Event) ([]byte, error) {
	return json.Marshal(struct {
		ID        string          `json:"event_id,omitempty"`
		User      kindred.UserID  `json:"user"`
		Item      kindred.ItemID  `json:"item,omitempty"`
		Kind      kindred.Kind    `json:"kind"`
		Value     float64         `json:"value"`
		Time      time.Time       `json:"time,omitzero"`
		Session   string          `json:"session,omitempty"`
		RequestID string          `json:"request_id,omitempty"`
		Position  int             `json:"position,omitempty"`
		Context   json.RawMessage `json:"context,omitempty"`
	}{e.ID, e.User, e.Item, e.Kind, e.Value, e.Time, e.Session, e.RequestID, e.Position, e.Context})
}

// Writable is what a file can hold rows of.
type Writable interface {
	kindred.Event | kindred.Item | kindred.User
}

// Write writes rows as csv, jsonl or parquet; Open reads them back as they
// were, with two limits: times keep their milliseconds, and CSV carries no
// white space around a value and no carriage return before a line's end.
func Write[T Writable](w io.Writer, formatName string, rows iter.Seq[T]) error {
	var none T
	switch any(none).(type) {
	case kindred.Event:
		return write(w, formatName, rows, eventRowOf, eventRow.cells)
	case kindred.Item:
		return write(w, formatName, rows, itemRowOf, itemRow.cells)
	default:
		return write(w, formatName, rows, userRowOf, userRow.cells)
	}
}

// write sends rows of one sort to the encoder of a format.
func write[T, R any](w io.Writer, formatName string, rows iter.Seq[T], rowOf func(any) (R, error), cells func(R) (names, values []string)) error {
	var put func(R) error
	var end func() error
	switch formatName {
	case "csv":
		c := csv.NewWriter(w)
		var none R
		names, _ := cells(none)
		if err := c.Write(names); err != nil {
			return fmt.Errorf("format: writing CSV: %w", err)
		}
		put = func(r R) error { _, values := cells(r); return c.Write(values) }
		end = func() error { c.Flush(); return c.Error() }
	case "jsonl":
		b := bufio.NewWriterSize(w, 1<<16)
		e := json.NewEncoder(b)
		e.SetEscapeHTML(false) // a context comes back byte for byte
		put, end = func(r R) error { return e.Encode(r) }, b.Flush
	case "parquet":
		p := parquet.NewGenericWriter[R](w, parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(groupRows))
		put = func(r R) error { _, err := p.Write([]R{r}); return err }
		end = p.Close
	default:
		return kindred.Errorf(kindred.Invalid, "cannot write format %q (take csv, jsonl or parquet)", formatName)
	}
	for row := range rows {
		r, err := rowOf(row)
		if err == nil {
			err = put(r)
		}
		if err != nil {
			return fmt.Errorf("format: writing %s: %w", formatName, err)
		}
	}
	if err := end(); err != nil {
		return fmt.Errorf("format: writing %s: %w", formatName, err)
	}
	return nil
}

// eventRow, itemRow and userRow are what a file holds, whatever its format.
type eventRow struct {
	ID        string          `json:"event_id" parquet:"event_id"`
	User      string          `json:"user" parquet:"user,dict"`
	Item      string          `json:"item" parquet:"item,dict"`
	Kind      string          `json:"kind" parquet:"kind,dict"`
	Value     float64         `json:"value" parquet:"value"`
	Time      *time.Time      `json:"time" parquet:"time,optional,timestamp(millisecond)"`
	Session   string          `json:"session" parquet:"session"`
	RequestID string          `json:"request_id" parquet:"request_id"`
	Position  int64           `json:"position" parquet:"position"`
	Context   json.RawMessage `json:"context" parquet:"context,optional"`
}

type itemRow struct {
	Item       string          `json:"item" parquet:"item"`
	Title      string          `json:"title" parquet:"title"`
	Categories []string        `json:"categories" parquet:"categories,list"`
	Price      float64         `json:"price" parquet:"price"`
	From       *time.Time      `json:"available_from" parquet:"available_from,optional,timestamp(millisecond)"`
	Until      *time.Time      `json:"available_until" parquet:"available_until,optional,timestamp(millisecond)"`
	Updated    *time.Time      `json:"updated_at" parquet:"updated_at,optional,timestamp(millisecond)"`
	Attributes json.RawMessage `json:"attributes" parquet:"attributes,optional"`
}

type userRow struct {
	User       string          `json:"user" parquet:"user"`
	Updated    *time.Time      `json:"updated_at" parquet:"updated_at,optional,timestamp(millisecond)"`
	Attributes json.RawMessage `json:"attributes" parquet:"attributes,optional"`
}

var errRow = errors.New("is no row of this file")

func eventRowOf(row any) (eventRow, error) {
	e, ok := row.(kindred.Event)
	if !ok {
		return eventRow{}, errRow
	}
	return eventRow{
		ID: e.ID, User: string(e.User), Item: string(e.Item), Kind: string(e.Kind), Value: e.Value, Time: known(e.Time),
		Session: e.Session, RequestID: e.RequestID, Position: int64(e.Position), Context: e.Context,
	}, nil
}

func itemRowOf(row any) (itemRow, error) {
	i, ok := row.(kindred.Item)
	if !ok {
		return itemRow{}, errRow
	}
	attributes, err := attributesJSON(i.Attributes)
	return itemRow{
		string(i.ID), i.Title, i.Categories, i.Price,
		known(i.AvailableFrom), known(i.AvailableUntil), known(i.UpdatedAt), attributes,
	}, err
}

func userRowOf(row any) (userRow, error) {
	u, ok := row.(kindred.User)
	if !ok {
		return userRow{}, errRow
	}
	attributes, err := attributesJSON(u.Attributes)
	return userRow{string(u.ID), known(u.UpdatedAt), attributes}, err
}

func (r eventRow) cells() (names, values []string) {
	return []string{"event_id", "user", "item", "kind", "value", "time", "session", "request_id", "position", "context"},
		[]string{
			r.ID, r.User, r.Item, r.Kind, float(r.Value), rfc3339(r.Time), r.Session, r.RequestID,
			strconv.FormatInt(r.Position, 10), string(r.Context),
		}
}

func (r itemRow) cells() (names, values []string) {
	var categories []byte
	if len(r.Categories) > 0 {
		categories, _ = json.Marshal(r.Categories) // strings always have a form
	}
	return []string{"item", "title", "categories", "price", "available_from", "available_until", "updated_at", "attributes"},
		[]string{r.Item, r.Title, string(categories), float(r.Price), rfc3339(r.From), rfc3339(r.Until), rfc3339(r.Updated), string(r.Attributes)}
}

func (r userRow) cells() (names, values []string) {
	return []string{"user", "updated_at", "attributes"}, []string{r.User, rfc3339(r.Updated), string(r.Attributes)}
}

func float(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

func rfc3339(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func attributesJSON(a kindred.Attributes) (json.RawMessage, error) {
	if len(a) == 0 {
		return nil, nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(a)
	return bytes.TrimSpace(b.Bytes()), err
}

// WriteFolder writes items.jsonl, users.jsonl and events.jsonl into a folder
// and returns their paths in that order; Open reads them back as they were.
func WriteFolder(folder string, items []kindred.Item, users []kindred.User, events iter.Seq[kindred.Event]) ([]string, error) {
	paths := []string{filepath.Join(folder, "items.jsonl"), filepath.Join(folder, "users.jsonl"), filepath.Join(folder, "events.jsonl")}
	err := writeFile(paths[0], slices.Values(items))
	if err == nil {
		err = writeFile(paths[1], slices.Values(users))
	}
	if err == nil {
		err = writeFile(paths[2], events)
	}
	return paths, err
}

func writeFile[T Writable](path string, rows iter.Seq[T]) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("format: creating a file: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return Write(f, "jsonl", rows)
}
