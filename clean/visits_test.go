package clean_test

import (
	"testing"
	"time"

	"kindred"
	"kindred/clean"
	"kindred/sim"
)

// TestVisits finds views that were left at once, visits that led to nothing,
// and programs that click what they were never shown; of 2,000 shoppers, 500
// passers-by and 110 people who click much, nobody is taken for one of these.
// Shoppers, too, come for one look: those are no mistake, and all are found.
func TestVisits(t *testing.T) {
	settings := clean.Defaults()
	settings.Accidental.On, settings.Abandoned.On = true, true
	for seed := uint64(200); seed < 203; seed++ {
		cfg := sim.Defaults()
		cfg.Seed, cfg.BotShare, cfg.Users = seed, 0, 2000
		rows := sim.New(cfg).Dirty(sim.Dirt{Seed: seed, Glances: 0.03, Bounces: 500, Readers: 100, Followers: 10, Clickers: 10})
		verdicts, _ := judgeAll(t, settings, rows)
		alone := lonely(rows, &settings)
		for reason, least := range map[kindred.Verdict]float64{kindred.AccidentalView: 1, kindred.AbandonedSession: 0.99, kindred.Bot: 0.85} {
			var planted, found, both float64
			for i := range rows {
				is, says := rows[i].Truth&reason != 0 || reason == kindred.AbandonedSession && alone[i], verdicts[i]&reason != 0
				switch {
				case is && says:
					both++
					fallthrough
				case is:
					planted++
				}
				if says {
					found++
				}
			}
			precision, recall := both/found, both/planted
			t.Logf("seed %d: %v: %.0f rows planted: precision %.4f, recall %.4f", seed, reason, planted, precision, recall)
			if precision < 0.999 || recall < least || planted < 500 {
				t.Errorf("seed %d: %v: %.0f rows planted: precision %.4f, recall %.4f", seed, reason, planted, precision, recall)
			}
		}
	}
}

// lonely says which rows are the only one of their visit, and no more than a
// look, as one sees who knows the whole log. Nobody can say so of the last
// hour.
func lonely(rows []sim.Row, s *clean.Settings) []bool {
	byUser, is := map[kindred.UserID][]int{}, make([]bool, len(rows))
	for i := range rows {
		byUser[rows[i].Event.User] = append(byUser[rows[i].Event.User], i)
	}
	apart := func(a, b int) bool { return rows[b].Event.Time.Sub(rows[a].Event.Time) > s.SessionGap }
	end := rows[len(rows)-1].Event.Time
	for _, mine := range byUser {
		for k, i := range mine {
			kind := rows[i].Event.Kind
			looks := kind == kindred.View || kind == kindred.Click || kind == kindred.Search || kind == kindred.Impression
			over := k+1 == len(mine) && end.Sub(rows[i].Event.Time) > 2*s.SessionGap
			is[i] = looks && (k == 0 || apart(mine[k-1], i)) && (over || k+1 < len(mine) && apart(i, mine[k+1]))
		}
	}
	return is
}

// TestLateForASession expects nobody to be taken for gone who only tells late,
// and who is gone to be found by what others do.
func TestLateForASession(t *testing.T) {
	settings := clean.Defaults()
	settings.Abandoned.On = true
	at := sim.Defaults().Now
	row := func(user kindred.UserID, minutes int) sim.Row {
		when := at.Add(time.Duration(minutes) * time.Minute)
		return sim.Row{Event: kindred.Event{User: user, Item: "i", Kind: kindred.View, Time: when}}
	}
	rows := []sim.Row{row("late", 0), row("gone", 0), row("other", 0), row("other", 25), row("other", 50), row("late", 20), row("other", 75), row("other", 100)}
	verdicts, _ := judgeAll(t, settings, rows)
	for i := range rows {
		if is := verdicts[i]&kindred.AbandonedSession != 0; is != (rows[i].Event.User == "gone") {
			t.Errorf("row %d of %s: abandoned %t", i, rows[i].Event.User, is)
		}
	}
}
