package model

import (
	"math"

	"kindred/linalg"
)

// confidence says how much a pair of a user and an item counts: a function of
// its weight x, times what an item's popularity leaves of it.
//
//	power  x^Power
//	log    ln(1 + x)^Power, relative to that of 1
//	bm25   (K+1)·x / (x + K·(1 − B + B·n/n̄)), times ln(1 + U/n_i)
//
// n is the summed weight of the user's history and n̄ its mean; n_i of the U
// users met item i. Papers: Y. Hu, Y. Koren, C. Volinsky, ICDM 2008 (the
// logarithm); S. Robertson, H. Zaragoza, "The Probabilistic Relevance
// Framework: BM25 and Beyond", 2009.
type confidence struct {
	Scheme string
	Power  float64
	Mean   float64 // n̄, of bm25
	// Recency makes the k-th newest item of a history that is folded in count
	// k^−Recency, items of one time alike; training takes all alike.
	Recency float64
	items   []float32 // by item; nil: 1 each
}

// K and B of bm25, as they are in use for words.
const (
	bm25K = 1.2
	bm25B = 0.75
)

// confidenceSchemes are the names in the order in which files number them.
func confidenceSchemes() []string { return []string{"power", "log", "bm25"} }

// newConfidence measures data. popularItems makes a pair count
// n_i^−popularItems, relative to the mean of all pairs.
func newConfidence(scheme string, power, recency, popularItems float64, data *linalg.CSR) confidence {
	c := confidence{Scheme: scheme, Power: power, Recency: recency}
	if scheme != "bm25" && popularItems == 0 {
		return c
	}
	total := 0.0
	counts := make([]float64, data.Width)
	for k, i := range data.Cols {
		counts[i]++
		total += float64(data.Vals[k])
	}
	c.Mean = total / max(1, float64(data.Rows()))
	c.items = make([]float32, data.Width)
	sum := 0.0
	for i, n := range counts {
		weight := math.Pow(max(1, n), -popularItems)
		if scheme == "bm25" {
			weight *= math.Log(1 + float64(data.Rows())/max(1, n))
		}
		c.items[i] = float32(weight)
		sum += n * weight
	}
	for i := range c.items {
		c.items[i] *= float32(max(1, float64(len(data.Cols))) / max(1e-30, sum))
	}
	return c
}

// weigh writes the confidences of one user's pairs; dst may be weights.
func (c *confidence) weigh(dst []float32, items []int32, weights []float32) {
	length := 0.0
	for _, w := range weights {
		length += float64(w)
	}
	for k, i := range items {
		dst[k] = c.of(weights[k], length)
		if c.items != nil {
			dst[k] *= c.items[i]
		}
	}
}

// of returns the confidence of a weight in a history of the given sum.
func (c *confidence) of(weight float32, length float64) float32 {
	x := float64(weight)
	switch c.Scheme {
	case "log":
		x = math.Log1p(x) / math.Ln2
	case "bm25":
		return float32((bm25K + 1) * x / (x + bm25K*(1-bm25B+bm25B*length/max(1e-9, c.Mean))))
	}
	return powered(float32(x), c.Power)
}

// powered returns weight^power.
func powered(weight float32, power float64) float32 {
	switch power {
	case 0:
		return 1
	case 1:
		return weight
	default:
		return float32(math.Pow(float64(weight), power))
	}
}

// matrix returns the confidences of all pairs, in their order.
func (c *confidence) matrix(byUser *linalg.CSR) []float32 {
	x := make([]float32, len(byUser.Vals))
	linalg.Parallel(workers(), byUser.Rows(), func(_, lo, hi int) {
		for u := lo; u < hi; u++ {
			items, weights := byUser.Row(u)
			c.weigh(x[byUser.Starts[u]:byUser.Starts[u+1]], items, weights)
		}
	})
	return x
}

// fold writes the confidences of the items of a history that is folded in;
// dst may be weights. Items of one time are equally new; times are nil if only
// the order is known.
func (c *confidence) fold(dst []float32, items []int32, weights []float32, times []int64) {
	c.weigh(dst, items, weights)
	if c.Recency == 0 {
		return
	}
	place := 1
	for k := len(dst) - 1; k >= 0; k-- {
		if times == nil || k == len(dst)-1 || times[k] != times[k+1] {
			place = len(dst) - k
		}
		dst[k] *= float32(math.Pow(float64(place), -c.Recency))
	}
}

func (c *confidence) write(e *encoder) {
	for number, scheme := range confidenceSchemes() {
		if scheme == c.Scheme {
			e.u32(uint32(number))
		}
	}
	e.f64(c.Power)
	e.f64(c.Mean)
	e.f64(c.Recency)
	e.float32s(c.items)
}

func readConfidence(d *decoder) confidence {
	number, schemes := d.u32(), confidenceSchemes()
	d.check(int(number) < len(schemes))
	if d.err != nil {
		return confidence{}
	}
	c := confidence{Scheme: schemes[number], Power: d.f64(), Mean: d.f64(), Recency: d.f64(), items: d.float32s()}
	d.check(c.Power >= 0, c.Power <= 4, c.Mean >= 0, c.Mean < math.Inf(1), c.Recency >= 0, c.Recency <= maxRecency)
	for _, x := range c.items {
		d.check(x >= 0)
	}
	return c
}
