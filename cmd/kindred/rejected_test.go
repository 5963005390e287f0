package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// rejectedCounts returns how many rejected rows are kept, by reason.
func rejectedCounts(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	var list struct{ Counts map[string]int64 }
	if err := json.Unmarshal([]byte(succeed(t, "quarantine", "rejected", "--json", "--dir", dir).out), &list); err != nil {
		t.Fatal(err)
	}
	return list.Counts
}

func declareLoans(t *testing.T, dir string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "kindred.yaml"), []byte("kinds: {loan: 1}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestRejectedWalk refuses rows of a file and of requests, declares their kind,
// and replays them.
func TestRejectedWalk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	rows := []string{"user,item,kind,time", "u1,i,view,1700000000", "u2,i,loan,1700000000", "u3,i,loan,1700000001", "u4,i,view,tomorrow"}
	file := writeFile(t, "a.csv", len(rows), func(i int) string { return rows[i] })
	succeed(t, "import", "csv", file, "--validate-only", "--dir", dir)
	if got := rejectedCounts(t, dir); len(got) != 0 {
		t.Errorf("--validate-only kept %v", got)
	}
	for range 2 { // the same lines again are the same rows
		succeed(t, "import", "csv", file, "--dir", dir)
		if got := rejectedCounts(t, dir); got["invalid_kind"] != 2 || got["bad_time"] != 1 || len(got) != 2 {
			t.Errorf("the import kept %v", got)
		}
	}
	s := startServer(t, dir, "")
	s.want(t, http.StatusAccepted, http.MethodPost, "/v1/events/batch", `{"events":[
		{"user":"u5","item":"i","kind":"view"},{"user":"u5","item":"i","kind":"loan","context":{"a":1}},{"user":"u6","item":"i","kind":"loan"},{"user":7,"item":"i","kind":"view"}]}`)
	s.want(t, http.StatusUnprocessableEntity, http.MethodPost, "/v1/events", `{"event_id":"late","user":"u5","item":"i","kind":"loan"}`)
	list := ""
	waitFor(t, "the rows", func() bool {
		list = s.want(t, http.StatusOK, http.MethodGet, "/v1/quarantine/rejected", "")
		return strings.Contains(list, `"invalid_kind":5`) && strings.Contains(list, `"unreadable":1`)
	})
	if strings.Contains(list, s.key) || strings.Count(list, `"replayable":true`) != 5 || !strings.Contains(list, "u4,i,view,tomorrow") {
		t.Error(list)
	}
	if text := s.want(t, http.StatusOK, http.MethodGet, "/metrics", ""); !strings.Contains(text, `kindred_ingest_rejected_rows_total{reason="invalid_kind"} 3`) {
		t.Error("rejected rows are not counted")
	}
	// Items, users and what could not be read by itself are kept like events.
	s.want(t, http.StatusUnprocessableEntity, http.MethodPut, "/v1/items/bad", `{"price":-1}`)
	s.want(t, http.StatusOK, http.MethodPost, "/v1/items/batch", `{"items":[{"id":"i","title":"I"},{"id":"j","price":-2},{"id":"k","title":7}]}`)
	s.want(t, http.StatusUnprocessableEntity, http.MethodPut, "/v1/users/stranger", `{"attributes":{"":"x"}}`)
	s.want(t, http.StatusOK, http.MethodPost, "/v1/users/batch", `{"users":[{"id":"u5"},{"id":"stranger","attributes":{"":"y"}}]}`)
	s.want(t, http.StatusUnprocessableEntity, http.MethodPost, "/v1/events", `{"user":"stranger","item":9}`)
	s.want(t, http.StatusBadRequest, http.MethodPost, "/v1/events", `{"user":"stranger"`)
	s.want(t, http.StatusUnprocessableEntity, http.MethodPost, "/v1/events?validate_only=true", `{"user":"asked","item":9}`)
	s.want(t, http.StatusUnprocessableEntity, http.MethodPut, "/v1/items/asked?validate_only=true", `{"price":-1}`)
	s.want(t, http.StatusNotFound, http.MethodDelete, "/v1/users/nobody", "")
	list = s.want(t, http.StatusOK, http.MethodGet, "/v1/quarantine/rejected", "") // what erasing has written
	if !strings.Contains(list, `"invalid_price":2`) || !strings.Contains(list, `"invalid_attributes":2`) || !strings.Contains(list, `"unreadable":4`) || strings.Contains(list, "asked") {
		t.Error(list)
	}
	if got := s.want(t, http.StatusOK, http.MethodDelete, "/v1/users/stranger", ""); !strings.Contains(got, `"events_erased":0`) {
		t.Error(got)
	}
	list = s.want(t, http.StatusOK, http.MethodGet, "/v1/quarantine/rejected", "")
	if strings.Contains(list, "stranger") || !strings.Contains(list, `"unreadable":2`) {
		t.Errorf("the stranger is erased: %s", list)
	}
	if still := s.want(t, http.StatusOK, http.MethodPost, "/v1/quarantine/replay", `{}`); !strings.Contains(still, `"stored":0,"duplicates":0,"rejected":5,"not_replayable":5}`) {
		t.Error(still)
	}
	page := s.want(t, http.StatusOK, http.MethodPost, "/v1/quarantine/replay", `{"dry_run":true,"limit":3,"reason":"invalid_kind"}`)
	var next struct{ Rows, Next int64 }
	if err := json.Unmarshal([]byte(page), &next); err != nil || next.Rows != 3 || next.Next == 0 {
		t.Errorf("the first three: %s, %v", page, err)
	}
	if rest := s.want(t, http.StatusOK, http.MethodPost, "/v1/quarantine/replay", fmt.Sprintf(`{"dry_run":true,"reason":"invalid_kind","after":%d}`, next.Next)); !strings.Contains(rest, `{"rows":2,`) || strings.Contains(rest, "next") {
		t.Errorf("the others: %s", rest)
	}
	// Whoever is erased leaves no rows behind, nor what could not be read of them.
	s.want(t, http.StatusAccepted, http.MethodPost, "/v1/events", `{"user":"u4","item":"i","kind":"view"}`)
	s.want(t, http.StatusOK, http.MethodDelete, "/v1/users/u4", "")
	s.want(t, http.StatusOK, http.MethodDelete, "/v1/users/u5", "")
	if got := rejectedCounts(t, dir); got["invalid_kind"] != 3 || got["bad_time"] != 0 || got["unreadable"] != 2 {
		t.Errorf("after erasing, %v are kept", got)
	}
	declareLoans(t, dir)
	if out := succeed(t, "quarantine", "replay", "--dry-run", "--dir", dir).out; !strings.Contains(out, "7 rows: 3 would be stored, 0 were here already, 0 still rejected, 4 cannot be replayed") {
		t.Error(out)
	}
	if out := succeed(t, "quarantine", "replay", "--dir", dir).out; !strings.Contains(out, "7 rows: 3 stored") {
		t.Error(out)
	}
	if got := rejectedCounts(t, dir); len(got) != 2 || got["unreadable"] != 2 {
		t.Errorf("after the replay, %v are kept", got)
	}
	verdicts, _ := storedVerdicts(t, dir)
	if len(verdicts) != 4 { // u1's, and three loans
		t.Errorf("%d events are stored", len(verdicts))
	}
	// The file again: what was replayed has the IDs that it gives.
	succeed(t, "import", "csv", file, "--dir", dir)
	if verdicts, _ = storedVerdicts(t, dir); len(verdicts) != 4 {
		t.Errorf("%d events are stored after importing again", len(verdicts))
	}
}

