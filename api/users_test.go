package api

import (
	"net/http"
	"slices"
	"testing"

	"kindred"
)

// listener takes note of what it is told of users.
type listener struct {
	Live
	changed []kindred.UserID
}

func (l *listener) UsersChanged(users []kindred.User) {
	for i := range users {
		l.changed = append(l.changed, users[i].ID)
	}
	l.Live.UsersChanged(users)
}

// TestUsersChanged expects the read path to be told of every user stored, and
// of none that is refused.
func TestUsersChanged(t *testing.T) {
	heard := &listener{}
	d := newDoor(t, func(_ *Config, deps *Deps) { heard.Live, deps.Live = deps.Live, heard })
	for _, q := range [][3]string{
		{http.MethodPut, "/v1/users/one", `{"attributes":{"country":"DE"}}`},
		{http.MethodPut, "/v1/users/two", `{"attributes":7}`},
		{http.MethodPost, "/v1/users/batch", `{"users":[{"id":"three"},{"id":""},{"id":"four"}]}`},
	} {
		d.ask(q[0], q[1], ScopeWrite, q[2])
	}
	if want := []kindred.UserID{"one", "three", "four"}; !slices.Equal(heard.changed, want) {
		t.Errorf("told of %q, want %q", heard.changed, want)
	}
}
