package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"kindred"
	"kindred/registry"
	"kindred/store"
)

// faultRounds is how often each fault test kills a process: a few times in
// the ordinary run, as often as KINDRED_FAULT_ROUNDS says in `make faults`.
func faultRounds(t *testing.T) int {
	t.Helper()
	rounds, err := strconv.Atoi(os.Getenv("KINDRED_FAULT_ROUNDS"))
	if err != nil {
		return 3
	}
	return rounds
}

// TestKilledWhileTakingEvents kills the server at random moments while events
// come in, and expects every acknowledged event to be stored once.
func TestKilledWhileTakingEvents(t *testing.T) {
	dir, rng := filepath.Join(t.TempDir(), "state"), rand.New(rand.NewPCG(1, 1))
	acknowledged := map[string]bool{}
	key := ""
	for round := range faultRounds(t) {
		s := startServer(t, dir, key)
		key = s.key
		s.want(t, http.StatusOK, http.MethodGet, "/health/live", "")
		time.AfterFunc(time.Duration(rng.IntN(300))*time.Millisecond, func() { _ = s.cmd.Process.Signal(syscall.SIGKILL) })
		for batch := 0; ; batch++ {
			var rows, ids []string
			for n := range 50 {
				id := fmt.Sprintf("r%d-b%d-e%d", round, batch, n)
				ids = append(ids, id)
				rows = append(rows, fmt.Sprintf(`{"event_id":%q,"user":"u%d","item":"i%d","kind":"view"}`, id, n%7, n%11))
			}
			status, _, err := s.try(t.Context(), http.MethodPost, "/v1/events/batch", `{"events":[`+strings.Join(rows, ",")+`]}`)
			if err != nil {
				break
			}
			if status != http.StatusAccepted {
				t.Fatalf("a batch got status %d", status)
			}
			for _, id := range ids {
				acknowledged[id] = true
			}
		}
		_ = s.cmd.Wait() // it was killed
	}
	stored := storedIDs(t, dir)
	for id := range acknowledged {
		if stored[id] != 1 {
			t.Errorf("event %s was acknowledged and is stored %d times", id, stored[id])
		}
	}
	for id, times := range stored {
		if times != 1 {
			t.Errorf("event %s is stored %d times", id, times)
		}
	}
	t.Logf("%d events acknowledged, %d stored", len(acknowledged), len(stored))
}

// TestKilledWhileImporting kills imports at random moments, then lets one
// finish, and expects every row once.
func TestKilledWhileImporting(t *testing.T) {
	const rows = 60_000
	dir, rng := filepath.Join(t.TempDir(), "state"), rand.New(rand.NewPCG(2, 2))
	file := writeFile(t, "events.csv", rows+1, func(i int) string {
		if i == 0 {
			return "user,item,kind,time"
		}
		return fmt.Sprintf("u%d,i%d,view,%d", i%997, i%1009, 1_700_000_000+i/2) // with true repeats
	})
	for range faultRounds(t) {
		killAfter(t, time.Duration(rng.IntN(700))*time.Millisecond, "import", "csv", file, "--dir", dir)
	}
	succeed(t, "import", "csv", file, "--dir", dir)
	total := 0
	for _, times := range storedIDs(t, dir) {
		total += times
	}
	if total != rows {
		t.Errorf("%d events stored, want %d", total, rows)
	}
	again := succeed(t, "import", "csv", file, "--dir", dir, "--json")
	var report struct{ Events, Duplicates int }
	if err := json.Unmarshal([]byte(again.out), &report); err != nil || report.Events != 0 || report.Duplicates != rows {
		t.Errorf("importing again: %v, %s", err, again.out)
	}
}

// TestKilledWhileTraining kills training at random moments and expects whole
// versions only, and a live set that loads.
func TestKilledWhileTraining(t *testing.T) {
	dir, rng := filepath.Join(t.TempDir(), "state"), rand.New(rand.NewPCG(3, 3))
	importClusters(t, dir)
	succeed(t, "train", "--dir", dir)
	for range faultRounds(t) {
		killAfter(t, time.Duration(rng.IntN(1500))*time.Millisecond, "train", "--dir", dir)
		checkModels(t, dir)
	}
	succeed(t, "train", "--dir", dir)
	checkModels(t, dir)
}

