package ingest

import (
	"context"

	"kindred"
)

// ReplayStore is where rejected rows are kept.
type ReplayStore interface {
	// RejectedPage returns at most limit rows behind an ID; an empty reason is
	// any.
	RejectedPage(ctx context.Context, reason string, after int64, limit int) ([]kindred.Rejected, error)
	SettleRejected(ctx context.Context, done []int64, still []kindred.Rejected) error
}

// ReplayQuery chooses the rows to judge again.
type ReplayQuery struct {
	Reason string // empty: any
	After  int64  // only rows with a greater ID
	Limit  int64  // 0: all
	Dry    bool   // change nothing
}

// Replayed is what became of rejected rows: each is stored, stored before,
// still refused, or cannot be judged again.
type Replayed struct {
	Rows          int64 `json:"rows"`
	Stored        int64 `json:"stored" doc:"In a dry run: that would be."`
	Duplicates    int64 `json:"duplicates" doc:"Their event was stored already; removed, like those stored."`
	Rejected      int64 `json:"rejected" doc:"Still; kept with their reason of now."`
	NotReplayable int64 `json:"not_replayable" doc:"Could not be read as events; kept."`
	Next          int64 `json:"next,omitempty" doc:"There may be more: give this as after to go on."`
}

// replayPage is how many rows are judged at once.
const replayPage = 1000

// Replay judges the rejected rows again by the rules there are now, stores the
// events that pass as Accept would, and removes their rows. A row is removed
// after its event is durable, and the event has an ID of its own: whatever is
// killed in between, it is stored once. A dry run changes nothing.
func (s *Service) Replay(ctx context.Context, rows ReplayStore, q ReplayQuery) (done Replayed, err error) {
	for after := q.After; ; {
		size := int64(replayPage)
		if q.Limit > 0 {
			size = min(size, q.Limit-done.Rows)
		}
		if size == 0 {
			done.Next = after
			return done, nil
		}
		page, err := rows.RejectedPage(ctx, q.Reason, after, int(size))
		if err != nil || len(page) == 0 {
			return done, err
		}
		after = page[len(page)-1].ID
		if err := s.replay(ctx, rows, page, q.Dry, &done); err != nil {
			return done, err
		}
	}
}

func (s *Service) replay(ctx context.Context, rows ReplayStore, page []kindred.Rejected, dry bool, done *Replayed) error { //nolint:revive // a dry run is the same but for the end
	var events []kindred.Event
	var of []*kindred.Rejected
	for i := range page {
		done.Rows++
		if page[i].Event == nil {
			done.NotReplayable++
			continue
		}
		event, err := page[i].Replay()
		if err != nil {
			return err
		}
		events, of = append(events, event), append(of, &page[i])
	}
	valid, places, outcomes, err := s.prepare(ctx, events)
	if err == nil && len(valid) > 0 && !dry {
		err = s.store(ctx, valid, places, outcomes)
	}
	if err != nil {
		return err
	}
	var settled []int64
	var still []kindred.Rejected
	for i, o := range outcomes {
		switch o.Status {
		case Accepted:
			done.Stored++
		case Duplicate:
			done.Duplicates++
		default:
			done.Rejected++
			of[i].Reason, of[i].Detail = o.Reason, detail(o.Faults)
			still = append(still, *of[i])
			continue
		}
		settled = append(settled, of[i].ID)
	}
	if dry {
		return nil
	}
	s.count(outcomes)
	return rows.SettleRejected(ctx, settled, still)
}
