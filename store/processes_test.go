package store_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kindred"
	"kindred/store"
)

// sharedPath, in the environment, makes the test binary the child of
// TestTwoProcesses.
const sharedPath = "KINDRED_STORE_SHARED_PATH"

const (
	sharedEvents = 4000
	sharedUsers  = 30
)

// appendShared appends the shared events in batches and an order of its own,
// some twice, and calls fresh with the IDs that were new. It rests between
// batches, as SQLite's lock is for who asks first, not for who waits longest.
func appendShared(ctx context.Context, db *store.DB, seed uint64, fresh func(id string)) error {
	r := rand.New(rand.NewPCG(seed, 1))
	order := r.Perm(sharedEvents)
	order = append(order, order[:sharedEvents/4]...)
	for len(order) > 0 {
		n := min(1+r.IntN(40), len(order))
		list := make([]kindred.Event, n)
		for i, k := range order[:n] {
			list[i] = view(fmt.Sprint("shared-", k), fmt.Sprint("u", k%sharedUsers), fmt.Sprint("i", k%17), k)
		}
		result, err := db.AppendEvents(ctx, list)
		if err != nil {
			return err
		}
		for i, isFresh := range result {
			if isFresh {
				fresh(list[i].ID)
			}
		}
		order = order[n:]
		time.Sleep(time.Duration(r.IntN(1000)) * time.Microsecond)
	}
	return nil
}

// appendSharedAsChild prints the IDs that were new to it, then "done".
func appendSharedAsChild(path string) {
	ctx := context.Background()
	say := func(words ...any) { _, _ = fmt.Fprintln(os.Stdout, words...) }
	db, err := store.Open(ctx, store.Config{Path: path, BusyTimeout: time.Minute}.FoldAt(300))
	if err != nil {
		say("error", err)
		return
	}
	if err := appendShared(ctx, db, 2, func(id string) { say(id) }); err != nil {
		say("error", err)
		return
	}
	if err := db.Close(); err != nil {
		say("error", err)
		return
	}
	say("done")
}

// TestTwoProcesses has two processes append the same events to one file at
// the same time, both folding. Each event is new to one of them, and both see
// all of them afterwards.
func TestTwoProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	db := openWith(t, store.Config{Path: path, BusyTimeout: time.Minute}.FoldAt(200))
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), sharedPath+"="+path)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal("the child says nothing")
	}
	theirs := make(chan []string, 1)
	go func() {
		said := []string{lines.Text()}
		for lines.Scan() {
			said = append(said, lines.Text())
		}
		theirs <- said
	}()
	fresh := map[string]int{}
	mine := 0
	err = appendShared(t.Context(), db, 1, func(id string) { fresh[id]++; mine++ })
	said := <-theirs
	if err != nil || child.Wait() != nil || len(said) == 0 || said[len(said)-1] != "done" {
		t.Fatalf("appending: %v; the child said at last: %q", err, said[max(0, len(said)-1):])
	}
	for _, id := range said[:len(said)-1] {
		fresh[id]++
	}
	if mine == 0 || mine == sharedEvents {
		t.Errorf("this process stored %d of %d events: the two did not write at the same time", mine, sharedEvents)
	}
	checkShared(t, db, fresh)
	checkShared(t, open(t, path), fresh)
	checkIndexes(t, path)
}

// checkShared expects each shared event to be there once, and to have been new
// once.
func checkShared(t *testing.T, db *store.DB, fresh map[string]int) {
	t.Helper()
	stored := map[string]int{}
	for _, e := range scan(t, db, store.EventRange{}) {
		stored[e.ID]++
	}
	equal(t, "different IDs", len(stored), sharedEvents)
	for id, n := range stored {
		if n != 1 || fresh[id] != 1 || !strings.HasPrefix(id, "shared-") {
			t.Errorf("%s is there %d times and was new %d times", id, n, fresh[id])
		}
	}
	for u := range sharedUsers {
		list := history(t, db, kindred.UserID(fmt.Sprint("u", u)), sharedEvents)
		equal(t, "events of a user", len(list), (sharedEvents-u+sharedUsers-1)/sharedUsers)
		for i, e := range list[1:] {
			if !e.Time.Before(list[i].Time) {
				t.Fatalf("history of u%d: %v comes after %v", u, e.Time, list[i].Time)
			}
		}
	}
}
