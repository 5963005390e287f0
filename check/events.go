package check

import (
	"fmt"
	"math"
	"time"

	"kindred"
)

// maxKinds is how many kinds of events are told apart; more are one.
const maxKinds = 32

// Bits of what a pair did.
const (
	didSee uint16 = 1 << iota
	didClick
	didView
	didBuy
	didReturn
)

// kindFacts is what is known of a kind of event.
type kindFacts struct {
	name      kindred.Kind
	index     int
	did       uint16
	isOutcome bool // something wanted: neither shown nor searched
	valued    int  // place in dayFacts.values, or -1
	count     int64
	negative  int64
	zero      int64
	sizes     magnitudes
	largest   extremes
	examples  examples // of negative or zero values
}

func newKindFacts(kind kindred.Kind, index int) *kindFacts {
	f := &kindFacts{name: kind, index: index, valued: -1}
	f.isOutcome = kind != kindred.Impression && kind != kindred.Search && kind != kindred.Refund && kind != kindred.Dislike
	switch kind { //nolint:exhaustive // the others are of no pair
	case kindred.Impression:
		f.did = didSee
	case kindred.Click:
		f.did = didClick
	case kindred.View:
		f.did = didView
	case kindred.Purchase:
		f.did, f.valued = didBuy, 0
	case kindred.Refund:
		f.did = didReturn
	case kindred.Rating:
		f.valued = 1
	case kindred.Play:
		f.valued = 2
	}
	return f
}

// How finely the distributions of a day are kept.
const (
	valuedKinds  = 3 // purchase, rating, play
	valueBins    = 32
	positionBins = 16
	shelfBins    = 64
	priceBins    = 32 // doublings, from 1/16
	hoursADay    = 24
)

// dayFacts is what happened on a day: some 1,000 bytes.
type dayFacts struct {
	events    int64
	kinds     [maxKinds]int32
	values    [valuedKinds][valueBins]int32
	positions [positionBins]int32
	shelves   [shelfBins]int32
	prices    [priceBins]int32
	hours     [hoursADay]int32
}

// eventFacts is what is known of all events.
type eventFacts struct {
	count       int64
	kinds       map[kindred.Kind]*kindFacts
	byIndex     []*kindFacts
	days        map[int64]*dayFacts // by days since 1970
	seconds     []int32             // by second of the day
	first, last int64               // not in the future

	future, ancient, search              int64
	identified                           int64 // with an ID
	inSession, anonymous                 int64
	placed, placeable                    int64 // with a position, of those seen in a list
	unavailable, unavailableOf           int64
	before, beforeOf                     int64 // of items described later
	outcomesAfterLists, requested        int64
	joinable, unjoined                   int64
	outcomes, refused                    int64
	refusedExamples                      examples
	nobody, nothing                      placeholders
	futureExamples, ancientExamples      examples
	repeats, sameID, unjoinedExamples    examples
	unavailableExamples, anonymousPeople examples
	ratings                              ratingFacts
}

// ratingFacts is how users rate.
type ratingFacts struct {
	count  int64
	values map[float64]int64 // up to maxRatings of them
	other  int64
}

// maxRatings is how many values of ratings are told apart.
const maxRatings = 1024

// placeholders counts identifiers that stand for none. Of identifiers that are
// numbers from 0 on, 0 is the first.
type placeholders struct {
	count    int64
	zeros    int64
	hasOne   bool // there is a 1
	examples examples
}

func (p *placeholders) note(id string) {
	switch {
	case id == "0":
		p.zeros++
	case id == "1":
		p.hasOne = true
	case isPlaceholder(id):
		p.count++
		p.examples.add(id)
	}
}

// found is their share of all events.
func (p *placeholders) found(events int64) finding {
	f := of(p.count, events, p.examples)
	if p.zeros > 0 && !p.hasOne {
		f = of(p.count+p.zeros, events, append(examples{"0"}, p.examples...))
	}
	return f
}

func newEventFacts() eventFacts {
	return eventFacts{
		kinds: map[kindred.Kind]*kindFacts{}, days: map[int64]*dayFacts{}, seconds: make([]int32, day/time.Second),
		ratings: ratingFacts{values: map[float64]int64{}},
	}
}

// ahead is how much a clock may be ahead.
const ahead = int64(5 * time.Minute / time.Millisecond)

