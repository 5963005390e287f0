// Command load drives a running server over a few connections and prints how
// many requests it answered a second and how long they took. It writes requests
// and reads answers itself, so that on a small machine most of the time is the
// server's.
//
//	go run ./bench/load -url http://127.0.0.1:8471 -key kd_… -do recommend -users users.txt
//
// What it does (-do): recommend (GET recommendations of users in turn), event
// (POST one event at a time), batch (POST 10,000 events at a time), fresh (POST
// an event, then GET until the user's list has changed, and print that time).
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

type load struct {
	host, key string
	users     []string
	items     int
	batch     int
	deadline  time.Time
}

func main() {
	var (
		base     = flag.String("url", "http://127.0.0.1:8471", "server")
		key      = flag.String("key", os.Getenv("KINDRED_KEY"), "API key with all rights")
		do       = flag.String("do", "recommend", "recommend, event, batch or fresh")
		users    = flag.String("users", "", "file of user IDs, one a line")
		conns    = flag.Int("connections", 8, "connections at a time")
		items    = flag.Int("items", 40981, "events are of items named 0 to this")
		batch    = flag.Int("batch", 10_000, "events in a batch")
		duration = flag.Duration("time", 10*time.Second, "how long")
	)
	flag.Parse()
	address, err := url.Parse(*base)
	if err != nil {
		log.Fatal(err)
	}
	l := &load{host: address.Host, key: *key, items: *items, batch: *batch, deadline: time.Now().Add(*duration)}
	if l.users, err = readUsers(*users); err != nil {
		log.Fatal(err)
	}
	runtime.GOMAXPROCS(*conns + 1) // a connection that waits keeps its thread
	start := time.Now()
	took, err := l.run(*do, *conns)
	if err != nil {
		log.Fatal(err)
	}
	report(*do, took, time.Since(start), *conns, *batch)
}

func readUsers(path string) ([]string, error) {
	if path == "" {
		return []string{"somebody"}, nil
	}
	data, err := os.ReadFile(path)
	return strings.Fields(string(data)), err
}

func report(do string, took []time.Duration, total time.Duration, conns, batch int) {
	slices.Sort(took)
	if len(took) == 0 {
		log.Fatal("nothing was answered")
	}
	at := func(p float64) time.Duration {
		return took[min(len(took)-1, int(p*float64(len(took))))].Round(time.Microsecond)
	}
	rate := float64(len(took)) / total.Seconds()
	fmt.Printf("%s: %d requests on %d connections in %.1f s: %.0f/s, p50 %v, p95 %v, p99 %v, max %v\n",
		do, len(took), conns, total.Seconds(), rate, at(.5), at(.95), at(.99), took[len(took)-1].Round(time.Microsecond))
	if do == "batch" {
		fmt.Printf("%.0f events/s\n", rate*float64(batch))
	}
}

// run keeps conns connections busy until the deadline and returns how long
// each request took.
func (l *load) run(do string, conns int) ([]time.Duration, error) {
	var (
		mu    sync.Mutex
		all   []time.Duration
		first error
		wait  sync.WaitGroup
	)
	for n := range conns {
		wait.Go(func() {
			took, err := l.connection(do, rand.New(rand.NewPCG(1, uint64(n))))
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
			if err != nil && first == nil {
				first = err
			}
		})
	}
	wait.Wait()
	return all, first
}

func (l *load) connection(do string, rng *rand.Rand) (took []time.Duration, err error) {
	conn, err := l.dial()
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // all answers were read
	c := &client{load: l, rng: rng, conn: conn, in: bufio.NewReaderSize(conn, 64<<10)}
	step := map[string]func() (time.Duration, error){
		"recommend": c.recommend, "event": c.event, "batch": c.events, "fresh": c.fresh,
	}[do]
	if step == nil {
		return nil, fmt.Errorf("-do %s: want recommend, event, batch or fresh", do)
	}
	for time.Now().Before(l.deadline) {
		d, err := step()
		if err != nil {
			return took, err
		}
		took = append(took, d)
	}
	return took, nil
}

// dial connects. The connection blocks in the system instead of in Go's
// scheduler: a request is then one write and one read, half of the calls.
func (l *load) dial() (*os.File, error) {
	conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", l.host)
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // its duplicate goes on
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil, fmt.Errorf("%s is not a TCP address", l.host)
	}
	file, err := tcp.File()
	if err != nil {
		return nil, err
	}
	file.Fd() // makes it block
	return file, nil
}

