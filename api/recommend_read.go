package api

import (
	"fmt"

	"kindred"
	"kindred/recommend"
)

// readRecommendation decodes a recommendBody.
func readRecommendation(body []byte) (recommend.Request, error) {
	names := [...]string{"user", "session", "n", "exclude", "category", "filter", "context_item", "explain", "session_id", "context"}
	ask := recommend.Request{N: defaultN}
	var expr, category string
	in := newReader(body)
	in.fields(names[:], func(field int) {
		switch names[field] {
		case "user":
			ask.User = kindred.UserID(in.id())
		case "session":
			in.elements(maxSession, func(int) { ask.Session = append(ask.Session, in.sessionItem()) })
		case "n":
			ask.N = in.integer(1, maxN)
		case "exclude":
			in.elements(maxExclude, func(int) { ask.Exclude = append(ask.Exclude, kindred.ItemID(in.id())) })
		case "category":
			category = in.text()
		case "filter":
			expr = in.text()
		case "context_item":
			ask.ContextItem = kindred.ItemID(in.id())
		case "explain":
			ask.Explain = in.boolean()
		case "session_id":
			ask.SessionID = in.id()
		case "context":
			ask.Context = in.context()
		}
	})
	if err := in.finish("request", func() []kindred.FieldError { return nil }); err != nil {
		return ask, err
	}
	var err error
	ask.Filter, err = filterOf("body.", expr, category)
	return ask, err
}

// context reads what a request says of itself.
func (r *reader) context() kindred.Attributes {
	r.space()
	start := r.pos
	all := r.attributes()
	if r.pos-start > kindred.MaxContext {
		r.fault(fmt.Sprintf("has %d bytes, more than %d", r.pos-start, kindred.MaxContext))
	}
	return all
}

// id reads an identifier.
func (r *reader) id() string {
	before := len(r.faults)
	id := r.text()
	if message := idFault(id); message != "" && len(r.faults) == before && r.failure == nil {
		r.fault(message)
	}
	return id
}

func (r *reader) sessionItem() recommend.SessionItem {
	names := [...]string{"item", "kind", "time"}
	step := recommend.SessionItem{Kind: kindred.View}
	faults := len(r.faults)
	r.fields(names[:], func(field int) {
		switch names[field] {
		case "item":
			step.Item = kindred.ItemID(r.id())
		case "kind":
			if step.Kind = internKind(r.textBytes()); len(step.Kind) > kindred.MaxKind {
				r.fault(fmt.Sprintf("has %d bytes, more than %d", len(step.Kind), kindred.MaxKind))
			}
		case "time":
			step.Time = r.time()
		}
	})
	if step.Item == "" && len(r.faults) == faults && r.failure == nil {
		r.path = append(r.path, ".item"...)
		r.fault("is required")
		r.path = r.path[:len(r.path)-len(".item")]
	}
	return step
}
