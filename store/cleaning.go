package store

import (
	"context"
	"database/sql/driver"
	"time"

	"kindred"
	"kindred/clean"
)

// Cleaning goes over the log in order and leaves verdicts, apart from the
// events, which stay as they are. All verdicts of one run of one set of rules
// are a generation. One generation is live: it is what readers see, and grows
// with the log. Another may be in the making beside it, until it has come so
// far as the log and takes its place in one transaction. Whoever judges, in
// however many processes and how often, comes to the same verdicts, and adding
// a verdict again changes nothing; so there is nothing to lock.

// Stages of a generation.
const (
	stageMaking = iota
	stageLive
	stageOld
)

// Generations returns the live generation and the one in the making, without
// their snapshots, and the place of the newest event.
func (db *DB) Generations(ctx context.Context) (live, next clean.Generation, end int64, err error) {
	err = db.read(ctx, "reading how far cleaning is", func(c *conn) error {
		err := c.rows(func(row []driver.Value) error {
			g := clean.Generation{
				ID: intOf(row[0]), Rules: textOf(row[1]), Judged: intOf(row[2]), CreatedAt: timeOf(row[3]),
				SnapshotAt: intOf(row[4]), IsLive: intOf(row[5]) == stageLive,
			}
			if g.IsLive {
				live = g
			} else {
				next = g
			}
			return nil
		}, "SELECT id, rules, judged, created, snapshot_at, stage FROM generations WHERE stage <> 2 ORDER BY id")
		if err != nil {
			return err
		}
		end, _, err = c.queryInt("SELECT last_seq FROM state")
		return err
	})
	return live, next, end, err
}

// BeginGeneration returns a generation for a set of rules: the one in the
// making if it has the same, else a new one. The first of all is live at once.
// Its snapshot is read with it.
func (db *DB) BeginGeneration(ctx context.Context, rules string) (g clean.Generation, err error) {
	err = db.write(ctx, "beginning to clean", 1, func(w *writer) error {
		id, found, err := w.conn.queryInt("SELECT id FROM generations WHERE stage = 0 AND rules = ?", rules)
		if err != nil || found {
			g.ID = id
			return err
		}
		if _, err := w.conn.exec("UPDATE generations SET stage = 2, snapshot = NULL WHERE stage = 0"); err != nil {
			return err
		}
		result, err := w.conn.exec(`INSERT INTO generations (stage, rules, judged, created, snapshot_at)
			VALUES (NOT EXISTS (SELECT 1 FROM generations WHERE stage = 1), ?, 0, ?, 0)`, rules, time.Now().UnixMilli())
		if err != nil {
			return err
		}
		g.ID, err = result.LastInsertId()
		return err
	})
	if err != nil {
		return g, err
	}
	return db.Generation(ctx, g.ID)
}

// Generation returns a generation with its snapshot.
func (db *DB) Generation(ctx context.Context, id int64) (g clean.Generation, err error) {
	err = db.read(ctx, "reading how far cleaning is", func(c *conn) error {
		err := c.rows(func(row []driver.Value) error {
			g = clean.Generation{
				ID: id, Rules: textOf(row[0]), Judged: intOf(row[1]), CreatedAt: timeOf(row[2]),
				SnapshotAt: intOf(row[3]), IsLive: intOf(row[5]) == stageLive,
			}
			if snapshot, ok := row[4].([]byte); ok {
				g.Snapshot = append(g.Snapshot, snapshot...)
			}
			return nil
		}, "SELECT rules, judged, created, snapshot_at, snapshot, stage FROM generations WHERE id = ? AND stage <> 2", id)
		if err == nil && g.ID == 0 {
			err = clean.NoGeneration(id)
		}
		return err
	})
	return g, err
}

// AddVerdicts adds to what a generation holds, in one transaction. Flags of
// users who are gone are dropped. It fails with Conflict if the generation is
// no longer of use.
func (db *DB) AddVerdicts(ctx context.Context, generation int64, v clean.Part) error {
	return db.write(ctx, "storing verdicts", len(v.Marks)+len(v.Flags), func(w *writer) error {
		_, found, err := w.conn.queryInt("SELECT 1 FROM generations WHERE id = ? AND stage <> 2", generation)
		if err == nil && !found {
			err = clean.NoGeneration(generation)
		}
		if err != nil {
			return err
		}
		for _, m := range v.Marks {
			if _, err := w.conn.exec(addMark, generation, m.Seq, int64(m.Reasons)); err != nil {
				return err
			}
		}
		for _, f := range v.Flags {
			user, known, err := w.users.id(w.conn, string(f.User))
			if err == nil && known {
				_, err = w.conn.exec(addFlag, generation, user, int64(f.Reasons), f.Seq, f.Why)
			}
			if err != nil {
				return err
			}
		}
		if _, err = w.conn.exec("UPDATE generations SET judged = max(judged, ?) WHERE id = ?", v.Upto, generation); err != nil || v.Snapshot == nil {
			return err
		}
		_, err = w.conn.exec("UPDATE generations SET snapshot = ?1, snapshot_at = ?2 WHERE id = ?3 AND snapshot_at < ?2", v.Snapshot, v.Upto, generation)
		return err
	})
}

