package recommend

import (
	"cmp"
	"context"
	"maps"
	"math"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/zeebo/xxh3"

	"kindred"
	"kindred/dataset"
)

// maxEvents is how far back a user's history reaches. What was done before the
// user's last maxEvents events no longer counts, nor does it hide an item.
const maxEvents = 1000

// warm pauses for warmPause, about as long as warmAtOnce histories take.
const (
	warmAtOnce = 8
	warmPause  = time.Millisecond
)

// profile is what recommending needs of a user's events, and what is said of
// the user. It never changes.
type profile struct {
	steps  []step  // distinct items that say what the user likes, oldest first
	other  []step  // what the user knows besides: disliked, rated low
	visits []visit // every event that the steps sum up, oldest first

	attributes kindred.Attributes
	regrouped  uint64 // of the catalogue, when the events were read: steps of one group are one

	last    atomic.Pointer[places]  // for the dictionary asked for last
	encoded atomic.Pointer[columns] // for the encoding asked for last
}

// size is what the profile counts for in the cache.
func (p *profile) size() int {
	size := 1 + len(p.steps) + len(p.other) + len(p.visits)/visitsInStep
	for _, a := range p.attributes {
		size += attributeInSteps + (len(a.Text)+4*len(a.Vector)+bytesOfWord*len(a.Set))/bytesOfStep
	}
	return size
}

// Estimates of memory, to weigh attributes against steps.
const (
	bytesOfStep      = 100
	bytesOfWord      = 32 // of a set
	attributeInSteps = 2  // without what its text, set or vector holds
)

// places are a profile's items as indices of one dictionary; -1: not in it, or
// a later step has the same.
type places struct {
	items        *dataset.Dict
	byGroup      bool
	regrouped    uint64  // of the catalogue; see profile
	steps, other []int32 // as in profile
}

// in returns where a view has the profile's items. The live models of one
// training share a dictionary, so remembering one answer saves nearly all
// look-ups.
func (p *profile) in(v *view, c *catalogue) *places {
	regrouped := c.regrouped.Load()
	if known := p.last.Load(); known != nil && known.items == v.items && known.byGroup == v.byGroup && (!v.byGroup || known.regrouped == regrouped) {
		return known
	}
	found := &places{
		items: v.items, byGroup: v.byGroup, regrouped: regrouped, steps: make([]int32, len(p.steps)), other: make([]int32, len(p.other)),
	}
	met := map[int32]bool{}
	for _, some := range []struct {
		of []step
		to []int32
	}{{p.steps, found.steps}, {p.other, found.other}} {
		for i := range slices.Backward(some.of) {
			index, known := c.index(v, some.of[i].item)
			if !known || v.byGroup && met[index] {
				index = -1
			}
			some.to[i] = index
			if v.byGroup {
				met[index] = true
			}
		}
	}
	p.last.Store(found)
	return found
}

// columns are a profile's attributes as one encoding has them.
type columns struct {
	encoding *dataset.Encoding
	features []int32
	values   []float32
}

// features returns the attributes as columns of an encoding, those of training
// rows; nothing for a nil encoding.
func (p *profile) features(encoding *dataset.Encoding) ([]int32, []float32) {
	if encoding == nil {
		return nil, nil
	}
	if known := p.encoded.Load(); known != nil && known.encoding == encoding {
		return known.features, known.values
	}
	made := &columns{encoding: encoding}
	made.features, made.values = encoding.Append(nil, nil, p.attributes)
	p.encoded.Store(made)
	return made.features, made.values
}

// step is an item of a profile.
type step struct {
	item   kindred.ItemID // of a group the variant that was liked last
	kind   kindred.Kind   // the strongest of what was done with it
	weight float64        // as training weighs it, at the moment of the last event
	time   int64          // unix milliseconds of that event

	isRejected bool // since it was last liked
	isRated    bool
	rating     float32 // the last
}

