package store_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"kindred"
	"kindred/clean"
	"kindred/store"
)

// changing is a store whose verdicts and aliases change at random.
type changing struct {
	db     *store.DB
	rng    *rand.Rand
	live   int64 // generation
	events int
}

// knownAt is what was known at a place in the log of changes.
type knownAt struct {
	place    int64
	verdicts map[int64]kindred.Verdict // by event
	users    map[kindred.UserID]kindred.UserID
}

// known is what is known at a place; 0 now.
func (c *changing) known(t *testing.T, place int64) (k knownAt) {
	t.Helper()
	k.verdicts = map[int64]kindred.Verdict{}
	var err error
	k.place, err = c.db.AsOf(place).Events(t.Context(), 0, 1e6, place, func(seq int64, e *kindred.Event) error {
		k.verdicts[seq] = e.Verdict
		return nil
	})
	must(t, err)
	k.users, err = c.db.AsOf(place).Aliases(t.Context(), place)
	must(t, err)
	return k
}

// change changes something.
func (c *changing) change(t *testing.T) {
	t.Helper()
	user := kindred.UserID(fmt.Sprint("u", c.rng.IntN(6)))
	seq := 1 + c.rng.Int64N(int64(c.events))
	reasons := []kindred.Verdict{kindred.Bot, kindred.NearDuplicate, kindred.Unjoined}[c.rng.IntN(3)]
	var err error
	switch c.rng.IntN(8) {
	case 0:
		err = c.db.AddVerdicts(t.Context(), c.live, clean.Part{Found: clean.Found{Marks: []kindred.Mark{{Seq: seq, Reasons: reasons}, {Seq: seq/2 + 1, Reasons: reasons}}}})
	case 1:
		err = c.db.AddVerdicts(t.Context(), c.live, clean.Part{Found: clean.Found{Flags: []kindred.Flag{{Seq: seq, User: user, Reasons: reasons, Why: "w"}}}})
	case 2:
		_, err = c.db.Release(t.Context(), store.QuarantineQuery{Reasons: kindred.AllReasons(), User: user})
	case 3:
		_, err = c.db.Release(t.Context(), store.QuarantineQuery{Reasons: kindred.NearDuplicate, IDs: []string{fmt.Sprint("e", seq)}})
	case 4:
		_, _, err = c.db.Withdraw(t.Context(), store.Withdrawal{ID: fmt.Sprint("e", seq)})
	case 5, 6:
		if _, err = c.db.MergeUsers(t.Context(), kindred.Merge{User: user, From: kindred.UserID(fmt.Sprint("u", c.rng.IntN(6)))}); err != nil {
			_, err = c.db.UnmergeUser(t.Context(), kindred.Merge{From: user})
		}
		if kind := kindred.KindOf(err); kind == kindred.NotFound || kind == kindred.Conflict {
			err = nil
		}
	default:
		c.add(t, 1+c.rng.IntN(5))
	}
	must(t, err)
}

func (c *changing) add(t *testing.T, n int) {
	t.Helper()
	var list []kindred.Event
	for range n {
		c.events++
		list = append(list, view(fmt.Sprint("e", c.events), fmt.Sprint("u", c.rng.IntN(6)), fmt.Sprint("i", c.rng.IntN(4)), c.events))
	}
	_, err := c.db.AppendEvents(t.Context(), list)
	must(t, err)
}

// apply plays changes to what is known.
func (k *knownAt) apply(t *testing.T, changes *store.Changes, upto int64) {
	t.Helper()
	k.place = changes.Place
	for _, e := range changes.Events {
		if e.Seq > upto { // not known then
			continue
		}
		if was := k.verdicts[e.Seq]; was != e.Was {
			t.Fatalf("event %d was %v, told as %v", e.Seq, was, e.Was)
		}
		k.verdicts[e.Seq] = e.Is
	}
	for id, user := range changes.Users {
		if k.users[id] = user; id == user {
			delete(k.users, id)
		}
	}
}

func (k *knownAt) clone() knownAt {
	return knownAt{k.place, maps.Clone(k.verdicts), maps.Clone(k.users)}
}

