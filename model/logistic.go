package model

import (
	"cmp"
	"context"
	"errors"
	"io"
	"math"
	"runtime"
	"slices"

	"kindred/dataset"
	"kindred/linalg"
)

// Logistic is logistic regression over one-hot categories, bucketed numbers
// (see design) and crossed columns, learned online by FTRL-proximal (McMahan
// et al., Ad Click Prediction: a View from the Trenches, KDD 2013, algorithm
// 1): with g the gradient of a feature,
//
//	σ = (√(n+g²) − √n)/α,  z += g − σw,  n += g²
//	w = 0 if |z| ≤ λ₁, else −(z − sgn(z)λ₁)/((β+√n)/α + λ₂)
//
// Crosses pairs of columns are chosen by what they add to the main effects: a
// first epoch learns these, then each pair's cells take one Newton step on one
// half of a sample, and the other half says what that gains. A number has
// eight buckets in a cross; its features are hashed into 2^HashBits places.
//
// Departures: rows come in a random order, several times, until held-out rows
// get no better; the intercept is not regularised.
//
// Cost: O(rows·(columns+crosses)) an epoch, on one core, for each row changes
// the weights for the next. Memory: 12 bytes a feature.
type Logistic struct {
	Epochs     int     `json:"epochs" range:"1,1000"`
	LearnRate  float64 `json:"learn_rate" range:"1e-5,10" tune:"0.01,0.3,log"` // α
	Beta       float64 `json:"beta" range:"0,1e3"`
	L1         float64 `json:"l1" range:"0,1e4" tune:"0.01,3,log"`
	Lambda     float64 `json:"lambda" range:"0,1e6" tune:"0.1,30,log"` // λ₂
	Buckets    int     `json:"buckets" range:"2,1024"`
	MinCount   int     `json:"min_count" range:"1,1000000"` // of a category, to have its own feature
	Crosses    int     `json:"crosses" range:"0,1000" tune:"0,64"`
	HashBits   int     `json:"hash_bits" range:"8,28"`
	Patience   int     `json:"patience" range:"0,1000"`
	ValidShare float64 `json:"valid_share" range:"0,0.5"`
	Seed       uint64  `json:"seed"`
}

// NewLogistic returns logistic regression as it does well on click-through
// data.
func NewLogistic() *Logistic {
	return &Logistic{
		Epochs: 20, LearnRate: 0.05, Beta: 1, L1: 0.1, Lambda: 1, Buckets: 32, MinCount: 2,
		Crosses: 16, HashBits: 20, Patience: 2, ValidShare: 0.1, Seed: 1,
	}
}

// Kind returns "logistic".
func (*Logistic) Kind() string { return "logistic" }

// Validate reports every setting out of range.
func (a *Logistic) Validate() error { return validate(a) }

// FitRows learns. It returns a *Linear; progress gets the losses by the names
// learn and valid.
func (a *Logistic) FitRows(ctx context.Context, train, valid *dataset.Rows, progress func(Progress)) (RowModel, error) {
	if err := errors.Join(a.Validate(), ctx.Err()); err != nil {
		return nil, err
	}
	if err := checkRows(train, valid); err != nil {
		return nil, err
	}
	learn, held := holdOut(train, valid, a.ValidShare, a.Seed)
	m := &Linear{design: newDesign(learn, a.Buckets, a.MinCount), base: prior(logisticLoss, learn)}
	run := rowDescent{kind: a.Kind(), loss: logisticLoss, epochs: 1, seed: a.Seed}
	if a.Crosses > 0 && len(m.design.columns) > 1 {
		main := newFTRL(a, m)
		if err := run.run(ctx, main, learn, sample{}, nil); err != nil {
			return nil, err
		}
		m.crosses = chooseCrosses(main, learn, a.Crosses)
		m.hashBits = a.HashBits
	}
	run.epochs, run.patience = a.Epochs, a.Patience
	f := newFTRL(a, m)
	if err := run.run(ctx, f, learn, held, progress); err != nil {
		return nil, err
	}
	m.importance = meanContribution(m, learn)
	return m, nil
}

// ftrl is a Linear under way.
type ftrl struct {
	settings *Logistic
	model    *Linear
	sums     []ftrlSums // by feature
	acts     [][]active // by worker; the last is the learner's
	best     struct {
		base    float64
		weights []float32
	}
	slopes float64 // sum of squares, of the intercept
}

type ftrlSums struct{ z, n float32 }

func newFTRL(a *Logistic, m *Linear) *ftrl {
	m.weights = make([]float32, m.size())
	return &ftrl{settings: a, model: m, sums: make([]ftrlSums, m.size()), acts: make([][]active, runtime.GOMAXPROCS(0)+1)}
}

func (f *ftrl) learn(rows *dataset.Rows) (loss float64) {
	for r := range rows.Len() {
		loss += f.step(rows, r)
	}
	return loss
}

