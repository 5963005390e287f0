package store_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"kindred"
	"kindred/store"
)

// crashPath, in the environment, makes the test binary the child of
// TestCrash: it appends to that file until it is killed.
const crashPath = "KINDRED_STORE_CRASH_PATH"

func TestMain(m *testing.M) {
	if path := os.Getenv(crashPath); path != "" {
		appendForever(path)
		return
	}
	if path := os.Getenv(sharedPath); path != "" {
		appendSharedAsChild(path)
		return
	}
	goleak.VerifyTestMain(m)
}

// open opens a store that is closed when the test ends.
func open(tb testing.TB, path string) *store.DB {
	tb.Helper()
	return openWith(tb, store.Config{Path: path, BusyTimeout: 10 * time.Second})
}

func openWith(tb testing.TB, cfg store.Config) *store.DB {
	tb.Helper()
	db, err := store.Open(tb.Context(), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	return db
}

// appendForever prints the IDs of each batch that was acknowledged.
func appendForever(path string) {
	ctx := context.Background()
	db, err := store.Open(ctx, store.Config{Path: path}.FoldAt(200))
	if err != nil {
		_, _ = fmt.Fprintln(os.Stdout, "error", err)
		return
	}
	start := fmt.Sprint(os.Getpid(), "-")
	for i := 0; ; i++ {
		var list []kindred.Event
		var ids []string
		for k := range 1 + i%30 {
			ids = append(ids, fmt.Sprint(start, i, "-", k))
			list = append(list, view(ids[k], fmt.Sprint("u", k), "i", i))
		}
		if _, err := db.AppendEvents(ctx, list); err != nil {
			_, _ = fmt.Fprintln(os.Stdout, "error", err)
			return
		}
		if _, err := fmt.Fprintln(os.Stdout, strings.Join(ids, " ")); err != nil {
			return
		}
	}
}

// TestCrash kills a process that appends, again and again, at moments it did
// not choose, most of them in the middle of a fold. Whatever it had acknowledged is there, once; what it sent last
// is there whole or not at all.
func TestCrash(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	path := filepath.Join(t.TempDir(), "store.db")
	r := rand.New(rand.NewPCG(5, 6))
	acknowledged := map[string]bool{}
	inFold := 0
	for range rounds {
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Env = append(os.Environ(), crashPath+"="+path)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		batches := 1 + r.IntN(150)
		lines := bufio.NewReader(out)
		for i := 0; ; i++ {
			line, err := lines.ReadString('\n')
			if err != nil {
				break // killed; a half line was not an acknowledgement
			}
			if strings.HasPrefix(line, "error") {
				t.Fatal(line)
			}
			for id := range strings.FieldsSeq(line) {
				acknowledged[id] = true
			}
			if i == batches {
				time.AfterFunc(time.Duration(r.IntN(3000))*time.Microsecond, func() { _ = child.Process.Kill() })
			}
		}
		if err := child.Wait(); err == nil {
			t.Fatal("the child ended by itself")
		}
		if isInFold(t, path) {
			inFold++
		}
	}
	if inFold == 0 {
		t.Error("no kill came in the middle of a fold")
	}

	checkIndexes(t, path)
	db := open(t, path)
	stored := map[string]int{}
	perBatch := map[string]int{}
	for _, e := range scan(t, db, store.EventRange{}) {
		stored[e.ID]++
		perBatch[e.ID[:strings.LastIndex(e.ID, "-")]]++
	}
	for id := range acknowledged {
		if stored[id] != 1 {
			t.Errorf("%s is there %d times", id, stored[id])
		}
	}
	for id, n := range perBatch {
		var pid, i int
		if _, err := fmt.Sscanf(id, "%d-%d", &pid, &i); err != nil || n != 1+i%30 {
			t.Errorf("of batch %s there are %d events", id, n)
		}
	}
	counts, err := db.Counts(t.Context())
	if err != nil || counts.Events != int64(len(stored)) {
		t.Errorf("%d events counted, %d stored: %v", counts.Events, len(stored), err)
	}
	for k := range 30 {
		user := kindred.UserID(fmt.Sprint("u", k))
		n := 0
		for _, e := range history(t, db, user, len(stored)) {
			if e.User == user {
				n += stored[e.ID]
			}
		}
		want := 0
		for id := range stored {
			if strings.HasSuffix(id, fmt.Sprint("-", k)) {
				want++
			}
		}
		equal(t, "history of "+string(user), n, want)
	}
	t.Logf("%d events acknowledged, %d stored, %d kills, %d of them in a fold", len(acknowledged), len(stored), rounds, inFold)
}

// checkIndexes expects that all entries of the indexes are of events there
// are, and that all events up to the last fold have theirs.
func checkIndexes(t *testing.T, path string) {
	t.Helper()
	c := sqlite(t, path)
	for what, text := range map[string]string{
		"entries of by_user without an event": "SELECT count(*) FROM by_user WHERE seq NOT IN (SELECT seq FROM events)",
		"entries of seen without an event":    "SELECT count(*) FROM seen WHERE seq NOT IN (SELECT seq FROM events)",
		"folded events without both entries": `SELECT count(*) FROM events WHERE seq <= (SELECT folded FROM state)
			AND (seq NOT IN (SELECT seq FROM by_user) OR seq NOT IN (SELECT seq FROM seen))`,
	} {
		var n int
		if err := c.QueryRowContext(t.Context(), text).Scan(&n); err != nil {
			t.Fatal(err)
		}
		equal(t, what, n, 0)
	}
}

// TestEraseInFold erases users between and in the middle of folds.
func TestEraseInFold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	db := openWith(t, store.Config{Path: path}.FoldAt(400))
	for round := range 60 {
		user := fmt.Sprint("u", round)
		for i := range 1 + round {
			add(t, db, view(fmt.Sprint(round, "-", i), user, "i", i), view(fmt.Sprint(round, "+", i), "kept", "i", i))
		}
		n, err := db.EraseUser(t.Context(), kindred.UserID(user))
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "events erased", n, int64(1+round))
		equal(t, "an ID that is free again", add(t, db, view(fmt.Sprint(round, "-0"), "kept", "i", 0)), []bool{true})
	}
	checkIndexes(t, path)
	equal(t, "events kept", len(history(t, db, "kept", 1<<20)), 60*61/2+60)
}

