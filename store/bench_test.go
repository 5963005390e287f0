package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kindred"
	"kindred/store"
)

const (
	benchUsers = 20_000
	benchItems = 40_000
)

// batch returns events number first, first+1, … with IDs of their own.
func batch(r *rand.Rand, first, n int) []kindred.Event {
	events := make([]kindred.Event, n)
	for i := range events {
		events[i] = kindred.Event{
			ID:    fmt.Sprintf("e%09d", first+i),
			User:  kindred.UserID(fmt.Sprintf("u%09d", r.IntN(benchUsers))),
			Item:  kindred.ItemID(fmt.Sprintf("i%09d", r.IntN(benchItems))),
			Kind:  kindred.View,
			Value: 1,
			Time:  time.UnixMilli(1_700_000_000_000 + int64(first+i)*10).UTC(),
		}
		if i%10 == 0 {
			events[i].Session = "s" + strconv.Itoa(i)
			events[i].Context = json.RawMessage(`{"page":"home"}`)
		}
	}
	return events
}

// filled returns a store with n events.
func filled(b *testing.B, n int) *store.DB {
	b.Helper()
	db := open(b, filepath.Join(b.TempDir(), "bench.db"))
	r := rand.New(rand.NewPCG(1, 2))
	for first := 0; first < n; first += 10_000 {
		if _, err := db.AppendEvents(b.Context(), batch(r, first, 10_000)); err != nil {
			b.Fatal(err)
		}
	}
	return db
}

// eventsWanted is how many events the benchmarks of a full store use:
// KINDRED_STORE_EVENTS, or a million.
func eventsWanted() int {
	if n, err := strconv.Atoi(os.Getenv("KINDRED_STORE_EVENTS")); err == nil {
		return n
	}
	return 1_000_000
}

// BenchmarkAppendBatches reports the rate for each million while the store
// grows, folding included, and what an event takes on the disk.
func BenchmarkAppendBatches(b *testing.B) {
	for b.Loop() {
		path := filepath.Join(b.TempDir(), "bench.db")
		db := open(b, path)
		r := rand.New(rand.NewPCG(1, 2))
		total := eventsWanted()
		var spent, since, worst time.Duration
		for first := 0; first < total; first += 10_000 {
			events := batch(r, first, 10_000)
			start := time.Now()
			if _, err := db.AppendEvents(b.Context(), events); err != nil {
				b.Fatal(err)
			}
			took := time.Since(start)
			spent, since, worst = spent+took, since+took, max(worst, took)
			if (first+10_000)%1_000_000 == 0 {
				b.Logf("to %d: %.0f events/s, slowest batch %v", first+10_000, 1e6/since.Seconds(), worst)
				since, worst = 0, 0
			}
		}
		b.ReportMetric(float64(total)/spent.Seconds(), "events/s")
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(info.Size())/float64(total), "B/event")
	}
}

// BenchmarkAppendSingles is 64 goroutines that each wait for one event at a
// time to be durable, in a store that is filled already. It reports how long
// they waited; -benchtime 500000x crosses several folds.
func BenchmarkAppendSingles(b *testing.B) {
	n := eventsWanted()
	db := filled(b, n)
	next := atomic.Int64{}
	next.Store(int64(n))
	var mu sync.Mutex
	var waits []time.Duration
	b.SetParallelism(64 / runtime.GOMAXPROCS(0))
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		r := rand.New(rand.NewPCG(1, 2))
		var own []time.Duration
		for pb.Next() {
			list := batch(r, int(next.Add(1)), 1)
			start := time.Now()
			if _, err := db.AppendEvents(context.Background(), list); err != nil {
				b.Error(err)
			}
			own = append(own, time.Since(start))
		}
		mu.Lock()
		defer mu.Unlock()
		waits = append(waits, own...)
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	slices.Sort(waits)
	for name, part := range map[string]float64{"p50-ms": 0.5, "p99-ms": 0.99, "p99.9-ms": 0.999, "max-ms": 1} {
		wait := waits[int(part*float64(len(waits)-1))]
		b.ReportMetric(wait.Seconds()*1000, name)
	}
}

func BenchmarkUserEvents(b *testing.B) {
	db := filled(b, eventsWanted())
	heavy := batch(rand.New(rand.NewPCG(5, 6)), 1<<30, 5000)
	for i := range heavy {
		heavy[i].User = "heavy"
	}
	if _, err := db.AppendEvents(b.Context(), heavy); err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 4))
	b.Run("20", func(b *testing.B) {
		for b.Loop() {
			user := kindred.UserID(fmt.Sprintf("u%09d", r.IntN(benchUsers)))
			if events, err := db.UserEvents(b.Context(), user, 20); err != nil || len(events) == 0 {
				b.Fatal(len(events), err)
			}
		}
	})
	b.Run("1000", func(b *testing.B) {
		for b.Loop() {
			if events, err := db.UserEvents(b.Context(), "heavy", 1000); err != nil || len(events) != 1000 {
				b.Fatal(len(events), err)
			}
		}
	})
}

func BenchmarkScanEvents(b *testing.B) {
	n := eventsWanted()
	db := filled(b, n)
	for b.Loop() {
		seen := 0
		err := db.ScanEvents(b.Context(), store.EventRange{}, func(*kindred.Event) error { seen++; return nil })
		if err != nil || seen != n {
			b.Fatal(seen, err)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkCounts(b *testing.B) {
	db := filled(b, 100_000)
	for b.Loop() {
		if _, err := db.Counts(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "bench.db")
	db := open(b, path)
	r := rand.New(rand.NewPCG(1, 2))
	for first := 0; first < eventsWanted(); first += 10_000 {
		if _, err := db.AppendEvents(b.Context(), batch(r, first, 10_000)); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		again, err := store.Open(b.Context(), store.Config{Path: path})
		if err != nil {
			b.Fatal(err)
		}
		if err := again.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
