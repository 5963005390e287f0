package dataset

import (
	"math"
	"math/rand/v2"
)

// Rows are labelled rows, what rankers learn from: one row an impression, a
// pair or a document of a query, with named columns of context. A value is
// float32: of a numeric column the number itself, of a categorical one the
// code of its category (exact below 2²⁴, MaxCategories). NaN and absent both
// mean missing.
//
// Memory: dense rows take 4 bytes a cell, sparse ones 8 an entry and 8 a row;
// labels 4 a row, weights and groups 4 more each where there are any.
type Rows struct {
	Columns *Columns
	Labels  []float32 // NaN: not known
	Weights []float32 // above zero; nil: every row weighs 1
	// Groups numbers the query, session or list a row belongs to; rows of one
	// group stand together. nil: no groups.
	Groups []int32
	Starts []int     // rows+1; nil: dense, row r at Vals[r·width:]
	Cols   []int32   // of sparse rows, by entry; each column once a row
	Vals   []float32 // by entry, or rows×columns when dense
}

// MaxCategories is how many categories a column may have: as many integers as
// a float32 holds exactly.
const MaxCategories = 1 << 24

// Columns say what the values of rows mean. They are learned from training
// rows; other rows are read by them.
type Columns struct {
	Names      []string
	Fields     []int32 // by column: its field, for field-aware models
	FieldNames []string
	// Categories are by column: nil for a numeric one. Code 0 is whatever
	// training did not know, code c the identifier c-1 of the dictionary.
	Categories []*Dict

	all []int32 // 0, 1, …: the columns of a dense row
}

// NewColumns returns no columns yet.
func NewColumns() *Columns { return &Columns{} }

// Add appends a column of its own field, numeric if categories is nil.
func (c *Columns) Add(name string, categories *Dict) {
	c.AddTo(int32(len(c.FieldNames)), name, categories)
	c.FieldNames = append(c.FieldNames, name)
}

// AddTo appends a column to a field.
func (c *Columns) AddTo(field int32, name string, categories *Dict) {
	c.Names = append(c.Names, name)
	c.Fields = append(c.Fields, field)
	c.Categories = append(c.Categories, categories)
	c.all = append(c.all, int32(len(c.all)))
}

// Len returns how many columns there are.
func (c *Columns) Len() int { return len(c.Names) }

// Codes returns how many codes column c has, the unknown one included; 0 for a
// numeric column.
func (c *Columns) Codes(column int) int {
	if c.Categories[column] == nil {
		return 0
	}
	return c.Categories[column].Len() + 1
}

// Code returns the code of a category: 0 if the column's dictionary has it not.
func (c *Columns) Code(column int, category string) float32 {
	i, known := c.Categories[column].Index(category)
	if !known {
		return 0
	}
	return float32(i + 1)
}

// Len returns how many rows there are.
func (x *Rows) Len() int { return len(x.Labels) }

// Row returns views of row r's columns and values; a value may be NaN.
func (x *Rows) Row(r int) (cols []int32, vals []float32) {
	if x.Starts == nil {
		n := x.Columns.Len()
		return x.Columns.all, x.Vals[r*n : (r+1)*n : (r+1)*n]
	}
	lo, hi := x.Starts[r], x.Starts[r+1]
	return x.Cols[lo:hi:hi], x.Vals[lo:hi:hi]
}

// Weight returns what row r counts for.
func (x *Rows) Weight(r int) float32 {
	if x.Weights == nil {
		return 1
	}
	return x.Weights[r]
}

// Labelled reports whether any row has a label.
func (x *Rows) Labelled() bool {
	for _, label := range x.Labels {
		if !math.IsNaN(float64(label)) {
			return true
		}
	}
	return false
}

// Select returns the rows given, in that order, in memory of their own.
func (x *Rows) Select(index []int32) *Rows {
	y := &Rows{Labels: make([]float32, 0, len(index))}
	if x.Starts == nil {
		y.Vals = make([]float32, 0, len(index)*x.Columns.Len())
	}
	x.Collect(y, index)
	return y
}

// Collect makes y the rows given, in that order, in memory that y has already
// where it suffices. What reads rows in an order without reason first collects
// some: many are then fetched from memory at a time.
func (x *Rows) Collect(y *Rows, index []int32) {
	y.Columns, y.Starts = x.Columns, y.Starts[:0]
	y.Labels, y.Weights, y.Groups, y.Cols, y.Vals = y.Labels[:0], y.Weights[:0], y.Groups[:0], y.Cols[:0], y.Vals[:0]
	if x.Starts == nil {
		y.Starts = nil
	} else {
		y.Starts = append(y.Starts, 0)
	}
	for _, r := range index {
		y.Labels = append(y.Labels, x.Labels[r])
		if x.Weights != nil {
			y.Weights = append(y.Weights, x.Weights[r])
		}
		if x.Groups != nil {
			y.Groups = append(y.Groups, x.Groups[r])
		}
		cols, vals := x.Row(int(r))
		y.Vals = append(y.Vals, vals...)
		if x.Starts != nil {
			y.Cols, y.Starts = append(y.Cols, cols...), append(y.Starts, len(y.Vals))
		}
	}
	if x.Weights == nil {
		y.Weights = nil
	}
	if x.Groups == nil {
		y.Groups = nil
	}
}

// Join returns the labelled rows of x and then those of y, which have the same
// columns; the groups of y get numbers of their own.
func (x *Rows) Join(y *Rows) *Rows {
	z := &Rows{Columns: x.Columns, Labels: make([]float32, 0, x.Len()+y.Len()), Vals: make([]float32, 0, len(x.Vals)+len(y.Vals))}
	if x.Starts != nil || y.Starts != nil {
		z.Starts = []int{0}
	}
	first := int32(0)
	for _, part := range []*Rows{x, y} {
		for r, label := range part.Labels {
			if math.IsNaN(float64(label)) {
				continue
			}
			z.Labels = append(z.Labels, label)
			if x.Weights != nil || y.Weights != nil {
				z.Weights = append(z.Weights, part.Weight(r))
			}
			if part.Groups != nil {
				z.Groups = append(z.Groups, first+part.Groups[r])
			}
			cols, vals := part.Row(r)
			z.Vals = append(z.Vals, vals...)
			if z.Starts != nil {
				z.Cols, z.Starts = append(z.Cols, cols...), append(z.Starts, len(z.Vals))
			}
		}
		if n := len(z.Groups); n > 0 {
			first = z.Groups[n-1] + 1
		}
	}
	return z
}

// Divide splits the rows by chance, which depends on the seed and the row's
// number, or its group's, only: held gets about the share given, and the rest
// stays in learn. Groups stay whole.
func (x *Rows) Divide(share float64, seed uint64) (learn, held []int32) {
	for r := range x.Len() {
		unit := uint64(r)
		if x.Groups != nil {
			unit = uint64(x.Groups[r])
		}
		if dice := rand.New(rand.NewPCG(seed, unit)); dice.Float64() < share {
			held = append(held, int32(r))
		} else {
			learn = append(learn, int32(r))
		}
	}
	return learn, held
}
