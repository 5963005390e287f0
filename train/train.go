// Package train makes models: it builds the data set from stored events, fits
// every candidate on the past, judges it on what came after, and puts the best
// live, with its lineage, in the registry. It also judges candidates on files
// that somebody else split (explicit.go). It serves nothing and stores no
// events.
package train

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"kindred"
	"kindred/dataset"
	"kindred/debias"
	"kindred/model"
	"kindred/registry"
)

// Settings say what to learn from, what to try and how to judge.
type Settings struct {
	Dataset     dataset.Settings
	Positions   PositionMethod // estimates Dataset.Debias.Curve, if set
	Exposures   Exposures      // needed for that alone
	Prices      Prices         // what items cost when they were bought; nil: what they cost now
	Signals     []Alternative  // other ways to weigh events; Run takes what validation says is best
	Candidates  []Candidate    // popularity is added if it is not among them
	Metric      string         // decides: "ndcg@20"
	Holdout     float64        // share of the events, the latest, to judge on
	Cut         time.Time      // if set, the hold-out is what came from here on
	Seed        uint64
	Keep        int                 // versions of each kind that stay on disk
	Checks      *kindred.DataChecks // of the data, for the lineage
	CodeVersion string
	Now         func() time.Time
}

// Source is where training finds what is stored. Each method calls fn with all
// there is, in any order, until fn returns an error, and returns that.
type Source interface {
	ScanEvents(ctx context.Context, fn func(*kindred.Event) error) error
	ScanItems(ctx context.Context, fn func(*kindred.Item) error) error
	ScanUsers(ctx context.Context, fn func(*kindred.User) error) error
}

// Progress tells how far a run is.
type Progress struct {
	Step  string         // "reading", "ials: judging", "ials: final fit"
	Model model.Progress // within a fit
}

// Result is what a run did.
type Result struct {
	Signals   *SignalsResult         `json:"signals,omitempty"`   // if there was a choice
	Positions *debias.Curve          `json:"positions,omitempty"` // if it was estimated
	Checks    *kindred.DataChecks    `json:"checks,omitempty"`
	Data      kindred.DataRange      `json:"data"`
	Cut       time.Time              `json:"cut"`   // events from here on were the hold-out; zero: see split
	Cases     int                    `json:"cases"` // users judged
	ColdUsers int                    `json:"cold_users"`
	Metric    string                 `json:"metric"`
	Judged    []Judged               `json:"judged"` // best first
	Versions  []kindred.ModelVersion `json:"versions,omitempty"`
	Live      registry.Live          `json:"live,omitempty"`
}

// minCases is how many users a hold-out needs before its verdict counts for
// more than popularity's safety.
const minCases = 30

// The algorithms with a role of their own.
const (
	popular = "popular"
	itemKNN = "itemknn"
)

// Judge fits the candidates on the earlier events and judges them on the
// later ones. Nothing is kept.
func Judge(ctx context.Context, s Settings, from Source, progress func(Progress)) (Result, error) {
	r, err := newRun(ctx, s, from, progress)
	if err != nil {
		return Result{}, err
	}
	return r.result, r.judge(ctx)
}

// Run is Judge, with the way to weigh events that CompareSignals finds best if
// there is a choice, then: every candidate kind is fitted again on all events and
// registered, and the best goes live together with the models that explain
// and stand in for it. The roles are filled so: personal by the best by
// metric (popularity, if nothing is better than it beyond twice the standard
// error), similar by item-kNN if it was a candidate, popular by popularity.
func Run(ctx context.Context, s Settings, from Source, reg *registry.Registry, progress func(Progress)) (Result, error) {
	var signals *SignalsResult
	if len(s.Signals) > 0 {
		compared, err := CompareSignals(ctx, s, from, progress)
		if err != nil {
			return Result{}, err
		}
		best := compared.Judged[0].chosen
		signals, s.Dataset, s.Positions = &compared, best.Dataset, best.Positions
		s.Cut = compared.To // validation ends where the hold-out begins, whatever counts as an event
	}
	r, err := newRun(ctx, s, from, progress)
	if err != nil {
		return Result{}, err
	}
	r.result.Signals = signals
	if err := r.judge(ctx); err != nil {
		return r.result, err
	}
	if err := r.keep(ctx, reg); err != nil {
		return r.result, err
	}
	_, err = reg.Prune(s.Keep)
	return r.result, err
}

// run is one run's state.
type run struct {
	Settings
	metric   Metric
	builder  *dataset.Builder
	progress func(Progress)
	from     Source
	result   Result
}

func newRun(ctx context.Context, s Settings, from Source, progress func(Progress)) (*run, error) {
	metric, err := ParseMetric(s.Metric)
	if err != nil {
		return nil, err
	}
	if progress == nil {
		progress = func(Progress) {}
	}
	if !slices.ContainsFunc(s.Candidates, func(c Candidate) bool { return c.Kind() == popular }) {
		baseline, err := NewCandidate(popular, nil, s.Seed)
		if err != nil {
			return nil, err
		}
		s.Candidates = append([]Candidate{baseline}, s.Candidates...)
	}
	r := &run{Settings: s, metric: metric, progress: progress, from: from}
	r.result.Metric, r.result.Checks = metric.String(), s.Checks
	if err := r.estimatePositions(ctx); err != nil {
		return nil, fmt.Errorf("train: estimating position bias: %w", err)
	}
	r.builder = dataset.NewBuilder(r.Dataset)
	progress(Progress{Step: "reading"})
	if err := r.read(ctx, from); err != nil {
		return nil, err
	}
	if r.result.Data.Events == 0 {
		return nil, kindred.Errorf(kindred.Conflict, "there are no events to learn from: import some, or post them to the API")
	}
	return r, nil
}

