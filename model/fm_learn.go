package model

import (
	"math"
	"runtime"

	"kindred/dataset"
	"kindred/linalg"
)

// factoriser is a RowFactors under way.
type factoriser struct {
	settings *FM
	model    *RowFactors
	workers  int          // that learn
	squares  []float32    // sums of squared gradients, by weight
	slopes   float64      // the same of the intercept
	batch    []rowStep    // of rows that are learned from together
	scratch  []rowScratch // by worker
	best     struct {
		base    float64
		weights []float32
	}
}

// rowScratch is the memory one row needs.
type rowScratch struct {
	acts     []active
	sum      []float32 // factors
	gradient []float32 // of the vectors of each active feature
}

// rowStep is what one row of a batch has to say.
type rowStep struct {
	rowScratch
	slope, loss float64 // of the loss by the raw score, and the loss, times the row's weight
}

// Rows of a batch: at most batchRows, and few enough that the gradients of all,
// batchWeights numbers, stay in the second cache. With fewer than sharedWeights
// of them it costs more to wake another core than it could do.
const (
	batchRows     = 64
	batchWeights  = 1 << 18
	sharedWeights = 1 << 17
	lookRows      = 16 // that one worker takes at a time
)

func newFactoriser(a *FM, m *RowFactors, rows *dataset.Rows) *factoriser {
	features := 2*len(m.design.columns) + 1 // of a row, at most
	if rows.Starts != nil {
		features = 2*len(rows.Cols)/max(rows.Len(), 1) + 1
	}
	f := &factoriser{
		settings: a, model: m, workers: 1, squares: make([]float32, len(m.weights)),
		batch:   make([]rowStep, max(1, min(batchRows, batchWeights/(features*m.width())))),
		scratch: make([]rowScratch, runtime.GOMAXPROCS(0)),
	}
	if len(f.batch)*features*m.width() >= sharedWeights {
		f.workers = runtime.GOMAXPROCS(0)
	}
	return f
}

// learn takes the rows batch by batch. All rows of a batch see the weights as it
// found them; then each weight takes the steps of all rows, in their order. Who
// does what plays no part in that.
func (f *factoriser) learn(rows *dataset.Rows) (loss float64) {
	for first := 0; first < rows.Len(); first += len(f.batch) {
		steps := f.batch[:min(len(f.batch), rows.Len()-first)]
		linalg.Parallel(f.workers, (len(steps)+lookRows-1)/lookRows, func(_, lo, hi int) {
			for k := lo * lookRows; k < min(hi*lookRows, len(steps)); k++ {
				f.look(&steps[k], rows, first+k)
			}
		})
		for k := range steps {
			d := steps[k].slope
			f.slopes += d * d
			f.model.base -= f.settings.LearnRate * d / math.Sqrt(f.slopes+adaEpsilon)
			loss += steps[k].loss
		}
		linalg.Parallel(f.workers, f.workers, func(_, lo, hi int) {
			for part := lo; part < hi; part++ {
				f.move(steps, part)
			}
		})
	}
	return loss
}

// look finds a row's slope and gradients.
func (f *factoriser) look(s *rowStep, rows *dataset.Rows, r int) {
	m, loss := f.model, f.settings.Loss
	raw := m.slopes(&s.rowScratch, rows, r)
	y, w := target(loss, rows.Labels[r]), float64(rows.Weight(r))
	s.slope, s.loss = slope(loss, raw, y)*w, w*pointLoss(loss, raw, y)
}

// move takes the steps of the features that are one worker's part.
func (f *factoriser) move(steps []rowStep, part int) {
	a, width, parts := f.settings, f.model.width(), int32(f.workers)
	for n := range steps {
		s := &steps[n]
		for k := range s.acts {
			feature := s.acts[k].feature
			if feature%parts != int32(part) {
				continue
			}
			at := int(feature) * width
			linalg.AdaGrad(f.model.weights[at:at+width], f.squares[at:at+width], s.gradient[k*width:(k+1)*width],
				linalg.AdaGradStep{Scale: float32(s.slope), Rate: float32(a.LearnRate), Lambda: float32(a.Lambda), Epsilon: adaEpsilon})
		}
	}
}

// adaEpsilon is what AdaGrad's sums start from, as in libffm: the first steps
// are then as small as their gradients, so rare features stay near nothing.
const adaEpsilon = 1

func (f *factoriser) raw(worker int, rows *dataset.Rows, r int) float64 {
	return f.model.score(&f.scratch[worker], rows, r)
}

func (f *factoriser) keep() {
	f.best.base, f.best.weights = f.model.base, append(f.best.weights[:0], f.model.weights...)
}

func (f *factoriser) restore() { f.model.base, f.model.weights = f.best.base, f.best.weights }
