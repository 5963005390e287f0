package main

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// TestUsers merges by the program while the server runs, which follows; and
// erases by an alias.
func TestUsers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	s := startServer(t, dir, "")
	for _, event := range []string{`{"user":"ada","item":"a","kind":"view"}`, `{"user":"anon","item":"b","kind":"view"}`} {
		s.want(t, http.StatusAccepted, http.MethodPost, "/v1/events", event)
	}
	s.want(t, http.StatusOK, http.MethodPut, "/v1/items/a", `{}`)
	s.want(t, http.StatusOK, http.MethodPut, "/v1/items/b", `{}`)
	if got := s.recommended(t, "ada", ""); len(got) != 1 || got[0] != "b" {
		t.Fatalf("before, ada gets %v", got)
	}
	r := succeed(t, "users", "merge", "ada", "anon", "--why", "login", "--dir", dir)
	if !strings.Contains(r.out, "ada also goes by") || !strings.Contains(r.out, "login") {
		t.Errorf("merging: %s", r.out)
	}
	waitFor(t, "the server to notice the merge", func() bool { return len(s.recommended(t, "anon", "")) == 0 })
	if got := s.want(t, http.StatusOK, http.MethodGet, "/v1/export/events", ""); strings.Count(got, `"user":"ada"`) != 2 {
		t.Errorf("the export says %s", got)
	}
	if r := succeed(t, "users", "aliases", "anon", "--dir", dir, "--json"); !strings.Contains(r.out, `"into": "ada"`) {
		t.Errorf("aliases: %s", r.out)
	}
	if r := kindredRun(t, "users", "merge", "anon", "ada", "--dir", dir); r.code != exitFailed || !strings.Contains(r.err, `"anon" is an alias of "ada"`) {
		t.Errorf("a circle: %d %s", r.code, r.err)
	}
	if r := kindredRun(t, "users", "merge", "ada", "ada", "--dir", dir); r.code != exitUsage || !strings.Contains(r.err, "from: is the user") {
		t.Errorf("with itself: %d %s", r.code, r.err)
	}
	succeed(t, "users", "unmerge", "anon", "--why", "by mistake", "--dir", dir)
	if r := succeed(t, "users", "merges", "--dir", dir); !strings.Contains(r.out, "taken from") || !strings.Contains(r.out, "by mistake") {
		t.Errorf("the log: %s", r.out)
	}
	waitFor(t, "the server to notice the end of it", func() bool { return len(s.recommended(t, "anon", "")) == 1 })
	s.want(t, http.StatusOK, http.MethodPost, "/v1/users/ada/merge", `{"from":"anon"}`)
	if got := s.want(t, http.StatusOK, http.MethodDelete, "/v1/users/anon", ""); got != `{"events_erased":2}` {
		t.Errorf("erasing: %s", got)
	}
	for _, id := range []string{"ada", "anon"} {
		s.want(t, http.StatusNotFound, http.MethodGet, "/v1/users/"+id, "")
		if got := s.recommended(t, id, ""); len(got) != 2 {
			t.Errorf("after erasure %s gets %v", id, got)
		}
	}
	if got := s.want(t, http.StatusOK, http.MethodGet, "/v1/merges", ""); got != `{"merges":[]}` {
		t.Errorf("after erasure the log says %s", got)
	}
}