// isInFold says whether the indexes hold events of a fold that has not ended.
func isInFold(t *testing.T, path string) bool {
	t.Helper()
	var entries int
	err := sqlite(t, path).QueryRowContext(t.Context(),
		"SELECT count(*) FROM by_user WHERE seq > (SELECT folded FROM state)").Scan(&entries)
	if err != nil {
		t.Fatal(err)
	}
	return entries > 0
}

// TestFullDisk fills the disk, and frees it.
func TestFullDisk(t *testing.T) {
	db := openWith(t, store.Config{Path: filepath.Join(t.TempDir(), "store.db")}.FoldAt(300))
	r := rand.New(rand.NewPCG(1, 2))
	add(t, db, batch(r, 0, 1000)...)
	if err := db.LimitPages(t.Context(), 90); err != nil {
		t.Fatal(err)
	}
	stored := 1000
	var err error
	for ; err == nil && stored < 100_000; stored += 1000 {
		_, err = db.AppendEvents(t.Context(), batch(r, stored, 1000))
	}
	stored -= 1000
	wantKind(t, err, kindred.Unavailable)
	if !strings.Contains(err.Error(), "disk is full") {
		t.Errorf("the error says %q", err)
	}
	equal(t, "events stored", len(scan(t, db, store.EventRange{})), stored)
	if err := db.LimitPages(t.Context(), 1<<30); err != nil {
		t.Fatal(err)
	}
	for i, fresh := range add(t, db, batch(r, stored-1000, 2000)...) {
		if fresh != (i >= 1000) {
			t.Fatalf("event %d after the disk was full is fresh: %t", i, fresh)
		}
	}
	equal(t, "events stored", len(scan(t, db, store.EventRange{})), stored+1000)
}

// TestLocked has another process hold the write lock.
func TestLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	db := openWith(t, store.Config{Path: path, BusyTimeout: 20 * time.Millisecond})
	add(t, db, view("a", "u", "i", 1))
	other := sqlite(t, path)
	if _, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	_, err := db.AppendEvents(t.Context(), []kindred.Event{view("b", "u", "i", 1)})
	wantKind(t, err, kindred.Unavailable)
	if !strings.Contains(err.Error(), "locked") {
		t.Errorf("the error says %q", err)
	}
	equal(t, "history meanwhile", len(history(t, db, "u", 9)), 1)
	if _, err := other.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	equal(t, "afterwards", add(t, db, view("b", "u", "i", 1), view("a", "u", "i", 1)), []bool{true, false})
}

// sqlite is a connection past the store.
func sqlite(t *testing.T, path string) *sql.Conn {
	t.Helper()
	pool, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	})
	c, err := pool.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	junk := filepath.Join(dir, "junk.db")
	if err := os.WriteFile(junk, bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	newer := filepath.Join(dir, "newer.db")
	if _, err := sqlite(t, newer).ExecContext(t.Context(), "PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		path, says string
		kind       kindred.ErrorKind
	}{
		"no path":            {"", "path", kindred.Invalid},
		"no such folder":     {filepath.Join(dir, "none", "x.db"), "cannot be opened", kindred.Unavailable},
		"no database":        {junk, "damaged", kindred.Unavailable},
		"of a newer version": {newer, "version 99", kindred.Conflict},
		"a folder, no file":  {dir, "cannot be opened", kindred.Unavailable},
	} {
		_, err := store.Open(t.Context(), store.Config{Path: c.path})
		if err == nil || kindred.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v (kind %v)", name, err, kindred.KindOf(err))
		}
	}
}

