package ingest

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"kindred"
	"kindred/clean"
	"kindred/internal/metric"
)

// VerdictStore is the log, and what is found about it.
type VerdictStore interface {
	ToJudge(ctx context.Context, after int64, limit int, fn func(*clean.Input) error) error
	Generations(ctx context.Context) (live, next clean.Generation, end int64, err error)
	Generation(ctx context.Context, id int64) (clean.Generation, error)
	BeginGeneration(ctx context.Context, rules string) (clean.Generation, error)
	AddVerdicts(ctx context.Context, generation int64, part clean.Part) error
	SwitchGeneration(ctx context.Context, id int64) error
}

// VerdictsConfig says how the log is judged and who is told.
type VerdictsConfig struct {
	Settings clean.Settings
	Refused  kindred.Verdict // by readers; for Status
	// Changed is told of users whose verdicts changed; nil stands for all.
	Changed func(users []kindred.UserID)
	Metrics *metric.Metrics // nil: not counted
	Logger  *slog.Logger    // nil: silent
	// Slice is how many events are judged at a time; 0: 20,000.
	Slice int
}

// Sizes and times of following the log.
const (
	verdictSlice  = 20_000
	snapshotEvery = 500_000 // events: what a restart judges again, at most
	unsavedMost   = 1000    // events judged without a finding before that is noted
	gatherTime    = 100 * time.Millisecond
	pollInterval  = 2 * time.Second // for what other processes wrote
)

// Verdicts follows the log and judges it, in log order, apart from whoever
// writes. So it does not matter who wrote, in which process, or whether this
// one was killed: the next to follow comes to the same verdicts. When the rules
// have changed, it judges the whole log anew beside what is live, and puts that
// live when it has caught up.
type Verdicts struct {
	cfg   VerdictsConfig
	rules string
	store VerdictStore
	wake  chan struct{}
	work  sync.Mutex // held while judging
	live  *track
	next  *track

	mu      sync.Mutex
	erased  []kindred.UserID // to be forgotten by the judges
	changed map[kindred.UserID]bool
}

// track is a generation with its judge.
type track struct {
	id         int64
	judge      *clean.Judge
	judged     int64 // what is stored holds up to here
	snapshotAt int64
}

