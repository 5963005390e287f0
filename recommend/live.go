package recommend

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"kindred"
	"kindred/ann"
	"kindred/dataset"
	"kindred/linalg"
	"kindred/model"
	"kindred/registry"
)

// live are the models that answer at present. It never changes: a swap puts
// another in its place, and requests under way end with the one they began.
type live struct {
	personal, similar, popular *view // nil: none is live
}

// view is one live model, with what the catalogue says of its items.
type view struct {
	version kindred.ModelVersion
	items   *dataset.Dict
	learned model.Learned
	index   *ann.Exact // of Factors, else nil
	// best are a Popularity's items, best first.
	popularBest, trendingBest []linalg.Scored

	// Below, guarded by catalogue.mu; filters, when it is held for reading
	// only, by filtersMu too.
	entries    []*kindred.Item // by index; nil: not in the catalogue
	hiddenBits linalg.Bits
	filtersMu  sync.Mutex
	filters    map[string]linalg.Bits // by filter: what it does not keep
}

func newView(loaded *registry.Loaded) *view {
	v := &view{version: loaded.Version, items: loaded.Items, learned: loaded.Learned}
	switch learned := loaded.Learned.(type) {
	case *model.Factors:
		v.index = ann.NewExact(learned.ItemVectors())
	case *model.Popularity:
		v.popularBest, v.trendingBest = ranking(learned.Popular()), ranking(learned.Trending())
	}
	return v
}

// ranking returns all items best first.
func ranking(scores []float32) []linalg.Scored {
	best := make([]linalg.Scored, len(scores))
	for i, score := range scores {
		best[i] = linalg.Scored{Index: int32(i), Score: score}
	}
	slices.SortFunc(best, func(a, b linalg.Scored) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Index, b.Index))
	})
	return best
}

// kind is the model's algorithm.
func (v *view) kind() string { return v.version.Kind }

// neighbours returns the item-to-item weights, if that is what it learned.
func (v *view) neighbours() *model.ItemItem {
	if v == nil {
		return nil
	}
	learned, _ := v.learned.(*model.ItemItem)
	return learned
}

// Reload makes what the registry calls live answer from now on. A version that
// cannot be loaded leaves the former model of its role in place; the error
// says so. Requests are never held up.
func (s *Service) Reload(ctx context.Context) error {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	generation, err := s.models.Generation()
	if err != nil {
		return err
	}
	names, err := s.models.Live()
	if err != nil {
		return err
	}
	loaded := map[string]*view{} // by version: one may play several roles
	former := s.live.Load()
	for _, v := range []*view{former.personal, former.similar, former.popular} {
		if v != nil {
			loaded[v.version.Version] = v
		}
	}
	var faults []error
	pick := func(role registry.Role, fallback *view) *view {
		version, isSet := names[role]
		if !isSet || ctx.Err() != nil {
			return fallback
		}
		if v, known := loaded[version]; known {
			return v
		}
		found, err := s.models.Load(version)
		if err != nil {
			faults = append(faults, fmt.Errorf("recommend: the %s model stays as it was: %w", role, err))
			if fallback != nil {
				return fallback
			}
			if found = s.substitute(version); found == nil {
				return nil
			}
		}
		loaded[version] = newView(found)
		return loaded[version]
	}
	next := &live{
		personal: pick(registry.Personal, former.personal),
		similar:  pick(registry.Similar, former.similar),
		popular:  pick(registry.Popular, former.popular),
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	var views []*view
	for _, v := range []*view{next.personal, next.similar, next.popular} {
		if v != nil && !slices.Contains(views, v) {
			views = append(views, v)
		}
	}
	s.catalogue.attach(views, s.now())
	s.live.Store(next)
	s.generation = generation
	if len(faults) > 0 {
		s.metrics.ReloadFailures.Add(float64(len(faults)))
	}
	return errors.Join(faults...)
}

// substitute returns the newest other version of a damaged version's kind that
// loads: at a start, when there is no former model to go on with. Nil if there
// is none.
func (s *Service) substitute(version string) *registry.Loaded {
	versions, _ := s.models.List() // what it could list is enough
	at := slices.IndexFunc(versions, func(v kindred.ModelVersion) bool { return v.Version == version })
	if at < 0 {
		return nil
	}
	for _, v := range versions {
		if v.Version == version || v.Kind != versions[at].Kind {
			continue
		}
		if found, err := s.models.Load(v.Version); err == nil {
			return found
		}
	}
	return nil
}
