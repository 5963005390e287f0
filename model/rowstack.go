package model

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"kindred/dataset"
	"kindred/linalg"
)

// RowStack combines rankers of other kinds (Wolpert, RowStacked Generalization,
// Neural Networks 1992): a logistic regression over their log-odds z,
//
//	s(x) = b + Σₘ βₘ·zₘ(x)
//
// learned on rows that none of them has learned from, β shrunk to the mean
// 1/members and b to 0. What trees, crosses and factorisation miss is not the
// same, so it is rarely worse than the best of them. A member that is null in
// the settings is left out.
//
// Departure: the rows held out are also those that members stop by. When they
// are held out of the training rows, members are then fitted anew on all of
// them, for as many epochs as were best.
//
// Cost: its members', twice where there are no validation rows.
type RowStack struct {
	Logistic   *Logistic `json:"logistic"`
	FFM        *FFM      `json:"ffm"`
	GBDT       *GBDT     `json:"gbdt"`
	Lambda     float64   `json:"lambda" range:"1e-3,1e6"`
	ValidShare float64   `json:"valid_share" range:"0.01,0.5"` // held out when there is no validation data
	Seed       uint64    `json:"seed"`                         // of the members too
}

// NewRowStack returns a stack of a linear model, a factorisation and trees.
func NewRowStack() *RowStack {
	return &RowStack{Logistic: NewLogistic(), FFM: NewFFM(), GBDT: NewGBDT(), Lambda: 10, ValidShare: 0.1, Seed: 1}
}

// Kind returns "rowstack".
func (*RowStack) Kind() string { return "rowstack" }

// Validate reports every setting out of range, those of members included, and
// members that do not predict probabilities.
func (a *RowStack) Validate() error {
	faults := []error{validate(a)}
	if a.FFM != nil && a.FFM.Loss != logisticLoss || a.GBDT != nil && a.GBDT.Loss != logisticLoss {
		faults = append(faults, fmt.Errorf("members of a stack have the loss logistic"))
	}
	members := a.members()
	if len(members) == 0 {
		faults = append(faults, fmt.Errorf("a stack has members"))
	}
	for _, member := range members {
		if err := member.Validate(); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", member.Kind(), err))
		}
	}
	return errors.Join(faults...)
}

// members returns copies of the members, with the seed.
func (a *RowStack) members() (members []RowAlgorithm) {
	if a.Logistic != nil {
		member := *a.Logistic
		member.Seed = a.Seed
		members = append(members, &member)
	}
	if a.FFM != nil {
		member := *a.FFM
		member.Seed = a.Seed
		members = append(members, &member)
	}
	if a.GBDT != nil {
		member := *a.GBDT
		member.Seed = a.Seed
		members = append(members, &member)
	}
	return members
}

// ForEpochs returns the algorithm set to learn from all rows for n epochs, or
// trees, with nothing held out. A stack, which has no epochs of its own, comes
// back as it is.
func ForEpochs(a RowAlgorithm, n int) RowAlgorithm {
	n = max(n, 1)
	switch a := a.(type) {
	case *Logistic:
		b := *a
		b.Epochs, b.Patience, b.ValidShare = n, 0, 0
		return &b
	case *FM:
		b := *a
		b.Epochs, b.Patience, b.ValidShare = n, 0, 0
		return &b
	case *FFM:
		b := *a
		b.Epochs, b.Patience, b.ValidShare = n, 0, 0
		return &b
	case *GBDT:
		b := *a
		b.Trees, b.Patience, b.ValidShare = n, 0, 0
		return &b
	default:
		return a
	}
}

// FitRows fits the members, then their weights. It returns a *RowStacked;
// progress gets the members' losses, epochs counted through.
func (a *RowStack) FitRows(ctx context.Context, train, valid *dataset.Rows, progress func(Progress)) (RowModel, error) {
	if err := errors.Join(a.Validate(), ctx.Err()); err != nil {
		return nil, err
	}
	if err := checkRows(train, valid); err != nil {
		return nil, err
	}
	learn, held := holdOut(train, valid, a.ValidShare, a.Seed)
	rows, judges := train, held.rows.Select(held.index)
	if valid == nil {
		rows = train.Select(learn.index)
	}
	m := &RowStacked{columns: train.Columns.Len(), again: a.members()}
	best, err := m.fit(ctx, rows, judges, progress)
	if err != nil {
		return nil, err
	}
	m.weigh(judges, a.Lambda)
	for k, member := range m.again {
		m.again[k] = ForEpochs(member, best[k])
	}
	if valid == nil && judges.Len() > 0 {
		return m.Refit(ctx, train, progress)
	}
	return m, nil
}