// read takes all that is stored into the builder, items first: what an event
// weighs may depend on how long its item takes.
func (r *run) read(ctx context.Context, from Source) error {
	data := &r.result.Data
	err := from.ScanItems(ctx, func(item *kindred.Item) error {
		r.builder.AddItem(item)
		return nil
	})
	if err != nil {
		return fmt.Errorf("train: reading items: %w", err)
	}
	err = from.ScanEvents(ctx, func(e *kindred.Event) error {
		if !r.builder.Add(e) {
			if data.LeftOut == nil {
				data.LeftOut = map[string]int64{}
			}
			data.LeftOut[e.Verdict.String()]++
			return nil
		}
		data.Events++
		if data.From.IsZero() || e.Time.Before(data.From) {
			data.From = e.Time
		}
		if e.Time.After(data.To) {
			data.To = e.Time
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("train: reading events: %w", err)
	}
	err = from.ScanUsers(ctx, func(user *kindred.User) error {
		r.builder.AddUser(user)
		return nil
	})
	if err != nil {
		return fmt.Errorf("train: reading users: %w", err)
	}
	return nil
}

// judge fits and judges every candidate, and orders them best first.
func (r *run) judge(ctx context.Context) error {
	holdout, err := r.split()
	if err != nil {
		return err
	}
	r.result.Cut, r.result.Cases, r.result.ColdUsers = holdout.Cut, len(holdout.Cases), holdout.ColdUsers
	if len(holdout.Cases) == 0 && !r.Cut.IsZero() {
		return kindred.Errorf(kindred.Invalid, "no user known before %s did anything countable after (choose another moment, or count repeats)", r.Cut.Format(time.RFC3339))
	}
	if err := r.addGains(ctx, holdout); err != nil {
		return err
	}
	j := judge{
		metric: r.metric, ks: withCutoff([]int{10, 20, 50}, r.metric.K),
		data: holdout.Train, cases: holdout.Cases, seen: seenBy(r.Dataset), progress: r.progress,
	}
	for _, candidate := range r.Candidates {
		judged, err := j.one(ctx, candidate)
		if err != nil {
			return err
		}
		r.result.Judged = append(r.result.Judged, judged)
	}
	compare(r.result.Judged, r.metric)
	return nil
}

// split splits the hold-out off: the latest events, or where no event is later
// than another a random share of each user's items.
func (r *run) split() (*dataset.Holdout, error) {
	if !r.Cut.IsZero() {
		return r.builder.SplitAt(r.Cut)
	}
	if r.builder.HasTimes() {
		return r.builder.Split(r.Holdout)
	}
	data, err := r.builder.Build(r.result.Data.To)
	if err != nil {
		return nil, fmt.Errorf("train: building the data set: %w", err)
	}
	return dataset.HoldOut(data, r.Holdout, r.Seed), nil
}

// winner returns the best candidate, or popularity where nothing is surely
// better.
func (r *run) winner() *Judged {
	best := &r.result.Judged[0]
	if r.result.Cases >= minCases && best.Better.Mean > 2*best.Better.StdErr {
		return best
	}
	return &r.result.Judged[slices.IndexFunc(r.result.Judged, isPopular)]
}

// keep fits each kind's best on all events, registers it, and promotes.
func (r *run) keep(ctx context.Context, reg *registry.Registry) error {
	data, err := r.builder.Build(r.result.Data.To)
	if err != nil {
		return fmt.Errorf("train: building the data set: %w", err)
	}
	r.result.Data.Users, r.result.Data.Items = data.Users.Len(), data.Items.Len()
	r.result.Data.Interactions = data.ByUser.NNZ()
	baseline := means(r.result.Judged[slices.IndexFunc(r.result.Judged, isPopular)].Metrics)
	live, winner, kept := registry.Live{}, r.winner(), map[string]bool{}
	for i := range r.result.Judged { // best first
		j := &r.result.Judged[i]
		if kept[j.Kind] {
			continue
		}
		kept[j.Kind] = true
		version, err := r.register(ctx, reg, j, data, baseline)
		if err != nil {
			return err
		}
		r.result.Versions = append(r.result.Versions, version)
		switch j.Kind {
		case popular:
			live[registry.Popular] = version.Version
		case itemKNN:
			live[registry.Similar] = version.Version
		}
		if j == winner {
			live[registry.Personal] = version.Version
		}
	}
	if err := reg.Promote(ctx, live); err != nil {
		return err
	}
	r.result.Live, err = reg.Live()
	return err
}

func (r *run) register(
	ctx context.Context, reg *registry.Registry, j *Judged, data *dataset.Interactions, baseline map[string]float64,
) (kindred.ModelVersion, error) {
	start := time.Now()
	learned, err := j.algorithm.Fit(ctx, data, func(p model.Progress) { r.progress(Progress{Step: j.Kind + ": final fit", Model: p}) })
	if err != nil {
		return kindred.ModelVersion{}, fmt.Errorf("train: fitting %s on all events: %w", j.Kind, err)
	}
	signals, err := json.Marshal(r.builder.Settings())
	if err != nil {
		return kindred.ModelVersion{}, fmt.Errorf("train: describing the signals: %w", err)
	}
	return reg.Register(ctx, kindred.ModelVersion{
		Kind: j.Kind, CreatedAt: r.Now().UTC().Truncate(time.Millisecond), Settings: j.Settings, Seed: r.Seed, Signals: signals,
		Data: r.result.Data, Metrics: means(j.Metrics), Baseline: baseline,
		Checks: r.Checks, CodeVersion: r.CodeVersion, TrainTime: time.Since(start),
	}, data, learned)
}
