package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestWalk goes the whole path: a file of events, training, serving, an event
// that changes the next list, promotion, rollback, erasure.
func TestWalk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	importClusters(t, dir)
	trained := succeed(t, "train", "--dir", dir)
	if !strings.Contains(trained.out, "ials") || !strings.Contains(trained.out, "popular") {
		t.Errorf("training printed no table:\n%s", trained.out)
	}
	s := startServer(t, dir, "")
	s.want(t, http.StatusOK, http.MethodGet, "/health/ready", "")

	before := s.recommended(t, "newcomer", "?n=10")
	if len(before) != 10 {
		t.Fatalf("a newcomer gets %v", before)
	}
	s.want(t, http.StatusAccepted, http.MethodPost, "/v1/events", `{"user":"newcomer","item":"i43","kind":"view"}`)
	after := s.recommended(t, "newcomer", "?n=10")
	if slices.Equal(before, after) || slices.Contains(after, "i43") || len(after) != 10 {
		t.Errorf("after a view of i43: %v, before: %v", after, before)
	}
	sameGroup := 0
	for _, id := range after {
		var number int
		if _, err := fmt.Sscanf(id, "i%d", &number); err == nil && number/20 == 2 {
			sameGroup++
		}
	}
	if sameGroup < 8 {
		t.Errorf("after a view of i43 only %d of 10 items are of its group: %v", sameGroup, after)
	}
	// An import by another process reaches the running server too.
	file := writeFile(t, "more.csv", 2, func(i int) string {
		return []string{"user,item,kind,time", "stranger,i163,view,1700001000"}[i]
	})
	succeed(t, "import", "csv", file, "--dir", dir)
	waitFor(t, "the server to notice the import", func() bool {
		list := s.recommended(t, "stranger", "?n=1&explain=true")
		return len(list) == 1 && list[0] >= "i160" && list[0] <= "i179"
	})
	if answer := s.want(t, http.StatusOK, http.MethodDelete, "/v1/users/newcomer", ""); !strings.Contains(answer, "1") {
		t.Errorf("erasing: %s", answer)
	}
	if got := s.recommended(t, "newcomer", "?n=10"); !slices.Equal(got, before) {
		t.Errorf("after erasure: %v, want what a stranger gets, %v", got, before)
	}
}

// TestModelSwapUnderLoad trains again while requests come in; none may fail,
// and the new version must come to answer.
func TestModelSwapUnderLoad(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	importClusters(t, dir)
	succeed(t, "train", "--dir", dir)
	s := startServer(t, dir, "")
	version := func() string {
		var answer struct {
			Model struct{ Version string }
		}
		body := s.want(t, http.StatusOK, http.MethodGet, "/v1/users/u1/recommendations", "")
		if err := json.Unmarshal([]byte(body), &answer); err != nil {
			t.Fatal(err)
		}
		return answer.Model.Version
	}
	first := version()
	done := make(chan result)
	go func() { done <- kindredRun(t, "train", "--dir", dir) }()
	for running := true; running; {
		select {
		case r := <-done:
			running = false
			if r.code != 0 {
				t.Fatalf("training: %s", r.err)
			}
		default:
			version()
		}
	}
	waitFor(t, "the new version to answer", func() bool { return version() != first })
}

// TestStoppedServer expects a server that is told to stop to end well, and a
// full restart to know all.
func TestStoppedServer(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	s := startServer(t, dir, "")
	s.want(t, http.StatusAccepted, http.MethodPost, "/v1/events", `{"event_id":"e1","user":"u","item":"i","kind":"view"}`)
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("the server ended with %v", err)
	}
	if ids := storedIDs(t, dir); ids["e1"] != 1 {
		t.Errorf("stored: %v", ids)
	}
}

