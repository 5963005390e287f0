package model

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"runtime"

	"kindred/dataset"
	"kindred/linalg"
)

// RowAlgorithm is the settings of an algorithm that learns from labelled rows:
// a ranker of candidates with their context.
type RowAlgorithm interface {
	// Kind is the algorithm's name in configuration: "gbdt".
	Kind() string
	// Validate reports every setting out of range, by name.
	Validate() error
	// FitRows learns from train; every label must be known. valid, with the
	// same columns, says when to stop; nil: a share of train is held out for
	// that. When ctx ends it returns ctx.Err(). progress may be nil; it is
	// called from one goroutine.
	FitRows(ctx context.Context, train, valid *dataset.Rows, progress func(Progress)) (RowModel, error)
}

// RowModel is an immutable learned shape over rows. All methods may be called
// from many goroutines at once. Rows must have the columns of the training
// rows.
type RowModel interface {
	// Shape names the shape, for the artefact: "trees".
	Shape() string
	// Columns is how many columns the rows must have.
	Columns() int
	// Predict writes one prediction a row: the probability of a positive label
	// for the logistic loss, the expected label for the squared one, a score
	// for a ranking loss.
	Predict(predictions []float32, rows *dataset.Rows)
	// Contributions writes what each column adds to the raw score of row r
	// (log-odds for the logistic loss), and returns the base: base and
	// contributions sum to the raw score.
	Contributions(contributions []float64, rows *dataset.Rows, r int) (base float64)
	// Importance returns how much each column matters, summing to 1, or zeros.
	Importance() []float64
	// WriteTo writes the shape so that ReadRows gives it back.
	io.WriterTo
}

// rowKinds is the table of the algorithms for rows, the simplest first.
func rowKinds() []func() RowAlgorithm {
	return []func() RowAlgorithm{
		func() RowAlgorithm { return NewLogistic() },
		func() RowAlgorithm { return NewFM() },
		func() RowAlgorithm { return NewFFM() },
		func() RowAlgorithm { return NewGBDT() },
		func() RowAlgorithm { return NewRowStack() },
	}
}

// RowKinds returns the names of all algorithms for rows, the simplest first.
func RowKinds() (names []string) {
	for _, a := range rowKinds() {
		names = append(names, a().Kind())
	}
	return names
}

// RowFromJSON returns the algorithm for rows of that name with the settings
// given laid over its defaults; an unknown or invalid setting is an error.
func RowFromJSON(kind string, settings []byte) (RowAlgorithm, error) {
	for _, a := range rowKinds() {
		if algorithm := a(); algorithm.Kind() == kind {
			if err := overlay(algorithm, settings); err != nil {
				return nil, err
			}
			return algorithm, nil
		}
	}
	return nil, fmt.Errorf("model: there is no ranker %q (there are %v)", kind, RowKinds())
}

// The losses of rankers. A label above zero is positive for the logistic one.
const (
	logisticLoss = "logistic"
	squaredLoss  = "squared"
	rankingLoss  = "lambdamart"
)

// target is what a label means to a loss.
func target(loss string, label float32) float64 {
	if loss != logisticLoss {
		return float64(label)
	}
	return binaryOf(label)
}

// binaryOf is 1 for a label above 0, else 0; which is hard to guess, so without
// a branch.
func binaryOf(label float32) float64 {
	var y uint8
	if label > 0 {
		y = 1
	}
	return float64(y)
}

// pointLoss returns the loss of a raw score.
func pointLoss(loss string, raw, y float64) float64 {
	if loss == logisticLoss {
		return softplus(raw) - y*raw
	}
	return (raw - y) * (raw - y) / 2
}

// sigmoid is 1/(1+e⁻ˣ).
func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// softplus is ln(1+eˣ), finite for every finite x, to 1e-16: math.Log1p, which
// would tell smaller ones apart, takes four times as long.
func softplus(x float64) float64 { return max(x, 0) + math.Log(1+math.Exp(-math.Abs(x))) }

// predicted turns a raw score into a prediction.
func predicted(loss string, raw float64) float32 {
	if loss == logisticLoss {
		return float32(sigmoid(raw))
	}
	return float32(max(-math.MaxFloat32, min(math.MaxFloat32, raw)))
}

// sample is some of the rows of a set.
type sample struct {
	rows  *dataset.Rows
	index []int32 // ascending
}

