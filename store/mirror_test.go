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
		if e.User == user {
			delete(m.ids, e.ID)
			n++
		}
		return e.User == user
	})
	delete(m.users, user)
	return n
}

func (m *mirror) history(user kindred.UserID, limit int) []kindred.Event {
	var list []kindred.Event
	for _, e := range slices.Backward(m.log) {
		if e.User == user {
			list = append(list, e)
		}
	}
	slices.SortStableFunc(list, func(a, b kindred.Event) int { return b.Time.Compare(a.Time) })
	return list[:min(limit, len(list))]
}

func (m *mirror) counts() store.Counts {
	c := store.Counts{Events: int64(len(m.log)), Users: int64(len(m.users)), Items: int64(len(m.items) - len(m.gone))}
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
		base, err := handles[0].Counts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for range 150 {
			db := handles[r.IntN(2)]
			user := kindred.UserID(prefix + fmt.Sprint("u", r.IntN(6)))
			item := kindred.ItemID(prefix + fmt.Sprint("i", r.IntN(10)))
			switch r.IntN(12) {
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
			counts, err := other.Counts(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			counts.Users -= base.Users
			counts.Items -= base.Items
			equal(t, "counts", counts, m.counts())
		}
		equal(t, "the whole log", scan(t, handles[1], store.EventRange{}), m.log)
		items, err := handles[1].Items(t.Context(), store.ItemQuery{After: kindred.ItemID(prefix)})
		if err != nil {
			t.Fatal(err)
		}
		maps.DeleteFunc(m.items, func(_ kindred.ItemID, inCatalogue bool) bool { return !inCatalogue })
		equal(t, "the catalogue's size", len(items), len(m.items))
	}
}
