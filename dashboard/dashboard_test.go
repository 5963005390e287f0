package dashboard_test

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"kindred/dashboard"
)

func serve(t *testing.T, method, path string, header http.Header) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody)
	r.Header = header
	w := httptest.NewRecorder()
	dashboard.Handler().ServeHTTP(w, r)
	return w
}

func TestHandler(t *testing.T) {
	for _, tc := range []struct {
		method, path string
		status       int
		kind         string
	}{
		{"GET", "/", 200, "text/html; charset=utf-8"},
		{"HEAD", "/", 200, "text/html; charset=utf-8"},
		{"GET", "/assets/app.js", 200, "text/javascript; charset=utf-8"},
		{"GET", "/assets/style.css", 200, "text/css; charset=utf-8"},
		{"GET", "/assets/icon.svg", 200, "image/svg+xml"},
		{"GET", "/assets/vendor/uPlot.LICENSE.txt", 200, "text/plain; charset=utf-8"},
		{"GET", "/assets/", 404, ""},
		{"GET", "/assets/../dashboard.go", 404, ""},
		{"GET", "/nothing", 404, ""},
		{"POST", "/", 405, ""},
	} {
		w := serve(t, tc.method, tc.path, http.Header{})
		if w.Code != tc.status || tc.kind != "" && w.Header().Get("Content-Type") != tc.kind {
			t.Errorf("%s %s: %d %s", tc.method, tc.path, w.Code, w.Header().Get("Content-Type"))
		}
		if tc.status == 200 && !strings.Contains(w.Header().Get("Content-Security-Policy"), "script-src 'self'") {
			t.Errorf("%s has no content policy", tc.path)
		}
	}
}

func TestUnchangedIsNotSentAgain(t *testing.T) {
	first := serve(t, "GET", "/assets/app.js", http.Header{})
	again := serve(t, "GET", "/assets/app.js", http.Header{"If-None-Match": {first.Header().Get("ETag")}})
	if again.Code != http.StatusNotModified || again.Body.Len() > 0 {
		t.Errorf("%d with %d bytes", again.Code, again.Body.Len())
	}
	if other := serve(t, "GET", "/", http.Header{}).Header().Get("ETag"); other == first.Header().Get("ETag") {
		t.Error("two files have one ETag")
	}
}

// TestNothingFromElsewhere reads the pages for what the content policy would
// refuse: inline script or style, and other hosts.
func TestNothingFromElsewhere(t *testing.T) {
	bad := regexp.MustCompile(`(?i)<script>|<style|\sstyle=|\son[a-z]+="|(src|href)="https?:|@import|[:\s]url\(|innerHTML|insertAdjacentHTML`)
	err := fs.WalkDir(os.DirFS("assets"), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(name, "vendor/") {
			return err
		}
		text, err := os.ReadFile("assets/" + name)
		if found := bad.FindString(string(text)); found != "" {
			t.Errorf("%s has %q", name, found)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func ExampleHandler() {
	mux := http.NewServeMux()
	mux.Handle("/", dashboard.Handler()) // beside the API under /v1/
}