// visit is one event of a step's item.
type visit struct {
	time int64 // unix milliseconds
	step int32 // in profile.steps
}

// visitsInStep is how many visits take the memory of a step.
const visitsInStep = 4

// histories caches profiles, made of the events whose verdict is accepted. A new event or attribute makes its user's profile
// leave the cache, so that the next request reads it from the store again.
type histories struct {
	store   Users
	about   *catalogue                       // of items
	size    int                              // items in all profiles of the cache, at most
	signals atomic.Pointer[dataset.Settings] // how events weigh
	cache   *otter.Cache[kindred.UserID, *profile]
	stripes [256]stripe // by hash of the user
}

// stripe counts what came in about some of the users. A profile read from the
// store while its count moved may lack what is new, and is not kept.
type stripe struct {
	mu      sync.Mutex // held while the cache changes, too
	changes uint64
}

func newHistories(store Users, signals *dataset.Settings, about *catalogue, size int) (*histories, error) {
	cache, err := otter.New(&otter.Options[kindred.UserID, *profile]{
		MaximumWeight: uint64(size),
		Weigher:       func(_ kindred.UserID, p *profile) uint32 { return uint32(p.size()) },
	})
	if err != nil {
		return nil, err
	}
	h := &histories{store: store, about: about, size: size, cache: cache}
	h.signals.Store(signals)
	return h, nil
}

// weighBy makes all histories be weighed by these settings from now on.
func (h *histories) weighBy(signals *dataset.Settings) {
	if reflect.DeepEqual(h.signals.Load(), signals) {
		return
	}
	h.signals.Store(signals) // before what is cached goes: what is read meanwhile is not kept
	h.forgetAll()
}

// warm reads the profiles of those who were there lately, the latest first,
// until the cache is full, so that few requests after a start must wait for the
// store. It takes at most half of a core.
func (h *histories) warm(ctx context.Context) error {
	users, err := h.store.RecentUsers(ctx, h.size)
	if err != nil {
		return err
	}
	for left, n := h.size, 0; n < len(users); n++ {
		p, err := h.of(ctx, users[n])
		if err != nil {
			return err
		}
		if left -= p.size(); left < 0 {
			return nil
		}
		if n%warmAtOnce == 0 {
			time.Sleep(warmPause)
		}
	}
	return nil
}

func (h *histories) stripe(user kindred.UserID) *stripe {
	return &h.stripes[xxh3.HashString(string(user))%uint64(len(h.stripes))]
}

// of returns a user's profile; that of a stranger is empty.
func (h *histories) of(ctx context.Context, user kindred.UserID) (*profile, error) {
	signals, regrouped := h.signals.Load(), h.about.regrouped.Load() // before what is read
	if p, cached := h.cache.GetIfPresent(user); cached && (!signals.ByGroup || p.regrouped == regrouped) {
		return p, nil
	}
	s := h.stripe(user)
	s.mu.Lock()
	before := s.changes
	s.mu.Unlock()
	events, err := h.store.UserEvents(ctx, user, maxEvents)
	if err != nil {
		return nil, err
	}
	described, err := h.store.User(ctx, user)
	if err != nil && kindred.KindOf(err) != kindred.NotFound {
		return nil, err
	}
	slices.Reverse(events)
	p := (&profile{attributes: described.Attributes, regrouped: regrouped}).after(events, signals, h.about.length, h.about.group)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changes == before {
		h.cache.Set(user, p)
	}
	return p, nil
}

// forget drops a user's profile: it has changed.
func (h *histories) forget(user kindred.UserID) {
	s := h.stripe(user)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes++
	h.cache.Invalidate(user)
}

// forgetAll drops every profile.
func (h *histories) forgetAll() {
	for i := range h.stripes {
		s := &h.stripes[i]
		s.mu.Lock()
		s.changes++
		s.mu.Unlock()
	}
	h.cache.InvalidateAll()
}

