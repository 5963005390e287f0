// Package recommend is the read path: from a user, a session or an item to a
// list. It keeps in memory what that takes: the live models, the catalogue,
// and the histories of recent users; all of it is read again from the store
// and the registry when they change.
//
// A list is filled from one source after the other: the personal model by
// fold-in of the history as it is now, what goes with that history's items,
// what is popular, what is on the rise, and at last the newest items. Items
// the user knows, that are not available, excluded or filtered out never
// appear, and the list is short only when nothing else is left to recommend.
//
// Every shown list is logged as an exposure, in the background: when more are
// shown than the store can take, some go unlogged, and a counter says how many.
package recommend

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"kindred"
	"kindred/dataset"
	"kindred/internal/metric"
	"kindred/registry"
)

// Store is what recommending reads and writes.
type Store interface {
	UserEvents(ctx context.Context, user kindred.UserID, limit int) ([]kindred.Event, error)
	ScanItems(ctx context.Context, fn func(*kindred.Item) error) error
	ScanDeletedItems(ctx context.Context, fn func(kindred.ItemID) error) error
	AppendExposures(ctx context.Context, exposures []kindred.Exposure) error
	DataVersion(ctx context.Context) (int64, error)
}

// Models is where the live models come from.
type Models interface {
	Live() (registry.Live, error)
	List() ([]kindred.ModelVersion, error)
	Load(version string) (*registry.Loaded, error)
	Generation() (string, error)
}

// Config says how to recommend.
type Config struct {
	Weights   dataset.Settings // how events weigh; training's
	Histories int              // users whose history is kept in memory; 0: 100,000
	Metrics   *metric.Metrics  // nil: not counted
	Logger    *slog.Logger     // for the background work; nil: silent
	Now       func() time.Time // nil: time.Now
}

// Service answers requests for lists. Safe for concurrent use.
type Service struct {
	store     Store
	models    Models
	weights   dataset.Settings
	metrics   *metric.Metrics
	log       *slog.Logger
	now       func() time.Time
	live      atomic.Pointer[live]
	catalogue *catalogue
	histories *histories
	exposures *exposures
	lists     sync.Pool // of *list

	reloading  sync.Mutex
	generation string // of the registry, when last read; guarded by reloading
}

