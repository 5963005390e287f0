package recommend

import (
	"time"

	"kindred"
	"kindred/filter"
)

// Request asks for a list.
type Request struct {
	User        kindred.UserID // empty: anonymous
	Session     []SessionItem  // what was done in the session at hand, oldest first
	N           int
	Exclude     []kindred.ItemID
	Filter      *filter.Filter // nil: everything
	ContextItem kindred.ItemID // the item being looked at
	Explain     bool           // give a Trace
	// SessionID, the client's own, and Context are kept with the list, for the
	// features that describe them.
	SessionID string
	Context   kindred.Attributes
}

// SessionItem is one thing done in the session at hand.
type SessionItem struct {
	Item kindred.ItemID
	Kind kindred.Kind
	Time time.Time
}

// Answer is a list.
type Answer struct {
	RequestID string
	Model     *ModelRef // nil: no model took part
	Items     []Item
	Trace     *Trace
}

// ModelRef names the model that answered.
type ModelRef struct{ Version, Kind string }

// Item is one place of a list.
type Item struct {
	ID     kindred.ItemID
	Score  float64 // comparable within one source of one answer only
	Source string  // what proposed it: a model's kind, similar, popular, trending or newest
	Reason Reason
}

// Reason says why an item is there.
type Reason struct {
	Code string
	Item kindred.ItemID // of the history, if it is because of one
	Text string
}

// Trace says what became of the candidates and where the time went.
type Trace struct {
	History int     `json:"history"` // items the answer is based on
	Seen    int     `json:"seen"`    // items hidden because the user knows them
	Stages  []Stage `json:"stages"`
}

// Stage is one step of an answer.
type Stage struct {
	Name         string `json:"name"`
	Items        int    `json:"items"` // in the list when it ended
	Microseconds int64  `json:"us"`
}
