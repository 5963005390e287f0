package api

import (
	"net/http"
	"time"

	"kindred"
)

type pricesBody struct {
	Prices []priceBody `json:"prices" doc:"The latest first; at most 1,000 are kept."`
}

type priceBody struct {
	From  time.Time `json:"from" doc:"It was asked from this moment on."`
	Price float64   `json:"price" doc:"What was asked: the sale price, if there was one; 0: not known any more." example:"9.5"`
}

func (s *Server) priceRoutes() []route {
	return []route{
		{
			method: http.MethodGet, path: "/v1/items/{id}/prices", scope: ScopeRead, handle: s.getPrices, tag: "Items",
			summary: "What was asked for an item", detail: "Recorded where it changes. Of a deleted item, too.",
			query:   []param{limitParam(maxPage)},
			answers: []answer{{http.StatusOK, pricesBody{[]priceBody{{exampleTime(), 9.5}}}}},
		},
	}
}

func (s *Server) getPrices(w *recorder, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	q, err := readQuery(r, "limit")
	if err != nil {
		return err
	}
	limit, err := q.integer("limit", defaultPage, 1, maxPage)
	if err != nil {
		return err
	}
	prices, err := s.deps.Items.Prices(r.Context(), kindred.ItemID(id), limit)
	if err != nil {
		return err
	}
	body := pricesBody{make([]priceBody, len(prices))}
	for i, p := range prices {
		body.Prices[i] = priceBody{p.From, p.Cost}
	}
	return answerJSON(w, http.StatusOK, body)
}
