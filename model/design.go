package model

import (
	"math"
	"slices"

	"kindred/dataset"
)

// design turns rows into the features of linear and factorisation models, of
// which few are active in a row. A categorical column has a feature for each
// category that training met often enough, one for all others and one for
// missing. A numeric column has one for each of its equally full buckets and
// one for missing; if it has more values than buckets also its rank, between
// -1 and 1, which no outlier can stretch. What is absent from a sparse row has
// no feature.
type design struct {
	columns []designColumn
	fields  int
	size    int // features
}

type designColumn struct {
	field int32
	first int32     // its first feature
	slots []int32   // of a categorical column: feature less first, by code
	cuts  []float32 // of a numeric column
	rank  bool      // it has its rank for a feature
}

// Places of a column's features, before those of its categories or buckets.
const (
	slotUnknown = iota // of a categorical column
	slotMissing
	slotFirst
)

// active is a feature that a row has.
type active struct {
	feature, column, field int32
	value                  float32
}

func newDesign(s sample, buckets, minCount int) *design {
	columns := s.rows.Columns
	d := &design{columns: make([]designColumn, columns.Len()), fields: len(columns.FieldNames)}
	counts := codeCounts(s)
	eachColumn(s, binSample, func(c int, values []float32) {
		if counts[c] == nil {
			slices.Sort(values)
			cuts := cutsOf(values, buckets)
			d.columns[c] = designColumn{cuts: cuts, rank: len(cuts) == buckets-1}
		}
	})
	for c := range d.columns {
		column := &d.columns[c]
		if n := counts[c]; n != nil {
			column.slots = make([]int32, len(n))
			for k, code := range byCount(n, int32(minCount), len(n)) {
				column.slots[code] = int32(slotFirst + k)
			}
		}
		column.field, column.first = columns.Fields[c], int32(d.size)
		d.size += column.size()
	}
	return d
}

// size is how many features a column has.
func (c *designColumn) size() int {
	if c.slots != nil {
		return slotFirst + int(slices.Max(c.slots)) // a few more than needed
	}
	n := slotFirst + len(c.cuts) + 1
	if c.rank {
		n++
	}
	return n
}

// slot is the feature of a value, less the column's first.
func (c *designColumn) slot(v float32) int32 {
	switch {
	case v != v: // NaN
		return slotMissing
	case c.slots != nil:
		return c.slots[codeOf(v, len(c.slots))]
	default:
		return int32(slotFirst + binOf(c.cuts, v))
	}
}

// row appends the features of row r to dst.
func (d *design) row(dst []active, rows *dataset.Rows, r int) []active {
	cols, vals := rows.Row(r)
	for k, at := range cols {
		c := &d.columns[at]
		slot := c.slot(vals[k])
		dst = append(dst, active{c.first + slot, at, c.field, 1})
		if c.rank && slot != slotMissing {
			last := int32(slotFirst + len(c.cuts) + 1)
			dst = append(dst, active{c.first + last, at, c.field, 2*float32(slot-slotFirst)/float32(len(c.cuts)) - 1})
		}
	}
	return dst
}

func (d *design) write(e *encoder) {
	e.u64(uint64(len(d.columns)))
	e.u64(uint64(d.fields))
	for k := range d.columns {
		c := &d.columns[k]
		e.int32s([]int32{c.field, map[bool]int32{true: 1}[c.rank]})
		e.int32s(c.slots)
		e.float32s(c.cuts)
	}
}

func readDesign(d *decoder) *design {
	n := d.u64()
	x := &design{fields: int(d.u64())}
	d.check(n < maxItems, x.fields >= 0, x.fields < maxItems)
	for i := uint64(0); i < n && d.err == nil; i++ {
		head := d.int32s()
		c := designColumn{first: int32(x.size), slots: d.int32s(), cuts: d.float32s()}
		d.check(len(head) == 2)
		if d.err != nil {
			break
		}
		c.field, c.rank = head[0], head[1] == 1
		if len(c.slots) == 0 {
			c.slots = nil
		}
		for _, slot := range c.slots {
			d.check(slot >= 0)
		}
		d.check(c.field >= 0, int(c.field) < x.fields, c.size() > 0, x.size+c.size() < math.MaxInt32)
		x.size += c.size()
		x.columns = append(x.columns, c)
	}
	return x
}
