package ingest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kindred"
	"kindred/format"
	"kindred/ingest"
	"kindred/schema"
	"kindred/store"
)

func openStore(tb testing.TB) *store.DB {
	tb.Helper()
	db, err := store.Open(tb.Context(), store.Config{Path: ":memory:"})
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

func openText(tb testing.TB, name, text string) format.Source {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return openPath(tb, "auto", path)
}

func openPath(tb testing.TB, formatName, path string) format.Source {
	tb.Helper()
	src, err := format.Open(formatName, []string{path}, format.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := src.Close(); err != nil {
			tb.Error(err)
		}
	})
	return src
}

func lenient() ingest.ImportOptions {
	return ingest.ImportOptions{MaxBad: -1, MaxBadShare: 1, Examples: 2}
}

// stored returns how many events the store holds.
func stored(tb testing.TB, db *store.DB) (n int64) {
	tb.Helper()
	err := db.ScanEvents(tb.Context(), store.EventRange{}, func(*kindred.Event) error { n++; return nil })
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

// sums checks that each row became something.
func sums(t *testing.T, r ingest.ImportReport) {
	t.Helper()
	rejected, kinds := int64(0), int64(0)
	for _, n := range r.Rejected {
		rejected += n
	}
	for _, n := range r.Kinds {
		kinds += n
	}
	if r.Rows != r.Events+r.Duplicates+r.Items+r.Users+r.Exposures+r.Aliases+rejected || kinds != r.Events+r.Duplicates {
		t.Errorf("does not add up: %+v", r)
	}
}

const dirty = "user,item,kind,time\nu,i,view,1000000000\nu,i,view,1000000000\nu,j,view,1500000000\n,j,view,1\nu,j,own,1000000000\nu,j,view,tomorrow\nu,k,view,4000000000\n"

func TestImport(t *testing.T) {
	db := openStore(t)
	service := ingest.New(ingest.Config{}, db)
	var rejects bytes.Buffer
	opts := lenient()
	opts.Rejects = &rejects
	var last ingest.ImportProgress
	opts.Progress = func(p ingest.ImportProgress) { last = p }
	report, err := ingest.Import(t.Context(), openText(t, "a.csv", dirty), service, db, opts)
	if err != nil {
		t.Fatal(err)
	}
	sums(t, report)
	if report.Rows != 7 || report.Events != 3 || stored(t, db) != 3 {
		t.Errorf("true repeats are not kept: %+v", report)
	}
	if report.First.Unix() != 1e9 || report.Last.Unix() != 1.5e9 || last.Rows != 7 || last.Bytes != last.Total || last.Total != int64(len(dirty)) {
		t.Errorf("from %v to %v, progress %+v", report.First, report.Last, last)
	}
	want := []string{
		"5 missing_user ,j,view,1", "6 invalid_kind u,j,own,1000000000", "7 bad_time u,j,view,tomorrow", "8 invalid_time u,k,view,4000000000",
	}
	lines := strings.Split(strings.TrimSpace(rejects.String()), "\n")
	if len(lines) != len(want) {
		t.Fatalf("rejects %s", rejects.String())
	}
	for i, line := range lines {
		var bad format.Reject
		if err := json.Unmarshal([]byte(line), &bad); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%d %s %s", bad.Line, bad.Reason, bad.Raw); got != want[i] || bad.File == "" || bad.Detail == "" {
			t.Errorf("reject %s, want %s", line, want[i])
		}
		if report.Rejected[bad.Reason] != 1 || len(report.Examples[bad.Reason]) != 1 {
			t.Errorf("report %+v", report)
		}
	}
}

// TestImportAgain stores nothing twice.
func TestImportAgain(t *testing.T) {
	db := openStore(t)
	service := ingest.New(ingest.Config{}, db)
	grown := dirty + "v,i,view,1000000000\n"
	for round, want := range []struct {
		text         string
		fresh, known int64
	}{{dirty, 3, 0}, {dirty, 0, 3}, {grown, 1, 3}} {
		report, err := ingest.Import(t.Context(), openText(t, "a.csv", want.text), service, db, lenient())
		if err != nil {
			t.Fatal(err)
		}
		sums(t, report)
		if report.Events != want.fresh || report.Duplicates != want.known {
			t.Errorf("round %d: %+v", round, report)
		}
	}
	if n := stored(t, db); n != 4 {
		t.Errorf("%d events stored", n)
	}
}

