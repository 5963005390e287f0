package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asProgram, set in the environment, makes the test binary act as kindred, so
// that tests run the very program in processes of its own.
const asProgram = "KINDRED_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// program returns the program with arguments, ready to start.
func program(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	return cmd
}

// result is what a finished run said.
type result struct {
	out, err string
	code     int
}

// kindredRun runs the program to its end.
func kindredRun(t *testing.T, args ...string) result {
	t.Helper()
	cmd := program(t.Context(), args...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if _, exited := err.(*exec.ExitError); err != nil && !exited { //nolint:errorlint // Run returns it bare
		t.Fatal(err)
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// succeed runs the program and expects exit code 0.
func succeed(t *testing.T, args ...string) result {
	t.Helper()
	r := kindredRun(t, args...)
	if r.code != 0 {
		t.Fatalf("kindred %s: exit code %d\n%s%s", strings.Join(args, " "), r.code, r.out, r.err)
	}
	return r
}

// server is a running `kindred serve`.
type server struct {
	cmd      *exec.Cmd
	url, key string
}

// startServer starts the server and waits until it listens.
func startServer(t *testing.T, dir, key string) *server {
	t.Helper()
	cmd := program(context.WithoutCancel(t.Context()), "serve", "--dir", dir, "--listen", "127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	errs, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // most tests have ended it already
		_ = cmd.Wait()
		_ = errs.Close()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	said, _ := os.ReadFile(errs.Name())
	url, found := strings.CutPrefix(strings.TrimSpace(line), "serving on ")
	if err != nil || !found {
		t.Fatalf("the server said %q (%v)\n%s", line, err, said)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	if key == "" {
		key = regexp.MustCompile(`kd_[A-Za-z0-9]+`).FindString(string(said))
	}
	return &server{cmd: cmd, url: url, key: key}
}

// stop stops the server, which ends what it does first.
func (s *server) stop(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = s.cmd.Wait()
}

// call makes a request and returns status and body.
func (s *server) call(t *testing.T, method, path, body string) (status int, answer string) {
	t.Helper()
	status, answer, err := s.try(t.Context(), method, path, body)
	if err != nil {
		t.Fatal(err)
	}
	return status, answer
}

func (s *server) try(ctx context.Context, method, path, body string) (status int, answer string, err error) {
	request, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Authorization", "Bearer "+s.key)
	request.Header.Set("Content-Type", "application/json")
	client := &http.Client{Timeout: 30 * time.Second}
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close() //nolint:errcheck // read to the end
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

// want calls and expects a status.
func (s *server) want(t *testing.T, status int, method, path, body string) string {
	t.Helper()
	got, answer := s.call(t, method, path, body)
	if got != status {
		t.Fatalf("%s %s: got %d, want %d\n%s", method, path, got, status, answer)
	}
	return answer
}

// recommended returns the identifiers of a user's recommendations.
func (s *server) recommended(t *testing.T, user, query string) []string {
	t.Helper()
	var list struct {
		Items []struct {
			ID string `json:"id"`
		} `json:"items"`
	}
	answer := s.want(t, http.StatusOK, http.MethodGet, "/v1/users/"+user+"/recommendations"+query, "")
	if err := json.Unmarshal([]byte(answer), &list); err != nil {
		t.Fatalf("%v in %s", err, answer)
	}
	var ids []string
	for _, item := range list.Items {
		ids = append(ids, item.ID)
	}
	return ids
}

// writeFile writes lines made by number into a file of the test's folder.
func writeFile(t *testing.T, name string, n int, line func(int) string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(file)
	for i := range n {
		fmt.Fprintln(w, line(i))
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}
