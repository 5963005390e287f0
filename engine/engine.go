// Package engine wires all parts into one running whole from one Config: Open
// gives the parts that commands use, Serve runs the server. It holds no logic
// of its own beyond that; wire.go shows every seam on one page.
package engine

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"kindred"
	"kindred/api"
	"kindred/debias"
	"kindred/export"
	"kindred/featurestore"
	"kindred/format"
	"kindred/ingest"
	"kindred/internal/metric"
	"kindred/registry"
	"kindred/schema"
	"kindred/store"
	"kindred/train"
)

// Engine is an open state folder.
type Engine struct {
	Config   Config
	Store    *store.DB
	Registry *registry.Registry

	log         *slog.Logger
	codeVersion string
}

// Open opens, or makes, the state folder of cfg. Close it again.
func Open(ctx context.Context, cfg Config, codeVersion string, log *slog.Logger) (*Engine, error) {
	if err := os.MkdirAll(cfg.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("engine: making the state folder: %w", err)
	}
	reg, err := registry.Open(filepath.Join(cfg.Dir, "models"))
	if err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, store.Config{Path: filepath.Join(cfg.Dir, "kindred.db")})
	if err != nil {
		return nil, err
	}
	return &Engine{Config: cfg, Store: db, Registry: reg, log: log, codeVersion: codeVersion}, nil
}

// Close closes the state folder.
func (e *Engine) Close() error { return e.Store.Close() }

// Path returns the path of a file in the state folder.
func (e *Engine) Path(name string) string { return filepath.Join(e.Config.Dir, name) }

// Import reads events, items and users from src into the store, and judges the
// events.
func (e *Engine) Import(ctx context.Context, src format.Source, opts ingest.ImportOptions) (ingest.ImportReport, error) {
	opts.Keep = e.Store
	accept, err := e.acceptItems(ctx)
	if err != nil {
		return ingest.ImportReport{}, err
	}
	report, err := ingest.Import(ctx, src, ingest.New(accept, e.Store), e.Store, opts)
	if err == nil && !opts.ValidateOnly {
		err = e.CatchUp(ctx, nil)
	}
	return report, err
}

func (e *Engine) ingestConfig() ingest.Config {
	return ingest.Config{Kinds: e.Config.CustomKinds(), Schema: e.Config.Catalogue, Catalogue: e.Store}
}

// acceptItems is ingestConfig with what is known of the types of attributes,
// where items with others are refused.
func (e *Engine) acceptItems(ctx context.Context) (ingest.Config, error) {
	accept := e.ingestConfig()
	if accept.Schema.TypeConflicts != schema.Reject {
		return accept, nil
	}
	report, err := e.Schema(ctx)
	accept.Types = report.Types()
	return accept, err
}

// Schema returns what the items have, beside what is declared of them.
func (e *Engine) Schema(ctx context.Context) (schema.Report, error) {
	found := schema.NewInference(e.Config.Catalogue)
	err := e.Store.ScanItems(ctx, func(item *kindred.Item) error {
		found.Add(item)
		return nil
	})
	return found.Report(), err
}

// Gate says what errors of the data do to a training.
type Gate uint8

// The gates.
const (
	StopAtErrors Gate = iota
	IgnoreErrors      // and note so in the lineage
)

// Train checks the data and, unless they have errors or those are to be
// ignored, learns the given candidates, or the configured ones, from the
// store, judges them and puts the best live.
func (e *Engine) Train(
	ctx context.Context, candidates []train.Candidate, gate Gate, progress func(train.Progress),
) (train.Result, error) {
	settings, err := e.trainSettings(candidates)
	if err == nil {
		err = e.CatchUp(ctx, nil)
	}
	if err != nil {
		return train.Result{}, err
	}
	if progress != nil {
		progress(train.Progress{Step: "checking the data"})
	}
	if settings.Checks, err = e.pass(ctx, gate); err != nil {
		return train.Result{}, err
	}
	return train.Run(ctx, settings, source{e.Store}, e.Registry, progress)
}

// Judge is Train without keeping or promoting anything.
func (e *Engine) Judge(
	ctx context.Context, candidates []train.Candidate, progress func(train.Progress),
) (train.Result, error) {
	settings, err := e.trainSettings(candidates)
	if err == nil {
		err = e.CatchUp(ctx, nil)
	}
	if err != nil {
		return train.Result{}, err
	}
	return train.Judge(ctx, settings, source{e.Store}, progress)
}

