package api

import (
	"net/http"
	"time"

	"kindred"
	"kindred/ingest"
)

type mergeFields struct {
	From kindred.UserID `json:"from" maxLength:"256" doc:"The ID that becomes, or ceases to be, another of the user's." example:"visitor-7"`
	Why  string         `json:"why,omitempty" maxLength:"256" doc:"For the log of merges." example:"login"`
}

type personBody struct {
	ID      kindred.UserID `json:"id" doc:"Whose the aliases are: the ID that was asked for, or the one that it is an alias of."`
	Aliases []aliasBody    `json:"aliases" doc:"In the order in which they were merged."`
}

type aliasBody struct {
	ID   kindred.UserID `json:"id" example:"visitor-7"`
	Into kindred.UserID `json:"into" doc:"The ID it was merged into: the user's, or another alias." example:"u42"`
	Time time.Time      `json:"time"`
	By   string         `json:"by" doc:"The API key that merged, or the command." example:"shop"`
	Why  string         `json:"why,omitempty" example:"login"`
}

type mergesBody struct {
	Merges []kindred.Merge `json:"merges" doc:"The earliest first."`
	Next   int64           `json:"next,omitempty" doc:"Give this as after for the next page; absent on the last."`
}

func (s *Server) aliasRoutes() []route {
	moment := exampleTime()
	alone := personBody{"u42", []aliasBody{}}
	merged := personBody{"u42", []aliasBody{{"visitor-7", "u42", moment, "shop", "login"}}}
	body := mergeFields{"visitor-7", "login"}
	return []route{
		{
			method: http.MethodPost, path: "/v1/users/{id}/merge", scope: ScopeWrite, handle: s.mergeUsers, tag: "Users",
			summary: "Merge another ID into a user",
			detail: "As when a visitor logs in. From then on all that was done and will be done under `from`, and under IDs merged into it, is the user's: " +
				"histories, recommendations, attributes (what was said last counts), exports, erasure. Nothing is moved, so it can be undone exactly. " +
				"Either ID may be unknown yet; merging again changes nothing. 409: `from` is somebody else's alias, or the user one of `from`.",
			body: body, answers: []answer{{http.StatusOK, merged}},
		},
		{
			method: http.MethodPost, path: "/v1/users/{id}/unmerge", scope: ScopeWrite, handle: s.unmergeUser, tag: "Users",
			summary: "Undo a merge", detail: "`from` is somebody of their own again, with all that was merged into it. 404: it is no alias of anybody.",
			body: body, answers: []answer{{http.StatusOK, alone}},
		},
		{
			method: http.MethodGet, path: "/v1/users/{id}/aliases", scope: ScopeAdmin, handle: s.getAliases, tag: "Users",
			summary: "Every ID of a user", answers: []answer{{http.StatusOK, merged}},
		},
		{
			method: http.MethodGet, path: "/v1/merges", scope: ScopeAdmin, handle: s.listMerges, tag: "Users",
			summary: "The log of merges and of those undone", detail: "Of users who were erased there is nothing left in it.",
			query:   []param{limitParam(maxPage), {name: "after", kind: "integer", detail: "Only entries behind this one.", example: 0}},
			answers: []answer{{http.StatusOK, mergesBody{Merges: []kindred.Merge{{Seq: 1, Time: moment, User: "u42", From: "visitor-7", By: "shop", Why: "login"}}}}},
		},
	}
}

// merge reads what is to be merged into, or taken from, the user of the path.
func (s *Server) merge(w *recorder, r *http.Request) (m kindred.Merge, err error) {
	id, err := pathID(r)
	if err != nil {
		return m, err
	}
	m = kindred.Merge{User: kindred.UserID(id), By: w.key, Time: s.now().UTC().Truncate(time.Millisecond)}
	err = s.withBody(w, r, func(body []byte) error {
		in, names := newReader(body), [...]string{"from", "why"}
		in.fields(names[:], func(field int) {
			switch names[field] {
			case "from":
				m.From = kindred.UserID(in.text())
			case "why":
				m.Why = in.text()
			}
		})
		return in.finish("merge", func() []kindred.FieldError { return ingest.ValidateMerge(&m) })
	})
	return m, err
}

func (s *Server) mergeUsers(w *recorder, r *http.Request) error {
	m, err := s.merge(w, r)
	if err != nil {
		return err
	}
	if _, err := s.deps.Aliases.MergeUsers(r.Context(), m); err != nil {
		return err
	}
	if err := s.deps.Live.UsersMerged(r.Context(), m.User); err != nil {
		return err
	}
	return s.answerPerson(w, r, m.User)
}

func (s *Server) unmergeUser(w *recorder, r *http.Request) error {
	m, err := s.merge(w, r)
	if err != nil {
		return err
	}
	if _, err := s.deps.Aliases.UnmergeUser(r.Context(), m); err != nil {
		return err
	}
	if err := s.deps.Live.UsersMerged(r.Context(), m.User, m.From); err != nil {
		return err
	}
	return s.answerPerson(w, r, m.User)
}

func (s *Server) getAliases(w *recorder, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	return s.answerPerson(w, r, kindred.UserID(id))
}

func (s *Server) answerPerson(w *recorder, r *http.Request, id kindred.UserID) error {
	who, err := s.deps.Aliases.Person(r.Context(), id)
	if err != nil {
		return err
	}
	body := personBody{who.ID, make([]aliasBody, len(who.Aliases))}
	for i := range who.Aliases {
		a := &who.Aliases[i]
		body.Aliases[i] = aliasBody{a.ID, a.Into, a.Time, a.By, a.Why}
	}
	return answerJSON(w, http.StatusOK, body)
}

func (s *Server) listMerges(w *recorder, r *http.Request) error {
	q, err := readQuery(r, "limit", "after")
	if err != nil {
		return err
	}
	limit, err := q.integer("limit", defaultPage, 1, maxPage)
	if err != nil {
		return err
	}
	after, err := q.integer("after", 0, 0, 1<<53)
	if err != nil {
		return err
	}
	merges, err := s.deps.Aliases.Merges(r.Context(), int64(after), limit+1)
	if err != nil {
		return err
	}
	body := mergesBody{Merges: append([]kindred.Merge{}, merges[:min(limit, len(merges))]...)}
	if len(merges) > limit {
		body.Next = merges[limit-1].Seq
	}
	return answerJSON(w, http.StatusOK, body)
}
