package model

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"

	"kindred/dataset"
	"kindred/linalg"
)

// FM is a factorisation machine (Rendle, Factorization Machines, ICDM 2010)
// over one-hot categories and bucketed numbers (see design):
//
//	s(x) = b + Σᵢ wᵢxᵢ + Σᵢ<ⱼ ⟨vᵢ, vⱼ⟩xᵢxⱼ
//
// learned row by row with AdaGrad (Duchi, Hazan & Singer, JMLR 2011), each
// weight at the rate η/√(ε+Σg²), λ shrinking what a row touches.
//
// Departure: some 64 rows are looked at with the weights that the first of them
// found, on all cores if they are wide; single steps gave no better loss.
// For the squared loss, labels are learned in units of their deviation.
//
// Cost: O(features of a row·factors) a row and epoch. Memory: 12(factors+1)
// bytes a feature.
type FM struct {
	Loss       string  `json:"loss" oneof:"logistic squared"`
	Factors    int     `json:"factors" range:"1,1024" tune:"4,64,log"`
	Epochs     int     `json:"epochs" range:"1,1000"`
	LearnRate  float64 `json:"learn_rate" range:"1e-5,10" tune:"0.01,0.3,log"`
	Lambda     float64 `json:"lambda" range:"0,10" tune:"1e-3,0.1,log"`
	InitScale  float64 `json:"init_scale" range:"1e-6,10"` // the deviation of a first vector's norm
	Buckets    int     `json:"buckets" range:"2,1024"`
	MinCount   int     `json:"min_count" range:"1,1000000"` // of a category, to have its own feature
	Patience   int     `json:"patience" range:"0,1000"`
	ValidShare float64 `json:"valid_share" range:"0,0.5"`
	Seed       uint64  `json:"seed"`
}

// NewFM returns a factorisation machine as it does well on click-through data.
func NewFM() *FM {
	return &FM{
		Loss: logisticLoss, Factors: 16, Epochs: 30, LearnRate: 0.1, Lambda: 0.02, InitScale: 0.2,
		Buckets: 32, MinCount: 2, Patience: 2, ValidShare: 0.1, Seed: 1,
	}
}

// Kind returns "fm".
func (*FM) Kind() string { return "fm" }

// Validate reports every setting out of range.
func (a *FM) Validate() error { return validate(a) }

// FitRows learns. It returns a *RowFactors; progress gets the losses by the
// names learn and valid.
func (a *FM) FitRows(ctx context.Context, train, valid *dataset.Rows, progress func(Progress)) (RowModel, error) {
	if err := errors.Join(a.Validate(), ctx.Err()); err != nil {
		return nil, err
	}
	return a.factorise(ctx, train, valid, progress, a.Kind())
}

// FFM is a field-aware factorisation machine (Juan et al., Field-aware
// Factorization Machines for CTR Prediction, RecSys 2016): a feature has a
// vector for the field of each other one,
//
//	s(x) = b + Σᵢ wᵢxᵢ + Σᵢ<ⱼ ⟨v(i, field of j), v(j, field of i)⟩xᵢxⱼ
//
// with rows scaled to length 1 in the last sum, learned as FM is. A column is
// a field, unless a libffm file says otherwise.
//
// Cost: O(features of a row²·factors) a row and epoch. Memory:
// 12(fields·factors+1) bytes a feature.
type FFM struct {
	Loss       string  `json:"loss" oneof:"logistic squared"`
	Factors    int     `json:"factors" range:"1,1024" tune:"2,16,log"`
	Epochs     int     `json:"epochs" range:"1,1000"`
	LearnRate  float64 `json:"learn_rate" range:"1e-5,10" tune:"0.01,0.3,log"`
	Lambda     float64 `json:"lambda" range:"0,10" tune:"1e-5,1e-2,log"`
	InitScale  float64 `json:"init_scale" range:"1e-6,10"` // the deviation of a first vector's norm
	Buckets    int     `json:"buckets" range:"2,1024"`
	MinCount   int     `json:"min_count" range:"1,1000000"` // of a category, to have its own feature
	Patience   int     `json:"patience" range:"0,1000"`
	ValidShare float64 `json:"valid_share" range:"0,0.5"`
	Seed       uint64  `json:"seed"`
}

// NewFFM returns a field-aware factorisation machine as it does well on
// click-through data.
func NewFFM() *FFM {
	return &FFM{
		Loss: logisticLoss, Factors: 4, Epochs: 30, LearnRate: 0.2, Lambda: 1e-3, InitScale: 0.5,
		Buckets: 32, MinCount: 2, Patience: 1, ValidShare: 0.1, Seed: 1,
	}
}

// Kind returns "ffm".
func (*FFM) Kind() string { return "ffm" }

// Validate reports every setting out of range.
func (a *FFM) Validate() error { return validate(a) }

