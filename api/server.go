// Package api is the HTTP door: it decodes, authenticates, limits, asks the
// packages that know, and encodes. It decides nothing about events or
// recommendations itself.
//
// Every route stands in one table with its documentation (routes.go), from
// which both the mux and the OpenAPI description are made. Request bodies are
// read by one strict reader (json.go). Errors leave as RFC 9457 problems, and
// only error.go knows which status an error has.
//
// Nothing is stored unless the whole request, or for a batch the row, is
// valid; an answer to a write is sent only after it is durable.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"kindred"
	"kindred/export"
	"kindred/ingest"
	"kindred/internal/metric"
	"kindred/recommend"
	"kindred/registry"
	"kindred/schema"
	"kindred/store"
)

// Config is what can be set about the door.
type Config struct {
	// Listen is the address served on. On a loopback address, requests must
	// ask for a loopback name or one of Hosts, and metrics need no key.
	Listen string
	// Hosts are the further names the server may be asked for. On an address
	// that is not loopback, none means any.
	Hosts []string
	// Schema is what is declared of items.
	Schema schema.Settings
	// Version is the code's, for the overview and the API description.
	Version string
}

// Deps are the parts that the door leads to. All are needed.
type Deps struct {
	Events      Events
	Recommender Recommender
	Live        Live
	Items       Items
	Withdrawals Withdrawals
	Users       Users
	Aliases     Aliases
	Keys        Keys
	Counts      Counts
	Stored      export.Source // for exports
	Models      Models
	Features    Features
	// FeatureReports tell of what Features served.
	FeatureReports FeatureReports
	Cleaning       Cleaning
	Quarantine     Quarantine
	Histories      Histories
	Rejected       RejectedRows
	Rejections     Rejections
	Replayer       Replayer
	Checks         Checks
	Metrics        *metric.Metrics
	Activity       *Activity    // also to be given to ingest, as an observer
	Dashboard      http.Handler // serves / and /assets/
	Logger         *slog.Logger
	Now            func() time.Time
}

// Events is the write path.
type Events interface {
	Accept(ctx context.Context, events []kindred.Event) ([]ingest.Outcome, error)
	CheckItems() *ingest.ItemCheck
	Validate(ctx context.Context, events []kindred.Event) ([]ingest.Outcome, error)
}

// Recommender is the read path.
type Recommender interface {
	Recommend(ctx context.Context, q recommend.Request) (recommend.Answer, error)
	Similar(ctx context.Context, item kindred.ItemID, q recommend.Request) (recommend.Answer, error)
	Popular(ctx context.Context, q recommend.Request) (recommend.Answer, error)
	Trending(ctx context.Context, q recommend.Request) (recommend.Answer, error)
	Item(id kindred.ItemID) (kindred.Item, bool)
}

// Live is told what has changed, after it has been stored.
type Live interface {
	ItemsChanged(items []kindred.Item)
	ItemDeleted(id kindred.ItemID)
	UsersChanged(users []kindred.User)
	UserErased(id kindred.UserID)
	UsersMerged(ctx context.Context, ids ...kindred.UserID) error
	Reload(ctx context.Context) error
}

// Items is where items are kept.
type Items interface {
	PutItems(ctx context.Context, items []kindred.Item) error
	Item(ctx context.Context, id kindred.ItemID) (kindred.Item, error)
	Items(ctx context.Context, q store.ItemQuery) ([]kindred.Item, error)
	DeleteItem(ctx context.Context, id kindred.ItemID) error
	Prices(ctx context.Context, item kindred.ItemID, limit int) ([]kindred.Price, error)
}

// Withdrawals is where events are taken back.
type Withdrawals interface {
	Withdraw(ctx context.Context, q store.Withdrawal) (events int64, user kindred.UserID, err error)
}

// Users is where users and their events are kept.
type Users interface {
	PutUsers(ctx context.Context, users []kindred.User) error
	User(ctx context.Context, id kindred.UserID) (kindred.User, error)
	Users(ctx context.Context, q store.UserQuery) ([]kindred.User, error)
	EraseUser(ctx context.Context, id kindred.UserID) (events int64, err error)
	UserEvents(ctx context.Context, user kindred.UserID, limit int) ([]kindred.Event, error)
}

// Aliases is where it is kept which IDs are one user's.
type Aliases interface {
	MergeUsers(ctx context.Context, m kindred.Merge) (changed bool, err error)
	UnmergeUser(ctx context.Context, m kindred.Merge) (from kindred.UserID, err error)
	Person(ctx context.Context, id kindred.UserID) (kindred.Person, error)
	Merges(ctx context.Context, after int64, limit int) ([]kindred.Merge, error)
}

// Counts says how much is stored.
type Counts interface {
	Counts(ctx context.Context) (store.Counts, error)
}

// Models is where model versions are kept.
type Models interface {
	List() ([]kindred.ModelVersion, error)
	Version(version string) (kindred.ModelVersion, error)
	Live() (registry.Live, error)
	Promote(ctx context.Context, live registry.Live) error
	Rollback(ctx context.Context) (registry.Live, error)
}

