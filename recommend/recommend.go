// Package recommend is the read path: from a user, a session or an item to a
// list. It keeps in memory what that takes: the live models, the catalogue,
// and the histories of recent users; all of it is read again from the store
// and the registry when they change.
//
// A list is filled from one source after the other: the personal model by
// fold-in of the history as it is now and of the user's attributes, what goes with that history's items,
// what is popular, and at last the newest items. Items the user knows, that
// are not available, excluded or filtered out never appear, and the list is
// short only when nothing else is left to recommend.
//
// Every shown list is logged as an exposure, in the background: when more are
// shown than the store can take, some go unlogged, and a counter says how many.
package recommend

import (
	"context"
	"log/slog"
	"slices"
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
	Users
	Aliases
	ScanItems(ctx context.Context, fn func(*kindred.Item) error) error
	ScanDeletedItems(ctx context.Context, fn func(kindred.ItemID) error) error
	AppendExposures(ctx context.Context, exposures []kindred.Exposure) error
	DataVersion(ctx context.Context) (int64, error)
}

// Users is where it is kept what users did and what is said of them.
type Users interface {
	UserEvents(ctx context.Context, user kindred.UserID, limit int) ([]kindred.Event, error)
	RecentUsers(ctx context.Context, events int) ([]kindred.UserID, error)
	// User fails with kindred.NotFound for a stranger.
	User(ctx context.Context, id kindred.UserID) (kindred.User, error)
}

// Aliases is where it is kept which IDs are one user's.
type Aliases interface {
	Person(ctx context.Context, id kindred.UserID) (kindred.Person, error)
	// ScanAliases returns a number that grows with every change, and calls fn
	// with nothing if that is the one it is given.
	ScanAliases(ctx context.Context, known int64, fn func(kindred.Alias) error) (changes int64, err error)
}

// Shown takes the lists that were just shown, in the background. It must not
// wait.
type Shown interface {
	Shown(lists []kindred.Exposure)
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
	// Weights say how events weigh where no personal model is live: one that is
	// live is asked with histories weighed as its training weighed them.
	Weights   dataset.Settings
	Histories int              // items in all the histories kept in memory; 0: 2,000,000, about 200 MB
	Shown     Shown            // is told of shown lists; nil: nobody is
	Metrics   *metric.Metrics  // nil: not counted
	Logger    *slog.Logger     // for the background work; nil: silent
	Now       func() time.Time // nil: time.Now
}

// Service answers requests for lists. Safe for concurrent use.
type Service struct {
	store     Store
	models    Models
	weights   *dataset.Settings // see Config
	metrics   *metric.Metrics
	log       *slog.Logger
	now       func() time.Time
	live      atomic.Pointer[live]
	catalogue *catalogue
	histories *histories
	aliases   *aliases
	exposures *exposures
	lists     sync.Pool // of *list

	reloading  sync.Mutex
	generation string // of the registry, when last read; guarded by reloading

	// Below, for Run only: what was read of the store.
	storeVersion   int64
	catalogueStale bool      // another process wrote since
	catalogueDue   time.Time // when it may be read again
	measured       uint64    // changes of the catalogue, when it was counted last
}

