package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"
)

// Checkpoints copy what the log (SQLite's WAL) holds into the database file.
// Made by the writer, as SQLite does by itself, one of 64 MiB holds up all
// writes for 60 to 85 ms. A connection of its own makes them instead, while the
// writer goes on; but a log that grows meanwhile is never all copied, and only
// then begins anew. So once it is long, the writer copies the few pages that
// are left, between two transactions.
const (
	checkpointInterval = time.Second
	logPages           = 16 << 10 // 64 MiB: a longer log is to begin anew
	restPages          = 256      // few enough for the writer to copy: about 2 ms
	checkpointRounds   = 8        // to come down to that
	checkpointCacheKiB = 1 << 10

	// restartWait is how long the writer waits for readers that still use the
	// log: for a look at a history, not for a scan. After one, it is tried again.
	restartWait = 10 * time.Millisecond
)

// runCheckpoints makes checkpoints until ctx ends. One that fails, on a full
// disk say, loses nothing: all is still in the log, and the next tries again.
func (db *DB) runCheckpoints(ctx context.Context, done chan<- struct{}) {
	defer close(done)
	tick := time.NewTicker(db.cfg.checkpointEvery)
	defer tick.Stop()
	var c *conn
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			if c != nil {
				_ = c.close() // nothing is left undone
			}
			return
		}
		if c == nil {
			var err error
			if c, err = openConn(ctx, db.cfg.Path, db.cfg.BusyTimeout, checkpointCacheKiB); err != nil {
				c = nil
				continue
			}
		}
		_ = db.checkpoint(ctx, c)
	}
}

// checkpoint copies the log, and has it begin anew when it is long and no
// reader needs its older part.
func (db *DB) checkpoint(ctx context.Context, c *conn) error {
	pages, copied, err := c.checkpoint("PASSIVE")
	for round, before := 0, int64(0); err == nil && pages >= db.cfg.logPages && copied-before > restPages && round < checkpointRounds; round++ {
		before = copied
		pages, copied, err = c.checkpoint("PASSIVE")
	}
	if err != nil || pages < db.cfg.logPages || copied < pages {
		return err
	}
	return db.submit(ctx, &job{doing: "emptying the log", alone: true, do: func(w *writer) error {
		if err := w.conn.script(busyTimeout(restartWait)); err != nil {
			return err
		}
		_, _, err := w.conn.checkpoint("RESTART")
		return errors.Join(err, w.conn.script(busyTimeout(w.cfg.BusyTimeout)))
	}})
}

// checkpoint makes a checkpoint and returns how many pages the log has, and how
// many of them are in the database file now.
func (c *conn) checkpoint(mode string) (pages, copied int64, err error) {
	err = c.rows(func(row []driver.Value) error {
		pages, copied = intOf(row[1]), intOf(row[2])
		return nil
	}, "PRAGMA wal_checkpoint("+mode+")")
	return pages, copied, err
}

func busyTimeout(d time.Duration) string {
	return fmt.Sprintf("PRAGMA busy_timeout = %d", d.Milliseconds())
}