// NewVerdicts returns a follower of the store's log. Settings must be valid.
func NewVerdicts(cfg VerdictsConfig, store VerdictStore) *Verdicts {
	if cfg.Slice == 0 {
		cfg.Slice = verdictSlice
	}
	if cfg.Metrics == nil {
		cfg.Metrics = metric.New()
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Changed == nil {
		cfg.Changed = func([]kindred.UserID) {}
	}
	return &Verdicts{
		cfg: cfg, rules: cfg.Settings.Rules(), store: store, wake: make(chan struct{}, 1), changed: map[kindred.UserID]bool{},
	}
}

// Observe takes note that there are new events.
func (v *Verdicts) Observe([]kindred.Event) {
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

// UserErased makes the judges forget a user.
func (v *Verdicts) UserErased(id kindred.UserID) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.erased = append(v.erased, id)
}

// Run follows the log until ctx ends. A failing store is tried again.
func (v *Verdicts) Run(ctx context.Context) error {
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for {
		if err := v.follow(ctx, nil); err != nil && ctx.Err() == nil {
			v.cfg.Logger.Error("events could not be judged; trying again", "err", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-v.wake:
			time.Sleep(gatherTime) // the next events come along
		case <-poll.C:
		}
	}
}

// CatchUp judges what is not judged yet, and all if the rules have changed.
// progress, if any, is told the place reached and the end.
func (v *Verdicts) CatchUp(ctx context.Context, progress func(done, end int64)) error {
	if err := v.follow(ctx, progress); err != nil {
		return err
	}
	v.work.Lock()
	defer v.work.Unlock()
	return v.save(ctx, v.live, clean.Part{})
}

// Rerun begins to judge all events anew, by the rules there are; Run or
// CatchUp does it.
func (v *Verdicts) Rerun(ctx context.Context) (clean.Generation, error) {
	g, err := v.store.BeginGeneration(ctx, v.rules)
	v.Observe(nil)
	return g, err
}

// Status returns what events are judged by, and how far that is.
func (v *Verdicts) Status(ctx context.Context) (clean.Status, error) {
	live, next, end, err := v.store.Generations(ctx)
	s := clean.Status{
		Rules: v.rules, Settings: v.cfg.Settings, Refused: v.cfg.Refused, Generation: live.ID, Judged: live.Judged, End: end,
	}
	if next.ID != 0 {
		s.Next = &clean.Progress{Generation: next.ID, Judged: next.Judged}
	}
	return s, err
}

// follow judges until nothing is left.
func (v *Verdicts) follow(ctx context.Context, progress func(done, end int64)) error {
	v.work.Lock()
	defer v.work.Unlock()
	for {
		more, err := v.step(ctx, progress)
		if kindred.KindOf(err) == kindred.Conflict { // another process was first
			v.live, v.next = nil, nil
			continue
		}
		if err != nil || !more {
			return err
		}
	}
}

// step judges a slice of each generation, and says whether there is more.
func (v *Verdicts) step(ctx context.Context, progress func(done, end int64)) (more bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	live, next, end, err := v.store.Generations(ctx)
	if err != nil {
		return false, err
	}
	v.forget()
	if live.ID == 0 || live.Rules != v.rules && next.Rules != v.rules {
		if live.ID != 0 {
			v.cfg.Logger.Info("the rules of cleaning have changed: all events are judged anew", "rules", v.rules, "events", end)
		}
		_, err := v.store.BeginGeneration(ctx, v.rules)
		return true, err
	}
	if v.live != nil && v.live.id != live.ID {
		v.cfg.Changed(nil) // another process put it live
	}
	done := end
	if v.live, err = v.track(ctx, v.live, live); err != nil {
		return false, err
	}
	if v.live != nil {
		if more, err = v.advance(ctx, v.live, true); err != nil {
			return false, err
		}
		done = v.live.judge.Seq()
	}
	if next.ID == 0 || next.Rules != v.rules {
		v.next = nil
		v.tell(progress, done, end)
		return more, nil
	}
	return true, v.build(ctx, next, end, progress)
}

// build judges a slice of the next generation, and puts it live when it has
// caught up.
func (v *Verdicts) build(ctx context.Context, next clean.Generation, end int64, progress func(done, end int64)) (err error) {
	if v.next, err = v.track(ctx, v.next, next); err != nil {
		return err
	}
	more, err := v.advance(ctx, v.next, false)
	if err != nil {
		return err
	}
	v.tell(progress, v.next.judge.Seq(), end)
	if more {
		return nil
	}
	return v.turn(ctx, end)
}

func (*Verdicts) tell(progress func(done, end int64), done, end int64) {
	if progress != nil {
		progress(min(done, end), end)
	}
}

// turn puts the next generation live.
func (v *Verdicts) turn(ctx context.Context, end int64) error {
	if err := v.save(ctx, v.next, clean.Part{}); err != nil {
		return err
	}
	if err := v.store.SwitchGeneration(ctx, v.next.id); err != nil {
		return err
	}
	v.live, v.next = v.next, nil
	v.cfg.Logger.Info("new verdicts are live", "generation", v.live.id, "rules", v.rules, "events", end)
	v.cfg.Changed(nil)
	return nil
}

// track returns the track of a generation: the one at hand, or one that goes
// on from what was kept; nil for a generation of other rules.
func (v *Verdicts) track(ctx context.Context, at *track, g clean.Generation) (*track, error) {
	if g.Rules != v.rules {
		return nil, nil //nolint:nilnil // there is none to follow
	}
	if at != nil && at.id == g.ID {
		return at, nil
	}
	g, err := v.store.Generation(ctx, g.ID)
	if err != nil {
		return nil, err
	}
	judge, err := clean.NewJudge(v.cfg.Settings)
	if err == nil && g.Snapshot != nil {
		if restored, err := clean.Restore(v.cfg.Settings, g.Snapshot); err == nil {
			judge = restored
		} else {
			v.cfg.Logger.Warn("what was kept of cleaning does not read; judging from the beginning", "err", err)
		}
	}
	if err != nil {
		return nil, err
	}
	return &track{id: g.ID, judge: judge, judged: g.Judged, snapshotAt: judge.Seq()}, nil
}

// advance judges the next slice, and says whether there may be more.
func (v *Verdicts) advance(ctx context.Context, t *track, isLive bool) (more bool, err error) {
	var part clean.Part
	n := 0
	err = v.store.ToJudge(ctx, t.judge.Seq(), v.cfg.Slice, func(in *clean.Input) error {
		n++
		marks, flags := len(part.Marks), len(part.Flags)
		t.judge.Judge(*in, &part.Found)
		switch {
		case in.Seq <= t.judged: // stored before, and judged again to know what the judge knew
			part.Marks, part.Flags = part.Marks[:marks], part.Flags[:flags]
		case isLive && len(part.Marks)+len(part.Flags) > marks+flags:
			v.changed[in.Event.User] = true
		}
		return nil
	})
	if isMuch := t.judge.Seq()-t.judged >= unsavedMost; err == nil && (isMuch || n == v.cfg.Slice || len(part.Marks)+len(part.Flags) > 0) {
		err = v.save(ctx, t, part)
	}
	if err != nil {
		v.live, v.next = nil, nil // the judge is ahead of what is stored
		clear(v.changed)
		return false, err
	}
	if len(v.changed) > 0 {
		v.cfg.Changed(slices.Collect(maps.Keys(v.changed)))
		clear(v.changed)
	}
	return n == v.cfg.Slice, nil
}

// save stores a part, and how far its track is.
func (v *Verdicts) save(ctx context.Context, t *track, part clean.Part) error {
	if t == nil || t.judge.Seq() <= t.judged {
		return nil
	}
	part.Upto = t.judge.Seq()
	if part.Upto-t.snapshotAt >= snapshotEvery {
		part.Snapshot = t.judge.Snapshot()
		t.snapshotAt = part.Upto
	}
	if err := v.store.AddVerdicts(ctx, t.id, part); err != nil {
		return err
	}
	if t == v.live {
		v.count(&part)
	}
	t.judged = part.Upto
	return nil
}

func (v *Verdicts) count(part *clean.Part) {
	for _, m := range part.Marks {
		for reason := range m.Reasons.Each() {
			v.cfg.Metrics.Verdicts.WithLabelValues(reason.String()).Inc()
		}
	}
	for _, f := range part.Flags {
		v.cfg.Metrics.FlaggedUsers.WithLabelValues(f.Reasons.String()).Inc()
	}
}

// forget makes the judges forget who was erased.
func (v *Verdicts) forget() {
	v.mu.Lock()
	erased := v.erased
	v.erased = nil
	v.mu.Unlock()
	for _, user := range erased {
		for _, t := range []*track{v.live, v.next} {
			if t != nil {
				t.judge.Forget(user)
			}
		}
	}
}
