package store

import (
	"context"
	"database/sql/driver"
	"math"
	"slices"
	"strconv"
	"time"

	"kindred"
)

// The log of changes says which events are to be looked at again, because
// their verdict or their user is not what it was: who counts events follows it
// as they follow the log of events. Triggers write it (010_changes.sql), so
// that nothing that changes a verdict can forget to. What follows from the
// catalogue is left out: it changes with every item.

// Sorts of change.
const (
	changedAll int64 = iota // nothing of before can be told any more
	changedMarks
	changedReleases
	changedWithdrawn
	changedFlags        // from here on, of users
	changedUserReleases // of what is flagged
	changedAliases
)

// changeKey is what a change is of.
type changeKey struct{ what, key int64 }

// AsOf tells what was known at places in the log of changes. It keeps what it
// has read of that log, 100 bytes a change. It is for one goroutine, and for
// places from the one it was made for on.
type AsOf struct {
	db    *DB
	upto  int64 // of the log of changes, read so far
	lost  int64 // before this, nothing can be told
	stood map[changeKey][]stood
}

// stood is what stood somewhere until a change.
type stood struct{ change, was int64 }

// AsOf returns what tells what was known at places from the given one on. Where
// a place is asked for, 0 is the end of the log of changes.
func (db *DB) AsOf(place int64) *AsOf {
	return &AsOf{db: db, upto: place, lost: place, stood: map[changeKey][]stood{}}
}

// past is what stood at a place in the log of changes; nil: what stands now.
type past struct {
	*AsOf
	place int64
}

// at reads the log of changes up to a snapshot's end, and returns what stood at
// a place, and the place.
func (a *AsOf) at(ctx context.Context, c *conn, place int64) (*past, int64, error) {
	if place == 0 {
		end, _, err := c.queryInt("SELECT max(seq) FROM changes")
		if a.upto == 0 {
			a.upto, a.lost = end, end
		}
		return nil, end, err
	}
	err := c.query(ctx, func(row []driver.Value) error {
		key := changeKey{intOf(row[1]), intOf(row[2])}
		if a.upto = intOf(row[0]); key.what == changedAll {
			a.lost = a.upto
		}
		a.stood[key] = append(a.stood[key], stood{a.upto, intOf(row[3])})
		return nil
	}, "SELECT seq, what, key, was FROM changes WHERE seq > ? ORDER BY seq", a.upto)
	if err == nil && place < a.lost {
		err = kindred.Errorf(kindred.Conflict, "what was known at place %d of the log of changes can no longer be told", place)
	}
	return &past{a, place}, place, err
}

// of returns what stood somewhere, if not what stands there now.
func (p *past) of(key changeKey) (was int64, isChanged bool) {
	if p == nil {
		return 0, false
	}
	for _, s := range p.stood[key] {
		if s.change > p.place {
			return s.was, true
		}
	}
	return 0, false
}

// findings is all that a verdict is made of, but for the catalogue.
type findings struct {
	marks, released, withdrawn kindred.Verdict // of the event
	flags, userReleased        kindred.Verdict // of its user
}

func (f *findings) verdict() kindred.Verdict {
	return overrule(f.marks|f.flags, f.released|f.userReleased) | f.withdrawn
}

// then returns what was found, of findings of now.
func (p *past) then(f findings, seq, user int64) findings {
	if p == nil || len(p.stood) == 0 {
		return f
	}
	for _, part := range [...]struct {
		key changeKey
		of  *kindred.Verdict
	}{
		{changeKey{changedMarks, seq}, &f.marks},
		{changeKey{changedReleases, seq}, &f.released},
		{changeKey{changedWithdrawn, seq}, &f.withdrawn},
		{changeKey{changedFlags, user}, &f.flags},
		{changeKey{changedUserReleases, user}, &f.userReleased},
	} {
		if was, isChanged := p.of(part.key); isChanged {
			*part.of = kindred.Verdict(was) //nolint:gosec // stored as such
		}
	}
	return f
}