const (
	addMark = `INSERT INTO marks (generation, seq, reasons) VALUES (?, ?, ?)
		ON CONFLICT DO UPDATE SET reasons = reasons | excluded.reasons`
	addFlag = `INSERT INTO flags (generation, user, reasons, seq, why) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET reasons = reasons | excluded.reasons`
)

// mostBehind is how many events the generation that takes over may still have
// before it: few enough to be judged in a moment.
const mostBehind = 10_000

// SwitchGeneration puts a generation live, in one transaction. It fails with
// Conflict if the generation has been replaced or is not so far as the log.
func (db *DB) SwitchGeneration(ctx context.Context, id int64) error {
	return db.write(ctx, "putting new verdicts live", 1, func(w *writer) error {
		judged, found, err := w.conn.queryInt("SELECT judged FROM generations WHERE id = ? AND stage <> 2", id)
		switch {
		case err != nil:
			return err
		case !found:
			return clean.NoGeneration(id)
		case judged < w.state.lastSeq-mostBehind:
			return kindred.Errorf(kindred.Conflict, "generation %d is not so far as the log (judge the rest first)", id)
		}
		if _, err := w.conn.exec("UPDATE generations SET stage = 2, snapshot = NULL WHERE stage = 1 AND id <> ?", id); err != nil {
			return err
		}
		_, err = w.conn.exec("UPDATE generations SET stage = 1 WHERE id = ?", id)
		return err
	})
}

// RemoveOldGenerations removes what no longer counts, a part in each
// transaction, so that other writers have their turn.
func (db *DB) RemoveOldGenerations(ctx context.Context) error {
	for more := true; more; {
		err := db.write(ctx, "removing old verdicts", maxGroupRows, func(w *writer) error {
			old, found, err := w.conn.queryInt("SELECT id FROM generations WHERE stage = 2")
			if err != nil || !found {
				more = false
				return err
			}
			result, err := w.conn.exec("DELETE FROM marks WHERE generation = ?1 AND seq IN (SELECT seq FROM marks WHERE generation = ?1 LIMIT ?2)", old, int64(pruneRows))
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			if err != nil || n == pruneRows {
				return err
			}
			if _, err := w.conn.exec("DELETE FROM flags WHERE generation = ?", old); err != nil {
				return err
			}
			_, err = w.conn.exec("DELETE FROM generations WHERE id = ?", old)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Marks and releases of the events of a user, as by_user knows them.
const (
	deleteMarks = `DELETE FROM marks WHERE (generation, seq) IN
		(SELECT g.id, b.seq FROM by_user b CROSS JOIN generations g WHERE b.user = ?)`
	deleteReleases = "DELETE FROM released_events WHERE seq IN (SELECT seq FROM by_user WHERE user = ?)"
)

// deleteWithdrawn forgets which events of a user were taken back.
const deleteWithdrawn = "DELETE FROM withdrawn WHERE seq IN (SELECT seq FROM by_user WHERE user = ?)"

// eraseVerdicts removes what is said of a user besides the marks of events:
// flags, releases, rejected rows, and the judges' snapshots, which may know
// the user by a hash.
func (w *writer) eraseVerdicts(id int64) error {
	for _, text := range []string{
		"DELETE FROM flags WHERE user = ?",
		"DELETE FROM released_users WHERE user = ?",
		"DELETE FROM rejected WHERE user = (SELECT name FROM users WHERE id = ?)",
		"DELETE FROM rejected WHERE user IS NULL AND INSTR(raw, (SELECT name FROM users WHERE id = ?)) > 0",
	} {
		if _, err := w.conn.exec(text, id); err != nil {
			return err
		}
	}
	_, err := w.conn.exec("UPDATE generations SET snapshot = NULL, snapshot_at = 0 WHERE snapshot IS NOT NULL")
	return err
}
