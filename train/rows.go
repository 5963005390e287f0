package train

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strconv"
	"time"

	"kindred"
	"kindred/dataset"
	"kindred/eval"
	"kindred/model"
)

// RowCandidate is an algorithm for labelled rows, with settings, that competes
// with others.
type RowCandidate struct {
	model.RowAlgorithm

	lossNamed bool // by the text it was read from
}

// ParseRowCandidate reads a candidate as it is written on a command line:
// "gbdt", or "gbdt:leaves=63,lambda=3".
func ParseRowCandidate(text string, seed uint64) (RowCandidate, error) {
	kind, settings, err := parseSettings(text)
	if err != nil {
		return RowCandidate{}, err
	}
	algorithm, err := model.RowFromJSON(kind, nil)
	if err != nil {
		return RowCandidate{}, kindred.Errorf(kindred.Invalid, "a candidate is not known").Because(err)
	}
	merged, err := withSeed(algorithm, settings, seed)
	if err != nil {
		return RowCandidate{}, err
	}
	if algorithm, err = model.RowFromJSON(kind, merged); err != nil {
		return RowCandidate{}, kindred.Errorf(kindred.Invalid, "a candidate's settings are wrong").Because(err)
	}
	var named struct{ Loss *string }
	if err := json.Unmarshal(settings, &named); err != nil {
		return RowCandidate{}, kindred.Errorf(kindred.Invalid, "a candidate's settings are wrong").Because(err)
	}
	return RowCandidate{algorithm, named.Loss != nil}, nil
}

// TakeLoss returns the candidates with the loss given, where they name none
// and have a choice.
func TakeLoss(candidates []RowCandidate, loss string) ([]RowCandidate, error) {
	taken := make([]RowCandidate, len(candidates))
	for i, c := range candidates {
		taken[i] = c
		settings := map[string]json.RawMessage{}
		if err := json.Unmarshal(c.Settings(), &settings); err != nil {
			return nil, fmt.Errorf("train: the settings of %s: %w", c.Kind(), err)
		}
		if _, choice := settings["loss"]; !choice || c.lossNamed {
			continue
		}
		settings["loss"] = json.RawMessage(strconv.Quote(loss))
		text, err := json.Marshal(settings)
		if err != nil {
			return nil, fmt.Errorf("train: the settings of %s: %w", c.Kind(), err)
		}
		if taken[i].RowAlgorithm, err = model.RowFromJSON(c.Kind(), text); err != nil {
			return nil, kindred.Errorf(kindred.Invalid, "%s does not learn from these labels by the %s loss (name another one)", c.Kind(), loss).Because(err)
		}
	}
	return taken, nil
}

// LossOf returns the loss that labels call for: "logistic" where some are
// above 0 and the rest are not, as of clicks, counts and grades; "squared" for
// other numbers: all above 0, as ratings and prices are, or with fractions, or
// of several values below 0.
func LossOf(labels []float32) string {
	if len(labels) == 0 {
		return "logistic"
	}
	low, high := slices.Min(labels), slices.Max(labels)
	other := func(y float32) bool { return y != low && y != high } // than the two of a yes and a no
	counts := func(y float32) bool { return y >= 0 && y == float32(math.Trunc(float64(y))) }
	switch {
	case low == high:
		return "logistic"
	case low > 0 || high <= 0:
		return "squared"
	case slices.ContainsFunc(labels, other) && slices.ContainsFunc(labels, func(y float32) bool { return !counts(y) }):
		return "squared"
	}
	return "logistic"
}

// Settings returns the candidate's settings as JSON.
func (c RowCandidate) Settings() json.RawMessage { return settingsOf(c.RowAlgorithm) }

// loss is the candidate's loss: logistic unless its settings say otherwise.
func (c RowCandidate) loss() string {
	settings := struct{ Loss string }{"logistic"}
	if err := json.Unmarshal(c.Settings(), &settings); err != nil {
		return "logistic" // settings are an object of ours
	}
	return settings.Loss
}

// measures says what the candidate's predictions are, and the metric that
// chooses between settings; the lower the better if its factor is -1.
func (c RowCandidate) measures(k int) (measures eval.Measures, metric string, factor float64) {
	switch c.loss() {
	case "squared":
		return eval.Numbers, "rmse", -1
	case "lambdamart":
		return eval.Scores, fmt.Sprintf("ndcg@%d", k), 1
	default:
		return eval.Probabilities, "log_loss", -1
	}
}

// RowSettings say how candidates are judged on labelled rows.
type RowSettings struct {
	Candidates  []RowCandidate
	Train, Test *dataset.Rows
	Valid       *dataset.Rows // nil: a share of Train
	ValidShare  float64
	Ks          []int             // cut-offs, for rows with groups
	Calibration model.Calibration // "": none
	// Refit fits the chosen settings again on training and validation rows
	// together, for as many epochs as were best. It is not done with a
	// calibration, which needs rows that the model has not learned from.
	Refit bool
	Seed  uint64
}

// JudgedRows is one candidate on labelled rows.
type JudgedRows struct {
	Kind     string          `json:"kind"`
	Settings json.RawMessage `json:"settings"`
	Epochs   int             `json:"epochs"` // or trees, that were best
	Metrics  eval.RowReport  `json:"metrics"`
	FitTime  time.Duration   `json:"fit_ns"`
	// Importance is each column's share, in the order of the columns.
	Importance []float64 `json:"importance,omitempty"`

	Model       model.RowModel `json:"-"`
	Predictions []float32      `json:"-"` // of the test rows

	candidate RowCandidate
}

