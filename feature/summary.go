package feature

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"

	"kindred/drift"
)

// Summary describes the values of a feature.
type Summary struct {
	Ref     Ref  `json:"feature"`
	Type    Type `json:"type"`
	Rows    int  `json:"rows"`
	Missing int  `json:"missing"` // rows without a value of their own
	// Of numbers, and of bools as 0 and 1; of lists and vectors, their
	// lengths.
	Mean      float64   `json:"mean"`
	SD        float64   `json:"sd"`
	Min       float64   `json:"min"`
	Max       float64   `json:"max"`
	Quantiles []float64 `json:"quantiles"` // .05 .25 .5 .75 .95
	// Top are the most frequent texts, or the most frequent items of lists.
	Top []TopValue `json:"top,omitempty"`
	// Edges cut the numbers into bins of about the same size, of which Bins
	// are the counts; of texts, Bins are those of Top and of all others. The
	// last bin counts what is missing.
	Edges []float64 `json:"edges,omitempty"`
	Bins  []int64   `json:"bins"`
}

// TopValue is a text and how many rows have it.
type TopValue struct {
	Value string `json:"value"`
	Rows  int64  `json:"rows"`
}

const (
	summaryBins   = 10
	summaryTop    = 10
	summarySample = 100_000 // numbers kept for quantiles
	summaryTexts  = 10_000  // different texts counted
)

// Summarizer gathers columns, block by block, into a Summary. Memory: bounded
// by its constants, however many rows there are.
type Summarizer struct {
	summary  Summary
	m2       float64
	sample   []float64
	every    int // of the numbers, one in so many is in sample
	numbers  int
	texts    map[string]int64
	overflow int64 // texts beyond those counted
}

// NewSummarizer returns one without rows.
func NewSummarizer() *Summarizer { return &Summarizer{every: 1, texts: map[string]int64{}} }

// Add gathers a block of the feature's values.
func (s *Summarizer) Add(c *Column) {
	s.summary.Ref, s.summary.Type = c.Ref, c.Type
	for row := range c.Status {
		s.summary.Rows++
		if c.Status[row] != Present {
			s.summary.Missing++
			continue
		}
		switch c.Type {
		case String:
			s.addText(c.Texts[row])
		case Strings:
			s.addNumber(float64(len(c.Lists[row])))
			for _, text := range c.Lists[row] {
				s.addText(text)
			}
		case Vector:
			s.addNumber(float64(len(c.Vectors[row])))
		default:
			s.addNumber(c.Numbers[row])
		}
	}
}

// addNumber takes part in mean and deviation by Welford's method.
func (s *Summarizer) addNumber(x float64) {
	m := &s.summary
	if s.numbers == 0 {
		m.Min, m.Max = x, x
	}
	if s.numbers%s.every == 0 {
		s.sample = append(s.sample, x)
	}
	s.numbers++
	m.Min, m.Max = min(m.Min, x), max(m.Max, x)
	delta := x - m.Mean
	m.Mean += delta / float64(s.numbers)
	s.m2 += delta * (x - m.Mean)
	if len(s.sample) >= 2*summarySample { // every other one is enough
		s.every *= 2
		for i := range len(s.sample) / 2 {
			s.sample[i] = s.sample[2*i]
		}
		s.sample = s.sample[:len(s.sample)/2]
	}
}

func (s *Summarizer) addText(text string) {
	if _, known := s.texts[text]; !known && len(s.texts) >= summaryTexts {
		s.overflow++
		return
	}
	s.texts[text]++
}

// Summary returns what was gathered.
func (s *Summarizer) Summary() Summary {
	m := s.summary
	if s.numbers > 0 {
		m.SD = math.Sqrt(s.m2 / float64(s.numbers))
		sorted := slices.Sorted(slices.Values(s.sample))
		quantile := func(q float64) float64 { return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)] }
		for _, q := range []float64{.05, .25, .5, .75, .95} {
			m.Quantiles = append(m.Quantiles, quantile(q))
		}
		for i := 1; i < summaryBins; i++ {
			m.Edges = append(m.Edges, quantile(float64(i)/summaryBins))
		}
		m.Edges = slices.Compact(m.Edges)
	}
	for text, n := range s.texts {
		m.Top = append(m.Top, TopValue{text, n})
	}
	slices.SortFunc(m.Top, func(a, b TopValue) int { return cmp.Or(cmp.Compare(b.Rows, a.Rows), strings.Compare(a.Value, b.Value)) })
	m.Top = m.Top[:min(len(m.Top), summaryTop)]
	m.Bins = s.BinsOf(&m)
	return m
}

// BinsOf counts what was gathered by the bins of another summary of the
// feature.
func (s *Summarizer) BinsOf(reference *Summary) []int64 {
	missing := int64(s.summary.Missing)
	if reference.Type == String {
		bins := make([]int64, len(reference.Top)+2)
		rest := s.overflow
		for _, n := range maps.All(s.texts) {
			rest += n
		}
		for i, top := range reference.Top {
			bins[i] = s.texts[top.Value]
			rest -= bins[i]
		}
		bins[len(bins)-2], bins[len(bins)-1] = rest, missing
		return bins
	}
	bins := make([]int64, len(reference.Edges)+2)
	for _, x := range s.sample {
		place, _ := slices.BinarySearchFunc(reference.Edges, x, func(edge, x float64) int {
			if edge <= x {
				return -1
			}
			return 1
		})
		bins[place] += int64(s.every)
	}
	bins[len(bins)-1] = missing
	return bins
}

// DriftFrom is how far the gathered values are from a summary of the feature's
// values at training: the population stability index over its bins, what is
// missing being one. By convention .1 is worth a look and .25 a change.
func (s *Summarizer) DriftFrom(reference *Summary) float64 {
	return drift.PSI(reference.Bins, s.BinsOf(reference))
}