func TestImportItemsAndUsers(t *testing.T) {
	db := openStore(t)
	service := ingest.New(ingest.Config{}, db)
	report, err := ingest.Import(t.Context(), openText(t, "items.csv", "item,title,price\ni,A,1\nj,B,-1\n"), service, db, lenient())
	if err != nil || report.Items != 1 || report.Rejected["invalid_price"] != 1 || report.Examples["invalid_price"][0].Raw != "j,B,-1" {
		t.Errorf("items: %+v, %v", report, err)
	}
	sums(t, report)
	if item, err := db.Item(t.Context(), "i"); err != nil || item.Title != "A" {
		t.Errorf("item %+v, %v", item, err)
	}
	report, err = ingest.Import(t.Context(), openText(t, "users.csv", "user,age\nu,1\n"), service, db, lenient())
	if err != nil || report.Users != 1 {
		t.Errorf("users: %+v, %v", report, err)
	}
}

func many(n int) string {
	var b strings.Builder
	b.WriteString("user,item,time\n")
	for i := range n {
		fmt.Fprintf(&b, "u%d,i%d,%d\n", i%97, i%13, 1_000_000_000+i/3)
	}
	return b.String()
}

// TestImportCancelled goes on where it was when it is run again.
func TestImportCancelled(t *testing.T) {
	const rows = 35_000
	db, text := openStore(t), many(rows)
	service := ingest.New(ingest.Config{}, db)
	ctx, cancel := context.WithCancel(t.Context())
	opts := lenient()
	opts.Progress = func(p ingest.ImportProgress) {
		if p.Rows >= 15_000 {
			cancel()
		}
	}
	first, err := ingest.Import(ctx, openText(t, "a.csv", text), service, db, opts)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "import again") {
		t.Errorf("cancelled: %v", err)
	}
	sums(t, first)
	if first.Events == 0 || first.Events >= rows || stored(t, db) != first.Events {
		t.Errorf("stored %d, reported %+v", stored(t, db), first)
	}
	second, err := ingest.Import(t.Context(), openText(t, "a.csv", text), service, db, lenient())
	if err != nil {
		t.Fatal(err)
	}
	sums(t, second)
	if second.Duplicates != first.Events || second.Events != rows-first.Events || stored(t, db) != rows {
		t.Errorf("first %+v\nsecond %+v", first, second)
	}
}

func TestImportLimits(t *testing.T) {
	for name, c := range map[string]struct {
		maxBad   int64
		share    float64
		want     error
		wantRows int64
	}{
		"no limit":     {-1, 1, nil, 7},
		"count enough": {4, 1, nil, 7},
		"count":        {1, 1, ingest.ErrTooManyBad, 5},
		"none":         {0, 1, ingest.ErrTooManyBad, 4},
		"share enough": {-1, 0.6, nil, 7},
		"share":        {-1, 0.5, ingest.ErrTooManyBad, 7},
	} {
		t.Run(name, func(t *testing.T) {
			db := openStore(t)
			opts := lenient()
			opts.MaxBad, opts.MaxBadShare = c.maxBad, c.share
			report, err := ingest.Import(t.Context(), openText(t, "a.csv", dirty), ingest.New(ingest.Config{}, db), db, opts)
			if !errors.Is(err, c.want) || report.Rows != c.wantRows {
				t.Errorf("%v, %+v", err, report)
			}
			sums(t, report)
			if n := stored(t, db); n != 3 || report.Events != 3 {
				t.Errorf("%d events stored of those read before, %d reported", n, report.Events)
			}
		})
	}
}

func TestImportValidatesOnly(t *testing.T) {
	db := openStore(t)
	opts := lenient()
	opts.ValidateOnly = true
	report, err := ingest.Import(t.Context(), openText(t, "a.csv", dirty), ingest.New(ingest.Config{}, db), db, opts)
	if err != nil || report.Events != 3 || stored(t, db) != 0 {
		t.Errorf("%d stored, %+v, %v", stored(t, db), report, err)
	}
	sums(t, report)
}

// failing stores good batches, then none.
type failing struct {
	*store.DB
	good, calls int
}

var errDisk = errors.New("no space left")

func (f *failing) AppendEvents(ctx context.Context, events []kindred.Event) ([]bool, error) {
	f.calls++
	if f.calls > f.good {
		return nil, errDisk
	}
	return f.DB.AppendEvents(ctx, events)
}

