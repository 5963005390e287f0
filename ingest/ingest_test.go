package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"kindred"
	"kindred/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var present = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)

func testConfig() Config {
	return Config{Kinds: []kindred.Kind{"own"}, Now: func() time.Time { return present }}
}

// memory is a log, and an observer of it.
type memory struct {
	ids  map[string]bool
	seen []kindred.Event
	fail error
}

func (m *memory) AppendEvents(_ context.Context, events []kindred.Event) ([]bool, error) {
	fresh := make([]bool, len(events))
	for i := range events {
		fresh[i] = !m.ids[events[i].ID]
		m.ids[events[i].ID] = true
	}
	return fresh, m.fail
}

func (m *memory) Observe(events []kindred.Event) { m.seen = append(m.seen, events...) }

func TestAcceptAnnouncesWhatIsNew(t *testing.T) {
	m := &memory{ids: map[string]bool{}}
	e := kindred.Event{ID: "1", User: "u", Item: "i", Kind: "view", Value: 1}
	unnamed, bad := e, e
	unnamed.ID, bad.Value = "", math.Inf(1)
	given := []kindred.Event{e, e, bad, unnamed}
	got, err := New(testConfig(), m, m).Accept(t.Context(), given)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []Status{Accepted, Duplicate, Rejected, Accepted} {
		if got[i].Status != want {
			t.Errorf("event %d: %+v", i, got[i])
		}
	}
	if len(m.seen) != 2 || len(got[3].ID) != 36 || m.seen[1].ID != got[3].ID {
		t.Errorf("announced %+v", m.seen)
	}
	if given[3].ID != "" || !given[3].Time.IsZero() {
		t.Errorf("the caller's event was changed: %+v", given[3])
	}
}

func TestAcceptFillsIn(t *testing.T) {
	for name, c := range map[string]struct {
		event kindred.Event
		value float64
		time  time.Time
	}{
		"no time":       {kindred.Event{Kind: "view", Value: 2}, 2, present.Truncate(time.Millisecond)},
		"no value":      {kindred.Event{Kind: "purchase", Value: math.NaN()}, 1, present.Truncate(time.Millisecond)},
		"value of zero": {kindred.Event{Kind: "rating"}, 0, present.Truncate(time.Millisecond)},
		"microseconds":  {kindred.Event{Kind: "own", Time: time.Unix(1, 999_999)}, 0, time.UnixMilli(1000).UTC()},
	} {
		t.Run(name, func(t *testing.T) {
			m := &memory{ids: map[string]bool{}}
			c.event.User, c.event.Item = "u", "i"
			if got, err := New(testConfig(), m, m).Accept(t.Context(), []kindred.Event{c.event}); err != nil || got[0].Status != Accepted {
				t.Fatalf("%+v, %v", got, err)
			}
			if e := m.seen[0]; e.Value != c.value || e.Time != c.time {
				t.Errorf("got value %v and time %v, want %v and %v", e.Value, e.Time, c.value, c.time)
			}
		})
	}
}

func TestNothingIsAnnouncedThatIsNotStored(t *testing.T) {
	m := &memory{ids: map[string]bool{}, fail: errors.New("disk full")}
	e := kindred.Event{User: "u", Item: "i", Kind: "view", Value: 1}
	if _, err := New(testConfig(), m, m).Accept(t.Context(), []kindred.Event{e}); !errors.Is(err, m.fail) {
		t.Errorf("got error %v, want %v", err, m.fail)
	}
	if len(m.seen) != 0 {
		t.Errorf("announced %+v", m.seen)
	}
	e.User = ""
	if got, err := New(testConfig(), m, m).Accept(t.Context(), []kindred.Event{e}); err != nil || got[0].Status != Rejected {
		t.Errorf("a store that fails is asked for nothing: %+v, %v", got, err)
	}
}

