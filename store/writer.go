package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"kindred"
)

// maxGroup is how many calls may share a transaction, and maxGroupRows about
// how many rows: enough that fsync, a millisecond or two, is not what a call
// costs, and no caller waits long for the others.
const (
	maxGroup     = 1024
	maxGroupRows = 10_000
)

// job is one call's share of a transaction. A do that fails with a kind other
// than Unavailable and Internal must not have written anything: the others in
// the transaction go on without it.
type job struct {
	ctx   context.Context //nolint:containedctx // a message: the job's context travels with it to the writer
	doing string
	rows  int
	alone bool // does not write and wants no transaction
	do    func(*writer) error
	done  chan error
	taken atomic.Bool // by the writer, or by the caller who gives up
}

// write has the writer do something in a transaction, and returns when it has
// reached the disk. If ctx ends before the writer has begun, nothing is done;
// later the outcome is waited for, for do may still write to what its caller
// holds.
func (db *DB) write(ctx context.Context, doing string, rows int, do func(*writer) error) error {
	return db.submit(ctx, &job{doing: doing, rows: rows, do: do})
}

func (db *DB) submit(ctx context.Context, j *job) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j.ctx, j.done = ctx, make(chan error, 1)
	if err := db.enqueue(j); err != nil {
		return err
	}
	select {
	case err := <-j.done:
		return explain(j.doing, err)
	case <-ctx.Done():
		if j.taken.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		return explain(j.doing, <-j.done)
	}
}

// begin says whether the job is still to be done.
func (j *job) begin() error {
	if !j.taken.CompareAndSwap(false, true) {
		return context.Cause(j.ctx)
	}
	return j.ctx.Err()
}

func (db *DB) enqueue(j *job) error {
	db.mu.RLock()
	defer db.mu.RUnlock()
	if db.closed {
		return errClosed
	}
	select {
	case db.jobs <- j:
		return nil
	case <-j.ctx.Done():
		return j.ctx.Err()
	}
}

// state is the row of the table of that name.
type state struct {
	lastSeq, folded, erased int64
	events, users, items    int64
	firstTime, lastTime     int64
}

const selectState = "SELECT last_seq, folded, erased, events, users, items, first_time, last_time FROM state"

func readState(c *conn) (s state, err error) {
	err = c.rows(func(row []driver.Value) error {
		for i, field := range s.fields() {
			*field = intOf(row[i])
		}
		return nil
	}, selectState)
	return s, err
}

func (s *state) fields() [8]*int64 {
	return [8]*int64{&s.lastSeq, &s.folded, &s.erased, &s.events, &s.users, &s.items, &s.firstTime, &s.lastTime}
}

// writer owns the one connection that writes. All of it belongs to its
// goroutine, except the tail, which readers share.
type writer struct {
	conn  *conn
	tail  *tail
	probe string
	cfg   Config

	saved state // as committed
	state state // as it will be

	// The events after saved.folded: those of fold, if there is one, and
	// these, in ids already when they are only pending.
	fold    *fold
	events  []waiting
	ids     idSet
	pending []waiting      // appended in this transaction
	erased  map[int64]bool // users of whom events may still wait

	users, items, kinds *names

	arrived int64 // unix milliseconds of the last arrival this process noted
}

func newWriter(c *conn, t *tail, cfg Config) *writer {
	return &writer{
		conn:   c,
		tail:   t,
		probe:  newProbe(),
		cfg:    cfg,
		ids:    idSet{},
		erased: map[int64]bool{},
		users:  newNames("users"),
		items:  newNames("items"),
		kinds:  newNames("kinds"),
	}
}

// run does jobs until there are no more.
func (w *writer) run(jobs <-chan *job, done chan<- struct{}) {
	defer close(done)
	for first := range jobs {
		group, rows := []*job{first}, first.rows
	gather:
		for len(group) < maxGroup && rows < maxGroupRows {
			select {
			case j, ok := <-jobs:
				if !ok {
					break gather
				}
				group, rows = append(group, j), rows+j.rows
			default:
				break gather
			}
		}
		w.commitGroup(group)
	}
	// A failing Close leaves nothing undone: every commit is on the disk.
	_ = w.conn.close()
}

