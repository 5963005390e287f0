package model

import (
	"context"
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"

	"kindred/dataset"
)

// learner is a model under way that learns from rows in an order.
type learner interface {
	// learn learns from rows, in their order, and returns the sum of their losses
	// before.
	learn(rows *dataset.Rows) float64
	// raw scores a row; worker tells whose scratch memory to use.
	raw(worker int, rows *dataset.Rows, r int) float64
	// keep remembers the weights, restore takes them back.
	keep()
	restore()
}

// rowDescent is how often a learner sees the rows, in a new random order each
// time: until the loss of what is held out has not improved for patience
// epochs, and the best weights are taken.
type rowDescent struct {
	kind     string
	loss     string
	epochs   int
	patience int // 0: all epochs
	seed     uint64
}

func (d rowDescent) run(ctx context.Context, l learner, learn, held sample, progress func(Progress)) error {
	best, since := math.Inf(1), 0
	var some dataset.Rows // collected, for the order leads anywhere
	for epoch := 1; epoch <= d.epochs; epoch++ {
		var sum, weight float64
		for index := range slices.Chunk(learn.shuffled(mix(d.seed)+uint64(epoch)), collectedRows) {
			if err := ctx.Err(); err != nil {
				return err
			}
			learn.rows.Collect(&some, index)
			sum += l.learn(&some)
			for r := range some.Len() {
				weight += float64(some.Weight(r))
			}
		}
		loss := map[string]float64{"learn": sum / max(weight, 1e-30)}
		if len(held.index) > 0 {
			loss["valid"] = held.meanLoss(d.loss, runtime.GOMAXPROCS(0), func(worker, r int) float64 { return l.raw(worker, held.rows, r) })
		}
		if err := finite(loss, fmt.Sprintf("%s, epoch %d", d.kind, epoch), lessRate); err != nil {
			return err
		}
		if progress != nil {
			progress(Progress{Epoch: epoch, Epochs: d.epochs, Loss: loss})
		}
		if len(held.index) == 0 || d.patience == 0 {
			continue
		}
		since++
		if x := loss["valid"]; x < best {
			best, since = x, 0
			l.keep()
		}
		if since >= d.patience {
			break
		}
	}
	if !math.IsInf(best, 1) {
		l.restore()
	}
	return nil
}

// collectedRows is how many rows are collected at a time: so few that they stay
// in the second cache.
const collectedRows = 1024

// finite names the first loss, by name, that is no number, and what to try.
func finite(loss map[string]float64, when, remedy string) error {
	for _, name := range slices.Sorted(maps.Keys(loss)) {
		if x := loss[name]; math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("model: %s: the %s loss is %v (try %s)", when, name, x, remedy)
		}
	}
	return nil
}

// What finite proposes.
const (
	moreLambda = "a larger lambda"
	lessRate   = "a smaller learn_rate or a larger lambda"
)

// slope is the derivative of a loss by the raw score.
func slope(loss string, raw, y float64) float64 {
	if loss == logisticLoss {
		return sigmoid(raw) - y
	}
	return raw - y
}

// importanceRows is of how many rows importance is the mean.
const importanceRows = 10_000

// meanContribution is the mean absolute contribution of each column over some
// rows, as shares.
func meanContribution(m RowModel, s sample) []float32 {
	total, one := make([]float64, m.Columns()), make([]float64, m.Columns())
	for k := 0; k < len(s.index); k += max(1, len(s.index)/importanceRows) {
		m.Contributions(one, s.rows, int(s.index[k]))
		for c, x := range one {
			total[c] += math.Abs(x)
		}
	}
	shares := make([]float32, len(total))
	for c, x := range normalise(total) {
		shares[c] = float32(x)
	}
	return shares
}

// wide returns float32 numbers as float64.
func wide(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}
