package store

import (
	"context"
	"database/sql/driver"
	"time"

	"kindred"
)

// Withdrawal says which events are taken back: one by ID, or all of a user that
// match everything else that is given.
type Withdrawal struct {
	ID       string
	User     kindred.UserID
	Item     kindred.ItemID // empty: any
	Kind     kindred.Kind   // empty: any
	Range    EventRange
	By, Why  string
	OnlyTell bool // how many there are; take none back
}

// Withdraw takes events back: their verdict holds kindred.Withdrawn from then on,
// which nobody accepts, and they stay in the log. It returns how many there were
// that had not been taken back before, and whose they are. Its cost is that of
// reading all of the user's events.
//
// It fails with NotFound if there is no event with that ID, or no such user, and
// with Invalid if neither is given.
func (db *DB) Withdraw(ctx context.Context, q Withdrawal) (events int64, user kindred.UserID, err error) {
	if q.ID == "" && q.User == "" {
		return 0, "", kindred.Errorf(kindred.Invalid, "taking back events takes an event's ID, or a user")
	}
	err = db.write(ctx, "taking back events", eraseRows, func(w *writer) error {
		if q.ID != "" {
			events, user, err = w.withdrawOne(&q)
		} else {
			events, user, err = w.withdrawAll(&q)
		}
		return err
	})
	return events, user, err
}

func (w *writer) withdrawOne(q *Withdrawal) (events int64, user kindred.UserID, err error) {
	seq, found, err := w.find(q.ID)
	if err != nil {
		return 0, "", err
	}
	if !found {
		return 0, "", kindred.Errorf(kindred.NotFound, "there is no event %q", q.ID)
	}
	err = w.conn.rows(func(row []driver.Value) error {
		user = kindred.UserID(textOf(row[0]))
		return nil
	}, "SELECT u.name FROM events e JOIN users u ON u.id = e.user WHERE e.seq = ?", seq)
	if err != nil {
		return 0, "", err
	}
	events, err = w.withdraw(q, "FROM events e WHERE e.seq = ?", seq)
	return events, user, err
}

func (w *writer) withdrawAll(q *Withdrawal) (events int64, user kindred.UserID, err error) {
	who, err := personOf(w.conn, q.User)
	if err != nil {
		return 0, "", err
	}
	if len(who.ids) == 0 {
		return 0, "", noUser(q.User)
	}
	for _, id := range who.ids {
		if err := w.enterUser(id); err != nil { // by_user must know all of them
			return 0, "", err
		}
		n, err := w.withdraw(q, `FROM by_user b CROSS JOIN events e ON e.seq = b.seq WHERE b.user = ?
			AND (? = '' OR e.item = (SELECT id FROM items WHERE name = ?)) AND (? = '' OR e.kind = (SELECT id FROM kinds WHERE name = ?))
			AND (? IS NULL OR b.time >= ?) AND (? IS NULL OR b.time < ?)`,
			id, string(q.Item), string(q.Item), string(q.Kind), string(q.Kind),
			bound(q.Range.From), bound(q.Range.From), bound(q.Range.To), bound(q.Range.To))
		if err != nil {
			return 0, "", err
		}
		events += n
	}
	return events, who.id, nil
}

// bound is the end of a range, NULL if it is open.
func bound(t time.Time) driver.Value {
	if t.IsZero() {
		return nil
	}
	return ceilMilli(t)
}

// withdraw takes back, or counts, the events e of a FROM clause.
func (w *writer) withdraw(q *Withdrawal, from string, args ...driver.Value) (events int64, err error) {
	from += " AND NOT EXISTS (SELECT 1 FROM withdrawn x WHERE x.seq = e.seq)"
	if q.OnlyTell {
		events, _, err = w.conn.queryInt("SELECT count(*) "+from, args...)
		return events, err
	}
	result, err := w.conn.exec("INSERT INTO withdrawn (time, who, why, seq) SELECT ?, ?, ?, e.seq "+from,
		append([]driver.Value{nowIfZero(time.Time{}), q.By, q.Why}, args...)...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// find returns the place of the event with an ID.
func (w *writer) find(id string) (seq int64, found bool, err error) {
	hash := hashOf(id)
	seq, found, err = w.conn.queryInt("SELECT e.seq FROM seen s CROSS JOIN events e ON e.seq = s.seq WHERE s.hash = ? AND e.id = ?", hash, id)
	if found || err != nil {
		return seq, found, err
	}
	found, err = w.isWaiting(hash, func(at int64) (bool, error) {
		var same bool
		seq, same, err = w.conn.queryInt("SELECT seq FROM events WHERE seq = ? AND id = ?", at, id)
		return same, err
	})
	return seq, found, err
}

// Which events were taken back, as reasons; see page. Withdrawn is 1 << 10.
const (
	selectWithdrawn   = "SELECT seq, 1024 FROM withdrawn "
	selectWithdrawnOf = "SELECT j.key, 1024 FROM json_each(?) j CROSS JOIN withdrawn w ON w.seq = j.value"
)
