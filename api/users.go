package api

import (
	"net/http"
	"time"

	"kindred"
	"kindred/ingest"
	"kindred/store"
)

type userBody struct {
	ID         kindred.UserID `json:"id" maxLength:"256" example:"u42"`
	Attributes attributes     `json:"attributes,omitempty"`
	UpdatedAt  *time.Time     `json:"updated_at,omitempty" readOnly:"true"`
}

type userFields struct {
	Attributes attributes `json:"attributes,omitempty"`
}

type usersBody struct {
	Users []userBody     `json:"users"`
	Next  kindred.UserID `json:"next,omitempty" doc:"Give this as after for the next page; absent on the last."`
}

type usersBatch struct {
	Users []userBody `json:"users" minItems:"1" maxItems:"10000"`
}

type erasedBody struct {
	EventsErased int64 `json:"events_erased"`
}

func newUserBody(user kindred.User) userBody {
	return userBody{user.ID, attributes(user.Attributes), timeOrNil(user.UpdatedAt)}
}

func (s *Server) userRoutes() []route {
	example := userBody{ID: "u42", Attributes: attributes{"country": kindred.StringOf("DE")}}
	return []route{
		{
			method: http.MethodPut, path: "/v1/users/{id}", scope: ScopeWrite, handle: s.putUser, tag: "Users",
			query:   []param{validateOnlyParam()},
			summary: "Store a user", detail: "Replaces the user's attributes. A user need not be stored: the first event makes one.",
			body: userFields{example.Attributes}, answers: []answer{{http.StatusOK, example}},
		},
		{
			method: http.MethodGet, path: "/v1/users/{id}", scope: ScopeRead, handle: s.getUser, tag: "Users",
			summary: "A user", answers: []answer{{http.StatusOK, example}},
		},
		{
			method: http.MethodDelete, path: "/v1/users/{id}", scope: ScopeAdmin, handle: s.eraseUser, tag: "Users",
			summary: "Erase a user", detail: "The user under every ID they go by, all their events, rejected rows and all lists they were shown.",
			answers: []answer{{http.StatusOK, erasedBody{17}}},
		},
		{
			method: http.MethodPost, path: "/v1/users/batch", scope: ScopeWrite, handle: s.postUsers, tag: "Users",
			query:   []param{validateOnlyParam()},
			summary: "Store up to 10,000 users", detail: "Each row is stored or rejected by itself; if all are rejected the answer is 422.",
			body: usersBatch{[]userBody{example}}, answers: []answer{{http.StatusOK, putAnswer{Stored: 1, Results: []putRow{}}}},
		},
		{
			method: http.MethodGet, path: "/v1/users", scope: ScopeAdmin, handle: s.listUsers, tag: "Users",
			summary: "Users in order of id",
			query: []param{
				limitParam(maxPage),
				{name: "after", kind: "string", detail: "Only ids behind this one.", example: "u41"},
				{name: "q", kind: "string", detail: "Only users with this text in their id.", example: "u4"},
			},
			answers: []answer{{http.StatusOK, usersBody{Users: []userBody{example}}}},
		},
	}
}

// user reads a user; the batch gives ids in the body, the path otherwise.
func (r *reader) user(id kindred.UserID) kindred.User {
	names := [...]string{"attributes", "id"}
	known := names[:]
	if id != "" {
		known = names[:1]
	}
	user := kindred.User{ID: id}
	r.fields(known, func(field int) {
		switch names[field] {
		case "id":
			user.ID = kindred.UserID(r.text())
		case "attributes":
			user.Attributes = r.attributes()
		}
	})
	return user
}

func (s *Server) putUser(w *recorder, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	_, only, err := writeQuery(r)
	if err != nil {
		return err
	}
	var user kindred.User
	err = s.withBody(w, r, func(body []byte) error {
		in := newReader(body)
		user = in.user(kindred.UserID(id))
		err := in.finish("user", func() []kindred.FieldError { return ingest.ValidateUser(&user) })
		if !only {
			s.keepRefused(in, id, user.ID)
		}
		return err
	})
	if err != nil {
		return err
	}
	if only {
		return answerJSON(w, http.StatusOK, newUserBody(user))
	}
	user.UpdatedAt = s.now().UTC().Truncate(time.Millisecond)
	users := []kindred.User{user}
	if err := s.deps.Users.PutUsers(r.Context(), users); err != nil {
		return err
	}
	s.deps.Live.UsersChanged(users)
	return answerJSON(w, http.StatusOK, newUserBody(user))
}

func (s *Server) getUser(w *recorder, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	user, err := s.deps.Users.User(r.Context(), kindred.UserID(id))
	if err != nil {
		return err
	}
	return answerJSON(w, http.StatusOK, newUserBody(user))
}

func (s *Server) eraseUser(w *recorder, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	who, err := s.deps.Aliases.Person(r.Context(), kindred.UserID(id))
	if err != nil {
		return err
	}
	ids := who.IDs()
	// Before as well as after, so that no shown list that still waits to be
	// logged is written behind the erasure.
	for _, id := range ids {
		s.deps.Live.UserErased(id)
	}
	s.deps.Rejections.Flush(r.Context())
	erased, err := s.deps.Users.EraseUser(r.Context(), who.ID)
	if err != nil {
		return err
	}
	for _, id := range ids {
		s.deps.Live.UserErased(id)
		s.activity.forget(id)
	}
	if err := s.deps.Live.UsersMerged(r.Context(), ids...); err != nil {
		return err
	}
	return answerJSON(w, http.StatusOK, erasedBody{erased})
}

func (s *Server) postUsers(w *recorder, r *http.Request) error {
	_, only, err := writeQuery(r)
	if err != nil {
		return err
	}
	keep := s.keepRows
	if only {
		keep = ignoreRows
	}
	var users []kindred.User
	var reply putAnswer
	err = s.withBody(w, r, func(body []byte) (err error) {
		users, reply, err = readRows(body, "users", keep, func(in *reader) (kindred.User, string, []kindred.FieldError) {
			user := in.user("")
			faults := ingest.ValidateUser(&user)
			return user, string(user.ID), faults
		})
		return err
	})
	if err != nil {
		return err
	}
	if only {
		return answerJSON(w, http.StatusOK, reply.unstored())
	}
	now := s.now().UTC().Truncate(time.Millisecond)
	for i := range users {
		users[i].UpdatedAt = now
	}
	if err := s.deps.Users.PutUsers(r.Context(), users); err != nil {
		return err
	}
	s.deps.Live.UsersChanged(users)
	return answerJSON(w, http.StatusOK, reply)
}

func (s *Server) listUsers(w *recorder, r *http.Request) error {
	q, err := readQuery(r, "limit", "after", "q")
	if err != nil {
		return err
	}
	p, err := q.page()
	if err != nil {
		return err
	}
	users, err := s.deps.Users.Users(r.Context(), store.UserQuery{After: kindred.UserID(p.after), Limit: p.limit + 1, Search: p.search})
	if err != nil {
		return err
	}
	body := usersBody{Users: []userBody{}}
	if len(users) > p.limit {
		users = users[:p.limit]
		body.Next = users[p.limit-1].ID
	}
	for _, user := range users {
		body.Users = append(body.Users, newUserBody(user))
	}
	return answerJSON(w, http.StatusOK, body)
}
