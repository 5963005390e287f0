package store

import (
	"context"
	"database/sql/driver"
	"time"

	"kindred"
	"kindred/clean"
)

// ToJudge calls fn with at most limit events that follow a place in the log,
// in log order, reusing the input and its event.
func (db *DB) ToJudge(ctx context.Context, after int64, limit int, fn func(in *clean.Input) error) error {
	return db.read(ctx, "reading events to judge", func(c *conn) error {
		facts, err := newFacts(c, after, limit)
		if err != nil {
			return err
		}
		var e kindred.Event
		a := clean.Input{Event: &e}
		return c.query(ctx, func(row []driver.Value) error {
			a.Seq = intOf(row[0])
			e.User = kindred.UserID(textOf(row[2]))
			if err := db.setEvent(c, &e, row[3:]); err != nil {
				return err
			}
			if err := facts.set(&a); err != nil {
				return err
			}
			return fn(&a)
		}, selectAfter, after, int64(limit))
	})
}

// facts are what the judge is told of events besides the events.
type facts struct {
	conn   *conn
	judged int64 // by the live generation: what is known of a join was noted then
	noted  page  // its marks
	oldest int64 // time of the oldest list kept; 0: none is

	arrivals []moment // of the events to come: time and the first event that it is of
	arrived  time.Time
}

func newFacts(c *conn, after int64, limit int) (*facts, error) {
	f := &facts{conn: c}
	var live int64
	err := c.rows(func(row []driver.Value) error {
		live, f.judged = intOf(row[0]), intOf(row[1])
		return nil
	}, "SELECT id, judged FROM generations WHERE stage = 1")
	if err != nil {
		return nil, err
	}
	f.noted = page{limit: int64(limit), from: live, text: "SELECT seq, reasons FROM marks WHERE generation = ? AND seq >= ? ORDER BY seq LIMIT ?"}
	if f.oldest, _, err = c.queryInt("SELECT min(time) FROM exposures"); err != nil {
		return nil, err
	}
	err = c.rows(func(row []driver.Value) error {
		f.arrivals = append(f.arrivals, moment{seq: intOf(row[0]), time: intOf(row[1])})
		return nil
	}, `SELECT seq, time FROM arrivals WHERE seq >= coalesce((SELECT max(seq) FROM arrivals WHERE seq <= ?), 0)
		ORDER BY seq LIMIT ?`, after+1, int64(limit)+1)
	return f, err
}

// set sets what is known beside the event.
func (f *facts) set(a *clean.Input) error {
	for len(f.arrivals) > 0 && f.arrivals[0].seq <= a.Seq {
		f.arrived = time.UnixMilli(f.arrivals[0].time).UTC()
		f.arrivals = f.arrivals[1:]
	}
	a.Arrived, a.IsUnjoined = f.arrived, false
	if a.Event.RequestID == "" {
		return nil
	}
	if a.Seq <= f.judged {
		reasons, err := f.noted.at(f.conn, a.Seq)
		a.IsUnjoined = reasons&kindred.Unjoined != 0
		return err
	}
	if f.oldest == 0 || a.Event.Time.UnixMilli() < f.oldest {
		return nil // the list may have been there, and removed since
	}
	_, found, err := f.conn.queryInt("SELECT 1 FROM exposures WHERE request = ?", a.Event.RequestID)
	a.IsUnjoined = !found
	return err
}

// noteArrival notes when the event at a place of the log arrives.
func (w *writer) noteArrival(seq int64) error {
	const second = 1000
	now := time.Now().UnixMilli()
	if now-w.arrived < second && now >= w.arrived {
		return nil
	}
	w.arrived = now
	_, err := w.conn.exec("INSERT OR REPLACE INTO arrivals (seq, time) VALUES (?, ?)", seq, now)
	return err
}
