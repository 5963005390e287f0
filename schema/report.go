package schema

import (
	"cmp"
	"hash/fnv"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"kindred"
)

// Bounds of what a report holds of one attribute.
const (
	maxExamples = 5
	maxExample  = 60   // bytes
	maxDistinct = 1000 // counted values; more are not told apart
	maxNames    = 4096 // attributes that are told of
)

// Report is what items have in fact.
type Report struct {
	Items      int64       `json:"items"`
	Unlisted   int64       `json:"unlisted,omitempty" doc:"Values under further names: there are 4096 in the report at most."`
	Attributes []Attribute `json:"attributes" doc:"The most filled first. Of the item's own fields, such as price, only those that some item has."`
}

// Attribute is one attribute, or one of an item's own fields.
type Attribute struct {
	Name  string `json:"name" example:"brand"`
	Field bool   `json:"field,omitempty" doc:"It is one of the item's own fields, such as price."`
	// Types counts items by the type that it has there: more than one is a
	// conflict.
	Types     map[string]int64 `json:"types"`
	Conflict  bool             `json:"conflict,omitempty" doc:"It has different types on different items: models take the most frequent, filters match each by its own."`
	Filled    int64            `json:"filled" doc:"Items that have it."`
	Share     float64          `json:"share" doc:"Of all items."`
	Distinct  int              `json:"distinct,omitempty" doc:"Different values, words or numbers; 1000 means that many at least."`
	Examples  []string         `json:"examples,omitempty"`
	FirstSeen *time.Time       `json:"first_seen,omitempty" doc:"When the first of the items that have it was stored as it is."`
	Declared  *Declared        `json:"declared,omitempty"`
	Faulty    int64            `json:"faulty,omitempty" doc:"Items stored before it was declared that are not so."`
}

// Types are the types of items' attributes, by name.
type Types map[string]kindred.AttributeType

// Types returns the type that each attribute has on most items; of several, the
// first by name.
func (r *Report) Types() Types {
	types := Types{}
	for i := range r.Attributes {
		a := &r.Attributes[i]
		if a.Field {
			continue
		}
		most := int64(0)
		for _, name := range slices.Sorted(maps.Keys(a.Types)) {
			if a.Types[name] > most {
				most = a.Types[name]
				types[a.Name], _ = typeOf(name)
			}
		}
	}
	return types
}

// Inference gathers what items have, in a few kilobytes an attribute.
type Inference struct {
	settings Settings
	items    int64
	unlisted int64
	found    map[key]*found
}

// key tells an attribute and a field of the same name apart.
type key struct {
	name  string
	field bool
}

// found is an attribute in the making.
type found struct {
	Attribute
	values map[uint64]bool // hashes of distinct ones
}

// NewInference returns an empty inference that compares with what is declared.
func NewInference(settings Settings) *Inference {
	n := &Inference{settings: settings, found: map[key]*found{}}
	for name, declared := range settings.Attributes {
		n.attribute(key{name: name}).Declared = &declared
	}
	return n
}

// attribute returns what is found of an attribute; nil if there are too many.
func (n *Inference) attribute(k key) *found {
	a := n.found[k]
	if a == nil && len(n.found) < maxNames {
		a = &found{Attribute{Name: k.name, Field: k.field, Types: map[string]int64{}}, map[uint64]bool{}}
		n.found[k] = a
	}
	return a
}

// Add takes an item in.
func (n *Inference) Add(item *kindred.Item) {
	n.items++
	for name, value := range item.Attributes {
		n.add(key{name, false}, &value, item.UpdatedAt)
	}
	for name, value := range fields(item) {
		n.add(key{name, true}, &value, item.UpdatedAt)
	}
	for name, declared := range n.settings.Attributes {
		a, has := item.Attributes[name]
		if !has && declared.Required || has && declared.fault(&a) != "" {
			if f := n.attribute(key{name: name}); f != nil {
				f.Faulty++
			}
		}
	}
}

// fields are an item's own fields that are set.
func fields(item *kindred.Item) kindred.Attributes {
	all := kindred.Attributes{}
	if item.Title != "" {
		all["title"] = kindred.TextOf(item.Title)
	}
	if len(item.Categories) > 0 {
		all["categories"] = kindred.SetOf(item.Categories...)
	}
	if item.Group != "" {
		all["group"] = kindred.StringOf(string(item.Group))
	}
	if item.Stock != nil {
		all["stock"] = kindred.NumberOf(float64(*item.Stock))
	}
	for name, price := range map[string]float64{"price": item.Price, "sale_price": item.SalePrice} {
		if price != 0 {
			all[name] = kindred.NumberOf(price)
		}
	}
	for name, at := range map[string]time.Time{"available_from": item.AvailableFrom, "available_until": item.AvailableUntil} {
		if !at.IsZero() {
			all[name] = kindred.TimeOf(at)
		}
	}
	return all
}

func (n *Inference) add(k key, value *kindred.Attribute, at time.Time) {
	a := n.attribute(k)
	if a == nil {
		n.unlisted++
		return
	}
	a.Filled++
	a.Types[value.Type.String()]++
	if !at.IsZero() && (a.FirstSeen == nil || at.Before(*a.FirstSeen)) {
		a.FirstSeen = &at
	}
	for _, text := range texts(value) {
		a.note(text)
	}
}

// note counts a value, if it is a new one, and keeps it if it is among the
// first in the order of the alphabet.
func (a *found) note(text string) {
	hash := fnv.New64a()
	_, _ = io.WriteString(hash, text) // it takes everything
	if len(a.values) < maxDistinct {
		a.values[hash.Sum64()] = true
	}
	short := shortened(text)
	at, known := slices.BinarySearch(a.Examples, short)
	if known || at == maxExamples {
		return
	}
	a.Examples = slices.Insert(a.Examples, at, short)
	a.Examples = a.Examples[:min(len(a.Examples), maxExamples)]
}

// texts returns a value as people read it; a set's words one by one.
func texts(a *kindred.Attribute) []string {
	switch a.Type {
	case kindred.Number:
		return []string{strconv.FormatFloat(a.Number, 'g', -1, 64)}
	case kindred.Bool:
		return []string{strconv.FormatBool(a.Bool)}
	case kindred.Time:
		return []string{a.Time.Format(time.RFC3339)}
	case kindred.StringSet:
		return a.Set
	case kindred.Vector:
		return []string{strconv.Itoa(len(a.Vector)) + " numbers"}
	default:
		return []string{a.Text}
	}
}

// Report returns what was found, the same whatever the order of Add.
func (n *Inference) Report() Report {
	r := Report{Items: n.items, Unlisted: n.unlisted, Attributes: []Attribute{}}
	for _, a := range n.found {
		a.Conflict, a.Distinct = len(a.Types) > 1, len(a.values)
		a.Share = float64(a.Filled) / float64(max(1, n.items))
		r.Attributes = append(r.Attributes, a.Attribute)
	}
	slices.SortFunc(r.Attributes, func(a, b Attribute) int {
		order := cmp.Or(cmp.Compare(b.Filled, a.Filled), cmp.Compare(a.Name, b.Name))
		if order == 0 && a.Field {
			return -1
		}
		return order
	})
	return r
}

func shortened(text string) string {
	if len(text) <= maxExample {
		return text
	}
	end := maxExample
	for end > 0 && text[end]&0xc0 == 0x80 { // within a rune
		end--
	}
	return text[:end] + "…"
}
