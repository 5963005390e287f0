package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"kindred"
)

// PutUsers stores users, each in place of the one with its ID. A zero
// UpdatedAt becomes the present.
func (db *DB) PutUsers(ctx context.Context, users []kindred.User) error {
	rows := make([][]driver.Value, len(users))
	for i := range users {
		attributes, err := attributesJSON(users[i].Attributes)
		if err != nil {
			return kindred.Errorf(kindred.Invalid, "users[%d]", i).Because(err)
		}
		if users[i].ID == "" {
			return kindred.Errorf(kindred.Invalid, "users[%d]: a user needs an ID", i)
		}
		rows[i] = []driver.Value{attributes, nowIfZero(users[i].UpdatedAt), nil}
	}
	return db.write(ctx, "storing users", len(rows), func(w *writer) error {
		for i, row := range rows {
			id, isNew, err := w.users.add(w.conn, string(users[i].ID))
			if err != nil {
				return err
			}
			if isNew {
				w.state.users++
			}
			row[2] = id
			if _, err := w.conn.exec("UPDATE users SET attributes = ?, updated = ? WHERE id = ?", row...); err != nil {
				return err
			}
		}
		return nil
	})
}

// selectUser leaves aliases out.
const selectUser = `SELECT id, name, attributes, updated, EXISTS (SELECT 1 FROM aliases WHERE user = users.id)
	FROM users WHERE id NOT IN (SELECT alias FROM aliases) `

// User returns the user who goes by an ID, and may be known from events only.
// What was said under aliases is said of the user; what was said last counts.
func (db *DB) User(ctx context.Context, id kindred.UserID) (user kindred.User, err error) {
	err = db.read(ctx, "reading a user", func(c *conn) error {
		who, err := personOf(c, id)
		if err != nil {
			return err
		}
		if len(who.ids) == 0 {
			return noUser(id)
		}
		user, err = userOf(c, who.id, who.ids)
		return err
	})
	return user, err
}

// userOf puts together what is said of a user under all IDs.
func userOf(c *conn, name kindred.UserID, ids []int64) (user kindred.User, err error) {
	said := make([]kindred.User, 0, len(ids))
	for _, id := range ids {
		err := c.rows(func(row []driver.Value) error {
			var part kindred.User
			err := setUser(&part, row)
			said = append(said, part)
			return err
		}, "SELECT name, attributes, updated FROM users WHERE id = ?", id)
		if err != nil {
			return user, err
		}
	}
	slices.SortStableFunc(said, func(a, b kindred.User) int { return a.UpdatedAt.Compare(b.UpdatedAt) })
	for _, part := range said {
		if user.Attributes == nil {
			user.Attributes = part.Attributes
		} else {
			maps.Copy(user.Attributes, part.Attributes)
		}
		user.UpdatedAt = part.UpdatedAt
	}
	user.ID = name
	return user, nil
}

// setWhole reads a row of selectUser, and what was said under aliases.
func setWhole(c *conn, user *kindred.User, row []driver.Value) error {
	if intOf(row[4]) == 0 {
		return setUser(user, row[1:])
	}
	who, err := personOf(c, kindred.UserID(textOf(row[1])))
	if err == nil {
		*user, err = userOf(c, who.id, who.ids)
	}
	return err
}

func noUser(id kindred.UserID) error {
	return kindred.Errorf(kindred.NotFound, "there is no user %q", id)
}

// UserQuery chooses a page of the users, in the order of IDs.
type UserQuery struct {
	After  kindred.UserID // the last of the page before
	Limit  int            // 0: no limit
	Search string         // ID or an alias contains this, in any case (of ASCII letters)
}

