package check

import (
	"cmp"
	"math"
	"slices"

	"kindred"
)

// Bounds of what is kept of attributes.
const (
	maxAttributes = 256
	maxNumbers    = 32   // numeric attributes looked at for leaks
	leakLimit     = 4096 // items or users looked at for leaks
	valueLimit    = 4096 // values of an attribute told apart
)

// attributeSet is what is known of the attributes of items or of users.
type attributeSet struct {
	rows    int64
	names   map[string]*attributeFacts
	dropped int64 // attributes beyond maxAttributes
	numeric []string
	numbers *sample[[maxNumbers]float32]
}

type attributeFacts struct {
	types    map[kindred.AttributeType]int64
	present  int64
	values   *sample[int64]
	number   int // place among the numeric ones, or -1
	examples examples
}

func newAttributeSet() attributeSet {
	return attributeSet{names: map[string]*attributeFacts{}, numbers: newSample[[maxNumbers]float32](leakLimit)}
}

func (s *attributeSet) add(key uint64, attributes kindred.Attributes) {
	s.rows++
	var numbers *[maxNumbers]float32
	if len(attributes) > 0 {
		numbers = s.numbers.of(key)
	}
	for _, name := range sortedKeys(attributes) {
		a := attributes[name]
		f := s.names[name]
		if f == nil {
			if len(s.names) >= maxAttributes {
				s.dropped++
				continue
			}
			f = &attributeFacts{types: map[kindred.AttributeType]int64{}, values: newSample[int64](valueLimit), number: -1}
			s.names[name] = f
		}
		f.present++
		f.types[a.Type]++
		f.note(&a)
		if x, ok := numberOf(&a); ok {
			if f.number < 0 && len(s.numeric) < maxNumbers {
				f.number = len(s.numeric)
				s.numeric = append(s.numeric, name)
			}
			if f.number >= 0 && numbers != nil {
				numbers[f.number] = x
			}
		}
	}
}

// numberOf is a number or a flag as a number.
func numberOf(a *kindred.Attribute) (float32, bool) {
	switch {
	case a.Type == kindred.Number:
		return float32(a.Number), true
	case a.Type == kindred.Bool && a.Bool:
		return 1, true
	default:
		return 0, a.Type == kindred.Bool
	}
}

func (f *attributeFacts) note(a *kindred.Attribute) {
	var key uint64
	switch a.Type {
	case kindred.Number:
		key = mix(1, math.Float64bits(a.Number))
	case kindred.Bool:
		key = 2
		if a.Bool {
			key = 3
		}
	case kindred.Time:
		key = mix(4, uint64(a.Time.UnixNano()))
	case kindred.String, kindred.Text:
		key = hashOf(a.Text)
		f.examples.add(a.Text)
	case kindred.StringSet:
		for _, word := range a.Set {
			key = mix(key, hashOf(word))
		}
	case kindred.Vector:
		for _, x := range a.Vector {
			key = mix(key, uint64(math.Float32bits(x)))
		}
	}
	if n := f.values.of(mix(key, 5)); n != nil {
		*n++
	}
}

// leak is how closely an attribute goes along with how much was done.
type leak struct {
	name        string
	correlation float64
}

// leaks returns the numeric attributes by their rank correlation (Spearman)
// with the number of outcomes, the closest first.
func (s *attributeSet) leaks(outcomes func(key uint64) (int32, bool)) (list []leak, rows int) {
	var counts []float64
	var vectors []*[maxNumbers]float32
	for _, key := range sortedHashes(s.numbers.values) {
		if n, known := outcomes(key); known {
			counts = append(counts, float64(n))
			vectors = append(vectors, s.numbers.values[key])
		}
	}
	target := ranksOf(counts)
	column := make([]float64, len(vectors))
	for at, name := range s.numeric {
		for i, v := range vectors {
			column[i] = float64(v[at])
		}
		list = append(list, leak{name, math.Abs(pearson(ranksOf(column), target))})
	}
	slices.SortStableFunc(list, func(a, b leak) int { return cmp.Compare(b.correlation, a.correlation) })
	return list, len(vectors)
}

func sortedHashes[V any](m map[uint64]V) []uint64 {
	keys := make([]uint64, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// ranksOf returns the ranks of numbers, ties at their mean.
func ranksOf(x []float64) []float64 {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(x[a], x[b]) })
	ranks := make([]float64, len(x))
	for from := 0; from < len(order); {
		to := from
		for to < len(order) && x[order[to]] == x[order[from]] {
			to++
		}
		for _, i := range order[from:to] {
			ranks[i] = float64(from+to-1) / 2
		}
		from = to
	}
	return ranks
}

// pearson is the correlation of two lists; 0 if one is constant.
func pearson(x, y []float64) float64 {
	var mx, my float64
	for i := range x {
		mx += x[i] / float64(len(x))
		my += y[i] / float64(len(x))
	}
	var xy, xx, yy float64
	for i := range x {
		xy += (x[i] - mx) * (y[i] - my)
		xx += (x[i] - mx) * (x[i] - mx)
		yy += (y[i] - my) * (y[i] - my)
	}
	if xx == 0 || yy == 0 {
		return 0
	}
	return xy / math.Sqrt(xx*yy)
}