// FitRows learns. It returns a *RowFactors; progress gets the losses by the
// names learn and valid.
func (a *FFM) FitRows(ctx context.Context, train, valid *dataset.Rows, progress func(Progress)) (RowModel, error) {
	if err := errors.Join(a.Validate(), ctx.Err()); err != nil {
		return nil, err
	}
	return (*FM)(a).factorise(ctx, train, valid, progress, a.Kind())
}

// maxRowWeights bounds the weights of a model: 12 bytes each while it learns.
const maxRowWeights = 1 << 30

// factorise learns either kind.
func (a *FM) factorise(ctx context.Context, train, valid *dataset.Rows, progress func(Progress), kind string) (RowModel, error) {
	if err := checkRows(train, valid); err != nil {
		return nil, err
	}
	learn, held := holdOut(train, valid, a.ValidShare, a.Seed)
	unit := labelScale{deviation: 1}
	if a.Loss == squaredLoss { // of whatever size labels are, steps and vectors are of theirs
		unit = scaleOf(learn)
		learn, held, progress = unit.apply(learn), unit.apply(held), unit.told(progress)
	}
	m := &RowFactors{loss: a.Loss, design: newDesign(learn, a.Buckets, a.MinCount), factors: a.Factors, fields: 1, base: prior(a.Loss, learn)}
	if kind == "ffm" {
		m.fields = max(1, m.design.fields)
	}
	if n := m.design.size * m.width(); n > maxRowWeights {
		return nil, fmt.Errorf("model: %s: %d features of %d numbers are too many (try a larger min_count, fewer factors, or fm instead of ffm)", kind, m.design.size, m.width())
	}
	m.weights = make([]float32, m.design.size*m.width())
	m.draw(a.Seed, a.InitScale)
	f := newFactoriser(a, m, learn.rows)
	run := rowDescent{kind: kind, loss: a.Loss, epochs: a.Epochs, patience: a.Patience, seed: a.Seed}
	if err := run.run(ctx, f, learn, held, progress); err != nil {
		return nil, err
	}
	m.importance = meanContribution(m, learn)
	if err := m.rescale(unit); err != nil {
		return nil, err
	}
	return m, nil
}

const shapeRowFactors = "rowfactors"

// RowFactors is the learned shape of FM and FFM: for each feature a weight and
// a vector, or one for each field.
type RowFactors struct {
	loss       string
	design     *design
	factors    int
	fields     int // 1: FM
	base       float64
	weights    []float32 // by feature: w, then fields×factors of v
	importance []float32
}

// draw draws the first vectors; linear weights are 0.
func (m *RowFactors) draw(seed uint64, scale float64) {
	dice, deviation, width := rand.New(rand.NewPCG(seed, 1)), scale/math.Sqrt(float64(m.factors)), m.width()
	for k := range m.weights {
		if k%width > 0 {
			m.weights[k] = float32(deviation * dice.NormFloat64())
		}
	}
}

// rescale has the scores be of labels as they are; an error says that those are
// too large.
func (m *RowFactors) rescale(unit labelScale) error {
	m.base = unit.mean + unit.deviation*m.base
	linear, root, width := float32(unit.deviation), float32(math.Sqrt(unit.deviation)), m.width()
	for k := range m.weights {
		if k%width == 0 {
			m.weights[k] *= linear
		} else {
			m.weights[k] *= root // of two vectors, whose product counts
		}
		if x := m.weights[k]; x-x != 0 {
			return fmt.Errorf("model: labels of deviation %g are too large to predict (divide them)", unit.deviation)
		}
	}
	return nil
}

func (m *RowFactors) width() int { return 1 + m.fields*m.factors }

// vector is what feature a has for feature b.
func (m *RowFactors) vector(a, b *active) []float32 {
	at := int(a.feature)*m.width() + 1
	if m.fields > 1 {
		at += int(b.field) * m.factors
	}
	return m.weights[at : at+m.factors : at+m.factors]
}

// linear is the raw score without pairs.
func (m *RowFactors) linear(acts []active) float64 {
	raw, width := m.base, m.width()
	for k := range acts {
		raw += float64(m.weights[int(acts[k].feature)*width] * acts[k].value)
	}
	return raw
}

// score computes the raw score of a row and leaves its features in s.
func (m *RowFactors) score(s *rowScratch, rows *dataset.Rows, r int) float64 {
	s.acts = m.design.row(s.acts[:0], rows, r)
	raw := m.linear(s.acts)
	if m.fields > 1 {
		return raw + m.pairs(s)
	}
	s.sum = sized(s.sum, m.factors)
	clear(s.sum)
	own := float32(0)
	for k := range s.acts {
		a := &s.acts[k]
		v := m.vector(a, a)
		linalg.Axpy(a.value, v, s.sum)
		own += a.value * a.value * linalg.Dot(v, v)
	}
	return raw + float64(linalg.Dot(s.sum, s.sum)-own)/2
}