// Users returns a page of the users, those known from events only included and
// aliases left out.
func (db *DB) Users(ctx context.Context, q UserQuery) (users []kindred.User, err error) {
	text := selectUser + "AND name > ?"
	args := []driver.Value{string(q.After)}
	if q.Search != "" {
		text += ` AND (name LIKE ?2 ESCAPE '\' OR id IN
			(SELECT a.user FROM aliases a JOIN users u ON u.id = a.alias WHERE u.name LIKE ?2 ESCAPE '\'))`
		args = append(args, likeAnywhere(q.Search))
	}
	text += " ORDER BY name LIMIT ?"
	args = append(args, limitOf(q.Limit))
	err = db.read(ctx, "reading users", func(c *conn) error {
		return c.query(ctx, func(row []driver.Value) error {
			var user kindred.User
			err := setWhole(c, &user, row)
			users = append(users, user)
			return err
		}, text, args...)
	})
	return users, err
}

// ScanUsers calls fn with every user that was stored, aliases as part of whose
// they are, in the order in which their IDs were first heard of. The user is
// fn's to keep.
func (db *DB) ScanUsers(ctx context.Context, fn func(*kindred.User) error) error {
	return db.read(ctx, "scanning users", func(c *conn) error {
		return c.query(ctx, func(row []driver.Value) error {
			var user kindred.User
			if err := setWhole(c, &user, row); err != nil || user.UpdatedAt.IsZero() {
				return err
			}
			return fn(&user)
		}, selectUser+"AND (updated IS NOT NULL OR EXISTS (SELECT 1 FROM aliases WHERE user = users.id))")
	})
}

// setUser reads a row of selectUser.
func setUser(user *kindred.User, row []driver.Value) (err error) {
	*user = kindred.User{ID: kindred.UserID(textOf(row[0])), UpdatedAt: timeOf(row[2])}
	if user.Attributes, err = attributesOf(row[1]); err != nil {
		return fmt.Errorf("user %q: %w", user.ID, err)
	}
	return nil
}

// eraseRows is how many rows an erasure counts for.
const eraseRows = 100

// EraseUser removes everything about a user in one transaction: the user,
// events, what cleaning found, rejected rows, exposures, aliases with all that is theirs, the log of merges and the
// identifiers themselves. It returns how many events
// there were; their IDs are free again. What is removed is overwritten in the
// file. Only VACUUM also clears the copies that SQLite may have left in unused
// parts of pages when it moved rows before.
func (db *DB) EraseUser(ctx context.Context, id kindred.UserID) (events int64, err error) {
	err = db.write(ctx, "erasing a user", eraseRows, func(w *writer) error {
		events, err = w.erase(string(id))
		return err
	})
	if err != nil {
		return 0, err
	}
	// The log of pages still holds what the file no longer does. If readers
	// keep it from being emptied now, a later checkpoint will.
	return events, db.submit(ctx, &job{
		doing: "emptying the write-ahead log",
		alone: true,
		do: func(w *writer) error {
			return w.conn.query(ctx, func([]driver.Value) error { return nil }, "PRAGMA wal_checkpoint(TRUNCATE)")
		},
	})
}

// erase erases everything under every ID of a user.
func (w *writer) erase(user string) (events int64, err error) {
	who, err := personOf(w.conn, kindred.UserID(user))
	if err != nil {
		return 0, err
	}
	if err := w.conn.script("PRAGMA secure_delete = ON"); err != nil {
		return 0, err
	}
	if len(who.ids) == 0 {
		err = w.eraseStranger(user)
	} else {
		events, err = w.erasePerson(&who)
	}
	return events, errors.Join(err, w.conn.script("PRAGMA secure_delete = OFF"))
}

func (w *writer) erasePerson(who *person) (events int64, err error) {
	// by_user must know all of the user's events.
	for _, id := range who.ids {
		if err := w.enterUser(id); err != nil {
			return 0, err
		}
	}
	for _, id := range who.ids {
		n, err := w.eraseID(id)
		if err != nil {
			return 0, err
		}
		events += n
	}
	w.users.clear()
	w.state.users--
	return events, nil
}

// eraseStranger erases the rejected rows of someone of whom nothing else is
// stored; it fails if there are none.
func (w *writer) eraseStranger(user string) error {
	n, err := w.eraseRejected(user)
	if err == nil && n == 0 {
		err = noUser(kindred.UserID(user))
	}
	return err
}

