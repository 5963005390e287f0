package recommend_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"kindred"
	"kindred/dataset"
	"kindred/filter"
	"kindred/model"
	"kindred/recommend"
	"kindred/registry"
)

const (
	benchItems   = 41_000
	benchUsers   = 6_000
	benchHistory = 30
)

// benchData is what users with a taste of their own met: items of some groups,
// popular ones more.
func benchData() *dataset.Interactions {
	r := rand.New(rand.NewPCG(1, 2))
	f := dataset.NewFixed()
	for i := range benchItems { // every item occurs
		f.Add(dataset.TrainPart, fmt.Sprint("u", i%benchUsers), fmt.Sprint("i", i), 1, int64(i))
	}
	for u := range benchUsers {
		for n := range 60 {
			group := (u + n%4*17) % 205
			f.Add(dataset.TrainPart, fmt.Sprint("u", u), fmt.Sprint("i", group*200+int(200*math.Pow(r.Float64(), 3))), 1, int64(n))
		}
	}
	x, _, _ := f.Build()
	return x
}

// fixed serves models that were learned before.
type fixed map[string]*registry.Loaded

func (f fixed) Live() (registry.Live, error) {
	live := registry.Live{}
	for role := range f {
		live[registry.Role(role)] = role
	}
	return live, nil
}
func (fixed) List() ([]kindred.ModelVersion, error)           { return nil, nil }
func (f fixed) Load(version string) (*registry.Loaded, error) { return f[version], nil }
func (fixed) Generation() (string, error)                     { return "1", nil }

// histories is a store with a history for everyone, and a described catalogue.
type histories struct{ memory }

func (*histories) UserEvents(_ context.Context, user kindred.UserID, _ int) ([]kindred.Event, error) {
	events := make([]kindred.Event, benchHistory)
	for n := range events {
		events[n] = kindred.Event{User: user, Item: kindred.ItemID(fmt.Sprint("i", 200*(n%4*17)+n*n/5)), Kind: kindred.View, Value: 1, Time: moment.Add(-1)}
	}
	return events, nil
}

func (*histories) ScanItems(_ context.Context, fn func(*kindred.Item) error) error {
	for i := range benchItems {
		item := &kindred.Item{ID: kindred.ItemID(fmt.Sprint("i", i)), Title: fmt.Sprint("Item ", i), Price: float64(i % 100), Categories: []string{fmt.Sprint("c", i%20)}}
		if err := fn(item); err != nil {
			return err
		}
	}
	return nil
}

func (*histories) AppendExposures(context.Context, []kindred.Exposure) error { return nil }

// BenchmarkRecommend makes lists of 20 for a history of 30 items, reasons and
// all, with all three roles filled.
func BenchmarkRecommend(b *testing.B) {
	x := benchData()
	learn := func(a model.Algorithm) *registry.Loaded {
		learned, err := a.Fit(b.Context(), x, nil)
		must(b, err)
		return &registry.Loaded{Version: kindred.ModelVersion{Version: a.Kind(), Kind: a.Kind()}, Items: x.Items, Learned: learned}
	}
	models := fixed{"similar": learn(model.NewItemKNN()), "popular": learn(model.NewPopular())}
	for _, factors := range []int{128, 512, 0} {
		name := fmt.Sprint(factors, "factors")
		if models["personal"] = models["similar"]; factors > 0 {
			a := model.NewIALS()
			a.Factors, a.Epochs = factors, 1
			models["personal"] = learn(a)
		} else {
			name = "itemknn"
		}
		svc, err := recommend.New(b.Context(), recommend.Config{}, &histories{}, models)
		must(b, err)
		keep, err := filter.Parse(`price<50 and category="c3"`)
		must(b, err)
		exclude := make([]kindred.ItemID, 100)
		for i := range exclude {
			exclude[i] = kindred.ItemID(fmt.Sprint("i", i*7))
		}
		for _, q := range []struct {
			name string
			recommend.Request
		}{
			{"plain", recommend.Request{User: "u", N: 20}},
			{"filter", recommend.Request{User: "u", N: 20, Filter: keep}},
			{"exclude100", recommend.Request{User: "u", N: 20, Exclude: exclude}},
			{"context", recommend.Request{User: "u", N: 20, ContextItem: "i500"}},
			{"n=200", recommend.Request{User: "u", N: 200}},
			{"stranger", recommend.Request{N: 20}},
		} {
			b.Run(name+"/"+q.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if a, err := svc.Recommend(b.Context(), q.Request); err != nil || len(a.Items) != q.N {
						b.Fatalf("%d items, %v", len(a.Items), err)
					}
				}
			})
		}
	}
}
