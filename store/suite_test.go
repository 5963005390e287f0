package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"kindred"
	"kindred/store"
)

// events, catalogue and the rest are what every store must do; together they
// are the contract that the suite holds a database to.
type (
	events interface {
		AppendEvents(context.Context, []kindred.Event) ([]bool, error)
		UserEvents(context.Context, kindred.UserID, int) ([]kindred.Event, error)
		RecentUsers(context.Context, int) ([]kindred.UserID, error)
		ScanEvents(context.Context, store.EventRange, func(*kindred.Event) error) error
		EventsAfter(context.Context, int64, int, func(int64, *kindred.Event) error) error
		Counts(context.Context) (store.Counts, error)
	}
	catalogue interface {
		PutItems(context.Context, []kindred.Item) error
		Item(context.Context, kindred.ItemID) (kindred.Item, error)
		Items(context.Context, store.ItemQuery) ([]kindred.Item, error)
		ScanItems(context.Context, func(*kindred.Item) error) error
		DeleteItem(context.Context, kindred.ItemID) error
	}
	people interface {
		PutUsers(context.Context, []kindred.User) error
		User(context.Context, kindred.UserID) (kindred.User, error)
		Users(context.Context, store.UserQuery) ([]kindred.User, error)
		ScanUsers(context.Context, func(*kindred.User) error) error
		EraseUser(context.Context, kindred.UserID) (int64, error)
		aliases
	}
	aliases interface {
		MergeUsers(context.Context, kindred.Merge) (bool, error)
		UnmergeUser(context.Context, kindred.Merge) (kindred.UserID, error)
		Person(context.Context, kindred.UserID) (kindred.Person, error)
		ScanAliases(context.Context, int64, func(kindred.Alias) error) (int64, error)
		Merges(context.Context, int64, int) ([]kindred.Merge, error)
	}
	shown interface {
		AppendExposures(context.Context, []kindred.Exposure) error
		Exposure(context.Context, string) (kindred.Exposure, error)
		ScanExposures(context.Context, store.EventRange, func(*kindred.Exposure) error) error
		PruneExposures(context.Context, time.Time) (int64, error)
	}
	records interface {
		shown
		PutKey(context.Context, store.Key) error
		Keys(context.Context) ([]store.Key, error)
		RevokeKey(context.Context, string) error
		Withdraw(context.Context, store.Withdrawal) (int64, kindred.UserID, error)
	}
	database interface {
		Close() error
		events
		catalogue
		people
		records
		io.Closer
	}
)

// databases are what the suite runs on: each makes an empty database, which
// it opens as often as it is called.
var databases = map[string]func(testing.TB) func() database{
	"file": func(tb testing.TB) func() database {
		tb.Helper()
		path := filepath.Join(tb.TempDir(), "store.db")
		return func() database { return open(tb, path) }
	},
	"file, folding often": func(tb testing.TB) func() database {
		tb.Helper()
		path := filepath.Join(tb.TempDir(), "store.db")
		return func() database { return openWith(tb, store.Config{Path: path}.FoldAt(5)) }
	},
	"memory": func(tb testing.TB) func() database {
		tb.Helper()
		db := open(tb, ":memory:") // one and the same: it has no second opening
		return func() database { return db }
	},
}

// suite is what one case gets: an empty database, to open as often as it likes.
type suite struct {
	*testing.T
	open func() database
}

func TestSuite(t *testing.T) {
	cases := map[string]func(suite){
		"an event comes back as it was":        testRoundTrip,
		"an ID is stored once":                 testIdempotent,
		"histories are newest first":           testNewestFirst,
		"recent users":                         testRecentUsers,
		"a scan keeps to its range":            testRange,
		"a follower is given the log in parts": testFollow,
		"items":                                testItems,
		"users":                                testUsers,
		"aliases":                              testAliases,
		"withdrawn":                            testWithdrawn,
		"an erased user is gone":               testErase,
		"exposures":                            testExposures,
		"keys":                                 testKeys,
		"random operations agree with a map":   testMirror,
		"many writers and readers at a time":   testConcurrent,
		"bad input is refused, nothing stays":  testInvalid,
	}
	for name, openNew := range databases {
		t.Run(name, func(t *testing.T) {
			for name, test := range cases {
				t.Run(name, func(t *testing.T) { test(suite{t, openNew(t)}) })
			}
		})
	}
}

