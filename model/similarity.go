package model

import (
	"math"
	"slices"

	"kindred/dataset"
	"kindred/linalg"
)

// The similarities of two columns a and b of a sparse matrix x, as itemknn
// (columns are items, rows users) and userknn (the reverse) compare them. s is
// their inner product Σ_r x(r,a)·x(r,b), h the shrinkage, α the asymmetry:
//
//	cosine           s / (‖a‖^2α·‖b‖^2(1−α) + h)
//	jaccard          s / (‖a‖² + ‖b‖² − s + h)
//	pearson          the cosine of the columns less their means
//	adjusted_cosine  the cosine of the columns less the means of the rows
//	tfidf            the cosine where x is √x·idf
//	bm25             the cosine where x is idf·(k₁+1)x / (x + k₁·(1−b+b·length/mean length))
//	llr              2·Σ k·log(k·N/(row·column)) over the 2×2 table of who met a and b
//
// With α = ½ the cosine is the symmetric one; with less, a popular b counts
// less (F. Aiolli, "Efficient Top-N Recommendation for Very Large Scale Binary
// Rated Datasets", RecSys 2013). Jaccard is Tanimoto's extension to weights.
// idf is log(1 + (C−n+½)/(n+½)) of a row with n of C columns, and a column's
// length is its sum. The log-likelihood ratio (T. Dunning, "Accurate Methods
// for the Statistics of Surprise and Coincidence", Computational Linguistics
// 1993) counts pairs, whatever their weights, takes no shrinkage, as it knows
// what little support means, and is zero where a and b meet less than by chance.
//
// Means: over the ratings, where the data has ratings (a pair not rated is
// then as the mean, so that norms run over all raters of a column, not over
// those both columns share: it takes one sum a pair, and little overlap counts
// little); over all entries of the column or row, zeros included, where it has
// not.
const (
	cosine         = "cosine"
	jaccard        = "jaccard"
	pearson        = "pearson"
	adjustedCosine = "adjusted_cosine"
	tfidf          = "tfidf"
	bm25           = "bm25"
	llr            = "llr"
)

// similarities lists their names, in the order in which files number them.
func similarities() []string {
	return []string{cosine, jaccard, pearson, adjustedCosine, tfidf, bm25, llr}
}

// similarity is what itemknn and userknn share of their settings.
type similarity struct {
	Name        string
	Shrink      float64
	Asymmetry   float64
	WeightPower float64
	Damping     float64 // x is divided by (entries of its row)^(Damping/2)
	K1, B       float64 // of bm25
	explicit    bool    // it compares ratings
}

// leastWeight keeps the product of two weights from becoming zero, which
// would look like two columns that never met.
const leastWeight = 1e-15

// weights are the numbers that turn entries into x, kept to treat a column
// that was not there yet the same way.
type weights struct {
	similarity
	factors    []float32 // rows: damping and idf
	means      []float32 // rows: of the ratings; nil: not wanted
	meanLength float64   // of the columns
}

// of returns the similarity and what it compares, users×items: the ratings, if
// there are any and it is one of ratings, and what was met otherwise.
func (s similarity) of(data *dataset.Interactions) (similarity, *linalg.CSR) {
	s.explicit = data.Ratings != nil && (s.Name == pearson || s.Name == adjustedCosine)
	if s.explicit {
		return s, data.Ratings
	}
	return s, data.ByUser
}

// weigh finds the weights for a matrix of weights, or of ratings.
func (s similarity) weigh(m *linalg.CSR) *weights {
	w := &weights{similarity: s, factors: make([]float32, m.Rows())}
	if s.explicit && s.Name == adjustedCosine {
		w.means = make([]float32, m.Rows())
	}
	total := 0.0
	for r := range m.Rows() {
		_, vals := m.Row(r)
		sum, n := 0.0, float64(len(vals))
		for _, v := range vals {
			sum += w.base(v)
		}
		total += sum
		factor := math.Pow(max(n, 1), -s.Damping/2)
		switch s.Name {
		case tfidf, bm25:
			factor *= math.Log1p((float64(m.Width) - n + .5) / (n + .5))
		case llr:
			factor = 1
		}
		w.factors[r] = float32(factor)
		if w.means != nil && n > 0 {
			w.means[r] = float32(sum / n)
		}
	}
	w.meanLength = max(total/float64(max(m.Width, 1)), leastWeight)
	return w
}

