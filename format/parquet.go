package format

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	pq "github.com/parquet-go/parquet-go/format"
)

// maxValues bounds what one row may hold in a repeated column.
const maxValues = 1 << 16

// parquetTable reads flat columns; repeated ones become arrays.
type parquetTable struct {
	names   []string
	leaves  []parquet.LeafColumn
	groups  []parquet.RowGroup // not yet begun
	current parquet.Rows
	rows    []parquet.Row // read and waiting
	buf     [64]parquet.Row
	rec     record
}

func openParquet(f *file) (table, error) {
	t := &parquetTable{}
	err := guarded(func() error { return t.open(f) })
	return t, err
}

func (t *parquetTable) open(f *file) error {
	info, err := f.disk.Stat()
	if err != nil {
		return err
	}
	if err := checkFooter(f.disk, info.Size()); err != nil {
		return err
	}
	file, err := parquet.OpenFile(counter{f}, info.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return fmt.Errorf("reading Parquet (is it whole?): %w", err)
	}
	if err := checkPages(f.disk, info.Size(), file); err != nil {
		return err
	}
	for _, path := range file.Schema().Columns() {
		leaf, _ := file.Schema().Lookup(path...)
		t.leaves = append(t.leaves, leaf)
		t.names = append(t.names, strings.TrimSuffix(strings.TrimSuffix(strings.Join(path, "."), ".list.element"), ".list.item"))
	}
	t.groups = file.RowGroups()
	return nil
}

// guarded turns a panic over a broken file into an error.
func guarded(fn func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("broken Parquet: %v", r)
		}
	}()
	return fn()
}

func (t *parquetTable) columns() ([]string, error) { return t.names, nil }

func (t *parquetTable) next() (*record, error) {
	var err error
	if len(t.rows) == 0 {
		err = guarded(t.fill)
	}
	if err == nil {
		err = guarded(t.take)
	}
	if err != nil {
		return nil, err
	}
	return &t.rec, nil
}

// fill reads rows of the current group or the next that has any.
func (t *parquetTable) fill() error {
	for {
		if t.current == nil {
			if len(t.groups) == 0 {
				return io.EOF
			}
			t.current, t.groups = t.groups[0].Rows(), t.groups[1:]
		}
		n, err := t.current.ReadRows(t.buf[:])
		t.rows = t.buf[:n]
		if n > 0 {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("reading Parquet: %w", err)
		}
		if err := t.current.Close(); err != nil {
			return err
		}
		t.current = nil
	}
}

// take turns the first waiting row into the record.
func (t *parquetTable) take() (err error) {
	row := t.rows[0]
	t.rows = t.rows[1:]
	t.rec.line++
	t.rec.clear()
	row.Range(func(at int, values []parquet.Value) bool {
		if len(values) > maxValues {
			err = &Reject{Line: t.rec.line, Reason: "too_many_values", Detail: fmt.Sprintf("%s has more than %d values", t.names[at], maxValues)}
			return false
		}
		err = t.set(at, values)
		return err == nil
	})
	if bad, ok := errors.AsType[*Reject](err); ok {
		bad.Raw = t.rec.text()
	}
	return err
}

func (t *parquetTable) set(at int, values []parquet.Value) error {
	leaf := &t.leaves[at]
	list := make([]any, 0, 1)
	for _, v := range values {
		if !v.IsNull() {
			list = append(list, plain(v, leaf.Node.Type()))
		}
	}
	if len(list) == 0 {
		t.rec.set(at, json.RawMessage("null"))
		return nil
	}
	var what any = list
	if leaf.MaxRepetitionLevel == 0 {
		what = list[0]
	}
	raw, err := json.Marshal(what)
	if err != nil {
		return &Reject{Line: t.rec.line, Reason: "bad_value", Detail: t.names[at] + " has a value without a text form"}
	}
	t.rec.set(at, raw)
	if _, isTime := what.(time.Time); isTime {
		t.rec.raw[at] = json.RawMessage(`{"time":` + string(raw) + `}`)
	}
	return nil
}

// plain returns a value as JSON can carry it, by its logical type if it has one.
func plain(v parquet.Value, typ parquet.Type) any {
	if logical := typ.LogicalType(); logical != nil {
		if x := logicalValue(v, logical); x != nil {
			return x
		}
	}
	switch v.Kind() {
	case parquet.Boolean:
		return v.Boolean()
	case parquet.Int32:
		return v.Int32()
	case parquet.Int64:
		return v.Int64()
	case parquet.Int96: // nanoseconds of a Julian day, as old Spark and Impala write
		x := v.Int96()
		return time.Unix((int64(x[2])-2440588)*86400, int64(x[1])<<32|int64(x[0])).UTC()
	case parquet.Float:
		return finiteOrText(float64(v.Float()))
	case parquet.Double:
		return finiteOrText(v.Double())
	default:
		return string(v.ByteArray())
	}
}

func finiteOrText(x float64) any {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return fmt.Sprint(x)
	}
	return x
}

// logicalValue returns nil where the physical value says it all.
func logicalValue(v parquet.Value, logical *pq.LogicalType) any {
	switch l := logical.Value.(type) {
	case *pq.TimestampType:
		if v.Kind() != parquet.Int64 {
			return nil
		}
		switch l.Unit.Value.(type) {
		case *pq.MilliSeconds:
			return time.UnixMilli(v.Int64()).UTC()
		case *pq.MicroSeconds:
			return time.UnixMicro(v.Int64()).UTC()
		default:
			return time.Unix(0, v.Int64()).UTC()
		}
	case *pq.DateType:
		return time.Unix(int64(v.Int32())*86400, 0).UTC()
	case *pq.IntType:
		if !l.IsSigned {
			return unsigned(v)
		}
	case *pq.DecimalType:
		return decimal(v, int(l.Scale))
	case *pq.UUIDType:
		if b := v.ByteArray(); len(b) == 16 {
			return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
		}
	}
	return nil
}

func unsigned(v parquet.Value) any {
	switch v.Kind() {
	case parquet.Int64:
		return v.Uint64()
	case parquet.Int32:
		return v.Uint32()
	default:
		return nil
	}
}

// decimal reads a whole number of any width, or bytes of one in big-endian
// two's complement, and moves its point.
func decimal(v parquet.Value, scale int) any {
	n := new(big.Int)
	switch v.Kind() {
	case parquet.Int32:
		n.SetInt64(int64(v.Int32()))
	case parquet.Int64:
		n.SetInt64(v.Int64())
	default:
		b := v.ByteArray()
		n.SetBytes(b)
		if len(b) > 0 && b[0] >= 0x80 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
		}
	}
	x, _ := new(big.Float).SetInt(n).Float64()
	return finiteOrText(x / math.Pow10(scale))
}
