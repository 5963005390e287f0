package dataset

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode"

	"kindred"
)

// Encoding says how typed attributes become columns of numbers. It is learned
// from data, can be read and kept as JSON, and encodes what comes later as it
// encoded what it was learned from. Fields stand in the order of their names.
type Encoding struct {
	Fields []Field `json:"fields"`
}

// Field is one attribute's share of the columns: [First, First+Width()).
// Where it is missing from some of the rows learned from, its last column
// stands for "unknown", which is 1 in rows without it, or Typical stands for it.
//
//	words   a column a word, value 1. Of categories such as "music/jazz" every
//	        level is a word of its own: "music" and "music/jazz"
//	scale   numbers and times: the standardised value, and then one column a
//	        knot. Knots are quantiles; a value between two belongs to both, the
//	        nearer the more, together 1. So similar numbers have similar rows
//	text    a column a word: its BM25 weight, a row's together of length 1
//	vector  its numbers, together of length 1
type Field struct {
	Name    string    `json:"name"`
	Kind    FieldKind `json:"kind"`
	First   int32     `json:"first"`
	Known   int       `json:"known"` // rows that had it
	Missing bool      `json:"missing,omitempty"`
	Typical *Typical  `json:"typical,omitempty"`

	Words []string  `json:"words,omitempty"` // of words and text, by column
	IDF   []float64 `json:"idf,omitempty"`   // of text, by column
	Mean  float64   `json:"mean,omitempty"`  // of text: words a row; of a scale: on its axis

	// A scale's axis is log(x + Shift) where Log is set (for what is above zero
	// and skewed, as prices), else x.
	Log       bool      `json:"log,omitempty"`
	Shift     float64   `json:"shift,omitempty"`
	Deviation float64   `json:"deviation,omitempty"`
	Knots     []float64 `json:"knots,omitempty"` // on the axis, ascending

	Length int `json:"length,omitempty"` // of a vector

	index map[string]int32 // of Words
}

// FieldKind is how a field is encoded.
type FieldKind string

// The kinds of fields.
const (
	WordsField  FieldKind = "words"
	ScaleField  FieldKind = "scale"
	TextField   FieldKind = "text"
	VectorField FieldKind = "vector"
)

const (
	minWordRows  = 2      // a word of one row only connects nothing
	maxWords     = 20_000 // of a field, the most frequent
	maxTextShare = 0.5    // a word of more texts than this tells nothing
	knots        = 9      // of a scale
	logSkewness  = 1      // from here on logarithms are taken

	bm25Saturation = 1.2  // k₁: how soon a repeated word counts no more
	bm25Length     = 0.75 // b: how much long texts are held against a word
)

// Describe is Missing.Describe with what is missing unknown.
func Describe(rows []kindred.Attributes) *Features { return Missing(nil).Describe(rows) }

// Describe learns an encoding from rows of attributes and encodes them. It
// returns nil if nothing tells one row from another. Cost: O(words log words)
// time; the rows' non-zero columns, 8 bytes each.
func (m Missing) Describe(rows []kindred.Attributes) *Features {
	e, width := new(Encoding), int32(0)
	types := attributeTypes(rows)
	for _, name := range slices.Sorted(maps.Keys(types)) {
		f := Field{Name: name, First: width}
		if f.learn(types[name], rows) {
			if f.Known < len(rows) {
				f.Typical = f.learnTypical(m.of(name), rows)
				f.Missing = f.Typical == nil
			}
			width += f.Width()
			e.Fields = append(e.Fields, f)
		}
	}
	if width == 0 {
		return nil
	}
	return e.features(rows)
}

// attributeTypes returns the type that each attribute has most often; a word
// and a set of words are one.
func attributeTypes(rows []kindred.Attributes) map[string]kindred.AttributeType {
	counts := map[string]map[kindred.AttributeType]int{}
	for _, row := range rows {
		for name, a := range row {
			if counts[name] == nil {
				counts[name] = map[kindred.AttributeType]int{}
			}
			counts[name][asSet(a.Type)]++
		}
	}
	types := make(map[string]kindred.AttributeType, len(counts))
	for name, of := range counts {
		types[name] = slices.MaxFunc(slices.Sorted(maps.Keys(of)), func(a, b kindred.AttributeType) int {
			return cmp.Compare(of[a], of[b])
		})
	}
	return types
}

func asSet(t kindred.AttributeType) kindred.AttributeType {
	if t == kindred.String {
		return kindred.StringSet
	}
	return t
}

// learn reads the field off the rows and says whether it tells rows apart.
func (f *Field) learn(t kindred.AttributeType, rows []kindred.Attributes) bool {
	var all []kindred.Attribute
	for _, row := range rows {
		if a, has := row[f.Name]; has && asSet(a.Type) == t {
			all = append(all, a)
		}
	}
	f.Known = len(all)
	switch t {
	case kindred.Number, kindred.Time:
		f.Kind = ScaleField
		return f.learnScale(all)
	case kindred.Text:
		f.Kind = TextField
		return f.learnText(all)
	case kindred.Vector:
		f.Kind = VectorField
		return f.learnVector(all)
	default:
		f.Kind = WordsField
		return f.learnWords(all)
	}
}

