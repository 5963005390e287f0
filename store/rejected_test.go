package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"kindred"
)

// TestRejectedBounds keeps the newest rows within bounds, and counts the others.
func TestRejectedBounds(t *testing.T) {
	db, err := Open(t.Context(), Config{Path: ":memory:"})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // in memory
	const each = 10_000
	text := strings.Repeat("x", kindred.MaxRejectedRow+1)
	const fit = kindred.MaxRejectedBytes / kindred.MaxRejectedRow
	batch := make([]kindred.Rejected, each)
	for i := range batch {
		batch[i] = kindred.Rejected{Time: time.Unix(1, 0), Source: "api", Reason: "long", Raw: text}
	}
	if err := db.AppendRejected(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	counts, dropped, err := db.RejectedCounts(t.Context())
	if err != nil || counts["long"] != fit || dropped != each-fit {
		t.Errorf("%v are kept, %d dropped, %v; want %d", counts, dropped, err, fit)
	}
	rows, err := db.Rejected(t.Context(), RejectedQuery{Limit: 1})
	if err != nil || rows[0].ID != each-fit+1 || !rows[0].Cut || len(rows[0].Raw) != kindred.MaxRejectedRow {
		t.Errorf("the oldest is %d, cut %t, %v", rows[0].ID, rows[0].Cut, err)
	}
	const more = kindred.MaxRejected/each + 1
	for k := range more {
		for i := range batch {
			batch[i] = kindred.Rejected{Time: time.Unix(2, 0), Source: fmt.Sprintf("a.csv:%d", k*each+i), Reason: "short"}
		}
		if err := db.AppendRejected(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	counts, dropped, err = db.RejectedCounts(t.Context())
	if err != nil || counts["short"] != kindred.MaxRejected || len(counts) != 1 || dropped != each+more*each-kindred.MaxRejected {
		t.Errorf("%v are kept, %d dropped, %v", counts, dropped, err)
	}
}

// TestRejectedErased erases someone whose events were all refused.
func TestRejectedErased(t *testing.T) {
	db, err := Open(t.Context(), Config{Path: ":memory:"})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // in memory
	rows := []kindred.Rejected{
		{Time: time.Unix(1, 0), Source: "api", Reason: "invalid_kind", Raw: "{}", User: "ann"},
		{Time: time.Unix(1, 0), Source: "api", Reason: "invalid_kind", Raw: "{}", User: "bob"},
		{Time: time.Unix(1, 0), Source: "api", Reason: "unreadable", Raw: `{"user":"cleo"`},
		{Time: time.Unix(1, 0), Source: "api", Reason: "invalid_kind", User: "cleo", Event: []byte(`{"User":"cleo"}`)},
	}
	if err := db.AppendRejected(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	if _, err := db.EraseUser(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.EraseUser(t.Context(), "cleo"); err != nil {
		t.Fatal(err)
	}
	if left, err := db.Rejected(t.Context(), RejectedQuery{Limit: 9}); err != nil || len(left) != 1 || left[0].User != "bob" {
		t.Errorf("%+v are left, %v", left, err)
	}
	if _, err := db.EraseUser(t.Context(), "ann"); kindred.KindOf(err) != kindred.NotFound {
		t.Errorf("erasing once more: %v", err)
	}
	err = db.read(t.Context(), "reading the room", func(c *conn) error {
		bytes, _, err := c.queryInt("SELECT bytes FROM rejected_room")
		if bytes != 2 { // bob's
			t.Errorf("%d bytes are counted", bytes)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
