package clean_test

import (
	"context"
	"testing"
	"time"

	"kindred"
	"kindred/clean"
	"kindred/dataset"
	"kindred/sim"
	"kindred/train"
)

// told is a source of events.
type told []kindred.Event

func (s told) ScanEvents(_ context.Context, fn func(*kindred.Event) error) error {
	for i := range s {
		if err := fn(&s[i]); err != nil {
			return err
		}
	}
	return nil
}
func (told) ScanItems(context.Context, func(*kindred.Item) error) error { return nil }
func (told) ScanUsers(context.Context, func(*kindred.User) error) error { return nil }

// TestRecovers learns from a history without dirt, with it, and with it but
// cleaned, and judges all on what people did afterwards: cleaning wins back
// nine tenths of what dirt costs.
func TestRecovers(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: takes seconds")
	}
	cfg := sim.Defaults()
	cfg.Seed, cfg.BotShare, cfg.Users = 3, 0, 2000
	shop := sim.New(cfg)
	cut := cfg.Now.AddDate(0, 0, -7)
	var pure, dirty, cleaned told
	for e := range shop.Events() {
		pure = append(pure, e)
	}
	rows := shop.Dirty(sim.Dirt{Seed: 3, Bots: 420, DoubleClicks: 0.05, Placeholders: 0.02})
	verdicts, _ := judgeAll(t, clean.Defaults(), rows)
	for i, row := range rows {
		if row.Event.Time.Before(cut) {
			dirty = append(dirty, row.Event)
			row.Event.Verdict = verdicts[i]
			cleaned = append(cleaned, row.Event)
		}
	}
	for _, e := range pure { // what is judged on is the same for all
		if !e.Time.Before(cut) {
			dirty, cleaned = append(dirty, e), append(cleaned, e)
		}
	}
	for _, kind := range []string{"popular", "itemknn", "ials"} {
		candidate, err := train.NewCandidate(kind, nil, 1)
		if err != nil {
			t.Fatal(err)
		}
		ndcg := func(events told) float64 {
			result, err := train.Judge(t.Context(), train.Settings{
				Dataset: dataset.Defaults(), Candidates: []train.Candidate{candidate}, Metric: "ndcg@20", Cut: cut, Seed: 1,
				Now: func() time.Time { return cfg.Now },
			}, events, nil)
			if err != nil {
				t.Fatal(err)
			}
			for i := range result.Judged {
				if result.Judged[i].Kind == kind {
					return result.Judged[i].Metrics.Estimates["ndcg@20"].Mean
				}
			}
			t.Fatal("not judged")
			return 0
		}
		without, with, after := ndcg(pure), ndcg(dirty), ndcg(cleaned)
		t.Logf("%s: NDCG@20 %.4f without dirt, %.4f with it, %.4f cleaned: %.0f %% of the loss won back", kind, without, with, after, 100*(after-with)/(without-with))
		if lost := without - with; after < with+0.9*lost {
			t.Errorf("%s: of %.4f lost, %.4f is won back", kind, lost, after-with)
		}
	}
}
