package recommend

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"kindred"
	"kindred/internal/metric"
)

// Intervals of the background work.
const (
	watchInterval    = time.Second
	exposureInterval = 100 * time.Millisecond
	flushTimeout     = 5 * time.Second // for the last exposures at the end
)

// Run does the background work until ctx ends: it puts newly promoted models
// live, notices what other processes stored, and writes exposures; those still
// waiting at the end are written before it returns.
func (s *Service) Run(ctx context.Context) error {
	watch, write := time.NewTicker(watchInterval), time.NewTicker(exposureInterval)
	defer watch.Stop()
	defer write.Stop()
	version, err := s.store.DataVersion(ctx)
	if err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
			defer cancel()
			s.exposures.flush(last)
			return ctx.Err()
		case <-write.C:
			s.exposures.flush(ctx)
		case <-watch.C:
			s.watchModels(ctx)
			version = s.watchStore(ctx, version)
		}
	}
}

// watchModels reloads when the registry has changed. A failed load is not
// tried again before the next change.
func (s *Service) watchModels(ctx context.Context) {
	generation, err := s.models.Generation()
	if err == nil && generation == s.lastGeneration() {
		return
	}
	if err = errors.Join(err, s.Reload(ctx)); err != nil && ctx.Err() == nil {
		s.log.Error("the live models could not all be loaded; the former ones go on", "err", err)
	}
}

func (s *Service) lastGeneration() string {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	return s.generation
}

// watchStore drops what is cached when another process has written.
func (s *Service) watchStore(ctx context.Context, version int64) int64 {
	now, err := s.store.DataVersion(ctx)
	if err == nil && now != version {
		s.histories.forgetAll()
		err = s.loadCatalogue(ctx)
	}
	if err != nil {
		if ctx.Err() == nil {
			s.log.Error("the store could not be read again after another process wrote; trying again", "err", err)
		}
		return version
	}
	return now
}

// loadCatalogue reads all items.
func (s *Service) loadCatalogue(ctx context.Context) error {
	items, deleted := map[kindred.ItemID]*kindred.Item{}, map[kindred.ItemID]bool{}
	err := s.store.ScanItems(ctx, func(item *kindred.Item) error {
		kept := *item
		items[kept.ID] = &kept
		return nil
	})
	if err != nil {
		return err
	}
	err = s.store.ScanDeletedItems(ctx, func(id kindred.ItemID) error {
		deleted[id] = true
		return nil
	})
	if err != nil {
		return err
	}
	s.catalogue.replace(items, deleted, s.now())
	return nil
}

// exposuresWaiting is how many shown lists may wait to be written; at 10,000
// lists a second, more than a second's worth.
const exposuresWaiting = 16 << 10

// exposures logs shown lists in the background.
type exposures struct {
	store   Store
	metrics *metric.Metrics
	logger  *slog.Logger
	waiting chan kindred.Exposure
	salt    [4]byte // tells processes apart
	count   atomic.Uint64
}

func newExposures(store Store, metrics *metric.Metrics, logger *slog.Logger) *exposures {
	x := &exposures{store: store, metrics: metrics, logger: logger, waiting: make(chan kindred.Exposure, exposuresWaiting)}
	_, _ = rand.Read(x.salt[:]) // never fails
	return x
}

// newID returns an identifier no other list has: the time, a random number of
// the process, and a count, so that they sort by time.
func (x *exposures) newID(now time.Time) string {
	var id [16]byte
	binary.BigEndian.PutUint64(id[0:8], uint64(now.UnixMilli())<<16)
	copy(id[6:10], x.salt[:])
	count := x.count.Add(1)
	binary.BigEndian.PutUint32(id[12:16], uint32(count))
	binary.BigEndian.PutUint16(id[10:12], uint16(count>>32))
	return hex.EncodeToString(id[:])
}

// log takes a shown list, or counts it as dropped when too many wait.
func (x *exposures) log(a Answer, user kindred.UserID, now time.Time) {
	e := kindred.Exposure{
		RequestID: a.RequestID, User: user, Time: now,
		Items: make([]kindred.ItemID, len(a.Items)), Sources: make([]string, len(a.Items)),
	}
	if a.Model != nil {
		e.Model = a.Model.Version
	}
	for i := range a.Items {
		e.Items[i], e.Sources[i] = a.Items[i].ID, a.Items[i].Source
	}
	select {
	case x.waiting <- e:
	default:
		x.metrics.ExposuresDropped.Inc()
	}
}

// flush writes the waiting lists.
func (x *exposures) flush(ctx context.Context) {
	n := len(x.waiting)
	if n == 0 {
		return
	}
	batch := make([]kindred.Exposure, n)
	for i := range batch {
		batch[i] = <-x.waiting
	}
	if err := x.store.AppendExposures(ctx, batch); err != nil {
		x.metrics.ExposuresDropped.Add(float64(n))
		x.logger.Error("shown lists could not be logged", "lists", n, "err", err)
	}
}
