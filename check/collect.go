package check

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"kindred"
)

// What sets of identifiers are sampled beyond; see sample.
const (
	itemLimit    = 1 << 18
	userLimit    = 1 << 17
	pairLimit    = 1 << 16
	sessionLimit = 1 << 16
	contentLimit = 1 << 16
	requestLimit = 1 << 17
)

const (
	day       = 24 * time.Hour
	maxWindow = 90 * day
	dayMillis = int64(day / time.Millisecond)
)

// Collector gathers what the checks need to know, in one pass.
type Collector struct {
	settings Settings
	now      int64 // unix milliseconds

	items    *sample[itemFacts]
	users    *sample[userFacts]
	pairs    *sample[pairFacts]
	sessions *sample[sessionFacts]
	contents *sample[int64] // how often the same was reported
	ids      *sample[int64] // of events
	requests *sample[requestFacts]

	topUsers, topItems, topMoments *heavy

	catalogue, people attributeSet
	shelf             shelfFacts
	shown             exposureFacts
	events            eventFacts
	verdicts          map[kindred.Verdict]int64
	rejects           map[string]int64
	rejectExamples    examples
	expected          []*expectation
}

// New returns an empty collector. The settings are expected to be valid.
func New(settings Settings) *Collector {
	if settings.Window == 0 {
		settings.Window = 7 * day
	}
	if settings.Refuse == 0 {
		settings.Refuse = kindred.AllReasons() &^ kindred.Informational
	}
	c := &Collector{
		settings: settings, now: settings.Now.UnixMilli(),
		items: newSample[itemFacts](itemLimit), users: newSample[userFacts](userLimit),
		pairs: newSample[pairFacts](pairLimit), sessions: newSample[sessionFacts](sessionLimit),
		contents: newSample[int64](contentLimit), ids: newSample[int64](contentLimit),
		requests: newSample[requestFacts](requestLimit),
		topUsers: newHeavy(), topItems: newHeavy(), topMoments: newHeavy(),
		catalogue: newAttributeSet(), people: newAttributeSet(),
		shelf: newShelfFacts(), events: newEventFacts(), rejects: map[string]int64{},
		verdicts: map[kindred.Verdict]int64{},
	}
	for i := range settings.Expectations {
		c.expected = append(c.expected, newExpectation(&settings.Expectations[i], settings.Now))
	}
	return c
}

// itemFacts is what is known of an item. Times are unix milliseconds.
type itemFacts struct {
	name             kindred.ItemID
	known            bool // stands in the catalogue
	events, outcomes int32
	low, high        float32 // prices that events tell
	from, until      int64   // availability; 0: open
	updated          int64
	shelf            uint8 // bucket of its first category
	price            uint8 // see priceBin
}

// userFacts is what is known of a user.
type userFacts struct {
	name             kindred.UserID
	known            bool // has attributes
	events, outcomes int32
}

// pairFacts is what a user did with an item.
type pairFacts struct {
	did      uint16 // bits of kinds, see did
	bought   int64  // first purchase
	returned int64  // first refund
	saw      int64  // first impression
	clicked  int64  // first click
	refunds  int32
	clicks   int32
}

// sessionFacts is what is known of a session.
type sessionFacts struct {
	user        uint64
	shared      bool // by several users
	events      int32
	first, last int64
}

// requestFacts is what is known of a list that was shown.
type requestFacts struct{ joined bool }

type exposureFacts struct {
	count, anonymous, empty int64
	items                   int64
	first, last             int64
}

// AddRejects counts rows that could not be read as anything, for a reason, with
// some of them.
func (c *Collector) AddRejects(reason string, count int64, rows []string) {
	c.rejects[reason] += count
	for _, row := range rows {
		c.rejectExamples = append(c.rejectExamples, clip(reason+": "+row))
	}
	slices.Sort(c.rejectExamples)
}

// AddExposure takes a shown list in.
func (c *Collector) AddExposure(x *kindred.Exposure) {
	s, at := &c.shown, x.Time.UnixMilli()
	if s.count == 0 {
		s.first, s.last = at, at
	}
	s.count++
	s.items += int64(len(x.Items))
	s.first, s.last = min(s.first, at), max(s.last, at)
	if x.User == "" {
		s.anonymous++
	}
	if len(x.Items) == 0 {
		s.empty++
	}
	c.requests.of(hashOf(x.RequestID))
}

// AddUser takes what describes a user in.
func (c *Collector) AddUser(u *kindred.User) {
	if f := c.users.of(hashOf(u.ID)); f != nil {
		f.name, f.known = u.ID, true
	}
	c.people.add(hashOf(u.ID), u.Attributes)
	for _, e := range c.expected {
		e.addUser(u)
	}
}

// AddEvent takes an event in, after all items, users and exposures.
func (c *Collector) AddEvent(e *kindred.Event) {
	user, item := hashOf(e.User), hashOf(e.Item)
	at := e.Time.UnixMilli()
	c.topMoments.add(uint64(at), "")
	kind := c.events.add(e, at, c.now)
	about := c.addItemEvent(e, item, kind)
	c.addUserEvent(e, user, kind)
	if e.Item != "" {
		c.addPair(mix(user, item), kind, at)
	}
	c.addSession(e, user, at)
	c.addRepeat(e, mix(user, item), at)
	c.addJoin(e, kind, at)
	c.addVerdict(e)
	c.events.note(e, about, at)
	for _, x := range c.expected {
		x.addEvent(e)
	}
}