// after returns the profile as it is after further events, oldest first. It
// passes over and weighs them as dataset.Builder does, by the same rules, except that a refund
// takes nothing back: the item was wanted. Whatever was done with an item makes
// it known; being shown it (impression) does not, nor does searching.
func (p *profile) after(events []kindred.Event, signals *dataset.Settings, lengths dataset.Lengths, groups dataset.Groups) *profile {
	all := slices.Concat(p.steps, p.other)
	visits := slices.Clone(p.visits)
	place := make(map[kindred.ItemID]int, len(all)+len(events))
	for i := range all {
		place[signals.Product(all[i].item, groups)] = i
	}
	scale := ratingScale(all, events, signals, groups)
	for i := range events {
		e := &events[i]
		if e.Item == "" || e.Verdict.Has(signals.Refuse) || e.Kind == kindred.Impression || e.Kind == kindred.Search {
			continue
		}
		product := signals.Product(e.Item, groups)
		at, known := place[product]
		if !known {
			at = len(all)
			place[product] = at
			all = append(all, step{item: e.Item})
		}
		effect, amount := signals.Effect(e, lengths)
		counted := all[at].take(e, effect, amount, &scale, signals)
		if counted {
			all[at].item = e.Item
		}
		switch {
		case effect == dataset.Erases:
			visits = slices.DeleteFunc(visits, func(v visit) bool { return int(v.step) == at })
		case counted:
			visits = append(visits, visit{e.Time.UnixMilli(), int32(at)})
		}
	}
	next := arrange(all, visits)
	next.attributes, next.regrouped = p.attributes, p.regrouped
	return next
}

// arrange makes a profile of steps in any order and of visits that name them
// by their place there.
func arrange(all []step, visits []visit) *profile {
	next := &profile{visits: visits}
	order := make([]int32, 0, len(all)) // of the liked
	for i := range all {
		if all[i].weight > 0 {
			order = append(order, int32(i))
		} else {
			next.other = append(next.other, all[i])
		}
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(all[a].time, all[b].time) })
	now := make([]int32, len(all)) // place of each step in next.steps
	for to, from := range order {
		next.steps = append(next.steps, all[from])
		now[from] = int32(to)
	}
	for k := range visits {
		visits[k].step = now[visits[k].step]
	}
	slices.SortStableFunc(visits, func(a, b visit) int { return cmp.Compare(a.time, b.time) })
	return next
}

// take lets an event of the step's item have its effect, and says whether it
// counted as liking.
func (s *step) take(
	e *kindred.Event, effect dataset.Effect, amount float64, scale *dataset.RatingScale, signals *dataset.Settings,
) (counted bool) {
	switch effect {
	case dataset.Erases:
		s.weight, s.isRejected = 0, true
		return false
	case dataset.Rejects:
		s.isRejected = true
		return false
	case dataset.Rates:
		s.isRated, s.rating = true, float32(e.Value)
		if amount, counted = scale.Weigh(s.rating); !counted {
			s.isRejected = true
			return false
		}
	case dataset.Adds, dataset.Buys:
	case dataset.Refunds, dataset.Nothing:
		return false
	}
	if amount <= 0 {
		return false
	}
	at := e.Time.UnixMilli()
	s.weight = s.weight*decay(at-s.time, signals.HalfLife) + amount
	s.time, s.isRejected = at, false
	if strength(e.Kind) >= strength(s.kind) {
		s.kind = e.Kind
	}
	return true
}

// ratingScale is what the user's ratings are worth, as far as they are known
// here: the last of each item, and of all scales only what the user ever gave.
func ratingScale(known []step, events []kindred.Event, signals *dataset.Settings, groups dataset.Groups) dataset.RatingScale {
	last, highest := map[kindred.ItemID]float32{}, 0.
	for i := range known {
		if known[i].isRated {
			last[signals.Product(known[i].item, groups)] = known[i].rating
		}
	}
	for i := range events {
		if e := &events[i]; e.Kind == kindred.Rating && !e.Verdict.Has(signals.Refuse) {
			last[signals.Product(e.Item, groups)] = float32(e.Value)
			highest = max(highest, e.Value)
		}
	}
	ratings := make([]float32, 0, len(last))
	for _, item := range slices.Sorted(maps.Keys(last)) { // sums in one order
		ratings = append(ratings, last[item])
		highest = max(highest, float64(last[item]))
	}
	return signals.RatingScale(ratings, highest)
}