func TestImportIntoFailingStore(t *testing.T) {
	db := openStore(t)
	target := &failing{DB: db, good: 1}
	report, err := ingest.Import(t.Context(), openText(t, "a.csv", many(50_000)), ingest.New(ingest.Config{}, db), target, lenient())
	if !errors.Is(err, errDisk) || !strings.Contains(err.Error(), "import again to go on") || strings.Count(err.Error(), "no space") != 1 {
		t.Errorf("error %v", err)
	}
	if target.calls != 2 || report.Events != 10_000 || stored(t, db) != 10_000 {
		t.Errorf("%d calls, %d stored, %+v", target.calls, stored(t, db), report)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errDisk }

func TestImportCannotWriteRejects(t *testing.T) {
	db := openStore(t)
	opts := lenient()
	opts.Rejects = full{}
	_, err := ingest.Import(t.Context(), openText(t, "a.csv", dirty), ingest.New(ingest.Config{}, db), db, opts)
	if !errors.Is(err, errDisk) {
		t.Error(err)
	}
}

// TestImportRealData tells how fast data sets go into the real store.
func TestImportRealData(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: takes seconds")
	}
	for _, c := range []struct {
		format, path string
		rows, events int64
	}{
		{"movielens", "ml-100k", 100_000 + 1682 + 943, 100_000},
		{"online-retail", "online-retail/online_retail.csv.gz", 541_909, 404_876},
	} {
		t.Run(c.format, func(t *testing.T) {
			path := filepath.Join("..", "..", "shared", "data", filepath.FromSlash(c.path))
			if _, err := os.Stat(path); err != nil {
				t.Skip("the public data is not in ../shared/data: not tried on it")
			}
			db := openStore(t)
			report, err := ingest.Import(t.Context(), openPath(t, c.format, path), ingest.New(ingest.Config{}, db), db, lenient())
			if err != nil {
				t.Fatal(err)
			}
			rejected := int64(0)
			for _, n := range report.Rejected {
				rejected += n
			}
			if report.Rows != c.rows || report.Events != c.events || c.format == "online-retail" && report.Events+rejected != c.rows {
				t.Errorf("%+v", report)
			}
			t.Logf("%d rows in %v: %.0f rows/s; %d events, %d items, rejected %v",
				report.Rows, report.Took.Round(time.Millisecond), float64(report.Rows)/report.Took.Seconds(), report.Events, report.Items, report.Rejected)
		})
	}
}

// TestImportRefusesUnknownItems refuses events of items that neither the
// catalogue nor the files before have; they can be replayed once the item is
// there.
func TestImportRefusesUnknownItems(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"a-events.csv": "user,item,kind,time\nu,i,view,1\nu,late,view,2\nu,,search,3\nv,late,view,4\nu,stored,view,5\n",
		"b-items.csv":  "item,title\ni,A\n", // read first, although its name is behind
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	db := openStore(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(db.PutItems(t.Context(), []kindred.Item{{ID: "stored"}}))
	service := ingest.New(ingest.Config{Schema: schema.Settings{UnknownItems: schema.Reject}, Catalogue: db}, db)
	for _, only := range []bool{true, false} {
		var rejects bytes.Buffer
		opts := lenient()
		opts.ValidateOnly, opts.Keep, opts.Rejects = only, db, &rejects
		report, err := ingest.Import(t.Context(), openPath(t, "auto", folder), service, db, opts)
		must(err)
		sums(t, report)
		if report.Events != 3 || report.Rejected["unknown_item"] != 2 || strings.Count(rejects.String(), "a-events.csv") != 2 {
			t.Errorf("only to be validated %t: %+v\n%s", only, report, rejects.String())
		}
		opts = lenient()
		opts.MaxBad, opts.ValidateOnly = 1, true
		if _, err := ingest.Import(t.Context(), openPath(t, "auto", folder), service, db, opts); !errors.Is(err, ingest.ErrTooManyBad) {
			t.Errorf("two bad rows of one: %v", err)
		}
	}
	if n := stored(t, db); n != 3 {
		t.Errorf("%d events are stored", n)
	}
	for round, want := range []ingest.Replayed{{Rows: 2, Rejected: 2}, {Rows: 2, Stored: 2}, {}} {
		if round == 1 {
			must(db.PutItems(t.Context(), []kindred.Item{{ID: "late"}}))
		}
		if got, err := service.Replay(t.Context(), db, ingest.ReplayQuery{Reason: "unknown_item"}); err != nil || got != want {
			t.Errorf("replay %d: %+v, %v", round, got, err)
		}
	}
	if n := stored(t, db); n != 5 {
		t.Errorf("%d events are stored once the item is there", n)
	}
}
