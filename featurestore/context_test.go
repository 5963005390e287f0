package featurestore_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"kindred"
	"kindred/feature"
	"kindred/featurestore"
	"kindred/store"
)

// sessionConfig has features of sessions and of requests, alone and together
// with others.
func sessionConfig() feature.Config {
	view := feature.Where{Kinds: []kindred.Kind{kindred.View}}
	return feature.Config{
		Definitions: []feature.Definition{
			{Name: "views", Entity: feature.Session, Kind: feature.Count, Where: view},
			{Name: "hour", Entity: feature.Context, Kind: feature.Attribute},
			{Name: "views", Entity: feature.User, Kind: feature.Count, Where: view},
			{Name: "eager", Entity: feature.Context, Kind: feature.Expression, Expression: "context.hour * 100.0 + session.views * 10.0 + user.views"},
		},
		Sets: []feature.Set{{Name: "all", Features: []feature.Ref{"session:views", "context:hour", "context:eager"}}},
		Log:  []string{"all"},
	}
}

// newSessions is a shop with these features, and events of ann in two sessions
// a minute apart.
func newSessions(t *testing.T) *shop {
	t.Helper()
	s := newShop(t)
	service, err := featurestore.New(featurestore.Config{
		Features: sessionConfig(), Now: func() time.Time { return time.UnixMilli(s.clock.Load()) },
	}, s.db)
	must(t, err)
	s.Service = service
	var events []kindred.Event
	for i, session := range []string{"s1", "s1", "s2", "s1"} {
		events = append(events, kindred.Event{
			ID: fmt.Sprint("e", i), User: "ann", Item: "i", Kind: kindred.View, Value: 1, Session: session, Time: s.now().Add(time.Duration(i-3) * time.Minute),
		})
	}
	_, err = s.db.AppendEvents(t.Context(), events)
	must(t, err)
	s.clock.Add(1)
	must(t, s.Materialize(t.Context()))
	return s
}

func number(bits any) float64 {
	x, _ := bits.(uint64)
	return math.Float64frombits(x)
}

// TestShownInSession shows lists in sessions, with what their requests say of
// themselves, and expects both in training sets, as of then and as served, and
// no skew.
func TestShownInSession(t *testing.T) {
	s := newSessions(t)
	s.clock.Add(1)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	for s.Followed().Before(s.now()) { // until the state is built, from when on lists are kept
		time.Sleep(time.Millisecond)
	}
	hour := func(x float64) kindred.Attributes { return kindred.Attributes{"hour": kindred.NumberOf(x)} }
	lists := []kindred.Exposure{
		{RequestID: "r1", User: "ann", Session: "s1", Context: hour(22)},
		{RequestID: "r2", User: "ann", Session: "s2", Context: hour(7)},
		{RequestID: "r3", User: "ann"},
		{RequestID: "r4", Session: "s1", Context: kindred.Attributes{"hour": kindred.StringOf("late")}},
		{RequestID: "r5"},
	}
	for i := range lists {
		lists[i].Time, lists[i].Items, lists[i].Sources = s.now(), []kindred.ItemID{"i", "k"}, []string{"m", "m"}
	}
	must(t, s.db.AppendExposures(t.Context(), lists))
	s.Shown(lists)
	stop()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	labels, err := s.ShownLabels(t.Context(), s.db, store.EventRange{}, []kindred.Kind{kindred.Click})
	must(t, err)
	asOf, served := gather{rows: map[string]map[string]any{}}, gather{rows: map[string]map[string]any{}}
	_, err = s.TrainingSet(t.Context(), s.Plan().Sets()["all"].Features, labels, asOf.write)
	must(t, err)
	_, err = s.LoggedSet(t.Context(), s.db, "all", store.EventRange{}, labels, served.write)
	must(t, err)
	if len(asOf.rows) != 8 || len(served.rows) != 10 {
		t.Fatalf("%d rows as of then, %d as served", len(asOf.rows), len(served.rows))
	}
	for key, want := range map[string][3]float64{
		"r1 i": {3, 22, 2234}, "r1 k": {3, 22, 2234}, "r2 k": {1, 7, 714}, "r3 i": {0, math.NaN(), math.NaN()}, "r4 i": {3, math.NaN(), math.NaN()},
	} {
		for _, rows := range []map[string]map[string]any{asOf.rows, served.rows} {
			for i, name := range []string{"session__views", "context__hour", "context__eager"} {
				if got := number(rows[key][name]); got != want[i] && !(math.IsNaN(got) && math.IsNaN(want[i])) {
					t.Errorf("%s of %s is %v, want %v", name, key, got, want[i])
				}
			}
		}
		if asOf.rows[key]["session"] != served.rows[key]["session"] {
			t.Errorf("the sessions of %s are %v and %v", key, asOf.rows[key]["session"], served.rows[key]["session"])
		}
	}
	skew, err := s.Skew(t.Context(), s.db, "all", store.EventRange{}, 10)
	must(t, err)
	if skew.Lists != 5 || skew.Values != 30 || skew.Different != 0 {
		t.Errorf("the skew is %+v", skew)
	}
}

// TestLabelsInSession reads labels with sessions and contexts, and expects each
// row to know of what was before it alone.
func TestLabelsInSession(t *testing.T) {
	s := newSessions(t)
	file := func(text string) *featurestore.Labels {
		path := filepath.Join(t.TempDir(), "labels.csv")
		must(t, os.WriteFile(path, []byte(text), 0o600))
		labels, err := featurestore.ReadLabels(path)
		must(t, err)
		return labels
	}
	at := func(minutes int) string {
		return s.now().Add(time.Duration(minutes)*time.Minute - time.Millisecond).Format(time.RFC3339Nano)
	}
	labels := file("user,item,time,label,session,context.hour\n" +
		"ann,a," + at(-3) + ",1,s1,22\n" + "ann,b," + at(-2) + ",0,s1,\n" + "ann,c," + at(-1) + ",0,s1,7\n" + "ann,d," + at(1) + ",1,s1,7\n" + "ann,e," + at(1) + ",1,,7\n")
	got := gather{rows: map[string]map[string]any{}}
	refs := s.Plan().Sets()["all"].Features
	_, err := s.TrainingSet(t.Context(), refs, labels, got.write)
	must(t, err)
	for item, want := range map[string][2]float64{
		"a": {0, 2200}, "b": {1, math.NaN()}, "c": {2, 722}, "d": {3, 734}, "e": {0, 704},
	} {
		row := got.rows[fmt.Sprint(nil, " ", item)]
		views, eager := number(row["session__views"]), number(row["context__eager"])
		if views != want[0] || eager != want[1] && !(math.IsNaN(eager) && math.IsNaN(want[1])) {
			t.Errorf("%s: %v views and %v, want %v", item, views, eager, want)
		}
	}
	plain := file("user,item,time,label\nann,a," + at(1) + ",1\n")
	if plain.Sessions != nil || plain.Contexts != nil {
		t.Errorf("labels without sessions and contexts have %v and %v", plain.Sessions, plain.Contexts)
	}
	if _, err := s.TrainingSet(t.Context(), refs, plain, got.write); kindred.KindOf(err) != kindred.Invalid {
		t.Errorf("features of a session without one: %v", err)
	}
	path := filepath.Join(t.TempDir(), "labels.jsonl")
	must(t, os.WriteFile(path, []byte(`{"user":"ann","item":"a","time":"2026-01-02","label":1,"context":{"hour":{"deep":1}}}`), 0o600))
	if _, err := featurestore.ReadLabels(path); kindred.KindOf(err) != kindred.Invalid {
		t.Errorf("a context that no request can have: %v", err)
	}
}