// TestKilledWhilePromoting kills promotions at random moments and expects one
// or the other version to be live.
func TestKilledWhilePromoting(t *testing.T) {
	dir, rng := filepath.Join(t.TempDir(), "state"), rand.New(rand.NewPCG(4, 4))
	importClusters(t, dir)
	succeed(t, "train", "--dir", dir)
	succeed(t, "train", "--dir", dir)
	reg, err := registry.Open(filepath.Join(dir, "models"))
	if err != nil {
		t.Fatal(err)
	}
	versions, err := reg.List()
	if err != nil || len(versions) < 2 {
		t.Fatalf("%d versions, %v", len(versions), err)
	}
	for round := range 3 * faultRounds(t) {
		version := versions[round%2].Version
		killAfter(t, time.Duration(rng.IntN(30))*time.Millisecond, "models", "promote", version, "--dir", dir)
		checkModels(t, dir)
	}
	succeed(t, "models", "promote", versions[0].Version, "--dir", dir)
	if live, err := reg.Live(); err != nil || live[registry.Personal] != versions[0].Version {
		t.Errorf("live: %v, %v", live, err)
	}
}

// TestDamagedModel damages the live artefact under a running server and
// before a start, and expects answers all the same.
func TestDamagedModel(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	importClusters(t, dir)
	succeed(t, "train", "--dir", dir)
	succeed(t, "train", "--dir", dir)
	s := startServer(t, dir, "")
	reg, err := registry.Open(filepath.Join(dir, "models"))
	if err != nil {
		t.Fatal(err)
	}
	live, err := reg.Live()
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range live {
		if err := os.Truncate(filepath.Join(dir, "models", version, "artefact.bin"), 100); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.recommended(t, "u1", "?n=5"); len(got) != 5 {
		t.Errorf("the running server answers %v", got)
	}
	if status, answer := s.call(t, http.MethodPost, "/v1/models/"+live[registry.Personal]+"/promote", ""); status < 400 {
		t.Errorf("promoting a damaged version: status %d, %s", status, answer)
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.cmd.Wait()
	s = startServer(t, dir, s.key)
	if got := s.recommended(t, "u1", "?n=5"); len(got) != 5 {
		t.Errorf("the restarted server answers %v", got)
	}
	r := kindredRun(t, "models", "promote", live[registry.Personal], "--dir", dir)
	if r.code == 0 || !strings.Contains(r.err, "damaged") {
		t.Errorf("promoting a damaged version: exit code %d, %s", r.code, r.err)
	}
}

// killAfter starts the program and kills it after a while, if it still runs.
func killAfter(t *testing.T, wait time.Duration, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	_ = program(ctx, args...).Run() // killed, or done before
}

// checkModels expects every listed version to load and the live ones to be
// among them.
func checkModels(t *testing.T, dir string) {
	t.Helper()
	reg, err := registry.Open(filepath.Join(dir, "models"))
	if err != nil {
		t.Fatal(err)
	}
	versions, err := reg.List()
	if err != nil {
		t.Fatal(err)
	}
	for i := range versions {
		if _, err := reg.Load(versions[i].Version); err != nil {
			t.Errorf("version %s: %v", versions[i].Version, err)
		}
	}
	live, err := reg.Live()
	if err != nil || live[registry.Personal] == "" {
		t.Fatalf("live: %v, %v", live, err)
	}
}

// storedIDs counts the stored events by identifier.
func storedIDs(t *testing.T, dir string) map[string]int {
	t.Helper()
	db, err := store.Open(t.Context(), store.Config{Path: filepath.Join(dir, "kindred.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // only read
	ids := map[string]int{}
	err = db.ScanEvents(t.Context(), store.EventRange{}, func(e *kindred.Event) error {
		ids[e.ID]++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// importClusters imports a little history: users of ten groups, each with
// items of its own.
func importClusters(t *testing.T, dir string) {
	t.Helper()
	rng := rand.New(rand.NewPCG(5, 5))
	file := writeFile(t, "clusters.csv", 20_001, func(i int) string {
		if i == 0 {
			return "user,item,kind,time"
		}
		user := rng.IntN(400)
		return fmt.Sprintf("u%d,i%d,view,%d", user, user%10*20+rng.IntN(20), 1_700_000_000+60*i)
	})
	succeed(t, "import", "csv", file, "--dir", dir)
}
