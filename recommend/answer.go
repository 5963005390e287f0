// Package recommend is the read path: from a user or a session to a list.
package recommend

import (
	"time"

	"kindred"
)

// Request asks for a list.
type Request struct {
	User        kindred.UserID
	Session     []SessionItem // oldest first
	N           int
	Exclude     []kindred.ItemID
	ContextItem kindred.ItemID // the item being looked at
	Explain     bool
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
	Model     *ModelRef // nil: no model is live
	Items     []Item
}

// ModelRef names the model that answered.
type ModelRef struct{ Version, Kind string }

// Item is one place of a list.
type Item struct {
	ID     kindred.ItemID
	Score  float64
	Source string
	Reason Reason
}

// Reason says why an item is there.
type Reason struct {
	Code string
	Item kindred.ItemID
	Text string
}