// TestAcceptedEventsSurviveTheStore expects of any event either faults, or the
// same event back from a real store.
func TestAcceptedEventsSurviveTheStore(t *testing.T) {
	db, err := store.Open(t.Context(), store.Config{Path: ":memory:"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	service := New(testConfig(), db)
	n, stored := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		e := anyEvent(rt)
		n++
		e.ID = strconv.Itoa(n) + e.ID // rapid repeats itself
		got, err := service.Accept(t.Context(), []kindred.Event{e})
		if err != nil {
			rt.Fatal(err)
		}
		fillIn(&e, service.cfg.Now().Truncate(time.Millisecond))
		if faults := service.ValidateEvent(&e); len(faults) > 0 {
			if got[0].Status != Rejected || fmt.Sprint(got[0].Faults) != fmt.Sprint(faults) {
				rt.Fatalf("%+v has faults %v, and became %+v", e, faults, got[0])
			}
			return
		}
		stored++
		if e.Context != nil { // blanks between JSON's tokens mean nothing
			var compact bytes.Buffer
			if err := json.Compact(&compact, e.Context); err != nil {
				rt.Fatal(err)
			}
			e.Context = compact.Bytes()
		}
		events, err := db.UserEvents(t.Context(), e.User, 1<<30)
		if err != nil {
			rt.Fatal(err)
		}
		at := slices.IndexFunc(events, func(x kindred.Event) bool { return x.ID == e.ID })
		if at < 0 || fmt.Sprintf("%#v", events[at]) != fmt.Sprintf("%#v", e) {
			rt.Fatalf("stored %#v\n   got %#v", e, events)
		}
	})
	counts, err := db.Counts(t.Context())
	if err != nil || counts.Events != int64(stored) || stored == 0 || stored == n {
		t.Errorf("of %d events %d are valid, %d are stored (%v)", n, stored, counts.Events, err)
	}
}

func anyEvent(t *rapid.T) kindred.Event {
	word := rapid.OneOf(rapid.StringMatching(`[a-z]{1,3}`), rapid.StringN(0, 40, 300))
	extra := rapid.SampledFrom([]string{
		"", `{}`, ` {"a": [1, "ü", null]} `, `{"a":-0,"b":1e400,"a":"\u00fc\n"}`, `[]`, `{`, "{\"\xff\":1}",
	}).Draw(t, "context")
	e := kindred.Event{
		ID: word.Draw(t, "id"), User: kindred.UserID(word.Draw(t, "user")), Item: kindred.ItemID(word.Draw(t, "item")),
		Kind:    rapid.SampledFrom([]kindred.Kind{kindred.View, kindred.Rating, kindred.Search, "own", "other"}).Draw(t, "kind"),
		Value:   rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{0, 1, math.NaN(), math.Inf(-1)})).Draw(t, "value"),
		Session: word.Draw(t, "session"), RequestID: word.Draw(t, "request"), Position: rapid.IntRange(-1, 500).Draw(t, "position"),
	}
	if extra != "" {
		e.Context = []byte(extra)
	}
	if rapid.Bool().Draw(t, "timed") {
		e.Time = time.UnixMicro(rapid.Int64Range(-1e15, 2e15).Draw(t, "time"))
	}
	return e
}

// TestEventIDs expects ids that differ, and sort by time.
func TestEventIDs(t *testing.T) {
	ids := map[string]bool{}
	for i := range 1000 {
		ids[newID(present.Add(time.Duration(i%2)*time.Second))] = true
	}
	if len(ids) != 1000 {
		t.Errorf("%d of 1000 ids differ", len(ids))
	}
	early, late := newID(present), newID(present.Add(time.Millisecond))
	if early >= late || early[14] != '7' {
		t.Errorf("%s is not before %s, or neither is a UUIDv7", early, late)
	}
	if sorted := slices.Sorted(maps.Keys(ids)); len(sorted[0]) != 36 {
		t.Errorf("%q is no UUID", sorted[0])
	}
}

func ExampleService_Accept() {
	db, err := store.Open(context.Background(), store.Config{Path: ":memory:"})
	if err != nil {
		fmt.Println(err)
		return
	}
	service := New(Config{Kinds: []kindred.Kind{"wish"}}, db)
	outcomes, err := service.Accept(context.Background(), []kindred.Event{
		{ID: "1", User: "ann", Item: "mug", Kind: kindred.View, Value: 1},
		{ID: "1", User: "ann", Item: "mug", Kind: kindred.View, Value: 1},
		{ID: "2", User: "ann", Item: "mug", Kind: "wish", Value: 1},
		{ID: "3", User: "ann", Item: "mug", Kind: "sniff", Value: 1},
	})
	for _, o := range outcomes {
		fmt.Println(o.ID, o.Status == Accepted, o.Status == Duplicate, o.Faults)
	}
	fmt.Println(err, db.Close())
	// Output:
	// 1 true false []
	// 1 false true []
	// 2 true false []
	// 3 false false [{kind "sniff" is not declared (add it to kinds: in kindred.yaml)}]
	// <nil> <nil>
}
