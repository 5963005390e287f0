package store

import (
	"context"
	"database/sql/driver"
	"strings"

	"kindred"
)

// RejectedQuery chooses rejected rows.
type RejectedQuery struct {
	Reason string // empty: any
	Source string // empty: any
	After  int64  // only rows with a greater ID
	Limit  int
}

// AppendRejected keeps rows that were refused. Those of a file's line replace
// what was kept of it; the oldest make way when there are too many, and are
// counted.
func (db *DB) AppendRejected(ctx context.Context, rows []kindred.Rejected) error {
	return db.write(ctx, "keeping rejected rows", len(rows), func(w *writer) error {
		for i := range rows {
			if err := w.keepRejected(&rows[i]); err != nil {
				return err
			}
		}
		return w.makeRoomForRejected()
	})
}

func (w *writer) keepRejected(r *kindred.Rejected) error {
	if r.Source != "api" {
		if _, err := w.conn.exec("DELETE FROM rejected WHERE source = ? AND source <> 'api'", r.Source); err != nil {
			return err
		}
	}
	raw, cut := r.Raw, r.Cut
	if len(raw) > kindred.MaxRejectedRow {
		raw, cut = raw[:kindred.MaxRejectedRow], true
	}
	var isCut int64
	if cut {
		isCut = 1
	}
	_, err := w.conn.exec("INSERT INTO rejected (time, source, reason, detail, raw, cut, event, user) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		r.Time.UnixMilli(), r.Source, r.Reason, strings.ToValidUTF8(r.Detail, "?"), strings.ToValidUTF8(raw, "?"), isCut,
		nullText(string(r.Event)), nullText(string(r.User)))
	return err
}

// makeRoomForRejected removes the oldest rows until the others are within
// bounds.
func (w *writer) makeRoomForRejected() error {
	for {
		over, _, err := w.conn.queryInt("SELECT rows > ? OR bytes > ? FROM rejected_room", int64(kindred.MaxRejected), int64(kindred.MaxRejectedBytes))
		if err != nil || over == 0 {
			return err
		}
		if _, err := w.conn.exec("DELETE FROM rejected WHERE id = (SELECT MIN(id) FROM rejected)"); err != nil {
			return err
		}
		if _, err := w.conn.exec("UPDATE rejected_room SET dropped = dropped + 1"); err != nil {
			return err
		}
	}
}

// Rejected returns rows that were refused, the oldest first.
func (db *DB) Rejected(ctx context.Context, q RejectedQuery) (rows []kindred.Rejected, err error) {
	err = db.read(ctx, "reading rejected rows", func(c *conn) error {
		return c.query(ctx, func(row []driver.Value) error {
			r := kindred.Rejected{
				ID: intOf(row[0]), Time: timeOf(row[1]), Source: textOf(row[2]), Reason: textOf(row[3]), Detail: textOf(row[4]),
				Raw: textOf(row[5]), Cut: intOf(row[6]) != 0, User: kindred.UserID(textOf(row[8])),
			}
			if event := textOf(row[7]); event != "" {
				r.Event = []byte(event)
			}
			rows = append(rows, r)
			return nil
		}, `SELECT id, time, source, reason, detail, raw, cut, event, user FROM rejected
			WHERE id > ?1 AND (?2 = '' OR reason = ?2) AND (?3 = '' OR source = ?3) ORDER BY id LIMIT ?4`,
			q.After, q.Reason, q.Source, int64(q.Limit))
	})
	return rows, err
}

// RejectedPage returns at most limit rows behind an ID, of a reason or of any.
func (db *DB) RejectedPage(ctx context.Context, reason string, after int64, limit int) ([]kindred.Rejected, error) {
	return db.Rejected(ctx, RejectedQuery{Reason: reason, After: after, Limit: limit})
}

// RejectedCounts returns how many rows are kept by reason, and how many had to
// make way.
func (db *DB) RejectedCounts(ctx context.Context) (counts map[string]int64, dropped int64, err error) {
	counts = map[string]int64{}
	err = db.read(ctx, "counting rejected rows", func(c *conn) error {
		err := c.query(ctx, func(row []driver.Value) error {
			counts[textOf(row[0])] = intOf(row[1])
			return nil
		}, "SELECT reason, COUNT(*) FROM rejected GROUP BY reason")
		if err != nil {
			return err
		}
		dropped, _, err = c.queryInt("SELECT dropped FROM rejected_room")
		return err
	})
	return counts, dropped, err
}

// SettleRejected removes the rows that are done with, and notes why the others
// are still refused.
func (db *DB) SettleRejected(ctx context.Context, done []int64, still []kindred.Rejected) error {
	return db.write(ctx, "settling rejected rows", len(done)+len(still), func(w *writer) error {
		for _, id := range done {
			if _, err := w.conn.exec("DELETE FROM rejected WHERE id = ?", id); err != nil {
				return err
			}
		}
		for i := range still {
			if _, err := w.conn.exec("UPDATE rejected SET reason = ?, detail = ? WHERE id = ?", still[i].Reason, still[i].Detail, still[i].ID); err != nil {
				return err
			}
		}
		return nil
	})
}

// rejectedOf are the rows that name a user: also those in which no user could
// be told, if the name is anywhere in them.
const rejectedOf = "SELECT id FROM rejected WHERE user = ?1 OR user IS NULL AND (INSTR(raw, ?1) > 0 OR INSTR(detail, ?1) > 0)"

// eraseRejected removes the rows that name a user, and returns how many. They
// are blanked first, as events are; secure_delete is on.
func (w *writer) eraseRejected(user string) (int, error) {
	var ids []int64
	err := w.conn.rows(func(row []driver.Value) error { ids = append(ids, intOf(row[0])); return nil }, rejectedOf, user)
	if err != nil {
		return 0, err
	}
	for _, text := range []string{
		`UPDATE rejected SET raw = substr(printf('%0*d', octet_length(raw), 0), 1, octet_length(raw)),
			detail = printf('%0*d', octet_length(detail), 0),
			event = CASE WHEN event IS NOT NULL THEN printf('%0*d', octet_length(event), 0) END,
			user = CASE WHEN user IS NOT NULL THEN printf('%0*d', octet_length(user), 0) END WHERE id = ?`,
		"DELETE FROM rejected WHERE id = ?",
	} {
		for _, id := range ids {
			if _, err := w.conn.exec(text, id); err != nil {
				return 0, err
			}
		}
	}
	return len(ids), nil
}
