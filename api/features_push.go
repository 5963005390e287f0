package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"kindred"
	"kindred/feature"
	"kindred/store"
)

func (s *Server) pushFeatures(w *recorder, r *http.Request) error {
	return s.push(w, r, "push_source_name", "to", "allow_registry_cache", "transform_on_write")
}

func (s *Server) writeFeatures(w *recorder, r *http.Request) error {
	return s.push(w, r, "feature_view_name", "allow_registry_cache", "transform_on_write")
}

// push stores the values of a body whose field source names the entity; the
// fields in others are Feast's and change nothing.
func (s *Server) push(w *recorder, r *http.Request, source string, others ...string) error {
	var values []store.FeatureValue
	err := s.withBody(w, r, func(body []byte) (err error) {
		in := newReader(body)
		p := pushed{columns: map[string][]kindred.Attribute{}}
		in.fields(append([]string{source, "df"}, others...), func(field int) {
			switch field {
			case 0:
				p.entity = feature.Entity(in.text())
			case 1:
				in.members(func(name []byte) { in.pushColumn(&p, string(name)) })
			default:
				in.skip()
			}
		})
		return in.finish("push", func() (faults []kindred.FieldError) {
			values, faults = p.values(s.deps.Features.Plan(), source, s.now())
			return faults
		})
	})
	if err != nil {
		return err
	}
	if err := s.deps.Features.Push(r.Context(), values); err != nil {
		return err
	}
	return answerJSON(w, http.StatusOK, pushAnswer{len(values)})
}

// pushed is a push as it was read.
type pushed struct {
	entity  feature.Entity
	key     feature.Entity // of the join key
	ids     []string
	times   []time.Time
	order   []string
	columns map[string][]kindred.Attribute // a zero Attribute: none
}

func (r *reader) pushColumn(p *pushed, name string) {
	if len(p.order) == maxColumns || slices.Contains(p.order, name) {
		r.fault("is given twice, or is one column too many")
		r.skip()
		return
	}
	p.order = append(p.order, name)
	if entity, isKey := entityOf(name); isKey && p.ids == nil {
		p.key = entity
		r.elements(kindred.MaxBatch, func(int) {
			id, _ := r.joinKey()
			p.ids = append(p.ids, id)
		})
		return
	}
	switch name {
	case "event_timestamp":
		r.elements(kindred.MaxBatch, func(int) { p.times = append(p.times, r.feastTime()) })
	case "created":
		r.skip()
	default:
		list := []kindred.Attribute{}
		r.elements(kindred.MaxBatch, func(int) {
			var a kindred.Attribute
			if raw := r.raw(); string(raw) != "null" {
				if err := json.Unmarshal(raw, &a); err != nil && r.failure == nil {
					r.fault("must be null, a number, boolean, string, array of strings or array of numbers")
				}
			}
			list = append(list, a)
		})
		p.columns[name] = list
	}
}

// values makes a row of each value that was pushed, or tells what is wrong.
func (p *pushed) values(plan *feature.Plan, source string, now time.Time) (values []store.FeatureValue, faults []kindred.FieldError) {
	fault := func(field, format string, args ...any) {
		faults = append(faults, kindred.FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
	}
	if p.entity != feature.User && p.entity != feature.Item {
		fault(source, "must be user or item")
		return nil, faults
	}
	if p.key != p.entity || len(p.ids) == 0 {
		fault("df", "must have the join key %s_id, with at least one row", p.entity)
		return nil, faults
	}
	if p.times != nil && len(p.times) != len(p.ids) {
		fault("df.event_timestamp", "has %d rows, the join key %d", len(p.times), len(p.ids))
		return nil, faults
	}
	for _, name := range p.order {
		column := p.columns[name]
		if column == nil {
			continue
		}
		ref := feature.Ref(string(p.entity) + ":" + name)
		property, ok := plan.Property(ref)
		if !ok {
			fault("df."+name, "is no feature of %s of kind attribute or embedding", p.entity)
			continue
		}
		if len(column) != len(p.ids) {
			fault("df."+name, "has %d rows, the join key %d", len(column), len(p.ids))
			continue
		}
		kind, _ := plan.TypeOf(ref)
		for row := range column {
			v := store.FeatureValue{Entity: string(p.entity), ID: p.ids[row], Name: property, Time: p.timeOf(row, now)}
			if a := &column[row]; a.Type != 0 {
				if message := unfit(kind, a); message != "" {
					fault(fmt.Sprintf("df.%s[%d]", name, row), "%s", message)
				}
				v.Value = a
			}
			values = append(values, v)
		}
	}
	return values, faults
}

// timeOf is from when on a row's values hold.
func (p *pushed) timeOf(row int, now time.Time) time.Time {
	if p.times != nil {
		return p.times[row]
	}
	return now.UTC().Truncate(time.Millisecond)
}

// unfit says why a value is none for a feature of a type; empty if it is.
func unfit(kind feature.Type, a *kindred.Attribute) string {
	if !kind.Takes(a.Type) {
		return fmt.Sprintf("must be a %s, is a %s", kind, a.Type)
	}
	if err := a.Valid(); err != nil {
		return err.Error()
	}
	return ""
}
