package export_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kindred"
	"kindred/export"
	"kindred/store"
)

var day = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// filled is a store of n events, an hour apart, n exposures, and two items and
// users.
func filled(t *testing.T, n int) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), store.Config{Path: ":memory:"})
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	events, shown := make([]kindred.Event, n), make([]kindred.Exposure, n)
	for i := range n {
		at := day.Add(time.Duration(i) * time.Hour)
		events[i] = kindred.Event{ID: fmt.Sprintf("e%d", i), User: "u", Item: "i", Kind: kindred.View, Value: 1, Time: at}
		shown[i] = kindred.Exposure{RequestID: fmt.Sprintf("r%d", n-i), Time: at, Items: []kindred.ItemID{"i"}, Sources: []string{"newest"}}
	}
	_, err = db.AppendEvents(t.Context(), events)
	must(t, err)
	must(t, db.AppendExposures(t.Context(), shown))
	must(t, db.PutItems(t.Context(), []kindred.Item{{ID: "i", UpdatedAt: day}, {ID: "j", UpdatedAt: day}}))
	must(t, db.PutUsers(t.Context(), []kindred.User{{ID: "u", UpdatedAt: day}, {ID: "v", UpdatedAt: day, Attributes: kindred.Attributes{"a": kindred.NumberOf(1)}}}))
	return db
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWrite(t *testing.T) {
	db := filled(t, 5)
	for _, c := range []struct {
		ask         export.Request
		rows        int64
		first, last string
	}{
		{export.Request{What: export.Events}, 5, `"event_id":"e0"`, `"event_id":"e4"`},
		{export.Request{What: export.Events, From: day.Add(time.Hour), To: day.Add(3 * time.Hour)}, 2, `"event_id":"e1"`, `"event_id":"e2"`},
		{export.Request{What: export.Events, From: day.Add(9 * time.Hour)}, 0, "", ""},
		{export.Request{What: export.Exposures}, 5, `"request_id":"r5"`, `"request_id":"r1"`}, // by time
		{export.Request{What: export.Exposures, To: day.Add(time.Hour)}, 1, `"request_id":"r5"`, `"request_id":"r5"`},
		{export.Request{What: export.Items}, 2, `"item":"i"`, `"item":"j"`},
		{export.Request{What: export.Users}, 2, `"user":"u"`, `"user":"v"`},
	} {
		c.ask.Format = "jsonl"
		var b bytes.Buffer
		rows, err := export.Write(t.Context(), &b, export.Source{Store: db}, c.ask)
		must(t, err)
		lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		if rows != c.rows || !strings.Contains(lines[0], c.first) || !strings.Contains(lines[len(lines)-1], c.last) ||
			int64(strings.Count(b.String(), "\n")) != c.rows {
			t.Errorf("%+v: %d rows\n%s", c.ask, rows, b.String())
		}
	}
}

func TestValidate(t *testing.T) {
	for want, r := range map[string]export.Request{
		`cannot export "keys"`:     {What: "keys", Format: "csv"},
		`cannot export as "xml"`:   {What: export.Items, Format: "xml"},
		`items have no time`:       {What: export.Items, Format: "csv", From: day},
		`there is nothing from 20`: {What: export.Events, Format: "csv", From: day, To: day},
	} {
		if err := r.Validate(); kindred.KindOf(err) != kindred.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", r, err)
		}
	}
}

// full is a disk with room for so many bytes.
type full struct{ room int }

var errFull = errors.New("no space left on device")

func (f *full) Write(p []byte) (int, error) {
	if f.room -= len(p); f.room < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestWriterThatFails(t *testing.T) {
	db := filled(t, 3000)
	for _, formatName := range []string{"csv", "jsonl", "parquet"} {
		_, err := export.Write(t.Context(), &full{1000}, export.Source{Store: db}, export.Request{What: export.Events, Format: formatName})
		if !errors.Is(err, errFull) {
			t.Errorf("%s: %v", formatName, err)
		}
	}
}

// TestInterrupted leaves the file that was there, and nothing of the new one.
func TestInterrupted(t *testing.T) {
	const rows = 1 << 15
	db := filled(t, rows)
	path := filepath.Join(t.TempDir(), "events.jsonl")
	must(t, os.WriteFile(path, []byte("before"), 0o600))
	ctx, stop := context.WithCancel(t.Context())
	told := int64(0)
	_, err := export.File(ctx, path, export.Source{Store: db}, export.Request{What: export.Events, Progress: func(n int64) { told = n; stop() }})
	if !errors.Is(err, context.Canceled) || told == 0 || told == rows {
		t.Fatalf("after %d rows: %v", told, err)
	}
	if text, _ := os.ReadFile(path); string(text) != "before" {
		t.Errorf("the file holds %d bytes", len(text))
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

// TestSnapshot writes while an export is under way; the export does not see it.
func TestSnapshot(t *testing.T) {
	const rows = 1 << 14
	db := filled(t, rows)
	var b bytes.Buffer
	got, err := export.Write(t.Context(), &b, export.Source{Store: db}, export.Request{What: export.Events, Format: "csv", Progress: func(int64) {
		_, err := db.AppendEvents(context.WithoutCancel(t.Context()), []kindred.Event{{ID: "late", User: "u", Item: "i", Kind: kindred.View, Time: day}})
		must(t, err)
	}})
	must(t, err)
	if got != rows || strings.Contains(b.String(), "late") {
		t.Errorf("%d rows of %d", got, rows)
	}
	if n, err := export.Write(t.Context(), &b, export.Source{Store: db}, export.Request{What: export.Events, Format: "csv"}); n != rows+1 || err != nil {
		t.Errorf("afterwards %d rows, %v", n, err)
	}
}
