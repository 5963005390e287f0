package sim

import (
	"cmp"
	"encoding/json"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"kindred"
)

// Dirt says what goes wrong in a shop's history, apart from the programs
// among its own shoppers.
type Dirt struct {
	Seed         uint64
	Bots         int     // further users who are programs, of all sorts in turn
	Crowds       int     // further users behind whom many people act at a time, as in a school
	DoubleClicks float64 // part of the views that are told twice
	Misdated     float64 // part of the events whose time lies hours ahead of their arrival
	Placeholders float64 // part of the events whose user or item is none
	Glances      float64 // part of the views before which another item was opened and left at once
	Bounces      int     // further visits, of further users, that end with one view or click
	Readers      int     // further people of whom all lists are told, as impressions, and what they clicked
	Followers    int     // further people who click as much, from mails, and were shown nothing
	Clickers     int     // further programs that were shown nothing, and click nearly on the beat
}

// Row is an event as it arrives, and what is wrong with it. Of two that are
// one, the earlier is wrong.
type Row struct {
	Event   kindred.Event
	Arrived time.Time
	Truth   kindred.Verdict
}

// pushed is how many products programs push.
const pushed = 10

// dirtDays is the last part of the history, in which programs and crowds act.
const dirtDays = 14

// Dirty returns the shop's history with dirt in it, in the order of arrival.
func (s *Shop) Dirty(d Dirt) []Row {
	rng := rand.New(rand.NewPCG(d.Seed, dirtDice))
	var rows []Row
	for e := range s.Events() {
		row := Row{Event: e, Arrived: e.Time}
		if s.Truth().IsBot(e.User) {
			row.Truth = kindred.Bot
		}
		rows = append(rows, s.soil(rng, &d, row)...)
	}
	for n := range d.Bots {
		user := kindred.UserID("visitor-" + strconv.Itoa(n))
		for e := range s.program(rng, n, user) {
			rows = append(rows, Row{e, e.Time, kindred.Bot})
		}
	}
	for n := range d.Crowds {
		user := kindred.UserID("school-" + strconv.Itoa(n))
		for range 8 {
			for e := range s.clicks(rng, user, s.daytime(rng), 150, human15s) {
				rows = append(rows, Row{Event: e, Arrived: e.Time})
			}
		}
	}
	rows = append(rows, s.visits(rng, &d)...)
	slices.SortStableFunc(rows, func(a, b Row) int { return a.Arrived.Compare(b.Arrived) })
	for n := range rows {
		rows[n].Event.ID = cmp.Or(rows[n].Event.ID, "dirt-"+strconv.Itoa(n))
	}
	return rows
}

// soil returns a row, or what became of it.
func (s *Shop) soil(rng *rand.Rand, d *Dirt, row Row) []Row {
	e := &row.Event
	switch x := rng.Float64(); {
	case x < d.DoubleClicks && e.Kind == kindred.View:
		first := row
		first.Event.ID += "-first"
		first.Event.Time = e.Time.Add(-time.Duration(300+rng.IntN(2000)) * time.Millisecond)
		first.Arrived = first.Event.Time
		first.Truth |= kindred.NearDuplicate
		return []Row{first, row}
	case x < d.DoubleClicks:
	case x < d.DoubleClicks+d.Misdated:
		e.Time = e.Time.Add(time.Duration(1+rng.IntN(20)) * time.Hour)
		row.Truth |= kindred.Misdated
	case x < d.DoubleClicks+d.Misdated+d.Placeholders:
		none := pick(rng, []string{"null", "undefined", "None", "00000000-0000-0000-0000-000000000000", "NaN", "-1"})
		if rng.IntN(2) == 0 {
			e.User = kindred.UserID(none)
		} else {
			e.Item = kindred.ItemID(none)
		}
		row.Truth = kindred.Placeholder
	case x < d.DoubleClicks+d.Misdated+d.Placeholders+d.Glances && e.Kind == kindred.View:
		return []Row{s.glance(rng, row), row}
	}
	return []Row{row}
}

// pause draws how long somebody waits before the next click, in seconds.
type pause func(rng *rand.Rand) float64

// human15s is a person's: mostly a few seconds, now and then long.
func human15s(rng *rand.Rand) float64 { return 10 * math.Exp(0.9*rng.NormFloat64()) }

func random(mean float64) pause {
	return func(rng *rand.Rand) float64 { return mean * rng.ExpFloat64() }
}

func steady(mean, jitter float64) pause {
	return func(rng *rand.Rand) float64 { return mean * (1 + jitter*(2*rng.Float64()-1)) }
}

// program is what one program does.
func (s *Shop) program(rng *rand.Rand, sort int, user kindred.UserID) iter.Seq[kindred.Event] {
	at := s.daytime(rng)
	switch sort % 7 {
	case 0: // says what it is
		return told(s.clicks(rng, user, at, 60, human15s), "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)")
	case 1: // many requests at a time
		return s.clicks(rng, user, at, 900, random(0.3))
	case 2: // by the clock
		return s.clicks(rng, user, at, 200, steady(600, 0.02))
	case 3: // by a clock that is to look like a person
		return s.clicks(rng, user, at, 150, steady(45, 0.2))
	case 4: // slow, at random, and never asleep
		return s.clicks(rng, user, at, 500, random(1200))
	case 5: // to make one product look wanted: several programs push the same few
		return oneOf(s.clicks(rng, user, at, 150, random(15)), s.items[rng.IntN(min(pushed, len(s.items)))].item.ID)
	default: // once an hour
		return s.clicks(rng, user, at, 120, steady(3600, 0.1))
	}
}

// daytime is a moment of a day when people are awake.
func (s *Shop) daytime(rng *rand.Rand) time.Time {
	days := min(dirtDays, s.cfg.Days)
	day := s.cfg.Now.AddDate(0, 0, -rng.IntN(days)-1).Truncate(24 * time.Hour)
	return day.Add(9*time.Hour + time.Duration(rng.Int64N(int64(8*time.Hour)))).Truncate(time.Millisecond)
}

// clicks are views of products on sale, anything with the same chance.
func (s *Shop) clicks(rng *rand.Rand, user kindred.UserID, at time.Time, n int, wait pause) iter.Seq[kindred.Event] {
	return func(yield func(kindred.Event) bool) {
		for n > 0 {
			item := &s.items[rng.IntN(len(s.items))].item
			if !item.AvailableAt(at) {
				continue
			}
			n--
			if !yield(kindred.Event{User: user, Item: item.ID, Kind: kindred.View, Value: 1, Time: at}) {
				return
			}
			at = at.Add(time.Duration(wait(rng)*1000) * time.Millisecond)
		}
	}
}

// told adds the agent to events.
func told(events iter.Seq[kindred.Event], agent string) iter.Seq[kindred.Event] {
	context, _ := json.Marshal(map[string]string{"user_agent": agent}) // texts always have a JSON form
	return func(yield func(kindred.Event) bool) {
		for e := range events {
			if e.Context = context; !yield(e) {
				return
			}
		}
	}
}

// oneOf makes nearly all events of one item.
func oneOf(events iter.Seq[kindred.Event], item kindred.ItemID) iter.Seq[kindred.Event] {
	return func(yield func(kindred.Event) bool) {
		n := 0
		for e := range events {
			n++
			if n%40 != 0 {
				e.Item = item
			}
			if !yield(e) {
				return
			}
		}
	}
}
