package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"kindred"
	"kindred/store"
)

func merge(t *testing.T, db database, user, from kindred.UserID) {
	t.Helper()
	changed, err := db.MergeUsers(t.Context(), kindred.Merge{User: user, From: from, Time: at(9), By: "shop", Why: "login"})
	if err != nil || !changed {
		t.Fatalf("merging %s into %s: %t, %v", from, user, changed, err)
	}
}

// testAliases merges a visitor, who is somebody else already, into a user, and
// looks at all that is read; then everything is undone, and erased.
func testAliases(s suite) {
	t, db := s.T, s.open()
	add(t, db, view("e1", "anon", "i", 1), view("e2", "ada", "j", 2), view("e3", "tablet", "k", 3), view("e4", "else", "i", 4))
	number := func(x float64) kindred.Attributes { return kindred.Attributes{"n": kindred.NumberOf(x)} }
	both := number(2)
	both["word"] = kindred.StringOf("w")
	users := []kindred.User{
		{ID: "ada", Attributes: both, UpdatedAt: at(2)}, {ID: "anon", Attributes: number(3), UpdatedAt: at(3)}, {ID: "tablet", Attributes: number(1), UpdatedAt: at(1)},
	}
	must(t, db.PutUsers(t.Context(), users))
	must(t, db.AppendExposures(t.Context(), []kindred.Exposure{{RequestID: "r", User: "anon", Time: at(1), Items: []kindred.ItemID{"i"}, Sources: []string{"s"}}}))
	before := look(t, db)

	merge(t, db, "anon", "tablet")
	merge(t, db, "ada", "anon")
	merge(t, db, "tablet", "phone") // into an alias, from somebody unknown
	add(t, db, view("e5", "phone", "i", 5))
	for _, id := range []kindred.UserID{"ada", "anon", "tablet", "phone"} {
		equal(t, "history of "+string(id), ids(history(t, db, id, 9)), []string{"e5", "e3", "e2", "e1"})
		equal(t, "newest of "+string(id), ids(history(t, db, id, 2)), []string{"e5", "e3"})
		got, err := db.User(t.Context(), id)
		must(t, err)
		want := kindred.Attributes{"n": kindred.NumberOf(3), "word": kindred.StringOf("w")} // anon was said last
		equal(t, "user by "+string(id), got, kindred.User{ID: "ada", Attributes: want, UpdatedAt: at(3)})
		who, err := db.Person(t.Context(), id)
		must(t, err)
		equal(t, "ids by "+string(id), who.IDs(), []kindred.UserID{"ada", "tablet", "anon", "phone"})
		equal(t, "an alias", who.Aliases[0], kindred.Alias{ID: "tablet", User: "ada", Into: "anon", Time: at(9), By: "shop", Why: "login"})
	}
	merged := look(t, db)
	equal(t, "events, users and exposures", merged.named, []string{"e1 ada", "e2 ada", "e3 ada", "e4 else", "e5 ada", "user ada", "r ada"})
	equal(t, "who was there lately", merged.recent, []kindred.UserID{"ada", "else"})
	if merged.counts.Users != 2 {
		t.Errorf("%d users, want 2", merged.counts.Users)
	}
	page, err := db.Users(t.Context(), store.UserQuery{Search: "TABLET"})
	if err != nil || len(page) != 1 || page[0].ID != "ada" {
		t.Errorf("searching for an alias: %v, %v", page, err)
	}

	for _, id := range []kindred.UserID{"phone", "anon", "tablet"} {
		_, err := db.UnmergeUser(t.Context(), kindred.Merge{From: id, By: "admin"})
		must(t, err)
	}
	_, err = db.EraseUser(t.Context(), "phone")
	must(t, err)
	equal(t, "after unmerging", look(t, db), before)

	merge(t, db, "ada", "anon")
	_, err = db.EraseUser(t.Context(), "anon")
	must(t, err)
	rest := look(t, db)
	equal(t, "after erasing", rest.named, []string{"e3 tablet", "e4 else", "user tablet"})
	log, err := db.Merges(t.Context(), 0, 0)
	must(t, err)
	if len(log) != 0 || len(history(t, db, "ada", 9)) != 0 { // tablet was merged into anon once
		t.Errorf("after erasing there is left: %v", log)
	}
}

// seen is what can be read of a store.
type seen struct {
	named  []string // by whose it is said to be
	recent []kindred.UserID
	users  []kindred.User
	counts store.Counts
}

