package format

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestVectorsComeBack(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 1))
	v := Vectors{Columns: 5}
	for i := range 37 {
		v.IDs = append(v.IDs, strings.Repeat("ü", i+1))
		for range v.Columns {
			v.Values = append(v.Values, float32(dice.NormFloat64()))
		}
	}
	for _, formatName := range []string{"parquet", "npy"} {
		paths, err := WriteVectors(t.TempDir(), "items", formatName, v)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ReadVectors(paths[0], paths[len(paths)-1])
		if err != nil || !slices.Equal(got.IDs, v.IDs) || !slices.Equal(got.Values, v.Values) || got.Columns != v.Columns {
			t.Errorf("%s: %d vectors of %d, %v", formatName, len(got.IDs), got.Columns, err)
		}
	}
	v.IDs[3] = "two\nlines"
	if _, err := WriteVectors(t.TempDir(), "items", "npy", v); err == nil {
		t.Error("an identifier of two lines is written")
	}
}

// TestNumPy reads what NumPy saved (bench/oracles/vectors.py), and writes
// the same bytes.
func TestNumPy(t *testing.T) {
	want := []float32{0, 0.5, -1, 1.5, 2e-30, 3e30}
	for _, name := range []string{"f4.npy", "f8.npy", "big.npy"} {
		file, err := os.ReadFile(filepath.Join("testdata", "numpy", name))
		if err != nil {
			t.Fatal(err)
		}
		got, columns, err := ReadNPY(bytes.NewReader(file))
		if err != nil || columns != 3 || !slices.Equal(got, want) {
			t.Errorf("%s: %v in %d columns, %v", name, got, columns, err)
		}
		var written bytes.Buffer
		if err := WriteNPY(&written, got, columns); err != nil {
			t.Fatal(err)
		}
		if name == "f4.npy" && !bytes.Equal(written.Bytes(), file) {
			t.Errorf("written:\n%q, by NumPy:\n%q", written.Bytes(), file)
		}
	}
	missing, err := os.ReadFile(filepath.Join("testdata", "numpy", "nan.npy"))
	if err != nil {
		t.Fatal(err)
	}
	if got, columns, err := ReadNPY(bytes.NewReader(missing)); err != nil || columns != 2 || got[0] != 1 || got[1] == got[1] {
		t.Errorf("a missing number: %v in %d columns, %v", got, columns, err)
	}
	for _, name := range []string{"fortran.npy", "flat.npy", "ints.npy"} {
		file, err := os.ReadFile(filepath.Join("testdata", "numpy", name))
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := ReadNPY(bytes.NewReader(file)); err == nil {
			t.Errorf("%s passes for %v", name, got)
		}
	}
	got, err := ReadVectors(filepath.Join("testdata", "numpy", "vectors.parquet"), "")
	if err != nil || !slices.Equal(got.IDs, []string{"a", "b"}) || !slices.Equal(got.Values, want) || got.Columns != 3 {
		t.Errorf("from pyarrow: %+v, %v", got, err)
	}
}

func TestVectorsRefused(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, text := range map[string]string{
		"ragged.jsonl": `{"item":"a","v":[1.5,2]}` + "\n" + `{"item":"b","v":[1.5]}`,
		"none.jsonl":   `{"item":"a","x":1}`,
		"twice.jsonl":  `{"item":"a","v":[1.5,2]}` + "\n" + `{"item":"a","v":[1.5,3]}`,
		"empty.jsonl":  "",
	} {
		if v, err := ReadVectors(write(name, text), ""); err == nil {
			t.Errorf("%s passes for %+v", name, v)
		}
	}
	matrix := filepath.Join("testdata", "numpy", "f4.npy")
	for _, ids := range []string{"", write("three.txt", "a\nb\nc\n"), write("same.txt", "a\na\n")} {
		if v, err := ReadVectors(matrix, ids); err == nil {
			t.Errorf("with identifiers in %q it passes for %+v", ids, v)
		}
	}
	if v, err := ReadVectors(filepath.Join("testdata", "numpy", "nan.npy"), write("one.txt", "a\n")); err == nil {
		t.Errorf("a number that is missing passes for %+v", v)
	}
}

func FuzzNPY(f *testing.F) {
	for _, name := range []string{"f4.npy", "f8.npy", "fortran.npy", "flat.npy"} {
		file, err := os.ReadFile(filepath.Join("testdata", "numpy", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		values, columns, err := ReadNPY(bytes.NewReader(file))
		if err != nil || len(values) == 0 {
			return
		}
		var b bytes.Buffer
		if err := WriteNPY(&b, values, columns); err != nil {
			t.Fatal(err)
		}
		again, same, err := ReadNPY(&b)
		if err != nil || same != columns || !slices.EqualFunc(again, values, func(a, b float32) bool { return a == b || a != a && b != b }) {
			t.Errorf("%d numbers in %d columns came back as %d in %d: %v", len(values), columns, len(again), same, err)
		}
	})
}
