package store_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"kindred"
	"kindred/clean"
	"kindred/store"
)

// TestQuarantine lists, counts and releases events by random queries and holds
// all against a plain walk over the log.
func TestQuarantine(t *testing.T) {
	db := open(t, ":memory:")
	r := rand.New(rand.NewPCG(4, 4))
	var list []kindred.Event
	for i := range 400 {
		list = append(list, view(fmt.Sprint("e", i), fmt.Sprint("u", r.IntN(5)), fmt.Sprint("i", r.IntN(4)), i))
	}
	add(t, db, list...)
	g := begin(t, db, "1")
	part := clean.Part{Upto: 400, Found: clean.Found{Flags: []kindred.Flag{{Seq: 1, User: "u0", Reasons: kindred.Bot, Why: "fast"}, {Seq: 2, User: "u1", Reasons: kindred.Bot, Why: "regular"}}}}
	for range 150 {
		part.Marks = append(part.Marks, kindred.Mark{Seq: 1 + r.Int64N(400), Reasons: []kindred.Verdict{kindred.NearDuplicate, kindred.Misdated, kindred.Unjoined}[r.IntN(3)]})
	}
	check(t, db.AddVerdicts(t.Context(), g.ID, part))
	for round := range 40 {
		q := store.QuarantineQuery{Reasons: kindred.Verdict(1 + r.IntN(1023))} //nolint:gosec // small
		switch r.IntN(5) {
		case 0:
			q.User = kindred.UserID(fmt.Sprint("u", r.IntN(6)))
		case 1:
			q.Item = kindred.ItemID(fmt.Sprint("i", r.IntN(5)))
		case 2:
			q.From, q.To = at(r.IntN(200)), at(100+r.IntN(300))
		case 3:
			q.IDs = []string{fmt.Sprint("e", r.IntN(400)), fmt.Sprint("e", r.IntN(400)), "none"}
		}
		matches := func(e *kindred.Event) bool {
			isListed := len(q.IDs) == 0
			for _, id := range q.IDs {
				isListed = isListed || id == e.ID
			}
			return e.Verdict.Has(q.Reasons) && isListed && (q.User == "" || e.User == q.User) && (q.Item == "" || e.Item == q.Item) &&
				(q.From.IsZero() || !e.Time.Before(q.From)) && (q.To.IsZero() || e.Time.Before(q.To))
		}
		before, counts := scan(t, db, store.EventRange{}), map[kindred.Verdict]int64{}
		var want, got []string
		for i := range before {
			counts[before[i].Verdict]++
			if matches(&before[i]) {
				want = append(want, before[i].ID)
			}
		}
		if all, err := db.VerdictCounts(t.Context()); err != nil || !maps.Equal(all, counts) {
			t.Fatalf("counts %v, want %v, %v", all, counts, err)
		}
		for place := int64(0); ; {
			page, next, err := db.Quarantine(t.Context(), q, place, 1+r.IntN(50))
			check(t, err)
			for _, e := range page {
				got = append(got, e.Event.ID)
				if isFlagged := e.Event.User == "u0" || e.Event.User == "u1"; (e.Why != "") != isFlagged {
					t.Fatalf("%+v", e)
				}
			}
			if place = next; place == 0 {
				break
			}
		}
		equal(t, "listed", got, want)
		if round%4 != 0 || q.Reasons&^kindred.Informational == 0 {
			continue
		}
		q.Reasons &^= kindred.Informational
		n := int64(0)
		for i := range before {
			if matches(&before[i]) {
				n++
				before[i].Verdict = before[i].Verdict&^q.Reasons | kindred.Released
			}
		}
		released, err := db.Release(t.Context(), q)
		check(t, err)
		equal(t, "released", released, n)
		equal(t, "after a release", scan(t, db, store.EventRange{}), before)
		if round%8 == 0 { // what was released stays so, whoever judges anew
			next := begin(t, db, "1")
			check(t, db.AddVerdicts(t.Context(), next.ID, part))
			check(t, db.SwitchGeneration(t.Context(), next.ID))
			equal(t, "after another cleaning", scan(t, db, store.EventRange{}), before)
		}
	}
}

// TestReleasedUser counts in what it does after its release, too.
func TestReleasedUser(t *testing.T) {
	db := open(t, ":memory:")
	add(t, db, view("a", "u", "i", 1))
	g := begin(t, db, "1")
	check(t, db.AddVerdicts(t.Context(), g.ID, clean.Part{Upto: 1, Found: clean.Found{Flags: []kindred.Flag{{Seq: 1, User: "u", Reasons: kindred.Bot}}}}))
	if n, err := db.Release(t.Context(), store.QuarantineQuery{Reasons: kindred.Bot}); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	add(t, db, view("b", "u", "i", 2))
	equal(t, "verdicts", verdictsOf(t, db), map[string]kindred.Verdict{"a": kindred.Released, "b": kindred.Released})
	if _, err := db.Release(t.Context(), store.QuarantineQuery{Reasons: kindred.Unjoined}); kindred.KindOf(err) != kindred.Invalid {
		t.Errorf("what follows from the data cannot be overruled: %v", err)
	}
}
