package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"kindred"
	"kindred/feature"
)

// materializeBody is read as Feast's client sends it.
type materializeBody struct {
	Start   string   `json:"start_ts,omitempty" doc:"The beginning of what is to be there afterwards: not after end_ts, nor after now. The whole log is taken in, so nothing of the span is left out."`
	End     string   `json:"end_ts,omitempty" doc:"The end of it. The features never stand at a past moment, so what came since is there, too; what is to come is not, so later than now means now."`
	Views   []string `json:"feature_views,omitempty" doc:"Entities that have features: user, item, user_item, session or context. All are computed, whichever are named."`
	Always  bool     `json:"disable_event_timestamp,omitempty" doc:"Read and passed over, as is full_feature_names."`
	Version string   `json:"version,omitempty" doc:"Must be left out: there are only the features as they are defined now."`
}

// readMaterialize checks a materializeBody.
func readMaterialize(body []byte, plan *feature.Plan, now time.Time) error {
	names := [...]string{"start_ts", "end_ts", "feature_views", "version", "disable_event_timestamp", "full_feature_names"}
	var start, end time.Time
	var views []string
	in := newReader(body)
	in.fields(names[:], func(field int) {
		switch names[field] {
		case "start_ts":
			start = in.feastTime()
		case "end_ts":
			end = in.feastTime()
		case "feature_views":
			views = in.strings(maxColumns)
		case "version":
			in.skip()
			in.fault("must be left out: there are only the features as they are defined now")
		default:
			in.boolean()
		}
	})
	return in.finish("request", func() (faults []kindred.FieldError) {
		if !end.IsZero() && end.Before(start) {
			faults = append(faults, kindred.FieldError{Field: "end_ts", Message: "must not be before start_ts"})
		}
		if start.After(now) {
			faults = append(faults, kindred.FieldError{Field: "start_ts", Message: "must not be in the future: nothing is known of it"})
		}
		for i, view := range views {
			if !slices.ContainsFunc(plan.Definitions(), func(d feature.Definition) bool { return string(d.Entity) == view }) {
				faults = append(faults, kindred.FieldError{
					Field: fmt.Sprintf("feature_views[%d]", i), Message: "is no entity that has features (a view is named as its entity: user, item, user_item, session or context)",
				})
			}
		}
		return faults
	})
}

// materialize answers when one of the ways to compute the features has.
func (s *Server) materialize(compute func(context.Context) error) handler {
	return func(w *recorder, r *http.Request) error {
		err := s.withBody(w, r, func(body []byte) error {
			return readMaterialize(body, s.deps.Features.Plan(), s.now())
		})
		if err != nil {
			return err
		}
		// The server's own limit would end a long answer.
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(materializeTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return fmt.Errorf("api: allowing time to materialize: %w", err)
		}
		if err := compute(r.Context()); err != nil {
			return err
		}
		state := s.featureState()
		if state == nil {
			return kindred.Errorf(kindred.Unavailable, "the features are still being computed; try again")
		}
		return answerJSON(w, http.StatusOK, state)
	}
}

// feastTime reads a time as Feast writes it: RFC 3339, or without a zone,
// which then is UTC, or unix seconds.
func (r *reader) feastTime() time.Time {
	if r.peek() != '"' {
		return r.time()
	}
	text := string(r.scanString())
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999", "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC().Truncate(time.Millisecond)
		}
	}
	if r.failure == nil {
		r.fault("must be a time such as 2026-01-02T15:04:05Z, or unix seconds")
	}
	return time.Time{}
}