func look(t *testing.T, db database) (all seen) {
	t.Helper()
	for _, e := range scan(t, db, store.EventRange{}) {
		all.named = append(all.named, fmt.Sprint(e.ID, " ", e.User))
	}
	var err error
	must(t, db.ScanUsers(t.Context(), func(u *kindred.User) error { all.named = append(all.named, fmt.Sprint("user ", u.ID)); return nil }))
	must(t, db.ScanExposures(t.Context(), store.EventRange{}, func(x *kindred.Exposure) error {
		all.named = append(all.named, fmt.Sprint(x.RequestID, " ", x.User))
		return nil
	}))
	all.recent, err = db.RecentUsers(t.Context(), 99)
	must(t, err)
	slices.Sort(all.recent)
	all.users, err = db.Users(t.Context(), store.UserQuery{})
	must(t, err)
	all.counts, err = db.Counts(t.Context())
	must(t, err)
	return all
}

func ids(events []kindred.Event) (list []string) {
	for i := range events {
		list = append(list, events[i].ID)
	}
	return list
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestMergeRefused(t *testing.T) {
	db := open(t, ":memory:")
	merge(t, db, "ada", "anon")
	for _, c := range []struct {
		user, from kindred.UserID
		kind       kindred.ErrorKind
	}{
		{"ada", "ada", kindred.Invalid},
		{"", "ada", kindred.Invalid},
		{"ada", "", kindred.Invalid},
		{"anon", "ada", kindred.Conflict}, // a circle
		{"bob", "anon", kindred.Conflict}, // somebody else's
	} {
		changed, err := db.MergeUsers(t.Context(), kindred.Merge{User: c.user, From: c.from})
		if changed || err == nil {
			t.Errorf("merging %s into %s: %t, %v", c.from, c.user, changed, err)
		}
		wantKind(t, err, c.kind)
	}
	if changed, err := db.MergeUsers(t.Context(), kindred.Merge{User: "ada", From: "anon"}); changed || err != nil {
		t.Errorf("merging again: %t, %v", changed, err)
	}
	_, err := db.UnmergeUser(t.Context(), kindred.Merge{From: "ada"})
	wantKind(t, err, kindred.NotFound)
	log, err := db.Merges(t.Context(), 0, 0)
	if err != nil || len(log) != 1 {
		t.Errorf("what was refused is in the log: %v, %v", log, err)
	}
	for i := range kindred.MaxAliases - 1 {
		merge(t, db, "ada", kindred.UserID(fmt.Sprint("a", i)))
	}
	_, err = db.MergeUsers(t.Context(), kindred.Merge{User: "ada", From: "one too many"})
	wantKind(t, err, kindred.Limited)
}

func TestMergeLog(t *testing.T) {
	db := open(t, ":memory:")
	merge(t, db, "ada", "anon")
	parent, err := db.UnmergeUser(t.Context(), kindred.Merge{From: "anon", Time: at(10), By: "admin", Why: "by mistake"})
	if err != nil || parent != "ada" {
		t.Fatal(parent, err)
	}
	want := []kindred.Merge{
		{Seq: 1, Time: at(9), User: "ada", From: "anon", By: "shop", Why: "login"},
		{Seq: 2, Time: at(10), User: "ada", From: "anon", Undone: true, By: "admin", Why: "by mistake"},
	}
	for after := range int64(3) {
		got, err := db.Merges(t.Context(), after, 5)
		must(t, err)
		if !slices.Equal(got, want[after:]) {
			t.Errorf("after %d: %+v", after, got)
		}
	}
}

// TestScanAliases tells of changes, and of none where there are none.
func TestScanAliases(t *testing.T) {
	db := open(t, ":memory:")
	last := int64(0)
	for _, step := range []struct {
		do   func()
		want []kindred.UserID
	}{
		{func() {}, nil},
		{func() { merge(t, db, "ada", "anon"); merge(t, db, "anon", "tablet") }, []kindred.UserID{"anon", "tablet"}},
		{func() { _, err := db.UnmergeUser(t.Context(), kindred.Merge{From: "tablet"}); must(t, err) }, []kindred.UserID{"anon"}},
		{func() { _, err := db.EraseUser(t.Context(), "ada"); must(t, err) }, nil},
	} {
		step.do()
		var got []kindred.UserID
		scan := func(a kindred.Alias) error { got = append(got, a.ID); return nil }
		changes, err := db.ScanAliases(t.Context(), last, scan)
		must(t, err)
		if changes <= last || !slices.Equal(got, step.want) {
			t.Errorf("after %d changes: %v, want %v", changes, got, step.want)
		}
		if again, err := db.ScanAliases(t.Context(), changes, func(kindred.Alias) error { return errTold }); again != changes || err != nil {
			t.Errorf("asked again: %d, %v", again, err)
		}
		last = changes
	}
}

var errTold = errors.New("there is nothing new to tell")
