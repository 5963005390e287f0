package api

import (
	"maps"
	"net/http"
	"slices"

	"kindred"
	"kindred/registry"
)

type modelsBody struct {
	Live   registry.Live          `json:"live" doc:"The version that plays each role: personal, similar, popular."`
	Models []kindred.ModelVersion `json:"models" doc:"The newest first."`
}

type liveBody struct {
	Live registry.Live `json:"live"`
}

func (s *Server) modelRoutes() []route {
	example := kindred.ModelVersion{
		Version: exampleVersion, Kind: "ials", Stage: kindred.Live, CreatedAt: exampleTime(), Settings: []byte(`{"factors":64}`), Seed: 1,
		Data:    kindred.DataRange{Events: 100_000, Users: 900, Items: 1600, Interactions: 80_000},
		Metrics: map[string]float64{"ndcg@20": 0.13}, Baseline: map[string]float64{"ndcg@20": 0.05},
	}
	live := registry.Live{registry.Personal: example.Version}
	return []route{
		{
			method: http.MethodGet, path: "/v1/models", scope: ScopeAdmin, handle: s.listModels, tag: "Models",
			summary: "All model versions", answers: []answer{{http.StatusOK, modelsBody{live, []kindred.ModelVersion{example}}}},
		},
		{
			method: http.MethodGet, path: "/v1/models/{id}", scope: ScopeAdmin, handle: s.getModel, tag: "Models",
			summary: "A model version, with what it was learned from", answers: []answer{{http.StatusOK, example}},
		},
		{
			method: http.MethodPost, path: "/v1/models/{id}/promote", scope: ScopeAdmin, handle: s.promote, tag: "Models",
			summary: "Make a version live", detail: "In the roles that its kind plays now, or in the given one. No request is dropped.",
			query:   []param{{name: "role", kind: "string", detail: "personal, similar or popular.", example: "personal"}},
			answers: []answer{{http.StatusOK, liveBody{live}}},
		},
		{
			method: http.MethodPost, path: "/v1/models/rollback", scope: ScopeAdmin, handle: s.rollback, tag: "Models",
			summary: "Make live what was live before", answers: []answer{{http.StatusOK, liveBody{live}}},
		},
	}
}

func (s *Server) listModels(w *recorder, _ *http.Request) error {
	live, err := s.deps.Models.Live()
	if err != nil {
		return err
	}
	models, err := s.deps.Models.List()
	if err != nil {
		return err
	}
	models = slices.Clone(models)
	slices.SortStableFunc(models, func(a, b kindred.ModelVersion) int { return b.CreatedAt.Compare(a.CreatedAt) })
	if models == nil {
		models = []kindred.ModelVersion{}
	}
	return answerJSON(w, http.StatusOK, modelsBody{named(live), models})
}

// named returns live as an object even if nothing is.
func named(live registry.Live) registry.Live {
	if live == nil {
		return registry.Live{}
	}
	return live
}

func (s *Server) getModel(w *recorder, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	version, err := s.deps.Models.Version(id)
	if err != nil {
		return err
	}
	return answerJSON(w, http.StatusOK, version)
}

func (s *Server) promote(w *recorder, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	q, err := readQuery(r, "role")
	if err != nil {
		return err
	}
	version, err := s.deps.Models.Version(id)
	if err != nil {
		return err
	}
	before, err := s.deps.Models.Live()
	if err != nil {
		return err
	}
	roles, err := s.rolesOf(version.Kind, registry.Role(q["role"]), before)
	if err != nil {
		return err
	}
	live := maps.Clone(named(before))
	for _, role := range roles {
		live[role] = version.Version
	}
	if err := s.deps.Models.Promote(r.Context(), live); err != nil {
		return err
	}
	return s.answerLive(w, r, live)
}

// rolesOf returns the roles a version is to play: the one asked for, else
// those that its kind plays now, else the one its kind is made for.
func (s *Server) rolesOf(kind string, asked registry.Role, live registry.Live) ([]registry.Role, error) {
	switch asked {
	case registry.Personal, registry.Similar, registry.Popular:
		return []registry.Role{asked}, nil
	case "":
	default:
		return nil, invalid("the query is not valid", fault{"query.role", "must be personal, similar or popular"})
	}
	var roles []registry.Role
	for role, version := range live {
		playing, err := s.deps.Models.Version(version)
		if kindred.KindOf(err) == kindred.NotFound && err != nil {
			continue // what is live is gone from the disk: all the more reason to promote
		}
		if err != nil {
			return nil, err
		}
		if playing.Kind == kind {
			roles = append(roles, role)
		}
	}
	switch {
	case len(roles) > 0:
		return roles, nil
	case kind == "popular":
		return []registry.Role{registry.Popular}, nil
	default:
		return []registry.Role{registry.Personal}, nil
	}
}

func (s *Server) rollback(w *recorder, r *http.Request) error {
	live, err := s.deps.Models.Rollback(r.Context())
	if err != nil {
		return err
	}
	return s.answerLive(w, r, live)
}

// answerLive has the live models loaded before it answers, so that the next
// request is answered by them.
func (s *Server) answerLive(w *recorder, r *http.Request, live registry.Live) error {
	if err := s.deps.Live.Reload(r.Context()); err != nil {
		return err
	}
	return answerJSON(w, http.StatusOK, liveBody{named(live)})
}
