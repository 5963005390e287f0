package recommend_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"kindred"
	"kindred/dataset"
	"kindred/model"
	"kindred/recommend"
	"kindred/registry"
	"kindred/store"
)

// From a first event to a list: what one person viewed decides what the next
// is shown.
func ExampleService_Recommend() {
	if err := example(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// before: the newest, tent
	// after:  itemknn, stove (Because you viewed “Tent”)
}

func example(ctx context.Context) error {
	db, err := store.Open(ctx, store.Config{Path: ":memory:"})
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // nothing in it is kept
	dir, err := os.MkdirTemp("", "models")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the system clears it otherwise
	models, err := registry.Open(dir)
	if err != nil {
		return err
	}
	if err := db.PutItems(ctx, []kindred.Item{{ID: "tent", Title: "Tent"}}); err != nil {
		return err
	}
	svc, err := recommend.New(ctx, recommend.Config{}, db, models)
	if err != nil {
		return err
	}
	answer, err := svc.Recommend(ctx, recommend.Request{User: "ann", N: 1})
	if err != nil {
		return err
	}
	fmt.Printf("before: the %s, %s\n", answer.Items[0].Source, answer.Items[0].ID)

	events := []kindred.Event{
		{ID: "1", User: "bob", Item: "tent", Kind: kindred.View, Time: time.Now()},
		{ID: "2", User: "bob", Item: "stove", Kind: kindred.View, Time: time.Now()},
		{ID: "3", User: "ann", Item: "tent", Kind: kindred.View, Time: time.Now()},
	}
	if _, err = db.AppendEvents(ctx, events); err != nil {
		return err
	}
	svc.Observe(events)
	if err := train(ctx, db, models); err != nil {
		return err
	}
	if err := svc.Reload(ctx); err != nil {
		return err
	}
	answer, err = svc.Recommend(ctx, recommend.Request{User: "ann", N: 1})
	if err != nil {
		return err
	}
	first := answer.Items[0]
	fmt.Printf("after:  %s, %s (%s)\n", first.Source, first.ID, first.Reason.Text)
	return nil
}

func train(ctx context.Context, db *store.DB, models *registry.Registry) error {
	b := dataset.NewBuilder(dataset.Defaults())
	err := db.ScanEvents(ctx, store.EventRange{}, func(e *kindred.Event) error {
		b.Add(e)
		return nil
	})
	if err != nil {
		return err
	}
	data, err := b.Build(time.Now())
	if err != nil {
		return err
	}
	knn := model.NewItemKNN()
	learned, err := knn.Fit(ctx, data, nil)
	if err != nil {
		return err
	}
	v, err := models.Register(ctx, kindred.ModelVersion{Kind: knn.Kind(), CreatedAt: time.Now()}, data, learned)
	if err != nil {
		return err
	}
	return models.Promote(ctx, registry.Live{registry.Personal: v.Version})
}
