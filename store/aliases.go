package store

import (
	"context"
	"database/sql/driver"

	"kindred"
)

// MergeUsers makes m.From, with all its aliases, an alias of m.User; either may
// be unknown yet. It says whether anything changed: merging again what is one
// person already does nothing. A zero Time becomes the present.
//
// It fails with Invalid if the two are the same ID, with Conflict if From is an
// alias of somebody else or User one of From, and with Limited if there were
// more than kindred.MaxAliases.
func (db *DB) MergeUsers(ctx context.Context, m kindred.Merge) (changed bool, err error) {
	if m.User == "" || m.From == "" || m.User == m.From {
		return false, kindred.Errorf(kindred.Invalid, "merging takes the IDs of two users, not %q and %q", m.User, m.From)
	}
	err = db.write(ctx, "merging users", 1, func(w *writer) error {
		changed, err = w.merge(&m)
		return err
	})
	return changed, err
}

func (w *writer) merge(m *kindred.Merge) (changed bool, err error) {
	changed, err = w.canMerge(m)
	if !changed || err != nil {
		return false, err
	}
	var ids [2]int64 // of From and User
	for i, name := range []kindred.UserID{m.From, m.User} {
		id, isNew, err := w.users.add(w.conn, string(name))
		if err != nil {
			return false, err
		}
		if ids[i] = id; isNew {
			w.state.users++
		}
	}
	from, into := ids[0], ids[1]
	user, isAlias, err := w.conn.queryInt("SELECT user FROM aliases WHERE alias = ?", into)
	if err != nil {
		return false, err
	}
	if !isAlias {
		user = into
	}
	merge, err := w.logMerge(m, from, into)
	if err == nil {
		_, err = w.conn.exec("UPDATE aliases SET user = ? WHERE user = ?", user, from)
	}
	if err == nil {
		_, err = w.conn.exec("INSERT INTO aliases (alias, parent, user, merge) VALUES (?, ?, ?, ?)", from, into, user, merge)
	}
	w.state.users--
	return true, err
}

// canMerge says whether there is anything to merge, having written nothing.
func (w *writer) canMerge(m *kindred.Merge) (bool, error) {
	from, err := personOf(w.conn, m.From)
	if err != nil {
		return false, err
	}
	into, err := personOf(w.conn, m.User)
	if err != nil {
		return false, err
	}
	switch isSame := len(from.ids) > 0 && from.id == into.id; {
	case isSame && from.id == m.From:
		return false, kindred.Errorf(kindred.Conflict, "user %q is an alias of %q; merge the other way round, or unmerge it first", m.User, m.From)
	case isSame:
		return false, nil
	case len(from.ids) > 0 && from.id != m.From:
		return false, kindred.Errorf(kindred.Conflict, "user %q is an alias of %q; unmerge it first", m.From, from.id)
	case max(1, len(from.ids))+max(1, len(into.ids)) > kindred.MaxAliases+1:
		return false, kindred.Errorf(kindred.Limited, "user %q would have more than %d aliases", m.User, kindred.MaxAliases)
	}
	return true, nil
}