// TestKilledWhileReplaying kills replays at random moments, and expects every
// event once.
func TestKilledWhileReplaying(t *testing.T) {
	const rows = 5000
	dir, rng := filepath.Join(t.TempDir(), "state"), rand.New(rand.NewPCG(3, 3))
	file := writeFile(t, "a.csv", rows+1, func(i int) string {
		if i == 0 {
			return "user,item,kind,time"
		}
		return fmt.Sprintf("u%d,i%d,loan,%d", i%50, i, 1_700_000_000+i)
	})
	succeed(t, "import", "csv", file, "--dir", dir)
	declareLoans(t, dir)
	for range faultRounds(t) {
		cmd := program(t.Context(), "quarantine", "replay", "--dir", dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Duration(20+rng.IntN(150))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // it was killed, or was done
		verdicts, _ := storedVerdicts(t, dir)
		if kept := rejectedCounts(t, dir)["invalid_kind"]; int64(len(verdicts))+kept < rows {
			t.Fatalf("%d events and %d rows: some are lost", len(verdicts), kept)
		}
	}
	succeed(t, "quarantine", "replay", "--dir", dir)
	verdicts, _ := storedVerdicts(t, dir)
	if kept := rejectedCounts(t, dir); len(verdicts) != rows || len(kept) != 0 {
		t.Errorf("%d events are stored, %v rows kept", len(verdicts), kept)
	}
}
