package ingest

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"kindred"
	"kindred/internal/metric"
)

// RejectedStore keeps rows that were refused.
type RejectedStore interface {
	AppendRejected(ctx context.Context, rows []kindred.Rejected) error
}

// How rejected rows are written: apart from the requests, and not more of them
// than are worth a look.
const (
	rejectedInterval = time.Second
	rejectedWaiting  = kindred.MaxBatch // in one interval
	rejectedBytes    = 8 << 20          // of their text
	rejectedTimeout  = 5 * time.Second  // of one write
)

// rejectedAPI is the source of rows that came by request.
const rejectedAPI = "api"

// Rejections keeps rows that requests had refused. Safe for concurrent use.
type Rejections struct {
	store   RejectedStore
	metrics *metric.Metrics
	log     *slog.Logger

	writing sync.Mutex // held while rows are written
	mu      sync.Mutex
	waiting []kindred.Rejected
	bytes   int // of what waits, or more
}

// NewRejections returns a keeper whose Run writes.
func NewRejections(store RejectedStore, metrics *metric.Metrics, log *slog.Logger) *Rejections {
	return &Rejections{store: store, metrics: metrics, log: log}
}

// Reject takes a row, or counts it as dropped when too many wait.
func (r *Rejections) Reject(row kindred.Rejected) {
	r.metrics.RowsRejected.WithLabelValues(row.Reason).Inc()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) >= rejectedWaiting || r.bytes >= rejectedBytes {
		r.metrics.RejectedDropped.Inc()
		return
	}
	r.waiting, r.bytes = append(r.waiting, row), r.bytes+len(row.Raw)+len(row.Event)
}

// Run writes what waits until ctx ends, and what is left then.
func (r *Rejections) Run(ctx context.Context) error {
	tick := time.NewTicker(rejectedInterval)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			r.Flush(ctx)
		}
	}
	r.Flush(ctx)
	return ctx.Err()
}

// Flush writes what waits, even if ctx has ended. Whoever erases a user calls
// it first: the store erases what is written.
func (r *Rejections) Flush(ctx context.Context) {
	r.writing.Lock()
	defer r.writing.Unlock()
	r.mu.Lock()
	rows := r.waiting
	r.waiting, r.bytes = nil, 0
	r.mu.Unlock()
	if len(rows) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rejectedTimeout)
	defer cancel()
	if err := r.store.AppendRejected(ctx, rows); err != nil {
		r.metrics.RejectedDropped.Add(float64(len(rows)))
		r.log.Error("rejected rows could not be kept", "rows", len(rows), "err", err)
	}
}

// keepRejected hands on the events that were refused, filled in as they would
// have been stored, so that to replay one twice stores it once.
func (s *Service) keepRejected(events []kindred.Event, outcomes []Outcome) {
	if s.cfg.Rejections == nil {
		return
	}
	now := s.cfg.Now().UTC().Truncate(time.Millisecond)
	for i := range outcomes {
		if outcomes[i].Status != Rejected {
			continue
		}
		e := events[i]
		fillIn(&e, now)
		if e.ID == "" {
			e.ID = newID(now)
		}
		row := kindred.Rejected{Time: now, Source: rejectedAPI, Reason: outcomes[i].Reason, Detail: detail(outcomes[i].Faults)}
		row.SetEvent(&e)
		s.cfg.Rejections.Reject(row)
	}
}

// detail is the first of a row's faults.
func detail(faults []kindred.FieldError) string { return faults[0].Field + ": " + faults[0].Message }
