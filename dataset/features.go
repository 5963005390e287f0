package dataset

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"kindred"
	"kindred/linalg"
)

// Features describe rows by named columns, such as "genre=comedy" or "price".
type Features struct {
	Names *Dict
	Rows  *linalg.CSR // rows×columns; the columns of a row ascend
	// Encoding is how attributes became columns; nil where they were made
	// otherwise.
	Encoding *Encoding
}

// Row returns views of row r's columns and values; none for a row that is not
// there.
func (f *Features) Row(r int) (cols []int32, vals []float32) {
	if f == nil || r >= f.Rows.Rows() {
		return nil, nil
	}
	return f.Rows.Row(r)
}

// The fields that an item has besides its attributes.
const (
	titles        = "title"
	categories    = "category"
	prices        = "price"
	availableFrom = "available_from"
)

// ItemAttributes returns all that describes an item as attributes: its own, and
// under "title", "category", "price" and "available_from" what stands beside
// them, unless an attribute of that name does.
func ItemAttributes(item *kindred.Item) kindred.Attributes {
	all := make(kindred.Attributes, len(item.Attributes)+4)
	if item.Title != "" {
		all[titles] = kindred.TextOf(item.Title)
	}
	if len(item.Categories) > 0 {
		all[categories] = kindred.SetOf(item.Categories...)
	}
	if cost := item.Cost(); cost != 0 {
		all[prices] = kindred.NumberOf(cost)
	}
	if !item.AvailableFrom.IsZero() {
		all[availableFrom] = kindred.TimeOf(item.AvailableFrom)
	}
	maps.Copy(all, item.Attributes)
	return all
}

// described keeps attributes by identifier until it is known which rows there
// are.
type described map[string]kindred.Attributes

// features describes the rows of a dictionary, nil if nothing is known of
// them; those without attributes miss every field.
func (d described) features(rows *Dict, missing Missing) *Features {
	if len(d) == 0 {
		return nil
	}
	all := make([]kindred.Attributes, rows.Len())
	for i, id := range rows.IDs() {
		all[i] = d[id]
	}
	return missing.Describe(all)
}

// features encodes rows.
func (e *Encoding) features(rows []kindred.Attributes) *Features {
	f := &Features{Names: NewDict(e.names()...), Encoding: e, Rows: &linalg.CSR{Starts: make([]int, 1, len(rows)+1)}}
	f.Rows.Width = f.Names.Len()
	for _, row := range rows {
		f.Rows.Cols, f.Rows.Vals = e.Append(f.Rows.Cols, f.Rows.Vals, row)
		f.Rows.Starts = append(f.Rows.Starts, len(f.Rows.Cols))
	}
	return f
}

// names returns what the columns are called.
func (e *Encoding) names() []string {
	var names []string
	for i := range e.Fields {
		f := &e.Fields[i]
		if f.Kind == ScaleField {
			names = append(names, f.Name)
			for _, knot := range f.Knots {
				if f.Log {
					knot = math.Exp(knot) - f.Shift
				}
				names = append(names, fmt.Sprintf("%s≈%.6g", f.Name, knot))
			}
		}
		for _, word := range f.Words {
			names = append(names, f.Name+"="+word)
		}
		for n := range f.Length {
			names = append(names, fmt.Sprintf("%s[%d]", f.Name, n))
		}
		if f.Missing {
			names = append(names, f.Name+"=?")
		}
	}
	return distinct(names)
}

// distinct tells names apart that are equal, as knots may be once rounded.
func distinct(names []string) []string {
	seen := make(map[string]bool, len(names))
	for i, name := range names {
		for n := 2; seen[names[i]]; n++ {
			names[i] = fmt.Sprintf("%s#%d", name, n)
		}
		seen[names[i]] = true
	}
	return names
}

// Append encodes one row: it appends the columns that are not zero, ascending,
// and their values.
func (e *Encoding) Append(cols []int32, vals []float32, row kindred.Attributes) (moreCols []int32, moreVals []float32) {
	for i := range e.Fields {
		f := &e.Fields[i]
		a, has := row[f.Name]
		switch {
		case has && f.takes(&a):
			cols, vals = f.append(cols, vals, &a)
		case f.Typical != nil:
			cols, vals = f.append(cols, vals, f.Typical.of(row))
		case f.Missing:
			cols, vals = append(cols, f.First+f.Width()-1), append(vals, 1)
		}
	}
	return cols, vals
}

