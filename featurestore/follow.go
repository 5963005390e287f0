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
	background.Go(func() { s.rebuildWhenAsked(ctx) })
	defer background.Wait()
	poll, all := time.NewTicker(pollInterval), time.NewTicker(syncInterval)
	defer poll.Stop()
	defer all.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
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

// rebuildWhenAsked builds the state anew where it cannot follow, until ctx
// ends. What is asked meanwhile is one more time, and no more than half of the
// time goes to it.
func (s *Service) rebuildWhenAsked(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.rebuild:
		}
		start := s.now()
		rest := retryAfter
		if s.Materialize(ctx) == nil {
			rest = s.now().Sub(start)
		} else {
			signal(s.rebuild)
		}
		if pause(ctx, rest) != nil {
			return
		}
	}
}

// Materialize builds the online state anew from the logs and puts it in the
// place of the former one, which answers, and follows, until then.
func (s *Service) Materialize(ctx context.Context) error {
	s.building.Lock()
	defer s.building.Unlock()
	start := s.now()
	next := s.plan.NewOnline()
	err := s.build(ctx, next)
	if err == nil {
		err = s.record(ctx, next)
	}
	if err == nil {
		err = s.follow(ctx, next) // what was stored meanwhile, most of it
	}
	if err != nil {
		if ctx.Err() == nil {
			s.logger.Error("the features could not be computed; trying again", "err", err)
		}
		return err
	}
	s.following.Lock()
	defer s.following.Unlock()
	if err := s.follow(ctx, next); err != nil {
		return err
	}
	s.outdated.CompareAndSwap(s.state.Swap(next), nil)
	s.measure(next)
	s.metrics.FeatureBuilds.Inc()
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
	err := s.follow(ctx, state)
	s.measure(state)
	return err
}

// follow plays to a state what the logs hold beyond it. A state that is to be
// built anew, because what it knows can no longer be told, goes on with what
// is known now.
func (s *Service) follow(ctx context.Context, o *feature.Online) error {
	if err := s.followValues(ctx, o); err != nil {
		return err
	}
	for more := true; more; {
		moreChanges, err := s.followChanges(ctx, o)
		place := o.State().Change
		if kindred.KindOf(err) == kindred.Conflict {
			s.renew(o, "events were judged anew, or a user was erased")
			place = 0
		} else if err != nil {
			return err
		}
		moreEvents, err := s.followEvents(ctx, o, place)
		if err != nil {
			return err
		}
		more = moreChanges || moreEvents
	}
	return nil
}

// followEvents has a state take in events with the verdicts of a place in the
// log of changes, and says whether there may be more.
func (s *Service) followEvents(ctx context.Context, o *feature.Online, place int64) (more bool, err error) {
	if !s.plan.CountsEvents() {
		return false, nil
	}
	last, n := o.State().Position, 0
	batch := make([]feature.Logged, 0, batchSize)
	_, err = s.store.AsOf(place).Events(ctx, last, batchSize, place, func(seq int64, e *kindred.Event) error {
		last = seq
		n++
		if s.plan.Accepts(e.Verdict) {
			batch = append(batch, loggedEvent(seq, e))
		}
		return nil
	})
	if kindred.KindOf(err) == kindred.Conflict { // since a moment ago
		return true, nil
	}
	if err == nil {
		o.Observe(batch, s.now().UnixMilli())
		o.Skip(last)
	}
	return n == batchSize, err
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

func loggedEvent(seq int64, e *kindred.Event) feature.Logged {
	return feature.Logged{Position: seq, Event: kindred.Event{
		User: e.User, Item: e.Item, Kind: e.Kind, Value: e.Value, Time: e.Time, Session: e.Session,
	}}
}