func TestClosed(t *testing.T) {
	db, err := store.Open(t.Context(), store.Config{Path: ":memory:"})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, err = db.AppendEvents(t.Context(), []kindred.Event{view("a", "u", "i", 1)})
	wantKind(t, err, kindred.Unavailable)
	_, err = db.Counts(t.Context())
	wantKind(t, err, kindred.Unavailable)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := store.Open(ctx, store.Config{Path: ":memory:"}); !errors.Is(err, context.Canceled) {
		t.Errorf("opening after cancelling: %v", err)
	}
}

// TestCancelledScan cancels a scan under way.
func TestCancelledScan(t *testing.T) {
	db := open(t, ":memory:")
	add(t, db, batch(rand.New(rand.NewPCG(1, 2)), 0, 5000)...)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen := 0
	err := db.ScanEvents(ctx, store.EventRange{}, func(*kindred.Event) error {
		seen++
		if seen == 10 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || seen > 1000 {
		t.Errorf("after %d events: %v", seen, err)
	}
}

// TestEraseLeavesNoTrace looks for the identifier in the bytes on the disk.
func TestEraseLeavesNoTrace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	db := openWith(t, store.Config{Path: path}.FoldAt(100))
	// SQLite leaves a copy of a table's first page behind when a second one
	// comes, see EraseUser.
	add(t, db, batch(rand.New(rand.NewPCG(1, 2)), 0, 500)...)
	for i := range 500 {
		add(t, db, view(fmt.Sprint("trace-id-", i), "trace-user", "i", i), view(fmt.Sprint("kept", i), "kept-user", "i", i))
	}
	if err := db.AppendExposures(t.Context(), []kindred.Exposure{{RequestID: "r", User: "trace-user", Time: at(1)}}); err != nil {
		t.Fatal(err)
	}
	var refused []kindred.Rejected
	for range 500 {
		refused = append(refused, kindred.Rejected{Time: at(1), Source: "api", Reason: "unreadable", Raw: strings.Repeat("other", 50)})
	}
	for i := range 500 {
		row := kindred.Rejected{Time: at(1), Source: "api", Reason: "invalid_kind", Detail: "trace-user", Raw: fmt.Sprintf(`{"user":"trace-user","item":%d}`, i)}
		kept := kindred.Event{ID: fmt.Sprint("trace-event-", i), User: "trace-user", Time: at(1)}
		row.SetEvent(&kept)
		refused = append(refused, row, kindred.Rejected{Time: at(1), Source: "api", Reason: "unreadable", Raw: strings.Repeat("trace-user", 1+i)})
	}
	if err := db.AppendRejected(t.Context(), refused); err != nil {
		t.Fatal(err)
	}
	if _, err := db.EraseUser(t.Context(), "trace-user"); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte("trace-")) {
			at := bytes.Index(data, []byte("trace-"))
			t.Errorf("the user is still in %q: %q (%d times)", "store.db"+suffix, data[at:at+20], bytes.Count(data, []byte("trace-")))
		}
		if suffix == "" && !bytes.Contains(data, []byte("kept-user")) {
			t.Error("the other user is not in the file: the test looks in the wrong place")
		}
	}
}

// TestDataVersion changes when another writes, not when this one does.
func TestDataVersion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	db, other := open(t, path), open(t, path)
	version := func() int64 {
		v, err := db.DataVersion(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	before := version()
	add(t, db, view("a", "u", "i", 1))
	equal(t, "after an own write", version(), before)
	if err := other.PutItems(t.Context(), []kindred.Item{{ID: "i"}}); err != nil {
		t.Fatal(err)
	}
	if version() == before {
		t.Error("another's write does not show")
	}
}

// TestCancelledWrite expects a caller whose context ends to wait for what the
// writer does for it, and what has not begun never to be done.
func TestCancelledWrite(t *testing.T) {
	db := open(t, ":memory:")
	ctx, cancel := context.WithCancel(t.Context())
	begun, goOn, ended := make(chan struct{}), make(chan struct{}), make(chan error, 2)
	result := 0 // of the first caller, who reads it once it is answered
	go func() {
		ended <- db.Write(ctx, func() {
			close(begun)
			<-goOn
			result = 1
		})
	}()
	<-begun
	second, giveUp := context.WithCancel(t.Context())
	giveUp()
	waiting := make(chan error, 1)
	go func() { waiting <- db.Write(second, func() { t.Error("what was given up was done") }) }()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who gave up got %v", err)
	}
	third, giveUpLate := context.WithCancel(t.Context())
	go func() { waiting <- db.Write(third, func() { t.Error("what was given up in the queue was done") }) }()
	for db.Queued() == 0 {
		runtime.Gosched()
	}
	giveUpLate()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who gave up in the queue got %v", err)
	}
	cancel()
	close(goOn)
	if err := <-ended; err != nil || result != 1 {
		t.Errorf("a caller whose write was under way got %v and %d", err, result)
	}
}
