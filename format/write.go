package format

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"time"

	"kindred"
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

func itemJSON(i *kindred.Item) ([]byte, error) {
	return json.Marshal(struct {
		Item       kindred.ItemID     `json:"item"`
		Title      string             `json:"title"`
		Categories []string           `json:"categories"`
		Price      float64            `json:"price"`
		From       *time.Time         `json:"available_from"`
		Until      *time.Time         `json:"available_until"`
		Updated    *time.Time         `json:"updated_at"`
		Attributes kindred.Attributes `json:"attributes"`
	}{i.ID, i.Title, i.Categories, i.Price, known(i.AvailableFrom), known(i.AvailableUntil), known(i.UpdatedAt), i.Attributes})
}

func userJSON(u *kindred.User) ([]byte, error) {
	return json.Marshal(struct {
		User       kindred.UserID     `json:"user"`
		Updated    *time.Time         `json:"updated_at"`
		Attributes kindred.Attributes `json:"attributes"`
	}{u.ID, known(u.UpdatedAt), u.Attributes})
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// WriteFolder writes items.jsonl, users.jsonl and events.jsonl into a folder
// and returns their paths in that order; Open reads them back as they were.
func WriteFolder(folder string, items []kindred.Item, users []kindred.User, events iter.Seq[kindred.Event]) ([]string, error) {
	paths := []string{filepath.Join(folder, "items.jsonl"), filepath.Join(folder, "users.jsonl"), filepath.Join(folder, "events.jsonl")}
	err := writeLines(paths[0], slices.Values(items), itemJSON)
	if err == nil {
		err = writeLines(paths[1], slices.Values(users), userJSON)
	}
	if err == nil {
		err = writeLines(paths[2], events, fullEventJSON)
	}
	return paths, err
}

// fullEventJSON writes every field, so that the first line names all columns.
func fullEventJSON(e *kindred.Event) ([]byte, error) {
	return json.Marshal(map[string]any{
		"event_id": e.ID, "user": e.User, "item": e.Item, "kind": e.Kind, "value": e.Value, "time": e.Time,
		"session": e.Session, "request_id": e.RequestID, "position": e.Position, "context": e.Context,
	})
}

func writeLines[T any](path string, rows iter.Seq[T], line func(*T) ([]byte, error)) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("format: creating a file: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<16)
	for row := range rows {
		text, err := line(&row)
		if err != nil {
			return fmt.Errorf("format: writing %s: %w", path, err)
		}
		if _, err := w.Write(append(text, '\n')); err != nil {
			return fmt.Errorf("format: writing %s: %w", path, err)
		}
	}
	return w.Flush()
}
