// Package ingest is the write path: it validates what clients send, stores it,
// and tells observers what is new. Storage is the caller's.
package ingest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"kindred"
	"kindred/internal/metric"
)

// Log stores events durably; fresh[i] is false for an ID already stored.
type Log interface {
	AppendEvents(ctx context.Context, events []kindred.Event) (fresh []bool, err error)
}

// Observer is told of events once they are durable and before Accept returns.
// The slice is lent for the call.
type Observer interface {
	Observe(events []kindred.Event)
}

// Config says what is accepted.
type Config struct {
	Kinds     []kindred.Kind   // custom kinds beside the built-in ones
	MaxFuture time.Duration    // how far ahead of now a time may lie; 0: 24 hours
	Earliest  time.Time        // older times are invalid; zero: 1970-01-01
	Now       func() time.Time // nil: time.Now
	Metrics   *metric.Metrics  // nil: not counted
}

// Service accepts events. Safe for concurrent use.
type Service struct {
	cfg       Config
	kinds     map[kindred.Kind]bool
	log       Log
	observers []Observer
}

// New returns a service that stores in log.
func New(cfg Config, log Log, observers ...Observer) *Service {
	if cfg.MaxFuture == 0 {
		cfg.MaxFuture = 24 * time.Hour
	}
	if cfg.Earliest.IsZero() {
		cfg.Earliest = time.Unix(0, 0)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Metrics == nil {
		cfg.Metrics = metric.New()
	}
	return &Service{cfg: cfg, kinds: knownKinds(cfg.Kinds), log: log, observers: observers}
}

// Status is what became of an event.
type Status uint8

// The outcomes of an event.
const (
	Accepted  Status = iota // stored
	Duplicate               // its ID was already stored
	Rejected                // Faults says why
)

// Outcome is what became of one event of a call.
type Outcome struct {
	ID     string
	Status Status
	Faults []kindred.FieldError
}

// Accept stores the valid events and returns the outcome of each. An event
// without an ID gets one, and one without a time gets the present; events is
// not changed. The error is not nil only when nothing could be stored.
func (s *Service) Accept(ctx context.Context, events []kindred.Event) ([]Outcome, error) {
	now := s.cfg.Now().UTC().Truncate(time.Millisecond)
	outcomes := make([]Outcome, len(events))
	valid, places := make([]kindred.Event, 0, len(events)), make([]int, 0, len(events))
	for i := range events {
		e := events[i]
		if e.Time.IsZero() {
			e.Time = now
		}
		e.Time = e.Time.UTC().Truncate(time.Millisecond)
		if faults := s.ValidateEvent(&e); len(faults) > 0 {
			outcomes[i] = Outcome{ID: e.ID, Status: Rejected, Faults: faults}
			continue
		}
		if e.ID == "" {
			e.ID = newID(now)
		}
		outcomes[i].ID = e.ID
		valid, places = append(valid, e), append(places, i)
	}
	if len(valid) > 0 {
		if err := s.store(ctx, valid, places, outcomes); err != nil {
			return nil, err
		}
	}
	for _, o := range outcomes {
		s.cfg.Metrics.IngestEvents.WithLabelValues([...]string{"accepted", "duplicate", "rejected"}[o.Status]).Inc()
	}
	return outcomes, nil
}

// store writes the valid events and announces those that are new.
func (s *Service) store(ctx context.Context, valid []kindred.Event, places []int, outcomes []Outcome) error {
	fresh, err := s.log.AppendEvents(ctx, valid)
	if err != nil {
		return fmt.Errorf("ingest: storing %d events: %w", len(valid), err)
	}
	news := make([]kindred.Event, 0, len(valid))
	for k, isFresh := range fresh {
		if isFresh {
			news = append(news, valid[k])
		} else {
			outcomes[places[k]].Status = Duplicate
		}
	}
	if len(news) == 0 {
		return nil
	}
	for _, o := range s.observers {
		o.Observe(news)
	}
	return nil
}

// newID returns a UUIDv7 (RFC 9562): 48 bits of milliseconds, then 74 random
// bits nobody can guess.
func newID(now time.Time) string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand documents it
	ms := uint64(now.UnixMilli())
	for i := range 6 {
		b[i] = byte(ms >> (40 - 8*i))
	}
	b[6], b[8] = b[6]&0x0f|0x70, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