// Server answers HTTP requests.
type Server struct {
	deps      Deps
	cfg       Config
	log       *slog.Logger
	now       func() time.Time
	startedAt time.Time
	activity  *Activity
	metrics   *requestMetrics
	keyring   keyring
	hosts     hostRule
	mux       *http.ServeMux
	probe     *http.ServeMux // the routes alone, to tell a wrong method from a wrong path
	openapi   []byte
	bodies    sync.Pool     // of *bytes.Buffer
	answers   sync.Pool     // of *[]byte
	turns     chan struct{} // taken by requests with a large body
	exports   chan struct{} // taken by exports under way
	counted   counted

	nosniff, policy, noReferrer []string // header values, shared by all answers
}

// contentPolicy lets pages load only what this server serves, and pictures
// from anywhere: a shop's items have theirs on its own hosts.
const contentPolicy = "default-src 'self'; img-src 'self' data: https: http:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// New returns a Server, or says which part is missing.
func New(cfg Config, deps Deps) (*Server, error) {
	if err := deps.complete(); err != nil {
		return nil, err
	}
	s := &Server{
		deps: deps, cfg: cfg, log: deps.Logger, now: deps.Now, startedAt: deps.Now().UTC(), activity: deps.Activity,
		keyring: keyring{keys: deps.Keys, now: deps.Now}, hosts: newHostRule(cfg.Listen, cfg.Hosts),
		mux: http.NewServeMux(), probe: http.NewServeMux(), turns: make(chan struct{}, largeBodies),
		exports: make(chan struct{}, maxExports),
		nosniff: []string{"nosniff"}, policy: []string{contentPolicy}, noReferrer: []string{"no-referrer"},
	}
	var err error
	if s.metrics, err = newRequestMetrics(deps.Metrics.Registry); err != nil {
		return nil, fmt.Errorf("api: registering metrics: %w", err)
	}
	routes := s.routes()
	for _, rt := range routes {
		s.mux.Handle(rt.method+" "+rt.path, s.handler(rt))
		s.probe.Handle(rt.method+" "+rt.path, http.NotFoundHandler())
	}
	s.mux.Handle("/v1/", s.handler(route{path: "none", handle: s.noRoute}))
	s.mux.Handle("/", s.page(deps.Dashboard))
	if s.openapi, err = describe(cfg.Version, routes); err != nil {
		return nil, fmt.Errorf("api: describing the routes: %w", err)
	}
	return s, nil
}

// Handler returns the handler of all requests.
func (s *Server) Handler() http.Handler { return s }

var errMissing = errors.New("api: a part is missing")

func (d *Deps) complete() error {
	var faults []error
	for _, part := range []struct {
		name    string
		missing bool
	}{
		{"Events", d.Events == nil},
		{"Recommender", d.Recommender == nil},
		{"Live", d.Live == nil},
		{"Items", d.Items == nil},
		{"Withdrawals", d.Withdrawals == nil},
		{"Users", d.Users == nil},
		{"Aliases", d.Aliases == nil},
		{"Keys", d.Keys == nil},
		{"Counts", d.Counts == nil},
		{"Stored", d.Stored.Store == nil || d.Stored.Features == nil},
		{"Models", d.Models == nil},
		{"Features", d.Features == nil},
		{"FeatureReports", d.FeatureReports == nil},
		{"Checks", d.Checks == nil},
		{"Rejected", d.Rejected == nil},
		{"Rejections", d.Rejections == nil},
		{"Replayer", d.Replayer == nil},
		{"Metrics", d.Metrics == nil},
		{"Activity", d.Activity == nil},
		{"Dashboard", d.Dashboard == nil},
		{"Logger", d.Logger == nil},
		{"Now", d.Now == nil},
	} {
		if part.missing {
			faults = append(faults, fmt.Errorf("%w: Deps.%s", errMissing, part.name))
		}
	}
	return errors.Join(faults...)
}

// handler authorizes and runs a route.
func (s *Server) handler(rt route) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		w, ok := out.(*recorder)
		if !ok { // only ServeHTTP leads here
			http.Error(out, "internal error", http.StatusInternalServerError)
			return
		}
		w.route, w.tag = rt.path, rt.tag
		err := s.authorize(w, r, rt.scope)
		if err == nil {
			err = rt.handle(w, r)
		}
		if err != nil {
			s.answerError(w, r, err)
		}
	})
}

// page serves pages under one name in log and metrics.
func (s *Server) page(pages http.Handler) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if w, ok := out.(*recorder); ok {
			w.route = "/"
		}
		pages.ServeHTTP(out, r)
	})
}

// noRoute answers for paths and methods that no route has.
func (s *Server) noRoute(_ *recorder, r *http.Request) error {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete} {
		other := *r
		other.Method = method
		if _, pattern := s.probe.Handler(&other); pattern != "" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		return refuse(http.StatusNotFound, "there is no such path; /docs lists all")
	}
	err := refuse(http.StatusMethodNotAllowed, "this path does not know the method %.16q", r.Method)
	err.header = http.Header{"Allow": allowed}
	return err
}

// answerJSON writes a body that is not worth encoding by hand.
func answerJSON(w *recorder, status int, body any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("api: encoding the answer: %w", err)
	}
	answerBytes(w, status, data)
	return nil
}

func answerBytes(w *recorder, status int, body []byte) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Length", strconv.Itoa(len(body))) // or a longer answer goes out in chunks
	w.WriteHeader(status)
	w.send(body)
}
