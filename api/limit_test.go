package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"kindred"
	"kindred/ingest"
)

// TestAuthorization walks the whole matrix of routes and scopes.
func TestAuthorization(t *testing.T) {
	d := newDoor(t, func(cfg *Config, _ *Deps) { cfg.Listen = "0.0.0.0:80" })
	for _, rt := range d.routes() {
		for scope := range d.keys {
			path := strings.ReplaceAll(rt.path, "{id}", "x")
			w := d.ask(rt.method, path, scope, "")
			want := ""
			switch {
			case rt.scope == "" || scope == rt.scope || scope == ScopeAdmin:
			case scope == "":
				want = "401"
			default:
				want = "403"
			}
			got := ""
			if w.Code == http.StatusUnauthorized || w.Code == http.StatusForbidden {
				got = fmt.Sprint(w.Code)
			}
			if got != want {
				t.Errorf("%s %s with scope %q: got %d, want %q", rt.method, path, scope, w.Code, want)
			}
			if got != "" && w.Header().Get("WWW-Authenticate") == "" {
				t.Errorf("%s %s: no WWW-Authenticate", rt.method, path)
			}
			if got == "403" && !strings.Contains(w.Body.String(), rt.scope) {
				t.Errorf("%s %s: does not name the scope: %s", rt.method, path, w.Body)
			}
		}
	}
}

func TestKeys(t *testing.T) {
	clock := testNow
	d := newDoor(t, func(_ *Config, deps *Deps) { deps.Now = func() time.Time { return clock } })
	send := func(name, value string) int {
		r := httptest.NewRequest(http.MethodGet, "http://localhost/v1/popular", http.NoBody) //nolint:noctx // httptest gives one
		r.Header.Set(name, value)
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		if strings.Contains(w.Body.String(), strings.TrimPrefix(value, "Bearer ")) && len(value) > len("Bearer ")+len("kd_0") {
			t.Errorf("the answer repeats the key: %s", w.Body)
		}
		return w.Code
	}
	secret := d.keys[ScopeRead]
	if got := send("Authorization", "bearer "+secret); got != http.StatusOK {
		t.Errorf("bearer in lower case: %d", got)
	}
	if got := send("X-Api-Key", secret); got != http.StatusOK {
		t.Errorf("X-API-Key: %d", got)
	}
	for _, wrong := range []string{"Bearer", "Bearer kd_0", "Basic " + secret, secret + "0", "Bearer " + secret[1:]} {
		if got := send("Authorization", wrong); got != http.StatusUnauthorized {
			t.Errorf("%q: %d", wrong, got)
		}
	}
	later, key := GenerateKey("later", []string{ScopeRead})
	if err := d.db.PutKey(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	clock = clock.Add(keysRetry)
	if got := send("X-Api-Key", later); got != http.StatusOK {
		t.Errorf("a key made later: %d", got)
	}
	if err := d.db.RevokeKey(t.Context(), "later"); err != nil {
		t.Fatal(err)
	}
	clock = clock.Add(keysFresh)
	if got := send("X-Api-Key", later); got != http.StatusUnauthorized {
		t.Errorf("a revoked key: %d", got)
	}
}

func TestHosts(t *testing.T) {
	for _, c := range []struct {
		listen, host string
		hosts        []string
		status       int
	}{
		{"127.0.0.1:8471", "localhost:8471", nil, 200},
		{"127.0.0.1:8471", "127.0.0.1", nil, 200},
		{"[::1]:8471", "[::1]:8471", nil, 200},
		{"localhost:8471", "LOCALHOST", nil, 200},
		{"127.0.0.1:8471", "evil.example:8471", nil, 421},
		{"127.0.0.1:8471", "localhost.evil.example", nil, 421},
		{"127.0.0.1:8471", "shop.example", []string{"shop.example"}, 200},
		{"0.0.0.0:80", "anything.example", nil, 200},
		{"0.0.0.0:80", "anything.example", []string{"shop.example"}, 421},
	} {
		d := newDoor(t, func(cfg *Config, _ *Deps) { cfg.Listen, cfg.Hosts = c.listen, c.hosts })
		r := httptest.NewRequest(http.MethodGet, "/health/live", http.NoBody) //nolint:noctx // httptest gives one
		r.Host = c.host
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		if w.Code != c.status {
			t.Errorf("%+v: got %d", c, w.Code)
		}
	}
}

func TestErrorsKeepTheirCause(t *testing.T) {
	broken := &failing{}
	d := newDoor(t, func(_ *Config, deps *Deps) {
		broken.Recommender = deps.Recommender
		deps.Recommender, deps.Counts = broken, failingStore{}
		deps.Events = ingest.New(ingest.Config{}, failingStore{})
	})
	const event = `{"user":"u","item":"i","kind":"view"}`
	for name, c := range map[string]struct {
		method, path, body string
		fail               error
		panic              bool
		status             int
	}{
		"internal":           {method: "GET", path: "/v1/popular", fail: errors.New("secret cause"), status: 500},
		"unavailable":        {method: "GET", path: "/v1/popular", fail: kindred.Errorf(kindred.Unavailable, "try again").Because(errors.New("secret cause")), status: 503},
		"panic":              {method: "GET", path: "/v1/popular", panic: true, status: 500},
		"counts":             {method: "GET", path: "/v1/overview", status: 500},
		"event not stored":   {method: "POST", path: "/v1/events", body: event, status: 503},
		"batch not stored":   {method: "POST", path: "/v1/events/batch", body: `{"events":[` + event + `]}`, status: 503},
		"not ready to serve": {method: "GET", path: "/health/ready", status: 503},
	} {
		t.Run(name, func(t *testing.T) {
			broken.fail, broken.panic = c.fail, c.panic
			d.log.Reset()
			w := d.ask(c.method, c.path, ScopeAdmin, c.body)
			if w.Code != c.status || strings.Contains(w.Body.String(), "secret") {
				t.Errorf("got %d %s", w.Code, w.Body)
			}
			if !strings.Contains(d.log.String(), "secret cause") || !strings.Contains(d.log.String(), w.Header().Get("X-Request-Id")) {
				t.Errorf("the log lacks the cause: %s", d.log)
			}
			if retry := w.Header().Get("Retry-After"); c.status == 503 && c.path != "/health/ready" && retry == "" {
				t.Error("no Retry-After")
			}
		})
	}
}

func TestRequestID(t *testing.T) {
	for id, kept := range map[string]bool{
		"abc-1_2.3": true, "": false, "a b": false, "a\nb": false, strings.Repeat("a", 65): false, "é": false,
	} {
		if got := isSaneRequestID(id); got != kept {
			t.Errorf("%q: kept %v", id, got)
		}
	}
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	_, err := New(Config{}, Deps{})
	if err == nil || !strings.Contains(err.Error(), "Deps.Events") || !strings.Contains(err.Error(), "Deps.Now") {
		t.Errorf("got %v", err)
	}
}
