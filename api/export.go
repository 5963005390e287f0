package api

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"kindred"
	"kindred/export"
)

const (
	// maxExports is how many exports are under way at most: each keeps a
	// snapshot of the store, and a core busy.
	maxExports = 2
	// exportPatience is how long a client may take for what is written at
	// once; the server's own limit would end every long answer.
	exportPatience = time.Minute
)

func (s *Server) exportRoutes() []route {
	params := []param{{name: "format", kind: "string", detail: "jsonl (default), csv or parquet.", example: "jsonl"}}
	dated := slices.Concat(params, []param{
		{name: "from", kind: "string", detail: "Only from this time on (RFC 3339).", example: "2026-01-01T00:00:00Z"},
		{name: "to", kind: "string", detail: "Only before this time.", example: "2026-02-01T00:00:00Z"},
	})
	chosen := slices.Concat(params, []param{
		{name: "set", kind: "string", detail: "Only the features of this set.", example: "basic"},
		{name: "entity", kind: "string", detail: "Only features of user, or of item.", example: "user"},
	})
	const detail = "Streams everything as it is at one moment. An answer that ends early, without its last chunk, is not whole. " +
		"At most 2 at a time; further ones are told to come back. "
	routes := []route{
		{
			path: "/v1/export/events", summary: "All events", detail: detail + "In the order of arrival, each with its verdict: what cleaning found, and `withdrawn` for those taken back.", query: dated,
			answers: []answer{{http.StatusOK, jsonLines(`{"event_id":"e1","user":"u42","item":"mug-red","kind":"view","value":1,"time":"2026-01-02T15:04:05Z","verdict":[]}` + "\n")}},
		},
		{
			path: "/v1/export/items", summary: "All items", detail: detail, query: params,
			answers: []answer{{http.StatusOK, jsonLines(`{"item":"mug-red","title":"Red Mug","categories":["mugs"],"price":9.5}` + "\n")}},
		},
		{
			path: "/v1/export/users", summary: "All users that were stored", detail: detail + "Those known from events only are in the events.", query: params,
			answers: []answer{{http.StatusOK, jsonLines(`{"user":"u42","attributes":{"country":"DE"}}` + "\n")}},
		},
		{
			path: "/v1/export/aliases", summary: "All further IDs of users", detail: detail + "In the order in which they were merged.", query: params,
			answers: []answer{{http.StatusOK, jsonLines(`{"alias":"visitor-7","user":"u42","into":"u42","time":"2026-01-02T15:04:05Z","by":"shop","why":"login"}` + "\n")}},
		},
		{
			path: "/v1/export/exposures", summary: "All lists that were shown and are kept", detail: detail, query: dated,
			answers: []answer{{http.StatusOK, jsonLines(`{"request_id":"019","user":"u42","time":"2026-01-02T15:04:05Z","model":"","items":["mug-red"],"sources":["newest"]}` + "\n")}},
		},
		{
			path: "/v1/export/features", summary: "What the features of all users and items are now", query: chosen,
			detail: "A row for each user and item that anything is known of, users first, by ID; a column for each feature, named entity__name; " +
				"`time` is the moment that the row was read at. A default stands where there is no value. At most 2 exports at a time.",
			answers: []answer{{http.StatusOK, jsonLines(`{"entity":"user","id":"u42","time":"2026-01-02T15:04:05Z","user__views_7d":12,"item__price":null}` + "\n")}},
		},
	}
	for i, what := range []export.What{export.Events, export.Items, export.Users, export.Aliases, export.Exposures, export.FeatureValues} {
		rt := &routes[i]
		rt.method, rt.scope, rt.tag = http.MethodGet, ScopeAdmin, "Export"
		rt.handle = func(w *recorder, r *http.Request) error { return s.export(w, r, what) }
	}
	return routes
}

func (s *Server) export(w *recorder, r *http.Request, what export.What) error {
	ask, err := exportRequest(r, what)
	if err != nil {
		return err
	}
	done, err := s.scan()
	if err != nil {
		return err
	}
	defer done()
	w.Header().Set("Content-Type", map[string]string{
		"jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet",
	}[ask.Format])
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", string(what)+"."+ask.Format))
	w.Header().Set("Cache-Control", "no-store")
	_, err = export.Write(r.Context(), &patient{w, http.NewResponseController(w)}, s.deps.Stored, ask)
	if err == nil || w.status == 0 {
		return err
	}
	// A part is sent: only a connection that breaks says that it is no more
	// than that.
	if r.Context().Err() == nil {
		s.log.ErrorContext(r.Context(), "an export ended early", slog.String("request_id", w.requestID), slog.Any("error", err))
	}
	panic(http.ErrAbortHandler)
}

// scan begins one of the few reads of everything there may be at a time.
func (s *Server) scan() (done func(), err error) {
	select {
	case s.exports <- struct{}{}:
		return func() { <-s.exports }, nil
	default:
		return nil, kindred.Errorf(kindred.Unavailable, "%d exports are under way; try again later", maxExports)
	}
}

// exportRequest reads what is asked for.
func exportRequest(r *http.Request, what export.What) (ask export.Request, err error) {
	known := []string{"format", "from", "to"}
	switch what {
	case export.Items, export.Users, export.Aliases:
		known = known[:1]
	case export.FeatureValues:
		known = []string{"format", "set", "entity"}
	default:
	}
	q, err := readQuery(r, known...)
	if err != nil {
		return ask, err
	}
	ask = export.Request{What: what, Format: q["format"], Set: q["set"], Entity: q["entity"]}
	if ask.Format == "" {
		ask.Format = "jsonl"
	}
	if ask.From, err = q.moment("from"); err != nil {
		return ask, err
	}
	if ask.To, err = q.moment("to"); err != nil {
		return ask, err
	}
	err = ask.Validate()
	return ask, err
}

// patient writes an answer of any length, as long as the client keeps taking it.
type patient struct {
	w       *recorder
	control *http.ResponseController
}

// Write implements io.Writer.
func (p *patient) Write(b []byte) (int, error) {
	if err := p.control.SetWriteDeadline(time.Now().Add(exportPatience)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return p.w.Write(b)
}