// takes says whether an attribute is of a type that the field has.
func (f *Field) takes(a *kindred.Attribute) bool {
	switch f.Kind {
	case ScaleField:
		return a.Type == kindred.Number || a.Type == kindred.Time
	case TextField:
		return a.Type == kindred.Text
	case VectorField:
		return a.Type == kindred.Vector && len(a.Vector) == f.Length
	default:
		return asSet(a.Type) == kindred.StringSet || a.Type == kindred.Bool
	}
}

// append encodes an attribute that the field takes.
func (f *Field) append(cols []int32, vals []float32, a *kindred.Attribute) ([]int32, []float32) {
	switch f.Kind {
	case ScaleField:
		return f.appendScale(cols, vals, f.axis(number(a)))
	case TextField:
		return f.appendText(cols, vals, a.Text)
	case VectorField:
		return f.appendVector(cols, vals, a.Vector)
	default:
		return f.appendWords(cols, vals, f.wordsOf(a))
	}
}

func (f *Field) appendWords(cols []int32, vals []float32, words []string) ([]int32, []float32) {
	before := len(cols)
	for _, word := range words {
		if k, known := f.lookup(word); known {
			cols, vals = append(cols, f.First+k), append(vals, 1)
		}
	}
	slices.Sort(cols[before:])
	return cols, vals
}

// lookup finds a word's place.
func (f *Field) lookup(word string) (int32, bool) {
	if f.index != nil {
		k, known := f.index[word]
		return k, known
	}
	k, known := slices.BinarySearch(f.Words, word) // read from JSON
	return int32(k), known
}

func (f *Field) appendScale(cols []int32, vals []float32, x float64) ([]int32, []float32) {
	cols, vals = append(cols, f.First), append(vals, float32((x-f.Mean)/f.Deviation))
	last := len(f.Knots) - 1
	above, _ := slices.BinarySearch(f.Knots, x) // the first knot that is not below
	switch {
	case above == 0:
		return append(cols, f.First+1), append(vals, 1)
	case above > last:
		return append(cols, f.First+1+int32(last)), append(vals, 1)
	case f.Knots[above] == x:
		return append(cols, f.First+1+int32(above)), append(vals, 1)
	}
	share := (x - f.Knots[above-1]) / (f.Knots[above] - f.Knots[above-1])
	return append(cols, f.First+int32(above), f.First+int32(above)+1), append(vals, float32(1-share), float32(share))
}

// appendText weighs the words of a text by BM25: S. Robertson, H. Zaragoza,
// "The Probabilistic Relevance Framework: BM25 and Beyond", Foundations and
// Trends in Information Retrieval, 2009. Departure: the weights are brought to
// length 1, so that two texts are compared by cosine, neither being the query.
func (f *Field) appendText(cols []int32, vals []float32, text string) ([]int32, []float32) {
	words := Words(text)
	length := float64(len(words))
	var at []int32
	for _, word := range words {
		if k, known := f.lookup(word); known {
			at = append(at, k)
		}
	}
	slices.Sort(at)
	before := len(vals)
	for lo := 0; lo < len(at); {
		hi := lo + 1
		for hi < len(at) && at[hi] == at[lo] {
			hi++
		}
		n := float64(hi - lo)
		weight := f.IDF[at[lo]] * n * (bm25Saturation + 1) / (n + bm25Saturation*(1-bm25Length+bm25Length*length/f.Mean))
		cols, vals = append(cols, f.First+at[lo]), append(vals, float32(weight))
		lo = hi
	}
	unit(vals[before:])
	return cols, vals
}

func (f *Field) appendVector(cols []int32, vals, x []float32) ([]int32, []float32) {
	before := len(vals)
	for n, v := range x {
		cols, vals = append(cols, f.First+int32(n)), append(vals, v)
	}
	unit(vals[before:])
	return cols, vals
}

// unit scales x to length 1, unless it is zero.
func unit(x []float32) {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	if sum > 0 {
		for i := range x {
			x[i] = float32(float64(x[i]) / math.Sqrt(sum))
		}
	}
}
