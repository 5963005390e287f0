package format

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// TestBlocks writes values of every type, and none of each, in two blocks, and
// expects them back.
func TestBlocks(t *testing.T) {
	block := []BlockColumn{
		{Name: "user", Type: TextColumn, Texts: []string{"a", ""}, Missing: []bool{false, true}},
		{Name: "n", Type: NumberColumn, Numbers: []float64{0.1, math.NaN()}},
		{Name: "is", Type: BoolColumn, Numbers: []float64{1, math.NaN()}},
		{Name: "at", Type: TimeColumn, Times: []int64{1_700_000_000_001, 0}},
		{Name: "list", Type: TextsColumn, Lists: [][]string{{"x", "y"}, nil}},
		{Name: "vector", Type: VectorColumn, Vectors: [][]float32{{1, .5}, nil}},
	}
	written := func(name string) []byte {
		var out bytes.Buffer
		w, err := NewBlockWriter(&out, name, block)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := w.Write(block, 2); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Write(block[1:], 2); err == nil {
			t.Error("a block that lacks a column was written")
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	lines := `{"user":"a","n":0.1,"is":true,"at":"2023-11-14T22:13:20.001Z","list":["x","y"],"vector":[1,0.5]}
{"user":null,"n":null,"is":null,"at":"1970-01-01T00:00:00Z","list":null,"vector":null}
`
	if got := string(written("jsonl")); got != lines+lines {
		t.Errorf("jsonl:\n%s", got)
	}
	cells := "a,0.1,true,2023-11-14T22:13:20.001Z,\"[\"\"x\"\",\"\"y\"\"]\",\"[1,0.5]\"\n,,,1970-01-01T00:00:00Z,,\n"
	if got := string(written("csv")); got != "user,n,is,at,list,vector\n"+cells+cells {
		t.Errorf("csv:\n%s", got)
	}
	type row struct {
		User   *string   `parquet:"user,optional"`
		N      *float64  `parquet:"n,optional"`
		Is     *bool     `parquet:"is,optional"`
		At     int64     `parquet:"at,timestamp(millisecond)"`
		List   []string  `parquet:"list,list"`
		Vector []float32 `parquet:"vector,list"`
	}
	data := written("parquet")
	rows, err := parquet.Read[row](bytes.NewReader(data), int64(len(data)))
	if err != nil || len(rows) != 4 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for i := 0; i < 4; i += 2 {
		r := rows[i]
		if got := strings.TrimSpace(fmt.Sprintln(*r.User, *r.N, *r.Is, r.At, r.List, r.Vector)); got != "a 0.1 true 1700000000001 [x y] [1 0.5]" {
			t.Errorf("row %d is %s", i, got)
		}
		if r := rows[i+1]; r.User != nil || r.N != nil || r.Is != nil || r.At != 0 || len(r.List)+len(r.Vector) > 0 {
			t.Errorf("row %d is %+v", i+1, r)
		}
	}
	if _, err := NewBlockWriter(io.Discard, "xls", block); err == nil || !strings.Contains(err.Error(), "parquet") {
		t.Errorf("an unknown format: %v", err)
	}
}