// New returns a service with everything loaded. Models that cannot be loaded
// are logged and do without; the rest of the chain answers.
func New(ctx context.Context, cfg Config, store Store, models Models) (*Service, error) {
	if cfg.Histories < 1 {
		cfg.Histories = 2_000_000
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
		cfg.Weights.Weights = dataset.Defaults().Weights
	}
	catalogue := newCatalogue()
	histories, err := newHistories(store, &cfg.Weights, catalogue, cfg.Histories)
	if err != nil {
		return nil, err
	}
	s := &Service{
		store: store, models: models, weights: &cfg.Weights, metrics: cfg.Metrics, log: cfg.Logger, now: cfg.Now,
		catalogue: catalogue, histories: histories, aliases: &aliases{store: store, users: map[kindred.UserID]kindred.UserID{}},
		exposures: newExposures(store, &cfg),
	}
	s.live.Store(&live{})
	if s.storeVersion, err = store.DataVersion(ctx); err != nil { // before what is read
		return nil, err
	}
	if err := s.aliases.load(ctx); err != nil {
		return nil, err
	}
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
		l.fromNeighbours((ask.N + 1) / 2)
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
	l.fromNeighbours(ask.N)
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

// Trending answers with what is on the rise, then with what is popular.
func (s *Service) Trending(ctx context.Context, ask Request) (Answer, error) {
	l, err := s.newList(ctx, &ask)
	if err != nil {
		return Answer{}, err
	}
	defer s.release(l)
	l.fromTrending()
	l.stage("trending")
	l.fromPopular()
	l.fromNewest()
	l.stage(sourcePopular)
	return l.answer("trending"), nil
}

// newList starts an answer: whose taste, and what must stay out.
func (s *Service) newList(ctx context.Context, ask *Request) (*list, error) {
	if ask.N < 1 {
		return nil, kindred.Errorf(kindred.Invalid, "a list of %d items (ask for 1 or more)", ask.N)
	}
	start := time.Now()
	taste := &profile{}
	if ask.User != "" {
		var err error
		if taste, err = s.histories.of(ctx, s.aliases.of(ask.User)); err != nil {
			return nil, err
		}
	}
	l, ok := s.lists.Get().(*list)
	if !ok {
		l = &list{Service: s, chosen: map[kindred.ItemID]bool{}}
	}
	l.live, l.now, l.ask = s.live.Load(), s.now(), ask
	l.signals = s.histories.signals.Load()
	l.taste = taste.with(ask.Session, l.signals, l.catalogue.group, l.now)
	l.start, l.last = start, start
	l.items = make([]Item, 0, min(ask.N, maxReserved))
	l.hide(ask.Exclude...)
	if ask.ContextItem != "" {
		l.hideProduct(ask.ContextItem)
	}
	l.stage("history")
	return l, nil
}

// maxReserved is for how many items a list has room from the start.
const maxReserved = 500

func (s *Service) release(l *list) {
	clear(l.chosen)
	l.live, l.ask, l.signals, l.taste, l.items, l.stages, l.lead, l.context = nil, nil, nil, nil, nil, nil, nil, 0
	s.lists.Put(l)
}

// fallBack fills what the first sources left open.
func (l *list) fallBack() {
	l.fromSimilar()
	l.stage(sourceSimilar)
	l.fromPopular()
	l.stage(sourcePopular)
	l.fromNewest()
	l.stage(sourceNewest)
}

// answer ends a list: reasons, the exposure, counters.
func (l *list) answer(asked string) Answer {
	l.giveReasons()
	l.stage("reasons")
	answer := Answer{RequestID: l.exposures.newID(l.now), Items: l.items, Model: l.model()}
	l.exposures.log(answer, l.ask, l.now)
	l.metrics.Lists.WithLabelValues(asked).Inc()
	l.metrics.ListSeconds.Observe(time.Since(l.start).Seconds())
	for from := 0; from < len(l.items); { // runs of one source: few
		to := from + 1
		for to < len(l.items) && l.items[to].Source == l.items[from].Source {
			to++
		}
		l.metrics.ListItems.WithLabelValues(l.items[from].Source).Add(float64(to - from))
		from = to
	}
	if l.ask.Explain {
		answer.Trace = &Trace{History: len(l.taste.steps), Seen: len(l.taste.steps) + len(l.taste.other), Stages: l.stages}
	}
	return answer
}

// model names the model that gave the first item, if one did.
func (l *list) model() *ModelRef {
	if l.lead == nil {
		return nil
	}
	return &ModelRef{Version: l.lead.version.Version, Kind: l.lead.version.Kind}
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
	return slices.ContainsFunc(s.live.Load().all(), func(v *view) bool {
		_, known := s.catalogue.index(v, id)
		return known
	})
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
		s.histories.forget(s.aliases.of(events[i].User))
	}
}

// ItemsChanged takes note of items that have been stored.
func (s *Service) ItemsChanged(items []kindred.Item) { s.catalogue.put(items, s.now()) }

// ItemDeleted takes note of an item that has been deleted.
func (s *Service) ItemDeleted(id kindred.ItemID) { s.catalogue.remove(id, s.now()) }

// UsersChanged takes note of users that have been stored: their attributes count
// in their next answers.
func (s *Service) UsersChanged(users []kindred.User) {
	for i := range users {
		s.histories.forget(s.aliases.of(users[i].ID))
	}
}

// VerdictsChanged takes note of users whose events are judged anew: all users,
// for nil.
func (s *Service) VerdictsChanged(users []kindred.UserID) {
	if users == nil {
		s.histories.forgetAll()
		return
	}
	for _, user := range users {
		s.histories.forget(s.aliases.of(user))
	}
}

// UserErased takes note of a user who has been erased, for each ID.
func (s *Service) UserErased(id kindred.UserID) {
	s.histories.forget(id)
	s.exposures.erase(id, s.now())
}
