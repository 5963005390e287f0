package store_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"kindred"
	"kindred/clean"
	"kindred/store"
)

// verdictsOf returns the verdicts as each of the three ways to read has them,
// by event ID.
func verdictsOf(t *testing.T, db *store.DB) map[string]kindred.Verdict {
	t.Helper()
	whole, users := map[string]kindred.Verdict{}, map[kindred.UserID]bool{}
	for _, e := range scan(t, db, store.EventRange{}) {
		whole[e.ID], users[e.User] = e.Verdict, true
	}
	parts, place := map[string]kindred.Verdict{}, int64(0)
	for n := 1; n > 0; {
		n = 0
		err := db.EventsAfter(t.Context(), place, 7, func(seq int64, e *kindred.Event) error {
			parts[e.ID] = e.Verdict
			place = seq
			n++
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "verdicts of the log in parts", parts, whole)
	byUser := map[string]kindred.Verdict{}
	for user := range users {
		for _, e := range history(t, db, user, 1000) {
			byUser[e.ID] = e.Verdict
		}
	}
	equal(t, "verdicts of histories", byUser, whole)
	return whole
}

func begin(t *testing.T, db *store.DB, rules string) clean.Generation {
	t.Helper()
	g, err := db.BeginGeneration(t.Context(), rules)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestVerdicts holds every way to read events against a map of what was added,
// over two generations, releases and the erasure of a user.
func TestVerdicts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	db := openWith(t, store.Config{Path: path}.FoldAt(50))
	r := rand.New(rand.NewPCG(1, 2))
	want := map[string]kindred.Verdict{}
	var list []kindred.Event
	for i := range 300 {
		e := view(fmt.Sprint(i), fmt.Sprint("u", r.IntN(6)), "i", i)
		list = append(list, e)
		want[e.ID] = 0
	}
	add(t, db, list...)
	first := begin(t, db, "rules 1")
	equal(t, "the first is live at once", []any{first.IsLive, first.Judged}, []any{true, int64(0)})
	v := clean.Part{Upto: 200, Found: clean.Found{Flags: []kindred.Flag{{Seq: 9, User: "u3", Reasons: kindred.Bot, Why: "fast"}, {User: "nobody", Reasons: kindred.Bot}}}}
	for range 80 {
		m := kindred.Mark{Seq: 1 + r.Int64N(200), Reasons: 1 << (2 * r.IntN(3))}
		v.Marks = append(v.Marks, m)
		want[list[m.Seq-1].ID] |= m.Reasons
	}
	for _, e := range list {
		if e.User == "u3" {
			want[e.ID] |= kindred.Bot
		}
	}
	for range 2 { // the same again changes nothing
		check(t, db.AddVerdicts(t.Context(), first.ID, v))
		equal(t, "verdicts", verdictsOf(t, db), want)
	}

	second := begin(t, db, "rules 2")
	equal(t, "begun again, it goes on", begin(t, db, "rules 2"), second)
	check(t, db.AddVerdicts(t.Context(), second.ID, clean.Part{Upto: 300, Found: clean.Found{Marks: []kindred.Mark{{Seq: 5, Reasons: kindred.Misdated}}}, Snapshot: []byte("state")}))
	equal(t, "one in the making is not seen", verdictsOf(t, db), want)
	check(t, db.SwitchGeneration(t.Context(), second.ID))
	other := map[string]kindred.Verdict{}
	for id := range want {
		other[id] = 0
	}
	other["4"] = kindred.Misdated
	equal(t, "switched", verdictsOf(t, db), other)
	if err := db.AddVerdicts(t.Context(), first.ID, v); kindred.KindOf(err) != kindred.Conflict {
		t.Errorf("adding to what was replaced: %v", err)
	}
	check(t, db.RemoveOldGenerations(t.Context()))
	equal(t, "the old one is gone", verdictsOf(t, db), other)
	live, next, end, err := db.Generations(t.Context())
	if err != nil || live.ID != second.ID || live.SnapshotAt != 300 || next.ID != 0 || end != 300 {
		t.Errorf("%+v, %+v, %d, %v", live, next, end, err)
	}
	user := list[4].User
	if _, err := db.EraseUser(t.Context(), user); err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if e.User == user {
			delete(other, e.ID)
		}
	}
	equal(t, "of a user who is gone", verdictsOf(t, db), other)
	if g, err := db.Generation(t.Context(), second.ID); err != nil || g.Snapshot != nil || g.SnapshotAt != 0 || g.Judged != 300 {
		t.Errorf("snapshots know users: %+v, %v", g, err)
	}
}

// TestSwitchWaits puts no generation live that is far behind the log.
func TestSwitchWaits(t *testing.T) {
	db := open(t, ":memory:")
	var list []kindred.Event
	for i := range 10_002 {
		list = append(list, view(fmt.Sprint(i), "u", "i", i))
	}
	begin(t, db, "1")
	g := begin(t, db, "2")
	add(t, db, list...)
	check(t, db.AddVerdicts(t.Context(), g.ID, clean.Part{Upto: 1}))
	if err := db.SwitchGeneration(t.Context(), g.ID); kindred.KindOf(err) != kindred.Conflict {
		t.Errorf("too early: %v", err)
	}
	check(t, db.AddVerdicts(t.Context(), g.ID, clean.Part{Upto: 2}))
	check(t, db.SwitchGeneration(t.Context(), g.ID))
}

// TestItemVerdicts follow the catalogue as it is.
func TestItemVerdicts(t *testing.T) {
	db := open(t, ":memory:")
	add(t, db, view("a", "u", "early", 10), view("b", "u", "late", 10), view("c", "u", "", 10), view("d", "u", "ended", 10))
	want := map[string]kindred.Verdict{"a": 0, "b": 0, "c": 0, "d": 0}
	equal(t, "without a catalogue", verdictsOf(t, db), want)
	check(t, db.PutItems(t.Context(), []kindred.Item{{ID: "early", AvailableFrom: at(10)}, {ID: "ended", AvailableUntil: at(10)}}))
	want["b"], want["d"] = kindred.UnknownItem, kindred.OutsideValidity
	equal(t, "with one", verdictsOf(t, db), want)
	check(t, db.PutItems(t.Context(), []kindred.Item{{ID: "late", AvailableFrom: at(11)}, {ID: "ended"}}))
	want["b"], want["d"] = kindred.OutsideValidity, 0
	equal(t, "changed", verdictsOf(t, db), want)
	check(t, db.DeleteItem(t.Context(), "ended"))
	equal(t, "deleted is not unknown", verdictsOf(t, db), want)
}

// TestToJudge tells when events arrived and which were unjoined when first
// judged, whatever was pruned since.
func TestToJudge(t *testing.T) {
	db := open(t, ":memory:")
	before := time.Now()
	check(t, db.AppendExposures(t.Context(), []kindred.Exposure{{RequestID: "known", Time: at(0)}}))
	list := []kindred.Event{view("0", "u", "i", 5), view("1", "u", "i", 5), view("2", "u", "i", 5), view("3", "u", "i", -5)}
	list[1].RequestID, list[2].RequestID, list[3].RequestID = "known", "unheard of", "older than any list kept"
	add(t, db, list...)
	read := func(after int64) (unjoined []string) {
		err := db.ToJudge(t.Context(), after, 100, func(a *clean.Input) error {
			if a.IsUnjoined {
				unjoined = append(unjoined, a.Event.ID)
			}
			if late := time.Since(a.Arrived); a.Arrived.Before(before.Add(-time.Millisecond)) || late < 0 {
				t.Errorf("%s arrived %v", a.Event.ID, a.Arrived)
			}
			return nil
		})
		check(t, err)
		return unjoined
	}
	equal(t, "unjoined", read(0), []string{"2"})
	g := begin(t, db, "1")
	check(t, db.AddVerdicts(t.Context(), g.ID, clean.Part{Upto: 4, Found: clean.Found{Marks: []kindred.Mark{{Seq: 3, Reasons: kindred.Unjoined}}}}))
	if _, err := db.PruneExposures(t.Context(), at(1)); err != nil {
		t.Fatal(err)
	}
	equal(t, "unjoined, lists pruned", read(0), []string{"2"})
	equal(t, "from the middle", read(3), []string(nil))
}

// TestErasedVerdicts leaves no word of a user in the file.
func TestErasedVerdicts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	db := open(t, path)
	add(t, db, view("a", "somebody-special", "i", 1), view("b", "other", "i", 1))
	g := begin(t, db, "1")
	check(t, db.AddVerdicts(t.Context(), g.ID, clean.Part{Upto: 2, Found: clean.Found{Flags: []kindred.Flag{{Seq: 1, User: "somebody-special", Reasons: kindred.Bot, Why: "somebody-special is fast"}}}}))
	if _, err := db.EraseUser(t.Context(), "somebody-special"); err != nil {
		t.Fatal(err)
	}
	check(t, db.Close())
	files, err := filepath.Glob(path + "*")
	if err != nil || !slices.Contains(files, path) {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if text, err := os.ReadFile(file); err != nil || bytes.Contains(text, []byte("somebody-special")) {
			t.Errorf("%s still knows: %v", file, err)
		}
	}
}
