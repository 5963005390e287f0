package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"kindred"
)

// Limits of a request. Whatever is within them is read to memory; nothing
// else is.
const (
	maxBody = 16 << 20
	maxURL  = 32 << 10 // 1,000 excluded ids of 32 bytes

	// A body of smallBody bytes is read at once, into a buffer that is used
	// again. Of larger ones only largeBodies are held at a time, whoever
	// sends them; the next waits for its turn, and is then told to come back.
	smallBody   = 64<<10 - bytes.MinRead
	largeBodies = 8
	bodyWait    = time.Second
)

// withBody reads the body, and hands it to use. What use returns must not
// point into the body, which is used again.
func (s *Server) withBody(w *recorder, r *http.Request, use func(body []byte) error) error {
	if err := checkBodyHeaders(r.Header); err != nil {
		return err
	}
	if r.ContentLength > maxBody {
		w.Header().Set("Connection", "close")
		return &http.MaxBytesError{Limit: maxBody}
	}
	buffer, ok := s.bodies.Get().(*bytes.Buffer)
	if !ok {
		buffer = bytes.NewBuffer(make([]byte, 0, smallBody+bytes.MinRead))
	}
	defer func() {
		if buffer.Cap() <= smallBody+bytes.MinRead { // larger ones are left to the collector
			buffer.Reset()
			s.bodies.Put(buffer)
		}
	}()
	if err := s.readBody(w, r, buffer); err != nil {
		return err
	}
	return use(buffer.Bytes())
}

// readBody reads the body, and waits for a turn before it reads more than a
// small one. Room is made for what Content-Length promises only then: the
// client has sent something, and no more than largeBodies do.
func (s *Server) readBody(w *recorder, r *http.Request, buffer *bytes.Buffer) error {
	body := http.MaxBytesReader(w, r.Body, maxBody)
	n, err := buffer.ReadFrom(io.LimitReader(body, smallBody))
	if err != nil || n < smallBody {
		return bodyError(err)
	}
	if err := s.takeTurn(w, r); err != nil {
		return err
	}
	if r.ContentLength > n {
		buffer.Grow(int(r.ContentLength-n) + bytes.MinRead)
	}
	_, err = buffer.ReadFrom(body)
	return bodyError(err)
}

// takeTurn waits until the request is one of the few with a large body. It
// stays one until it is answered: what was decoded weighs as much.
func (s *Server) takeTurn(w *recorder, r *http.Request) error {
	timeout := time.NewTimer(bodyWait)
	defer timeout.Stop()
	select {
	case s.turns <- struct{}{}:
		w.hasTurn = true
		return nil
	case <-r.Context().Done():
		return r.Context().Err()
	case <-timeout.C:
		busy := refuse(http.StatusServiceUnavailable, "too many large bodies at once; send fewer at a time, or smaller ones")
		busy.header = http.Header{"Retry-After": {"1"}}
		return busy
	}
}

// checkBodyHeaders refuses a body that is something else than plain JSON. One
// without a type is taken at its word.
func checkBodyHeaders(header http.Header) error {
	if encoding := header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		err := refuse(http.StatusUnsupportedMediaType, "send the body as it is, without Content-Encoding")
		err.header = http.Header{"Accept-Encoding": {"identity"}}
		return err
	}
	given := header.Get("Content-Type")
	if given == "" {
		return nil
	}
	kind, _, err := mime.ParseMediaType(given)
	if err != nil || kind != "application/json" {
		return refuse(http.StatusUnsupportedMediaType, "send the body as JSON, with Content-Type: application/json")
	}
	return nil
}

// bodyError tells a body that was too large from one that did not arrive.
func bodyError(err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &tooLarge):
		return tooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refuse(http.StatusRequestTimeout, "the body took too long to arrive")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return refuse(http.StatusBadRequest, "the body is shorter than Content-Length says")
	default:
		return refuse(http.StatusBadRequest, "the body did not arrive in full")
	}
}

// hostRule says which names the server may be asked for. A page of a stranger
// can make its own name resolve to 127.0.0.1 and then read what it is
// answered (DNS rebinding); its requests carry its own name as Host.
type hostRule struct {
	names []string // empty: any
}

func newHostRule(listen string, more []string) hostRule {
	names := slices.Clone(more)
	if isLoopback(listen) {
		names = append(names, "localhost", "127.0.0.1", "::1")
	}
	return hostRule{names}
}

func (h hostRule) check(host string) error {
	if len(h.names) == 0 {
		return nil
	}
	name := hostName(host)
	for _, allowed := range h.names {
		if strings.EqualFold(name, allowed) {
			return nil
		}
	}
	return refuse(http.StatusMisdirectedRequest, "this server does not answer for the host it was asked for; add it to `hosts` in kindred.yaml")
}

func hostName(hostport string) string {
	if name, _, err := net.SplitHostPort(hostport); err == nil {
		return name
	}
	return strings.Trim(hostport, "[]")
}

// isLoopback says whether only this machine can reach the address.
func isLoopback(listen string) bool {
	name := hostName(listen)
	ip := net.ParseIP(name)
	return name == "localhost" || ip != nil && ip.IsLoopback()
}

// pathID returns the identifier in the path.
func pathID(r *http.Request) (string, error) {
	id := r.PathValue("id")
	if message := idFault(id); message != "" {
		return "", invalid("the path is not valid", fault{"path.id", message})
	}
	return id, nil
}

// idFault says what is wrong with an identifier.
func idFault(id string) string {
	switch {
	case id == "":
		return "must not be empty"
	case len(id) > kindred.MaxID:
		return fmt.Sprintf("has %d bytes, more than %d", len(id), kindred.MaxID)
	case !utf8.ValidString(id):
		return "is not valid UTF-8"
	case strings.ContainsFunc(id, unicode.IsControl):
		return "must not contain control characters"
	default:
		return ""
	}
}
