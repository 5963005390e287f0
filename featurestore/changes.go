package featurestore

import (
	"context"
	"math"
	"sync"

	"kindred"
	"kindred/feature"
	"kindred/store"
)

// build has an empty state take in all that is stored, at one moment of the
// store.
func (s *Service) build(ctx context.Context, o *feature.Online) error {
	if err := s.followValues(ctx, o); err != nil {
		return err
	}
	place, err := s.know(ctx, o, 0)
	if err != nil || !s.plan.CountsEvents() {
		return err
	}
	// One core reads, another counts.
	batches := make(chan []feature.Logged, batchesAhead)
	var counting sync.WaitGroup
	counting.Go(func() {
		for batch := range batches {
			o.Observe(batch, s.now().UnixMilli())
		}
	})
	last, told := int64(0), int64(0)
	batch := make([]feature.Logged, 0, batchSize)
	_, err = s.store.AsOf(place).Events(ctx, 0, math.MaxInt, place, func(seq int64, e *kindred.Event) error {
		last = seq
		if s.plan.Accepts(e.Verdict) {
			batch = append(batch, loggedEvent(seq, e))
		}
		told++
		if told%progressStep == 0 {
			s.logger.Info("computing features from the log", "events", told)
		}
		if told%batchSize == 0 {
			s.progress.Store(told)
			batches <- batch
			batch = make([]feature.Logged, 0, batchSize)
		}
		return nil
	})
	batches <- batch
	close(batches)
	counting.Wait()
	o.Skip(last)
	return err
}

// batchesAhead is how many batches are read before they are counted.
const batchesAhead = 4

// know tells an empty state whose IDs are at a place in the log of changes, 0
// being its end, and returns the place.
func (s *Service) know(ctx context.Context, o *feature.Online, place int64) (int64, error) {
	place, aliases, err := s.aliases(ctx, place)
	o.Apply(&feature.Change{Position: place, Users: aliases}, 0)
	return place, err
}

// aliases returns the IDs that are somebody else's at a place in the log of
// changes, 0 being its end, and the place.
func (s *Service) aliases(ctx context.Context, place int64) (at int64, users map[kindred.UserID]kindred.UserID, err error) {
	changes, err := s.store.AsOf(place).Changes(ctx, place, place)
	if err != nil {
		return 0, nil, err
	}
	users, err = s.store.AsOf(changes.Place).Aliases(ctx, changes.Place)
	return changes.Place, users, err
}

// followChanges has a state take note of what became known of events that it
// counts, or did not count, and says whether there may be more.
func (s *Service) followChanges(ctx context.Context, o *feature.Online) (more bool, err error) {
	state := o.State()
	changes, err := s.store.AsOf(state.Change).Changes(ctx, state.Change, 0)
	if err != nil || changes.Place == state.Change {
		return false, err
	}
	change := s.change(&changes, state.Position)
	inexact := o.Apply(&change, s.now().UnixMilli())
	s.metrics.FeatureChanges.WithLabelValues("retracted").Add(float64(len(change.Retract) - inexact))
	s.metrics.FeatureChanges.WithLabelValues("counted").Add(float64(len(change.Observe)))
	s.metrics.FeatureChanges.WithLabelValues("inexact").Add(float64(inexact))
	if inexact > 0 {
		s.renew(o, "events of users or items with very many cannot be taken back")
	}
	return true, nil
}

// change is what changes mean to a state that has observed the events up to a
// position.
func (s *Service) change(changes *store.Changes, position int64) feature.Change {
	c := feature.Change{Position: changes.Place, Users: changes.Users}
	if !s.plan.CountsEvents() {
		return c
	}
	for i := range changes.Events {
		e := &changes.Events[i]
		was, is := s.plan.Accepts(e.Was), s.plan.Accepts(e.Is)
		_, isMoved := changes.Users[e.Event.User]
		if e.Seq > position || was == is && !isMoved {
			continue
		}
		if was {
			c.Retract = append(c.Retract, loggedEvent(e.Seq, &e.Event))
		}
		if is {
			c.Observe = append(c.Observe, loggedEvent(e.Seq, &e.Event))
		}
	}
	return c
}

// renew asks, once for each state, that it be built anew.
func (s *Service) renew(o *feature.Online, why string) {
	if s.outdated.Swap(o) != o {
		s.logger.Info("the features are to be computed anew", "why", why)
		signal(s.rebuild)
	}
}