// holdOut returns what to learn from and what to stop by: valid if there is
// any, else a share of train, whole groups where there are groups. Without
// both, or with fewer than minHeld rows for either, held is empty and there is
// no early stopping.
func holdOut(train, valid *dataset.Rows, share float64, seed uint64) (learn, held sample) {
	const minHeld = 50
	learn, held = sample{rows: train}, sample{rows: train}
	if valid != nil && valid.Labelled() {
		held.rows = valid
		for r, label := range valid.Labels {
			if label == label { // not NaN
				held.index = append(held.index, int32(r))
			}
		}
		share = 0
	}
	for r := range train.Len() {
		unit := uint64(r)
		if train.Groups != nil {
			unit = uint64(train.Groups[r])
		}
		if share > 0 && uniform(seed, unit) < share {
			held.index = append(held.index, int32(r))
		} else {
			learn.index = append(learn.index, int32(r))
		}
	}
	if share > 0 && min(len(held.index), len(learn.index)) < minHeld {
		return holdOut(train, nil, 0, seed)
	}
	return learn, held
}

// uniform returns a number in [0, 1) for a stream and a place in it.
func uniform(stream, at uint64) float64 { return float64(mix(stream^mix(at))>>11) / (1 << 53) }

// mix scrambles 64 bits (the finaliser of SplitMix64: Steele, Lea and Flood,
// Fast Splittable Pseudorandom Number Generators, OOPSLA 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// checkRows refuses rows that cannot be learned from.
func checkRows(train, valid *dataset.Rows) error {
	if train.Len() == 0 {
		return fmt.Errorf("model: there are no rows to learn from")
	}
	for r, label := range train.Labels {
		if math.IsNaN(float64(label)) || math.IsInf(float64(label), 0) {
			return fmt.Errorf("model: row %d has no finite label (leave such rows out of training)", r)
		}
	}
	if valid != nil && valid.Columns.Len() != train.Columns.Len() {
		return fmt.Errorf("model: validation rows have %d columns, training rows %d (read them by the same columns)", valid.Columns.Len(), train.Columns.Len())
	}
	return nil
}

// prior returns the raw score that is best for all rows alike, shrunk to half
// a row so that one label alone gives no infinity.
func prior(loss string, s sample) float64 {
	var sum, weight float64
	for _, r := range s.index {
		w := float64(s.rows.Weight(int(r)))
		sum += w * target(loss, s.rows.Labels[r])
		weight += w
	}
	switch loss {
	case logisticLoss:
		return math.Log((sum + 0.5) / (weight - sum + 0.5))
	case squaredLoss:
		return sum / max(weight, 1e-30)
	default:
		return 0
	}
}

// shuffled returns the rows in a random order that depends on the seed only.
func (s sample) shuffled(seed uint64) []int32 {
	order := append([]int32(nil), s.index...)
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	return order
}

// meanLoss returns the weighted mean loss of a sample, whose raw scores raw
// computes for a worker; the sum goes by blocks in fixed order.
func (s sample) meanLoss(loss string, workers int, raw func(worker, r int) float64) float64 {
	const block = 4096
	blocks := (len(s.index) + block - 1) / block
	sums, weights := make([]float64, blocks), make([]float64, blocks)
	linalg.Parallel(workers, blocks, func(worker, lo, hi int) {
		for b := lo; b < hi; b++ {
			sum, weight := 0.0, 0.0
			for _, r := range s.index[b*block : min((b+1)*block, len(s.index))] {
				w := float64(s.rows.Weight(int(r)))
				sum += w * pointLoss(loss, raw(worker, int(r)), target(loss, s.rows.Labels[r]))
				weight += w
			}
			sums[b], weights[b] = sum, weight
		}
	})
	sum, weight := 0.0, 0.0
	for b := range blocks {
		sum, weight = sum+sums[b], weight+weights[b]
	}
	return sum / max(weight, 1e-30)
}

// eachRow calls fn for all rows of a set, on all cores.
func eachRow(rows *dataset.Rows, fn func(lo, hi int)) {
	const block = 256
	n := rows.Len()
	linalg.Parallel(runtime.GOMAXPROCS(0), (n+block-1)/block, func(_, lo, hi int) { fn(lo*block, min(hi*block, n)) })
}

// normalise makes numbers sum to 1, unless all are 0.
func normalise(x []float64) []float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	for i := range x {
		if sum > 0 {
			x[i] /= sum
		}
	}
	return x
}
