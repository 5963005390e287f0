package store

import (
	"bytes"
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"kindred"
)

// record is an event made ready for the log by the caller's goroutine, so that
// the writer only writes.
type record struct {
	id, user, item, kind string
	time                 int64
	value                float64
	extra                driver.Value
}

// extra is what few events have.
type extra struct {
	Session   string          `json:"session,omitempty"`
	RequestID string          `json:"request_id,omitempty"`
	Position  int             `json:"position,omitempty"`
	Context   json.RawMessage `json:"context,omitempty"`
}

// AppendEvents stores the events whose ID is new and says which were. It
// returns when they have reached the disk: all of them, or on an error none.
// If ctx ends first, they may or may not be stored; sending them again is
// harmless.
func (db *DB) AppendEvents(ctx context.Context, events []kindred.Event) (fresh []bool, err error) {
	if len(events) == 0 {
		return nil, ctx.Err()
	}
	rows := make([]record, len(events))
	for i := range events {
		if rows[i], err = recordOf(&events[i]); err != nil {
			return nil, kindred.Errorf(kindred.Invalid, "events[%d]", i).Because(err)
		}
	}
	result := make([]bool, len(rows))
	err = db.write(ctx, "appending events", len(rows), func(w *writer) error { return w.append(rows, result) })
	if err != nil {
		return nil, err
	}
	return result, nil
}

