package recommend

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"kindred"
	"kindred/internal/metric"
)

// Intervals of the background work.
const (
	watchInterval    = time.Second
	measureInterval  = 10 * time.Second      // to count a million items takes some 20 ms
	exposureInterval = 20 * time.Millisecond // to write those of 100 ms at once keeps a core for 10 ms
	flushTimeout     = 5 * time.Second       // for one batch of exposures
)

// catalogueShare bounds the share of time spent reading the catalogue again
// while another process goes on writing: one part in catalogueShare.
const catalogueShare = 10

// Run does the background work until ctx ends: it reads the histories of those
// who were there lately, puts newly promoted models live, notices what other
// processes stored, and writes exposures; those still waiting at the end are
// written before it returns.
func (s *Service) Run(ctx context.Context) error {
	var warming sync.WaitGroup
	warming.Go(func() {
		if err := s.histories.warm(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("histories could not be read ahead; they are when asked for", "err", err)
		}
	})
	defer warming.Wait()
	watch, measure, write := time.NewTicker(watchInterval), time.NewTicker(measureInterval), time.NewTicker(exposureInterval)
	defer watch.Stop()
	defer measure.Stop()
	defer write.Stop()
	s.measure()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-write.C:
			s.exposures.flush(ctx)
		case <-watch.C:
			s.watchModels(ctx)
			s.watchStore(ctx)
		case <-measure.C:
			s.measure()
		}
	}
	s.exposures.flush(ctx)
	return ctx.Err()
}

// measure says how much there is of the catalogue and of aliases.
func (s *Service) measure() {
	states, groups, changes := s.catalogue.count(s.now(), s.measured)
	for state, n := range states {
		s.metrics.CatalogueItems.WithLabelValues(state).Set(float64(n))
	}
	if s.measured != changes {
		s.measured = changes
		s.metrics.CatalogueGroups.Set(float64(groups))
	}
	s.metrics.Aliases.Set(float64(s.aliases.len()))
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
func (s *Service) watchStore(ctx context.Context) {
	version, err := s.store.DataVersion(ctx)
	if err == nil && version != s.storeVersion {
		if err = s.aliases.load(ctx); err == nil {
			s.histories.forgetAll()
			s.storeVersion, s.catalogueStale = version, true
		}
	}
	if start := time.Now(); err == nil && s.catalogueStale && start.After(s.catalogueDue) {
		err = s.loadCatalogue(ctx)
		s.catalogueStale = err != nil
		s.catalogueDue = start.Add(catalogueShare * time.Since(start))
	}
	if err != nil && ctx.Err() == nil {
		s.log.Error("the store could not be read again after another process wrote; trying again", "err", err)
	}
}

// loadCatalogue reads all items.
func (s *Service) loadCatalogue(ctx context.Context) error {
	s.catalogue.begin()
	items, deleted := map[kindred.ItemID]*kindred.Item{}, map[kindred.ItemID]bool{}
	err := s.store.ScanItems(ctx, func(item *kindred.Item) error {
		items[item.ID] = item
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
	shown   Shown // nil: nobody asks
	metrics *metric.Metrics
	logger  *slog.Logger
	waiting chan kindred.Exposure
	salt    [4]byte // tells processes apart
	count   atomic.Uint64

	mu     sync.Mutex // held while lists are written
	erased map[kindred.UserID]time.Time
}

// erasedKept is how long an erased user's lists are watched for: longer than
// any answer takes.
const erasedKept = time.Minute

func newExposures(store Store, cfg *Config) *exposures {
	x := &exposures{
		store: store, shown: cfg.Shown, metrics: cfg.Metrics, logger: cfg.Logger,
		waiting: make(chan kindred.Exposure, exposuresWaiting), erased: map[kindred.UserID]time.Time{},
	}
	_, _ = rand.Read(x.salt[:]) // never fails
	return x
}

// erase keeps lists shown to a user until now from being written.
func (x *exposures) erase(user kindred.UserID, now time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.erased[user] = now
	maps.DeleteFunc(x.erased, func(_ kindred.UserID, at time.Time) bool { return now.Sub(at) > erasedKept })
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
func (x *exposures) log(a Answer, ask *Request, now time.Time) {
	e := kindred.Exposure{
		RequestID: a.RequestID, User: ask.User, Session: ask.SessionID, Time: now, Context: ask.Context,
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

// flush writes the waiting lists, even if ctx has ended.
func (x *exposures) flush(ctx context.Context) {
	x.mu.Lock()
	defer x.mu.Unlock()
	var batch []kindred.Exposure
	for range len(x.waiting) {
		e := <-x.waiting
		if at, erased := x.erased[e.User]; !erased || e.Time.After(at) {
			batch = append(batch, e)
		}
	}
	if len(batch) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	if err := x.store.AppendExposures(ctx, batch); err != nil {
		x.metrics.ExposuresDropped.Add(float64(len(batch)))
		x.logger.Error("shown lists could not be logged", "lists", len(batch), "err", err)
		return
	}
	if x.shown != nil {
		x.shown.Shown(batch)
	}
}
