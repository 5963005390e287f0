package featurestore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"kindred"
	"kindred/feature"
	"kindred/featurestore"
	"kindred/format"
	"kindred/store"
)

// rows are a table of features as lines: entity, id and time, then the cells of
// the columns asked for.
func rows(t *testing.T, s *featurestore.Service, set, entity string, columns ...string) (lines []string, blocks int) {
	t.Helper()
	must(t, s.ScanFeatures(t.Context(), set, entity, func(block []format.BlockColumn, n int) error {
		blocks++
		for row := range n {
			line := fmt.Sprint(block[0].Texts[row], " ", block[1].Texts[row], " ", block[2].Times[row])
			for _, name := range columns {
				i := slices.IndexFunc(block, func(c format.BlockColumn) bool { return c.Name == name })
				switch c := &block[i]; c.Type {
				case format.TextColumn:
					line += fmt.Sprintf(" %q missing=%t", c.Texts[row], c.Missing[row])
				case format.TextsColumn:
					line += fmt.Sprint(" ", c.Lists[row])
				default:
					line += fmt.Sprint(" ", c.Numbers[row])
				}
			}
			lines = append(lines, line)
		}
		return nil
	}))
	return lines, blocks
}

// TestScanFeatures expects a row of everyone that the store knows, in order,
// with the values that a read gives.
func TestScanFeatures(t *testing.T) {
	s := newShop(t)
	ctx := t.Context()
	if err := s.ScanFeatures(ctx, "", "", nil); kindred.KindOf(err) != kindred.Unavailable {
		t.Errorf("before the state was built: %v", err)
	}
	must(t, s.Materialize(ctx))
	if lines, blocks := rows(t, s.Service, "", ""); len(lines) != 0 || blocks != 1 {
		t.Errorf("of an empty store: %q in %d blocks", lines, blocks)
	}
	s.live(t, 200)
	var crowd []kindred.Event
	for i := range 5000 {
		crowd = append(crowd, kindred.Event{ID: fmt.Sprint("crowd", i), User: kindred.UserID(fmt.Sprintf("v%04d", i)), Item: "i1", Kind: kindred.View, Value: 1, Time: s.now().Add(-1e9)})
	}
	_, err := s.db.AppendEvents(ctx, crowd)
	must(t, err)
	must(t, s.db.PutItems(ctx, []kindred.Item{{ID: "aaa", Attributes: kindred.Attributes{"brand": kindred.StringOf("Acme")}, UpdatedAt: s.now().Add(-1e9)}}))
	must(t, s.Materialize(ctx))

	lines, blocks := rows(t, s.Service, "small", "", "user__views_7d", "user__last_items", "item__brand")
	now := s.clock.Load()
	if len(lines) != 8+5000+13 || blocks != 3 {
		t.Fatalf("%d rows in %d blocks", len(lines), blocks)
	}
	columns := read(t, s.Service, s.now(), "u3")
	views := slices.IndexFunc(columns, func(c feature.Column) bool { return c.Ref == "user:views_7d" })
	last := slices.IndexFunc(columns, func(c feature.Column) bool { return c.Ref == "user:last_items" })
	for i, want := range map[int]string{
		3:    fmt.Sprintf("user u3 %d %v %v \"\" missing=true", now, columns[views].Numbers[0], columns[last].Lists[0]),
		8:    fmt.Sprintf("user v0000 %d 1 [i1] \"\" missing=true", now),
		5007: fmt.Sprintf("user v4999 %d 1 [i1] \"\" missing=true", now),
		5008: fmt.Sprintf("item aaa %d NaN [] \"Acme\" missing=false", now),
		5009: fmt.Sprintf("item i0 %d NaN [] \"\" missing=true", now),
	} {
		if lines[i] != want {
			t.Errorf("row %d is %s, want %s", i, lines[i], want)
		}
	}

	_, err = s.db.EraseUser(ctx, "u3")
	must(t, err)
	s.UserErased("u3")
	if lines, _ = rows(t, s.Service, "", "user"); len(lines) != 7+5000 || slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, " u3 ") }) {
		t.Errorf("after u3 was erased: %d rows, %q …", len(lines), lines[:8])
	}
	if lines, _ = rows(t, s.Service, "", "item"); len(lines) != 13 {
		t.Errorf("of items: %q", lines)
	}
}

func TestScanFeaturesFaults(t *testing.T) {
	s := newShop(t)
	must(t, s.Materialize(t.Context()))
	for want, ask := range map[string][2]string{"no feature set": {"none", ""}, "no features of users or items": {"small", "session"}} {
		if err := s.ScanFeatures(t.Context(), ask[0], ask[1], nil); kindred.KindOf(err) != kindred.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %s", ask, err, want)
		}
	}
	empty, err := featurestore.New(featurestore.Config{}, s.db)
	must(t, err)
	if err := empty.ScanFeatures(t.Context(), "", "", nil); kindred.KindOf(err) != kindred.Invalid {
		t.Errorf("without features: %v", err)
	}
	s.live(t, 10)
	must(t, s.Follow(t.Context()))
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := s.ScanFeatures(ctx, "", "", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	full := errors.New("full")
	if err := s.ScanFeatures(t.Context(), "", "", func([]format.BlockColumn, int) error { return full }); !errors.Is(err, full) {
		t.Errorf("of a writer that fails: %v", err)
	}
}

// BenchmarkScanFeatures writes what the sixteen features of the set "basic"
// are of 100,000 users and 1,000 items, a million events behind them.
func BenchmarkScanFeatures(b *testing.B) {
	db, err := store.Open(b.Context(), store.Config{Path: ":memory:"})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // only read
	rng := rand.New(rand.NewPCG(1, 1))
	now := time.UnixMilli(1_700_000_000_000)
	for part := range 100 {
		events := make([]kindred.Event, 10_000)
		for i := range events {
			events[i] = kindred.Event{
				ID: fmt.Sprint(part, " ", i), User: kindred.UserID(fmt.Sprint("u", rng.IntN(100_000))), Item: kindred.ItemID(fmt.Sprint("i", rng.IntN(1000))),
				Kind: kindred.View, Value: 1, Time: now.Add(-time.Duration(rng.IntN(30*24)) * time.Hour),
			}
		}
		if _, err := db.AppendEvents(b.Context(), events); err != nil {
			b.Fatal(err)
		}
	}
	s, err := featurestore.New(featurestore.Config{Features: config(), Now: func() time.Time { return now }}, db)
	if err == nil {
		err = s.Materialize(b.Context())
	}
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{"parquet", "jsonl"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				rows, err := format.WriteBlocks(io.Discard, name, func(write func([]format.BlockColumn, int) error) error {
					return s.ScanFeatures(b.Context(), "basic", "", write)
				})
				if err != nil || rows < 100_000 {
					b.Fatal(rows, err)
				}
			}
		})
	}
}
