package kindred

import (
	"errors"
	"fmt"
	"strings"
)

// ErrorKind says whose move it is after an error.
type ErrorKind uint8

// The kinds of error. An error without a kind is Internal.
const (
	Internal    ErrorKind = iota // ours: the client reads "internal error" and a request ID
	Invalid                      // the input is wrong; Fields names where
	NotFound                     // there is no such thing
	Conflict                     // the state does not allow it
	Denied                       // not with this key
	Limited                      // too much or too fast
	Unavailable                  // not now; try again
)

// Error is an error with a kind, for the edge to translate. Message tells the
// user what to do; Err is the cause and stays inside.
type Error struct {
	Kind    ErrorKind
	Message string
	Fields  []FieldError // for Invalid: every fault found
	Err     error
}

// FieldError is one fault of an input, at a place such as "events[3].time".
type FieldError struct {
	Field   string
	Message string
}

// Error returns the message, the fields and the cause.
func (e *Error) Error() string {
	parts := []string{e.Message}
	for _, f := range e.Fields {
		parts = append(parts, f.Field+": "+f.Message)
	}
	text := strings.Join(parts, "; ")
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of the first Error in err's chain, or Internal.
func KindOf(err error) ErrorKind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// Errorf returns an Error of a kind with a formatted message; Because adds the
// cause.
func Errorf(kind ErrorKind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// Because sets the cause and returns the error.
func (e *Error) Because(cause error) *Error {
	e.Err = cause
	return e
}
