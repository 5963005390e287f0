package format

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// parquetTable reads flat columns; repeated ones become arrays.
type parquetTable struct {
	names  []string
	reader *parquet.Reader
	rows   []parquet.Row
	rec    record
}

func openParquet(f *file) (t table, err error) {
	defer guard(&err)
	info, err := f.disk.Stat()
	if err != nil {
		return nil, err
	}
	file, err := parquet.OpenFile(f.disk, info.Size())
	if err != nil {
		return nil, fmt.Errorf("reading Parquet (is it whole?): %w", err)
	}
	p := &parquetTable{reader: parquet.NewReader(file), rows: make([]parquet.Row, 1)}
	for _, path := range file.Schema().Columns() {
		p.names = append(p.names, strings.TrimSuffix(strings.TrimSuffix(strings.Join(path, "."), ".list.element"), ".list.item"))
	}
	return p, nil
}

// guard turns a panic over a broken file into an error.
func guard(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("format: broken Parquet: %v", r)
	}
}

func (t *parquetTable) columns() ([]string, error) { return t.names, nil }

func (t *parquetTable) next() (rec *record, err error) {
	defer guard(&err)
	n, err := t.reader.ReadRows(t.rows)
	if n == 0 {
		if err == nil || errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		return nil, fmt.Errorf("format: reading Parquet: %w", err)
	}
	t.rec.line++
	t.rec.clear()
	t.rows[0].Range(func(at int, values []parquet.Value) bool {
		var list []any
		for _, v := range values {
			if !v.IsNull() {
				list = append(list, plain(v))
			}
		}
		var raw json.RawMessage
		switch {
		case len(list) == 0:
			raw = json.RawMessage("null")
		case len(list) == 1 && values[0].RepetitionLevel() == 0 && len(values) == 1:
			raw, err = json.Marshal(list[0])
		default:
			raw, err = json.Marshal(list)
		}
		t.rec.set(at, raw)
		return err == nil
	})
	return &t.rec, err
}

func plain(v parquet.Value) any {
	switch v.Kind() {
	case parquet.Boolean:
		return v.Boolean()
	case parquet.Int32:
		return v.Int32()
	case parquet.Int64:
		return v.Int64()
	case parquet.Float, parquet.Double:
		x := v.Double()
		if v.Kind() == parquet.Float {
			x = float64(v.Float())
		}
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Sprint(x)
		}
		return x
	default:
		return string(v.ByteArray())
	}
}