// TestUsage lists what a user may get wrong and what is said about it.
func TestUsage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	bad := writeFile(t, "bad.csv", 3, func(i int) string {
		return []string{"user,item,kind,time", "u1,i1,view,1700000000", "u1,,view,soon"}[i]
	})
	typo := filepath.Join(t.TempDir(), "typo")
	if err := os.MkdirAll(typo, 0o750); err != nil {
		t.Fatal(err)
	}
	config := "lisen: 127.0.0.1:1\n"
	if err := os.WriteFile(filepath.Join(typo, "kindred.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"no command", nil, exitUsage, "--help"},
		{"unknown command", []string{"sevre"}, exitUsage, "sevre"},
		{"unknown format", []string{"import", "xlsx", bad, "--dir", dir}, exitUsage, "xlsx"},
		{"no such file", []string{"import", "csv", "/no/such/file", "--dir", dir}, exitUsage, "/no/such/file"},
		{"bad limit", []string{"import", "csv", bad, "--max-bad", "few", "--dir", dir}, exitUsage, "--max-bad"},
		{"too many bad rows", []string{"import", "csv", bad, "--max-bad", "0", "--dir", dir}, exitBadRows, "rejects.jsonl"},
		{"nothing to learn from", []string{"train", "--dir", filepath.Join(t.TempDir(), "empty")}, exitFailed, "import"},
		{"misspelt setting", []string{"train", "--dir", typo}, exitUsage, "lisen"},
		{"unknown version", []string{"models", "promote", "v1", "--dir", dir}, exitFailed, "v1"},
		{"nothing to roll back to", []string{"models", "rollback", "--dir", dir}, exitFailed, "roll back"},
		{"unknown model", []string{"evaluate", "--model", "magic", "--dir", dir}, exitUsage, "magic"},
		{"unknown model setting", []string{"evaluate", "--model", "ials:factor=3", "--dir", dir}, exitUsage, "factor"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := kindredRun(t, c.args...)
			if r.code != c.code || !strings.Contains(r.err, c.says) {
				t.Errorf("exit code %d (want %d), said %q (want %q in it)", r.code, c.code, r.err, c.says)
			}
			if strings.Contains(r.err, "goroutine ") {
				t.Errorf("a panic reached the user:\n%s", r.err)
			}
		})
	}
}

// TestDemoAgain stops a demo and starts it again: it must go on with what it
// had, on data of one's own as well.
func TestDemoAgain(t *testing.T) {
	data := writeFile(t, "ratings.csv", 2001, func(i int) string {
		if i == 0 {
			return "userId,movieId,rating,timestamp"
		}
		return fmt.Sprintf("%d,%d,%d,%d", i%50, i*i%301, 1+i%5, 1_700_000_000+60*i)
	})
	for name, more := range map[string][]string{"the made-up shop": nil, "a file": {"--data", data}} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "state")
			var page string
			for range 2 {
				demo, stop := startDemo(t, dir, more...)
				if demo == page {
					t.Error("the key of the first run goes on")
				}
				page = demo
				stop()
			}
			stored := storedIDs(t, dir)
			if len(stored) < 2000 {
				t.Errorf("%d events are stored", len(stored))
			}
		})
	}
}

// startDemo starts a small demo and returns the address of its page and what
// stops it.
func startDemo(t *testing.T, dir string, more ...string) (page string, stop func()) {
	t.Helper()
	cmd := program(context.WithoutCancel(t.Context()), append([]string{
		"demo", "--dir", dir, "--listen", "127.0.0.1:0", "--no-open", "--products", "300", "--shoppers", "400", "--visits", "5",
	}, more...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("the demo ended with %v", err)
		}
	})
	t.Cleanup(stop)
	said := bufio.NewScanner(out)
	for said.Scan() {
		if _, page, found := strings.Cut(said.Text(), "ready after "); found {
			_, page, _ = strings.Cut(page, ": ")
			go func() { // the rest is read so that the demo is not held up
				for said.Scan() {
				}
			}()
			return strings.TrimSpace(page), stop
		}
	}
	t.Fatal("the demo ended without a page")
	return "", nil
}

// waitFor polls until something has come to hold.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