// weightAt is what a step still weighs; 0 if next to nothing, as in training.
func (s *step) weightAt(now time.Time, weights *dataset.Settings) float64 {
	weight := s.weight * decay(now.UnixMilli()-s.time, weights.HalfLife)
	if weights.MaxWeight > 0 {
		weight = min(weight, weights.MaxWeight)
	}
	if weight < 1e-9 {
		return 0
	}
	return weight
}

// decay is what a weight still counts for after some milliseconds.
func decay(age int64, halfLife time.Duration) float64 {
	if halfLife <= 0 || age <= 0 {
		return 1
	}
	return math.Exp2(-float64(age) * float64(time.Millisecond) / float64(halfLife))
}

// Strengths order kinds by how well they explain a recommendation.
const (
	viewed = iota
	liked
	bought
)

func strength(kind kindred.Kind) int {
	switch kind {
	case kindred.Purchase:
		return bought
	case kindred.Like, kindred.Rating:
		return liked
	default:
		return viewed
	}
}

// with returns the profile as it is after a session at hand.
func (p *profile) with(session []SessionItem, signals *dataset.Settings, groups dataset.Groups, now time.Time) *profile {
	if len(session) == 0 {
		return p
	}
	events := make([]kindred.Event, 0, len(session))
	for _, s := range session {
		e := kindred.Event{Item: s.Item, Kind: cmp.Or(s.Kind, kindred.View), Value: 1, Time: s.Time}
		if e.Time.IsZero() {
			e.Time = now
		}
		events = append(events, e)
	}
	return p.after(events, signals, nil, groups)
}

// history translates the profile into a model's indices, weights as they are
// now; items the model does not know are left out. dst's slices are reused.
func (p *profile) history(dst *dataset.History, found *places, weights *dataset.Settings, weighing *dataset.Weighing, now time.Time) {
	*dst = dataset.History{
		Items: dst.Items[:0], Weights: dst.Weights[:0], Times: dst.Times[:0], Steps: dst.Steps[:0], StepTimes: dst.StepTimes[:0],
		Rated: dst.Rated[:0], Ratings: dst.Ratings[:0], Disliked: dst.Disliked[:0], Now: now.Unix(),
	}
	for i := range p.steps {
		s, index := &p.steps[i], found.steps[i]
		weight := s.weightAt(now, weights)
		if index < 0 || weight == 0 {
			continue
		}
		dst.Items = append(dst.Items, index)
		dst.Weights = append(dst.Weights, float32(weight))
		dst.Times = append(dst.Times, s.time/1000)
		addRating(dst, s, index)
	}
	weighing.Weigh(dst.Items, dst.Weights)
	for _, v := range p.visits {
		if index := found.steps[v.step]; index >= 0 && (weights.HalfLife == 0 || p.steps[v.step].weightAt(now, weights) > 0) {
			dst.Steps = append(dst.Steps, index)
			dst.StepTimes = append(dst.StepTimes, v.time/1000)
		}
	}
	for i := range p.other {
		s, index := &p.other[i], found.other[i]
		if index < 0 {
			continue
		}
		addRating(dst, s, index)
		if s.isRejected {
			dst.Disliked = append(dst.Disliked, index)
		}
	}
}

func addRating(dst *dataset.History, s *step, index int32) {
	if s.isRated {
		dst.Rated = append(dst.Rated, index)
		dst.Ratings = append(dst.Ratings, s.rating)
	}
}
