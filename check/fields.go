package check

import (
	"encoding/json"
	"strings"

	"kindred"
	"kindred/filter"
)

// lookupEvent looks names up in an event, as expectations name them.
func lookupEvent(e *kindred.Event) filter.Lookup {
	return func(name string) (kindred.Attribute, bool) {
		switch name {
		case "id":
			return kindred.StringOf(e.ID), e.ID != ""
		case "user":
			return kindred.StringOf(string(e.User)), e.User != ""
		case "item":
			return kindred.StringOf(string(e.Item)), e.Item != ""
		case "kind":
			return kindred.StringOf(string(e.Kind)), e.Kind != ""
		case "value":
			return kindred.NumberOf(e.Value), true
		case "time":
			return kindred.TimeOf(e.Time), !e.Time.IsZero()
		case "session":
			return kindred.StringOf(e.Session), e.Session != ""
		case "request_id":
			return kindred.StringOf(e.RequestID), e.RequestID != ""
		case "position":
			return kindred.NumberOf(float64(e.Position)), e.Position > 0
		}
		if field, ok := strings.CutPrefix(name, "context."); ok {
			return contextField(e.Context, field)
		}
		return kindred.Attribute{}, false
	}
}

// contextField reads a member of an event's context; one that is no attribute
// (null, or an object) counts as absent.
func contextField(context json.RawMessage, name string) (a kindred.Attribute, has bool) {
	var members map[string]json.RawMessage
	if len(context) == 0 || json.Unmarshal(context, &members) != nil {
		return a, false
	}
	text, has := members[name]
	if !has || json.Unmarshal(text, &a) != nil {
		return kindred.Attribute{}, false
	}
	return a, true
}
