package api

import (
	"embed"
	"net/http"
	"slices"
	"strings"
	"time"
)

// handler answers a request, or returns the error to answer with.
type handler func(w *recorder, r *http.Request) error

// route is one line of the table from which the mux and the description are
// made.
type route struct {
	method, path string
	scope        string // a key needs it; empty: no key needed
	handle       handler

	tag, summary, detail string
	query                []param
	body                 any // an example of it; nil: none
	answers              []answer
}

// param is a query parameter.
type param struct {
	name, kind, detail string
	example            any
}

// answer is a status that is no error, with an example of its body.
type answer struct {
	status int
	body   any // nil: none
}

// exampleVersion is a model version's name in examples.
const exampleVersion = "20260102T150405.000Z-ials"

// exampleTime is the moment of all examples.
func exampleTime() time.Time { return time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC) }

// exampleID is an example of the id in a path.
func exampleID(path string) string {
	switch {
	case strings.HasPrefix(path, "/v1/items/"):
		return "mug-red"
	case strings.HasPrefix(path, "/v1/events/"):
		return "order-1001-line-1"
	case strings.HasPrefix(path, "/v1/models/"):
		return exampleVersion
	default:
		return "u42"
	}
}

// Bodies that are not JSON.
type (
	plainText string
	htmlText  string
	jsonLines string
)

func (s *Server) routes() []route {
	return slices.Concat(
		s.recommendRoutes(), s.eventRoutes(), s.withdrawRoutes(), s.itemRoutes(), s.priceRoutes(), s.schemaRoutes(), s.userRoutes(), s.aliasRoutes(), s.modelRoutes(),
		s.featureRoutes(), s.exportRoutes(), s.cleaningRoutes(), s.rejectedRoutes(), s.checkRoutes(), s.operateRoutes(),
		[]route{
			{
				method: http.MethodGet, path: "/openapi.json", handle: s.getOpenAPI, tag: "Operate",
				summary: "This description (OpenAPI 3.1)", answers: []answer{{http.StatusOK, map[string]any{"openapi": "3.1.0"}}},
			},
			{
				method: http.MethodGet, path: "/docs", handle: pageFile("docs.html"), tag: "Operate",
				summary: "This description, readable", answers: []answer{{http.StatusOK, htmlText("<!doctype html>…")}},
			},
			{method: http.MethodGet, path: "/docs/docs.js", handle: pageFile("docs.js")},
			{method: http.MethodGet, path: "/docs/docs.css", handle: pageFile("docs.css")},
		},
	)
}

func (s *Server) getOpenAPI(w *recorder, _ *http.Request) error {
	answerBytes(w, http.StatusOK, s.openapi)
	return nil
}

//go:embed docs
var pageFiles embed.FS

// pageFile serves a file of the documentation page.
func pageFile(name string) handler {
	return func(w *recorder, r *http.Request) error {
		w.Header().Set("Cache-Control", "no-cache")
		http.ServeFileFS(w, r, pageFiles, "docs/"+name)
		return nil
	}
}
