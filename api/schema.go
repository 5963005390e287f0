package api

import (
	"net/http"

	"kindred"
	"kindred/schema"
)

func (s *Server) schemaRoutes() []route {
	moment := exampleTime()
	return []route{{
		method: http.MethodGet, path: "/v1/schema", scope: ScopeAdmin, handle: s.getSchema, tag: "Items",
		summary: "What the items have",
		detail: "Every attribute with its type, how many items have it, examples and what is declared of it under `catalogue:` in kindred.yaml. " +
			"Reads the whole catalogue.",
		answers: []answer{{http.StatusOK, schema.Report{Items: 4, Attributes: []schema.Attribute{{
			Name: "brand", Types: map[string]int64{"string": 3}, Filled: 3, Share: 0.75, Distinct: 2, Examples: []string{"Acme", "Best"}, FirstSeen: &moment,
			Declared: &schema.Declared{Type: "string"},
		}}}}},
	}}
}

func (s *Server) getSchema(w *recorder, r *http.Request) error {
	done, err := s.scan()
	if err != nil {
		return err
	}
	defer done()
	found := schema.NewInference(s.cfg.Schema)
	err = s.deps.Stored.ScanItems(r.Context(), func(item *kindred.Item) error {
		found.Add(item)
		return nil
	})
	if err != nil {
		return err
	}
	return answerJSON(w, http.StatusOK, found.Report())
}
