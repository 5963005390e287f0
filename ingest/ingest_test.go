package ingest

import (
	"context"
	"math"
	"slices"
	"testing"
	"time"

	"kindred"
)

type memory struct {
	ids  map[string]bool
	seen []kindred.Event
}

func (m *memory) AppendEvents(_ context.Context, events []kindred.Event) ([]bool, error) {
	fresh := make([]bool, len(events))
	for i := range events {
		fresh[i] = !m.ids[events[i].ID]
		m.ids[events[i].ID] = true
	}
	return fresh, nil
}

func (m *memory) Observe(events []kindred.Event) { m.seen = append(m.seen, events...) }

func TestAcceptAnnouncesWhatIsNew(t *testing.T) {
	m := &memory{ids: map[string]bool{}}
	e := kindred.Event{ID: "1", User: "u", Item: "i", Kind: "view", Value: 1}
	unnamed, bad := e, e
	unnamed.ID, bad.Value = "", math.NaN()
	got, err := New(Config{}, m, m).Accept(t.Context(), []kindred.Event{e, e, bad, unnamed})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []Status{Accepted, Duplicate, Rejected, Accepted} {
		if got[i].Status != want {
			t.Errorf("event %d: %+v", i, got[i])
		}
	}
	if len(m.seen) != 2 || len(got[3].ID) != 36 || m.seen[1].Time.IsZero() {
		t.Errorf("announced %+v", m.seen)
	}
}

func TestValidateEventNamesTheField(t *testing.T) {
	s := New(Config{Kinds: []kindred.Kind{"own"}}, nil)
	good := kindred.Event{User: "u", Item: "i", Kind: "own", Time: time.Now()}
	for field, spoil := range map[string]func(*kindred.Event){
		"user":     func(e *kindred.Event) { e.User = "a\n" },
		"item":     func(e *kindred.Event) { e.Item = "" },
		"kind":     func(e *kindred.Event) { e.Kind = "other" },
		"value":    func(e *kindred.Event) { e.Value = math.Inf(1) },
		"time":     func(e *kindred.Event) { e.Time = e.Time.Add(25 * time.Hour) },
		"position": func(e *kindred.Event) { e.Position = -1 },
		"context":  func(e *kindred.Event) { e.Context = []byte(`[]`) },
	} {
		e := good
		spoil(&e)
		if f := s.ValidateEvent(&e); !slices.ContainsFunc(f, func(x kindred.FieldError) bool { return x.Field == field }) {
			t.Errorf("%s: %v", field, f)
		}
	}
	if f := s.ValidateEvent(&good); len(f) > 0 {
		t.Error(f)
	}
}
