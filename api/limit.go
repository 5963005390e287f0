package api

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"kindred"
)

// Limits of a request. Whatever is within them is read to memory; nothing
// else is.
const (
	maxBody = 16 << 20
	maxURL  = 32 << 10 // 1,000 excluded ids of 32 bytes

	firstRead = 64 << 10 // grown as bytes arrive, not as Content-Length promises
	maxPooled = 4 << 20  // larger buffers are left to the collector
)

// withBody reads the body, and hands it to use. What use returns must not
// point into the body, which is used again.
func (s *Server) withBody(w http.ResponseWriter, r *http.Request, use func(body []byte) error) error {
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return refuse(http.StatusUnsupportedMediaType, "send the body without Content-Encoding")
	}
	if r.ContentLength > maxBody {
		w.Header().Set("Connection", "close")
		return &http.MaxBytesError{Limit: maxBody}
	}
	buffer, ok := s.bodies.Get().(*bytes.Buffer)
	if !ok {
		buffer = bytes.NewBuffer(make([]byte, 0, firstRead))
	}
	defer func() {
		if buffer.Cap() <= maxPooled {
			buffer.Reset()
			s.bodies.Put(buffer)
		}
	}()
	if _, err := buffer.ReadFrom(http.MaxBytesReader(w, r.Body, maxBody)); err != nil {
		return bodyError(err)
	}
	return use(buffer.Bytes())
}

// bodyError tells a body that was too large from one that did not arrive.
func bodyError(err error) error {
	if tooLarge, ok := err.(*http.MaxBytesError); ok { //nolint:errorlint // net/http returns it as it is
		return tooLarge
	}
	detail := "the body did not arrive in full"
	if err == io.ErrUnexpectedEOF { //nolint:errorlint // likewise
		detail += ": it is shorter than Content-Length says"
	}
	return refuse(http.StatusBadRequest, "%s", detail)
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
