package sim

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"strconv"
	"time"

	"kindred"
)

// glance is what somebody opened by mistake right before a row. Half of such
// views say how long they lasted; of the others only what came next tells.
func (s *Shop) glance(rng *rand.Rand, row Row) Row {
	row.Event.ID += "-glance"
	for before := row.Event.Item; row.Event.Item == before; {
		row.Event.Item = s.items[rng.IntN(len(s.items))].item.ID
	}
	lasted := time.Duration(100+rng.IntN(800)) * time.Millisecond
	if rng.IntN(2) == 0 {
		row.Event.Context = fmt.Appendf(nil, `{"dwell_seconds":%g}`, lasted.Seconds())
		lasted += 2 * time.Second
	}
	row.Event.Time = row.Event.Time.Add(-lasted)
	row.Arrived = row.Event.Time
	row.Truth |= kindred.AccidentalView
	return row
}

// visits are those of bouncers, readers, followers and clickers.
func (s *Shop) visits(rng *rand.Rand, d *Dirt) (rows []Row) {
	add := func(events iter.Seq[kindred.Event], truth kindred.Verdict) {
		for e := range events {
			rows = append(rows, Row{e, e.Time, truth})
		}
	}
	for n := range d.Bounces {
		add(s.clicks(rng, kindred.UserID("passer-"+strconv.Itoa(n)), s.daytime(rng), 1, human15s), kindred.AbandonedSession)
	}
	for n := range d.Readers {
		user := kindred.UserID("reader-" + strconv.Itoa(n))
		for range 3 {
			add(shown(rng, s.clicks(rng, user, s.daytime(rng), 40, human15s)), 0)
		}
	}
	for n := range d.Followers {
		user := kindred.UserID("follower-" + strconv.Itoa(n))
		for range 3 {
			add(clicked(s.clicks(rng, user, s.daytime(rng), 40, human15s)), 0)
		}
	}
	for n := range d.Clickers {
		user := kindred.UserID("clicker-" + strconv.Itoa(n))
		for range 6 {
			add(clicked(s.clicks(rng, user, s.daytime(rng), 60, steady(20, 0.38))), kindred.Bot)
		}
	}
	return rows
}

// clicked makes clicks of views.
func clicked(views iter.Seq[kindred.Event]) iter.Seq[kindred.Event] {
	return func(yield func(kindred.Event) bool) {
		for e := range views {
			if e.Kind = kindred.Click; !yield(e) {
				return
			}
		}
	}
}

// shown makes clicks of views, each after its impression, at any position.
func shown(rng *rand.Rand, views iter.Seq[kindred.Event]) iter.Seq[kindred.Event] {
	return func(yield func(kindred.Event) bool) {
		for e := range clicked(views) {
			e.Position = 1 + rng.IntN(listLength)
			impression := e
			impression.Kind, impression.Time = kindred.Impression, e.Time.Add(-time.Second)
			if !yield(impression) || !yield(e) {
				return
			}
		}
	}
}
