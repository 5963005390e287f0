package featurestore

import (
	"context"
	"sync"
	"time"

	"kindred"
	"kindred/feature"
	"kindred/store"
)

const (
	batchSize    = 4096
	pollInterval = time.Second      // for what other processes store
	syncInterval = 10 * time.Minute // for properties that other processes store
	retryAfter   = 5 * time.Second
	progressStep = 1_000_000 // events between two lines of the log
)

// Run builds the state and has it follow the logs until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	if s.IsEmpty() {
		<-ctx.Done()
		return ctx.Err()
	}
	for s.Materialize(ctx) != nil {
		if err := pause(ctx, retryAfter); err != nil {
			return err
		}
	}
	var background sync.WaitGroup
	background.Go(func() { s.keepLogs(ctx) })
	background.Go(func() { s.checkSkew(ctx) })
	defer background.Wait()
	poll, all := time.NewTicker(pollInterval), time.NewTicker(syncInterval)
	defer poll.Stop()
	defer all.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.rebuild:
			if err = s.Materialize(ctx); err != nil {
				signal(s.rebuild)
			}
		case <-all.C:
			err = s.recordAll(ctx)
		case <-s.wake:
			err = s.Follow(ctx)
		case <-poll.C:
			err = s.Follow(ctx)
		}
		if err != nil && ctx.Err() == nil {
			s.logger.Error("the features could not follow the store; trying again", "err", err)
			if err := pause(ctx, retryAfter); err != nil {
				return err
			}
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Materialize builds the online state anew from the logs and puts it in the
// place of the former one, which answers until then.
func (s *Service) Materialize(ctx context.Context) error {
	s.building.Lock()
	defer s.building.Unlock()
	start := s.now()
	next := s.plan.NewOnline()
	err := s.follow(ctx, next, true)
	if err == nil {
		err = s.record(ctx, next)
	}
	if err != nil {
		if ctx.Err() == nil {
			s.logger.Error("the features could not be computed; trying again", "err", err)
		}
		return err
	}
	s.following.Lock()
	defer s.following.Unlock()
	if err := s.follow(ctx, next, false); err != nil { // what was stored meanwhile
		return err
	}
	s.state.Store(next)
	s.measure(next)
	state := next.State()
	s.logger.Info("features are ready", "users", state.Users, "items", state.Items, "seconds", s.now().Sub(start).Seconds())
	return nil
}

// Follow brings the state up to the logs' ends, and records properties that
// changed. Without a state it does nothing.
func (s *Service) Follow(ctx context.Context) error {
	state := s.state.Load()
	if state == nil {
		return nil
	}
	if err := s.recordChanges(ctx, state); err != nil {
		return err
	}
	s.following.Lock()
	defer s.following.Unlock()
	state = s.state.Load() // another may have taken its place
	err := s.follow(ctx, state, false)
	s.measure(state)
	return err
}

// follow plays to a state what the logs hold beyond it.
func (s *Service) follow(ctx context.Context, o *feature.Online, isBuilding bool) error { //nolint:revive // whether to tell of the progress
	if err := s.followValues(ctx, o); err != nil || !s.plan.CountsEvents() {
		return err
	}
	told := int64(0)
	batch := make([]feature.Logged, 0, batchSize)
	for {
		batch = batch[:0]
		last, n := o.State().Position, 0
		err := s.store.EventsAfter(ctx, last, batchSize, func(seq int64, e *kindred.Event) error {
			last = seq
			n++
			if s.accept.Accepts(e.Verdict) {
				batch = append(batch, loggedEvent(seq, e))
			}
			return nil
		})
		if err != nil {
			return err
		}
		o.Observe(batch, s.now().UnixMilli())
		o.Skip(last)
		if isBuilding {
			told += int64(n)
			s.progress.Store(told)
			if told/progressStep != (told-int64(n))/progressStep {
				s.logger.Info("computing features from the log", "events", told)
			}
		}
		if n < batchSize {
			return nil
		}
	}
}

func (s *Service) followValues(ctx context.Context, o *feature.Online) error {
	for {
		var batch []feature.Written
		err := s.store.FeatureValuesAfter(ctx, o.State().Values, batchSize, func(v store.FeatureValue) error {
			batch = append(batch, written(&v))
			return nil
		})
		if err != nil {
			return err
		}
		o.Write(batch)
		if len(batch) < batchSize {
			return nil
		}
	}
}

func written(v *store.FeatureValue) feature.Written {
	return feature.Written{
		Position: v.Position, Entity: feature.Entity(v.Entity), ID: v.ID, Name: v.Name, Time: v.Time.UnixMilli(), Value: v.Value,
	}
}

// measure tells the metrics how large and how fresh the state is.
func (s *Service) measure(o *feature.Online) {
	state := o.State()
	s.metrics.FeatureEntities.WithLabelValues(string(feature.User)).Set(float64(state.Users))
	s.metrics.FeatureEntities.WithLabelValues(string(feature.Item)).Set(float64(state.Items))
	s.metrics.FeatureEntities.WithLabelValues(string(feature.Session)).Set(float64(state.Sessions))
	s.followed.Store(s.now().UnixMilli())
	s.metrics.FeatureFollowed.Set(float64(s.followed.Load()) / 1000)
}
