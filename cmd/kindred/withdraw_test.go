package main

import (
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestWithdraw takes an event back: the item is recommended again, training
// passes it over, and an export imported elsewhere leaves it out.
func TestWithdraw(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	s := startServer(t, dir, "")
	for _, id := range []string{"a", "b"} {
		s.want(t, http.StatusOK, http.MethodPut, "/v1/items/"+id, `{}`)
	}
	s.want(t, http.StatusAccepted, http.MethodPost, "/v1/events/batch",
		`{"events":[{"event_id":"e1","user":"u","item":"a","kind":"view"},{"event_id":"e2","user":"v","item":"b","kind":"view"}]}`)
	if got := s.recommended(t, "u", ""); !slices.Equal(got, []string{"b"}) {
		t.Fatalf("at first u gets %v", got)
	}
	s.want(t, http.StatusOK, http.MethodDelete, "/v1/events/e1", "")
	if got := s.recommended(t, "u", ""); len(got) != 2 {
		t.Errorf("with nothing done u gets %v", got)
	}
	folder := filepath.Join(t.TempDir(), "out")
	succeed(t, "export", "all", "--dir", dir, "--out", folder)
	r := succeed(t, "import", "auto", folder, "--dir", filepath.Join(t.TempDir(), "again"))
	if !strings.Contains(r.out, "1 events, 2 items") || !strings.Contains(r.out, "1 rejected") || !strings.Contains(r.out, "withdrawn") {
		t.Errorf("importing: %s", r.out)
	}
	s.want(t, http.StatusOK, http.MethodPost, "/v1/events/withdraw", `{"user":"v"}`)
	r = kindredRun(t, "train", "--dir", dir)
	if r.code == exitOK {
		t.Errorf("there is nothing to learn from, and yet: %s", r.out)
	}
}