func (w *writer) logMerge(m *kindred.Merge, from, into int64) (seq int64, err error) {
	result, err := w.conn.exec("INSERT INTO merges (time, alias, user, undone, who, why) VALUES (?, ?, ?, ?, ?, ?)",
		nowIfZero(m.Time), from, into, m.Undone, m.By, m.Why)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

// UnmergeUser undoes the merge that made m.From an alias, with what was merged
// into From itself before or since, and returns the ID that it was taken from.
// It fails with NotFound if From is no alias, and with Conflict if it is one of
// another user than User, should that be given.
func (db *DB) UnmergeUser(ctx context.Context, m kindred.Merge) (from kindred.UserID, err error) {
	m.Undone = true
	err = db.write(ctx, "unmerging a user", 1, func(w *writer) error {
		from, err = w.unmerge(&m)
		return err
	})
	return from, err
}

// belowAlias are the aliases merged into a number, and those merged into them.
const belowAlias = `WITH RECURSIVE below (id) AS (SELECT alias FROM aliases WHERE parent = ?
	UNION SELECT a.alias FROM aliases a JOIN below ON a.parent = below.id) `

func (w *writer) unmerge(m *kindred.Merge) (parentName kindred.UserID, err error) {
	id, _, err := w.users.id(w.conn, string(m.From))
	if err != nil {
		return "", err
	}
	parent, isAlias, err := w.conn.queryInt("SELECT parent FROM aliases WHERE alias = ?", id)
	if err != nil {
		return "", err
	}
	if !isAlias {
		return "", kindred.Errorf(kindred.NotFound, "user %q is no alias of anybody", m.From)
	}
	name, err := nameOf(w.conn, parent)
	if err == nil && m.User != "" {
		err = w.sameUser(m)
	}
	if err != nil {
		return "", err
	}
	if _, err := w.logMerge(m, id, parent); err != nil {
		return "", err
	}
	for _, text := range []string{
		"DELETE FROM aliases WHERE alias = ?",
		belowAlias + "UPDATE aliases SET user = ?1 WHERE alias IN (SELECT id FROM below)",
	} {
		if _, err := w.conn.exec(text, id); err != nil {
			return "", err
		}
	}
	w.state.users++
	return kindred.UserID(name), nil
}

// sameUser fails unless m.From and m.User are one user's.
func (w *writer) sameUser(m *kindred.Merge) error {
	whose, err := personOf(w.conn, m.From)
	if err != nil {
		return err
	}
	user, err := personOf(w.conn, m.User)
	if err == nil && user.id != whose.id {
		err = kindred.Errorf(kindred.Conflict, "user %q is an alias of %q, not of %q", m.From, whose.id, m.User)
	}
	return err
}

func nameOf(c *conn, user int64) (name string, err error) {
	err = c.rows(func(row []driver.Value) error {
		name = textOf(row[0])
		return nil
	}, "SELECT name FROM users WHERE id = ?", user)
	return name, err
}

// person is a user by number, with the numbers of all that is theirs, the
// user's first.
type person struct {
	id   kindred.UserID
	ids  []int64
	from state // folded and lastSeq
}

const (
	selectPerson = `SELECT coalesce(a.user, u.id), coalesce(r.name, u.name), s.folded, s.last_seq,
		EXISTS (SELECT 1 FROM aliases b WHERE b.user = coalesce(a.user, u.id))
		FROM users u CROSS JOIN state s LEFT JOIN aliases a ON a.alias = u.id LEFT JOIN users r ON r.id = a.user WHERE u.name = ?`

	selectAliasIDs = "SELECT alias FROM aliases WHERE user = ? ORDER BY alias"
)

// personOf looks up who goes by a name; of nobody, there are no ids.
func personOf(c *conn, name kindred.UserID) (p person, err error) {
	hasAliases := false
	err = c.rows(func(row []driver.Value) error {
		p.ids = []int64{intOf(row[0])}
		p.id = kindred.UserID(textOf(row[1]))
		p.from.folded, p.from.lastSeq = intOf(row[2]), intOf(row[3])
		hasAliases = intOf(row[4]) != 0
		return nil
	}, selectPerson, string(name))
	if err == nil && hasAliases {
		err = c.rows(func(row []driver.Value) error {
			p.ids = append(p.ids, intOf(row[0]))
			return nil
		}, selectAliasIDs, p.ids[0])
	}
	return p, err
}

const selectAliases = `SELECT u.name, r.name, p.name, m.time, m.who, m.why
	FROM aliases a CROSS JOIN users u ON u.id = a.alias CROSS JOIN users r ON r.id = a.user
	CROSS JOIN users p ON p.id = a.parent CROSS JOIN merges m ON m.seq = a.merge `

func aliasOf(row []driver.Value) kindred.Alias {
	return kindred.Alias{
		ID: kindred.UserID(textOf(row[0])), User: kindred.UserID(textOf(row[1])), Into: kindred.UserID(textOf(row[2])),
		Time: timeOf(row[3]), By: textOf(row[4]), Why: textOf(row[5]),
	}
}

// Person returns who goes by an ID, with all their aliases in the order in which
// they were merged. Somebody never heard of has none.
func (db *DB) Person(ctx context.Context, id kindred.UserID) (p kindred.Person, err error) {
	err = db.read(ctx, "reading a user's aliases", func(c *conn) error {
		found, err := personOf(c, id)
		p = kindred.Person{ID: found.id}
		if len(found.ids) == 0 {
			p.ID = id
		}
		if err != nil || len(found.ids) < 2 {
			return err
		}
		return c.query(ctx, func(row []driver.Value) error {
			p.Aliases = append(p.Aliases, aliasOf(row))
			return nil
		}, selectAliases+"WHERE a.user = ? ORDER BY a.merge", found.ids[0])
	})
	return p, err
}

// ScanAliases calls fn with every alias, in the order in which they were
// merged, and returns a number that grows with every change to them. It calls
// fn with none if that is the number it is given; 0 never is.
func (db *DB) ScanAliases(ctx context.Context, known int64, fn func(kindred.Alias) error) (changes int64, err error) {
	err = db.read(ctx, "scanning aliases", func(c *conn) error {
		var err error
		changes, _, err = c.queryInt(`SELECT 1 + erased + coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'merges'), 0) FROM state`)
		if err != nil || changes == known {
			return err
		}
		return c.query(ctx, func(row []driver.Value) error { return fn(aliasOf(row)) }, selectAliases+"ORDER BY a.merge")
	})
	return changes, err
}

// Merges returns a page of the log of merges, after a place, 0 being before the
// first. Of users who were erased there is nothing left.
func (db *DB) Merges(ctx context.Context, after int64, limit int) (merges []kindred.Merge, err error) {
	err = db.read(ctx, "reading the log of merges", func(c *conn) error {
		return c.query(ctx, func(row []driver.Value) error {
			merges = append(merges, kindred.Merge{
				Seq: intOf(row[0]), Time: timeOf(row[1]), User: kindred.UserID(textOf(row[2])), From: kindred.UserID(textOf(row[3])),
				Undone: intOf(row[4]) != 0, By: textOf(row[5]), Why: textOf(row[6]),
			})
			return nil
		}, `SELECT m.seq, m.time, u.name, f.name, m.undone, m.who, m.why
			FROM merges m CROSS JOIN users u ON u.id = m.user CROSS JOIN users f ON f.id = m.alias
			WHERE m.seq > ? ORDER BY m.seq LIMIT ?`, after, limitOf(limit))
	})
	return merges, err
}

// people finds the names of users by number, for aliases that of whose they
// are. It serves within one snapshot and takes about 50 bytes an alias.
type people struct {
	names *numbers
	users map[int64]int64 // by alias
}

func newPeople(ctx context.Context, c *conn) (*people, error) {
	p := &people{names: newNumbers("users"), users: map[int64]int64{}}
	err := c.query(ctx, func(row []driver.Value) error {
		p.users[intOf(row[0])] = intOf(row[1])
		return nil
	}, "SELECT alias, user FROM aliases")
	return p, err
}

// user returns whose a number is.
func (p *people) user(id int64) int64 {
	if user, isAlias := p.users[id]; isAlias {
		return user
	}
	return id
}

// name returns the name of whose a number is.
func (p *people) name(c *conn, id int64) (string, error) { return p.names.name(c, p.user(id)) }
