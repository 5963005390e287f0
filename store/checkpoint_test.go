package store_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"kindred"
	"kindred/store"
)

// TestLogBeginsAnew writes without a pause, while others read, until the log
// has begun anew some times: so it is bounded. Nobody may take the checkpoints
// for writes of another process.
func TestLogBeginsAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	db := openWith(t, store.Config{Path: path}.Checkpoint(2*time.Millisecond, 64))
	version, err := db.DataVersion(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	defer readers.Wait()
	defer stop()
	for n := range 2 {
		readers.Go(func() {
			for i := n; ctx.Err() == nil; i++ {
				if _, err := db.UserEvents(ctx, kindred.UserID(fmt.Sprintf("u%09d", i%benchUsers)), 20); err != nil && ctx.Err() == nil {
					t.Error(err)
					return
				}
			}
		})
	}
	r := rand.New(rand.NewPCG(1, 2))
	const most = 20_000 // takes minutes
	first, begun := 0, uint32(0)
	for ; begun < 3 && first < most; first++ {
		if _, err := db.AppendEvents(t.Context(), batch(r, first*100, 100)); err != nil {
			t.Fatal(err)
		}
		begun = timesBegun(t, path+"-wal")
	}
	if begun < 3 {
		t.Errorf("after %d batches the log has begun anew %d times", most, begun)
	}
	if now, err := db.DataVersion(t.Context()); err != nil || now != version {
		t.Errorf("data version %d, %v; want %d as before: nobody else wrote", now, err, version)
	}
}

// timesBegun reads from the header of a log how often it has begun anew.
func timesBegun(t *testing.T, path string) uint32 {
	t.Helper()
	log, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close() //nolint:errcheck // read only
	var header [16]byte
	if _, err := log.ReadAt(header[:], 0); err != nil {
		t.Fatal(err)
	}
	return binary.BigEndian.Uint32(header[12:])
}
