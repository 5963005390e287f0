package model

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"kindred/dataset"
)

// RowStack combines rankers of other kinds (Wolpert, Stacked Generalization,
// Neural Networks 1992): a regression over their raw scores z,
//
//	s(x) = b + Σₘ βₘ·zₘ(x)
//
// learned by the loss that is theirs, too, on rows that none of them has
// learned from, β shrunk to the mean 1/members and b to 0. What trees, crosses
// and factorisation miss is not the same, so it is rarely worse than the best
// of them. A member that is null in the settings is left out, as fm is unless
// settings name it, and as logistic is, which knows no other loss, of a stack
// with the squared one.
//
// Departure: the rows held out are also those that members stop by. When they
// are held out of the training rows, members are then fitted anew on all of
// them, for as many epochs as were best.
//
// Cost: its members', twice where there are no validation rows.
type RowStack struct {
	Loss       string    `json:"loss" oneof:"logistic squared"` // of the members too
	Logistic   *Logistic `json:"logistic"`
	FM         *FM       `json:"fm"`
	FFM        *FFM      `json:"ffm"`
	GBDT       *GBDT     `json:"gbdt"`
	Lambda     float64   `json:"lambda" range:"1e-3,1e6"`
	ValidShare float64   `json:"valid_share" range:"0.01,0.5"` // held out when there is no validation data
	Seed       uint64    `json:"seed"`                         // of the members too
}

// NewRowStack returns a stack of a linear model, a factorisation and trees.
func NewRowStack() *RowStack {
	return &RowStack{Loss: logisticLoss, Logistic: NewLogistic(), FFM: NewFFM(), GBDT: NewGBDT(), Lambda: 10, ValidShare: 0.1, Seed: 1}
}

// Kind returns "rowstack".
func (*RowStack) Kind() string { return "rowstack" }

// Validate reports every setting out of range, those of members included, and
// members with a loss that is not the stack's.
func (a *RowStack) Validate() error {
	faults := []error{validate(a)}
	members := a.members()
	if len(members) == 0 {
		faults = append(faults, fmt.Errorf("a stack has members (of those that are not null, none has the loss %s)", a.Loss))
	}
	for member, loss := range a.losses() {
		if loss != logisticLoss && loss != a.Loss {
			faults = append(faults, fmt.Errorf("%s has the loss %s, the stack has %s (leave the member's out: all take the stack's, logistic or squared)", member, loss, a.Loss))
		}
	}
	for _, member := range members {
		if err := member.Validate(); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", member.Kind(), err))
		}
	}
	return errors.Join(faults...)
}

// losses returns what the settings say of the losses of members that have a
// choice.
func (a *RowStack) losses() map[string]string {
	losses := map[string]string{}
	if a.FM != nil {
		losses[a.FM.Kind()] = a.FM.Loss
	}
	if a.FFM != nil {
		losses[a.FFM.Kind()] = a.FFM.Loss
	}
	if a.GBDT != nil {
		losses[a.GBDT.Kind()] = a.GBDT.Loss
	}
	return losses
}

// members returns copies of the members, with the seed and the loss.
func (a *RowStack) members() (members []RowAlgorithm) {
	if a.Logistic != nil && a.Loss == logisticLoss {
		member := *a.Logistic
		member.Seed = a.Seed
		members = append(members, &member)
	}
	if a.FM != nil {
		member := *a.FM
		member.Seed, member.Loss = a.Seed, a.Loss
		members = append(members, &member)
	}
	if a.FFM != nil {
		member := *a.FFM
		member.Seed, member.Loss = a.Seed, a.Loss
		members = append(members, &member)
	}
	if a.GBDT != nil {
		member := *a.GBDT
		member.Seed, member.Loss = a.Seed, a.Loss
		members = append(members, &member)
	}
	return members
}

// UnmarshalJSON lays settings over those there are; an fm that they name but
// that was left out starts from its defaults.
func (a *RowStack) UnmarshalJSON(settings []byte) error {
	type fields RowStack // without this method
	var named struct {
		FM json.RawMessage `json:"fm"`
	}
	if err := json.Unmarshal(settings, &named); err != nil {
		return err
	}
	if named.FM != nil && a.FM == nil {
		a.FM = NewFM()
	}
	decoder := json.NewDecoder(bytes.NewReader(settings))
	decoder.DisallowUnknownFields()
	return decoder.Decode((*fields)(a))
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
	m := &RowStacked{loss: a.Loss, columns: train.Columns.Len(), again: a.members()}
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
	loss    string
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
	other := &RowStacked{loss: m.loss, columns: m.columns, weights: m.weights, base: m.base, again: m.again}
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

// scores returns the members' raw scores of rows, row by row.
func (m *RowStacked) scores(rows *dataset.Rows) []float64 {
	width := len(m.members)
	scores, predictions := make([]float64, rows.Len()*width), make([]float32, rows.Len())
	for k, member := range m.members {
		member.Predict(predictions, rows)
		for r, p := range predictions {
			scores[r*width+k] = float64(p)
			if m.loss == logisticLoss {
				scores[r*width+k] = logit(float64(p))
			}
		}
	}
	return scores
}

// raw is the combined score of one row's scores.
func (m *RowStacked) raw(scores []float64) float64 {
	sum := m.base
	for k, weight := range m.weights {
		sum += weight * scores[k]
	}
	return sum
}

// Weights returns the weights of the members, in the order of the settings.
func (m *RowStacked) Weights() []float64 { return m.weights }

// Shape returns "rowstacked".
func (*RowStacked) Shape() string { return shapeRowStacked }

// Columns returns how many columns the rows must have.
func (m *RowStacked) Columns() int { return m.columns }

// Predict implements RowModel. Cost: that of all members.
func (m *RowStacked) Predict(predictions []float32, rows *dataset.Rows) {
	scores, width := m.scores(rows), len(m.members)
	for r := range predictions {
		predictions[r] = predicted(m.loss, m.raw(scores[r*width:(r+1)*width]))
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
	e.text(m.loss)
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
	m := &RowStacked{loss: d.text(), columns: int(d.u64())}
	members := d.u64()
	m.base = d.f64()
	d.check(slices.Contains([]string{logisticLoss, squaredLoss}, m.loss), members > 0, members <= 64, m.base-m.base == 0)
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
