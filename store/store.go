// Package store keeps events, items, users, exposures and keys in SQLite. It
// leaves validation to ingest: what it is given, it keeps.
//
//   - An acknowledged write has reached the disk, and survives kill -9.
//   - An event's ID is stored once, whoever sends it again, now or later.
//   - Events are only appended. Erasing a user is the one exception.
//   - One goroutine writes, and all who wait share its next transaction.
//     Readers have connections of their own and never wait for it, nor does it
//     wait for checkpoints.
//   - Other processes may read and write the same file at the same time.
package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"kindred"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Config says where the store is.
type Config struct {
	// Path is the database file, or ":memory:" for a store that is gone when
	// closed. That one is a temporary file too, so that it behaves like the
	// other in all else.
	Path string
	// BusyTimeout is how long to wait for another process's write to end;
	// 0 is 5 seconds.
	BusyTimeout time.Duration

	foldAt, foldSlice int // set by tests to fold often and little
	checkpointEvery   time.Duration
	logPages          int64 // set by tests, too
}

const (
	defaultBusyTimeout = 5 * time.Second
	writerCacheKiB     = 128 << 10
	readerCacheKiB     = 16 << 10
	idleReaders        = 8
)

// DB is an open store. Its methods may be called from many goroutines.
type DB struct {
	cfg  Config
	temp string // folder to remove at Close, if any
	tail *tail
	jobs chan *job
	done chan struct{} // closed when the writer has ended

	endCheckpoints context.CancelFunc
	checkpointed   chan struct{} // closed when there will be no more

	idle chan *conn // readers not in use

	// Names of the readers. These are never changed or removed.
	items, kinds *numbers

	mu      sync.RWMutex // guards closed, and jobs and idle against it
	closed  bool
	readers sync.WaitGroup
}

// Open opens a store, creating or migrating its file as needed.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	if cfg.Path == "" {
		return nil, kindred.Errorf(kindred.Invalid, "a store needs a path, or \":memory:\"")
	}
	if cfg.BusyTimeout == 0 {
		cfg.BusyTimeout = defaultBusyTimeout
	}
	if cfg.foldAt == 0 {
		cfg.foldAt, cfg.foldSlice = foldAt, foldSlice
	}
	if cfg.checkpointEvery == 0 {
		cfg.checkpointEvery, cfg.logPages = checkpointInterval, logPages
	}
	db := &DB{
		tail: newTail(),
		jobs: make(chan *job, maxGroup),
		done: make(chan struct{}),
		idle: make(chan *conn, idleReaders),

		checkpointed: make(chan struct{}),

		items: newNumbers("items"),
		kinds: newNumbers("kinds"),
	}
	if cfg.Path == ":memory:" {
		temp, err := os.MkdirTemp("", "kindred-store-")
		if err != nil {
			return nil, fmt.Errorf("store: creating a temporary folder (set TMPDIR to one that can be written): %w", err)
		}
		db.temp, cfg.Path = temp, filepath.Join(temp, "store.db")
	}
	db.cfg = cfg
	w, err := db.openWriter(ctx)
	if err != nil {
		return nil, errors.Join(explain("opening "+cfg.Path, err), db.removeTemp())
	}
	go w.run(db.jobs, db.done)
	checkpoints, end := context.WithCancel(context.WithoutCancel(ctx))
	db.endCheckpoints = end
	go db.runCheckpoints(checkpoints, db.checkpointed)
	return db, nil
}

func (db *DB) openWriter(ctx context.Context) (*writer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c, err := openConn(ctx, db.cfg.Path, db.cfg.BusyTimeout, writerCacheKiB)
	if err != nil {
		return nil, err
	}
	w := newWriter(c, db.tail, db.cfg)
	err = migrate(c)
	if err == nil {
		err = w.load()
	}
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return w, nil
}

// Close ends the store, after the writes and reads under way.
func (db *DB) Close() error {
	db.mu.Lock()
	if db.closed {
		db.mu.Unlock()
		return nil
	}
	db.closed = true
	close(db.jobs)
	db.mu.Unlock()

	db.endCheckpoints()
	<-db.checkpointed
	db.readers.Wait()
	var errs []error
	for len(db.idle) > 0 {
		errs = append(errs, (<-db.idle).close())
	}
	// The writer goes last: the last connection to close empties the log
	// into the database file.
	<-db.done
	return errors.Join(append(errs, db.removeTemp())...)
}

func (db *DB) removeTemp() error {
	if db.temp == "" {
		return nil
	}
	return os.RemoveAll(db.temp)
}

// read calls fn with a reader inside one snapshot of the database.
func (db *DB) read(ctx context.Context, doing string, fn func(*conn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	db.mu.RLock()
	if db.closed {
		db.mu.RUnlock()
		return errClosed
	}
	db.readers.Add(1)
	db.mu.RUnlock()
	defer db.readers.Done()

	c, err := db.reader(ctx)
	if err != nil {
		return explain(doing, err)
	}
	_, err = c.exec("BEGIN")
	if err == nil {
		err = fn(c)
		err = errors.Join(err, c.rollback())
	}
	if ctx.Err() != nil && err != nil {
		err = ctx.Err()
	}
	select {
	case db.idle <- c:
	default:
		err = errors.Join(err, c.close())
	}
	return explain(doing, err)
}

// reader takes an idle connection or opens one more, so that a long scan
// never makes another reader wait.
func (db *DB) reader(ctx context.Context) (*conn, error) {
	select {
	case c := <-db.idle:
		return c, nil
	default:
		return openConn(ctx, db.cfg.Path, db.cfg.BusyTimeout, readerCacheKiB)
	}
}

// migrate brings the schema up to date: file number n of migrations takes
// user_version from n-1 to n.
func migrate(c *conn) error {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	if version, _, err := c.queryInt("PRAGMA user_version"); err != nil || version == int64(len(files)) {
		return err
	}
	if _, err := c.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	version, _, err := c.queryInt("PRAGMA user_version")
	if err == nil && version > int64(len(files)) {
		err = kindred.Errorf(kindred.Conflict,
			"the database is of version %d, this program knows %d (use the newer program that wrote it)", version, len(files))
	}
	if err == nil {
		err = migrateFrom(c, int(version), files)
	}
	if err == nil {
		_, err = c.exec("COMMIT")
	}
	if err != nil {
		return errors.Join(err, c.rollback())
	}
	return nil
}

func migrateFrom(c *conn, version int, files []string) error {
	for i := version; i < len(files); i++ {
		text, err := migrations.ReadFile(files[i])
		if err != nil {
			return err
		}
		if err := c.script(string(text)); err != nil {
			return fmt.Errorf("%s: %w", files[i], err)
		}
		if err := c.script(fmt.Sprintf("PRAGMA user_version = %d", i+1)); err != nil {
			return err
		}
	}
	return nil
}