// Changed is an event that a change is of.
type Changed struct {
	Seq     int64
	Event   kindred.Event   // under the ID it came with
	Was, Is kindred.Verdict // but for what follows from the catalogue
}

// Changes are what is not the same at two places in the log of changes.
type Changes struct {
	Place  int64                             // the second
	Users  map[kindred.UserID]kindred.UserID // IDs with whose they are at the second: themselves, unless they are aliases
	Events []Changed                         // in the order of the log
}

// changeRows is how far Changes looks ahead: some seconds' worth of work.
const changeRows = 1 << 16

// Changes returns what is not the same at two places in the log of changes; if
// to is 0, up to its end, or to a place before it if there is much. All events
// of a user about whom something changed are among the events, though their
// verdict may be the same. It fails with Conflict if what was known then can no
// longer be told: after a user was erased, when all events have been judged
// anew, and before what was pruned.
//
// Cost: some 20 µs an event; without changes, one small query.
func (a *AsOf) Changes(ctx context.Context, from, to int64) (all Changes, err error) {
	for again := true; again; {
		err = a.db.read(ctx, "reading changes", func(c *conn) error {
			var err error
			all, again, err = a.changes(ctx, c, from, to)
			return err
		})
		if err != nil {
			return Changes{}, err
		}
	}
	return all, nil
}

func (a *AsOf) changes(ctx context.Context, c *conn, from, to int64) (all Changes, again bool, err error) {
	was, end, err := a.at(ctx, c, from)
	if err != nil || from == 0 {
		return Changes{Place: end}, false, err
	}
	if to == 0 {
		to = min(a.upto, from+changeRows)
	}
	is, _, err := a.at(ctx, c, to)
	all = Changes{Place: to, Users: map[kindred.UserID]kindred.UserID{}}
	if err != nil || from == to {
		return all, false, err
	}
	moments, again, err := a.moments(ctx, c, &all, is, min(from, to), max(from, to))
	if err != nil || again {
		return all, again, err
	}
	for part := range slices.Chunk(moments, fewEvents) {
		if err := a.add(c, &all, part, was, is); err != nil {
			return all, false, err
		}
	}
	return all, false, ctx.Err()
}

// moments finds the events that changes between two places are of, and
// notes the users of aliases.
func (a *AsOf) moments(ctx context.Context, c *conn, all *Changes, is *past, from, to int64) (moments []moment, again bool, err error) {
	var seqs []moment
	users := map[int64]bool{}
	err = c.rows(func(row []driver.Value) error {
		switch what, key := intOf(row[0]), intOf(row[1]); {
		case what < changedFlags:
			seqs = append(seqs, moment{seq: key})
			return nil
		case what == changedAliases:
			users[key] = true
			return noteAlias(c, all.Users, is, key)
		default:
			users[key] = true
			return nil
		}
	}, "SELECT DISTINCT what, key FROM changes WHERE seq > ? AND seq <= ?", from, to)
	if err != nil {
		return nil, false, err
	}
	state, err := readState(c)
	if err != nil {
		return nil, false, err
	}
	for user := range users {
		if moments, again, err = a.db.addMoments(ctx, c, moments, user, state, math.MaxInt); err != nil || again {
			return nil, again, err
		}
	}
	err = c.rows(func(row []driver.Value) error {
		moments = append(moments, moment{intOf(row[0]), intOf(row[1]), intOf(row[2])})
		return nil
	}, "SELECT e.user, e.time, e.seq FROM json_each(?) j CROSS JOIN events e ON e.seq = j.value", seqsJSON(seqs))
	slices.SortFunc(moments, func(a, b moment) int { return int(a.seq - b.seq) })
	return slices.Compact(moments), false, err
}

// noteAlias notes whose an ID is.
func noteAlias(c *conn, users map[kindred.UserID]kindred.UserID, is *past, id int64) error {
	user, isChanged := is.of(changeKey{changedAliases, id})
	if !isChanged {
		var err error
		if user, _, err = c.queryInt("SELECT user FROM aliases WHERE alias = ?", id); err != nil {
			return err
		}
	}
	if user == 0 {
		user = id
	}
	name, err := nameOf(c, id)
	if err != nil {
		return err
	}
	whose, err := nameOf(c, user)
	users[kindred.UserID(name)] = kindred.UserID(whose)
	return err
}

