package train

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"kindred"
	"kindred/dataset"
	"kindred/model"
	"kindred/registry"
)

// UserVectors folds the history of everyone who is stored, and what is said of
// them, into a model whose scores are inner products: ids, and a row of vectors
// for each, in the order of the ids. Events weigh as the model's training weighed
// them, or by s if that is not known. Users of whom the model knows nothing are
// left out: those none of whose items it knows, unless it tells by attributes.
func UserVectors(ctx context.Context, s dataset.Settings, from Source, loaded *registry.Loaded) (ids []string, vectors []float32, err error) {
	embedded, ok := loaded.Learned.(model.Embedded)
	if !ok {
		return nil, nil, kindred.Errorf(kindred.Invalid, "model version %s has no vectors (its shape is %s)", loaded.Version.Version, loaded.Learned.Shape())
	}
	if s.ByGroup = false; loaded.Signals != nil {
		s = *loaded.Signals
	}
	s.Confidence, s.Debias.Popularity = dataset.Confidence{}, 0 // of its own training, below
	r := &run{builder: dataset.NewBuilder(s)}
	if err := r.read(ctx, from); err != nil {
		return nil, nil, err
	}
	data, err := r.builder.Build(r.result.Data.To)
	if err != nil {
		return nil, nil, fmt.Errorf("train: building the data set: %w", err)
	}
	told, err := attributesFor(ctx, from, loaded)
	if err != nil {
		return nil, nil, err
	}
	everyone := slices.Concat(data.Users.IDs(), slices.Collect(maps.Keys(told)))
	slices.Sort(everyone)
	var vector, nobody []float32
	for _, id := range slices.Compact(everyone) {
		var history dataset.History
		if u, met := data.Users.Index(id); met {
			history = known(data.History(int(u)), data.Items, loaded.Items)
		}
		loaded.Weighing.Weigh(history.Items, history.Weights)
		if len(history.Items) == 0 {
			if told[id] == nil {
				continue
			}
			nobody = embedded.UserVector(nobody, history)
		}
		if loaded.UserEncoding != nil {
			history.Features, history.FeatureValues = loaded.UserEncoding.Append(nil, nil, told[id])
		}
		vector = embedded.UserVector(vector, history)
		if len(history.Items) > 0 || !slices.Equal(vector, nobody) {
			ids, vectors = append(ids, id), append(vectors, vector...)
		}
	}
	return ids, vectors, ctx.Err()
}

// attributesFor returns what is said of users, if the model is told it.
func attributesFor(ctx context.Context, from Source, loaded *registry.Loaded) (map[string]kindred.Attributes, error) {
	told := map[string]kindred.Attributes{}
	if loaded.UserEncoding == nil {
		return told, nil
	}
	err := from.ScanUsers(ctx, func(user *kindred.User) error {
		if len(user.Attributes) > 0 {
			told[string(user.ID)] = user.Attributes
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("train: reading users: %w", err)
	}
	return told, nil
}

// known returns what a model of other items knows of a history's items.
func known(h dataset.History, from, to *dataset.Dict) (same dataset.History) {
	for k, i := range h.Items {
		if j, has := to.Index(from.ID(i)); has {
			same.Items, same.Weights = append(same.Items, j), append(same.Weights, h.Weights[k])
			same.Times = append(same.Times, h.Times[k])
		}
	}
	for _, i := range h.Disliked {
		if j, has := to.Index(from.ID(i)); has {
			same.Disliked = append(same.Disliked, j)
		}
	}
	return same
}
