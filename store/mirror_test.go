package store_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"kindred"
	"kindred/store"
)

// mirror is the store as one would write it without a database.
type mirror struct {
	log   []kindred.Event
	ids   map[string]bool
	users map[kindred.UserID]bool
	items map[kindred.ItemID]bool // named by an event or in the catalogue: whether in the catalogue
	gone  map[kindred.ItemID]bool // deleted from the catalogue

	parents map[kindred.UserID]kindred.UserID // of aliases
}

// root returns whose an ID is.
func (m *mirror) root(user kindred.UserID) kindred.UserID {
	for {
		parent, isAlias := m.parents[user]
		if !isAlias {
			return user
		}
		user = parent
	}
}

// merge returns what a merge does, or the kind of its error.
func (m *mirror) merge(user, from kindred.UserID) (changed bool, kind kindred.ErrorKind) {
	_, isAlias := m.parents[from]
	switch {
	case user == from:
		return false, kindred.Invalid
	case m.root(user) == from:
		return false, kindred.Conflict
	case m.root(user) == m.root(from):
		return false, 0
	case isAlias:
		return false, kindred.Conflict
	}
	m.users[user], m.users[from] = true, true
	m.parents[from] = user
	return true, 0
}

// rooted returns events under the IDs of their users.
func (m *mirror) rooted(list []kindred.Event) []kindred.Event {
	list = slices.Clone(list)
	for i := range list {
		list[i].User = m.root(list[i].User)
	}
	return list
}

func (m *mirror) append(list []kindred.Event) (fresh []bool) {
	for _, e := range list {
		isNew := !m.ids[e.ID]
		fresh = append(fresh, isNew)
		if isNew {
			m.ids[e.ID], m.users[e.User] = true, true
			m.log = append(m.log, e)
			if _, known := m.items[e.Item]; !known {
				m.items[e.Item] = false
			}
		}
	}
	return fresh
}

func (m *mirror) erase(user kindred.UserID) (n int64) {
	m.log = slices.DeleteFunc(m.log, func(e kindred.Event) bool {
		isTheirs := m.root(e.User) == m.root(user)
		if isTheirs {
			delete(m.ids, e.ID)
			n++
		}
		return isTheirs
	})
	user = m.root(user)
	ids := slices.DeleteFunc(slices.Collect(maps.Keys(m.users)), func(id kindred.UserID) bool { return m.root(id) != user })
	for _, id := range ids {
		delete(m.users, id)
		delete(m.parents, id)
	}
	return n
}

func (m *mirror) history(user kindred.UserID, limit int) []kindred.Event {
	var list []kindred.Event
	for _, e := range slices.Backward(m.log) {
		if m.root(e.User) == m.root(user) {
			e.User = m.root(user)
			list = append(list, e)
		}
	}
	slices.SortStableFunc(list, func(a, b kindred.Event) int { return b.Time.Compare(a.Time) })
	return m.judged(list[:min(limit, len(list))])
}

// judged returns events with what follows from the catalogue, which is not
// empty.
func (m *mirror) judged(list []kindred.Event) []kindred.Event {
	list = slices.Clone(list)
	for i := range list {
		if item := list[i].Item; !m.items[item] && !m.gone[item] {
			list[i].Verdict = kindred.UnknownItem
		}
	}
	return list
}

func (m *mirror) counts() store.Counts {
	c := store.Counts{Events: int64(len(m.log)), Users: int64(len(m.users) - len(m.parents)), Items: int64(len(m.items) - len(m.gone)), Aliases: int64(len(m.parents))}
	for i, e := range m.log {
		if i == 0 || e.Time.Before(c.First) {
			c.First = e.Time
		}
		if i == 0 || e.Time.After(c.Last) {
			c.Last = e.Time
		}
	}
	return c
}