// add reads events with what was found about them at two places.
func (a *AsOf) add(c *conn, all *Changes, moments []moment, was, is *past) error {
	found, err := findingsOf(c, moments)
	if err != nil {
		return err
	}
	return c.rows(func(row []driver.Value) error {
		i := intOf(row[6])
		e := Changed{Seq: moments[i].seq, Event: kindred.Event{User: kindred.UserID(textOf(row[7]))}}
		then, now := was.then(found[i], moments[i].seq, moments[i].user), is.then(found[i], moments[i].seq, moments[i].user)
		e.Was, e.Is = then.verdict(), now.verdict()
		if err := a.db.setEvent(c, &e.Event, row); err != nil {
			return err
		}
		all.Events = append(all.Events, e)
		return nil
	}, `SELECT e.item, e.kind, e.time, e.value, e.id, e.extra, j.key, u.name
		FROM json_each(?) j CROSS JOIN events e ON e.seq = j.value CROSS JOIN users u ON u.id = e.user`, seqsJSON(moments))
}

// Events is EventsAfter with the verdicts that were known at a place, and
// returns the place. It fails with Conflict as Changes does.
func (a *AsOf) Events(
	ctx context.Context, after int64, limit int, place int64, fn func(seq int64, e *kindred.Event) error,
) (at int64, err error) {
	err = a.db.read(ctx, "following events", func(c *conn) error {
		then, reached, err := a.at(ctx, c, place)
		at = reached
		if err != nil {
			return err
		}
		return a.db.eventsAfter(ctx, c, after, limit, then, fn)
	})
	return at, err
}

// Aliases returns the IDs that were somebody else's at a place in the log
// of changes, with whose they were. It fails with Conflict as Changes does.
func (a *AsOf) Aliases(ctx context.Context, place int64) (users map[kindred.UserID]kindred.UserID, err error) {
	err = a.db.read(ctx, "reading aliases", func(c *conn) error {
		then, _, err := a.at(ctx, c, place)
		if err != nil {
			return err
		}
		users = map[kindred.UserID]kindred.UserID{}
		err = c.query(ctx, func(row []driver.Value) error {
			users[kindred.UserID(textOf(row[0]))] = kindred.UserID(textOf(row[1]))
			return nil
		}, "SELECT u.name, r.name FROM aliases a CROSS JOIN users u ON u.id = a.alias CROSS JOIN users r ON r.id = a.user")
		if err != nil {
			return err
		}
		for key := range a.stood {
			if then == nil || key.what != changedAliases {
				continue
			}
			if err := noteAlias(c, users, then, key.key); err != nil {
				return err
			}
		}
		for id, user := range users {
			if id == user {
				delete(users, id)
			}
		}
		return nil
	})
	return users, err
}

// noteLoss notes that nothing of before can be told any more.
func (w *writer) noteLoss() error {
	_, err := w.conn.exec("INSERT INTO changes (time, what, key, was) VALUES (?, ?, 0, 0)", time.Now().UnixMilli(), changedAll)
	return err
}

// pruneChanges removes the changes before a time, the last of which stays and
// says that nothing of before can be told.
func (db *DB) pruneChanges(ctx context.Context, before time.Time) error {
	const last = "(SELECT coalesce((SELECT seq FROM changes WHERE time >= ?1 ORDER BY seq LIMIT 1), (SELECT max(seq) + 1 FROM changes)) - 1)"
	_, err := db.prune(ctx, "pruning changes", "UPDATE changes SET what = "+strconv.FormatInt(changedAll, 10)+" WHERE what <> 0 AND ?2 > 0 AND seq = "+last, before)
	if err == nil {
		_, err = db.prune(ctx, "pruning changes", "DELETE FROM changes WHERE seq IN (SELECT seq FROM changes WHERE seq < "+last+" ORDER BY seq LIMIT ?2)", before)
	}
	return err
}
