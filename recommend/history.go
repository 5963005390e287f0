package recommend

import (
	"context"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/zeebo/xxh3"

	"kindred"
	"kindred/dataset"
)

// maxEvents is how far back a user's history reaches.
const maxEvents = 1000

// profile is what recommending needs of a user's events. It never changes.
type profile struct {
	steps []step           // distinct items that say what the user likes, oldest first
	seen  []kindred.ItemID // items the user knows, which are not recommended again
}

// step is an item of a profile.
type step struct {
	item   kindred.ItemID
	kind   kindred.Kind // the strongest of what was done with it
	weight float32      // as training weighs it, age aside
	time   int64        // unix seconds of the last event
}

// histories caches profiles. A new event makes its user's profile leave the
// cache, so that the next request reads it from the store again.
type histories struct {
	store   Store
	weights dataset.Settings
	cache   *otter.Cache[kindred.UserID, *profile]
	// changes counts, by hash of the user, what came in. A profile read from
	// the store while its count moved may lack an event and is not kept.
	changes [1024]atomic.Uint64
}

func newHistories(store Store, weights dataset.Settings, size int) (*histories, error) {
	cache, err := otter.New(&otter.Options[kindred.UserID, *profile]{MaximumSize: size})
	if err != nil {
		return nil, err
	}
	return &histories{store: store, weights: weights, cache: cache}, nil
}

func (h *histories) counter(user kindred.UserID) *atomic.Uint64 {
	return &h.changes[xxh3.HashString(string(user))%uint64(len(h.changes))]
}

// of returns a user's profile; that of a stranger is empty.
func (h *histories) of(ctx context.Context, user kindred.UserID) (*profile, error) {
	if p, cached := h.cache.GetIfPresent(user); cached {
		return p, nil
	}
	counter := h.counter(user)
	before := counter.Load()
	events, err := h.store.UserEvents(ctx, user, maxEvents)
	if err != nil {
		return nil, err
	}
	slices.Reverse(events)
	p := newProfile(events, h.weights)
	h.cache.Set(user, p)
	if counter.Load() != before {
		h.cache.Invalidate(user)
	}
	return p, nil
}

// forget drops a user's profile: it has changed.
func (h *histories) forget(user kindred.UserID) {
	h.counter(user).Add(1) // before the profile goes: see of
	h.cache.Invalidate(user)
}

// forgetAll drops every profile.
func (h *histories) forgetAll() {
	for i := range h.changes {
		h.changes[i].Add(1)
	}
	h.cache.InvalidateAll()
}

// newProfile reads events, oldest first, as dataset.Builder does: weights by
// kind, low ratings and refunds count nothing, a dislike takes the item out.
// Whatever was done with an item makes it seen; being shown it (impression)
// does not, nor does searching.
func newProfile(events []kindred.Event, weights dataset.Settings) *profile {
	p := &profile{}
	at := make(map[kindred.ItemID]int, len(events))
	least := leastRating(events, weights)
	for i := range events {
		e := &events[i]
		if e.Item == "" || e.Kind == kindred.Impression || e.Kind == kindred.Search {
			continue
		}
		place, known := at[e.Item]
		if !known {
			place = len(p.steps)
			at[e.Item] = place
			p.steps = append(p.steps, step{item: e.Item, kind: e.Kind})
			p.seen = append(p.seen, e.Item)
		}
		p.steps[place].take(e, weightOf(e, weights, least))
	}
	p.steps = slices.DeleteFunc(p.steps, func(s step) bool { return s.weight <= 0 })
	slices.SortStableFunc(p.steps, func(a, b step) int { return int(min(1, max(-1, a.time-b.time))) })
	return p
}

// take counts an event of the step's item.
func (s *step) take(e *kindred.Event, weight float64) {
	if e.Kind == kindred.Dislike {
		s.weight = 0
		return
	}
	if weight <= 0 {
		return
	}
	s.weight += float32(weight)
	s.time = e.Time.Unix()
	if strength(e.Kind) >= strength(s.kind) {
		s.kind = e.Kind
	}
}

func weightOf(e *kindred.Event, weights dataset.Settings, leastRating float64) float64 {
	switch e.Kind {
	case kindred.Rating:
		if e.Value < leastRating {
			return 0
		}
	case kindred.Refund, kindred.Dislike:
		return 0
	}
	if w, known := weights.Weights[e.Kind]; known {
		return w
	}
	return 1
}

// leastRating is the rating from which on one counts as liking: as set, else
// .6 of the highest the user ever gave, which is all that is known here of the
// scale.
func leastRating(events []kindred.Event, weights dataset.Settings) float64 {
	if weights.MinRating != 0 {
		return weights.MinRating
	}
	highest := 0.0
	for i := range events {
		if events[i].Kind == kindred.Rating {
			highest = math.Max(highest, events[i].Value)
		}
	}
	return 0.6 * highest
}

// strength orders kinds by how well they explain a recommendation.
func strength(kind kindred.Kind) int {
	switch kind {
	case kindred.Purchase, kindred.AddToCart:
		return 3
	case kindred.Like, kindred.Rating:
		return 2
	default:
		return 1
	}
}

// with returns the profile as it is after a session at hand.
func (p *profile) with(session []SessionItem, weights dataset.Settings, now time.Time) *profile {
	if len(session) == 0 {
		return p
	}
	events := make([]kindred.Event, 0, len(p.steps)+len(session))
	for _, s := range session {
		at := s.Time
		if at.IsZero() {
			at = now
		}
		kind := s.Kind
		if kind == "" {
			kind = kindred.View
		}
		events = append(events, kindred.Event{Item: s.Item, Kind: kind, Value: 1, Time: at})
	}
	extra := newProfile(events, weights)
	steps := slices.DeleteFunc(slices.Clone(p.steps), func(s step) bool {
		return slices.ContainsFunc(extra.steps, func(x step) bool { return x.item == s.item })
	})
	return &profile{
		steps: append(steps, extra.steps...),
		seen:  append(slices.Clone(p.seen), extra.seen...),
	}
}

// history translates the profile into a model's indices; items it does not
// know are left out. dst's slices are reused.
func (p *profile) history(dst *dataset.History, items *dataset.Dict) {
	dst.Items, dst.Weights, dst.Times = dst.Items[:0], dst.Weights[:0], dst.Times[:0]
	for i := range p.steps {
		if index, known := items.Index(string(p.steps[i].item)); known {
			dst.Items = append(dst.Items, index)
			dst.Weights = append(dst.Weights, p.steps[i].weight)
			dst.Times = append(dst.Times, p.steps[i].time)
		}
	}
}
