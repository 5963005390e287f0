package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kindred"
	"kindred/sim"
	"kindred/store"
)

// dirtyFile writes a dirty history as a file, and returns it with how many
// events it has.
func dirtyFile(t *testing.T) (path string, n int) {
	t.Helper()
	cfg := sim.Defaults()
	cfg.Users, cfg.Days = 600, 60
	rows := sim.New(cfg).Dirty(sim.Dirt{Seed: 1, Bots: 28, DoubleClicks: 0.03, Placeholders: 0.02})
	return writeFile(t, "dirty.csv", len(rows)+1, func(i int) string {
		if i == 0 {
			return "id,user,item,kind,time"
		}
		e := &rows[i-1].Event
		return fmt.Sprintf("%s,%s,%s,%s,%s", e.ID, e.User, e.Item, e.Kind, e.Time.Format(time.RFC3339Nano))
	}), len(rows)
}

// storedVerdicts returns the verdict of every stored event, and which
// generation is live.
func storedVerdicts(t *testing.T, dir string) (all map[string]kindred.Verdict, live int64) {
	t.Helper()
	db, err := store.Open(t.Context(), store.Config{Path: filepath.Join(dir, "kindred.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // only read
	all = map[string]kindred.Verdict{}
	err = db.ScanEvents(t.Context(), store.EventRange{}, func(e *kindred.Event) error {
		all[e.ID] = e.Verdict
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	g, _, _, err := db.Generations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all, g.ID
}

// TestKilledWhileCleaning kills a change of rules at random moments, in a
// server that takes events meanwhile, and expects the former verdicts or the
// new ones, whole, and every acknowledged event.
func TestKilledWhileCleaning(t *testing.T) {
	dir, rng := filepath.Join(t.TempDir(), "state"), rand.New(rand.NewPCG(5, 5))
	file, _ := dirtyFile(t)
	succeed(t, "import", "csv", file, "--dir", dir)
	former, generation := storedVerdicts(t, dir)
	config := filepath.Join(dir, "kindred.yaml")
	key, acknowledged := "", map[string]bool{}
	switched := 0
	for round := range 2 * faultRounds(t) {
		// Alternate rules: without near duplicates, and with them.
		rules := fmt.Sprintf("cleaning:\n  near_duplicates:\n    on: %t\n", round%2 == 1)
		if err := os.WriteFile(config, []byte(rules), 0o600); err != nil {
			t.Fatal(err)
		}
		s := startServer(t, dir, key)
		key = s.key
		time.AfterFunc(time.Duration(rng.IntN(700))*time.Millisecond, func() { _ = s.cmd.Process.Kill() })
		for n := 0; ; n++ {
			id := fmt.Sprintf("live-%d-%d", round, n)
			status, _, err := s.try(t.Context(), http.MethodPost, "/v1/events", fmt.Sprintf(`{"event_id":%q,"user":"live-%d","item":"i","kind":"purchase"}`, id, n%50))
			if err != nil {
				break
			}
			if status != http.StatusAccepted {
				t.Fatalf("an event got status %d", status)
			}
			acknowledged[id] = true
		}
		_ = s.cmd.Wait() // it was killed
		got, live := storedVerdicts(t, dir)
		if live != generation {
			switched++
			generation = live
		}
		with, without := 0, 0
		for id, verdict := range former {
			switch got[id] {
			case verdict:
				if verdict.Has(kindred.NearDuplicate) {
					with++
				}
			case verdict &^ kindred.NearDuplicate:
				without++
			default:
				t.Fatalf("round %d: %s is %v, was %v", round, id, got[id], verdict)
			}
		}
		if with > 0 && without > 0 {
			t.Fatalf("round %d: %d events have the former verdict, %d the new one", round, with, without)
		}
		for id := range acknowledged {
			if _, stored := got[id]; !stored {
				t.Fatalf("round %d: %s was acknowledged and is not stored", round, id)
			}
		}
	}
	t.Logf("%d events acknowledged, new verdicts went live %d times", len(acknowledged), switched)
	if err := os.Remove(config); err != nil {
		t.Fatal(err)
	}
	succeed(t, "clean", "--dir", dir)
	got, _ := storedVerdicts(t, dir)
	maps.DeleteFunc(got, func(id string, _ kindred.Verdict) bool { return strings.HasPrefix(id, "live-") })
	if !maps.Equal(got, former) {
		t.Error("cleaned at the end, verdicts are not what they were")
	}
}

// TestCleanWalk goes from dirty files to released events by commands and over
// HTTP.
func TestCleanWalk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	file, n := dirtyFile(t)
	succeed(t, "import", "csv", file, "--dir", dir)
	var status struct {
		Events, Accepted int64
		Counts           map[string]int64
	}
	read := func(text string) {
		t.Helper()
		status.Counts = nil
		if err := json.Unmarshal([]byte(text), &status); err != nil {
			t.Fatal(err, text)
		}
		sum := int64(0)
		for _, count := range status.Counts {
			sum += count
		}
		if status.Events != int64(n) || sum != int64(n) || status.Counts["bot"] == 0 || status.Counts["clean"] != status.Accepted-status.Counts["released"] {
			t.Errorf("%d events do not add up: %+v", n, status)
		}
	}
	read(succeed(t, "clean", "status", "--json", "--dir", dir).out)
	before := status.Accepted
	if out := succeed(t, "clean", "--dry-run", "--dir", dir).out; !strings.Contains(out, "no verdict would change") {
		t.Error(out)
	}
	trained := succeed(t, "train", "--model", "itemknn", "--dir", dir).out
	if !strings.Contains(trained, "left out by cleaning") || !strings.Contains(trained, "near_duplicate") {
		t.Error(trained)
	}
	s := startServer(t, dir, "")
	read(s.want(t, http.StatusOK, http.MethodGet, "/v1/cleaning", ""))
	list := s.want(t, http.StatusOK, http.MethodGet, "/v1/quarantine?reason=bot&limit=1", "")
	if !strings.Contains(list, `"verdict":["bot"]`) || !strings.Contains(list, `"why":"`) {
		t.Error(list)
	}
	s.want(t, http.StatusOK, http.MethodPost, "/v1/quarantine/release", `{"reasons":["bot"]}`)
	s.want(t, http.StatusAccepted, http.MethodPost, "/v1/cleaning/run", "")
	waitFor(t, "the new generation", func() bool {
		return strings.Contains(s.want(t, http.StatusOK, http.MethodGet, "/v1/cleaning", ""), `"generation":2`)
	})
	text := s.want(t, http.StatusOK, http.MethodGet, "/v1/cleaning", "")
	status.Counts = nil
	if err := json.Unmarshal([]byte(text), &status); err != nil || status.Accepted <= before || status.Counts["bot"] != 0 || status.Counts["released"] == 0 {
		t.Errorf("released: %v, %s", err, text)
	}
	// A program that comes while the server runs is known by its third dozen.
	for i := range 40 {
		s.want(t, http.StatusAccepted, http.MethodPost, "/v1/events", fmt.Sprintf(`{"user":"crawler","item":"i%d","kind":"view","time":%q}`, i,
			time.Now().Add(time.Duration(i-60)*7*time.Second).UTC().Format(time.RFC3339)))
	}
	waitFor(t, "the verdict", func() bool {
		return strings.Contains(s.want(t, http.StatusOK, http.MethodGet, "/v1/quarantine?user=crawler", ""), "regular: ")
	})
	if text := s.want(t, http.StatusOK, http.MethodGet, "/metrics", ""); !strings.Contains(text, `kindred_cleaning_flagged_users_total{reason="bot"} 1`) {
		t.Error("the flag is not counted")
	}
}
