// Package featurestore is the running feature store. It follows the logs of
// events and of written values, keeps the features' online state in memory
// (feature.Online), answers for the present, keeps what features were when a
// list was shown, and makes training sets in which every value is as of its
// row's moment.
//
// Nothing of the online state is on disk: it follows from the logs, and is
// built from them at a start, in the background. So a kill at any moment, that
// of a materialisation included, leaves nothing half done, and several
// processes may serve one store.
package featurestore

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"kindred"
	"kindred/feature"
	"kindred/internal/metric"
	"kindred/store"
)

// Store is where the logs are kept.
type Store interface {
	AsOf(place int64) *store.AsOf // events, and what was known of them
	FeatureValuesAfter(ctx context.Context, after int64, limit int, fn func(store.FeatureValue) error) error
	AppendFeatureValues(ctx context.Context, values []store.FeatureValue) error
	AppendFeatureLogs(ctx context.Context, logs []store.FeatureLog) error
	ScanItems(ctx context.Context, fn func(*kindred.Item) error) error
	ScanUsers(ctx context.Context, fn func(*kindred.User) error) error
}

// Config says what to keep.
type Config struct {
	Features feature.Config
	// Logs is where what was served is read back, to be computed again now
	// and then; nil: it is not.
	Logs Logs
	// Statistics is the folder with what SaveStatistics wrote.
	Statistics string
	Metrics    *metric.Metrics  // nil: not counted
	Logger     *slog.Logger     // nil: silent
	Now        func() time.Time // nil: time.Now
}

// Service is a running feature store. Safe for concurrent use.
type Service struct {
	plan    *feature.Plan
	log     []string // the sets whose values are kept
	logs    Logs     // nil: not read back
	recheck time.Duration
	store   Store
	metrics *metric.Metrics
	logger  *slog.Logger
	now     func() time.Time
	folder  string // of statistics
	skews   skews

	state    atomic.Pointer[feature.Online] // nil until it has been built
	followed atomic.Int64                   // when the state last reached the logs' ends, in unix milliseconds
	wake     chan struct{}                  // something was stored
	rebuild  chan struct{}                  // the state cannot follow
	shown    chan kindred.Exposure

	building sync.Mutex // held while a state is built
	progress atomic.Int64

	following sync.Mutex                     // held while the state follows the logs
	outdated  atomic.Pointer[feature.Online] // the state that is to be built anew
	changes   sync.Mutex                     // guards changed
	changed   []change                       // properties to be recorded
}

// New returns a feature store without state; Run builds it.
func New(cfg Config, db Store) (*Service, error) {
	if err := cfg.Features.Validate(); err != nil {
		return nil, kindred.Errorf(kindred.Invalid, "the features have faults").Because(err)
	}
	plan, err := feature.NewPlan(&cfg.Features)
	if err != nil {
		return nil, err
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
	return &Service{
		plan: plan, log: cfg.Features.Log, logs: cfg.Logs, recheck: time.Duration(cfg.Features.SkewEvery), store: db, metrics: cfg.Metrics, logger: cfg.Logger, now: cfg.Now,
		folder: cfg.Statistics,
		wake:   make(chan struct{}, 1), rebuild: make(chan struct{}, 1), shown: make(chan kindred.Exposure, shownWaiting),
	}, nil
}

// Plan returns the features.
func (s *Service) Plan() *feature.Plan { return s.plan }

// IsEmpty says whether no feature is defined, so that there is nothing to do.
func (s *Service) IsEmpty() bool { return len(s.plan.Definitions()) == 0 }

// Read returns the values of features; a zero r.At means now. It fails with
// Unavailable until the state has been built.
func (s *Service) Read(r *feature.Request) (feature.Reading, error) {
	start := time.Now()
	if r.At == 0 {
		r.At = s.now().UnixMilli()
	}
	if err := s.plan.Check(r); err != nil {
		return feature.Reading{}, err
	}
	state := s.state.Load()
	if state == nil {
		return feature.Reading{}, s.notReady()
	}
	reading, err := state.Read(r)
	if err == nil {
		s.metrics.FeatureSeconds.Observe(time.Since(start).Seconds())
		s.metrics.FeatureValues.Add(float64(r.Rows * len(r.Features)))
	}
	return reading, err
}

func (s *Service) notReady() error {
	return kindred.Errorf(kindred.Unavailable, "the features are being computed from the log, %d events so far; try again", s.progress.Load())
}

// State says how far the online state has come; false until it has been built.
func (s *Service) State() (feature.State, bool) {
	state := s.state.Load()
	if state == nil {
		return feature.State{}, false
	}
	return state.State(), true
}

// Followed is when the state last knew all that the logs held; zero until it
// has been built. Its age is the staleness of what is read.
func (s *Service) Followed() time.Time {
	if at := s.followed.Load(); at > 0 {
		return time.UnixMilli(at).UTC()
	}
	return time.Time{}
}

// Observe takes note that events have been stored.
func (s *Service) Observe([]kindred.Event) { signal(s.wake) }

// signal tells a goroutine that waits, or will, that there is work.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// UserErased forgets a user at once. The counts of items follow when the state
// has been built anew, in the background.
func (s *Service) UserErased(id kindred.UserID) {
	if state := s.state.Load(); state != nil {
		state.Forget(id)
	}
	signal(s.wake)
}

// VerdictsChanged takes note that other events count than did before; which,
// the log of changes says.
func (s *Service) VerdictsChanged([]kindred.UserID) { signal(s.wake) }