// New returns a service with everything loaded. Models that cannot be loaded
// are logged and do without; the rest of the chain answers.
func New(ctx context.Context, cfg Config, store Store, models Models) (*Service, error) {
	if cfg.Histories == 0 {
		cfg.Histories = 100_000
	}
	if cfg.Metrics == nil {
		cfg.Metrics = metric.New()
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Weights.Weights == nil {
		cfg.Weights = dataset.Defaults()
	}
	histories, err := newHistories(store, cfg.Weights, cfg.Histories)
	if err != nil {
		return nil, err
	}
	s := &Service{
		store: store, models: models, weights: cfg.Weights, metrics: cfg.Metrics, log: cfg.Logger, now: cfg.Now,
		catalogue: &catalogue{items: map[kindred.ItemID]*kindred.Item{}, deleted: map[kindred.ItemID]bool{}},
		histories: histories, exposures: newExposures(store, cfg.Metrics, cfg.Logger),
	}
	s.live.Store(&live{})
	s.lists.New = func() any { return &list{Service: s, chosen: map[kindred.ItemID]bool{}} }
	if err := s.loadCatalogue(ctx); err != nil {
		return nil, err
	}
	if err := s.Reload(ctx); err != nil {
		s.log.Error("a live model could not be loaded; serving goes on without it", "err", err)
	}
	return s, ctx.Err()
}

// Recommend answers for a user or an anonymous session.
func (s *Service) Recommend(ctx context.Context, ask Request) (Answer, error) {
	l, err := s.newList(ctx, &ask)
	if err != nil {
		return Answer{}, err
	}
	defer s.release(l)
	if ask.ContextItem != "" {
		l.fromNeighbours(ask.ContextItem, (ask.N+1)/2)
		l.stage("context")
	}
	l.fromPersonal()
	l.stage("personal")
	l.fallBack()
	asked := "user"
	if ask.User == "" {
		asked = "session"
	}
	return l.answer(asked), nil
}

// Similar answers with what goes with an item.
func (s *Service) Similar(ctx context.Context, item kindred.ItemID, ask Request) (Answer, error) {
	if !s.knows(item) {
		return Answer{}, kindred.Errorf(kindred.NotFound, "there is no item %q", item)
	}
	ask.ContextItem = item
	l, err := s.newList(ctx, &ask)
	if err != nil {
		return Answer{}, err
	}
	defer s.release(l)
	l.fromNeighbours(item, ask.N)
	l.stage("similar")
	if described, known := s.catalogue.get(item); known && len(described.Categories) > 0 && !l.isFull() {
		whole := ask.Filter
		ask.Filter = whole.And(described.Categories[len(described.Categories)-1])
		l.fromPopular()
		l.fromNewest()
		ask.Filter = whole
		l.stage("same category")
	}
	l.fallBack()
	return l.answer("similar"), nil
}

// Popular answers with what most people like.
func (s *Service) Popular(ctx context.Context, ask Request) (Answer, error) {
	l, err := s.newList(ctx, &ask)
	if err != nil {
		return Answer{}, err
	}
	defer s.release(l)
	l.fromPopular()
	l.fromNewest()
	l.stage("popular")
	return l.answer("popular"), nil
}

// Trending answers with what is on the rise.
func (s *Service) Trending(ctx context.Context, ask Request) (Answer, error) {
	l, err := s.newList(ctx, &ask)
	if err != nil {
		return Answer{}, err
	}
	defer s.release(l)
	l.fromTrending()
	l.fromNewest()
	l.stage("trending")
	return l.answer("trending"), nil
}

// newList starts an answer: whose taste, and what must stay out.
func (s *Service) newList(ctx context.Context, ask *Request) (*list, error) {
	start := s.clock()
	taste := &profile{}
	if ask.User != "" {
		var err error
		if taste, err = s.histories.of(ctx, ask.User); err != nil {
			return nil, err
		}
	}
	now := s.now()
	taste = taste.with(ask.Session, s.weights, now)
	l, ok := s.lists.Get().(*list)
	if !ok {
		panic("recommend: the pool holds lists only")
	}
	l.live, l.now, l.ask, l.taste = s.live.Load(), now, ask, taste
	l.start, l.last = start, start
	l.items = make([]Item, 0, ask.N)
	clear(l.chosen)
	l.stages = nil
	l.hide(taste.seen...)
	l.hide(ask.Exclude...)
	if ask.ContextItem != "" {
		l.hide(ask.ContextItem)
	}
	l.stage("history")
	return l, nil
}

func (s *Service) release(l *list) {
	l.live, l.ask, l.taste, l.items = nil, nil, nil, nil
	s.lists.Put(l)
}

// fallBack fills what the first sources left open.
func (l *list) fallBack() {
	l.fromSimilar()
	l.stage(sourceSimilar)
	l.fromPopular()
	l.stage(sourcePopular)
	l.fromTrending()
	l.fromNewest()
	l.stage(sourceNewest)
}

// answer ends a list: reasons, the exposure, counters.
func (l *list) answer(asked string) Answer {
	l.giveReasons()
	l.stage("reasons")
	answer := Answer{RequestID: l.exposures.newID(l.now), Items: l.items, Model: l.model()}
	l.exposures.log(answer, l.ask.User, l.now)
	l.metrics.Lists.WithLabelValues(asked).Inc()
	l.metrics.ListSeconds.Observe(l.clock().Sub(l.start).Seconds())
	for from := 0; from < len(l.items); { // runs of one source: few
		to := from + 1
		for to < len(l.items) && l.items[to].Source == l.items[from].Source {
			to++
		}
		l.metrics.ListItems.WithLabelValues(l.items[from].Source).Add(float64(to - from))
		from = to
	}
	if l.ask.Explain {
		answer.Trace = &Trace{History: len(l.taste.steps), Seen: len(l.taste.seen), Stages: l.stages}
	}
	return answer
}

// model names the model that gave the first item, if one did.
func (l *list) model() *ModelRef {
	if len(l.items) == 0 {
		return nil
	}
	v := l.live.personal
	switch l.items[0].Source {
	case sourceNewest:
		return nil
	case sourcePopular, sourceTrending:
		v = l.live.popular
	case sourceSimilar:
		if l.live.similar != nil {
			v = l.live.similar
		}
	}
	if v == nil {
		return nil
	}
	return &ModelRef{Version: v.version.Version, Kind: v.kind()}
}

// knows says whether an item can be recommended from: it is in the catalogue,
// or in a live model and not deleted.
func (s *Service) knows(id kindred.ItemID) bool {
	if _, known := s.catalogue.get(id); known {
		return true
	}
	if s.catalogue.isDeleted(id) {
		return false
	}
	now := s.live.Load()
	for _, v := range []*view{now.personal, now.similar, now.popular} {
		if v == nil {
			continue
		}
		if _, known := v.items.Index(string(id)); known {
			return true
		}
	}
	return false
}

// Item returns an item of the catalogue.
func (s *Service) Item(id kindred.ItemID) (kindred.Item, bool) {
	item, known := s.catalogue.get(id)
	if !known {
		return kindred.Item{}, false
	}
	return *item, true
}

// Observe takes note of events that have been stored: the next answers for
// their users differ.
func (s *Service) Observe(events []kindred.Event) {
	for i := range events {
		s.histories.forget(events[i].User)
	}
}

// ItemsChanged takes note of items that have been stored.
func (s *Service) ItemsChanged(items []kindred.Item) { s.catalogue.put(items, s.now()) }

// ItemDeleted takes note of an item that has been deleted.
func (s *Service) ItemDeleted(id kindred.ItemID) { s.catalogue.remove(id, s.now()) }

// UserErased takes note of a user who has been erased.
func (s *Service) UserErased(id kindred.UserID) { s.histories.forget(id) }

// clock is for measuring; now may be anything a test says.
func (*Service) clock() time.Time { return time.Now() }
