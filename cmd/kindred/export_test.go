package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// everything fills a running server with one of everything that can be stored.
func everything(t *testing.T, s *server) {
	t.Helper()
	const attributes = `{"number":-1.5e-7,"yes":true,"no":false,"day":{"time":"2026-01-02T15:04:05.678Z"},"word":"007",` +
		`"words":["b","a\"|","c,d"],"none":[],"prose":{"text":"a <b>\nline & \u2028 more"},"vector":[0.1,-2,3e-30],"ünï":"☃"}`
	s.want(t, http.StatusOK, http.MethodPut, "/v1/items/a%2F%22%20b", `{"title":"T, \"t\"","categories":["A|B","C > D"],"price":0.1,"sale_price":0.05,"group":"g,1","stock":0,"backorder":true,`+
		`"available_from":"2026-01-01T00:00:00Z","available_until":"2099-01-01T00:00:00Z","attributes":`+attributes+`}`)
	s.want(t, http.StatusOK, http.MethodPut, "/v1/items/bare", `{}`)
	s.want(t, http.StatusOK, http.MethodPut, "/v1/users/u%20%3F", `{"attributes":`+attributes+`}`)
	s.want(t, http.StatusOK, http.MethodPut, "/v1/users/bare", `{}`)
	s.want(t, http.StatusOK, http.MethodPost, "/v1/users/bare/merge", `{"from":"tablet, \"7\"","why":"login"}`)
	s.want(t, http.StatusOK, http.MethodPost, "/v1/users/u%20%3F/merge", `{"from":"bare"}`)
	shown := s.want(t, http.StatusOK, http.MethodGet, "/v1/users/u%20%3F/recommendations?n=2", "")
	var answer struct {
		RequestID string `json:"request_id"`
	}
	if err := json.Unmarshal([]byte(shown), &answer); err != nil {
		t.Fatal(err)
	}
	for _, event := range []string{
		`{"user":"u ?","item":"a/\" b","kind":"rating","value":0.1,"time":"2026-01-02T15:04:05.678Z","session":"s,1","request_id":"` +
			answer.RequestID + `","position":2,"context":{"a":[1,{"b":null}],"<q>":"☃ \" \u2028"}}`,
		`{"event_id":"own, id","user":"u ?","kind":"search","context":{"q":"mugs"}}`,
		`{"user":"only-events","item":"nowhere-listed","kind":"purchase","value":3,"time":"1999-01-01T00:00:00Z"}`,
	} {
		s.want(t, http.StatusAccepted, http.MethodPost, "/v1/events", event)
	}
	waitFor(t, "the exposure to be stored", func() bool {
		return strings.Contains(s.want(t, http.StatusOK, http.MethodGet, "/v1/export/exposures", ""), answer.RequestID)
	})
}

// TestExportImportedGivesTheSame exports all of a store in each format, while
// the server runs, imports that into an empty one and exports it again: the
// bytes are the same.
func TestExportImportedGivesTheSame(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	s := startServer(t, dir, "")
	everything(t, s)
	first := exportAll(t, dir, "jsonl")
	for _, formatName := range []string{"jsonl", "csv", "parquet"} {
		folder, again := filepath.Join(t.TempDir(), "out"), filepath.Join(t.TempDir(), "state")
		succeed(t, "export", "all", "--dir", dir, "--format", formatName, "--out", folder)
		r := succeed(t, "import", "auto", folder, "--dir", again)
		if !strings.Contains(r.out, "3 events, 2 items, 1 users, 2 aliases, 1 exposures; 0 were here already; 0 rejected") {
			t.Errorf("%s: %s%s", formatName, r.out, r.err)
		}
		for name, want := range first {
			if got := exportAll(t, again, "jsonl")[name]; got != want {
				t.Errorf("%s from %s:\n%s\nwas\n%s", name, formatName, got, want)
			}
		}
	}
	for name, want := range first {
		what := strings.TrimSuffix(name, ".jsonl")
		if got := s.want(t, http.StatusOK, http.MethodGet, "/v1/export/"+what, ""); got != want {
			t.Errorf("GET /v1/export/%s:\n%s\nwant\n%s", what, got, want)
		}
		if got := succeed(t, "export", what, "--dir", dir).out; got != want {
			t.Errorf("kindred export %s:\n%s\nwant\n%s", what, got, want)
		}
	}
}