// client is one connection.
type client struct {
	*load
	rng  *rand.Rand
	conn *os.File
	in   *bufio.Reader
	out  bytes.Buffer
	body bytes.Buffer

	answer []byte
}

func (c *client) user() string { return c.users[c.rng.IntN(len(c.users))] }

func (c *client) recommend() (time.Duration, error) {
	_, took, err := c.call("GET", "/v1/users/"+c.user()+"/recommendations?n=20", http.StatusOK)
	return took, err
}

func (c *client) event() (time.Duration, error) {
	c.body.Reset()
	c.write(c.user())
	_, took, err := c.call("POST", "/v1/events", http.StatusAccepted)
	return took, err
}

func (c *client) events() (time.Duration, error) {
	c.body.Reset()
	c.body.WriteString(`{"events":[`)
	for n := range c.batch {
		if n > 0 {
			c.body.WriteByte(',')
		}
		c.write(c.user())
	}
	c.body.WriteString("]}")
	_, took, err := c.call("POST", "/v1/events/batch?results=rejected", http.StatusAccepted)
	return took, err
}

// fresh measures from the moment an event is sent to the end of the first
// answer whose list differs from the one before. An event that leaves the top
// of the list alone is not waited for.
func (c *client) fresh() (time.Duration, error) {
	user := c.user()
	list := "/v1/users/" + user + "/recommendations?n=20"
	before, _, err := c.call("GET", list, http.StatusOK)
	if err != nil {
		return 0, err
	}
	top := firstID(before)
	start := time.Now()
	c.body.Reset()
	fmt.Fprintf(&c.body, `{"user":%q,"item":%q,"kind":"purchase"}`, user, top)
	if _, _, err := c.call("POST", "/v1/events", http.StatusAccepted); err != nil {
		return 0, err
	}
	for time.Since(start) < 10*time.Second {
		after, _, err := c.call("GET", list, http.StatusOK)
		if err != nil {
			return 0, err
		}
		if firstID(after) != top {
			return time.Since(start), nil
		}
	}
	return 0, fmt.Errorf("buying %s did not change the list of %s", top, user)
}

func firstID(answer []byte) string {
	_, rest, _ := bytes.Cut(answer, []byte(`"items":[{"id":"`))
	id, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(id)
}

// write appends an event with an identifier of the client's, as a careful
// client sends it.
func (c *client) write(user string) {
	fmt.Fprintf(&c.body, `{"event_id":"%016x%016x","user":"%s","item":"%d","kind":"view","time":%d}`,
		c.rng.Uint64(), c.rng.Uint64(), user, c.rng.IntN(c.items), 1_700_000_000+c.rng.IntN(50_000_000))
}

// call sends a request, with c.body for a POST, and reads the answer.
func (c *client) call(method, path string, want int) (answer []byte, took time.Duration, err error) {
	c.out.Reset()
	fmt.Fprintf(&c.out, "%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n", method, path, c.host, c.key)
	if method == "POST" {
		fmt.Fprintf(&c.out, "Content-Type: application/json\r\nContent-Length: %d\r\n", c.body.Len())
	}
	c.out.WriteString("\r\n")
	if method == "POST" {
		c.out.Write(c.body.Bytes())
	}
	start := time.Now()
	if _, err := c.conn.Write(c.out.Bytes()); err != nil {
		return nil, 0, err
	}
	status, answer, err := c.read()
	took = time.Since(start)
	if err == nil && status != want {
		err = fmt.Errorf("%s %s: status %d: %s", method, path, status, answer)
	}
	return answer, took, err
}

// read reads an answer with a Content-Length, which all of the server's have.
// The answer is valid until the next.
func (c *client) read() (status int, answer []byte, err error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return 0, nil, err
	}
	if _, err := fmt.Sscanf(string(line), "HTTP/1.1 %d", &status); err != nil {
		return 0, nil, fmt.Errorf("the answer begins with %q: %w", line, err)
	}
	length := -1
	for {
		if line, err = c.in.ReadSlice('\n'); err != nil {
			return status, nil, err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			break
		}
		if name, value, _ := bytes.Cut(line, []byte(":")); bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return status, nil, err
			}
		}
	}
	if length < 0 {
		return status, nil, errors.New("the answer does not say how long it is")
	}
	c.answer = slices.Grow(c.answer[:0], length)[:length]
	_, err = io.ReadFull(c.in, c.answer)
	return status, c.answer, err
}
