package ingest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"kindred"
)

// faults gathers what is wrong with one input.
type faults []kindred.FieldError

func (f *faults) add(field, format string, args ...any) {
	*f = append(*f, kindred.FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
}

// id checks an identifier that must be there.
func (f *faults) id(field, id string) {
	if id == "" {
		f.add(field, "is required")
		return
	}
	f.word(field, id)
}

// word checks an identifier, or the like, that may be empty.
func (f *faults) word(field, s string) {
	switch {
	case len(s) > kindred.MaxID:
		f.add(field, "has %d bytes, more than %d", len(s), kindred.MaxID)
	case !utf8.ValidString(s):
		f.add(field, "is not valid UTF-8")
	case strings.ContainsFunc(s, unicode.IsControl):
		f.add(field, "holds a control character")
	}
}

func knownKinds(custom []kindred.Kind) map[kindred.Kind]bool {
	kinds := map[kindred.Kind]bool{}
	for _, k := range append([]kindred.Kind{
		kindred.View, kindred.Click, kindred.AddToCart, kindred.Purchase, kindred.Refund, kindred.Rating,
		kindred.Like, kindred.Dislike, kindred.Play, kindred.Search, kindred.Impression,
	}, custom...) {
		kinds[k] = true
	}
	return kinds
}

// ValidateEvent reports every fault of an event, by field. It fills nothing
// in; an ID may be missing, a time and a value may not.
func (s *Service) ValidateEvent(e *kindred.Event) []kindred.FieldError {
	var f faults
	f.word("event_id", e.ID)
	f.id("user", string(e.User))
	if e.Kind != kindred.Search || e.Item != "" {
		f.id("item", string(e.Item))
	}
	s.kind(&f, e.Kind)
	switch {
	case math.IsNaN(e.Value) && e.Kind == kindred.Rating:
		f.add("value", "is required: how many stars")
	case math.IsNaN(e.Value) || math.IsInf(e.Value, 0):
		f.add("value", "must be finite")
	}
	now := s.cfg.Now()
	switch {
	case e.Time.Before(s.cfg.Earliest):
		f.add("time", "is before %s", s.cfg.Earliest.UTC().Format(time.RFC3339))
	case e.Time.After(now.Add(s.cfg.MaxFuture)):
		f.add("time", "is more than %v ahead of now", s.cfg.MaxFuture)
	}
	f.word("session", e.Session)
	f.word("request_id", e.RequestID)
	if e.Position < 0 {
		f.add("position", "is %d, below 0 (1 is the first place, 0 unknown)", e.Position)
	}
	switch context := bytes.TrimSpace(e.Context); {
	case len(e.Context) > kindred.MaxContext:
		f.add("context", "has %d bytes, more than %d", len(e.Context), kindred.MaxContext)
	case e.Context != nil && (!json.Valid(context) || context[0] != '{' || !utf8.Valid(context)):
		f.add("context", "must be a JSON object in UTF-8")
	}
	return f
}

// isKind says whether a kind is written as kinds are.
func isKind(kind kindred.Kind) bool {
	return kind != "" && len(kind) <= kindred.MaxKind &&
		strings.Trim(string(kind), "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

func (s *Service) kind(f *faults, kind kindred.Kind) {
	switch {
	case kind == "":
		f.add("kind", "is required")
	case !isKind(kind):
		f.add("kind", "must be at most %d lower-case letters, digits and underscores", kindred.MaxKind)
	case !s.kinds[kind]:
		f.add("kind", "%q is not declared (add it to kinds: in kindred.yaml)", kind)
	}
}

// ValidateItem reports every fault of an item, by field, whatever is declared.
func ValidateItem(i *kindred.Item) []kindred.FieldError {
	var f faults
	f.id("id", string(i.ID))
	if !utf8.ValidString(i.Title) || len(i.Title) > kindred.MaxText {
		f.add("title", "must be valid UTF-8 of at most %d bytes", kindred.MaxText)
	}
	if len(i.Categories) > kindred.MaxAttributes {
		f.add("categories", "has %d entries, more than %d", len(i.Categories), kindred.MaxAttributes)
	}
	for k, category := range i.Categories {
		f.id(fmt.Sprintf("categories[%d]", k), category)
	}
	f.moment("available_from", i.AvailableFrom)
	f.moment("available_until", i.AvailableUntil)
	f.word("group", string(i.Group))
	f.price("price", i.Price)
	f.price("sale_price", i.SalePrice)
	if i.SalePrice > i.Price && i.Price > 0 {
		f.add("sale_price", "is %g, above the price of %g", i.SalePrice, i.Price)
	}
	if i.Stock != nil && *i.Stock < 0 {
		f.add("stock", "is %d, below 0", *i.Stock)
	}
	if !i.AvailableFrom.IsZero() && !i.AvailableUntil.IsZero() && !i.AvailableFrom.Before(i.AvailableUntil) {
		f.add("available_until", "must be after available_from")
	}
	f.attributes(i.Attributes)
	return f
}

func (f *faults) price(field string, price float64) {
	if !(price >= 0) || math.IsInf(price, 0) {
		f.add(field, "must be finite and not below 0")
	}
}

// ValidateUser reports every fault of a user, by field.
func ValidateUser(u *kindred.User) []kindred.FieldError {
	var f faults
	f.id("id", string(u.ID))
	f.attributes(u.Attributes)
	return f
}

// ValidateMerge reports every fault of a merge, by field.
func ValidateMerge(m *kindred.Merge) []kindred.FieldError {
	var f faults
	f.id("user", string(m.User))
	f.id("from", string(m.From))
	if m.User == m.From && m.User != "" {
		f.add("from", "is the user")
	}
	f.word("why", m.Why)
	return f
}

// ValidateExposure reports every fault of an exposure, by field.
func ValidateExposure(x *kindred.Exposure) []kindred.FieldError {
	var f faults
	f.id("request_id", x.RequestID)
	f.word("user", string(x.User))
	f.word("model", x.Model)
	f.moment("time", x.Time)
	switch {
	case len(x.Items) > kindred.MaxBatch:
		f.add("items", "has %d entries, more than %d", len(x.Items), kindred.MaxBatch)
		return f
	case len(x.Sources) != 0 && len(x.Sources) != len(x.Items):
		f.add("sources", "has %d entries, items %d", len(x.Sources), len(x.Items))
	}
	for i, item := range x.Items {
		f.id(fmt.Sprintf("items[%d]", i), string(item))
	}
	for i, source := range x.Sources {
		f.word(fmt.Sprintf("sources[%d]", i), source)
	}
	return f
}

// moment checks that a time can be written as in RFC 3339, and so be read
// back.
func (f *faults) moment(field string, t time.Time) {
	if year := t.UTC().Year(); year < 1 || year > 9999 {
		f.add(field, "must lie in the years 1 to 9999")
	}
}

// attributes checks them in the order of their names.
func (f *faults) attributes(attributes kindred.Attributes) {
	if len(attributes) > kindred.MaxAttributes {
		f.add("attributes", "has %d entries, more than %d", len(attributes), kindred.MaxAttributes)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		field, a := "attributes."+name, attributes[name]
		f.id(field, name)
		if err := a.Valid(); err != nil {
			f.add(field, "%v", err)
		}
		f.moment(field, a.Time)
		if !utf8.ValidString(a.Text) || slices.ContainsFunc(a.Set, func(word string) bool { return !utf8.ValidString(word) }) {
			f.add(field, "is not valid UTF-8")
		}
	}
}
