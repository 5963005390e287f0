package recommend

import (
	"context"
	"errors"
	"fmt"
	"reflect"
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
	index   *ann.Exact        // of an Embedded, else nil
	users   *dataset.Encoding // how users' attributes are told to it; nil: not at all
	// weighing is what training made of a history's weights, signals how it
	// weighed events; nil: nothing, and as configured.
	weighing *dataset.Weighing
	signals  *dataset.Settings
	// byGroup says that the model may know groups in place of their variants;
	// trained are those of training by group, the most wanted first, and groupOf
	// the reverse.
	byGroup bool
	trained map[string][]string
	groupOf map[kindred.ItemID]kindred.ItemID
	// popular are a Popularity's items, best first; trending those on the rise.
	popular, trending []linalg.Scored

	// Below, guarded by catalogue.mu; filters, when it is held for reading
	// only, by filtersMu too.
	entries   []*kindred.Item         // by index; nil: not in the catalogue
	variants  map[int][]*kindred.Item // by index of a group; see catalogue.resolve
	hidden    linalg.Bits
	filtersMu sync.Mutex
	filters   map[string]matched // by the filter's text
}

// newView returns a view. Where nothing is known of training, as with vectors
// from elsewhere, byGroup says whether groups may be meant.
func newView(loaded *registry.Loaded, byGroup bool) *view { //nolint:revive // it stands for what the version does not say
	v := &view{version: loaded.Version, items: loaded.Items, learned: loaded.Learned, users: loaded.UserEncoding, weighing: loaded.Weighing, signals: loaded.Signals}
	if v.signals != nil {
		byGroup = v.signals.ByGroup
	}
	if byGroup {
		v.byGroup, v.trained, v.groupOf = true, loaded.Variants, map[kindred.ItemID]kindred.ItemID{}
		for group, ids := range loaded.Variants {
			for _, id := range ids {
				v.groupOf[kindred.ItemID(id)] = kindred.ItemID(group)
			}
		}
	}
	switch learned := loaded.Learned.(type) {
	case model.Embedded:
		v.index = ann.NewExact(learned.ItemVectors())
	case *model.Popularity:
		v.popular, v.trending = ranking(learned.Popular(), 0), ranking(learned.Trending(), 1)
	}
	return v
}

// ranking returns the items that score above a bar, best first.
func ranking(scores []float32, bar float32) []linalg.Scored {
	var best []linalg.Scored
	for i, score := range scores {
		if score > bar {
			best = append(best, linalg.Scored{Index: int32(i), Score: score})
		}
	}
	slices.SortFunc(best, linalg.Scored.Compare)
	return best
}

// all returns the live views, each once.
func (l *live) all() []*view {
	var views []*view
	for _, v := range []*view{l.personal, l.similar, l.popular} {
		if v != nil && !slices.Contains(views, v) {
			views = append(views, v)
		}
	}
	return views
}

// Reload makes what the registry calls live answer from now on. A version that
// cannot be loaded leaves the former model of its role in place; the error
// says so. Requests are not held up.
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
	former := s.live.Load()
	r := reload{models: s.models, byGroup: s.weights.ByGroup, loaded: map[string]*view{}}
	for _, v := range former.all() {
		r.loaded[v.version.Version] = v
	}
	next := &live{
		personal: r.view(ctx, registry.Personal, names[registry.Personal], former.personal),
		similar:  r.view(ctx, registry.Similar, names[registry.Similar], former.similar),
		popular:  r.view(ctx, registry.Popular, names[registry.Popular], former.popular),
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	signals := s.weights
	if next.personal != nil {
		signals = next.personal.signals
	}
	if signals == nil { // its items are those of the catalogue
		items := *s.weights
		items.ByGroup, signals = false, &items
	}
	s.catalogue.attach(next.all(), s.now(), func() { s.live.Store(next) })
	s.histories.weighBy(signals)
	s.generation = generation
	s.metrics.ReloadFailures.Add(float64(len(r.faults)))
	return errors.Join(r.faults...)
}

// reload is the loading of what is to be live.
type reload struct {
	models  Models
	byGroup bool             // see newView
	loaded  map[string]*view // by version: one may play several roles
	faults  []error
}

// view returns the model that is to play a role: the version named (empty:
// none), or the former, or at a start a substitute, if that does not load.
func (r *reload) view(ctx context.Context, role registry.Role, version string, former *view) *view {
	if version == "" || ctx.Err() != nil {
		return nil
	}
	if v, known := r.loaded[version]; known {
		return v
	}
	found, err := r.models.Load(version)
	if err != nil {
		r.faults = append(r.faults, fmt.Errorf("recommend: the %s model stays as it was: %w", role, err))
		if former != nil {
			return former
		}
		if found = r.substitute(version); found == nil {
			return nil
		}
	}
	v, known := r.loaded[found.Version.Version]
	if !known {
		for _, other := range r.loaded { // models of one training have the same items and encoding
			if slices.Equal(other.items.IDs(), found.Items.IDs()) {
				found.Items = other.items
			}
			if reflect.DeepEqual(other.users, found.UserEncoding) {
				found.UserEncoding = other.users
			}
		}
		v = newView(found, r.byGroup)
		r.loaded[found.Version.Version] = v
	}
	return v
}

// substitute returns the newest other version of a damaged version's kind that
// loads: at a start, when there is no former model to go on with. Nil if there
// is none.
func (r *reload) substitute(version string) *registry.Loaded {
	versions, _ := r.models.List() // what it could list is enough
	at := slices.IndexFunc(versions, func(v kindred.ModelVersion) bool { return v.Version == version })
	if at < 0 {
		return nil
	}
	for _, v := range versions {
		if v.Version == version || v.Kind != versions[at].Kind {
			continue
		}
		if found, err := r.models.Load(v.Version); err == nil {
			return found
		}
	}
	return nil
}
