package kindred

import (
	"cmp"
	"encoding/json"
	"math"
	"time"
)

// Bounds of the rejected rows that are kept: the oldest go first.
const (
	MaxRejected      = 100_000
	MaxRejectedBytes = 64 << 20
	MaxRejectedRow   = 8 << 10 // of one row's text
)

// Rejected is a row that was refused, as it came.
type Rejected struct {
	ID     int64 // given by the store, ascending
	Time   time.Time
	Source string // api, or file:line
	Reason string // a short code, such as invalid_kind
	Detail string
	Raw    string // as it came, or empty where Event says all
	Cut    bool   // the row was longer than MaxRejectedRow
	// Event is the row as an event with an ID of its own, in JSON, if it could
	// be read as one: it can be judged again when the rules have changed.
	Event []byte
	User  UserID // if the row named one
}

// rejectedEvent is an event whose value may be absent.
type rejectedEvent struct {
	Event
	Value *float64
}

// SetEvent keeps an event to be judged again, unless it is too long.
func (r *Rejected) SetEvent(e *Event) {
	kept := rejectedEvent{Event: *e}
	if !math.IsNaN(e.Value) && !math.IsInf(e.Value, 0) {
		kept.Value = &e.Value
	}
	r.User = e.User
	data, err := json.Marshal(kept)
	switch {
	case err != nil:
		r.Raw = err.Error()
	case len(data) > MaxRejectedRow:
		r.Raw, r.Cut = string(data[:MaxRejectedRow]), true
	default:
		r.Event = data
	}
}

// Replay returns the event that SetEvent kept; its value is NaN if it had none.
func (r *Rejected) Replay() (Event, error) {
	var kept rejectedEvent
	if err := json.Unmarshal(r.Event, &kept); err != nil {
		return Event{}, Errorf(Internal, "the rejected row %d cannot be read: %v", r.ID, err)
	}
	kept.Event.Value = math.NaN()
	if kept.Value != nil {
		kept.Event.Value = *kept.Value
	}
	if string(kept.Context) == "null" {
		kept.Context = nil
	}
	return kept.Event, nil
}

// Text is the row as it came, or the event that was read from it.
func (r *Rejected) Text() string { return cmp.Or(r.Raw, string(r.Event)) }