func (c *Collector) addItemEvent(e *kindred.Event, key uint64, kind *kindFacts) *itemFacts {
	if e.Item == "" {
		return nil
	}
	c.topItems.add(key, string(e.Item))
	c.events.nothing.note(string(e.Item))
	f := c.items.of(key)
	if f == nil {
		return nil
	}
	if f.name == "" {
		f.name = e.Item
	}
	f.events++
	if kind.isOutcome {
		f.outcomes++
	}
	if price, ok := contextPrice(e.Context); ok {
		if f.high == 0 {
			f.low = price
		}
		f.low, f.high = min(f.low, price), max(f.high, price)
	}
	return f
}

// contextPrice finds a price in the JSON of an event's context, if it tells
// one. It looks no further than the first such name, so as not to parse each.
func contextPrice(text []byte) (price float32, ok bool) {
	_, text, found := bytes.Cut(text, []byte(`"price":`))
	if !found {
		return 0, false
	}
	text = bytes.TrimLeft(text, " ")
	end := bytes.IndexAny(text, ",} \n\t")
	if end < 0 {
		return 0, false
	}
	x, err := strconv.ParseFloat(string(text[:end]), 32)
	return float32(x), err == nil && x > 0
}

func (c *Collector) addUserEvent(e *kindred.Event, key uint64, kind *kindFacts) {
	c.topUsers.add(key, string(e.User))
	c.events.nobody.note(string(e.User))
	f := c.users.of(key)
	if f == nil {
		return
	}
	if f.name == "" {
		f.name = e.User
	}
	f.events++
	if kind.isOutcome {
		f.outcomes++
	}
}

func (c *Collector) addPair(key uint64, kind *kindFacts, at int64) {
	if kind.did == 0 {
		return
	}
	p := c.pairs.of(key)
	if p == nil {
		return
	}
	p.did |= kind.did
	switch kind.did {
	case didBuy:
		earliest(&p.bought, at)
	case didReturn:
		earliest(&p.returned, at)
		p.refunds++
	case didSee:
		earliest(&p.saw, at)
	case didClick:
		earliest(&p.clicked, at)
		p.clicks++
	}
}

// earliest keeps the earlier of two times; 0 is none.
func earliest(kept *int64, at int64) {
	if *kept == 0 || at < *kept {
		*kept = at
	}
}

func (c *Collector) addSession(e *kindred.Event, user uint64, at int64) {
	if e.Session == "" {
		return
	}
	c.events.inSession++
	s := c.sessions.of(hashOf(e.Session))
	if s == nil {
		return
	}
	if s.events == 0 {
		s.user, s.first, s.last = user, at, at
	}
	s.events++
	s.shared = s.shared || s.user != user
	s.first, s.last = min(s.first, at), max(s.last, at)
}

// addRepeat counts events that say the same, and IDs that are given twice.
func (c *Collector) addRepeat(e *kindred.Event, key uint64, at int64) {
	key = mix(mix(key, hashOf(e.Kind)), mix(uint64(at), math.Float64bits(e.Value)))
	if n := c.contents.of(key); n != nil {
		*n++
		if *n == 2 {
			c.events.repeats.add(describe(e))
		}
	}
	if e.ID != "" {
		c.events.identified++
		if n := c.ids.of(hashOf(e.ID)); n != nil {
			*n++
			if *n == 2 {
				c.events.sameID.add(e.ID)
			}
		}
	}
}

// addJoin looks for the list that an event names.
func (c *Collector) addJoin(e *kindred.Event, kind *kindFacts, at int64) {
	f, shown := &c.events, &c.shown
	if shown.count == 0 || at < shown.first || at > shown.last+dayMillis || !kind.isOutcome {
		return
	}
	f.outcomesAfterLists++
	if e.RequestID == "" {
		return
	}
	f.requested++
	key := hashOf(e.RequestID)
	if !c.requests.keeps(key) {
		return
	}
	f.joinable++
	if r := c.requests.find(key); r != nil {
		r.joined = true
		return
	}
	f.unjoined++
	f.unjoinedExamples.add(e.RequestID)
}

// addVerdict counts what cleaning found.
func (c *Collector) addVerdict(e *kindred.Event) {
	if e.Verdict == 0 {
		return
	}
	for reason := range e.Verdict.Each() {
		c.verdicts[reason]++
	}
	if e.Verdict&c.settings.Refuse != 0 && e.Verdict&kindred.Released == 0 {
		c.events.refused++
		c.events.refusedExamples.add(e.Verdict.String() + ": " + describe(e))
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// Source is where the data to be checked are found. Each method calls fn with
// all there is, in any order, until fn returns an error, and returns that.
type Source interface {
	ScanItems(ctx context.Context, fn func(*kindred.Item) error) error
	ScanUsers(ctx context.Context, fn func(*kindred.User) error) error
	ScanExposures(ctx context.Context, fn func(*kindred.Exposure) error) error
	ScanEvents(ctx context.Context, fn func(*kindred.Event) error) error
}

// Run gathers everything from a source and judges it.
func Run(ctx context.Context, settings Settings, from Source) (Report, error) {
	c := New(settings)
	if err := from.ScanItems(ctx, func(i *kindred.Item) error { c.AddItem(i); return nil }); err != nil {
		return Report{}, fmt.Errorf("check: reading items: %w", err)
	}
	if err := from.ScanUsers(ctx, func(u *kindred.User) error { c.AddUser(u); return nil }); err != nil {
		return Report{}, fmt.Errorf("check: reading users: %w", err)
	}
	if err := from.ScanExposures(ctx, func(x *kindred.Exposure) error { c.AddExposure(x); return nil }); err != nil {
		return Report{}, fmt.Errorf("check: reading exposures: %w", err)
	}
	if err := from.ScanEvents(ctx, func(e *kindred.Event) error { c.AddEvent(e); return nil }); err != nil {
		return Report{}, fmt.Errorf("check: reading events: %w", err)
	}
	return c.Report(), nil
}
