package feature

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func numbers(rng *rand.Rand, n int, shift float64) *Column {
	c := &Column{Ref: "user:n", Type: Number, Numbers: make([]float64, n), Status: make([]Status, n)}
	for i := range n {
		c.Numbers[i] = rng.NormFloat64()*2 + shift
		if i%10 == 0 {
			c.Status[i] = NullValue
		}
	}
	return c
}

// TestSummary compares a summary with what the values are drawn from, and
// expects drift where the values moved, and none where they did not.
func TestSummary(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	trained := NewSummarizer()
	for range 50 {
		trained.Add(numbers(rng, 10_000, 5))
	}
	m := trained.Summary()
	if m.Rows != 500_000 || m.Missing != 50_000 || math.Abs(m.Mean-5) > .02 || math.Abs(m.SD-2) > .02 || m.Min > -2 || m.Max < 12 {
		t.Errorf("got %+v", m)
	}
	for i, want := range []float64{5 - 2*1.645, 5 - 2*.674, 5, 5 + 2*.674, 5 + 2*1.645} {
		if math.Abs(m.Quantiles[i]-want) > .05 {
			t.Errorf("quantile %d is %g, want %g", i, m.Quantiles[i], want)
		}
	}
	for shift, drifted := range map[float64]bool{5: false, 6.5: true} {
		current := NewSummarizer()
		current.Add(numbers(rng, 20_000, shift))
		if index := current.DriftFrom(&m); (index > .1) != drifted {
			t.Errorf("around %g the index is %g", shift, index)
		}
	}
}

// TestSummaryOfTexts counts texts and items of lists.
func TestSummaryOfTexts(t *testing.T) {
	trained, moved := NewSummarizer(), NewSummarizer()
	c := &Column{Ref: "item:brand", Type: String}
	other := &Column{Ref: "item:brand", Type: String}
	for i := range 20_000 {
		text := fmt.Sprint("b", i%7)
		if i%4 == 0 {
			text = fmt.Sprint("rare", i)
		}
		c.Texts, c.Status = append(c.Texts, text), append(c.Status, Present)
		other.Texts, other.Status = append(other.Texts, "b1"), append(other.Status, Present)
	}
	trained.Add(c)
	moved.Add(other)
	m := trained.Summary()
	sum := int64(0)
	for _, n := range m.Bins {
		sum += n
	}
	if len(m.Top) != summaryTop || m.Top[0].Rows < 2100 || sum != 20_000 {
		t.Errorf("got %+v", m)
	}
	if same, far := trained.DriftFrom(&m), moved.DriftFrom(&m); same != 0 || far < .25 {
		t.Errorf("the index is %g of the same and %g of others", same, far)
	}
	lists := NewSummarizer()
	lists.Add(&Column{Ref: "user:last", Type: Strings, Lists: [][]string{{"a", "b"}, nil, {"b"}}, Status: []Status{Present, NullValue, Present}})
	if m := lists.Summary(); m.Mean != 1.5 || m.Missing != 1 || !slices.Equal(m.Top, []TopValue{{"b", 2}, {"a", 1}}) {
		t.Errorf("got %+v", m)
	}
}
