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
// (about 100 bytes an event), which is read back at Open (1 µs an event).
//
// A fold writes most pages of both indexes, so in a large store it waits for
// an eighth of what is folded already, up to foldAtMost.
const (
	foldAt     = 1 << 18
	foldAtMost = 1 << 20
)

func (w *writer) isFoldDue() bool {
	return int64(len(w.ids)) >= max(int64(w.foldAt), min(w.saved.folded/8, foldAtMost))
}

// foldIfDue folds in a transaction of its own.
func (w *writer) foldIfDue() error {
	if !w.isFoldDue() {
		return nil
	}
	return w.transact(func() error {
		if !w.isFoldDue() { // another process was first
			return nil
		}
		return w.fold()
	})
}

// fold enters the waiting events into by_user and seen.
func (w *writer) fold() error {
	if _, err := w.conn.exec(`INSERT INTO by_user SELECT user, time, seq FROM events
		WHERE seq > ? ORDER BY user, time, seq`, w.state.folded); err != nil {
		return err
	}
	type entry struct{ hash, seq int64 }
	entries := make([]entry, 0, len(w.ids))
	for id, seq := range w.ids {
		if seq > w.state.folded {
			entries = append(entries, entry{hashOf(id), seq})
		}
	}
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.seq, b.seq))
	})
	into := newInserter(w.conn, "INSERT INTO seen (hash, seq) VALUES ", 2)
	for _, e := range entries {
		if err := into.add(e.hash, e.seq); err != nil {
			return err
		}
	}
	if err := into.flush(); err != nil {
		return err
	}
	w.state.folded = w.state.lastSeq
	return nil
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