func (e *Engine) trainSettings(candidates []train.Candidate) (train.Settings, error) {
	var err error
	if len(candidates) == 0 {
		candidates, err = e.Config.Candidates()
	}
	return train.Settings{
		Dataset: e.Config.Dataset(), Positions: e.Config.Signals.Debias.Estimate, Exposures: source{e.Store}, Prices: e.Store,
		Signals: e.Config.Alternatives(), Candidates: candidates,
		Metric: e.Config.Training.Metric, Holdout: e.Config.Training.Holdout, Cut: e.Config.Training.Cut,
		Seed: e.Config.Training.Seed, Keep: e.Config.Training.Keep,
		CodeVersion: e.codeVersion, Now: time.Now,
	}, err
}

// CompareSignals judges the configured ways to weigh events on the validation
// part; see train.CompareSignals.
func (e *Engine) CompareSignals(
	ctx context.Context, candidates []train.Candidate, progress func(train.Progress),
) (train.SignalsResult, error) {
	settings, err := e.trainSettings(candidates)
	if err == nil {
		err = e.CatchUp(ctx, nil)
	}
	if err != nil {
		return train.SignalsResult{}, err
	}
	return train.CompareSignals(ctx, settings, source{e.Store}, progress)
}

// StatisticsFolder holds the statistics of the features of training sets, in
// the state folder.
const StatisticsFolder = "features"

// Exports returns where exports come from.
func (e *Engine) Exports(features *featurestore.Service) export.Source {
	return export.Source{Store: e.Store, Features: features}
}

// Positions estimates the position curve from all lists that were shown, by a
// method, or if that is empty by the configured one, or else by all_pairs.
func (e *Engine) Positions(ctx context.Context, method train.PositionMethod) (train.PositionMethod, debias.Curve, error) {
	settings, err := e.trainSettings(nil)
	if err == nil {
		err = e.CatchUp(ctx, nil)
	}
	if err != nil {
		return "", debias.Curve{}, err
	}
	settings.Positions = cmp.Or(method, settings.Positions, train.AllPairsPositions)
	curve, err := train.Positions(ctx, settings, source{e.Store})
	return settings.Positions, curve, err
}

// Features returns the feature store of the folder, for commands: it answers
// from what is stored, without following it.
func (e *Engine) Features() (*featurestore.Service, error) { return e.features(nil) }

func (e *Engine) features(metrics *metric.Metrics) (*featurestore.Service, error) {
	cfg := e.Config.Features
	if cfg.Accept == nil {
		cfg.Accept = e.Config.Cleaning.Accept
	}
	return featurestore.New(featurestore.Config{Features: cfg, Logs: e.Store, Statistics: e.Path(StatisticsFolder), Metrics: metrics, Logger: e.log}, e.Store)
}

// UserVectors folds the history of everyone stored into a model.
func (e *Engine) UserVectors(ctx context.Context, loaded *registry.Loaded) (ids []string, vectors []float32, err error) {
	return train.UserVectors(ctx, e.Config.Dataset(), source{e.Store}, loaded)
}

// source is the store as training reads it: all of it.
type source struct{ *store.DB }

// ScanEvents calls fn with every event.
func (s source) ScanEvents(ctx context.Context, fn func(*kindred.Event) error) error {
	return s.DB.ScanEvents(ctx, store.EventRange{}, fn)
}

// ScanExposures calls fn with every list that was shown.
func (s source) ScanExposures(ctx context.Context, fn func(*kindred.Exposure) error) error {
	return s.DB.ScanExposures(ctx, store.EventRange{}, fn)
}

// CreateKey makes an API key and returns its secret, which is kept nowhere. A
// name is given once, so that it always means the same key.
func (e *Engine) CreateKey(ctx context.Context, name string, scopes []string) (secret string, err error) {
	secret, key := api.GenerateKey(name, scopes)
	return secret, e.Store.PutKey(ctx, key)
}

// firstKey makes an admin key if the store has no valid key at all.
func (e *Engine) firstKey(ctx context.Context) (secret string, err error) {
	keys, err := e.Store.Keys(ctx)
	if err != nil || slices.ContainsFunc(keys, func(k store.Key) bool { return !k.Revoked }) {
		return "", err
	}
	return e.CreateKey(ctx, "admin", []string{"admin"})
}

// DemoKey makes a new admin key for one run of the demo and revokes those of
// runs before.
func (e *Engine) DemoKey(ctx context.Context) (secret string, err error) {
	const prefix = "demo "
	keys, err := e.Store.Keys(ctx)
	if err != nil {
		return "", err
	}
	for _, key := range keys {
		if strings.HasPrefix(key.Name, prefix) && !key.Revoked {
			if err := e.Store.RevokeKey(ctx, key.Name); err != nil {
				return "", err
			}
		}
	}
	return e.CreateKey(ctx, prefix+time.Now().UTC().Format("2006-01-02T15:04:05.000000Z"), []string{"admin"})
}
