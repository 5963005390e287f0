package format

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"kindred"
)

func read(t *testing.T, name string, paths ...string) (rows []Row, rejects map[string]int) {
	t.Helper()
	src, err := Open(name, paths, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close() //nolint:errcheck // only read
	rejects = map[string]int{}
	for {
		row, err := src.Next()
		if bad, ok := errors.AsType[*Reject](err); ok {
			rejects[bad.Reason]++
			continue
		}
		if errors.Is(err, io.EOF) {
			return rows, rejects
		}
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
}

func TestCSV(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.csv")
	text := "\xef\xbb\xbfuserId,movieId,rating,timestamp\r\n1,2,3.5,1000000000\r\n1,2,3.5,1000000000\r\n1,2,x,1\r\n,2,3,1\r\n1,2,3,99999999999999999\r\n1,2\r\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	rows, rejects := read(t, "csv", path)
	if want := map[string]int{"bad_number": 1, "missing_user": 1, "bad_time": 1, "wrong_columns": 1}; !reflect.DeepEqual(rejects, want) {
		t.Errorf("rejects %v, want %v", rejects, want)
	}
	if len(rows) != 2 || rows[0].Event.ID == rows[1].Event.ID || rows[0].Event.Kind != kindred.Rating || rows[0].Event.Value != 3.5 {
		t.Errorf("rows %+v", rows)
	}
	again, _ := read(t, "auto", path)
	if again[0].Event.ID != rows[0].Event.ID || again[1].Event.ID != rows[1].Event.ID {
		t.Error("reading again names events otherwise")
	}
}

func TestFolderRoundTrip(t *testing.T) {
	when := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
	item := kindred.Item{ID: "i|1", Title: "A, \"b\"", Categories: []string{"x|y", "z"}, Price: 2.5, UpdatedAt: when, Attributes: kindred.Attributes{
		"n": kindred.NumberOf(1), "s": kindred.StringOf("12"), "set": kindred.SetOf("b", "a"), "t": kindred.TimeOf(when), "v": kindred.VectorOf([]float32{1, 2}),
	}}
	user := kindred.User{ID: "u", Attributes: kindred.Attributes{"b": kindred.BoolOf(true)}}
	events := []kindred.Event{
		{ID: "a", User: "u", Kind: "search", Value: 1, Time: when},
		{ID: "b", User: "u", Item: "i|1", Kind: "purchase", Value: 2, Time: when, Session: "s", RequestID: "r", Position: 3, Context: []byte(`{"a":1}`)},
	}
	paths, err := WriteFolder(t.TempDir(), []kindred.Item{item}, []kindred.User{user}, slices.Values(events))
	if err != nil {
		t.Fatal(err)
	}
	rows, rejects := read(t, "jsonl", paths...)
	if len(rejects) > 0 || len(rows) != 4 {
		t.Fatalf("%d rows, rejects %v", len(rows), rejects)
	}
	if !reflect.DeepEqual(*rows[0].Item, item) || !reflect.DeepEqual(*rows[1].User, user) ||
		!reflect.DeepEqual(*rows[2].Event, events[0]) || !reflect.DeepEqual(*rows[3].Event, events[1]) {
		t.Errorf("came back as %+v %+v %+v %+v", *rows[0].Item, *rows[1].User, *rows[2].Event, *rows[3].Event)
	}
}

// TestRealData accounts for every row of the data sets at hand.
func TestRealData(t *testing.T) {
	for _, c := range []struct {
		format, path string
		rows, bad    int
	}{
		{"movielens", "ml-100k", 100_000 + 1682 + 943, 0},
		{"movielens", "ml-latest-small-2016", 100_004 + 9125, 0},
	} {
		t.Run(c.path, func(t *testing.T) {
			path := filepath.Join("..", "..", "shared", "data", filepath.FromSlash(c.path))
			if _, err := os.Stat(path); err != nil {
				t.Skip("the public data is not in ../shared/data: not tried on it")
			}
			start := time.Now()
			rows, rejects := read(t, c.format, path)
			bad, events := 0, 0
			for _, n := range rejects {
				bad += n
			}
			for _, r := range rows {
				if r.Event != nil {
					events++
				}
			}
			t.Logf("%d rows, %d events, rejects %v, %.0f rows/s", len(rows), events, rejects, float64(len(rows)+bad)/time.Since(start).Seconds())
			if len(rows) != c.rows || bad != c.bad {
				t.Errorf("%d rows, %d rejects", len(rows), bad)
			}
		})
	}
}