// scale is what the pairs of a row are multiplied by: 1/‖x‖² of FFM.
func (m *RowFactors) scale(acts []active) float32 {
	norm := float32(0)
	for k := range acts {
		norm += acts[k].value * acts[k].value
	}
	return 1 / max(norm, 1e-30)
}

// pairs sums the products of all pairs of FFM.
func (m *RowFactors) pairs(s *rowScratch) float64 {
	sum := float32(0)
	for i := range s.acts {
		for j := range i {
			a, b := &s.acts[i], &s.acts[j]
			sum += a.value * b.value * linalg.Dot(m.vector(a, b), m.vector(b, a))
		}
	}
	return float64(sum * m.scale(s.acts))
}

// slopes computes the raw score, as score does, and the derivatives of it by all
// weights of the row's features.
func (m *RowFactors) slopes(s *rowScratch, rows *dataset.Rows, r int) (raw float64) {
	if m.fields > 1 {
		s.acts = m.design.row(s.acts[:0], rows, r)
		return m.linear(s.acts) + m.fieldSlopes(s)
	}
	raw = m.score(s, rows, r)
	width := m.width()
	s.gradient = sized(s.gradient, width*len(s.acts))
	for k := range s.acts {
		a, g := &s.acts[k], s.gradient[k*width:(k+1)*width]
		g[0] = a.value
		v := m.vector(a, a)
		for f, x := range s.sum {
			g[1+f] = a.value * (x - a.value*v[f])
		}
	}
	return raw
}

// fieldSlopes does so for FFM; it returns the pairs' part. Vectors are short:
// kernels would not pay.
func (m *RowFactors) fieldSlopes(s *rowScratch) float64 {
	width, scale, sum := m.width(), m.scale(s.acts), float32(0)
	s.gradient = sized(s.gradient, width*len(s.acts))
	clear(s.gradient)
	for i := range s.acts {
		a := &s.acts[i]
		own := s.gradient[i*width : (i+1)*width]
		own[0] = a.value
		for j := range i {
			b := &s.acts[j]
			x, product := a.value*b.value*scale, float32(0)
			ga := own[1+int(b.field)*m.factors:][:m.factors]
			gb := s.gradient[j*width+1+int(a.field)*m.factors:][:m.factors]
			va, vb := m.vector(a, b)[:len(ga)], m.vector(b, a)[:len(ga)]
			for f := range ga {
				product += va[f] * vb[f]
				ga[f] += x * vb[f]
				gb[f] += x * va[f]
			}
			sum += x * product
		}
	}
	return float64(sum)
}

// Shape returns "rowfactors".
func (*RowFactors) Shape() string { return shapeRowFactors }

// Columns returns how many columns the rows must have.
func (m *RowFactors) Columns() int { return len(m.design.columns) }

// Predict implements RowModel. Cost: that of an epoch without its steps.
func (m *RowFactors) Predict(predictions []float32, rows *dataset.Rows) {
	eachRow(rows, func(lo, hi int) {
		var s rowScratch
		for r := lo; r < hi; r++ {
			predictions[r] = predicted(m.loss, m.score(&s, rows, r))
		}
	})
}

// Contributions implements RowModel: the linear term, and half of the product
// with each other feature.
func (m *RowFactors) Contributions(contributions []float64, rows *dataset.Rows, r int) (base float64) {
	clear(contributions)
	acts, scale := m.design.row(nil, rows, r), float32(1)
	if m.fields > 1 {
		scale = m.scale(acts)
	}
	for i := range acts {
		a := &acts[i]
		contributions[a.column] += float64(m.weights[int(a.feature)*m.width()] * a.value)
		for j := range i {
			b := &acts[j]
			half := float64(scale*a.value*b.value*linalg.Dot(m.vector(a, b), m.vector(b, a))) / 2
			contributions[a.column] += half
			contributions[b.column] += half
		}
	}
	return m.base
}

// Importance is the mean absolute contribution of each column, as a share.
func (m *RowFactors) Importance() []float64 { return wide(m.importance) }

// WriteTo writes the shape for ReadRows.
func (m *RowFactors) WriteTo(w io.Writer) (int64, error) {
	e := newEncoder(w, shapeRowFactors)
	e.text(m.loss)
	m.design.write(e)
	e.u64(uint64(m.factors))
	e.u64(uint64(m.fields))
	e.f64(m.base)
	e.float32s(m.weights)
	e.float32s(m.importance)
	return e.close()
}

func readRowFactors(d *decoder) *RowFactors {
	m := &RowFactors{loss: d.text(), design: readDesign(d), factors: int(d.u64()), fields: int(d.u64())}
	m.base, m.weights, m.importance = d.f64(), d.float32s(), d.float32s()
	d.check(slices.Contains([]string{logisticLoss, squaredLoss}, m.loss), m.base-m.base == 0,
		m.factors > 0, m.factors <= 1024, m.fields == 1 || m.fields == m.design.fields, len(m.importance) == len(m.design.columns))
	if d.err == nil {
		d.check(len(m.weights) == m.design.size*m.width())
	}
	return m
}
