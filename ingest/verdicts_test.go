package ingest_test

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"kindred"
	"kindred/clean"
	"kindred/ingest"
	"kindred/sim"
	"kindred/store"
)

// dirtyEvents returns a small dirty history. It lies in the past, so no event
// is ahead of its arrival but those of a year hence.
func dirtyEvents(seed uint64) []kindred.Event {
	cfg := sim.Defaults()
	cfg.Seed, cfg.Users, cfg.Days, cfg.BotShare = seed, 150, 30, 0.05
	var events []kindred.Event
	for i, row := range sim.New(cfg).Dirty(sim.Dirt{Seed: seed, Bots: 7, DoubleClicks: 0.05, Placeholders: 0.02}) {
		if i%50 == 0 {
			row.Event.Time = row.Event.Time.AddDate(10, 0, 0)
		}
		events = append(events, row.Event)
	}
	return events
}

func verdicts(tb testing.TB, db *store.DB) map[string]kindred.Verdict {
	tb.Helper()
	all := map[string]kindred.Verdict{}
	err := db.ScanEvents(tb.Context(), store.EventRange{}, func(e *kindred.Event) error {
		all[e.ID] = e.Verdict
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// TestVerdictsAgain judges a log as it grows, in parts of any size, by one
// follower after another, and comes to what judging it anew comes to.
func TestVerdictsAgain(t *testing.T) {
	for seed := range uint64(3) {
		r := rand.New(rand.NewPCG(seed, 9))
		db, events := openStore(t), dirtyEvents(seed)
		newFollower := func() *ingest.Verdicts {
			return ingest.NewVerdicts(ingest.VerdictsConfig{Settings: clean.Defaults(), Slice: 1 + r.IntN(700)}, db)
		}
		v := newFollower()
		for at := 0; at < len(events); {
			n := min(1+r.IntN(1500), len(events)-at)
			_, err := db.AppendEvents(t.Context(), events[at:at+n])
			must(t, err)
			at += n
			must(t, v.CatchUp(t.Context(), nil))
			if r.IntN(3) == 0 { // as after a kill: the next begins from what is stored
				v = newFollower()
			}
		}
		live := verdicts(t, db)
		found := kindred.Verdict(0)
		for _, verdict := range live {
			found |= verdict
		}
		if found != kindred.NearDuplicate|kindred.Bot|kindred.Placeholder|kindred.Misdated {
			t.Errorf("found only %v", found)
		}
		v = newFollower()
		_, err := v.Rerun(t.Context())
		must(t, err)
		must(t, v.CatchUp(t.Context(), nil))
		g, next, end, err := db.Generations(t.Context())
		must(t, err)
		if g.ID < 2 || next.ID != 0 || g.Judged != end {
			t.Fatalf("live %+v, next %+v, at the end %d", g, next, end)
		}
		if again := verdicts(t, db); !maps.Equal(again, live) {
			t.Errorf("seed %d: judged anew, verdicts differ", seed)
		}
	}
}

// stopping ends judging with an error after so many parts, as a kill would.
type stopping struct {
	*store.DB
	left int
}

func (s *stopping) AddVerdicts(ctx context.Context, id int64, part clean.Part) error {
	s.left--
	if s.left < 0 {
		return errDisk
	}
	return s.DB.AddVerdicts(ctx, id, part)
}

// TestChangedRules keeps the former verdicts until all events are judged by
// the new rules, wherever that is stopped.
func TestChangedRules(t *testing.T) {
	db, events := openStore(t), dirtyEvents(1)
	_, err := db.AppendEvents(t.Context(), events)
	must(t, err)
	must(t, ingest.NewVerdicts(ingest.VerdictsConfig{Settings: clean.Defaults()}, db).CatchUp(t.Context(), nil))
	before := verdicts(t, db)
	settings := clean.Defaults()
	settings.NearDuplicate.On = false
	for parts := 0; ; parts++ {
		err := ingest.NewVerdicts(ingest.VerdictsConfig{Settings: settings, Slice: 400}, &stopping{db, 2}).CatchUp(t.Context(), nil)
		if err == nil {
			break
		}
		if !errors.Is(err, errDisk) || parts > 100 {
			t.Fatal(parts, err)
		}
		if !maps.Equal(verdicts(t, db), before) {
			t.Fatal("half of the new rules is seen")
		}
	}
	for id, verdict := range verdicts(t, db) {
		if verdict != before[id]&^kindred.NearDuplicate {
			t.Fatalf("%s became %v, was %v", id, verdict, before[id])
		}
	}
}

// TestVerdictsFail returns the store's error, and goes on when it is mended.
func TestVerdictsFail(t *testing.T) {
	db := openStore(t)
	_, err := db.AppendEvents(t.Context(), dirtyEvents(1))
	must(t, err)
	target := &stopping{db, 0}
	v := ingest.NewVerdicts(ingest.VerdictsConfig{Settings: clean.Defaults(), Slice: 400}, target)
	for range 2 {
		if err := v.CatchUp(t.Context(), nil); !errors.Is(err, errDisk) {
			t.Fatal(err)
		}
	}
	target.left = 1000
	must(t, v.CatchUp(t.Context(), nil))
	other := openStore(t)
	_, err = other.AppendEvents(t.Context(), dirtyEvents(1))
	must(t, err)
	must(t, ingest.NewVerdicts(ingest.VerdictsConfig{Settings: clean.Defaults()}, other).CatchUp(t.Context(), nil))
	if !maps.Equal(verdicts(t, db), verdicts(t, other)) {
		t.Error("after failures, verdicts differ")
	}
}

// TestFollowers judge one log in two processes while it grows, and tell whom
// it concerns.
func TestFollowers(t *testing.T) {
	db, events := openStore(t), dirtyEvents(2)
	ctx, stop := context.WithCancel(t.Context())
	var done sync.WaitGroup
	var mu sync.Mutex
	told := map[kindred.UserID]bool{}
	var followers []*ingest.Verdicts
	for range 2 {
		v := ingest.NewVerdicts(ingest.VerdictsConfig{Settings: clean.Defaults(), Slice: 300, Changed: func(users []kindred.UserID) {
			mu.Lock()
			defer mu.Unlock()
			for _, user := range users {
				told[user] = true
			}
		}}, db)
		followers = append(followers, v)
		done.Go(func() {
			if err := v.Run(ctx); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	for at := 0; at < len(events); at += 500 {
		part := events[at:min(at+500, len(events))]
		_, err := db.AppendEvents(t.Context(), part)
		must(t, err)
		followers[0].Observe(part)
		if at == 2000 {
			_, err := followers[1].Rerun(t.Context())
			must(t, err)
		}
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		live, next, end, err := db.Generations(t.Context())
		must(t, err)
		if live.ID > 1 && next.ID == 0 && end-live.Judged < 1000 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v, %+v, %d", live, next, end)
		}
	}
	stop()
	done.Wait()
	must(t, followers[0].CatchUp(t.Context(), nil))
	got := verdicts(t, db)

	other := openStore(t)
	_, err := other.AppendEvents(t.Context(), events)
	must(t, err)
	must(t, ingest.NewVerdicts(ingest.VerdictsConfig{Settings: clean.Defaults()}, other).CatchUp(t.Context(), nil))
	if !maps.Equal(got, verdicts(t, other)) {
		t.Error("two followers come to other verdicts than one")
	}
	if len(told) == 0 {
		t.Error("nobody was told")
	}
}
