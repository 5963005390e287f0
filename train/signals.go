package train

import (
	"context"
	"slices"
	"time"

	"kindred"
	"kindred/dataset"
	"kindred/eval"
)

// Alternative is a way to weigh events that competes with the configured one.
type Alternative struct {
	Name      string
	Dataset   dataset.Settings
	Positions PositionMethod
}

// configured is what the way of Settings.Dataset is called.
const configured = "configured"

// SignalsResult is what CompareSignals found.
type SignalsResult struct {
	Metric string          `json:"metric"`
	From   time.Time       `json:"from"` // the validation part: events from here on
	To     time.Time       `json:"to"`   // and before here, where the hold-out begins
	Cases  int             `json:"cases"`
	Judged []JudgedSignals `json:"judged"` // best first: the first is chosen
}

// JudgedSignals is one way to weigh events, with the model that did best by it.
type JudgedSignals struct {
	Name    string           `json:"name"`
	Signals dataset.Settings `json:"signals"`
	Best    Judged           `json:"best"`
	// Behind is the mean gain per user over the best way, with its standard
	// error; 0 for that.
	Behind eval.Estimate `json:"behind_best"`

	chosen Alternative
}

// CompareSignals judges the configured way to weigh events and each of
// s.Signals by the best of the candidates that learns from it, on the
// validation part: the latest share (s.Holdout) of what came before the
// hold-out, which is not looked at. All are asked the same cases, those that
// the configured way makes, and all relevant items count: what a way does not
// know, or hides since it counts as seen, it misses.
func CompareSignals(ctx context.Context, s Settings, from Source, progress func(Progress)) (SignalsResult, error) {
	c, err := newComparison(ctx, s, from, progress)
	if err != nil {
		return SignalsResult{}, err
	}
	for _, a := range slices.Concat([]Alternative{{configured, s.Dataset, s.Positions}}, s.Signals) {
		if err := c.add(ctx, a); err != nil {
			return c.result, err
		}
	}
	judged, metric := c.result.Judged, c.result.Metric
	slices.SortStableFunc(judged, func(a, b JudgedSignals) int { return byMean(metric, a.Best, b.Best) })
	for i := range judged {
		judged[i].Behind = eval.Paired(judged[i].Best.Metrics.PerUser, judged[0].Best.Metrics.PerUser)
	}
	return c.result, nil
}

// comparison is a CompareSignals under way.
type comparison struct {
	settings  Settings
	past      Source // what came before the hold-out
	reference *dataset.Holdout
	progress  func(Progress)
	result    SignalsResult
}

func newComparison(ctx context.Context, s Settings, from Source, progress func(Progress)) (*comparison, error) {
	c := &comparison{settings: s, progress: progress}
	s.Positions = NoPositions // for the cases they are no matter
	r, err := newRun(ctx, s, from, progress)
	if err != nil {
		return nil, err
	}
	if !r.builder.HasTimes() {
		return nil, kindred.Errorf(kindred.Invalid, "ways to weigh events are compared on later events, and no event is later than another (leave training.signals out)")
	}
	if c.result.To = s.Cut; s.Cut.IsZero() {
		if c.result.To, err = r.builder.Cut(s.Holdout); err != nil {
			return nil, err
		}
	}
	c.past = past{from, c.result.To}
	if r, err = newRun(ctx, s, c.past, progress); err != nil {
		return nil, err
	}
	if c.result.From, err = r.builder.Cut(s.Holdout); err != nil {
		return nil, err
	}
	if c.reference, err = r.builder.SplitAt(c.result.From); err != nil {
		return nil, err
	}
	c.result.Metric, c.result.Cases = r.result.Metric, len(c.reference.Cases)
	if c.result.Cases == 0 {
		return nil, kindred.Errorf(kindred.Conflict, "ways to weigh events cannot be compared: nobody known before %s went on to anything new (collect more events)",
			c.result.From.Format(time.RFC3339))
	}
	return c, nil
}

// add judges one way.
func (c *comparison) add(ctx context.Context, a Alternative) error {
	s := c.settings
	s.Dataset, s.Positions, s.Cut = a.Dataset, a.Positions, c.result.From
	r, err := newRun(ctx, s, c.past, c.progress)
	if err != nil {
		return err
	}
	holdout, err := r.builder.SplitAt(c.result.From)
	if err != nil {
		return err
	}
	j := judge{
		metric: r.metric, ks: []int{r.metric.K}, data: holdout.Train, cases: holdout.CasesOf(c.reference),
		seen: seenBy(c.settings.Dataset), progress: func(p Progress) { p.Step = a.Name + ": " + p.Step; r.progress(p) },
	}
	judged, err := j.all(ctx, r.Candidates)
	if err != nil {
		return err
	}
	c.result.Judged = append(c.result.Judged, JudgedSignals{Name: a.Name, Signals: r.Dataset, Best: judged[0], chosen: a})
	return nil
}

// seenBy says what becomes of items of the history under some settings.
func seenBy(s dataset.Settings) eval.Seen {
	if s.CountRepeats {
		return eval.RankSeen
	}
	return eval.HideSeen
}

// past is a source without what came from a moment on.
type past struct {
	Source
	cut time.Time
}

// ScanEvents calls fn with every event before the cut.
func (p past) ScanEvents(ctx context.Context, fn func(*kindred.Event) error) error {
	return p.Source.ScanEvents(ctx, func(e *kindred.Event) error {
		if !e.Time.Before(p.cut) {
			return nil
		}
		return fn(e)
	})
}
