package store

import (
	"context"
	"database/sql/driver"
	"math"
	"time"

	"kindred"
)

// EventRange is a span of time, of events or exposures; a zero end is open.
type EventRange struct {
	From time.Time // inclusive
	To   time.Time // exclusive
}

// ScanEvents calls fn with every event of the range and its verdict, in the
// order of arrival, each under the ID of its user, whichever alias it came
// with. It sees one moment of the store, however long it takes, and holds one
// event at a time besides the names of users and items. The *Event is reused:
// fn copies what it keeps.
func (db *DB) ScanEvents(ctx context.Context, r EventRange, fn func(*kindred.Event) error) error {
	where, args := r.where()
	return db.read(ctx, "scanning events", func(c *conn) error {
		users, err := newPeople(ctx, c)
		if err != nil {
			return err
		}
		found, err := newVerdicts(c, math.MaxInt)
		if err != nil {
			return err
		}
		var e kindred.Event
		return c.query(ctx, func(row []driver.Value) error {
			user, err := users.name(c, intOf(row[1]))
			if err != nil {
				return err
			}
			e.User = kindred.UserID(user)
			if err := db.setEvent(c, &e, row[2:]); err != nil {
				return err
			}
			if e.Verdict, err = found.of(intOf(row[0]), intOf(row[1]), intOf(row[2]), intOf(row[4])); err != nil {
				return err
			}
			return fn(&e)
		}, "SELECT seq, user, item, kind, time, value, id, extra FROM events "+where, args...)
	})
}

// where is the condition that a time lies in the range.
func (r EventRange) where() (text string, args []driver.Value) {
	switch {
	case !r.From.IsZero() && !r.To.IsZero():
		return "WHERE time >= ? AND time < ?", []driver.Value{ceilMilli(r.From), ceilMilli(r.To)}
	case !r.From.IsZero():
		return "WHERE time >= ?", []driver.Value{ceilMilli(r.From)}
	case !r.To.IsZero():
		return "WHERE time < ?", []driver.Value{ceilMilli(r.To)}
	}
	return "", nil
}

// selectAfter reads names by joining: whoever follows closely reads few.
const selectAfter = `SELECT e.seq, e.user, u.name, e.item, e.kind, e.time, e.value, e.id, e.extra
	FROM events e CROSS JOIN users u ON u.id = e.user WHERE e.seq > ? ORDER BY e.seq LIMIT ?`

// EventsAfter calls fn with at most limit events that follow a place in the
// log, in log order, each with its verdict and its own place; 0 is the place before the first.
// Each is under the ID it came with, which a later merge does not change.
// Whoever follows the log goes on from the last place it was given, and is at
// the end when it is given less than it asked for. The *Event is reused: fn
// copies what it keeps.
func (db *DB) EventsAfter(ctx context.Context, after int64, limit int, fn func(seq int64, e *kindred.Event) error) error {
	return db.read(ctx, "following events", func(c *conn) error { return db.eventsAfter(ctx, c, after, limit, nil, fn) })
}

// eventsAfter is EventsAfter with the verdicts of then; nil is now.
func (db *DB) eventsAfter(
	ctx context.Context, c *conn, after int64, limit int, then *past, fn func(seq int64, e *kindred.Event) error,
) error {
	found, err := newVerdicts(c, limit)
	if err != nil {
		return err
	}
	found.past = then
	var e kindred.Event
	return c.query(ctx, func(row []driver.Value) error {
		seq, user := intOf(row[0]), intOf(row[1])
		e.User = kindred.UserID(textOf(row[2]))
		if err := db.setEvent(c, &e, row[3:]); err != nil {
			return err
		}
		if e.Verdict, err = found.of(seq, user, intOf(row[3]), intOf(row[5])); err != nil {
			return err
		}
		return fn(seq, &e)
	}, selectAfter, after, int64(limit))
}

// ceilMilli is the first millisecond not before t.
func ceilMilli(t time.Time) int64 {
	return t.Add(time.Millisecond - 1).UnixMilli()
}