// RowResult is what JudgeRows found, the best of each kind first.
type RowResult struct {
	Training   int          `json:"training_rows"`
	Columns    []string     `json:"columns"`
	Validation []JudgedRows `json:"validation"`
	Test       []JudgedRows `json:"test"` // with the settings chosen on validation rows
}

// JudgeRows fits every candidate, chooses each kind's settings on the
// validation rows (by log loss, RMSE or NDCG, as the loss is) and judges the
// chosen ones on the test rows, once. Test rows without labels are predicted.
func JudgeRows(ctx context.Context, s RowSettings, progress func(Progress)) (*RowResult, error) {
	learn, valid := s.Train, s.Valid
	if valid == nil {
		first, held := s.Train.Divide(s.ValidShare, s.Seed)
		if len(first) == 0 || len(held) == 0 {
			return nil, kindred.Errorf(kindred.Invalid, "%d training rows are too few to hold %g of them back (give --valid)", s.Train.Len(), s.ValidShare)
		}
		learn, valid = s.Train.Select(first), s.Train.Select(held)
	}
	result := &RowResult{Training: s.Train.Len(), Columns: s.Train.Columns.Names}
	for _, c := range s.Candidates {
		j, err := s.fit(ctx, c, learn, valid, progress)
		if err != nil {
			return nil, err
		}
		result.Validation = append(result.Validation, j)
	}
	for _, chosen := range s.choose(result.Validation) {
		if s.Refit && s.Calibration == "" {
			if err := s.refit(ctx, &chosen, learn, valid, progress); err != nil {
				return nil, err
			}
		}
		progress(Progress{Step: chosen.Kind + ": predicting"})
		s.judge(&chosen, s.Test)
		chosen.Importance = chosen.Model.Importance()
		result.Test = append(result.Test, chosen)
	}
	return result, nil
}

// fit fits a candidate and judges it on the validation rows.
func (s *RowSettings) fit(ctx context.Context, c RowCandidate, learn, valid *dataset.Rows, progress func(Progress)) (JudgedRows, error) {
	j := JudgedRows{Kind: c.Kind(), Settings: c.Settings(), candidate: c}
	best, start := math.Inf(1), time.Now()
	m, err := c.FitRows(ctx, learn, valid, func(p model.Progress) {
		if x, told := p.Loss["valid"]; !told || x < best {
			best, j.Epochs = x, p.Epoch
		}
		progress(Progress{Step: j.Kind + ": fitting", Model: p})
	})
	if err != nil {
		return j, err
	}
	j.Model, j.FitTime = m, time.Since(start)
	if s.Calibration != "" && c.loss() == "logistic" {
		if j.Model, err = model.Calibrate(m, valid, s.Calibration); err != nil {
			return j, err
		}
	}
	s.judge(&j, valid)
	return j, nil
}

// judge predicts rows and measures the predictions.
func (s *RowSettings) judge(j *JudgedRows, rows *dataset.Rows) {
	measures, _, _ := j.candidate.measures(slices.Max(s.Ks))
	j.Predictions = make([]float32, rows.Len())
	j.Model.Predict(j.Predictions, rows)
	j.Metrics = eval.JudgeRows(eval.Predicted{Predictions: j.Predictions, Labels: rows.Labels, Groups: rows.Groups}, measures, s.Ks)
}

// choose returns the best of each kind and loss, the best first, those of the
// first candidate's loss before others.
func (s *RowSettings) choose(judged []JudgedRows) (best []JudgedRows) {
	value := func(j *JudgedRows) float64 {
		_, metric, factor := j.candidate.measures(slices.Max(s.Ks))
		return factor * j.Metrics.Estimates[metric].Mean
	}
	for _, j := range judged {
		at := slices.IndexFunc(best, func(b JudgedRows) bool { return b.Kind == j.Kind && b.candidate.loss() == j.candidate.loss() })
		switch {
		case at < 0:
			best = append(best, j)
		case value(&j) > value(&best[at]):
			best[at] = j
		}
	}
	slices.SortStableFunc(best, func(a, b JudgedRows) int {
		if a.candidate.loss() != b.candidate.loss() {
			return 0
		}
		return cmp.Compare(value(&b), value(&a))
	})
	return best
}

// refit fits again, on all rows, for the epochs that were best.
func (s *RowSettings) refit(ctx context.Context, j *JudgedRows, learn, valid *dataset.Rows, progress func(Progress)) (err error) {
	all := s.Train
	if s.Valid != nil {
		all = learn.Join(valid)
	}
	start := time.Now()
	told := func(p model.Progress) { progress(Progress{Step: j.Kind + ": final fit", Model: p}) }
	if stacked, ok := j.Model.(*model.RowStacked); ok {
		j.Model, err = stacked.Refit(ctx, all, told)
	} else {
		j.Model = nil
		runtime.GC() // the former model makes room
		j.Model, err = model.ForEpochs(j.candidate.RowAlgorithm, j.Epochs).FitRows(ctx, all, nil, told)
	}
	j.FitTime += time.Since(start)
	return err
}
