package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"math"
	"time"

	"kindred"
)

// VerdictCounts returns how many events have each verdict; together they are
// all events there are. It reads the whole log: half a microsecond an event.
func (db *DB) VerdictCounts(ctx context.Context) (counts map[kindred.Verdict]int64, err error) {
	counts = map[kindred.Verdict]int64{}
	err = db.read(ctx, "counting verdicts", func(c *conn) error {
		found, err := newVerdicts(c, math.MaxInt)
		if err != nil {
			return err
		}
		return c.query(ctx, func(row []driver.Value) error {
			v, err := found.of(intOf(row[0]), intOf(row[1]), intOf(row[2]), intOf(row[3]))
			counts[v]++
			return err
		}, "SELECT seq, user, item, time FROM events")
	})
	return counts, err
}

// QuarantineQuery chooses events by their verdict and by what is set besides.
type QuarantineQuery struct {
	Reasons kindred.Verdict // has one of these
	User    kindred.UserID  // as the event names its user
	Item    kindred.ItemID
	From    time.Time // inclusive
	To      time.Time // exclusive
	IDs     []string  // of events; none: any
}

// Quarantined is an event with its place in the log and what was found.
type Quarantined struct {
	Seq   int64
	Event kindred.Event
	Why   string // of its user, if all the user's events have a reason
}

// quarantineScan is how many events one page looks at.
const quarantineScan = 200_000

// Quarantine returns at most limit events that match, from after a place in
// the log on, and the place to go on from: 0 when there are no more. A page
// looks at a bounded part of the log, so that it may hold few or none.
func (db *DB) Quarantine(ctx context.Context, q QuarantineQuery, after int64, limit int) (page []Quarantined, next int64, err error) {
	seen := 0
	matches := q.matcher()
	err = db.EventsAfter(ctx, after, quarantineScan, func(seq int64, e *kindred.Event) error {
		seen++
		next = seq
		if matches(e) {
			page = append(page, Quarantined{Seq: seq, Event: *e})
		}
		if len(page) == limit {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	} else if seen < quarantineScan {
		next = 0
	}
	if err != nil {
		return nil, 0, err
	}
	return page, next, db.explainFlags(ctx, page)
}

var errEnough = errors.New("enough")

func (q *QuarantineQuery) matcher() func(e *kindred.Event) bool {
	ids := map[string]bool{}
	for _, id := range q.IDs {
		ids[id] = true
	}
	return func(e *kindred.Event) bool {
		return e.Verdict.Has(q.Reasons) && (q.User == "" || e.User == q.User) && (q.Item == "" || e.Item == q.Item) &&
			(q.From.IsZero() || !e.Time.Before(q.From)) && (q.To.IsZero() || e.Time.Before(q.To)) && (len(ids) == 0 || ids[e.ID])
	}
}

// isOfUsers says whether the query is of users, whole.
func (q *QuarantineQuery) isOfUsers() bool {
	return q.Item == "" && q.From.IsZero() && q.To.IsZero() && len(q.IDs) == 0
}

// explainFlags says why users are flagged.
func (db *DB) explainFlags(ctx context.Context, page []Quarantined) error {
	return db.read(ctx, "reading why users are flagged", func(c *conn) error {
		for i := range page {
			err := c.rows(func(row []driver.Value) error {
				page[i].Why = textOf(row[0])
				return nil
			}, `SELECT why FROM flags WHERE generation = (SELECT id FROM generations WHERE stage = 1)
				AND user = (SELECT id FROM users WHERE name = ?)`, string(page[i].Event.User))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// releaseRows is how many events one transaction releases.
const releaseRows = 5000

// Release overrules the query's reasons for all events that match, now and
// after any cleaning to come, and says how many events there were. A query that
// names no items, times or events releases users, too: what their events to
// come would be flagged for.
func (db *DB) Release(ctx context.Context, q QuarantineQuery) (released int64, err error) {
	q.Reasons &^= kindred.Informational
	if q.Reasons == 0 {
		return 0, kindred.Errorf(kindred.Invalid, "name the reasons to overrule; %v follow from the data and keep no event from counting", kindred.Informational)
	}
	matches, place := q.matcher(), int64(0)
	for more := true; more; {
		var marks []kindred.Mark
		more = false
		err := db.EventsAfter(ctx, place, releaseRows, func(seq int64, e *kindred.Event) error {
			place, more = seq, true
			if matches(e) {
				marks = append(marks, kindred.Mark{Seq: seq, Reasons: e.Verdict & q.Reasons})
			}
			return nil
		})
		if err == nil && len(marks) > 0 {
			err = db.release(ctx, marks)
		}
		if err != nil {
			return released, err
		}
		released += int64(len(marks))
	}
	if !q.isOfUsers() {
		return released, nil
	}
	return released, db.write(ctx, "releasing users", 1, func(w *writer) error {
		_, err := w.conn.exec(`INSERT INTO released_users (user, reasons)
			SELECT user, reasons & ?1 FROM flags WHERE reasons & ?1 <> 0 AND generation = (SELECT id FROM generations WHERE stage = 1)
				AND (?2 = '' OR user = (SELECT id FROM users WHERE name = ?2))
			ON CONFLICT DO UPDATE SET reasons = reasons | excluded.reasons`, int64(q.Reasons), string(q.User))
		return err
	})
}

func (db *DB) release(ctx context.Context, marks []kindred.Mark) error {
	return db.write(ctx, "releasing events", len(marks), func(w *writer) error {
		for _, m := range marks {
			if _, err := w.conn.exec(`INSERT INTO released_events (seq, reasons)
				SELECT seq, ?2 FROM events WHERE seq = ?1
				ON CONFLICT DO UPDATE SET reasons = reasons | excluded.reasons`, m.Seq, int64(m.Reasons)); err != nil {
				return err
			}
		}
		return nil
	})
}
