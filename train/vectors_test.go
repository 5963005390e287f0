package train

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"kindred"
	"kindred/dataset"
	"kindred/model"
)

// told is clusters with what is said of their users, and of somebody without a
// history.
type told struct {
	eventsOnly
	users []kindred.User
}

func (s told) ScanUsers(_ context.Context, fn func(*kindred.User) error) error {
	for i := range s.users {
		if err := fn(&s.users[i]); err != nil {
			return err
		}
	}
	return nil
}

// TestUserVectors expects vectors of histories and attributes, as in serving;
// of somebody without a history too, if the model tells by attributes.
func TestUserVectors(t *testing.T) {
	source := told{eventsOnly: clusters(4000)}
	for n := range 40 {
		source.users = append(source.users, kindred.User{
			ID: kindred.UserID(fmt.Sprint("u", n)), Attributes: kindred.Attributes{"role": kindred.StringOf([]string{"cook", "guest"}[n%2])},
		})
	}
	newcomer := kindred.User{ID: "newcomer", Attributes: kindred.Attributes{"role": kindred.StringOf("cook")}}
	source.users = append(source.users, newcomer, kindred.User{ID: "nobody"})
	b := dataset.NewBuilder(dataset.Defaults())
	for _, err := range []error{
		source.ScanEvents(t.Context(), func(e *kindred.Event) error { b.Add(e); return nil }),
		source.ScanUsers(t.Context(), func(u *kindred.User) error { b.AddUser(u); return nil }),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	data, err := b.Build(start)
	if err != nil {
		t.Fatal(err)
	}
	features := model.NewFeatureALS()
	features.Factors, features.Epochs, features.FeatureLambda = 8, 3, 1
	ials := model.NewIALS()
	ials.Factors, ials.Epochs = 8, 3
	for _, algorithm := range []model.Algorithm{features, ials} {
		reg := openRegistry(t)
		learned, err := algorithm.Fit(t.Context(), data, nil)
		if err != nil {
			t.Fatal(err)
		}
		version, err := reg.Register(t.Context(), kindred.ModelVersion{Kind: algorithm.Kind(), CreatedAt: start}, data, learned)
		if err != nil {
			t.Fatal(err)
		}
		loaded, err := reg.Load(version.Version)
		if err != nil {
			t.Fatal(err)
		}
		ids, vectors, err := UserVectors(t.Context(), dataset.Defaults(), source, loaded)
		if err != nil {
			t.Fatal(err)
		}
		embedded := loaded.Learned.(model.Embedded) //nolint:errcheck,forcetypeassert // both are
		if slices.Contains(ids, "newcomer") != (algorithm == features) || slices.Contains(ids, "nobody") || !slices.IsSorted(ids) {
			t.Errorf("%s: vectors of %v", algorithm.Kind(), ids)
		}
		for n, id := range ids {
			var history dataset.History
			if u, met := data.Users.Index(id); met {
				history = data.History(int(u))
			} else {
				history.Features, history.FeatureValues = loaded.UserEncoding.Append(nil, nil, newcomer.Attributes)
			}
			want := embedded.UserVector(nil, history)
			if got := vectors[n*len(want) : (n+1)*len(want)]; !slices.Equal(got, want) {
				t.Fatalf("%s: the vector of %s is %v, want %v", algorithm.Kind(), id, got, want)
			}
		}
	}
}
