package train

import (
	"context"
	"slices"
	"time"

	"kindred"
	"kindred/dataset"
	"kindred/debias"
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

// PositionMethod says how a position curve is estimated; empty: not at all.
type PositionMethod string

// The methods; see debias.
const (
	NoPositions         PositionMethod = ""
	AllPairsPositions   PositionMethod = "all_pairs"
	RandomisedPositions PositionMethod = "randomised"
)

// Exposures is where training finds the lists that were shown.
type Exposures interface {
	ScanExposures(ctx context.Context, fn func(*kindred.Exposure) error) error
}

// estimatePositions estimates the position curve from the lists shown and what
// was done with their items before the cut, if there is one, and makes the
// settings weigh by it. An event belongs to the list of its request id. Every
// kind but impression, search, refund and dislike is a click. Memory: 8 bytes
// an event with a request id, and 16 a shown item.
func (r *run) estimatePositions(ctx context.Context) error {
	if r.Positions == NoPositions {
		return nil
	}
	r.progress(Progress{Step: "estimating position bias"})
	clicked := map[uint64]bool{}
	err := r.from.ScanEvents(ctx, func(e *kindred.Event) error {
		switch e.Kind { //nolint:exhaustive // every other kind is a click
		case kindred.Impression, kindred.Search, kindred.Refund, kindred.Dislike:
			return nil
		}
		if e.RequestID != "" && e.Item != "" && !e.Verdict.Has(r.Dataset.Refuse) && (r.Cut.IsZero() || e.Time.Before(r.Cut)) {
			clicked[hash(e.RequestID, string(e.Item))] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	var shown debias.Impressions
	err = r.Exposures.ScanExposures(ctx, func(x *kindred.Exposure) error {
		if !r.Cut.IsZero() && !x.Time.Before(r.Cut) {
			return nil
		}
		for n, item := range x.Items {
			shown.Add(hash(string(x.User), string(item)), n+1, clicked[hash(x.RequestID, string(item))])
		}
		return nil
	})
	if err != nil {
		return err
	}
	estimate := shown.AllPairs
	if r.Positions == RandomisedPositions {
		estimate = shown.Randomised
	}
	curve, err := estimate()
	if err != nil {
		return err
	}
	r.result.Positions, r.Dataset.Debias.Curve = &curve, curve.Theta
	return nil
}

// hash is FNV-1a of two texts, told apart by a zero between.
func hash(a, b string) uint64 {
	h := uint64(14695981039346656037)
	for _, text := range [...]string{a, "\x00", b} {
		for i := range len(text) {
			h = (h ^ uint64(text[i])) * 1099511628211
		}
	}
	return h
}
