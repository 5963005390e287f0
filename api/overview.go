package api

import (
	"context"
	"net/http"
	"time"

	"kindred"
	"kindred/registry"
)

// The overview: everything the first page of the dashboard shows.
type (
	overviewBody struct {
		Version   string                          `json:"version"`
		StartedAt time.Time                       `json:"started_at"`
		Data      dataBody                        `json:"data"`
		Live      map[registry.Role]liveModelBody `json:"live"`
		Requests  requestsBody                    `json:"requests"`
		Recent    []recentBody                    `json:"recent" doc:"The last 20 events, the newest first."`
		Series    seriesBody                      `json:"series" doc:"The last 120 whole seconds."`
	}
	dataBody struct {
		Events     int64      `json:"events"`
		Users      int64      `json:"users"`
		Items      int64      `json:"items"`
		Aliases    int64      `json:"aliases" doc:"IDs merged into users."`
		FirstEvent *time.Time `json:"first_event,omitempty"`
		LastEvent  *time.Time `json:"last_event,omitempty"`
	}
	liveModelBody struct {
		Version   string             `json:"version"`
		Kind      string             `json:"kind"`
		CreatedAt time.Time          `json:"created_at"`
		Metrics   map[string]float64 `json:"metrics"`
		Baseline  map[string]float64 `json:"baseline" doc:"Popularity on the same hold-out."`
	}
	requestsBody struct {
		RecommendationsTotal     int64       `json:"recommendations_total"`
		RecommendationsPerSecond float64     `json:"recommendations_per_second"`
		EventsTotal              int64       `json:"events_total"`
		EventsPerSecond          float64     `json:"events_per_second"`
		ErrorsTotal              int64       `json:"errors_total" doc:"Answers of 500 and above."`
		Latency                  latencyBody `json:"latency_ms" doc:"Of recommendations, in the last 120 s."`
	}
	latencyBody struct {
		P50 float64 `json:"p50"`
		P95 float64 `json:"p95"`
		P99 float64 `json:"p99"`
	}
	recentBody struct {
		Time  time.Time      `json:"time"`
		Kind  kindred.Kind   `json:"kind"`
		User  kindred.UserID `json:"user"`
		Item  kindred.ItemID `json:"item"`
		Title string         `json:"title,omitempty"`
	}
	seriesBody struct {
		Seconds         []int64   `json:"seconds" doc:"Unix seconds."`
		Recommendations []int     `json:"recommendations"`
		Events          []int     `json:"events"`
		P99             []float64 `json:"p99_ms"`
	}
	healthBody struct {
		Status string            `json:"status" example:"ok"`
		Checks map[string]string `json:"checks,omitempty"`
	}
)

func (s *Server) operateRoutes() []route {
	moment := exampleTime()
	example := overviewBody{
		Version: "v1", StartedAt: moment, Data: dataBody{Events: 100_000, Users: 900, Items: 1600, LastEvent: &moment},
		Live: map[registry.Role]liveModelBody{registry.Personal: {
			Version: exampleVersion, Kind: "ials", CreatedAt: moment,
			Metrics: map[string]float64{"ndcg@20": 0.13}, Baseline: map[string]float64{"ndcg@20": 0.05},
		}},
		Requests: requestsBody{RecommendationsTotal: 1200, RecommendationsPerSecond: 10, Latency: latencyBody{0.4, 0.9, 1.3}},
		Recent:   []recentBody{{moment, kindred.View, "u42", "mug-red", "Red Mug"}},
		Series:   seriesBody{[]int64{moment.Unix()}, []int{10}, []int{3}, []float64{1.3}},
	}
	metricsScope := ScopeAdmin
	if isLoopback(s.cfg.Listen) {
		metricsScope = ""
	}
	return []route{
		{
			method: http.MethodGet, path: "/v1/overview", scope: ScopeAdmin, handle: s.overview, tag: "Operate",
			summary: "What there is, and what has been going on", answers: []answer{{http.StatusOK, example}},
		},
		{
			method: http.MethodGet, path: "/metrics", scope: metricsScope, handle: s.getMetrics, tag: "Operate",
			summary: "Metrics in Prometheus' text format", detail: "Needs no key where the server listens on loopback only.",
			answers: []answer{{http.StatusOK, plainText("# HELP …")}},
		},
		{
			method: http.MethodGet, path: "/health/live", handle: s.live, tag: "Operate",
			summary: "Is the process alive?", answers: []answer{{http.StatusOK, healthBody{Status: "ok"}}},
		},
		{
			method: http.MethodGet, path: "/health/ready", handle: s.ready, tag: "Operate",
			summary: "Can requests be answered?", detail: "Without a live model they can: popular and new items are recommended.",
			answers: []answer{
				{http.StatusOK, healthBody{"ok", map[string]string{"store": "ok", "model": "ok"}}},
				{http.StatusServiceUnavailable, healthBody{"unavailable", map[string]string{"store": "unavailable", "model": "ok"}}},
			},
		},
	}
}

func (s *Server) overview(w *recorder, r *http.Request) error {
	counts, err := s.deps.Counts.Counts(r.Context())
	if err != nil {
		return err
	}
	body := overviewBody{
		Version: s.cfg.Version, StartedAt: s.startedAt, Live: map[registry.Role]liveModelBody{}, Recent: []recentBody{},
		Data: dataBody{
			Events: counts.Events, Users: counts.Users, Items: counts.Items, Aliases: counts.Aliases,
			FirstEvent: timeOrNil(counts.First), LastEvent: timeOrNil(counts.Last),
		},
	}
	live, err := s.deps.Models.Live()
	if err != nil {
		return err
	}
	for role, version := range live {
		v, err := s.deps.Models.Version(version)
		if err != nil {
			return err
		}
		body.Live[role] = liveModelBody{v.Version, v.Kind, v.CreatedAt, v.Metrics, v.Baseline}
	}
	body.Requests, body.Series = s.activity.requests()
	for _, e := range s.activity.lastEvents() {
		item, _ := s.deps.Recommender.Item(e.Item)
		body.Recent = append(body.Recent, recentBody{e.Time, e.Kind, e.User, e.Item, item.Title})
	}
	return answerJSON(w, http.StatusOK, body)
}

func (s *Server) live(w *recorder, _ *http.Request) error {
	return answerJSON(w, http.StatusOK, healthBody{Status: "ok"})
}

// readyTimeout is how long the store may take to answer before it counts as
// unavailable.
const readyTimeout = 2 * time.Second

func (s *Server) ready(w *recorder, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	body, status := healthBody{"ok", map[string]string{"store": "ok", "model": "ok"}}, http.StatusOK
	if _, err := s.deps.Counts.Counts(ctx); err != nil {
		s.log.WarnContext(ctx, "not ready", "error", err)
		body.Status, body.Checks["store"], status = "unavailable", "unavailable", http.StatusServiceUnavailable
	}
	switch live, err := s.deps.Models.Live(); {
	case err != nil:
		s.log.WarnContext(ctx, "live models unknown", "error", err)
		body.Checks["model"] = "unavailable"
	case len(live) == 0:
		body.Checks["model"] = "none"
	}
	return answerJSON(w, status, body)
}