// add counts an event by kind and by time, and returns its kind.
func (f *eventFacts) add(e *kindred.Event, at, now int64) *kindFacts {
	f.count++
	kind := f.kind(e.Kind)
	kind.count++
	switch {
	case at > now+ahead:
		f.future++
		f.futureExamples.add(describe(e))
	case f.first == 0 && f.last == 0:
		f.first, f.last = at, at
	default:
		f.first, f.last = min(f.first, at), max(f.last, at)
	}
	if at < ancientMillis {
		f.ancient++
		f.ancientExamples.add(describe(e))
	}
	if e.Item == "" {
		f.search++
	}
	if kind.isOutcome {
		f.outcomes++
	}
	f.seconds[floorMod(at, dayMillis)/1000]++
	if isGuest(string(e.User)) {
		f.anonymous++
		f.anonymousPeople.add(string(e.User))
	}
	f.value(e, kind)
	return kind
}

// ancientMillis is the end of 1990: before it, no shop wrote events down, but
// clocks at zero do.
const ancientMillis = int64(21 * 365.25 * float64(day/time.Millisecond))

func (f *eventFacts) kind(name kindred.Kind) *kindFacts {
	if kind := f.kinds[name]; kind != nil {
		return kind
	}
	if len(f.byIndex) == maxKinds {
		return f.byIndex[maxKinds-1]
	}
	kind := newKindFacts(name, len(f.byIndex))
	f.kinds[name] = kind
	f.byIndex = append(f.byIndex, kind)
	return kind
}

func (f *eventFacts) value(e *kindred.Event, kind *kindFacts) {
	if kind.name == kindred.Rating {
		f.ratings.add(e.Value)
		return
	}
	switch {
	case e.Value < 0:
		kind.negative++
		kind.examples.add(describe(e))
	case e.Value == 0:
		kind.zero++
		kind.examples.add(describe(e))
	}
	kind.sizes.add(math.Abs(e.Value))
	if e.Value > 1 {
		kind.largest.add(e.Value, func() string { return describe(e) })
	}
}

func (r *ratingFacts) add(value float64) {
	r.count++
	if n, known := r.values[value]; known || len(r.values) < maxRatings {
		r.values[value] = n + 1
		return
	}
	r.other++
}

// note counts an event's day, once its item is known (nil: it has none).
func (f *eventFacts) note(e *kindred.Event, item *itemFacts, at int64) {
	number := floorDiv(at, dayMillis)
	d := f.days[number]
	if d == nil {
		d = &dayFacts{}
		f.days[number] = d
	}
	kind := f.kind(e.Kind)
	d.events++
	d.kinds[kind.index]++
	d.hours[floorMod(at, dayMillis)/(dayMillis/hoursADay)]++
	if kind.valued >= 0 {
		d.values[kind.valued][valueBin(e.Value)]++
	}
	if kind.did == didSee || e.RequestID != "" {
		f.placeable++
		if e.Position > 0 {
			f.placed++
		}
	}
	if e.Position > 0 {
		d.positions[min(e.Position, positionBins)-1]++
	}
	if item == nil || !item.known {
		return
	}
	d.shelves[item.shelf]++
	if item.price > 0 {
		d.prices[item.price-1]++
	}
	f.availability(e, kind, item, at)
}

func (f *eventFacts) availability(e *kindred.Event, kind *kindFacts, item *itemFacts, at int64) {
	f.beforeOf++
	if at < item.updated {
		f.before++
	}
	if !kind.isOutcome || item.from == 0 && item.until == 0 {
		return
	}
	f.unavailableOf++
	if at < item.from || item.until != 0 && at >= item.until {
		f.unavailable++
		f.unavailableExamples.add(describe(e))
	}
}

// valueBin bins amounts: by halves up to 10, by doubling beyond.
func valueBin(x float64) int {
	if x <= 10 {
		return int(max(2*x, 0))
	}
	return min(21+math.Ilogb(x/10), valueBins-1)
}

// priceBin bins prices by doubling, from 1; 0 is none.
func priceBin(price float64) uint8 {
	if !(price > 0) {
		return 0
	}
	return uint8(1 + min(max(math.Ilogb(price)+4, 0), priceBins-1)) //nolint:gosec // 1 to 32
}

func floorDiv(a, b int64) int64 { return (a - floorMod(a, b)) / b }

func floorMod(a, b int64) int64 { return (a%b + b) % b }

// describe writes an event for people.
func describe(e *kindred.Event) string {
	text := fmt.Sprintf("%s: %s %s %s", e.Time.UTC().Format("2006-01-02 15:04:05"), e.User, e.Kind, e.Item)
	if e.Value != 1 {
		text += fmt.Sprintf(" ×%g", e.Value)
	}
	return text
}
