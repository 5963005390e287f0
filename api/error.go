package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"

	"kindred"
)

// problem is the body of every error (RFC 9457). Clients tell problems apart
// by their status; the type is therefore always about:blank.
type problem struct {
	Type      string  `json:"type" example:"about:blank"`
	Title     string  `json:"title" example:"Unprocessable Entity"`
	Status    int     `json:"status" example:"422"`
	Detail    string  `json:"detail" example:"the event is not valid"`
	RequestID string  `json:"request_id" example:"0f8e1c5a9b3d4e7f"`
	Errors    []fault `json:"errors,omitempty"`
}

// fault is one thing wrong with a request, and where.
type fault struct {
	Location string `json:"location" example:"body.events[3].time"`
	Message  string `json:"message" example:"must be a string or a number, is a boolean"`
}

// statusError is an answer other than success that only HTTP knows. Everything
// else is a kindred.Error, translated by statusOf.
type statusError struct {
	status int
	detail string
	faults []fault
	header http.Header
}

// Error returns the detail.
func (e *statusError) Error() string { return e.detail }

// refuse returns an answer with a status and a formatted detail.
func refuse(status int, format string, args ...any) *statusError {
	return &statusError{status: status, detail: fmt.Sprintf(format, args...)}
}

// invalid returns a 422 with the faults, each at its place.
func invalid(detail string, faults ...fault) *statusError {
	return &statusError{status: http.StatusUnprocessableEntity, detail: detail, faults: faults}
}

// located puts a prefix such as "body." before the fields of faults.
func located(prefix string, fields []kindred.FieldError) []fault {
	faults := make([]fault, len(fields))
	for i, f := range fields {
		faults[i] = fault{prefix + f.Field, f.Message}
	}
	return faults
}

// statusOf translates the kinds of error to HTTP, and is the only place to.
func statusOf(kind kindred.ErrorKind) int {
	switch kind {
	case kindred.Invalid:
		return http.StatusUnprocessableEntity
	case kindred.NotFound:
		return http.StatusNotFound
	case kindred.Conflict:
		return http.StatusConflict
	case kindred.Denied:
		return http.StatusForbidden
	case kindred.Limited:
		return http.StatusTooManyRequests
	case kindred.Unavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// answerError writes err as a problem. Causes go to the log, never to the
// client.
func (s *Server) answerError(w *recorder, r *http.Request, err error) {
	p := problem{Type: "about:blank", RequestID: w.requestID}
	var own *statusError
	var malformed *syntaxError
	var tooLarge *http.MaxBytesError
	var known *kindred.Error
	switch {
	case errors.Is(err, context.Canceled) && r.Context().Err() != nil:
		w.status = statusClientGone // nobody is left to read an answer
		return
	case errors.As(err, &own):
		p.Status, p.Detail, p.Errors = own.status, own.detail, own.faults
		maps.Copy(w.Header(), own.header)
	case errors.As(err, &malformed):
		p.Status, p.Detail = http.StatusBadRequest, "the body is not valid JSON"
		p.Errors = []fault{{malformed.location, malformed.Error()}}
	case errors.As(err, &tooLarge):
		p.Status = http.StatusRequestEntityTooLarge
		p.Detail = fmt.Sprintf("the body is larger than %d bytes; send less at a time", tooLarge.Limit)
	case errors.As(err, &known) && known.Kind != kindred.Internal:
		p.Status, p.Detail, p.Errors = statusOf(known.Kind), known.Message, located("", known.Fields)
		if p.Status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "1")
			s.log.WarnContext(r.Context(), "request not served", slog.String("request_id", w.requestID), slog.Any("error", err))
		}
	default:
		p.Status, p.Detail = http.StatusInternalServerError, "internal error"
		s.log.ErrorContext(r.Context(), "request failed", slog.String("request_id", w.requestID),
			slog.String("route", w.route), slog.Any("error", err))
	}
	p.Title = http.StatusText(p.Status)
	if w.status != 0 {
		return // the answer has begun; nothing can be taken back
	}
	body, err := json.Marshal(p)
	if err != nil {
		body = []byte(`{"status":500,"title":"Internal Server Error"}`)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	w.send(body)
}
