package feature

import (
	"fmt"
	"math"
	"slices"
)

// Status says what a value is. The names are Feast's.
type Status uint8

// The statuses. Beside Present, the value is the feature's default, if it has
// one.
const (
	Present       Status = iota
	NullValue            // the entity is known, the feature has no value
	NotFound             // the entity is not known
	OutsideMaxAge        // the value is older than its TTL
)

// String returns the status as Feast writes it.
func (s Status) String() string {
	return [...]string{"PRESENT", "NULL_VALUE", "NOT_FOUND", "OUTSIDE_MAX_AGE"}[s]
}

// Column is a feature's values, a row each. Of Numbers, Texts, Lists and
// Vectors the one that Type asks for is filled.
type Column struct {
	Ref     Ref
	Type    Type
	Numbers []float64 // Number, Bool
	Texts   []string
	Lists   [][]string
	Vectors [][]float32
	Status  []Status
	// Times are when the latest event or write that the value knows of
	// happened, in unix milliseconds; 0 none.
	Times []int64
}

func newColumn(f *planned, rows int) Column {
	c := Column{Ref: f.Ref(), Type: f.valueType, Status: make([]Status, rows), Times: make([]int64, rows)}
	switch f.valueType {
	case String:
		c.Texts = make([]string, rows)
	case Strings:
		c.Lists = make([][]string, rows)
	case Vector:
		c.Vectors = make([][]float32, rows)
	default:
		c.Numbers = make([]float64, rows)
	}
	return c
}

// HasValue says whether a row has a value, its own or the default.
func (c *Column) HasValue(row int) bool {
	switch c.Type {
	case Number, Bool:
		return !math.IsNaN(c.Numbers[row])
	case String:
		return c.Status[row] == Present || c.Texts[row] != ""
	default:
		return c.Status[row] == Present
	}
}

// IsWhole says whether every row has a status and a value.
func (c *Column) IsWhole(rows int) bool {
	n := len(c.Numbers)
	switch c.Type {
	case String:
		n = len(c.Texts)
	case Strings:
		n = len(c.Lists)
	case Vector:
		n = len(c.Vectors)
	default:
	}
	return n == rows && len(c.Status) == rows
}

// Show writes a row's value and status for people.
func (c *Column) Show(row int) string {
	text := c.text(row)
	if c.Type == Vector {
		text = fmt.Sprint(c.Vectors[row])
	}
	return text + " " + c.Status[row].String()
}

// copyRow copies a row to another.
func (c *Column) copyRow(to, from int) {
	c.Status[to], c.Times[to] = c.Status[from], c.Times[from]
	switch c.Type {
	case String:
		c.Texts[to] = c.Texts[from]
	case Strings:
		c.Lists[to] = c.Lists[from]
	case Vector:
		c.Vectors[to] = c.Vectors[from]
	default:
		c.Numbers[to] = c.Numbers[from]
	}
}

// EqualRow says whether a row's value and status are those of another
// column's row, bit for bit.
func (c *Column) EqualRow(i int, d *Column, k int) bool {
	if c.Status[i] != d.Status[k] {
		return false
	}
	switch c.Type {
	case String:
		return c.Texts[i] == d.Texts[k]
	case Strings:
		return slices.Equal(c.Lists[i], d.Lists[k])
	case Vector:
		return slices.EqualFunc(c.Vectors[i], d.Vectors[k], func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
	default:
		return math.Float64bits(c.Numbers[i]) == math.Float64bits(d.Numbers[k])
	}
}

// missing notes that a row has no value of its own.
func (f *planned) missing(c *Column, row int, status Status) {
	c.Status[row] = status
	switch c.Type {
	case Number, Bool:
		c.Numbers[row] = math.NaN()
		if f.hasDefault {
			c.Numbers[row] = f.number
		}
	case String:
		c.Texts[row] = f.text
	case Strings:
		c.Lists[row] = nil
	case Vector:
		c.Vectors[row] = nil
	}
}