// base is an entry before anything is known of its row and column.
func (w *weights) base(value float32) float64 {
	switch {
	case w.Name == llr:
		return 1
	case w.explicit || w.WeightPower == 1:
		return float64(value)
	case w.WeightPower == 0:
		return 1
	default:
		return math.Pow(float64(value), w.WeightPower)
	}
}

// byColumn says whether x depends on what else is in its column.
func (w *weights) byColumn() bool { return w.Name == bm25 || (w.explicit && w.Name == pearson) }

// row writes x over the entries of row r, unless x depends on the column.
func (w *weights) row(r int, values []float32) {
	for k, v := range values {
		values[k] = w.entry(v, int32(r), 0)
	}
}

// column writes x over the entries of one column.
func (w *weights) column(rows []int32, values []float32) {
	sum := 0.0
	for _, v := range values {
		sum += w.base(v)
	}
	about := sum / w.meanLength
	if w.explicit {
		about = sum / float64(max(len(values), 1))
	}
	for k, r := range rows {
		values[k] = w.entry(values[k], r, about)
	}
}

// apply returns x for the entries of m, and its transpose.
func (w *weights) apply(m *linalg.CSR) (x, transposed *linalg.CSR) {
	x = &linalg.CSR{Starts: m.Starts, Cols: m.Cols, Vals: slices.Clone(m.Vals), Width: m.Width}
	if w.byColumn() {
		transposed = x.Transpose()
		for c := range transposed.Rows() {
			rows, values := transposed.Row(c)
			w.column(rows, values)
		}
		x = transposed.Transpose()
		return x, transposed
	}
	for r := range x.Rows() {
		_, values := x.Row(r)
		w.row(r, values)
	}
	transposed = x.Transpose()
	return x, transposed
}

// entry returns x of an entry of row r; about is the mean of its column for
// ratings, and its length as a multiple of the mean length for bm25.
func (w *weights) entry(value float32, r int32, about float64) float32 {
	x, factor := w.base(value), float64(w.factors[r])
	switch {
	case w.explicit && w.means != nil:
		return float32((x - float64(w.means[r])) * factor)
	case w.explicit:
		return float32((x - about) * factor)
	case w.Name == tfidf:
		x = math.Sqrt(x)
	case w.Name == bm25:
		x *= (w.K1 + 1) / (x + w.K1*(1-w.B+w.B*about))
	}
	return float32(max(x*factor, leastWeight))
}

// centring is what takes the means of implicit entries from an inner product
// without making anything dense: pearson by s − Σa·Σb/N, adjusted cosine by
// s − Σ_r m_r·a_r − Σ_r m_r·b_r + Σ_r m_r² for the means m of N rows.
type centring struct {
	rows     float64
	means    []float32 // rows: m, for adjusted cosine; nil: pearson
	constant float64   // Σ m²
}

// summary is what a similarity needs to know of one column.
type summary struct {
	left, right    float32 // factors of the denominator, as a and as b
	product, drift float32 // centring: Σx/√N and Σ_r m_r·x_r
}

// number returns one of the four.
func (s *summary) number(n int) *float32 {
	return [...]*float32{&s.left, &s.right, &s.product, &s.drift}[n]
}

// centring returns nil where nothing is to be centred so.
func (s similarity) centring(x *linalg.CSR) *centring {
	if s.explicit || (s.Name != pearson && s.Name != adjustedCosine) {
		return nil
	}
	c := &centring{rows: float64(max(x.Rows(), 1))}
	if s.Name == adjustedCosine {
		c.means = make([]float32, x.Rows())
		for r := range c.means {
			_, vals := x.Row(r)
			sum := 0.0
			for _, v := range vals {
				sum += float64(v)
			}
			mean := sum / float64(max(x.Width, 1))
			c.means[r] = float32(mean)
			c.constant += float64(c.means[r]) * float64(c.means[r])
		}
	}
	return c
}