// testMirror does the same random operations on a mirror and, in turn, on two
// openings of the store.
func testMirror(s suite) {
	t, openDB := s.T, s.open
	for seed := range uint64(3) {
		r := rand.New(rand.NewPCG(seed, 7))
		m := &mirror{
			ids: map[string]bool{}, users: map[kindred.UserID]bool{},
			items: map[kindred.ItemID]bool{}, gone: map[kindred.ItemID]bool{},
			parents: map[kindred.UserID]kindred.UserID{},
		}
		handles := []database{openDB(), openDB()}
		if seed > 0 { // the memory store, and the file, have what came before
			for _, e := range scan(t, handles[0], store.EventRange{}) {
				if _, err := handles[0].EraseUser(t.Context(), e.User); err != nil && kindred.KindOf(err) != kindred.NotFound {
					t.Fatal(err)
				}
			}
		}
		prefix := fmt.Sprint(seed, "-")
		if err := handles[0].PutItems(t.Context(), []kindred.Item{{ID: "!always there"}}); err != nil {
			t.Fatal(err)
		}
		base, err := handles[0].Counts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for range 150 {
			db := handles[r.IntN(2)]
			user := kindred.UserID(prefix + fmt.Sprint("u", r.IntN(6)))
			item := kindred.ItemID(prefix + fmt.Sprint("i", r.IntN(10)))
			switch r.IntN(14) {
			case 0:
				if err := db.PutItems(t.Context(), []kindred.Item{{ID: item}}); err != nil {
					t.Fatal(err)
				}
				m.items[item] = true
				delete(m.gone, item)
			case 1:
				err := db.DeleteItem(t.Context(), item)
				if (err == nil) != m.items[item] {
					t.Fatalf("deleting %s, in the catalogue: %t: %v", item, m.items[item], err)
				}
				if err == nil {
					m.items[item], m.gone[item] = false, true
				}
			case 2:
				if err := db.PutUsers(t.Context(), []kindred.User{{ID: user}}); err != nil {
					t.Fatal(err)
				}
				m.users[user] = true
			case 3:
				known := m.users[user]
				n, err := db.EraseUser(t.Context(), user)
				if want := m.erase(user); n != want || (err == nil) != known {
					t.Fatalf("erased %d of %d events: %v", n, want, err)
				}
			case 4, 5:
				with := kindred.UserID(prefix + fmt.Sprint("u", r.IntN(6)))
				got, err := db.MergeUsers(t.Context(), kindred.Merge{User: user, From: with})
				want, kind := m.merge(user, with)
				if got != want || kindred.KindOf(err) != kind || (err == nil) != (kind == 0) {
					t.Fatalf("merging %s into %s: %t, %v; want %t, %v", with, user, got, err, want, kind)
				}
			case 6:
				parent, err := db.UnmergeUser(t.Context(), kindred.Merge{From: user})
				if want, isAlias := m.parents[user]; parent != want || (err == nil) != isAlias {
					t.Fatalf("unmerging %s: %s, %v, want %s", user, parent, err, want)
				}
				delete(m.parents, user)
			default:
				list := make([]kindred.Event, 1+r.IntN(8))
				for i := range list {
					list[i] = view(prefix+fmt.Sprint(r.IntN(400)), string(user), string(item), r.IntN(50))
				}
				equal(t, "fresh", add(t, db, list...), m.append(list))
			}
			other := handles[r.IntN(2)]
			limit := 1 + r.IntN(30)
			equal(t, "history", history(t, other, user, limit), m.history(user, limit))
			who, err := other.Person(t.Context(), user)
			if err != nil || who.ID != m.root(user) {
				t.Fatalf("%s is %s (%v), want %s", user, who.ID, err, m.root(user))
			}
			for id := range m.users {
				if isTheirs := slices.Contains(who.IDs(), id); isTheirs != (m.root(id) == who.ID) {
					t.Fatalf("%s goes by %s: %t, by %v", who.ID, id, isTheirs, who.IDs())
				}
			}
			counts, err := other.Counts(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			counts.Users -= base.Users
			counts.Items -= base.Items
			equal(t, "counts", counts, m.counts())
		}
		equal(t, "the whole log", scan(t, handles[1], store.EventRange{}), m.judged(m.rooted(m.log)))
		items, err := handles[1].Items(t.Context(), store.ItemQuery{After: kindred.ItemID(prefix)})
		if err != nil {
			t.Fatal(err)
		}
		maps.DeleteFunc(m.items, func(_ kindred.ItemID, inCatalogue bool) bool { return !inCatalogue })
		equal(t, "the catalogue's size", len(items), len(m.items))
	}
}
