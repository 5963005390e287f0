package format

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"

	"kindred"
)

// ColumnType says what a block's column holds.
type ColumnType uint8

// The types of column.
const (
	NumberColumn ColumnType = iota // Numbers; NaN is none
	BoolColumn                     // Numbers, 1 is true; NaN is none
	TextColumn                     // Texts, none where Missing
	TimeColumn                     // Times, unix milliseconds
	TextsColumn                    // Lists; none is empty
	VectorColumn                   // Vectors; none is empty
)

// BlockColumn is a column of a table and its values in a block of rows. The
// one that Type asks for is set.
type BlockColumn struct {
	Name    string
	Type    ColumnType
	Numbers []float64
	Texts   []string
	Missing []bool // of Texts; nil: all are there
	Times   []int64
	Lists   [][]string
	Vectors [][]float32
}

// BlockWriter writes a table with columns of any number and type, a block of
// rows at a time.
type BlockWriter struct {
	columns []BlockColumn
	write   func(block []BlockColumn, rows int) error
	close   func() error
}

// NewBlockWriter begins a table of csv, jsonl or parquet with the columns' names
// and types. In Parquet columns stand in the order of their names.
func NewBlockWriter(w io.Writer, formatName string, columns []BlockColumn) (*BlockWriter, error) {
	b := &BlockWriter{columns: columns}
	switch formatName {
	case "parquet":
		b.openParquet(w)
	case "jsonl":
		b.openLines(w)
	case "csv":
		names := make([]string, len(columns))
		for i := range columns {
			names[i] = columns[i].Name
		}
		c := csv.NewWriter(w)
		if err := c.Write(names); err != nil {
			return nil, fmt.Errorf("format: writing CSV: %w", err)
		}
		b.write = func(block []BlockColumn, rows int) error { return writeCells(c, block, rows) }
		b.close = func() error { c.Flush(); return c.Error() }
	default:
		return nil, kindred.Errorf(kindred.Invalid, "cannot write format %q (take csv, jsonl or parquet)", formatName)
	}
	return b, nil
}

// Write writes the rows of a block, whose columns are those that the table was
// begun with.
func (b *BlockWriter) Write(block []BlockColumn, rows int) error {
	if len(block) != len(b.columns) {
		return kindred.Errorf(kindred.Internal, "a block of %d columns for a table of %d", len(block), len(b.columns))
	}
	if err := b.write(block, rows); err != nil {
		return fmt.Errorf("format: writing a table: %w", err)
	}
	return nil
}

// Close ends the table.
func (b *BlockWriter) Close() error {
	if err := b.close(); err != nil {
		return fmt.Errorf("format: writing a table: %w", err)
	}
	return nil
}

// WriteBlocks writes a table of the blocks that fill gives to write, of which
// the first tells the columns, and returns how many rows there were. Without a
// block nothing is written.
func WriteBlocks(w io.Writer, formatName string, fill func(write func(block []BlockColumn, rows int) error) error) (rows int64, err error) {
	var table *BlockWriter
	err = fill(func(block []BlockColumn, n int) (err error) {
		if table == nil {
			if table, err = NewBlockWriter(w, formatName, block); err != nil {
				return err
			}
		}
		rows += int64(n)
		return table.Write(block, n)
	})
	if err == nil && table != nil {
		err = table.Close()
	}
	return rows, err
}

// nodes are the columns' types in Parquet.
func (t ColumnType) node() parquet.Node {
	switch t {
	case BoolColumn:
		return parquet.Optional(parquet.Leaf(parquet.BooleanType))
	case TextColumn:
		return parquet.Optional(parquet.Encoded(parquet.String(), &parquet.RLEDictionary))
	case TimeColumn:
		return parquet.Timestamp(parquet.Millisecond)
	case TextsColumn:
		return parquet.List(parquet.String())
	case VectorColumn:
		return parquet.List(parquet.Leaf(parquet.FloatType))
	default:
		return parquet.Optional(parquet.Leaf(parquet.DoubleType))
	}
}