// at is a moment of the tests.
func at(second int) time.Time { return time.Unix(1_700_000_000+int64(second), 0).UTC() }

// view is a plain event.
func view(id, user, item string, second int) kindred.Event {
	return kindred.Event{
		ID: id, User: kindred.UserID(user), Item: kindred.ItemID(item),
		Kind: kindred.View, Value: 1, Time: at(second),
	}
}

func add(t *testing.T, db events, list ...kindred.Event) []bool {
	t.Helper()
	fresh, err := db.AppendEvents(t.Context(), list)
	if err != nil {
		t.Fatal(err)
	}
	return fresh
}

func history(t *testing.T, db events, user kindred.UserID, limit int) []kindred.Event {
	t.Helper()
	list, err := db.UserEvents(t.Context(), user, limit)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		return nil
	}
	return list
}

func scan(t *testing.T, db events, r store.EventRange) (list []kindred.Event) {
	t.Helper()
	err := db.ScanEvents(t.Context(), r, func(e *kindred.Event) error {
		list = append(list, *e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func wantKind(t *testing.T, err error, kind kindred.ErrorKind) {
	t.Helper()
	if err == nil || kindred.KindOf(err) != kind {
		t.Fatalf("error %v of kind %v, want kind %v", err, kindred.KindOf(err), kind)
	}
}

func testRoundTrip(s suite) {
	t, openDB := s.T, s.open
	db := openDB()
	list := []kindred.Event{
		view("plain", "u", "i", 1),
		{ID: "search", User: "u", Kind: kindred.Search, Value: 1, Time: at(2)},
		{
			ID: "full", User: "ü'\"", Item: "i\x00j", Kind: "own_kind", Value: -0.125, Time: at(3).Add(7 * time.Millisecond),
			Session: "s", RequestID: "r", Position: 4, Context: json.RawMessage(`{"a":"<&>"}`),
		},
		{ID: "12", User: "12", Item: "1e3", Kind: kindred.Rating, Value: 4.5, Time: time.UnixMilli(-5).UTC()},
		{ID: "zero", User: "u", Item: "i", Kind: kindred.View, Time: time.UnixMilli(0).UTC()},
	}
	add(t, db, list...)
	equal(t, "scan", scan(t, db, store.EventRange{}), list)
	equal(t, "history", history(t, db, "ü'\"", 5), list[2:3])
	equal(t, "history of a number", history(t, db, "12", 5), list[3:4])
	add(t, db, view("a", "v", "i", 1), view("b", "v", "i", 2))
	equal(t, "scan after more", scan(t, openDB(), store.EventRange{})[:5], list)
	equal(t, "history from another opening", history(t, openDB(), "ü'\"", 5), list[2:3])
	counts, err := db.Counts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "counts", counts, store.Counts{Events: 7, Users: 4, Items: 3, First: list[3].Time, Last: list[2].Time})
}

func testIdempotent(s suite) {
	t, openDB := s.T, s.open
	db := openDB()
	equal(t, "within a batch", add(t, db, view("a", "u", "i", 1), view("b", "u", "i", 1), view("a", "v", "j", 9)), []bool{true, true, false})
	equal(t, "later", add(t, db, view("b", "u", "i", 1), view("c", "u", "i", 2)), []bool{false, true})
	for i := range 20 {
		add(t, db, view(fmt.Sprint("more", i), "u", "i", 3))
	}
	equal(t, "much later", add(t, db, view("a", "u", "i", 1), view("more1", "u", "i", 1), view("d", "u", "i", 1)), []bool{false, false, true})
	equal(t, "elsewhere", add(t, openDB(), view("d", "u", "i", 1), view("a", "u", "i", 1), view("e", "u", "i", 1)), []bool{false, false, true})
	equal(t, "and back", add(t, db, view("e", "u", "i", 1)), []bool{false})
	equal(t, "events stored", len(scan(t, db, store.EventRange{})), 25)
}

func testNewestFirst(s suite) {
	t, openDB := s.T, s.open
	db := openDB()
	r := rand.New(rand.NewPCG(1, 1))
	var want []kindred.Event
	for i := range 50 {
		e := view(fmt.Sprint(i), "u", fmt.Sprint("i", i), r.IntN(20))
		add(t, db, e, view(fmt.Sprint("other", i), "v", "i", i))
		want = append(want, e)
	}
	slices.Reverse(want) // of equal times the one that came last is the newest
	slices.SortStableFunc(want, func(a, b kindred.Event) int { return b.Time.Compare(a.Time) })
	for _, limit := range []int{1, 3, 49, 50, 51} {
		equal(t, "history", history(t, db, "u", limit), want[:min(limit, 50)])
	}
	equal(t, "of a stranger", len(history(t, db, "w", 9)), 0)
	equal(t, "none wanted", len(history(t, db, "u", 0)), 0)
}

func testRecentUsers(s suite) {
	t, openDB := s.T, s.open
	db := openDB()
	recent := func(events int) []kindred.UserID {
		users, err := db.RecentUsers(t.Context(), events)
		if err != nil {
			t.Fatal(err)
		}
		return users
	}
	equal(t, "of an empty store", len(recent(9)), 0)
	for n, user := range []string{"a", "b", "a", "c", "c", "b"} {
		add(t, db, view(fmt.Sprint(n), user, "i", 9-n)) // by arrival, not by time
	}
	equal(t, "of all events", recent(9), []kindred.UserID{"b", "c", "a"})
	equal(t, "of three events", recent(3), []kindred.UserID{"b", "c"})
	if _, err := db.EraseUser(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	equal(t, "without the erased", recent(9), []kindred.UserID{"b", "a"})
}

func testRange(s suite) {
	t, openDB := s.T, s.open
	db := openDB()
	for i := range 10 {
		add(t, db, view(fmt.Sprint(i), "u", "i", i))
	}
	for _, c := range []struct {
		name string
		r    store.EventRange
		want int
	}{
		{"all", store.EventRange{}, 10},
		{"from is inclusive", store.EventRange{From: at(3)}, 7},
		{"to is exclusive", store.EventRange{To: at(3)}, 3},
		{"both", store.EventRange{From: at(3), To: at(5)}, 2},
		{"between milliseconds", store.EventRange{From: at(3).Add(time.Nanosecond), To: at(5).Add(time.Nanosecond)}, 2},
		{"empty", store.EventRange{From: at(5), To: at(3)}, 0},
	} {
		if got := len(scan(t, db, c.r)); got != c.want {
			t.Errorf("%s: %d events, want %d", c.name, got, c.want)
		}
	}
	stop := errors.New("enough")
	n := 0
	err := db.ScanEvents(t.Context(), store.EventRange{}, func(*kindred.Event) error {
		n++
		if n == 3 {
			return stop
		}
		// A scan sees one moment, and other reads and writes go on meanwhile.
		add(t, db, view(fmt.Sprint("new", n), "u", "i", n))
		equal(t, "newest", len(history(t, db, "u", 100)), 10+n)
		return nil
	})
	if !errors.Is(err, stop) || n != 3 {
		t.Errorf("stopped after %d with %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.ScanEvents(ctx, store.EventRange{}, func(*kindred.Event) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled scan returns %v", err)
	}
}

// testFollow holds a log read in parts of several sizes, while it grows and
// loses a user, against one scan at the end.
func testFollow(s suite) {
	t, openDB := s.T, s.open
	db := openDB()
	for limit := 1; limit <= 8; limit++ {
		var got []kindred.Event
		var place int64
		part := func() (size int) {
			err := db.EventsAfter(t.Context(), place, limit, func(seq int64, e *kindred.Event) error {
				if seq <= place {
					t.Fatalf("place %d after %d", seq, place)
				}
				place = seq
				size++
				got = append(got, *e)
				return nil
			})
			if err != nil || size > limit {
				t.Fatalf("%d events, %v", size, err)
			}
			return size
		}
		for round := range 30 {
			for i := range 4 {
				add(t, db, view(fmt.Sprint(limit, "-", round, "-", i), fmt.Sprint("u", i), "i", round))
			}
			if round == 20 { // what was read and what is to come loses a user, not its places
				if _, err := db.EraseUser(t.Context(), "u3"); err != nil {
					t.Fatal(err)
				}
				got = slices.DeleteFunc(got, func(e kindred.Event) bool { return e.User == "u3" })
			}
			part()
		}
		for part() == limit {
		}
		equal(t, "the log in parts", got, scan(t, db, store.EventRange{}))
	}
}

func itemIDs(items []kindred.Item) (ids string) {
	for i := range items {
		ids += string(items[i].ID)
	}
	return ids
}

func testItems(s suite) {
	t, openDB := s.T, s.open
	db := openDB()
	full := kindred.Item{
		ID: "a", Title: "Red 50%_shoe", Categories: []string{"Shoes", "Sale"}, Price: 19.5,
		AvailableFrom: at(1), AvailableUntil: at(2), UpdatedAt: at(3),
		Attributes: kindred.Attributes{
			"n": kindred.NumberOf(-1.5), "b": kindred.BoolOf(true), "t": kindred.TimeOf(at(4)), "s": kindred.StringOf("x"),
			"set": kindred.SetOf("p", "q"), "text": kindred.TextOf("prose"), "v": kindred.VectorOf([]float32{0.1, -2}),
		},
	}
	add(t, db, view("e", "u", "known", 1))
	if err := db.PutItems(t.Context(), []kindred.Item{
		full,
		{ID: "b", Title: "blue shoe", Categories: []string{"Shoes"}, UpdatedAt: at(1)},
		{ID: "c", Title: "Hat", UpdatedAt: at(1)},
	}); err != nil {
		t.Fatal(err)
	}
	got, err := db.Item(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "item", got, full)
	for want, q := range map[string]store.ItemQuery{
		"abc": {},
		"bc":  {After: "a"},
		"ab":  {Category: "Shoes", Limit: 5},
		"a":   {Search: "50%_S"},
		"b":   {After: "a", Limit: 1, Search: "SHOE", Category: "Shoes"},
		"":    {Search: `\`},
	} {
		items, err := db.Items(t.Context(), q)
		if err != nil || itemIDs(items) != want {
			t.Errorf("%+v: %q (%v), want %q", q, itemIDs(items), err, want)
		}
	}
	_, err = db.Item(t.Context(), "known")
	wantKind(t, err, kindred.NotFound)
	if err := db.DeleteItem(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	wantKind(t, db.DeleteItem(t.Context(), "b"), kindred.NotFound)
	_, err = db.Item(t.Context(), "b")
	wantKind(t, err, kindred.NotFound)
	if err := db.PutItems(t.Context(), []kindred.Item{{ID: "a", Title: "new"}, {ID: "known"}}); err != nil {
		t.Fatal(err)
	}
	got, err = db.Item(t.Context(), "a")
	if err != nil || got.Title != "new" || got.Attributes != nil || got.UpdatedAt.IsZero() || !got.AvailableFrom.IsZero() {
		t.Errorf("put in place: %+v, %v", got, err)
	}
	var all []kindred.Item
	if err := db.ScanItems(t.Context(), func(i *kindred.Item) error { all = append(all, *i); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(all) != 3 {
		t.Errorf("scanned %q", itemIDs(all))
	}
	counts, err := db.Counts(t.Context())
	if err != nil || counts.Items != 3 {
		t.Errorf("%d items counted (%v), want 3", counts.Items, err)
	}
}

func testUsers(s suite) {
	t, openDB := s.T, s.open
	db := openDB()
	add(t, db, view("e", "seen", "i", 1))
	ann := kindred.User{ID: "ann", Attributes: kindred.Attributes{"age": kindred.NumberOf(30)}, UpdatedAt: at(1)}
	bob := kindred.User{ID: "bob", UpdatedAt: at(2)}
	if err := db.PutUsers(t.Context(), []kindred.User{ann, bob}); err != nil {
		t.Fatal(err)
	}
	got, err := db.User(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "user", got, ann)
	got, err = db.User(t.Context(), "seen")
	equal(t, "user known from events", got, kindred.User{ID: "seen"})
	if err != nil {
		t.Error(err)
	}
	_, err = db.User(t.Context(), "nobody")
	wantKind(t, err, kindred.NotFound)
	for want, q := range map[string]store.UserQuery{
		"annbobseen": {},
		"bob":        {After: "ann", Limit: 1},
		"seen":       {Search: "EE"},
	} {
		users, err := db.Users(t.Context(), q)
		ids := ""
		for _, u := range users {
			ids += string(u.ID)
		}
		if err != nil || ids != want {
			t.Errorf("%+v: %q (%v), want %q", q, ids, err, want)
		}
	}
	var described []kindred.User
	err = db.ScanUsers(t.Context(), func(user *kindred.User) error {
		described = append(described, *user)
		return nil
	})
	equal(t, "stored users", described, []kindred.User{ann, bob})
	if err != nil {
		t.Error(err)
	}
}

func testErase(s suite) {
	t, openDB := s.T, s.open
	db := openDB()
	for i := range 12 {
		add(t, db, view(fmt.Sprint("a", i), "alice", "i", i), view(fmt.Sprint("b", i), "bob", "i", i+1))
	}
	err := db.AppendExposures(t.Context(), []kindred.Exposure{{RequestID: "r", User: "alice", Time: at(1)}, {RequestID: "s", User: "bob", Time: at(1)}})
	if err != nil {
		t.Fatal(err)
	}
	n, err := db.EraseUser(t.Context(), "alice")
	if err != nil || n != 12 {
		t.Fatalf("erased %d events: %v", n, err)
	}
	_, err = db.EraseUser(t.Context(), "alice")
	wantKind(t, err, kindred.NotFound)
	_, err = db.Exposure(t.Context(), "r")
	wantKind(t, err, kindred.NotFound)
	if _, err := db.Exposure(t.Context(), "s"); err != nil {
		t.Error(err)
	}
	equal(t, "history", len(history(t, db, "alice", 99)), 0)
	equal(t, "others' history", len(history(t, db, "bob", 99)), 12)
	counts, err := db.Counts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "counts", counts, store.Counts{Events: 12, Users: 1, Items: 1, First: at(1), Last: at(12)})
	equal(t, "a new life", add(t, db, view("a0", "alice", "i", 50)), []bool{true})
	equal(t, "its history", len(history(t, db, "alice", 99)), 1)
}

func testExposures(s suite) {
	t, openDB := s.T, s.open
	db := openDB()
	x := kindred.Exposure{RequestID: "r1", User: "u", Time: at(1), Model: "m", Items: []kindred.ItemID{"a", `"\<é`}, Sources: []string{"ials", "popular"}}
	x.Session, x.Context = "s", kindred.Attributes{"hour": kindred.NumberOf(22.5), "words": kindred.SetOf("b", `a"`)}
	anonymous := kindred.Exposure{RequestID: "r2", Session: "s", Time: at(2), Items: []kindred.ItemID{}, Sources: []string{}}
	again := x
	again.Model = "other"
	if err := db.AppendExposures(t.Context(), []kindred.Exposure{x, anonymous, again}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []kindred.Exposure{x, anonymous} {
		got, err := db.Exposure(t.Context(), want.RequestID)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "exposure", got, want)
	}
	n, err := db.PruneExposures(t.Context(), at(2))
	if err != nil || n != 1 {
		t.Errorf("pruned %d: %v", n, err)
	}
	_, err = db.Exposure(t.Context(), "r1")
	wantKind(t, err, kindred.NotFound)
}

func testKeys(s suite) {
	t, openDB := s.T, s.open
	db := openDB()
	k := store.Key{Hash: [32]byte{1, 2, 255}, Name: "shop", Scopes: []string{"read", "write"}, CreatedAt: at(1)}
	if err := db.PutKey(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	wantKind(t, db.PutKey(t.Context(), k), kindred.Conflict)
	wantKind(t, db.RevokeKey(t.Context(), "other"), kindred.NotFound)
	keys, err := db.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "keys", keys, []store.Key{k})
	if err := db.RevokeKey(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	if keys, err = db.Keys(t.Context()); err != nil || !keys[0].Revoked {
		t.Errorf("after revoking: %+v, %v", keys, err)
	}
}

func testInvalid(s suite) {
	t, openDB := s.T, s.open
	db := openDB()
	for name, bad := range map[string]kindred.Event{
		"no ID":       view("", "u", "i", 1),
		"no user":     view("x", "", "i", 1),
		"bad context": {ID: "x", User: "u", Kind: kindred.View, Context: json.RawMessage(`{`)},
	} {
		_, err := db.AppendEvents(t.Context(), []kindred.Event{view("good", "u", "i", 1), bad})
		if kindred.KindOf(err) != kindred.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantKind(t, db.PutItems(t.Context(), []kindred.Item{{}}), kindred.Invalid)
	wantKind(t, db.PutUsers(t.Context(), []kindred.User{{}}), kindred.Invalid)
	wantKind(t, db.AppendExposures(t.Context(), []kindred.Exposure{{}}), kindred.Invalid)
	equal(t, "events", len(scan(t, db, store.EventRange{})), 0)
}

// testConcurrent has writers send overlapping IDs while readers look on.
func testConcurrent(s suite) {
	t, openDB := s.T, s.open
	const writers, each = 8, 60
	handles := []database{openDB(), openDB()}
	var wg, readers sync.WaitGroup
	var mu sync.Mutex
	fresh := map[string]int{}
	quit := make(chan struct{})
	for range 3 {
		readers.Go(func() {
			for last := int64(0); ; {
				select {
				case <-quit:
					return
				default:
				}
				counts, err := handles[1].Counts(t.Context())
				if err != nil || counts.Events < last {
					t.Errorf("%d events after %d: %v", counts.Events, last, err)
				}
				last = counts.Events
				if _, err := handles[0].UserEvents(t.Context(), "u1", 20); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for w := range writers {
		wg.Go(func() {
			user := fmt.Sprint("u", w)
			for i := range each {
				ids := []string{fmt.Sprint("shared", i), fmt.Sprint("own", w, "-", i)}
				got, err := handles[w%2].AppendEvents(t.Context(), []kindred.Event{view(ids[0], "s", "i", i), view(ids[1], user, "i", i)})
				if err != nil {
					t.Error(err)
					return
				}
				list, err := handles[i%2].UserEvents(t.Context(), kindred.UserID(user), each)
				if err != nil || len(list) != i+1 || list[0].ID != ids[1] {
					t.Errorf("%d events after %d were acknowledged: %v", len(list), i+1, err)
				}
				mu.Lock()
				for k, isFresh := range got {
					if isFresh {
						fresh[ids[k]]++
					}
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	close(quit)
	readers.Wait()
	for id, n := range fresh {
		if n != 1 {
			t.Errorf("%s was new %d times", id, n)
		}
	}
	equal(t, "events new", len(fresh), writers*each+each)
	equal(t, "events stored", len(scan(t, handles[0], store.EventRange{})), len(fresh))
}
