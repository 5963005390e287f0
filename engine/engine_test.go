package engine

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"kindred"
)

// TestServeEnds expects a server to answer, to end when told, and to leave no
// goroutine behind.
func TestServeEnds(t *testing.T) {
	defer goleak.VerifyNone(t)
	cfg := DefaultConfig(t.TempDir())
	cfg.Listen = "127.0.0.1:0"
	e := open(t, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	started, ended := make(chan Address, 1), make(chan error, 1)
	go func() { ended <- e.Serve(ctx, func(a Address) { started <- a }) }()
	address := <-started
	if !strings.HasPrefix(address.FirstKey, "kd_") {
		t.Errorf("the first key is %q", address.FirstKey)
	}
	client := &http.Client{Timeout: 10 * time.Second}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address.URL+"/health/ready", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("ready: status %d, %v", response.StatusCode, err)
	}
	client.CloseIdleConnections()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("the server ended with %v", err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}

// TestPortTaken expects a server that cannot listen to say what to do.
func TestPortTaken(t *testing.T) {
	cfg := DefaultConfig(t.TempDir())
	cfg.Listen = "127.0.0.1:99999"
	e := open(t, cfg)
	defer e.Close() //nolint:errcheck // nothing was written
	err := e.Serve(t.Context(), func(Address) { t.Error("ready all the same") })
	if err == nil || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("got %v", err)
	}
}

// TestKeys expects a name to mean one key for good, and each run of the demo
// to end the keys of those before.
func TestKeys(t *testing.T) {
	e := open(t, DefaultConfig(t.TempDir()))
	defer e.Close() //nolint:errcheck // the test is over
	if _, err := e.CreateKey(t.Context(), "shop", []string{"read"}); err != nil {
		t.Fatal(err)
	}
	if err := e.Store.RevokeKey(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	if _, err := e.CreateKey(t.Context(), "shop", []string{"read"}); kindred.KindOf(err) != kindred.Conflict {
		t.Errorf("a second key of the name: %v", err)
	}
	for range 3 {
		if _, err := e.DemoKey(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	keys, err := e.Store.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	valid := 0
	for _, key := range keys {
		if !key.Revoked {
			valid++
		}
	}
	if len(keys) != 4 || valid != 1 {
		t.Errorf("%d of %d keys are valid, want 1 of 4", valid, len(keys))
	}
}

func open(t *testing.T, cfg Config) *Engine {
	t.Helper()
	e, err := Open(t.Context(), cfg, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return e
}