const shapeRowStacked = "rowstacked"

// RowStacked is the learned shape of RowStack.
type RowStacked struct {
	columns int
	members []RowModel
	weights []float64      // by member
	base    float64        // b
	again   []RowAlgorithm // the members, for Refit; nil once loaded
}

// Refit returns the stack with members fitted anew on other rows, for as many
// epochs as were best, and the weights it has. Only a stack just fitted can.
func (m *RowStacked) Refit(ctx context.Context, rows *dataset.Rows, progress func(Progress)) (RowModel, error) {
	if len(m.again) == 0 {
		return nil, fmt.Errorf("model: a loaded stack has no settings to be fitted again (fit a new one)")
	}
	other := &RowStacked{columns: m.columns, weights: m.weights, base: m.base, again: m.again}
	if _, err := other.fit(ctx, rows, nil, progress); err != nil {
		return nil, err
	}
	return other, nil
}

// fit fits the members and returns the epoch of each that was best on valid.
func (m *RowStacked) fit(ctx context.Context, rows, valid *dataset.Rows, progress func(Progress)) (best []int, err error) {
	if valid != nil && valid.Len() == 0 {
		valid = nil
	}
	epoch := 0
	for _, algorithm := range m.again {
		least, at := math.Inf(1), 0
		member, err := algorithm.FitRows(ctx, rows, valid, func(p Progress) {
			epoch++
			if x, told := p.Loss["valid"]; !told || x < least {
				least, at = x, p.Epoch
			}
			if progress != nil {
				progress(Progress{Epoch: epoch, Epochs: epoch + p.Epochs - p.Epoch, Loss: p.Loss})
			}
		})
		if err != nil {
			return nil, err
		}
		m.members, best = append(m.members, member), append(best, at)
	}
	return best, nil
}

// odds returns the members' log-odds of rows, row by row.
func (m *RowStacked) odds(rows *dataset.Rows) []float64 {
	width := len(m.members)
	odds, predictions := make([]float64, rows.Len()*width), make([]float32, rows.Len())
	for k, member := range m.members {
		member.Predict(predictions, rows)
		for r, p := range predictions {
			odds[r*width+k] = logit(float64(p))
		}
	}
	return odds
}

// raw is the combined score of one row's log-odds.
func (m *RowStacked) raw(odds []float64) float64 {
	sum := m.base
	for k, weight := range m.weights {
		sum += weight * odds[k]
	}
	return sum
}

// weigh finds the weights by Newton's method, halving steps that do not
// descend, from the mean, which rows without labels leave as it is.
func (m *RowStacked) weigh(rows *dataset.Rows, lambda float64) {
	width := len(m.members)
	m.weights = make([]float64, width)
	for k := range m.weights {
		m.weights[k] = 1 / float64(width)
	}
	fit := rowStackFit{rows: rows, odds: m.odds(rows), lambda: lambda, width: width}
	at := append([]float64{0}, m.weights...)
	for range 30 {
		step, ok := fit.newton(at)
		if !ok {
			break
		}
		loss, share := fit.loss(at), 1.0
		next := shifted(at, step, share)
		for share > 1e-6 && fit.loss(next) > loss {
			share /= 2
			next = shifted(at, step, share)
		}
		if share <= 1e-6 || loss-fit.loss(next) <= 1e-10*loss {
			break
		}
		at = next
	}
	m.base, m.weights = at[0], at[1:]
}

func shifted(at, step []float64, share float64) []float64 {
	next := make([]float64, len(at))
	for k := range next {
		next[k] = at[k] - share*step[k]
	}
	return next
}

// rowStackFit is a stack's weights under way: b, then β.
type rowStackFit struct {
	rows   *dataset.Rows
	odds   []float64
	lambda float64
	width  int
}

// off is how far weight k is from what it is shrunk to.
func (f *rowStackFit) off(at []float64, k int) float64 {
	if k == 0 {
		return at[0]
	}
	return at[k] - 1/float64(f.width)
}

func (f *rowStackFit) raw(at []float64, r int) float64 {
	sum := at[0]
	for k, z := range f.odds[r*f.width : (r+1)*f.width] {
		sum += at[k+1] * z
	}
	return sum
}

