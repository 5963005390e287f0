package kindred

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// AttributeType says what an attribute's value is.
type AttributeType uint8

// The types an attribute can have.
const (
	Number    AttributeType = iota + 1 // float64
	Bool                               // bool
	Time                               // time.Time
	String                             // a word from a vocabulary: brand, colour
	StringSet                          // several words: genres, tags
	Text                               // prose: a description
	Vector                             // []float32, an embedding made elsewhere
)

// String returns the type's name as it stands in JSON and configuration.
func (t AttributeType) String() string {
	names := [...]string{"invalid", "number", "bool", "time", "string", "string_set", "text", "vector"}
	if int(t) >= len(names) {
		return names[0]
	}
	return names[t]
}

// Attribute is one typed value. Exactly the field its Type names is set.
//
// In JSON a number, bool, string, array of strings (string_set) and array of
// numbers (vector) stand for themselves; a time is {"time": "2026-01-02T15:04:05Z"}
// and prose is {"text": "…"}.
type Attribute struct { //nolint:recvcheck // json calls MarshalJSON on values and UnmarshalJSON on pointers
	Type   AttributeType
	Number float64
	Bool   bool
	Time   time.Time
	Text   string   // String and Text
	Set    []string // sorted, without duplicates
	Vector []float32
}

// Attributes are an item's or user's properties by name.
type Attributes map[string]Attribute

// NumberOf returns a Number attribute.
func NumberOf(x float64) Attribute { return Attribute{Type: Number, Number: x} }

// BoolOf returns a Bool attribute.
func BoolOf(b bool) Attribute { return Attribute{Type: Bool, Bool: b} }

// TimeOf returns a Time attribute.
func TimeOf(t time.Time) Attribute { return Attribute{Type: Time, Time: t.UTC()} }

// StringOf returns a String attribute.
func StringOf(s string) Attribute { return Attribute{Type: String, Text: s} }

// TextOf returns a Text attribute.
func TextOf(s string) Attribute { return Attribute{Type: Text, Text: s} }

// SetOf returns a StringSet attribute of the given words.
func SetOf(words ...string) Attribute {
	set := slices.Clone(words)
	slices.Sort(set)
	return Attribute{Type: StringSet, Set: slices.Compact(set)}
}

// VectorOf returns a Vector attribute that keeps x.
func VectorOf(x []float32) Attribute { return Attribute{Type: Vector, Vector: x} }

// MarshalJSON writes the short form described at Attribute.
func (a Attribute) MarshalJSON() ([]byte, error) {
	switch a.Type {
	case Number:
		return json.Marshal(a.Number)
	case Bool:
		return json.Marshal(a.Bool)
	case Time:
		return json.Marshal(map[string]time.Time{"time": a.Time})
	case String:
		return json.Marshal(a.Text)
	case StringSet:
		if a.Set == nil {
			return []byte("[]"), nil
		}
		return json.Marshal(a.Set)
	case Text:
		return json.Marshal(map[string]string{"text": a.Text})
	case Vector:
		return json.Marshal(a.Vector)
	default:
		return nil, fmt.Errorf("attribute of type %v has no JSON form", a.Type)
	}
}

// UnmarshalJSON reads the short form described at Attribute. An empty array
// is an empty string set.
func (a *Attribute) UnmarshalJSON(data []byte) error {
	switch data = bytes.TrimSpace(data); {
	case len(data) == 0:
		return errAttribute
	case data[0] == '"':
		a.Type = String
		return json.Unmarshal(data, &a.Text)
	case data[0] == 't' || data[0] == 'f':
		a.Type = Bool
		return json.Unmarshal(data, &a.Bool)
	case data[0] == '[':
		return a.unmarshalArray(data)
	case data[0] == '{':
		return a.unmarshalObject(data)
	case data[0] == 'n':
		return errAttribute
	default:
		a.Type = Number
		return json.Unmarshal(data, &a.Number)
	}
}

var errAttribute = errors.New("an attribute is a number, bool, string, array of strings, array of numbers, " +
	`{"time": "…"} or {"text": "…"}`)

func (a *Attribute) unmarshalArray(data []byte) error {
	var words []string
	if json.Unmarshal(data, &words) == nil {
		*a = SetOf(words...)
		return nil
	}
	var numbers []float32
	if json.Unmarshal(data, &numbers) != nil {
		return errAttribute
	}
	*a = VectorOf(numbers)
	return nil
}

func (a *Attribute) unmarshalObject(data []byte) error {
	var object struct {
		Time *time.Time `json:"time"`
		Text *string    `json:"text"`
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&object); err != nil {
		return errAttribute
	}
	switch {
	case object.Time != nil && object.Text == nil:
		*a = TimeOf(*object.Time)
	case object.Text != nil && object.Time == nil:
		*a = TextOf(*object.Text)
	default:
		return errAttribute
	}
	return nil
}

// Valid reports what is wrong with the attribute's value, or nil.
func (a *Attribute) Valid() error {
	switch a.Type {
	case Number:
		return finite(a.Number)
	case String, Text:
		return atMost(len(a.Text), MaxText, "bytes")
	case StringSet:
		size := 0
		for _, word := range a.Set {
			size += len(word)
		}
		return atMost(size, MaxText, "bytes")
	case Vector:
		for _, x := range a.Vector {
			if err := finite(float64(x)); err != nil {
				return err
			}
		}
		return atMost(len(a.Vector), MaxVector, "numbers")
	case Bool, Time:
		return nil
	default:
		return errAttribute
	}
}

func finite(x float64) error {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return errors.New("must be finite")
	}
	return nil
}

func atMost(size, limit int, unit string) error {
	if size > limit {
		return fmt.Errorf("has %d %s, more than %d", size, unit, limit)
	}
	return nil
}
