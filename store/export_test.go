package store

import (
	"context"
	"fmt"
	"time"
)

// FoldAt returns the configuration with folds after so many events, in slices
// as small as can be.
func (c Config) FoldAt(n int) Config {
	c.foldAt, c.foldSlice = n, 1
	return c
}

// Checkpoint returns the configuration with a checkpoint so often, and a log
// that begins anew after so many pages.
func (c Config) Checkpoint(every time.Duration, logPages int64) Config {
	c.checkpointEvery, c.logPages = every, logPages
	return c
}

// LimitPages stands in for a full disk: the file may not grow beyond so many
// pages, or beyond what it has if that is more.
func (db *DB) LimitPages(ctx context.Context, pages int64) error {
	return db.submit(ctx, &job{doing: "limiting pages", alone: true, do: func(w *writer) error {
		_, _, err := w.conn.queryInt(fmt.Sprintf("PRAGMA max_page_count = %d", pages))
		return err
	}})
}

// Write has the writer do something in a transaction of its own.
func (db *DB) Write(ctx context.Context, do func()) error {
	return db.write(ctx, "testing", 1, func(*writer) error {
		do()
		return nil
	})
}

// Queued returns how many jobs wait for the writer.
func (db *DB) Queued() int { return len(db.jobs) }
