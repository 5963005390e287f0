// Package ingest is the write path: it validates what clients send, stores it,
// and tells observers what is new. Storage is the caller's.
//
// Two things may be left out of an event. A zero Time means now; no client can
// mean the zero time itself, which lies before Config.Earliest. A Value that
// is not a number means that there is none: it becomes 1, except that a rating
// must have one.
package ingest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"time"

	"kindred"
	"kindred/internal/metric"
	"kindred/schema"
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
	Kinds     []kindred.Kind   // custom kinds beside the built-in ones, as Validate wants them
	MaxFuture time.Duration    // how far ahead of now a time may lie; 0: 24 hours
	Earliest  time.Time        // older times are invalid; zero: 1970-01-01
	Now       func() time.Time // nil: time.Now
	Metrics   *metric.Metrics  // nil: not counted
	Schema    schema.Settings  // what is declared of items
	Types     schema.Types     // that attributes have; needed where the schema rejects conflicts
	Catalogue Catalogue        // needed where the schema rejects unknown items

	Rejections *Rejections // takes the events that Accept refuses; nil: they are not kept
}

// Catalogue knows the items there are.
type Catalogue interface {
	// MissingItems returns those of the items that are not in the catalogue.
	MissingItems(ctx context.Context, items []kindred.ItemID) ([]kindred.ItemID, error)
}

// Validate reports every fault: kinds that no event could have, and bounds in
// time that would reject every event.
func (c *Config) Validate() error {
	var f faults
	for i, kind := range c.Kinds {
		if !isKind(kind) {
			f.add(fmt.Sprintf("kinds[%d]", i), "%.80q must be 1 to %d lower-case letters, digits and underscores", kind, kindred.MaxKind)
		}
	}
	if c.MaxFuture < 0 {
		f.add("max_future", "is %v, below 0", c.MaxFuture)
	}
	if len(f) == 0 {
		return nil
	}
	return &kindred.Error{Kind: kindred.Invalid, Message: "what is to be accepted is not valid", Fields: f}
}

// Service accepts events. Safe for concurrent use.
type Service struct {
	cfg       Config
	kinds     map[kindred.Kind]bool
	log       Log
	observers []Observer
	types     attributeTypes
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
	s := &Service{cfg: cfg, kinds: knownKinds(cfg.Kinds), log: log, observers: observers}
	s.types.known = map[string]kindred.AttributeType{}
	s.types.learn(cfg.Types)
	return s
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
	Reason string // of a rejected one: a short code, such as invalid_kind
	Faults []kindred.FieldError
}

// refuse notes that an event is rejected.
func (o *Outcome) refuse(reason string, faults ...kindred.FieldError) {
	o.Status, o.Reason, o.Faults = Rejected, reason, faults
}

// Accept stores the valid events and returns the outcome of each. It fills in
// what was left out: an ID, the present for a zero Time, 1 for a Value that is
// not a number. events is not changed. The error is not nil only when nothing
// could be stored.
func (s *Service) Accept(ctx context.Context, events []kindred.Event) ([]Outcome, error) {
	valid, places, outcomes, err := s.prepare(ctx, events)
	if err != nil {
		return nil, err
	}
	if len(valid) > 0 {
		if err := s.store(ctx, valid, places, outcomes); err != nil {
			return nil, err
		}
	}
	s.count(outcomes)
	s.keepRejected(events, outcomes)
	return outcomes, nil
}

// Validate returns the outcomes that Accept would have, and stores nothing. It
// does not look whether an ID is stored already, and gives none out.
func (s *Service) Validate(ctx context.Context, events []kindred.Event) ([]Outcome, error) {
	_, _, outcomes, err := s.prepare(ctx, events)
	for i := range outcomes {
		outcomes[i].ID = events[i].ID
	}
	return outcomes, err
}

// prepare fills the events in and returns those that are valid, their places,
// and an outcome for each.
func (s *Service) prepare(ctx context.Context, events []kindred.Event) (valid []kindred.Event, places []int, outcomes []Outcome, err error) {
	now := s.cfg.Now().UTC().Truncate(time.Millisecond)
	outcomes = make([]Outcome, len(events))
	valid, places = make([]kindred.Event, 0, len(events)), make([]int, 0, len(events))
	for i := range events {
		e := events[i]
		fillIn(&e, now)
		if faults := s.ValidateEvent(&e); len(faults) > 0 {
			outcomes[i].ID = e.ID
			outcomes[i].refuse(Reason(faults[0].Field), faults...)
			continue
		}
		if e.ID == "" {
			e.ID = newID(now)
		}
		outcomes[i].ID = e.ID
		valid, places = append(valid, e), append(places, i)
	}
	if s.refusesUnknown() {
		valid, places, err = s.refuseUnknown(ctx, valid, places, outcomes)
	}
	return valid, places, outcomes, err
}

// unknownItem is why events are refused whose item is not in the catalogue.
const unknownItem = "unknown_item"

func unknownItemFault() kindred.FieldError {
	return kindred.FieldError{Field: "item", Message: "is not in the catalogue (store it first, or set catalogue.unknown_items: accept)"}
}

func (s *Service) refusesUnknown() bool {
	return s.cfg.Schema.UnknownItems == schema.Reject && s.cfg.Catalogue != nil
}

// unknown says of each event whether its item is not in the catalogue.
func (s *Service) unknown(ctx context.Context, events []kindred.Event) ([]bool, error) {
	var ids []kindred.ItemID
	for i := range events {
		if events[i].Item != "" {
			ids = append(ids, events[i].Item)
		}
	}
	missing, err := s.cfg.Catalogue.MissingItems(ctx, ids)
	if err != nil {
		return nil, err
	}
	slices.Sort(missing)
	unknown := make([]bool, len(events))
	for i := range events {
		_, unknown[i] = slices.BinarySearch(missing, events[i].Item)
	}
	return unknown, nil
}

// refuseUnknown rejects the events with items that are not in the catalogue, and
// returns the others.
func (s *Service) refuseUnknown(ctx context.Context, valid []kindred.Event, places []int, outcomes []Outcome) ([]kindred.Event, []int, error) {
	unknown, err := s.unknown(ctx, valid)
	if err != nil {
		return nil, nil, err
	}
	known, knownPlaces := valid[:0], places[:0]
	for i := range valid {
		if unknown[i] {
			outcomes[places[i]].refuse(unknownItem, unknownItemFault())
			continue
		}
		known, knownPlaces = append(known, valid[i]), append(knownPlaces, places[i])
	}
	return known, knownPlaces, nil
}

// fillIn gives an event what its client left out. A rating without a value is
// left to be refused.
func fillIn(e *kindred.Event, now time.Time) {
	if e.Time.IsZero() {
		e.Time = now
	}
	e.Time = e.Time.UTC().Truncate(time.Millisecond)
	if math.IsNaN(e.Value) && e.Kind != kindred.Rating {
		e.Value = 1
	}
	e.Value += 0 // of −0 it makes 0, as the store would
}

func (s *Service) count(outcomes []Outcome) {
	names := [...]string{Accepted: "accepted", Duplicate: "duplicate", Rejected: "rejected"}
	var counts [len(names)]float64
	for _, o := range outcomes {
		counts[o.Status]++
	}
	for status, n := range counts {
		s.cfg.Metrics.IngestEvents.WithLabelValues(names[status]).Add(n)
	}
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
