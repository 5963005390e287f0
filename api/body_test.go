package api

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"
)

const oneEvent = `{"user":"u","item":"i","kind":"view"}`

// largeBatch is a valid batch of one event that is more than a small body.
func largeBatch() string {
	return `{"events":[` + oneEvent + strings.Repeat(" ", 2*smallBody) + `]}`
}

// zeros is a body without end.
type zeros struct{ sent int }

func (z *zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	z.sent += len(p)
	return len(p), nil
}

// TestEndlessBody sends 1 GB and more to every route that takes a body.
func TestEndlessBody(t *testing.T) {
	d := newDoor(t)
	for _, rt := range d.routes() {
		if rt.body == nil {
			continue
		}
		for name, length := range map[string]int64{"announced": 1 << 30, "not announced": -1} {
			body := &zeros{}
			r := httptest.NewRequest(rt.method, "http://localhost"+strings.ReplaceAll(rt.path, "{id}", "x"), body) //nolint:noctx // httptest gives one
			r.ContentLength = length
			r.Header.Set("X-Api-Key", d.keys[ScopeAdmin])
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			w := httptest.NewRecorder()
			d.ServeHTTP(w, r)
			runtime.ReadMemStats(&after)
			if w.Code != http.StatusRequestEntityTooLarge || body.sent > maxBody+1 {
				t.Errorf("%s %s, %s: got %d after %d bytes: %s", rt.method, rt.path, name, w.Code, body.sent, w.Body)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 10*maxBody {
				t.Errorf("%s %s, %s: took %d MB", rt.method, rt.path, name, grown>>20)
			}
		}
	}
	if counts := d.counts(t); counts.Events+counts.Items+counts.Users != 0 {
		t.Errorf("something was stored: %+v", counts)
	}
}

func TestLargeBodiesTakeTurns(t *testing.T) {
	d := newDoor(t)
	for range largeBodies {
		d.turns <- struct{}{}
	}
	w := d.ask("POST", "/v1/events/batch", ScopeWrite, largeBatch())
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || d.counts(t).Events != 0 {
		t.Errorf("one too many: got %d %v %s", w.Code, w.Header(), w.Body)
	}
	if w := d.ask("POST", "/v1/events", ScopeWrite, oneEvent); w.Code != http.StatusAccepted {
		t.Errorf("a small body among large ones: got %d %s", w.Code, w.Body)
	}
	<-d.turns
	for range 3 {
		if w := d.ask("POST", "/v1/events/batch", ScopeWrite, largeBatch()); w.Code != http.StatusAccepted {
			t.Errorf("a large body in turn: got %d %s", w.Code, w.Body)
		}
	}
	if w := d.ask("POST", "/v1/events/batch", ScopeWrite, largeBatch()+"]"); w.Code != http.StatusBadRequest {
		t.Errorf("a large body with a fault: got %d %s", w.Code, w.Body)
	}
	if len(d.turns) != largeBodies-1 {
		t.Errorf("%d turns are not given back", len(d.turns)-largeBodies+1)
	}
}

// TestBodyHeaders expects nothing but JSON to be read.
func TestBodyHeaders(t *testing.T) {
	d := newDoor(t)
	var zipped bytes.Buffer
	zip := gzip.NewWriter(&zipped)
	_, err := io.WriteString(zip, oneEvent)
	must(t, errors.Join(err, zip.Close()))
	for _, c := range []struct {
		name, value, body string
		status            int
	}{
		{"Content-Type", "application/json", oneEvent, 202},
		{"Content-Type", "Application/JSON; charset=utf-8", oneEvent, 202},
		{"Content-Encoding", "identity", oneEvent, 202},
		{"Content-Type", "text/plain", oneEvent, 415},
		{"Content-Type", "application/x-www-form-urlencoded", "user=u", 415},
		{"Content-Type", "application/xml", "<event/>", 415},
		{"Content-Type", ";", oneEvent, 415},
		{"Content-Encoding", "gzip", zipped.String(), 415},
		{"Content-Encoding", "br", oneEvent, 415},
		{"X-None", "", zipped.String(), 400},
	} {
		before := d.counts(t).Events
		r := httptest.NewRequest(http.MethodPost, "http://localhost/v1/events", strings.NewReader(c.body)) //nolint:noctx // httptest gives one
		r.Header.Set("X-Api-Key", d.keys[ScopeWrite])
		r.Header.Set(c.name, c.value)
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		if stored := d.counts(t).Events - before; w.Code != c.status || (stored == 1) != (c.status == 202) {
			t.Errorf("%s: %s: got %d, stored %d: %s", c.name, c.value, w.Code, stored, w.Body)
		}
		if c.status == 415 && c.name == "Content-Encoding" && w.Header().Get("Accept-Encoding") != "identity" {
			t.Errorf("%s: %s: does not say what is accepted: %v", c.name, c.value, w.Header())
		}
	}
}

// TestConnections sends over real connections what no client library would.
func TestConnections(t *testing.T) {
	d := newDoor(t)
	server := httptest.NewUnstartedServer(d)
	server.Config.ReadTimeout, server.Config.MaxHeaderBytes = 300*time.Millisecond, 64<<10
	server.Start()
	defer server.Close()
	head := func(more string) string {
		return "POST /v1/events/batch HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: " + d.keys[ScopeWrite] + "\r\n" + more + "\r\n"
	}
	for name, c := range map[string]struct {
		sent   string
		end    ending
		status int
	}{
		"in full":           {head("Content-Length: 50\r\n") + `{"events":[` + oneEvent + `]}`, waits, 202},
		"slow body":         {head("Content-Length: 1000\r\n") + `{"events":[` + oneEvent + `]}`, waits, 408},
		"slow large body":   {head("Content-Length: 1000000\r\n") + largeBatch(), waits, 408},
		"cut off":           {head("Content-Length: 1000\r\n") + `{"events":[` + oneEvent + `]}`, hangsUp, 400},
		"chunks":            {head("Transfer-Encoding: chunked\r\n") + "32\r\n" + `{"events":[` + oneEvent + `]}` + "\r\n0\r\n\r\n", waits, 202},
		"malformed chunks":  {head("Transfer-Encoding: chunked\r\n") + "zz\r\n" + `{"events":[` + oneEvent + `]}` + "\r\n0\r\n\r\n", waits, 400},
		"chunks cut off":    {head("Transfer-Encoding: chunked\r\n") + "32\r\n" + `{"events":[` + oneEvent + `]}` + "\r\n", hangsUp, 400},
		"two lengths":       {head("Content-Length: 50\r\nContent-Length: 51\r\n") + `{"events":[` + oneEvent + `]}`, waits, 400},
		"negative length":   {head("Content-Length: -1\r\n") + `{"events":[` + oneEvent + `]}`, waits, 400},
		"huge header":       {head("X-Filler: "+strings.Repeat("a", 100<<10)+"\r\n") + oneEvent, waits, 431},
		"announces 1 GB":    {head("Content-Length: 1073741824\r\n") + `{"events":[` + oneEvent + `]}`, waits, 413},
		"no body at all":    {head(""), waits, 400},
		"two requests glue": {head("Content-Length: 49\r\n") + `{"events":[` + oneEvent + `]}`, waits, 400},
	} {
		t.Run(name, func(t *testing.T) {
			before := d.counts(t).Events
			if got := sendRaw(t, server.Listener.Addr(), c.sent, c.end); got != c.status {
				t.Errorf("got %d, want %d", got, c.status)
			}
			if stored := d.counts(t).Events - before; (stored == 1) != (c.status == http.StatusAccepted) {
				t.Errorf("stored %d", stored)
			}
		})
	}
	if len(d.turns) != 0 {
		t.Errorf("%d turns are not given back", len(d.turns))
	}
}

// ending is what a client does after it has sent.
type ending func(*net.TCPConn) error

func waits(*net.TCPConn) error        { return nil }
func hangsUp(conn *net.TCPConn) error { return conn.CloseWrite() }

// sendRaw sends a text as it is, and returns the status of the answer.
func sendRaw(t *testing.T, address net.Addr, text string, end ending) int {
	t.Helper()
	conn, err := net.Dial(address.Network(), address.String()) //nolint:noctx // it has a deadline
	must(t, err)
	defer func() { _ = conn.Close() }()
	must(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	_, _ = io.WriteString(conn, text) // the server may have answered and hung up already
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		t.Fatalf("%T is no TCP connection", conn)
	}
	must(t, end(tcp))
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, err)
	must(t, response.Body.Close())
	return response.StatusCode
}
