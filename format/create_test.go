package format

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kindred"
)

// names lists a folder.
func names(t *testing.T, folder string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestCreate(t *testing.T) {
	want := []kindred.User{{ID: "a"}, {ID: "b"}}
	magic := map[string]string{".gz": "\x1f\x8b", ".zst": "\x28\xb5\x2f\xfd", "": `{"user"`}
	for ending, start := range magic {
		folder := t.TempDir()
		path := filepath.Join(folder, "users.jsonl"+ending)
		overwrite(t, path, "what was there before")
		f, err := Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := Write(f, "jsonl", slices.Values(want)); err != nil {
			t.Fatal(err)
		}
		if before, _ := os.ReadFile(path); string(before) != "what was there before" {
			t.Errorf("before Commit %s holds %q", path, before)
		}
		if err := f.Commit(); err != nil {
			t.Fatal(err)
		}
		f.Discard() // as a defer would
		if raw, _ := os.ReadFile(path); !bytes.HasPrefix(raw, []byte(start)) {
			t.Errorf("%s begins with %q", path, raw[:8])
		}
		rows, rejects := read(t, "auto", path)
		if len(rejects) > 0 || len(rows) != 2 || rows[1].User.ID != "b" {
			t.Errorf("%s: read %+v, rejected %v", ending, rows, rejects)
		}
		if all := names(t, folder); len(all) != 1 {
			t.Errorf("the folder holds %v", all)
		}
	}
}

func TestDiscard(t *testing.T) {
	folder := t.TempDir()
	f, err := Create(filepath.Join(folder, "a.jsonl.zst"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("half")); err != nil {
		t.Fatal(err)
	}
	if during := names(t, folder); len(during) != 1 || !strings.HasSuffix(during[0], ".partial") {
		t.Errorf("meanwhile the folder holds %v", during)
	}
	f.Discard()
	if after := names(t, folder); len(after) != 0 {
		t.Errorf("the folder holds %v", after)
	}
	if _, err := Create(filepath.Join(folder, "none", "a.jsonl")); err == nil {
		t.Error("a file in a folder that is not there can be created")
	}
}

func TestWrites(t *testing.T) {
	for path, want := range map[string]string{
		"a.csv": "csv", "x/B.JSONL.gz": "jsonl", "a.ndjson.zst": "jsonl", "a.parquet": "parquet",
		"a.parquet.zst": "", "a.gz": "", "a": "", "a.xlsx": "",
	} {
		if got, err := Writes(path); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
}

// TestParquetGroupsAreBounded writes rows with large texts: no group may hold
// many of them.
func TestParquetGroupsAreBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.parquet")
	f, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	const rows = 2100
	err = Write(f, "parquet", func(yield func(kindred.Item) bool) {
		for range rows {
			if !yield(kindred.Item{ID: "x", Attributes: kindred.Attributes{"t": kindred.TextOf(strings.Repeat("x", kindred.MaxText))}}) {
				return
			}
		}
	})
	if err == nil {
		err = f.Commit()
	}
	if err != nil {
		t.Fatal(err)
	}
	table, err := openTable(t, path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() > 2*kindred.MaxText {
		t.Errorf("texts stand in headers or the footer: %d bytes", info.Size())
	}
	total := int64(0)
	for _, g := range table.groups {
		if total += g.NumRows(); g.NumRows()*kindred.MaxText > groupBytes+2*kindred.MaxText {
			t.Errorf("a group has %d rows", g.NumRows())
		}
	}
	if total != rows || len(table.groups) != 3 {
		t.Errorf("%d rows in %d groups", total, len(table.groups))
	}
}

// openTable opens a Parquet file as a table.
func openTable(t *testing.T, path string) (*parquetTable, error) {
	t.Helper()
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = f.Close() })
	table := &parquetTable{}
	err = table.open(f)
	return table, err
}