// exportAll returns the files of an export of all, by name.
func exportAll(t *testing.T, dir, formatName string) map[string]string {
	t.Helper()
	folder := t.TempDir()
	succeed(t, "export", "all", "--dir", dir, "--format", formatName, "--out", folder)
	files := map[string]string{}
	for _, what := range []string{"items", "users", "aliases", "events", "exposures"} {
		text, err := os.ReadFile(filepath.Join(folder, what+"."+formatName))
		if err != nil {
			t.Fatal(err)
		}
		files[what+"."+formatName] = string(text)
	}
	return files
}

func TestExportFaults(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	folder := t.TempDir()
	for want, args := range map[string][]string{
		"cannot tell the format of a.txt":  {"events", "--out", filepath.Join(folder, "a.txt")},
		"Parquet is compressed as it is":   {"events", "--out", filepath.Join(folder, "a.parquet.gz")},
		"all goes to several files":        {"all"},
		"--from \"soon\" is no moment":     {"events", "--from", "soon"},
		"users have no time to choose":     {"users", "--to", "2026-01-01"},
		"there is nothing from 2026-01-02": {"events", "--from", "2026-01-02", "--to", "2026-01-01"},
		"must be one of":                   {"keys"},
	} {
		r := kindredRun(t, append([]string{"export", "--dir", dir}, args...)...)
		if r.code != exitUsage || !strings.Contains(r.err, want) || r.out != "" {
			t.Errorf("%v: exit code %d, %q, want %q", args, r.code, r.err, want)
		}
	}
	if left, _ := os.ReadDir(folder); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

// TestKilledWhileExporting kills exports at random moments: a file that has its
// name is whole.
func TestKilledWhileExporting(t *testing.T) {
	dir, rng := filepath.Join(t.TempDir(), "state"), rand.New(rand.NewPCG(3, 3))
	const rows = 60_000
	succeed(t, "import", "csv", writeFile(t, "many.csv", rows+1, func(i int) string {
		if i == 0 {
			return "user,item,kind,time"
		}
		return fmt.Sprintf("u%d,i%d,view,%d", i%997, i%311, 1_700_000_000+i)
	}), "--dir", dir)
	path := filepath.Join(t.TempDir(), "events.jsonl")
	killed := 0
	for range faultRounds(t) {
		cmd := program(t.Context(), "export", "events", "--dir", dir, "--out", path)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rng.IntN(400)) * time.Millisecond)
		_ = cmd.Process.Signal(syscall.SIGKILL) // it may have ended
		if cmd.Wait() != nil {
			killed++
		}
		if text, err := os.ReadFile(path); err == nil {
			if n := bytes.Count(text, []byte("\n")); n != rows {
				t.Fatalf("the file has %d rows", n)
			}
			_ = os.Remove(path)
		}
	}
	succeed(t, "export", "events", "--dir", dir, "--out", path)
	if text, _ := os.ReadFile(path); bytes.Count(text, []byte("\n")) != rows {
		t.Errorf("at last the file has %d rows", bytes.Count(text, []byte("\n")))
	}
	t.Logf("%d of %d exports were killed", killed, faultRounds(t))
}

// TestStopWhileExporting stops the server while a client takes its time over
// an export: the server ends, and the client sees that it has not all.
func TestStopWhileExporting(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	succeed(t, "import", "csv", writeFile(t, "many.csv", 200_001, func(i int) string {
		if i == 0 {
			return "user,item,kind,time"
		}
		return fmt.Sprintf("u%d,i%d,view,%d", i%997, i%311, 1_700_000_000+i)
	}), "--dir", dir)
	s := startServer(t, dir, "")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/v1/export/events", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+s.key)
	client := &http.Client{}
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // read to its end
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("the server ended with %v", err)
	}
	if n, err := io.Copy(io.Discard, response.Body); err == nil {
		t.Errorf("the export looks whole after %d bytes", n)
	}
}
