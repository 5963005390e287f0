package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"kindred"
	"kindred/api"
	"kindred/dashboard"
	"kindred/featurestore"
	"kindred/ingest"
	"kindred/internal/metric"
	"kindred/recommend"
	"kindred/registry"
)

// Address is where a server came to listen.
type Address struct {
	URL      string
	FirstKey string // the secret of the key made because there was none
}

// How long clients may take, so that slow ones do not pile up.
const (
	readTimeout   = 30 * time.Second
	writeTimeout  = 60 * time.Second // from the end of the headers: reading and a slow commit included
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	drainTimeout  = 10 * time.Second // for answers under way when told to stop
	pruneInterval = time.Hour
)

// Serve answers HTTP requests until ctx ends, then lets the requests under way
// finish. ready is called once, when requests are accepted.
func (e *Engine) Serve(ctx context.Context, ready func(Address)) error {
	firstKey, err := e.firstKey(ctx)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", e.Config.Listen)
	if err != nil {
		return fmt.Errorf("engine: listening on %s (is another server running? choose another with --listen): %w", e.Config.Listen, err)
	}
	running, handler, err := e.wire(ctx, listener.Addr().String())
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	server := &http.Server{
		Handler: handler, ReadTimeout: readTimeout, ReadHeaderTimeout: headerTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(e.log.Handler(), slog.LevelWarn),
	}
	// What runs in the background outlives the server, so that the last
	// requests' exposures are still written.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, failed := errgroup.WithContext(ctx)
	group.Go(func() error { return ignoreCancel(running.Run(background)) })
	group.Go(func() error { return ignoreCancel(running.features.Run(background)) })
	group.Go(func() error { return ignoreCancel(running.verdicts.Run(background)) })
	group.Go(func() error { return ignoreCancel(running.rejections.Run(background)) })
	group.Go(func() error { return ignoreCancel(e.prune(background)) })
	group.Go(func() error { return ignoreCancel(running.checks.run(background)) })
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("engine: serving: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		defer stop()
		<-failed.Done() // ctx ended, or one of the above failed
		drain, cancel := context.WithTimeout(background, drainTimeout)
		defer cancel()
		err := server.Shutdown(drain)
		if errors.Is(err, context.DeadlineExceeded) { // a long export: its reader will see it cut short
			e.log.Warn("requests under way were cut short")
			return server.Close()
		}
		return err
	})
	ready(Address{URL: "http://" + listener.Addr().String(), FirstKey: firstKey})
	return group.Wait()
}

// live are the parts of a server that are told what has changed, and run in
// the background.
type live struct {
	*recommend.Service
	features *featurestore.Service
	verdicts *ingest.Verdicts
	checks   *checker

	rejections *ingest.Rejections
}

// ItemsChanged takes note of items that have been stored.
func (l live) ItemsChanged(items []kindred.Item) {
	l.Service.ItemsChanged(items)
	l.features.ItemsChanged(items)
}

// ItemDeleted takes note of an item that has been deleted.
func (l live) ItemDeleted(id kindred.ItemID) {
	l.Service.ItemDeleted(id)
	l.features.ItemDeleted(id)
}

// UsersChanged takes note of users that have been stored.
func (l live) UsersChanged(users []kindred.User) {
	l.Service.UsersChanged(users)
	l.features.UsersChanged(users)
}

// UserErased takes note of a user who has been erased.
func (l live) UserErased(id kindred.UserID) {
	l.Service.UserErased(id)
	l.features.UserErased(id)
	l.verdicts.UserErased(id)
}

// VerdictsChanged takes note of users whose events were taken back or released.
func (l live) VerdictsChanged(users []kindred.UserID) {
	l.Service.VerdictsChanged(users)
	l.features.VerdictsChanged(users)
}

// wire puts the parts of a server together.
func (e *Engine) wire(ctx context.Context, listen string) (live, http.Handler, error) {
	metrics := metric.New()
	features, err := e.features(metrics)
	if err != nil {
		return live{}, nil, err
	}
	recommender, err := recommend.New(ctx, recommend.Config{
		Weights: e.Config.Dataset(), Shown: features, Metrics: metrics, Logger: e.log,
	}, e.Store, e.Registry)
	if err != nil {
		return live{}, nil, err
	}
	verdicts := e.verdicts(func(users []kindred.UserID) {
		recommender.VerdictsChanged(users)
		features.VerdictsChanged(users)
	}, metrics)
	all := live{recommender, features, verdicts, newChecker(e, metrics), ingest.NewRejections(e.Store, metrics, e.log)}
	activity := api.NewActivity(time.Now)
	accept, err := e.acceptItems(ctx)
	if err != nil {
		return live{}, nil, err
	}
	accept.Metrics, accept.Rejections = metrics, all.rejections
	events := ingest.New(accept, e.Store, recommender, features, activity, verdicts)
	server, err := api.New(api.Config{Listen: listen, Hosts: e.Config.Hosts, Schema: e.Config.Catalogue, Version: e.codeVersion}, api.Deps{
		Events: events, Recommender: recommender, Live: all, Items: e.Store, Withdrawals: e.Store, Users: e.Store, Aliases: e.Store, Keys: e.Store, Counts: e.Store, Stored: e.Exports(features),
		Models: e.Registry, Checks: all.checks, Features: features, FeatureReports: features, Cleaning: verdicts, Quarantine: e.Store, Histories: all, Rejected: e.Store, Rejections: all.rejections, Replayer: events, Metrics: metrics, Activity: activity, Dashboard: dashboard.Handler(), Logger: e.log, Now: time.Now,
	})
	if err != nil {
		return live{}, nil, err
	}
	return all, server.Handler(), nil
}

// prune removes old exposures and verdicts, now and then every hour.
func (e *Engine) prune(ctx context.Context) error {
	tick := time.NewTicker(pruneInterval)
	defer tick.Stop()
	for {
		if keep := e.Config.KeepExposures; keep > 0 {
			if _, err := e.Store.PruneExposures(ctx, time.Now().Add(-keep)); err != nil && ctx.Err() == nil {
				e.log.Error("old exposures could not be removed; trying again in an hour", "err", err)
			}
			if _, err := e.Store.PruneFeatureLogs(ctx, time.Now().Add(-keep)); err != nil && ctx.Err() == nil {
				e.log.Error("old features of shown lists could not be removed; trying again in an hour", "err", err)
			}
		}
		if err := e.Store.RemoveOldGenerations(ctx); err != nil && ctx.Err() == nil {
			e.log.Error("old verdicts could not be removed; trying again in an hour", "err", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func ignoreCancel(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// OpenRegistry opens the models of a state folder alone.
func OpenRegistry(dir string) (*registry.Registry, error) {
	return registry.Open((&Engine{Config: Config{Dir: dir}}).Path("models"))
}
