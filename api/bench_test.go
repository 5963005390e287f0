package api

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
)

// nowhere is a ResponseWriter that keeps nothing.
type nowhere struct{ header http.Header }

func (w *nowhere) Header() http.Header         { return w.header }
func (w *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (w *nowhere) WriteHeader(int)             {}

// BenchmarkRecommendationRequest is all that the door adds to a
// recommendation: limits, key, query, encoding, metrics, log.
func BenchmarkRecommendationRequest(b *testing.B) {
	d := newDoor(b, func(_ *Config, deps *Deps) { deps.Logger = slog.New(slog.DiscardHandler) })
	r := httptest.NewRequest(http.MethodGet, "http://localhost/v1/users/u42/recommendations?n=10&exclude=a,b", http.NoBody) //nolint:noctx // httptest gives one
	r.Header.Set("Authorization", "Bearer "+d.keys[ScopeRead])
	b.ReportAllocs()
	for b.Loop() {
		d.ServeHTTP(&nowhere{http.Header{}}, r)
	}
}