// step learns from a row and returns its loss before.
func (f *ftrl) step(rows *dataset.Rows, r int) float64 {
	a, m, last := f.settings, f.model, len(f.acts)-1
	acts := m.active(f.acts[last][:0], rows, r)
	f.acts[last] = acts
	raw, y, w := m.sum(acts), target(logisticLoss, rows.Labels[r]), float64(rows.Weight(r))
	d := slope(logisticLoss, raw, y) * w
	f.slopes += d * d
	m.base -= a.LearnRate * d / (a.Beta + math.Sqrt(f.slopes))
	for k := range acts {
		s, weight := &f.sums[acts[k].feature], &m.weights[acts[k].feature]
		g := d * float64(acts[k].value)
		before := math.Sqrt(float64(s.n))
		s.n += float32(g * g)
		after := math.Sqrt(float64(s.n))
		s.z += float32(g - (after-before)/a.LearnRate*float64(*weight))
		*weight = 0
		if z := float64(s.z); math.Abs(z) > a.L1 {
			*weight = float32(-(z - math.Copysign(a.L1, z)) / ((a.Beta+after)/a.LearnRate + a.Lambda))
		}
	}
	return w * pointLoss(logisticLoss, raw, y)
}

func (f *ftrl) raw(worker int, rows *dataset.Rows, r int) float64 {
	f.acts[worker] = f.model.active(f.acts[worker][:0], rows, r)
	return f.model.sum(f.acts[worker])
}

func (f *ftrl) keep() {
	f.best.base, f.best.weights = f.model.base, append(f.best.weights[:0], f.model.weights...)
}

func (f *ftrl) restore() { f.model.base, f.model.weights = f.best.base, f.best.weights }

const (
	crossSample  = 100_000 // rows that crosses are chosen on
	crossCells   = 1 << 16 // of a pair's table; cells beyond share
	crossColumns = 64      // those with the most entries are looked at
	crossPrior   = 5.0     // H that a cell's step is shrunk by
)

// chooseCrosses returns the pairs of columns that add most to main effects.
func chooseCrosses(main *ftrl, learn sample, most int) [][2]int32 {
	columns := crossable(main.model.design, learn)
	var rows []int32
	for k := 0; k < len(learn.index); k += max(1, len(learn.index)/crossSample) {
		rows = append(rows, learn.index[k])
	}
	slots := make([]int32, len(rows)*len(columns)) // -1: absent
	g, h := make([]float32, len(rows)), make([]float32, len(rows))
	for k, r := range rows {
		p := sigmoid(main.raw(0, learn.rows, int(r)))
		w := float64(learn.rows.Weight(int(r)))
		g[k], h[k] = float32(w*(target(logisticLoss, learn.rows.Labels[r])-p)), float32(w*p*(1-p))
		for j, c := range columns {
			slots[k*len(columns)+j] = main.model.design.crossSlot(learn.rows, int(r), c)
		}
	}
	type scored struct {
		pair [2]int32
		gain float64
	}
	var pairs []scored
	for i := range columns {
		for j := range i {
			pairs = append(pairs, scored{pair: [2]int32{int32(j), int32(i)}})
		}
	}
	tables := make([][]crossCell, runtime.GOMAXPROCS(0))
	linalg.Parallel(len(tables), len(pairs), func(worker, lo, hi int) {
		if tables[worker] == nil {
			tables[worker] = make([]crossCell, crossCells)
		}
		for k := lo; k < hi; k++ {
			pairs[k].gain = crossGain(tables[worker], pairs[k].pair, slots, len(columns), g, h)
		}
	})
	slices.SortStableFunc(pairs, func(a, b scored) int { return cmp.Compare(b.gain, a.gain) })
	var chosen [][2]int32
	for _, p := range pairs[:min(most, len(pairs))] {
		if p.gain > 0 {
			chosen = append(chosen, [2]int32{columns[p.pair[0]], columns[p.pair[1]]})
		}
	}
	return chosen
}

// crossable returns the columns worth crossing: those present in most rows.
func crossable(d *design, s sample) []int32 {
	var columns []int32
	present := make([]int, len(d.columns))
	for k := 0; k < len(s.index); k += max(1, len(s.index)/crossSample) {
		cols, _ := s.rows.Row(int(s.index[k]))
		for _, c := range cols {
			present[c]++
		}
	}
	for c, n := range present {
		if n > 0 && d.columns[c].size() > slotFirst+1 {
			columns = append(columns, int32(c))
		}
	}
	slices.SortStableFunc(columns, func(a, b int32) int { return cmp.Compare(present[b], present[a]) })
	return slices.Sorted(slices.Values(columns[:min(len(columns), crossColumns)]))
}

// crossCell sums the derivatives of one combination, by half of the sample.
type crossCell struct{ g, h [2]float32 }

// crossGain is how much the loss of one half falls by the Newton steps of the
// other, both ways.
func crossGain(table []crossCell, pair [2]int32, slots []int32, width int, g, h []float32) (gain float64) {
	clear(table)
	for k := range g {
		a, b := slots[k*width+int(pair[0])], slots[k*width+int(pair[1])]
		if a >= 0 && b >= 0 {
			cell, half := &table[mix(uint64(a)<<32|uint64(b))%crossCells], k&1
			cell.g[half] += g[k]
			cell.h[half] += h[k]
		}
	}
	for c := range table {
		for half := range 2 {
			step := float64(table[c].g[half]) / (float64(table[c].h[half]) + crossPrior)
			gain += step*float64(table[c].g[1-half]) - step*step*float64(table[c].h[1-half])/2
		}
	}
	return gain
}

