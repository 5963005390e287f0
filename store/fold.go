package store

import (
	"cmp"
	"database/sql/driver"
	"slices"
	"strings"

	"github.com/zeebo/xxh3"
)

// foldAt is how many events wait before they are entered into the indexes.
//
// Entering each batch at once dirties a page of each index for nearly every
// event: with 2.5 million events stored, 25 µs an event, most of it writing
// 4 KiB pages for 15-byte entries. Sorted and many at a time, entries that
// belong to a page share its write: 3 µs. What waits is found through memory
// (about 150 bytes an event), which is read back at Open (1 µs an event).
//
// A fold writes most pages of both indexes, so in a large store it waits for
// an eighth of what is folded already, up to foldAtMost.
const (
	foldAt     = 1 << 17
	foldAtMost = 1 << 20
)

// foldSlice is how many events a transaction folds beside as many as it
// appends: so a fold ends before the next is due, and none waits long for it.
const foldSlice = 512

// fold is the entering of one generation of waiting events into by_user and
// seen, in slices that go along with the transactions of others. Each slice is
// the next range of an index's keys, so a page is still written about once.
//
// Until the last slice is committed the events count as waiting, and what
// reads the indexes passes over what it knows already. So nothing needs to
// note how far a fold has come: after a crash, or when another process was
// first, it begins anew and ignores the entries that are there.
type fold struct {
	ids          idSet
	upto         int64 // the last event it folds
	byUser, seen *ascending
}

func (w *writer) isFoldDue() bool {
	return int64(len(w.events)) >= max(int64(w.cfg.foldAt), min(w.state.folded/8, foldAtMost))
}

// foldSome folds about n events more, if it is time to.
func (w *writer) foldSome(n int) error {
	if w.fold == nil {
		if !w.isFoldDue() {
			return nil
		}
		w.beginFold()
	}
	f := w.fold
	err := w.enter(newInserter(w.conn, intoByUser, 3), f.byUser, n, func(e waiting) []driver.Value { return []driver.Value{e.user, e.time, e.seq} })
	if err == nil {
		err = w.enter(newInserter(w.conn, intoSeen, 2), f.seen, n, func(e waiting) []driver.Value { return []driver.Value{e.hash, e.seq} })
	}
	if err == nil && f.byUser.isEmpty() && f.seen.isEmpty() {
		w.state.folded = f.upto
	}
	return err
}

// beginFold makes all that waits, and is committed, the next to be folded.
func (w *writer) beginFold() {
	if len(w.erased) > 0 {
		w.events = slices.DeleteFunc(w.events, func(e waiting) bool { return w.erased[e.user] })
		clear(w.erased)
	}
	w.fold = &fold{
		ids:    w.ids,
		upto:   w.saved.lastSeq,
		byUser: newAscending(slices.Clone(w.events), byUserOrder),
		seen:   newAscending(w.events, seenOrder),
	}
	w.events, w.ids = nil, idSet{}
	w.tail.turn()
}

const (
	intoByUser = "INSERT OR IGNORE INTO by_user (user, time, seq) VALUES "
	intoSeen   = "INSERT OR IGNORE INTO seen (hash, seq) VALUES "
)

func byUserOrder(a, b waiting) int {
	return cmp.Or(cmp.Compare(a.user, b.user), cmp.Compare(a.time, b.time), cmp.Compare(a.seq, b.seq))
}

func seenOrder(a, b waiting) int {
	return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.seq, b.seq))
}

// enter inserts the next n events into an index.
func (w *writer) enter(into *inserter, from *ascending, n int, row func(waiting) []driver.Value) error {
	for n > 0 && !from.isEmpty() {
		part := from.take(n)
		n -= len(part)
		for _, e := range part {
			if w.erased[e.user] {
				continue
			}
			if err := into.add(row(e)...); err != nil {
				return err
			}
		}
	}
	return into.flush()
}

// hashOf is what seen knows an ID by. Two IDs may share a hash, so whoever
// finds one compares the ID in the log.
func hashOf(id string) int64 { return int64(xxh3.HashString(id)) }

// insertRows is how many rows an INSERT carries: against one row each, 30 %
// faster, with nothing more to gain above 32.
const insertRows = 32

// inserter inserts rows, many in a statement.
type inserter struct {
	conn      *conn
	many, one string
	width     int
	args      []driver.NamedValue
}

func newInserter(c *conn, into string, width int) *inserter {
	one := "(" + strings.TrimSuffix(strings.Repeat("?, ", width), ", ") + ")"
	return &inserter{
		conn:  c,
		many:  into + strings.TrimSuffix(strings.Repeat(one+", ", insertRows), ", "),
		one:   into + one,
		width: width,
		args:  make([]driver.NamedValue, 0, width*insertRows),
	}
}

func (in *inserter) add(row ...driver.Value) error {
	for _, v := range row {
		in.args = append(in.args, driver.NamedValue{Ordinal: len(in.args) + 1, Value: v})
	}
	if len(in.args) < cap(in.args) {
		return nil
	}
	_, err := in.conn.execNamed(in.many, in.args)
	in.args = in.args[:0]
	return err
}

// flush inserts what is left.
func (in *inserter) flush() error {
	for start := 0; start < len(in.args); start += in.width {
		row := in.args[start : start+in.width]
		for i := range row {
			row[i].Ordinal = i + 1
		}
		if _, err := in.conn.execNamed(in.one, row); err != nil {
			return err
		}
	}
	in.args = in.args[:0]
	return nil
}
