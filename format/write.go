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
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"

	"kindred"
)

// A writer of Parquet holds back so many rows, or texts of so many bytes.
const (
	groupRows  = 100_000
	groupBytes = 32 << 20
)

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
	kindred.Event | kindred.Item | kindred.User | kindred.Alias | kindred.Exposure
}

// Write writes rows as csv, jsonl or parquet; Open reads them back as they
// were, with two limits: times keep their milliseconds, and CSV carries no
// white space around a value and no carriage return before a line's end. It
// holds at most one row group of Parquet.
func Write[T Writable](w io.Writer, formatName string, rows iter.Seq[T]) error {
	var none T
	switch any(none).(type) {
	case kindred.Event:
		return write(w, formatName, rows, eventRowOf)
	case kindred.Item:
		return write(w, formatName, rows, itemRowOf)
	case kindred.Exposure:
		return write(w, formatName, rows, exposureRowOf)
	case kindred.Alias:
		return write(w, formatName, rows, aliasRowOf)
	default:
		return write(w, formatName, rows, userRowOf)
	}
}

// row is what a file holds of one event, item, user or exposure.
type row interface {
	cells() (names, values []string)
	size() int // about how many bytes its texts take
}

// write sends rows of one sort to the encoder of a format.
func write[T any, R row](w io.Writer, formatName string, rows iter.Seq[T], rowOf func(any) (R, error)) error {
	var put func(R) error
	var end func() error
	switch formatName {
	case "csv":
		c := csv.NewWriter(w)
		var none R
		names, _ := none.cells()
		if err := c.Write(names); err != nil {
			return fmt.Errorf("format: writing CSV: %w", err)
		}
		put = func(r R) error { _, values := r.cells(); return c.Write(values) }
		end = func() error { c.Flush(); return c.Error() }
	case "jsonl":
		b := bufio.NewWriterSize(w, 1<<16)
		e := json.NewEncoder(b)
		e.SetEscapeHTML(false) // a context comes back byte for byte
		put, end = func(r R) error { return e.Encode(r) }, b.Flush
	case "parquet":
		put, end = parquetEncoder[R](w)
	default:
		return kindred.Errorf(kindred.Invalid, "cannot write format %q (take csv, jsonl or parquet)", formatName)
	}
	for x := range rows {
		r, err := rowOf(x)
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

// parquetEncoder ends a row group before it holds much. Bounds of long texts
// would be whole texts in headers and footer: they are left out.
func parquetEncoder[R row](w io.Writer) (put func(R) error, end func() error) {
	p := parquet.NewGenericWriter[R](w,
		parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(groupRows), parquet.DataPageStatistics(false),
		parquet.SkipPageBounds("attributes"), parquet.SkipPageBounds("context"), parquet.SkipPageBounds("title"),
	)
	held := 0
	return func(r R) error {
		if held += r.size(); held > groupBytes {
			if err := p.Flush(); err != nil {
				return err
			}
			held = 0
		}
		_, err := p.Write([]R{r})
		return err
	}, p.Close
}

// eventRow and its like are what a file holds, whatever its format.
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
	Verdict   []string        `json:"verdict" parquet:"verdict,list"` // of the store it was read from; not read back
}

type itemRow struct {
	Item       string          `json:"item" parquet:"item"`
	Title      string          `json:"title" parquet:"title"`
	Categories []string        `json:"categories" parquet:"categories,list"`
	Group      string          `json:"group" parquet:"group"`
	Price      float64         `json:"price" parquet:"price"`
	SalePrice  float64         `json:"sale_price" parquet:"sale_price"`
	Stock      *int64          `json:"stock" parquet:"stock,optional"`
	Backorder  bool            `json:"backorder" parquet:"backorder"`
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

type exposureRow struct {
	RequestID string    `json:"request_id" parquet:"request_id"`
	User      string    `json:"user" parquet:"user,dict"`
	Time      time.Time `json:"time" parquet:"time,timestamp(millisecond)"`
	Model     string    `json:"model" parquet:"model,dict"`
	Items     []string  `json:"items" parquet:"items,list"`
	Sources   []string  `json:"sources" parquet:"sources,list"`

	Session string          `json:"session" parquet:"session"`
	Context json.RawMessage `json:"context" parquet:"context,optional"`
}

var errRow = errors.New("is no row of this file")

func eventRowOf(from any) (eventRow, error) {
	e, ok := from.(kindred.Event)
	if !ok {
		return eventRow{}, errRow
	}
	return eventRow{
		ID: e.ID, User: string(e.User), Item: string(e.Item), Kind: string(e.Kind), Value: e.Value, Time: known(e.Time),
		Session: e.Session, RequestID: e.RequestID, Position: int64(e.Position), Context: e.Context, Verdict: append([]string{}, e.Verdict.Reasons()...),
	}, nil
}

func itemRowOf(from any) (itemRow, error) {
	i, ok := from.(kindred.Item)
	if !ok {
		return itemRow{}, errRow
	}
	attributes, err := attributesJSON(i.Attributes)
	return itemRow{
		string(i.ID), i.Title, i.Categories, string(i.Group), i.Price, i.SalePrice, i.Stock, i.Backorder,
		known(i.AvailableFrom), known(i.AvailableUntil), known(i.UpdatedAt), attributes,
	}, err
}

func userRowOf(from any) (userRow, error) {
	u, ok := from.(kindred.User)
	if !ok {
		return userRow{}, errRow
	}
	attributes, err := attributesJSON(u.Attributes)
	return userRow{string(u.ID), known(u.UpdatedAt), attributes}, err
}

func exposureRowOf(from any) (exposureRow, error) {
	x, ok := from.(kindred.Exposure)
	if !ok {
		return exposureRow{}, errRow
	}
	items := make([]string, len(x.Items))
	for i, item := range x.Items {
		items[i] = string(item)
	}
	about, err := attributesJSON(x.Context)
	return exposureRow{x.RequestID, string(x.User), x.Time, x.Model, items, append([]string{}, x.Sources...), x.Session, about}, err
}

func (r eventRow) size() int { return len(r.ID) + len(r.Session) + len(r.RequestID) + len(r.Context) }

func (r itemRow) size() int { return len(r.Item) + len(r.Title) + len(r.Attributes) }

func (r userRow) size() int { return len(r.User) + len(r.Attributes) }

func (r exposureRow) size() int {
	size := len(r.RequestID) + len(r.Session) + len(r.Context)
	for _, item := range r.Items {
		size += len(item)
	}
	return size
}

func (r eventRow) cells() (names, values []string) {
	return []string{"event_id", "user", "item", "kind", "value", "time", "session", "request_id", "position", "context", "verdict"},
		[]string{
			r.ID, r.User, r.Item, r.Kind, float(r.Value), rfc3339(r.Time), r.Session, r.RequestID,
			strconv.FormatInt(r.Position, 10), string(r.Context), strings.Join(r.Verdict, "|"),
		}
}

func (r itemRow) cells() (names, values []string) {
	var categories []byte
	if len(r.Categories) > 0 {
		categories, _ = json.Marshal(r.Categories) // strings always have a form
	}
	stock := ""
	if r.Stock != nil {
		stock = strconv.FormatInt(*r.Stock, 10)
	}
	names = []string{
		"item", "title", "categories", "group", "price", "sale_price", "stock", "backorder",
		"available_from", "available_until", "updated_at", "attributes",
	}
	return names, []string{
		r.Item, r.Title, string(categories), r.Group, float(r.Price), float(r.SalePrice), stock, strconv.FormatBool(r.Backorder),
		rfc3339(r.From), rfc3339(r.Until), rfc3339(r.Updated), string(r.Attributes),
	}
}

func (r userRow) cells() (names, values []string) {
	return []string{"user", "updated_at", "attributes"}, []string{r.User, rfc3339(r.Updated), string(r.Attributes)}
}

func (r exposureRow) cells() (names, values []string) {
	items, _ := json.Marshal(r.Items) // strings always have a form
	sources, _ := json.Marshal(r.Sources)
	return []string{"request_id", "user", "time", "model", "items", "sources", "session", "context"},
		[]string{r.RequestID, r.User, rfc3339(&r.Time), r.Model, string(items), string(sources), r.Session, string(r.Context)}
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