// Width is how many columns the field has.
func (f *Field) Width() int32 {
	width := int32(len(f.Words) + f.Length)
	if f.Kind == ScaleField {
		width = int32(1 + len(f.Knots))
	}
	if f.Missing {
		width++
	}
	return width
}

func (f *Field) learnWords(all []kindred.Attribute) bool {
	counts := map[string]int{}
	for i := range all {
		for _, word := range f.wordsOf(&all[i]) {
			counts[word]++
		}
	}
	f.keep(counts)
	return len(f.Words) > 1 || len(f.Words) == 1 && counts[f.Words[0]] < len(all)
}

// keep makes the more frequent words the field's.
func (f *Field) keep(counts map[string]int) {
	f.Words = slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	f.Words = slices.DeleteFunc(f.Words, func(word string) bool { return counts[word] < minWordRows })
	f.Words = f.Words[:min(len(f.Words), maxWords)]
	slices.Sort(f.Words)
	f.enter()
}

// enter numbers the words.
func (f *Field) enter() {
	f.index = make(map[string]int32, len(f.Words))
	for i, word := range f.Words {
		f.index[word] = int32(i)
	}
}

// wordsOf returns an attribute's distinct words.
func (f *Field) wordsOf(a *kindred.Attribute) []string {
	switch a.Type { //nolint:exhaustive // learn sends no other here
	case kindred.Bool:
		if a.Bool {
			return []string{"true"}
		}
		return []string{"false"}
	case kindred.String:
		return []string{a.Text}
	}
	if f.Name != categories {
		return a.Set
	}
	var levels []string
	for _, path := range a.Set {
		levels = append(levels, kindred.Levels(path)...)
	}
	slices.Sort(levels)
	return slices.Compact(levels)
}

func (f *Field) learnText(all []kindred.Attribute) bool {
	counts, total := map[string]int{}, 0
	for i := range all {
		words := Words(all[i].Text)
		total += len(words)
		slices.Sort(words)
		for _, word := range slices.Compact(words) {
			counts[word]++
		}
	}
	maps.DeleteFunc(counts, func(_ string, n int) bool {
		return float64(n) > maxTextShare*float64(len(all)) && len(all) > minWordRows
	})
	f.keep(counts)
	f.Mean = float64(total) / float64(max(1, len(all)))
	f.IDF = make([]float64, len(f.Words))
	for i, word := range f.Words {
		n := float64(counts[word])
		f.IDF[i] = math.Log1p((float64(len(all)) - n + 0.5) / (n + 0.5))
	}
	return len(f.Words) > 0
}

// Words returns the words of a text in order: runs of letters and digits, in
// lower case, of two characters at least.
func Words(text string) []string {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return slices.DeleteFunc(words, func(word string) bool { return len([]rune(word)) < 2 })
}

func (f *Field) learnScale(all []kindred.Attribute) bool {
	x := make([]float64, len(all))
	for i := range all {
		x[i] = number(&all[i])
	}
	slices.Sort(x)
	if len(x) == 0 || x[0] == x[len(x)-1] {
		return false
	}
	if x[0] >= 0 && all[0].Type == kindred.Number && skewness(x) > logSkewness {
		at, _ := slices.BinarySearchFunc(x, 0, func(x, _ float64) int { // first above zero
			if x > 0 {
				return 1
			}
			return -1
		})
		f.Log, f.Shift = true, x[at]
		for i := range x {
			x[i] = f.axis(x[i])
		}
	}
	f.Mean, f.Deviation = moments(x)
	if distinct := slices.Compact(slices.Clone(x)); len(distinct) <= knots {
		f.Knots = distinct
		return true
	}
	for k := range knots {
		f.Knots = append(f.Knots, x[k*(len(x)-1)/(knots-1)])
	}
	f.Knots = slices.Compact(f.Knots)
	return len(f.Knots) > 1
}

// number is a scale's value before its axis: times are days.
func number(a *kindred.Attribute) float64 {
	if a.Type == kindred.Time {
		return float64(a.Time.Unix()) / (24 * 60 * 60)
	}
	return a.Number
}

func (f *Field) axis(x float64) float64 {
	if f.Log {
		return math.Log(max(x, 0) + f.Shift)
	}
	return x
}

func moments(x []float64) (mean, deviation float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		deviation += (v - mean) * (v - mean) / float64(len(x))
	}
	return mean, math.Sqrt(deviation)
}

func skewness(x []float64) (skew float64) {
	mean, deviation := moments(x)
	for _, v := range x {
		z := (v - mean) / deviation
		skew += z * z * z / float64(len(x))
	}
	return skew
}

func (f *Field) learnVector(all []kindred.Attribute) bool {
	counts := map[int]int{}
	for i := range all {
		counts[len(all[i].Vector)]++
	}
	delete(counts, 0)
	if len(counts) == 0 {
		return false
	}
	f.Length = slices.MaxFunc(slices.Sorted(maps.Keys(counts)), func(a, b int) int { return cmp.Compare(counts[a], counts[b]) })
	f.Known = counts[f.Length]
	return true
}
