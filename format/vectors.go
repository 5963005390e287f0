package format

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"

	"kindred"
)

// Vectors are rows of numbers with the identifiers they belong to.
type Vectors struct {
	IDs     []string
	Values  []float32 // IDs×Columns, row-major
	Columns int
}

// vectorRow is a row of a Parquet file of vectors.
type vectorRow struct {
	ID     string    `parquet:"id"`
	Vector []float32 `parquet:"vector,list"`
}

// WriteVectors writes name.parquet with the columns id and vector (a list of
// float32), or name.npy with name.txt, an identifier a line. It returns the
// files' paths.
func WriteVectors(dir, name, formatName string, v Vectors) ([]string, error) {
	path := filepath.Join(dir, name+"."+formatName)
	switch formatName {
	case "parquet":
		return []string{path}, create(path, func(w io.Writer) error { return writeVectorRows(w, v) })
	case "npy":
		ids := filepath.Join(dir, name+".txt")
		err := create(path, func(w io.Writer) error { return WriteNPY(w, v.Values, v.Columns) })
		return []string{path, ids}, errors.Join(err, create(ids, func(w io.Writer) error { return writeLines(w, v.IDs) }))
	default:
		return nil, kindred.Errorf(kindred.Invalid, "cannot write vectors as %q (take parquet or npy)", formatName)
	}
}

// create writes a new file.
func create(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("format: %w", err)
	}
	return errors.Join(write(f), f.Close())
}

func writeVectorRows(w io.Writer, v Vectors) error {
	p := parquet.NewGenericWriter[vectorRow](w, parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(groupRows))
	for i, id := range v.IDs {
		if _, err := p.Write([]vectorRow{{id, v.Values[i*v.Columns : (i+1)*v.Columns]}}); err != nil {
			return fmt.Errorf("format: writing vectors: %w", err)
		}
	}
	if err := p.Close(); err != nil {
		return fmt.Errorf("format: writing vectors: %w", err)
	}
	return nil
}

func writeLines(w io.Writer, lines []string) error {
	b := bufio.NewWriter(w)
	for _, line := range lines {
		if strings.ContainsAny(line, "\r\n") {
			return kindred.Errorf(kindred.Invalid, "the identifier %q does not fit on a line (take parquet)", line)
		}
		_, _ = b.WriteString(line + "\n") // an error stays with the buffer until Flush
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("format: writing identifiers: %w", err)
	}
	return nil
}

// ReadVectors reads the vectors of items: an npy file with a file of
// identifiers, one a line, or any file of items (see Open) of which one
// attribute is a vector.
func ReadVectors(path, ids string) (v Vectors, err error) {
	if filepath.Ext(baseName(path)) == ".npy" {
		v, err = readNPYVectors(path, ids)
	} else {
		v, err = readVectorRows(path)
	}
	if err != nil {
		return v, err
	}
	if len(v.IDs) == 0 {
		return v, kindred.Errorf(kindred.Invalid, "%s holds no vectors", path)
	}
	seen := make(map[string]bool, len(v.IDs))
	for _, id := range v.IDs {
		if id == "" || len(id) > kindred.MaxID || seen[id] {
			return v, kindred.Errorf(kindred.Invalid, "%s: the identifier %q is empty, too long or there twice", path, id)
		}
		seen[id] = true
	}
	return v, nil
}

func readNPYVectors(path, ids string) (v Vectors, err error) {
	if ids == "" {
		return v, kindred.Errorf(kindred.Invalid, "%s names no items (give a file of identifiers, one a line, too)", path)
	}
	f, err := open(path)
	if err != nil {
		return v, err
	}
	defer f.Close() //nolint:errcheck // only read
	if v.Values, v.Columns, err = ReadNPY(f); err != nil {
		return v, fmt.Errorf("format: %s: %w", path, err)
	}
	if at := slices.IndexFunc(v.Values, func(x float32) bool { return x != x }); at >= 0 { // NaN
		return v, kindred.Errorf(kindred.Invalid, "%s: row %d is no vector: it holds NaN", path, at/v.Columns)
	}
	lines, err := open(ids)
	if err != nil {
		return v, err
	}
	defer lines.Close() //nolint:errcheck // only read
	for {
		line, tooLong, err := lines.line(nil)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && tooLong {
			err = kindred.Errorf(kindred.Invalid, "is longer than 1 MB")
		}
		if err != nil {
			return v, fmt.Errorf("format: %s:%d: %w", ids, len(v.IDs)+1, err)
		}
		v.IDs = append(v.IDs, string(line))
	}
	if len(v.IDs)*v.Columns != len(v.Values) {
		return v, kindred.Errorf(kindred.Invalid, "%s has %d rows and %s %d lines", path, len(v.Values)/v.Columns, ids, len(v.IDs))
	}
	return v, nil
}

func readVectorRows(path string) (v Vectors, err error) {
	column := ""
	var bad error
	err = readRows(path, items, func(row *Row) {
		item := row.Item
		if column == "" {
			column = vectorOf(item)
		}
		vector := item.Attributes[column].Vector
		if v.Columns == 0 {
			v.Columns = len(vector)
		}
		v.IDs, v.Values = append(v.IDs, string(item.ID)), append(v.Values, vector...)
		if bad == nil && (len(vector) == 0 || len(v.Values) != len(v.IDs)*v.Columns) {
			bad = kindred.Errorf(kindred.Invalid, "%s:%d: item %q has a vector of %d numbers, not %d", path, row.Line, item.ID, len(vector), v.Columns)
		}
	})
	return v, errors.Join(err, bad)
}

// vectorOf returns the first name of a vector among an item's attributes.
func vectorOf(item *kindred.Item) (first string) {
	for name, a := range item.Attributes {
		if a.Type == kindred.Vector && (first == "" || name < first) {
			first = name
		}
	}
	return first
}
