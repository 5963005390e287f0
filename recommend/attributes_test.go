package recommend_test

import (
	"fmt"
	"slices"
	"testing"

	"kindred"
	"kindred/model"
	"kindred/recommend"
	"kindred/registry"
)

// described is the kitchen of people of whom it is said what they are. Without
// that, pots are what most like.
func described(t *testing.T) *world {
	t.Helper()
	w := kitchen(t)
	var users []kindred.User
	for n := range 12 {
		users = append(users, person(fmt.Sprint("cook", n), "cook"), person(fmt.Sprint("guest", n), "guest"))
	}
	w.putUsers(append(users, person("newcook", "cook"), person("newguest", "guest"))...)
	for n := range 3 {
		w.view(kindred.UserID(fmt.Sprint("undescribed", n)), "pot", "pan", "lid")
	}
	return w
}

func person(id, role string) kindred.User {
	return kindred.User{ID: kindred.UserID(id), Attributes: kindred.Attributes{"role": kindred.StringOf(role)}}
}

// fused is a hybrid that only scores.
func fused(t *testing.T, models string) model.Algorithm {
	t.Helper()
	a, err := model.FromJSON("fusion", []byte(`{"models":[`+models+`]}`))
	must(t, err)
	return a
}

func smallFeatureALS() *model.FeatureALS {
	a := model.NewFeatureALS()
	a.Factors, a.Epochs, a.FeatureLambda = 8, 4, 1
	return a
}

// TestAttributesOfStrangers expects someone without a history to be answered by
// attributes, if there are any, and if the personal model learned from such.
func TestAttributesOfStrangers(t *testing.T) {
	for name, c := range map[string]struct {
		personal model.Algorithm
		source   map[kindred.UserID]string
	}{
		"vectors of attributes": {smallFeatureALS(), map[kindred.UserID]string{"newcook": "featureals", "newguest": "featureals"}},
		"scores of attributes": {
			fused(t, `{"kind":"featureals","settings":{"factors":8,"epochs":4,"feature_lambda":1}},{"kind":"itemknn"}`),
			map[kindred.UserID]string{"newcook": "fusion", "newguest": "fusion"},
		},
		"vectors of histories":      {smallIALS(1), nil},
		"scores of histories":       {model.NewItemKNN(), nil},
		"scores for everyone alike": {fused(t, `{"kind":"popular"},{"kind":"itemknn"}`), nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := described(t)
			w.putUsers(kindred.User{ID: "silent"}, person("odd", "acrobat"))
			w.promote(registry.Live{registry.Personal: w.fit(c.personal), registry.Popular: w.fit(model.NewPopular())})
			svc := w.serve()
			likes := map[kindred.UserID][]kindred.ItemID{"newcook": {"lid", "pan", "pot"}, "newguest": {"cup", "saucer", "spoon"}}
			for _, user := range []kindred.UserID{"newcook", "newguest", "silent", "nobody", ""} {
				a := ask(t, svc, recommend.Request{User: user, N: 3})
				source := "popular"
				if c.source[user] != "" {
					source = c.source[user]
					if got := slices.Sorted(slices.Values(ids(a))); !slices.Equal(got, likes[user]) {
						t.Errorf("%s is shown %v, want %v", user, got, likes[user])
					}
				}
				if got := sources(a); !slices.Equal(got, []string{source}) {
					t.Errorf("%q is answered by %v, want %s", user, got, source)
				}
			}
			if a := ask(t, svc, recommend.Request{User: "odd", N: 3}); len(a.Items) != 3 {
				t.Errorf("someone of an unknown kind is shown %v", ids(a))
			}
		})
	}
}

// TestAttributesAreThoseOfTraining expects the scores of the history and the
// columns that training has of the same user.
func TestAttributesAreThoseOfTraining(t *testing.T) {
	w := described(t)
	version := w.fit(smallFeatureALS())
	w.promote(registry.Live{registry.Personal: version})
	loaded, err := w.models.Load(version)
	must(t, err)
	x, svc := w.interactions(), w.serve()
	for _, user := range []string{"cook1", "guest1", "undescribed1"} {
		u, _ := x.Users.Index(user)
		scores := make([]float32, x.Items.Len())
		loaded.Learned.Score(scores, x.History(int(u)))
		for range 2 { // made, and remembered
			for _, it := range ask(t, svc, recommend.Request{User: kindred.UserID(user), N: 3}).Items {
				i, _ := x.Items.Index(string(it.ID))
				if diff := it.Score - float64(scores[i]); it.Source != "featureals" || diff > 1e-5 || diff < -1e-5 {
					t.Errorf("%s: %+v, want a score of %v", user, it, scores[i])
				}
			}
		}
	}
}

// TestChangedAttributes expects the answer after a change of attributes to
// follow it, and one after an erasure to know of none.
func TestChangedAttributes(t *testing.T) {
	w := described(t)
	w.promote(registry.Live{registry.Personal: w.fit(smallFeatureALS()), registry.Popular: w.fit(model.NewPopular())})
	svc := w.serve()
	first := func() kindred.ItemID { return ask(t, svc, recommend.Request{User: "newguest", N: 1}).Items[0].ID }
	isOfGuests := func(id kindred.ItemID) bool { return slices.Contains([]kindred.ItemID{"cup", "saucer", "spoon"}, id) }
	if id := first(); !isOfGuests(id) {
		t.Fatalf("a guest is shown %q", id)
	}
	now := person("newguest", "cook")
	w.putUsers(now)
	svc.UsersChanged([]kindred.User{now})
	if id := first(); isOfGuests(id) {
		t.Errorf("a cook is shown %q", id)
	}
	_, err := w.store.EraseUser(t.Context(), "newguest")
	must(t, err)
	svc.UserErased("newguest")
	if a := ask(t, svc, recommend.Request{User: "newguest", N: 3}); !slices.Equal(sources(a), []string{"popular"}) {
		t.Errorf("after the erasure: %+v", a.Items)
	}
}