func recordOf(e *kindred.Event) (record, error) {
	if e.ID == "" || e.User == "" || e.Kind == "" {
		return record{}, errors.New("an event needs an ID, a user and a kind")
	}
	r := record{
		id:    e.ID,
		user:  string(e.User),
		item:  string(e.Item),
		kind:  string(e.Kind),
		time:  e.Time.UnixMilli(),
		value: e.Value,
	}
	if e.Session == "" && e.RequestID == "" && e.Position == 0 && len(e.Context) == 0 {
		return r, nil
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(extra{e.Session, e.RequestID, e.Position, e.Context}); err != nil {
		return record{}, fmt.Errorf("its context is no JSON: %w", err)
	}
	r.extra = strings.TrimSuffix(text.String(), "\n")
	return r, nil
}

// append writes the rows whose ID is new, and says which in fresh.
func (w *writer) append(rows []record, fresh []bool) error {
	stored, err := w.folded(rows)
	if err != nil {
		return err
	}
	into := newInserter(w.conn, "INSERT INTO events (seq, user, item, kind, time, value, id, extra) VALUES ", 8)
	var added []int // the rows of which into may still hold some
	first := w.state.lastSeq + 1
	if err := w.noteArrival(first); err != nil {
		return err
	}
	for i := range rows {
		r := &rows[i]
		if stored[r.id] {
			continue
		}
		hash := hashOf(r.id)
		known, err := w.isWaiting(hash, func(seq int64) (bool, error) {
			if seq >= first {
				return rows[added[seq-first]].id == r.id, nil
			}
			_, found, err := w.conn.queryInt("SELECT 1 FROM events WHERE seq = ? AND id = ?", seq, r.id)
			return found, err
		})
		if err != nil {
			return err
		}
		if known {
			continue
		}
		user, item, kind, err := w.number(r)
		if err != nil {
			return err
		}
		s := &w.state
		if s.events == 0 {
			s.firstTime, s.lastTime = r.time, r.time
		}
		s.lastSeq++
		s.events++
		s.firstTime, s.lastTime = min(s.firstTime, r.time), max(s.lastTime, r.time)
		if err := into.add(s.lastSeq, user, item, kind, r.time, r.value, r.id, r.extra); err != nil {
			return err
		}
		w.ids.add(hash, s.lastSeq)
		w.pending = append(w.pending, waiting{moment{user: user, time: r.time, seq: s.lastSeq}, hash})
		added = append(added, i)
		fresh[i] = true
	}
	return into.flush()
}

// isWaiting says whether an event that waits has an ID with this hash and is
// the one asked for.
func (w *writer) isWaiting(hash int64, is func(seq int64) (bool, error)) (bool, error) {
	found, err := w.ids.find(hash, is)
	if !found && err == nil && w.fold != nil {
		found, err = w.fold.ids.find(hash, is)
	}
	return found, err
}

// number looks up or gives out the numbers for a row's names.
func (w *writer) number(r *record) (user int64, item driver.Value, kind int64, err error) {
	user, isNew, err := w.users.add(w.conn, r.user)
	if err != nil {
		return 0, nil, 0, err
	}
	if isNew {
		w.state.users++
	}
	if r.item != "" {
		id, isNew, err := w.items.add(w.conn, r.item)
		if err != nil {
			return 0, nil, 0, err
		}
		if isNew {
			w.state.items++
		}
		item = id
	}
	kind, _, err = w.kinds.add(w.conn, r.kind)
	return user, item, kind, err
}

// probeRows is how many hashes one query looks up.
const probeRows = 64

// newProbe is the query that finds the IDs of stored events by hash.
func newProbe() string {
	return "WITH wanted (hash) AS (VALUES " + strings.TrimSuffix(strings.Repeat("(?), ", probeRows), ", ") + `)
		SELECT events.id FROM wanted CROSS JOIN seen USING (hash) CROSS JOIN events USING (seq)`
}

// folded returns which of the rows' IDs are among the folded events. Asking
// in the order of the index reads neighbours together.
func (w *writer) folded(rows []record) (map[string]bool, error) {
	if w.state.folded == 0 {
		return nil, nil
	}
	hashes := make([]int64, len(rows))
	for i := range rows {
		hashes[i] = hashOf(rows[i].id)
	}
	slices.Sort(hashes)
	stored := map[string]bool{}
	args := make([]driver.Value, probeRows)
	for chunk := range slices.Chunk(hashes, probeRows) {
		for i := range args {
			args[i] = chunk[min(i, len(chunk)-1)]
		}
		err := w.conn.rows(func(row []driver.Value) error {
			stored[textOf(row[0])] = true
			return nil
		}, w.probe, args...)
		if err != nil {
			return nil, err
		}
	}
	return stored, nil
}

// UserEvents returns a user's newest events, newest first, those under aliases
// included; none for a user never heard of. Each names the user, whichever ID it
// came with.
func (db *DB) UserEvents(ctx context.Context, user kindred.UserID, limit int) (events []kindred.Event, err error) {
	if limit <= 0 {
		return nil, nil
	}
	const doing = "reading a user's events"
	for again := true; again; {
		err = db.read(ctx, doing, func(c *conn) error {
			var err error
			events, again, err = db.userEvents(ctx, c, user, limit)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return events, nil
}

// RecentUsers returns the users of the newest events, at most so many of those,
// in the order in which each was heard of last, the latest first.
func (db *DB) RecentUsers(ctx context.Context, events int) (users []kindred.UserID, err error) {
	err = db.read(ctx, "reading who was there lately", func(c *conn) error {
		names, err := newPeople(ctx, c)
		if err != nil {
			return err
		}
		seen := map[int64]bool{}
		var ids []int64
		err = c.query(ctx, func(row []driver.Value) error {
			if id := names.user(intOf(row[0])); !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
			return nil
		}, "SELECT user FROM events ORDER BY seq DESC LIMIT ?", int64(events))
		if err != nil {
			return err
		}
		for _, id := range ids {
			name, err := names.name(c, id)
			if err != nil {
				return err
			}
			users = append(users, kindred.UserID(name))
		}
		return nil
	})
	return users, err
}

const (
	selectFolded = "SELECT time, seq FROM by_user WHERE user = ? ORDER BY time DESC, seq DESC LIMIT ?"

	selectMoments = `SELECT e.item, e.kind, e.time, e.value, e.id, e.extra, j.key
		FROM json_each(?) j CROSS JOIN events e ON e.seq = j.value`
)

// userEvents merges what by_user says with the tail. If a fold came between
// the snapshot and the look at the tail, it is to be called again. What is
// short is not made so that it can be interrupted: that costs a tenth.
func (db *DB) userEvents(ctx context.Context, c *conn, user kindred.UserID, limit int) (events []kindred.Event, again bool, err error) {
	who, err := personOf(c, user)
	if err != nil {
		return nil, false, err
	}
	var recent []moment
	for _, id := range who.ids {
		recent, again, err = db.addMoments(ctx, c, recent, id, who.from, limit)
		if err != nil || again {
			return nil, again, err
		}
	}
	if len(recent) == 0 {
		return nil, false, nil
	}
	slices.SortFunc(recent, newestFirst)
	recent = slices.Compact(recent) // of a fold under way, by_user has a part
	recent = recent[:min(limit, len(recent))]
	events = make([]kindred.Event, len(recent))
	err = c.rows(func(row []driver.Value) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		e := &events[intOf(row[6])]
		e.User = who.id
		return db.setEvent(c, e, row)
	}, selectMoments, seqsJSON(recent))
	if err == nil {
		err = userVerdicts(c, recent, events)
	}
	return events, false, err
}

// addMoments adds the newest events under one ID, in any order and some maybe
// twice, or asks to be called again.
func (db *DB) addMoments(ctx context.Context, c *conn, recent []moment, id int64, s state, limit int) (all []moment, again bool, err error) {
	waiting, after, upto := db.tail.of(id, s.folded, s.lastSeq, limit)
	if after > s.folded {
		return nil, true, nil
	}
	recent = append(recent, waiting...)
	collect := func(row []driver.Value) error {
		recent = append(recent, moment{user: id, time: intOf(row[0]), seq: intOf(row[1])})
		return nil
	}
	if s.folded > 0 {
		if err := c.rows(collect, selectFolded, id, int64(limit)); err != nil {
			return nil, false, err
		}
	}
	// Events of other processes that the writer has not caught up with yet.
	if upto = max(upto, s.folded); upto < s.lastSeq {
		err = c.query(ctx, collect, "SELECT time, seq FROM events WHERE seq > ? AND +user = ?", upto, id)
	}
	return recent, false, err
}

// setEvent sets all but the user from item, kind, time, value, id and extra.
func (db *DB) setEvent(c *conn, e *kindred.Event, row []driver.Value) error {
	item, err := db.items.name(c, intOf(row[0]))
	if err != nil {
		return err
	}
	kind, err := db.kinds.name(c, intOf(row[1]))
	if err != nil {
		return err
	}
	e.Item, e.Kind = kindred.ItemID(item), kindred.Kind(kind)
	e.Time, e.Value, e.ID = timeOf(row[2]), floatOf(row[3]), textOf(row[4])
	return setExtra(e, row[5])
}

func setExtra(e *kindred.Event, text driver.Value) error {
	var x extra
	if text != nil {
		if err := json.Unmarshal([]byte(textOf(text)), &x); err != nil {
			return fmt.Errorf("event %q: %w", e.ID, err)
		}
	}
	e.Session, e.RequestID, e.Position, e.Context = x.Session, x.RequestID, x.Position, x.Context
	return nil
}

func seqsJSON(moments []moment) string {
	text := []byte{'['}
	for i, m := range moments {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendInt(text, m.seq, 10)
	}
	return string(append(text, ']'))
}

// Counts is how much there is.
type Counts struct {
	Events int64
	Users  int64 // heard of in any way and not erased
	Items  int64 // in the catalogue or named by an event, and not deleted
	First  time.Time
	Last   time.Time // of the events; zero when there are none

	Aliases int64 // IDs merged into users
}

// Counts returns how much there is: from one row, but for the aliases, which
// are counted.
func (db *DB) Counts(ctx context.Context) (counts Counts, err error) {
	err = db.read(ctx, "counting", func(c *conn) error {
		s, err := readState(c)
		counts = Counts{Events: s.events, Users: s.users, Items: s.items}
		if s.events > 0 {
			counts.First, counts.Last = timeOf(s.firstTime), timeOf(s.lastTime)
		}
		if err == nil {
			counts.Aliases, _, err = c.queryInt("SELECT count(*) FROM aliases")
		}
		return err
	})
	return counts, err
}

// DataVersion returns a number that changes when another process wrote.
func (db *DB) DataVersion(ctx context.Context) (version int64, err error) {
	j := &job{
		doing: "looking for writes of others",
		alone: true,
		do: func(w *writer) error {
			// Seen from the connection that writes, the number changes only
			// when another wrote.
			version, _, err = w.conn.queryInt("PRAGMA data_version")
			return err
		},
	}
	if err := db.submit(ctx, j); err != nil {
		return 0, err
	}
	return version, nil
}
