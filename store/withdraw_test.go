package store_test

import (
	"fmt"
	"slices"

	"kindred"
	"kindred/store"
)

// testWithdrawn takes events back by ID and by what they are, of folded and
// waiting ones, and looks for their verdict wherever events are read.
func testWithdrawn(s suite) {
	t, db := s.T, s.open()
	for n := range 14 { // some are folded in between, where folding is often
		add(t, db, view(fmt.Sprint("w", n), []string{"wa", "wb"}[n%2], fmt.Sprint("i", n%4), n))
	}
	merge(t, db, "wa", "visitor")
	add(t, db, view("w14", "visitor", "i0", 14))
	take := func(want int64, q store.Withdrawal) {
		t.Helper()
		q.By, q.Why = "admin", "a test"
		n, user, err := db.Withdraw(t.Context(), q)
		if err != nil || n != want || q.User != "" && user != "wa" {
			t.Errorf("%+v: %d of %s taken back (%v), want %d", q, n, user, err, want)
		}
	}
	expect := func(want ...string) {
		t.Helper()
		var all []string
		for _, e := range scan(t, db, store.EventRange{}) {
			if e.Verdict.Has(kindred.Withdrawn) {
				all = append(all, e.ID)
			}
		}
		equal(t, "taken back, in the log", all, want)
		all = nil
		for _, user := range []kindred.UserID{"wa", "wb"} {
			for _, e := range history(t, db, user, 99) {
				if e.Verdict.Has(kindred.Withdrawn) {
					all = append(all, e.ID)
				}
			}
		}
		slices.Sort(all)
		slices.Sort(want)
		equal(t, "taken back, in histories", all, want)
	}
	expect()
	for _, id := range []string{"w1", "w14"} { // an old one, and one under an alias
		take(1, store.Withdrawal{ID: id})
		take(0, store.Withdrawal{ID: id})
	}
	expect("w1", "w14")
	take(4, store.Withdrawal{User: "visitor", Item: "i0", OnlyTell: true}) // w0 w4 w8 w12
	expect("w1", "w14")
	take(2, store.Withdrawal{User: "wa", Item: "i0", Kind: kindred.View, Range: store.EventRange{From: at(4), To: at(12)}})
	take(0, store.Withdrawal{User: "wa", Kind: kindred.Purchase})
	expect("w1", "w4", "w8", "w14")
	if fresh := add(t, db, view("w4", "wa", "i0", 4)); fresh[0] {
		t.Error("what was taken back can be sent again")
	}
	_, _, err := db.Withdraw(t.Context(), store.Withdrawal{ID: "none"})
	wantKind(t, err, kindred.NotFound)
	_, _, err = db.Withdraw(t.Context(), store.Withdrawal{User: "nobody"})
	wantKind(t, err, kindred.NotFound)
	_, _, err = db.Withdraw(t.Context(), store.Withdrawal{Item: "i0"})
	wantKind(t, err, kindred.Invalid)
	if _, err := db.EraseUser(t.Context(), "wa"); err != nil {
		t.Error(err)
	}
	add(t, db, view("w4", "wa", "i0", 4)) // the ID is free again, and the place is another
	expect("w1")
}
