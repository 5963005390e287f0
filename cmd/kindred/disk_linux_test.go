package main

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	_ "modernc.org/sqlite" // to be the other program that locks the database
)

// TestFullDisk serves from a small file system of its own until it is full:
// writes must fail with a reason, recommendations go on, nothing acknowledged
// be lost, and writing work again once there is room.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=12m"); err != nil {
		t.Skip("a full disk takes a file system of its own, which this user may not mount: ", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	state := filepath.Join(dir, "state")
	ballast := filepath.Join(dir, "ballast")
	importClusters(t, state)
	succeed(t, "train", "--dir", state)
	s := startServer(t, state, "")
	stored := len(storedIDs(t, state))
	fillDisk(t, ballast)

	var acknowledged int
	failed := ""
	for n := 0; failed == ""; n++ {
		var rows []string
		for k := range 500 {
			rows = append(rows, fmt.Sprintf(`{"event_id":"full-%d-%d","user":"u%d","item":"i1","kind":"view","context":{"note":%q}}`,
				n, k, k, strings.Repeat("x", 200)))
		}
		status, answer := s.call(t, http.MethodPost, "/v1/events/batch?results=rejected", `{"events":[`+strings.Join(rows, ",")+`]}`)
		switch status {
		case http.StatusAccepted:
			acknowledged += len(rows)
		case http.StatusServiceUnavailable:
			failed = answer
		default:
			t.Fatalf("status %d: %s", status, answer)
		}
		if n > 1000 {
			t.Fatal("the disk does not fill")
		}
	}
	if !strings.Contains(failed, "disk") {
		t.Errorf("the error does not name the disk: %s", failed)
	}
	if got := s.recommended(t, "u3", "?n=5"); len(got) != 5 {
		t.Errorf("on a full disk u3 is recommended %v", got)
	}
	if r := kindredRun(t, "train", "--dir", state); r.code == 0 || !strings.Contains(r.err, "disk") {
		t.Errorf("training on a full disk: exit code %d, %s", r.code, r.err)
	}
	checkModels(t, state)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	s.want(t, http.StatusAccepted, http.MethodPost, "/v1/events", `{"event_id":"after","user":"u","item":"i","kind":"view"}`)
	ids := storedIDs(t, state)
	if len(ids) != stored+acknowledged+1 || ids["after"] != 1 {
		t.Errorf("%d events stored, want %d", len(ids), stored+acknowledged+1)
	}
}

// fillDisk leaves some 100 kB free.
func fillDisk(t *testing.T, path string) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	chunk := bytes.Repeat([]byte{1}, 100<<10)
	for err == nil {
		_, err = file.Write(chunk)
	}
	if err := file.Close(); err != nil {
		t.Log(err) // full, as it should be
	}
}

// TestLockedDatabase lets another program hold the database: writes must fail
// with a reason and recommendations go on.
func TestLockedDatabase(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	importClusters(t, state)
	succeed(t, "train", "--dir", state)
	s := startServer(t, state, "")
	release := lockDatabase(t, filepath.Join(state, "kindred.db"))
	status, answer := s.call(t, http.MethodPost, "/v1/events", `{"user":"u","item":"i","kind":"view"}`)
	if status != http.StatusServiceUnavailable || !strings.Contains(answer, "locked") {
		t.Errorf("status %d: %s", status, answer)
	}
	if got := s.recommended(t, "u3", "?n=5"); len(got) != 5 {
		t.Errorf("with a locked database u3 is recommended %v", got)
	}
	release()
	s.want(t, http.StatusAccepted, http.MethodPost, "/v1/events", `{"user":"u","item":"i","kind":"view"}`)
}

// lockDatabase holds the database as a program would that writes and does not
// end its transaction.
func lockDatabase(t *testing.T, path string) (release func()) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"PRAGMA busy_timeout = 10000", "BEGIN IMMEDIATE"} { // the server may be writing yet
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if err := errors.Join(conn.Close(), db.Close()); err != nil {
			t.Fatal(err)
		}
	}
}
