// Package dashboard serves the pages that show a running system and let one
// try it. The pages are static files that speak only to the HTTP API, with a
// key their reader gives them: what they show, curl can fetch. They need no
// build, load nothing from elsewhere, and hold no inline script or style.
package dashboard

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed assets
var assets embed.FS

// policy lets the pages load their own files and speak to their own server,
// nothing else; pictures of items may come from the shop's own https address.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// page is a file ready to be sent.
type page struct {
	content []byte
	kind    string
	etag    string
}

// Handler serves "/" and "/assets/…"; every other path is not found. Answers
// carry an ETag and are asked for again each time, so that a new version of
// the binary is seen at once.
func Handler() http.Handler {
	pages, err := load()
	if err != nil {
		panic("dashboard: reading the embedded pages: " + err.Error()) // only if the build is broken
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, found := pages[r.URL.Path]
		switch {
		case !found:
			http.NotFound(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "use GET", http.StatusMethodNotAllowed)
		default:
			h := w.Header()
			h.Set("Content-Type", p.kind)
			h.Set("Content-Security-Policy", policy)
			h.Set("X-Content-Type-Options", "nosniff")
			h.Set("Referrer-Policy", "no-referrer")
			h.Set("Cache-Control", "no-cache")
			h.Set("ETag", p.etag)
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(p.content))
		}
	})
}

// load reads all pages by the path they are served at.
func load() (map[string]page, error) {
	pages := map[string]page{}
	err := fs.WalkDir(assets, "assets", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := assets.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		pages["/"+name] = page{content, contentType(name), `"` + hex.EncodeToString(sum[:8]) + `"`}
		return nil
	})
	pages["/"] = pages["/assets/index.html"]
	return pages, err
}

// contentType does not ask the operating system, whose tables differ.
func contentType(name string) string {
	switch kind := strings.TrimPrefix(path.Ext(name), "."); kind {
	case "html", "css":
		return "text/" + kind + "; charset=utf-8"
	case "js":
		return "text/javascript; charset=utf-8"
	case "svg":
		return "image/svg+xml"
	default:
		return "text/plain; charset=utf-8"
	}
}
