package featurestore_test

import (
	"strings"
	"testing"
	"time"

	"kindred"
	"kindred/feature"
	"kindred/featurestore"
)

// TestEmbed makes vectors of two models values of embeddings, one after the
// other, and expects each moment to know those of its own model alone.
func TestEmbed(t *testing.T) {
	s := newShop(t)
	definitions := []feature.Definition{
		{Name: "taste", Entity: feature.User, Kind: feature.Embedding, Tracked: true},
		{Name: "taste", Entity: feature.Item, Kind: feature.Embedding, Attribute: "factors", Tracked: true},
		{Name: "match", Entity: feature.UserItem, Kind: feature.Expression, Expression: "dot(user.taste, item.taste)", Default: 0.0},
		{Name: "loose", Entity: feature.Item, Kind: feature.Embedding},
		{Name: "price", Entity: feature.Item, Kind: feature.Attribute},
	}
	service, err := featurestore.New(featurestore.Config{
		Features: feature.Config{Definitions: definitions}, Now: func() time.Time { return time.UnixMilli(s.clock.Load()) },
	}, s.db)
	must(t, err)
	s.Service = service
	must(t, s.Materialize(t.Context()))
	embed := func(user, item featurestore.Vectors) {
		t.Helper()
		user.Ref, item.Ref = "user:taste", "item:taste"
		if n, err := s.Embed(t.Context(), s.now(), user, item); err != nil || n != len(user.IDs)+len(item.IDs) {
			t.Fatalf("%d vectors, %v", n, err)
		}
		s.clock.Add(1000)
		must(t, s.Follow(t.Context()))
	}
	ask := feature.Request{Features: []feature.Ref{"user_item:match", "item:taste"}, Users: []string{"u", "u"}, Items: []string{"i", "k"}, Rows: 2}
	expect := func(when string, columns []feature.Column, i, k string) {
		t.Helper()
		for c, want := range []string{i, k} {
			if got := columns[0].Show(c) + ", " + columns[1].Show(c); got != want {
				t.Errorf("%s: %s of item %d, want %s", when, got, c, want)
			}
		}
	}
	online := func() []feature.Column {
		ask.At = 0
		reading, err := s.Read(&ask)
		must(t, err)
		return reading.Columns
	}
	start := s.clock.Load()
	expect("before any", online(), "0 NULL_VALUE, [] NOT_FOUND", "0 NULL_VALUE, [] NOT_FOUND")
	embed(featurestore.Vectors{IDs: []string{"u", "v"}, Values: []float32{1, 2, 9, 9}, Columns: 2}, featurestore.Vectors{IDs: []string{"i", "k"}, Values: []float32{3, 4, -1, 0.5}, Columns: 2})
	first := s.clock.Load()
	expect("the first model", online(), "11 PRESENT, [3 4] PRESENT", "0 PRESENT, [-1 0.5] PRESENT")
	embed(featurestore.Vectors{IDs: []string{"u"}, Values: []float32{1, 0, 2}, Columns: 3}, featurestore.Vectors{IDs: []string{"i"}, Values: []float32{5, 6, 7}, Columns: 3})
	expect("the second, which does not know k", online(), "19 PRESENT, [5 6 7] PRESENT", "0 NULL_VALUE, [] NULL_VALUE")

	history, err := s.History(t.Context(), ask.Features, 0)
	must(t, err)
	for _, moment := range []struct {
		when string
		at   int64
		i, k string
	}{
		{"as of the moment of the first", start, "0 NULL_VALUE, [] NULL_VALUE", "0 NULL_VALUE, [] NULL_VALUE"},
		{"just after it", start + 1, "11 PRESENT, [3 4] PRESENT", "0 PRESENT, [-1 0.5] PRESENT"},
		{"as of the moment of the second", first, "11 PRESENT, [3 4] PRESENT", "0 PRESENT, [-1 0.5] PRESENT"},
		{"just after that", first + 1, "19 PRESENT, [5 6 7] PRESENT", "0 NULL_VALUE, [] NULL_VALUE"},
	} {
		columns, err := history.AsOf(t.Context(), ask.Features, &feature.Rows{Users: ask.Users, Items: ask.Items, Times: []int64{moment.at, moment.at}})
		must(t, err)
		expect(moment.when, columns, moment.i, moment.k)
	}
	for ref, want := range map[feature.Ref]string{"item:loose": "must be tracked", "item:price": "is no embedding", "item:none": "there is no feature"} {
		if _, err := s.Embed(t.Context(), s.now(), featurestore.Vectors{Ref: ref, Columns: 1}); kindred.KindOf(err) != kindred.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("into %s: %v, want %s", ref, err, want)
		}
	}
}