func (b *BlockWriter) openParquet(w io.Writer) {
	group := parquet.Group{}
	for i := range b.columns {
		group[b.columns[i].Name] = b.columns[i].Type.node()
	}
	schema := parquet.NewSchema("rows", group)
	p := parquet.NewWriter(w, schema, parquet.Compression(&parquet.Zstd))
	place := map[string]int{}
	for i, path := range schema.Columns() {
		place[path[0]] = i
	}
	var values []parquet.Value
	held := 0
	b.write = func(block []BlockColumn, rows int) error {
		writers := p.ColumnWriters()
		for i := range block {
			values = block[i].values(values[:0], rows)
			if _, err := writers[place[block[i].Name]].WriteRowValues(values); err != nil {
				return err
			}
		}
		if held += rows; held < groupRows {
			return nil
		}
		held = 0
		return p.Flush() // a row group
	}
	b.close = p.Close
}

// values appends a column's values as Parquet has them.
func (c *BlockColumn) values(to []parquet.Value, rows int) []parquet.Value {
	optional := func(isThere bool, v parquet.Value) parquet.Value {
		if isThere {
			return v.Level(0, 1, 0)
		}
		return parquet.NullValue().Level(0, 0, 0)
	}
	for row := range rows {
		switch c.Type {
		case NumberColumn:
			to = append(to, optional(!math.IsNaN(c.Numbers[row]), parquet.DoubleValue(c.Numbers[row])))
		case BoolColumn:
			to = append(to, optional(!math.IsNaN(c.Numbers[row]), parquet.BooleanValue(c.Numbers[row] != 0)))
		case TextColumn:
			to = append(to, optional(!c.isMissing(row), parquet.ByteArrayValue([]byte(c.Texts[row]))))
		case TimeColumn:
			to = append(to, parquet.Int64Value(c.Times[row]))
		case TextsColumn:
			to = appendList(to, c.Lists[row], func(s string) parquet.Value { return parquet.ByteArrayValue([]byte(s)) })
		case VectorColumn:
			to = appendList(to, c.Vectors[row], parquet.FloatValue)
		}
	}
	return to
}

func (c *BlockColumn) isMissing(row int) bool { return row < len(c.Missing) && c.Missing[row] }

// appendList appends a list by Dremel's levels: repetition 0 begins a list,
// definition 0 is an empty one.
func appendList[T any](to []parquet.Value, list []T, value func(T) parquet.Value) []parquet.Value {
	if len(list) == 0 {
		return append(to, parquet.NullValue().Level(0, 0, 0))
	}
	for i, x := range list {
		to = append(to, value(x).Level(min(i, 1), 1, 0))
	}
	return to
}

// cell returns a value as JSON has it; nil for none.
func (c *BlockColumn) cell(row int) any {
	switch c.Type {
	case BoolColumn, NumberColumn:
		switch x := c.Numbers[row]; {
		case math.IsNaN(x):
			return nil
		case c.Type == BoolColumn:
			return x != 0
		default:
			return x
		}
	case TimeColumn:
		return time.UnixMilli(c.Times[row]).UTC()
	case TextsColumn:
		return c.Lists[row]
	case VectorColumn:
		return c.Vectors[row]
	default:
		if c.isMissing(row) {
			return nil
		}
		return c.Texts[row]
	}
}

func (b *BlockWriter) openLines(w io.Writer) {
	buffer := bufio.NewWriterSize(w, 1<<16)
	b.write = func(block []BlockColumn, rows int) error {
		for row := range rows {
			line := []byte{'{'}
			for i := range block {
				value, err := json.Marshal(block[i].cell(row))
				if err != nil {
					return err
				}
				if i > 0 {
					line = append(line, ',')
				}
				line = append(append(append(line, quote(block[i].Name)...), ':'), value...)
			}
			if _, err := buffer.Write(append(line, '}', '\n')); err != nil {
				return err
			}
		}
		return nil
	}
	b.close = buffer.Flush
}

// writeCells writes rows as CSV: lists as JSON, none as nothing.
func writeCells(c *csv.Writer, block []BlockColumn, rows int) error {
	cells := make([]string, len(block))
	for row := range rows {
		for i := range block {
			switch x := block[i].cell(row).(type) {
			case nil:
				cells[i] = ""
			case string:
				cells[i] = x
			case float64:
				cells[i] = float(x)
			case bool:
				cells[i] = strconv.FormatBool(x)
			case time.Time:
				cells[i] = x.Format(time.RFC3339Nano)
			default:
				text, err := json.Marshal(x)
				if err != nil {
					return err
				}
				cells[i] = strings.TrimPrefix(string(text), "null")
			}
		}
		if err := c.Write(cells); err != nil {
			return err
		}
	}
	return nil
}