const shapeLinear = "linear"

// Linear is the learned shape of Logistic: a weight for each feature.
type Linear struct {
	design     *design
	crosses    [][2]int32 // columns
	hashBits   int
	base       float64
	weights    []float32 // the design's features, then the places of crosses
	importance []float32
}

// size is how many weights there are.
func (m *Linear) size() int {
	if len(m.crosses) == 0 {
		return m.design.size
	}
	return m.design.size + 1<<m.hashBits
}

// crossBuckets is how many buckets a numeric column has in a cross.
const crossBuckets = 8

// crossSlot is the place of a row's value of a column in a cross, or -1 if the
// row has none.
func (d *design) crossSlot(rows *dataset.Rows, r int, column int32) int32 {
	c := &d.columns[column]
	var v float32
	if rows.Starts == nil {
		v = rows.Vals[r*len(d.columns)+int(column)]
	} else {
		cols, vals := rows.Row(r)
		k := slices.Index(cols, column)
		if k < 0 {
			return -1
		}
		v = vals[k]
	}
	slot, buckets := c.slot(v), int32(len(c.cuts)+1)
	if c.slots == nil && slot != slotMissing && buckets > crossBuckets {
		return slotFirst + (slot-slotFirst)*crossBuckets/buckets
	}
	return slot
}

// active appends the features of a row. A cross has its number for a field,
// counted down from -1.
func (m *Linear) active(acts []active, rows *dataset.Rows, r int) []active {
	acts = m.design.row(acts, rows, r)
	for k, pair := range m.crosses {
		a, b := m.design.crossSlot(rows, r, pair[0]), m.design.crossSlot(rows, r, pair[1])
		if a >= 0 && b >= 0 {
			place := mix(mix(uint64(k))^(uint64(a)<<32|uint64(b))) >> (64 - m.hashBits)
			acts = append(acts, active{feature: int32(m.design.size) + int32(place), field: int32(-1 - k), value: 1})
		}
	}
	return acts
}

func (m *Linear) sum(acts []active) float64 {
	raw := m.base
	for k := range acts {
		raw += float64(m.weights[acts[k].feature] * acts[k].value)
	}
	return raw
}

// Shape returns "linear".
func (*Linear) Shape() string { return shapeLinear }

// Columns returns how many columns the rows must have.
func (m *Linear) Columns() int { return len(m.design.columns) }

// Crosses returns the pairs of columns that are crossed.
func (m *Linear) Crosses() [][2]int32 { return m.crosses }

// Predict implements RowModel. Cost: O(columns+crosses) a row.
func (m *Linear) Predict(predictions []float32, rows *dataset.Rows) {
	eachRow(rows, func(lo, hi int) {
		var acts []active
		for r := lo; r < hi; r++ {
			acts = m.active(acts[:0], rows, r)
			predictions[r] = predicted(logisticLoss, m.sum(acts))
		}
	})
}

// Contributions implements RowModel: weight by weight, those of a cross half
// to each of its columns.
func (m *Linear) Contributions(contributions []float64, rows *dataset.Rows, r int) (base float64) {
	clear(contributions)
	for _, a := range m.active(nil, rows, r) {
		x := float64(m.weights[a.feature] * a.value)
		if a.field >= 0 {
			contributions[a.column] += x
			continue
		}
		pair := m.crosses[-1-a.field]
		contributions[pair[0]] += x / 2
		contributions[pair[1]] += x / 2
	}
	return m.base
}

// Importance is the mean absolute contribution of each column, as a share.
func (m *Linear) Importance() []float64 { return wide(m.importance) }

// WriteTo writes the shape for ReadRows.
func (m *Linear) WriteTo(w io.Writer) (int64, error) {
	e := newEncoder(w, shapeLinear)
	m.design.write(e)
	e.words(2*len(m.crosses), func(i int) uint32 { return uint32(m.crosses[i/2][i%2]) })
	e.u64(uint64(m.hashBits))
	e.f64(m.base)
	e.float32s(m.weights)
	e.float32s(m.importance)
	return e.close()
}

func readLinear(d *decoder) *Linear {
	m := &Linear{design: readDesign(d)}
	flat := d.int32s()
	for k := 0; k+1 < len(flat); k += 2 {
		m.crosses = append(m.crosses, [2]int32{flat[k], flat[k+1]})
		d.check(min(flat[k], flat[k+1]) >= 0, int(max(flat[k], flat[k+1])) < len(m.design.columns))
	}
	m.hashBits = int(d.u64())
	d.check(len(flat)%2 == 0, m.hashBits >= 0, m.hashBits <= 28)
	m.base, m.weights, m.importance = d.f64(), d.float32s(), d.float32s()
	d.check(m.base-m.base == 0, len(m.importance) == len(m.design.columns))
	if d.err == nil {
		d.check(len(m.weights) == m.size())
	}
	return m
}