// TestChanges changes verdicts and aliases at random, and expects that what
// was known at any place can be told, and that the changes between any two
// lead from the one to the other, there and back.
func TestChanges(t *testing.T) {
	for seed := range uint64(3) {
		db := openWith(t, store.Config{Path: filepath.Join(t.TempDir(), "store.db")}.FoldAt(7))
		c := changing{db: db, rng: rand.New(rand.NewPCG(seed, 3)), live: begin(t, db, "rules").ID}
		c.add(t, 20)
		var all []knownAt
		for range 60 {
			all = append(all, c.known(t, 0))
			c.change(t)
		}
		all = append(all, c.known(t, 0))
		last := all[len(all)-1]
		pasts := [2]*store.AsOf{db.AsOf(all[0].place), db.AsOf(all[0].place)}
		for i := range all {
			then, want := c.known(t, all[i].place), all[i]
			for seq := range then.verdicts {
				if _, isThere := want.verdicts[seq]; !isThere {
					delete(then.verdicts, seq) // came later
				}
			}
			if !reflect.DeepEqual(then, want) {
				t.Fatalf("seed %d, place %d: got %+v, want %+v", seed, want.place, then, want)
			}
			other := all[c.rng.IntN(len(all))]
			upto := int64(min(len(want.verdicts), len(other.verdicts)))
			for _, pair := range [][2]knownAt{{want, other}, {other, want}} {
				changes, err := pasts[i%2].Changes(t.Context(), pair[0].place, pair[1].place)
				must(t, err)
				got := pair[0].clone()
				got.apply(t, &changes, upto)
				for seq := int64(1); seq <= upto; seq++ {
					if got.verdicts[seq] != pair[1].verdicts[seq] {
						t.Fatalf("seed %d, from %d to %d: event %d is %v, want %v", seed, pair[0].place, pair[1].place, seq, got.verdicts[seq], pair[1].verdicts[seq])
					}
				}
				if !reflect.DeepEqual(got.users, pair[1].users) || got.place != pair[1].place {
					t.Fatalf("seed %d, from %d to %d: %v at %d, want %v", seed, pair[0].place, pair[1].place, got.users, got.place, pair[1].users)
				}
			}
		}
		changes, err := db.AsOf(last.place).Changes(t.Context(), last.place, 0)
		if err != nil || changes.Place != last.place || len(changes.Events) > 0 || len(changes.Users) > 0 {
			t.Errorf("where nothing changed: %+v, %v", changes, err)
		}
	}
}

// TestChangesLost expects what was known before an erasure, before new
// verdicts and before what was pruned not to be told, and what came after it
// to be.
func TestChangesLost(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "store.db"))
	c := changing{db: db, rng: rand.New(rand.NewPCG(1, 1)), live: begin(t, db, "rules").ID}
	c.add(t, 20)
	place := func() int64 {
		changes, err := db.AsOf(0).Changes(t.Context(), 0, 0)
		must(t, err)
		return changes.Place
	}
	withdraw := func(n int) {
		_, _, err := db.Withdraw(t.Context(), store.Withdrawal{ID: fmt.Sprint("e", n)})
		must(t, err)
	}
	for n, lose := range []func(){
		func() { _, err := db.EraseUser(t.Context(), "u1"); must(t, err) },
		func() {
			next := begin(t, db, "other rules").ID
			must(t, db.AddVerdicts(t.Context(), next, clean.Part{Upto: 20, Found: clean.Found{Marks: []kindred.Mark{{Seq: 2, Reasons: kindred.Bot}}}}))
			if changes, err := db.AsOf(place()).Changes(t.Context(), place(), 0); err != nil || len(changes.Events) > 0 {
				t.Errorf("verdicts in the making change something: %+v, %v", changes, err)
			}
			must(t, db.SwitchGeneration(t.Context(), next))
		},
		func() { _, err := db.PruneFeatureLogs(t.Context(), time.Now().Add(time.Hour)); must(t, err) },
	} {
		before := place()
		withdraw(15 + 2*n)
		lose()
		after := place()
		withdraw(16 + 2*n)
		_, err := db.AsOf(before).Changes(t.Context(), before, 0)
		wantKind(t, err, kindred.Conflict)
		_, err = db.AsOf(before).Events(t.Context(), 0, 9, before, func(int64, *kindred.Event) error { return nil })
		wantKind(t, err, kindred.Conflict)
		_, err = db.AsOf(before).Aliases(t.Context(), before)
		wantKind(t, err, kindred.Conflict)
		changes, err := db.AsOf(after).Changes(t.Context(), after, 0)
		if err != nil || len(changes.Events) != 1 || changes.Events[0].Is != changes.Events[0].Was|kindred.Withdrawn {
			t.Errorf("%d: after it: %+v, %v", n, changes, err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := db.AsOf(1).Changes(ctx, 1, 0); err == nil {
		t.Error("a reader that was told to stop went on")
	}
}
