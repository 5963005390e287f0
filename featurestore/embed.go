package featurestore

import (
	"context"
	"slices"
	"time"

	"kindred"
	"kindred/feature"
	"kindred/store"
)

// maxEmbedded bounds the numbers that one call of Embed stores, which are in
// memory together.
const maxEmbedded = 100_000_000

// Vectors are those of users or items by one model: a row of Columns numbers
// for each ID.
type Vectors struct {
	Ref     feature.Ref // the embedding they become
	IDs     []string
	Values  []float32
	Columns int
}

// Embed makes the vectors of a model the values of embeddings, to hold from a
// moment on that is not before now: all of them, or on an error none. Those who
// had a vector before and have none among these have none from then on, so that
// no two models meet in one product. It returns how many have a vector.
func (s *Service) Embed(ctx context.Context, at time.Time, all ...Vectors) (stored int, err error) {
	current := s.plan.NewOnline()
	if err := s.followValues(ctx, current); err != nil {
		return 0, err
	}
	var values []store.FeatureValue
	numbers := 0
	for i := range all {
		v := &all[i]
		name, err := s.embedding(v.Ref)
		if err != nil {
			return 0, err
		}
		if numbers += len(v.Values); numbers > maxEmbedded {
			return 0, kindred.Errorf(kindred.Invalid, "the vectors have more than %d numbers together", maxEmbedded)
		}
		values = v.append(values, current, name, at)
		stored += len(v.IDs)
	}
	return stored, s.store.AppendFeatureValues(ctx, values)
}

// embedding returns the property that a feature is, which must be an embedding
// whose past is kept.
func (s *Service) embedding(ref feature.Ref) (name string, err error) {
	for _, d := range s.plan.Definitions() {
		switch {
		case d.Ref() != ref:
		case d.Kind != feature.Embedding:
			return "", kindred.Errorf(kindred.Invalid, "%s is no embedding", ref)
		case !d.Tracked:
			return "", kindred.Errorf(kindred.Invalid, "%s must be tracked (write \"tracked: true\"), or its vectors would be known before they were learned", ref)
		default:
			name, _ = s.plan.Property(ref)
			return name, nil
		}
	}
	return "", kindred.Errorf(kindred.Invalid, "there is no feature %.64q ('kindred features' lists them)", string(ref))
}

// append appends the vectors, and the absence of those that are no more.
func (v *Vectors) append(values []store.FeatureValue, current *feature.Online, name string, at time.Time) []store.FeatureValue {
	entity, _ := v.Ref.Split()
	has := make(map[string]bool, len(v.IDs))
	for i, id := range v.IDs {
		has[id] = true
		vector := kindred.VectorOf(slices.Clone(v.Values[i*v.Columns : (i+1)*v.Columns]))
		values = append(values, store.FeatureValue{Entity: string(entity), ID: id, Name: name, Time: at, Value: &vector})
	}
	for _, id := range current.Entities(entity) {
		if !has[id] && current.Property(entity, id, name, at.UnixMilli()) != nil {
			values = append(values, store.FeatureValue{Entity: string(entity), ID: id, Name: name, Time: at})
		}
	}
	return values
}
