package engine

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"kindred"
	"kindred/check"
	"kindred/format"
	"kindred/ingest"
	"kindred/registry"
	"kindred/schema"
)

// CheckSettings returns what is checked and how it is judged, as of now.
func (c *Config) CheckSettings(now time.Time) check.Settings {
	return check.Settings{
		Now: now, Window: c.CheckWindow, Rules: c.Checks, Expectations: c.Expectations, Refuse: c.Dataset().Refuse,
	}
}

// Check checks everything that is stored, and how far it is from what the live
// personal model was learned from.
func (e *Engine) Check(ctx context.Context) (check.Report, error) {
	settings := e.Config.CheckSettings(time.Now())
	settings.TrainedTo = e.trainedTo()
	return check.Run(ctx, settings, source{e.Store})
}

// trainedTo is when the live personal model's data end; zero if there is none.
func (e *Engine) trainedTo() time.Time {
	live, err := e.Registry.Live()
	if err != nil || live[registry.Personal] == "" {
		return time.Time{}
	}
	version, err := e.Registry.Version(live[registry.Personal])
	if err != nil {
		e.log.Warn("what the live model was learned from cannot be read", "err", err)
		return time.Time{}
	}
	return version.Data.To
}

// pass checks the data before a training: an error, unless the gate lets
// errors pass.
func (e *Engine) pass(ctx context.Context, gate Gate) (*kindred.DataChecks, error) {
	report, err := check.Run(ctx, e.Config.CheckSettings(time.Now()), source{e.Store})
	if err != nil {
		return nil, err
	}
	if err := report.Err(); err != nil && gate == StopAtErrors {
		return nil, err
	}
	checks := report.Named()
	return &checks, nil
}

// CheckFiles checks what an import would store and what it would reject. It
// opens the files twice: events are judged by the items they name, which may
// stand behind them.
func (e *Engine) CheckFiles(ctx context.Context, open func() (format.Source, error), progress func(ingest.ImportProgress)) (check.Report, error) {
	c := check.New(e.Config.CheckSettings(time.Now()))
	accept := e.ingestConfig()
	accept.Schema.UnknownItems = schema.Accept // there is a check for them
	var report ingest.ImportReport
	for _, target := range []ingest.Target{describedTarget{c}, eventTarget{c}} {
		src, err := open()
		if err != nil {
			return check.Report{}, err
		}
		report, err = ingest.Import(ctx, src, ingest.New(accept, e.Store), target, ingest.ImportOptions{MaxBad: -1, MaxBadShare: 1, Examples: 2, Progress: progress})
		_ = src.Close() // only read
		if err != nil {
			return check.Report{}, err
		}
	}
	for reason, n := range report.Rejected {
		var rows []string
		for _, bad := range report.Examples[reason] {
			rows = append(rows, fmt.Sprintf("%s:%d: %s", filepath.Base(bad.File), bad.Line, bad.Detail))
		}
		c.AddRejects(reason, n, rows)
	}
	return c.Report(), nil
}

// describedTarget takes items, users and lists shown to be checked.
type describedTarget struct{ *check.Collector }

// PutItems implements ingest.Target.
func (t describedTarget) PutItems(_ context.Context, items []kindred.Item) error {
	for i := range items {
		t.AddItem(&items[i])
	}
	return nil
}

// PutUsers implements ingest.Target.
func (t describedTarget) PutUsers(_ context.Context, users []kindred.User) error {
	for i := range users {
		t.AddUser(&users[i])
	}
	return nil
}

// AppendExposures implements ingest.Target.
func (t describedTarget) AppendExposures(_ context.Context, exposures []kindred.Exposure) error {
	for i := range exposures {
		t.AddExposure(&exposures[i])
	}
	return nil
}

// AppendEvents implements ingest.Target.
func (describedTarget) AppendEvents(_ context.Context, events []kindred.Event) ([]bool, error) {
	return make([]bool, len(events)), nil
}

// MergeUsers implements ingest.Target.
func (describedTarget) MergeUsers(context.Context, kindred.Merge) (bool, error) { return true, nil }

// eventTarget takes events to be checked.
type eventTarget struct{ *check.Collector }

// PutItems implements ingest.Target.
func (eventTarget) PutItems(context.Context, []kindred.Item) error { return nil }

// PutUsers implements ingest.Target.
func (eventTarget) PutUsers(context.Context, []kindred.User) error { return nil }

// MergeUsers implements ingest.Target.
func (eventTarget) MergeUsers(context.Context, kindred.Merge) (bool, error) { return true, nil }

// AppendExposures implements ingest.Target.
func (eventTarget) AppendExposures(context.Context, []kindred.Exposure) error { return nil }

// AppendEvents implements ingest.Target.
func (t eventTarget) AppendEvents(_ context.Context, events []kindred.Event) ([]bool, error) {
	for i := range events {
		t.AddEvent(&events[i])
	}
	return make([]bool, len(events)), nil
}
