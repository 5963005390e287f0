package api

import (
	"net/http"

	"kindred/check"
)

// Checks makes reports on the data in the background.
type Checks interface {
	// LastReport returns the last report, nil before the first, and whether a
	// newer one is on its way.
	LastReport() (report *check.Report, pending bool)
	// RequestReport asks for a new one and returns at once.
	RequestReport()
}

type checkBody struct {
	Pending bool          `json:"pending" doc:"A newer report is on its way."`
	Report  *check.Report `json:"report,omitempty" doc:"The last report; absent before the first."`
}

func (s *Server) checkRoutes() []route {
	report := check.Report{
		At: exampleTime(), Rows: check.Rows{Events: 100_000, Items: 1600, Users: 900}, Summary: map[check.Status]int{check.OK: 70, check.Warning: 1},
		Results: []check.Result{{
			Name: "user_placeholder", Group: "identifiers", Status: check.Warning, Figure: 0.02, Unit: "share", Count: 2000, Of: 100_000,
			Examples: []string{"null"}, Meaning: "many people become one, who likes everything",
			Advice: "leave the events of nobody out, or send the session in place of the user",
		}},
		Expectations: []check.Result{},
		Readiness:    []check.Step{{Name: "popular", Ready: true, Models: "popular", Needs: []check.Need{{What: "events", Have: 100_000, Want: 1}}}},
	}
	return []route{
		{
			method: http.MethodGet, path: "/v1/check", scope: ScopeAdmin, handle: s.getCheck, tag: "Operate",
			summary: "What is wrong with the data, and what they are enough for",
			detail:  "The last report of the checks in docs/checks.md. Before the first, the answer is 202 and one is made.",
			answers: []answer{{http.StatusOK, checkBody{Report: &report}}, {http.StatusAccepted, checkBody{Pending: true}}},
		},
		{
			method: http.MethodPost, path: "/v1/check", scope: ScopeAdmin, handle: s.postCheck, tag: "Operate",
			summary: "Check the data again", detail: "In the background; ask for the report by GET until it is no longer pending.",
			answers: []answer{{http.StatusAccepted, checkBody{Pending: true}}},
		},
	}
}

func (s *Server) getCheck(w *recorder, r *http.Request) error {
	if _, err := readQuery(r); err != nil {
		return err
	}
	report, pending := s.deps.Checks.LastReport()
	if report != nil {
		return answerJSON(w, http.StatusOK, checkBody{pending, report})
	}
	s.deps.Checks.RequestReport()
	return answerJSON(w, http.StatusAccepted, checkBody{Pending: true})
}

func (s *Server) postCheck(w *recorder, r *http.Request) error {
	if _, err := readQuery(r); err != nil {
		return err
	}
	s.deps.Checks.RequestReport()
	report, _ := s.deps.Checks.LastReport()
	return answerJSON(w, http.StatusAccepted, checkBody{true, report})
}
