package api

import (
	"net/http"
	"time"

	"kindred"
	"kindred/store"
)

type withdrawFields struct {
	User   kindred.UserID `json:"user" maxLength:"256" doc:"Whose events; by any ID." example:"u42"`
	Item   kindred.ItemID `json:"item,omitempty" maxLength:"256" doc:"Only those with this item." example:"mug-red"`
	Kind   kindred.Kind   `json:"kind,omitempty" doc:"Only those of this kind." example:"view"`
	From   *time.Time     `json:"from,omitempty" doc:"Only from this time on."`
	To     *time.Time     `json:"to,omitempty" doc:"Only before this time."`
	Why    string         `json:"why,omitempty" maxLength:"256" example:"test order"`
	DryRun bool           `json:"dry_run,omitempty" doc:"Tell how many there are, and take none back."`
}

type withdrawnBody struct {
	Withdrawn int64 `json:"withdrawn" doc:"Events that had not been taken back before; with dry_run, those that would be."`
}

func (s *Server) withdrawRoutes() []route {
	moment := exampleTime()
	const detail = "They count no more, in histories from the next answer on and in training, as if they had not happened, whatever cleaning accepts. " +
		"They stay in the log and in exports, with the verdict `withdrawn`; sending them again does not bring them back. Only erasing the user removes them."
	return []route{
		{
			method: http.MethodDelete, path: "/v1/events/{id}", scope: ScopeWrite, handle: s.withdrawEvent, tag: "Events",
			summary: "Take an event back", detail: detail,
			query:   []param{{name: "why", kind: "string", detail: "Kept beside it.", example: "test order"}},
			answers: []answer{{http.StatusOK, withdrawnBody{1}}},
		},
		{
			method: http.MethodPost, path: "/v1/events/withdraw", scope: ScopeAdmin, handle: s.withdrawEvents, tag: "Events",
			summary: "Take back events of a user", detail: "All that match everything that is given. " + detail,
			body:    withdrawFields{User: "u42", Item: "mug-red", Kind: kindred.View, From: &moment, Why: "test order", DryRun: true},
			answers: []answer{{http.StatusOK, withdrawnBody{3}}},
		},
	}
}

func (s *Server) withdrawEvent(w *recorder, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	q, err := readQuery(r, "why")
	if err != nil {
		return err
	}
	why, err := q.text("why")
	if err != nil {
		return err
	}
	return s.withdraw(w, r, store.Withdrawal{ID: id, Why: why})
}

func (s *Server) withdrawEvents(w *recorder, r *http.Request) error {
	var ask store.Withdrawal
	err := s.withBody(w, r, func(body []byte) error {
		in, names := newReader(body), [...]string{"user", "item", "kind", "from", "to", "why", "dry_run"}
		in.fields(names[:], func(field int) {
			switch names[field] {
			case "user":
				ask.User = kindred.UserID(in.id())
			case "item":
				ask.Item = kindred.ItemID(in.id())
			case "kind":
				ask.Kind = kindred.Kind(in.id())
			case "from":
				ask.Range.From = in.time()
			case "to":
				ask.Range.To = in.time()
			case "why":
				ask.Why = in.id()
			case "dry_run":
				ask.OnlyTell = in.boolean()
			}
		})
		return in.finish("withdrawal", func() (faults []kindred.FieldError) {
			if ask.User == "" {
				faults = append(faults, kindred.FieldError{Field: "user", Message: "is required"})
			}
			if !ask.Range.To.IsZero() && !ask.Range.From.Before(ask.Range.To) {
				faults = append(faults, kindred.FieldError{Field: "to", Message: "must be after from"})
			}
			return faults
		})
	})
	if err != nil {
		return err
	}
	return s.withdraw(w, r, ask)
}

func (s *Server) withdraw(w *recorder, r *http.Request, ask store.Withdrawal) error {
	ask.By = w.key
	events, user, err := s.deps.Withdrawals.Withdraw(r.Context(), ask)
	if err != nil {
		return err
	}
	if events > 0 && !ask.OnlyTell {
		s.deps.Histories.VerdictsChanged([]kindred.UserID{user})
	}
	return answerJSON(w, http.StatusOK, withdrawnBody{events})
}