// eraseID erases everything under one ID.
func (w *writer) eraseID(id int64) (events int64, err error) {
	events, err = w.eraseEvents(id)
	if err == nil {
		err = w.eraseVerdicts(id)
	}
	if err != nil {
		return 0, err
	}
	var name string
	err = w.conn.rows(func(row []driver.Value) error { name = textOf(row[0]); return nil }, "SELECT name FROM users WHERE id = ?", id)
	if err == nil {
		_, err = w.eraseRejected(name)
	}
	if err != nil {
		return 0, err
	}
	for _, text := range []string{
		"DELETE FROM exposures WHERE user = (SELECT name FROM users WHERE id = ?)",
		"DELETE FROM feature_values WHERE entity = 'user' AND id = (SELECT name FROM users WHERE id = ?)",
		"DELETE FROM feature_logs WHERE user = (SELECT name FROM users WHERE id = ?)",
		"DELETE FROM merges WHERE alias = ?1 OR user = ?1",
		"DELETE FROM aliases WHERE alias = ?",
		"DELETE FROM users WHERE id = ?",
	} {
		if _, err := w.conn.exec(text, id); err != nil {
			return 0, err
		}
	}
	// The features logged for others may have known of the user's events.
	w.erased[id] = true
	w.state.erased++
	return events, w.noteLoss()
}

// enterUser folds the events of one user.
func (w *writer) enterUser(user int64) error {
	moments, _, _ := w.tail.of(user, w.state.folded, w.state.lastSeq, math.MaxInt)
	for _, e := range w.pending {
		if e.user == user {
			moments = append(moments, e.moment)
		}
	}
	into := newInserter(w.conn, intoByUser, 3)
	for _, m := range moments {
		if err := into.add(m.user, m.time, m.seq); err != nil {
			return err
		}
	}
	return into.flush()
}

// Events are blanked in place before they go: to delete one may move its
// neighbours between pages, and where they were they stay readable.
const (
	blankEvents = `UPDATE events SET id = printf('%0*d', octet_length(id), 0),
		extra = CASE WHEN extra IS NOT NULL THEN printf('%0*d', octet_length(extra), 0) END
		WHERE seq IN (SELECT seq FROM by_user WHERE user = ?)`
	deleteEvents = "DELETE FROM events WHERE seq IN (SELECT seq FROM by_user WHERE user = ?)"
)

// eraseEvents removes a user's events from the log and both indexes.
func (w *writer) eraseEvents(user int64) (events int64, err error) {
	type entry struct {
		seq, time int64
		id        string
	}
	var entries []entry
	err = w.conn.rows(func(row []driver.Value) error {
		entries = append(entries, entry{intOf(row[0]), intOf(row[1]), textOf(row[2])})
		return nil
	}, "SELECT e.seq, e.time, e.id FROM by_user b CROSS JOIN events e ON e.seq = b.seq WHERE b.user = ?", user)
	if err != nil {
		return 0, err
	}
	s := &w.state
	isEnd := false
	for _, e := range entries {
		if _, err := w.conn.exec("DELETE FROM seen WHERE hash = ? AND seq = ?", hashOf(e.id), e.seq); err != nil {
			return 0, err
		}
		isEnd = isEnd || e.time == s.firstTime || e.time == s.lastTime
	}
	for _, text := range []string{deleteMarks, deleteReleases, deleteWithdrawn, blankEvents, deleteEvents, "DELETE FROM by_user WHERE user = ?"} {
		if _, err := w.conn.exec(text, user); err != nil {
			return 0, err
		}
	}
	s.events -= int64(len(entries))
	if isEnd {
		err = w.conn.rows(func(row []driver.Value) error {
			s.firstTime, s.lastTime = intOf(row[0]), intOf(row[1])
			return nil
		}, "SELECT min(time), max(time) FROM events")
	}
	return int64(len(entries)), err
}