// summarise looks once through a column of x.
func (s similarity) summarise(c *centring, rows []int32, x []float32) summary {
	sum, square, drift := 0.0, 0.0, 0.0
	for k, v := range x {
		sum += float64(v)
		square += float64(v) * float64(v)
		if c != nil && c.means != nil {
			drift += float64(c.means[rows[k]]) * float64(v)
		}
	}
	var about summary
	switch {
	case s.Name == llr:
		about.left, about.right = float32(len(x)), float32(len(x))
		return about
	case s.Name == jaccard:
		about.left, about.right = float32(square), float32(square)
		return about
	case c != nil && c.means != nil:
		square += c.constant - 2*drift
		about.drift = float32(drift)
	case c != nil:
		square -= sum * sum / c.rows
		about.product = float32(sum / math.Sqrt(c.rows))
	}
	square = max(square, leastWeight*leastWeight)
	about.left = float32(math.Pow(square, s.Asymmetry))
	about.right = float32(math.Pow(square, 1-s.Asymmetry))
	return about
}

// score turns inner products of column a with others, in their place, into
// similarities; rows is the height of the matrix.
func (s similarity) score(a summary, others []summary, columns []int32, dots []float32, c *centring, rows int) {
	shrink := float32(s.Shrink)
	switch {
	case s.Name == jaccard:
		for n, j := range columns {
			dots[n] /= a.left + others[j].right - dots[n] + shrink
		}
	case s.Name == llr:
		for n, j := range columns {
			dots[n] = float32(logLikelihoodRatio(float64(dots[n]), float64(a.left), float64(others[j].right), float64(rows)))
		}
	case c != nil:
		constant := float32(c.constant)
		for n, j := range columns {
			b := &others[j]
			dots[n] = (dots[n] - a.product*b.product - a.drift - b.drift + constant) / (a.left*b.right + shrink)
		}
	default:
		for n, j := range columns {
			dots[n] /= a.left*others[j].right + shrink
		}
	}
}

// logLikelihoodRatio returns Dunning's 2·log λ for two events that happened
// both times together, a and b times in all, out of n; 0 if they met less
// often than by chance.
func logLikelihoodRatio(both, a, b, n float64) float64 {
	if both*n <= a*b {
		return 0
	}
	term := func(k, row, column float64) float64 {
		if k <= 0 {
			return 0
		}
		return k * math.Log(k*n/(row*column))
	}
	return 2 * (term(both, a, b) + term(a-both, a, n-b) + term(b-both, n-a, b) + term(n-a-b+both, n-a, n-b))
}

// sharpen takes scores above zero to a power; the others become zero.
func sharpen(scores []float32, power float64) {
	if power == 1 {
		return
	}
	for n, x := range scores {
		scores[n] = float32(math.Pow(float64(max(x, 0)), power))
	}
}

// discounts returns (entries of the row)^−power; nil if that is 1 for all.
func discounts(m *linalg.CSR, power float64) []float32 {
	if power == 0 {
		return nil
	}
	factors := make([]float32, m.Rows())
	for r := range factors {
		factors[r] = float32(math.Pow(float64(max(1, m.Starts[r+1]-m.Starts[r])), -power))
	}
	return factors
}

// discount multiplies the scores of items by their discounts.
func discount(items []int32, scores, discounts []float32) {
	if discounts == nil {
		return
	}
	for n, j := range items {
		scores[n] *= discounts[j]
	}
}

// newest returns the last n entries of each row; all if n is 0.
func newest(m *linalg.CSR, n int) *linalg.CSR {
	longest := 0
	for r := range m.Rows() {
		longest = max(longest, m.Starts[r+1]-m.Starts[r])
	}
	if n == 0 || longest <= n {
		return m
	}
	cut := &linalg.CSR{Starts: make([]int, 1, m.Rows()+1), Width: m.Width}
	for r := range m.Rows() {
		cols, vals := m.Row(r)
		from := max(0, len(cols)-n)
		cut.Cols, cut.Vals = append(cut.Cols, cols[from:]...), append(cut.Vals, vals[from:]...)
		cut.Starts = append(cut.Starts, len(cut.Cols))
	}
	return cut
}
