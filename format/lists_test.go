package format

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kindred"
)

// TestLists expects every item of every line as an event, in the order of time
// for a sequence and at one time for adjacency, named alike at each reading.
func TestLists(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lists.txt")
	if err := os.WriteFile(path, []byte("u1 a b c\n\nu2\nu3 b a\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	written := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	if err := os.Chtimes(path, written, written); err != nil {
		t.Fatal(err)
	}
	for layout, want := range map[string]string{
		adjacency: "u1-a@0 u1-b@0 u1-c@0 no_items:3 u3-b@0 u3-a@0",
		sequence:  "u1-a@-2 u1-b@-1 u1-c@0 no_items:3 u3-b@-1 u3-a@0",
	} {
		t.Run(layout, func(t *testing.T) {
			first, firstIDs := readLists(t, layout, path, written)
			if first != want {
				t.Errorf("got %s, want %s", first, want)
			}
			if _, again := readLists(t, layout, path, written); again != firstIDs {
				t.Errorf("events are named %s, then %s", firstIDs, again)
			}
		})
	}
	if _, err := Open(sequence, []string{path}, Options{Columns: map[string]string{"user": "x"}}); kindred.KindOf(err) != kindred.Invalid {
		t.Errorf("columns: %v", err)
	}
	if _, err := Open(adjacency, []string{path + "x"}, Options{}); kindred.KindOf(err) != kindred.Invalid {
		t.Errorf("no file: %v", err)
	}
}

func readLists(t *testing.T, layout, path string, written time.Time) (said, ids string) {
	t.Helper()
	src, err := Open(layout, []string{path}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var rows, names []string
	for {
		row, err := src.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if bad, isReject := errors.AsType[*Reject](err); isReject {
			rows = append(rows, bad.Reason+":"+string(rune('0'+bad.Line)))
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		e := row.Event
		minutes := int(e.Time.Sub(written).Minutes())
		text := string(e.User) + "-" + string(e.Item) + "@"
		if minutes < 0 {
			text += "-"
			minutes = -minutes
		}
		rows, names = append(rows, text+string(rune('0'+minutes))), append(names, e.ID)
	}
	if done, total := src.Progress(); done != total {
		t.Errorf("read %d of %d bytes", done, total)
	}
	return strings.Join(rows, " "), strings.Join(names, " ")
}
