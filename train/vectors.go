package train

import (
	"context"
	"fmt"

	"kindred"
	"kindred/dataset"
	"kindred/model"
	"kindred/registry"
)

// UserVectors folds the history of everyone who is stored into a model whose
// scores are inner products: ids, and a row of vectors for each, in the order
// of the ids. Events weigh as the model's training weighed them, or by s if
// that is not known. Users none of whose items the model knows are left out.
func UserVectors(ctx context.Context, s dataset.Settings, from Source, loaded *registry.Loaded) (ids []string, vectors []float32, err error) {
	embedded, ok := loaded.Learned.(model.Embedded)
	if !ok {
		return nil, nil, kindred.Errorf(kindred.Invalid, "model version %s has no vectors (its shape is %s)", loaded.Version.Version, loaded.Learned.Shape())
	}
	if loaded.Signals != nil {
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
	var vector []float32
	for u, id := range data.Users.IDs() {
		history := known(data.History(u), data.Items, loaded.Items)
		if len(history.Items) == 0 {
			continue
		}
		loaded.Weighing.Weigh(history.Items, history.Weights)
		vector = embedded.UserVector(vector, history)
		ids, vectors = append(ids, id), append(vectors, vector...)
	}
	return ids, vectors, ctx.Err()
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
