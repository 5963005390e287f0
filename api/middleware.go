package api

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"
)

// statusClientGone is what is counted when the client left before the answer;
// the number is nginx's.
const statusClientGone = 499

// recorder is a ResponseWriter that remembers what the log and the metrics
// are to say of a request.
type recorder struct {
	http.ResponseWriter
	requestID string
	route     string // the pattern, never the path: that names users
	tag       string // the route's
	key       string // the key's name
	status    int
	bytes     int
	hasTurn   bool // to hold a large body
}

// WriteHeader remembers the first status.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write counts the bytes.
func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += n
	return n, err
}

// Unwrap lets http.ResponseController reach what is underneath.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// send writes a whole body. That the client is gone is nothing to report.
func (w *recorder) send(body []byte) { _, _ = w.Write(body) }

// ServeHTTP gives every request its ID, its limits, its place in log and
// metrics, and an answer even if the handler panics.
func (s *Server) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	start := s.now()
	w := &recorder{ResponseWriter: out, requestID: requestID(r), route: "none"}
	header := w.Header()
	header["X-Request-Id"] = []string{w.requestID}
	header["X-Content-Type-Options"] = s.nosniff
	header["Content-Security-Policy"] = s.policy
	header["Referrer-Policy"] = s.noReferrer
	defer func() {
		if cause := recover(); cause != nil {
			if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(cause)
			}
			s.answerError(w, r, fmt.Errorf("api: panic: %v\n%s", cause, debug.Stack()))
		}
		s.finish(w, r, start)
	}()
	switch err := s.hosts.check(r.Host); {
	case err != nil:
		s.answerError(w, r, err)
	case len(r.RequestURI) > maxURL:
		s.answerError(w, r, refuse(http.StatusRequestURITooLong, "the URL is longer than %d bytes; use the POST form", maxURL))
	default:
		s.mux.ServeHTTP(w, r)
	}
}

// finish counts and logs a request, and gives back its turn.
func (s *Server) finish(w *recorder, r *http.Request, start time.Time) {
	if w.hasTurn {
		<-s.turns
	}
	took := s.now().Sub(start)
	s.activity.request(w.tag, w.status, took)
	s.metrics.note(w.route, w.status, took)
	level := slog.LevelDebug
	if w.status >= http.StatusInternalServerError {
		level = slog.LevelInfo
	}
	if !s.log.Enabled(r.Context(), level) {
		return
	}
	s.log.LogAttrs(r.Context(), level, "request", slog.String("request_id", w.requestID),
		slog.String("method", r.Method), slog.String("route", w.route), slog.Int("status", w.status),
		slog.Duration("took", took), slog.Int("bytes", w.bytes), slog.String("key", w.key))
}

// requestID returns the client's ID for the request if it is a sane one, else
// a new one.
func requestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); isSaneRequestID(id) {
		return id
	}
	var random [8]byte
	rand.Read(random[:]) // never fails: crypto/rand ends the process instead
	return hex.EncodeToString(random[:])
}

func isSaneRequestID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for _, c := range []byte(id) {
		isAlphanumeric := c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
		if !isAlphanumeric && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}
