// Package kindred holds the words that every other package speaks: what a
// shop, a library or an app reports (Event, Item, User), what it is answered
// (Exposure), what was found about it (Verdict), what is learned from it (ModelVersion) and
// what can go wrong (Error). It knows nothing of storage, HTTP or algorithms.
//
// Identifiers are strings chosen by the client; they are never interpreted.
// Times are instants; durations and units are part of a name or a type.
package kindred

import (
	"encoding/json"
	"strings"
	"time"
)

// UserID names a user in the client's own words. At most MaxID bytes.
type UserID string

// ItemID names an item in the client's own words. At most MaxID bytes.
type ItemID string

// SessionGap is the pause that ends a visit where clients name no sessions: the
// half hour that web statistics use. Cleaning may be told another.
const SessionGap = 30 * time.Minute

// Limits that hold for every door into the system.
const (
	MaxID         = 256     // bytes of an identifier
	MaxKind       = 64      // bytes of an event kind
	MaxContext    = 8 << 10 // bytes of an event's context
	MaxBatch      = 10_000  // rows in one call
	MaxAttributes = 256     // attributes of one item or user
	MaxText       = 32 << 10
	MaxVector     = 4096 // numbers in a vector attribute
)

// Kind says what a user did. Any name of at most MaxKind bytes of lower-case
// letters, digits and underscores is a kind; these are the ones with a meaning
// of their own.
type Kind string

// The kinds every part of the system understands.
const (
	View       Kind = "view"
	Click      Kind = "click"
	AddToCart  Kind = "add_to_cart"
	Purchase   Kind = "purchase"
	Refund     Kind = "refund"
	Rating     Kind = "rating"
	Like       Kind = "like"
	Dislike    Kind = "dislike"
	Play       Kind = "play"
	Search     Kind = "search"
	Impression Kind = "impression"
)

// Event is one thing a user did at one moment. Events are only ever appended:
// the same user may buy the same item ten times, and all ten remain.
type Event struct {
	// ID makes a repeated delivery harmless: an ID already stored is not
	// stored again. Given by the client or generated on arrival.
	ID   string
	User UserID
	Item ItemID // empty only for Search
	Kind Kind
	// Value is how much: stars for a rating, pieces for a purchase, seconds
	// for a play, and 1 where the client said nothing. Always finite.
	Value float64
	Time  time.Time // millisecond precision, UTC

	Session   string          // the client's own session, if it has one
	RequestID string          // the recommendation that led here, if one did
	Position  int             // 1-based place in the list it was seen at; 0 unknown
	Context   json.RawMessage // a JSON object of the client's, or nil

	// Verdict is what cleaning found, where the event was read from the store.
	Verdict Verdict
}

// Item is something that can be recommended.
type Item struct {
	ID             ItemID
	Title          string
	Categories     []string   // each may be a path: "Home > Kitchen"; see Levels
	Group          ItemID     // what it is a variant of; empty: of nothing
	Price          float64    // in the shop's currency; 0 unknown
	SalePrice      float64    // what is asked for at present instead; 0: the price
	Stock          *int64     // pieces left; nil: not counted
	Backorder      bool       // can be ordered when there are none left
	AvailableFrom  time.Time  // zero: always was
	AvailableUntil time.Time  // zero: no end
	Attributes     Attributes // further properties, typed
	UpdatedAt      time.Time
}

// Cost is what is asked for the item at present; 0 unknown.
func (i *Item) Cost() float64 {
	if i.SalePrice > 0 {
		return i.SalePrice
	}
	return i.Price
}

// Price is what was asked for an item from a moment on.
type Price struct {
	Item ItemID
	From time.Time
	Cost float64 // see Item.Cost
}

// AvailableAt says whether the item may be recommended at that moment:
// AvailableFrom is inclusive, AvailableUntil exclusive, and there must be a
// piece left, if they are counted, unless it can be ordered nevertheless.
func (i *Item) AvailableAt(now time.Time) bool {
	return (i.Stock == nil || *i.Stock > 0 || i.Backorder) &&
		(i.AvailableFrom.IsZero() || !now.Before(i.AvailableFrom)) &&
		(i.AvailableUntil.IsZero() || now.Before(i.AvailableUntil))
}

// Levels returns a category with those above it, the widest first: of
// "Home > Kitchen > Mugs", or "Home/Kitchen/Mugs", it is "Home",
// "Home/Kitchen" and "Home/Kitchen/Mugs".
func Levels(category string) (levels []string) {
	parts := strings.FieldsFunc(category, func(c rune) bool { return c == '/' || c == '>' })
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
		levels = append(levels, strings.Join(parts[:i+1], "/"))
	}
	return levels
}

// User is someone recommendations are made for. A user need not be known
// beforehand: the first event makes one.
type User struct {
	ID         UserID
	Attributes Attributes
	UpdatedAt  time.Time
}

// Exposure is a list that was shown: what an answer consisted of, so that
// later events can be joined to it by RequestID.
type Exposure struct {
	RequestID string
	User      UserID // empty for an anonymous session
	Session   string // the client's own session, if it has one
	Time      time.Time
	Model     string // version of the model that answered
	Items     []ItemID
	Sources   []string   // by item: which source proposed it
	Context   Attributes // what the request said of itself; nil: nothing
}