func (f *rowStackFit) loss(at []float64) (sum float64) {
	for r, label := range f.rows.Labels {
		sum += float64(f.rows.Weight(r)) * pointLoss(logisticLoss, f.raw(at, r), target(logisticLoss, label))
	}
	for k := range at {
		sum += f.lambda / 2 * f.off(at, k) * f.off(at, k)
	}
	return sum
}

// newton returns H⁻¹·G; ok is false where there is none.
func (f *rowStackFit) newton(at []float64) (step []float64, ok bool) {
	n := len(at)
	g, h, x := make([]float64, n), make([]float64, n*n), make([]float64, n)
	for r, label := range f.rows.Labels {
		x[0] = 1
		copy(x[1:], f.odds[r*f.width:(r+1)*f.width])
		p, w := sigmoid(f.raw(at, r)), float64(f.rows.Weight(r))
		d, curve := w*(p-target(logisticLoss, label)), w*p*(1-p)
		for i := range n {
			g[i] += d * x[i]
			for j := range i + 1 {
				h[i*n+j] += curve * x[i] * x[j]
			}
		}
	}
	narrow, solution := make([]float32, n*n), make([]float32, n)
	for k := range n {
		g[k] += f.lambda * f.off(at, k)
		h[k*n+k] += f.lambda
		solution[k] = float32(g[k])
	}
	for k, v := range h {
		narrow[k] = float32(v)
	}
	if linalg.Cholesky(narrow, n) != nil {
		return nil, false
	}
	linalg.CholeskySolve(narrow, n, solution)
	return wide(solution), true
}

// Weights returns the weights of the members, in the order of the settings.
func (m *RowStacked) Weights() []float64 { return m.weights }

// Shape returns "rowstacked".
func (*RowStacked) Shape() string { return shapeRowStacked }

// Columns returns how many columns the rows must have.
func (m *RowStacked) Columns() int { return m.columns }

// Predict implements RowModel. Cost: that of all members.
func (m *RowStacked) Predict(predictions []float32, rows *dataset.Rows) {
	odds, width := m.odds(rows), len(m.members)
	for r := range predictions {
		predictions[r] = predicted(logisticLoss, m.raw(odds[r*width:(r+1)*width]))
	}
}

// Contributions implements RowModel: those of the members, weighted.
func (m *RowStacked) Contributions(contributions []float64, rows *dataset.Rows, r int) (base float64) {
	clear(contributions)
	one := make([]float64, len(contributions))
	base = m.base
	for k, member := range m.members {
		base += m.weights[k] * member.Contributions(one, rows, r)
		for c, x := range one {
			contributions[c] += m.weights[k] * x
		}
	}
	return base
}

// Importance is the mean of the members', by the size of their weights.
func (m *RowStacked) Importance() []float64 {
	total := make([]float64, m.columns)
	for k, member := range m.members {
		for c, x := range member.Importance() {
			total[c] += math.Abs(m.weights[k]) * x
		}
	}
	return normalise(total)
}

// WriteTo writes the shape for ReadRows: the weights, then the members.
func (m *RowStacked) WriteTo(w io.Writer) (int64, error) {
	e := newEncoder(w, shapeRowStacked)
	e.u64(uint64(m.columns))
	e.u64(uint64(len(m.members)))
	e.f64(m.base)
	for _, weight := range m.weights {
		e.f64(weight)
	}
	n, err := e.close()
	for _, member := range m.members {
		if err != nil {
			break
		}
		var more int64
		more, err = member.WriteTo(w)
		n += more
	}
	return n, err
}

func readRowStacked(d *decoder) *RowStacked {
	m := &RowStacked{columns: int(d.u64())}
	members := d.u64()
	m.base = d.f64()
	d.check(members > 0, members <= 64, m.base-m.base == 0)
	for i := uint64(0); i < members && d.err == nil; i++ {
		weight := d.f64()
		d.check(weight-weight == 0)
		m.weights = append(m.weights, weight)
	}
	shapes := rowShapes()
	delete(shapes, shapeRowStacked) // no stack of stacks, nor corrected ones,
	delete(shapes, shapeCalibrated) // so no endless depth
	for i := uint64(0); i < members && d.err == nil; i++ {
		member, err := read(d, shapes)
		if err != nil {
			d.err = err
			break
		}
		d.check(member.Columns() == m.columns)
		m.members = append(m.members, member)
	}
	return m
}