// commitGroup does the jobs in one transaction and tells each its outcome.
func (w *writer) commitGroup(group []*job) {
	group = slices.DeleteFunc(group, func(j *job) bool {
		if j.alone {
			err := j.begin()
			if err == nil {
				err = guard(func() error { return j.do(w) })
			}
			j.done <- err
		}
		return j.alone
	})
	if len(group) == 0 {
		return
	}
	told := make([]bool, len(group))
	rows := w.cfg.foldSlice
	for _, j := range group {
		rows += j.rows
	}
	err := w.transact(func() error {
		if err := w.foldSome(rows); err != nil {
			return err
		}
		return w.doAll(group, told)
	})
	for i, j := range group {
		if !told[i] {
			j.done <- err
		}
	}
}

// doAll does the jobs, and marks those that have been told their outcome,
// having done nothing.
func (w *writer) doAll(group []*job, told []bool) error {
	for i, j := range group {
		err := j.begin()
		if err == nil {
			err = j.do(w)
			if kind := kindred.KindOf(err); err != nil && (kind == kindred.Internal || kind == kindred.Unavailable) {
				return err
			}
		}
		if err != nil {
			told[i] = true
			j.done <- err
		}
	}
	return nil
}

// transact runs fn in a transaction that sees and keeps all that other
// processes wrote. On an error nothing has happened.
func (w *writer) transact(fn func() error) error {
	if _, err := w.conn.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := w.catchUp()
	if err == nil {
		err = guard(fn)
	}
	if err == nil {
		err = w.commit()
	}
	if err != nil {
		w.forget()
		return errors.Join(err, w.conn.rollback())
	}
	return nil
}

// guard turns a panic into an error, so that one faulty call does not end the
// writer and with it everyone's writes.
func guard(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in the writer: %v", p)
		}
	}()
	return fn()
}

// load catches up at the start, without writing.
func (w *writer) load() error {
	if _, err := w.conn.exec("BEGIN"); err != nil {
		return err
	}
	return errors.Join(w.catchUp(), w.conn.rollback())
}

// catchUp learns what other processes committed since this one looked last.
func (w *writer) catchUp() error {
	s, err := readState(w.conn)
	if err != nil {
		return err
	}
	w.state = s
	if s == w.saved {
		return nil
	}
	if s.erased != w.saved.erased {
		w.users.clear()
	}
	from := w.saved.lastSeq
	if s.folded != w.saved.folded || s.erased != w.saved.erased || from < s.folded {
		from = s.folded
		w.dropWaiting(s.folded)
	}
	news := make([]waiting, 0, s.lastSeq-from)
	err = w.conn.rows(func(row []driver.Value) error {
		e := waiting{moment{seq: intOf(row[0]), user: intOf(row[1]), time: intOf(row[2])}, hashOf(textOf(row[3]))}
		w.ids.add(e.hash, e.seq)
		news = append(news, e)
		return nil
	}, "SELECT seq, user, time, id FROM events WHERE seq > ?", from)
	if err != nil {
		return err
	}
	w.keep(news)
	w.saved = s
	return nil
}

// keep adds events of the log to those that wait.
func (w *writer) keep(events []waiting) {
	w.events = append(w.events, events...)
	w.tail.add(events, w.state.lastSeq)
}

// dropWaiting forgets the waiting events, for those after a seq to be read
// anew.
func (w *writer) dropWaiting(after int64) {
	w.fold, w.events, w.ids = nil, nil, idSet{}
	clear(w.erased)
	w.tail.reset(after)
}

// commit keeps what was done and shows it to readers.
func (w *writer) commit() error {
	if w.state != w.saved {
		fields := w.state.fields()
		args := make([]driver.Value, len(fields))
		for i, field := range fields {
			args[i] = *field
		}
		if _, err := w.conn.exec(`UPDATE state SET last_seq = ?, folded = ?, erased = ?,
			events = ?, users = ?, items = ?, first_time = ?, last_time = ?`, args...); err != nil {
			return err
		}
	}
	if _, err := w.conn.exec("COMMIT"); err != nil {
		return err
	}
	if w.state.folded != w.saved.folded {
		w.fold = nil
		w.tail.drop(w.state.folded)
	}
	w.keep(w.pending)
	w.pending, w.saved = w.pending[:0], w.state
	return nil
}

// forget drops all that is remembered of the database, for the next
// transaction to read anew.
func (w *writer) forget() {
	w.saved, w.state, w.arrived = state{}, state{}, 0
	w.pending = w.pending[:0]
	w.dropWaiting(0)
	for _, n := range []*names{w.users, w.items, w.kinds} {
		n.clear()
	}
}
