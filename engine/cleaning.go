package engine

import (
	"context"
	"errors"

	"kindred"
	"kindred/clean"
	"kindred/ingest"
	"kindred/internal/metric"
)

// CleaningConfig says how events are judged, and which verdicts still count.
type CleaningConfig struct {
	clean.Settings `yaml:",inline"`
	// Accept are the reasons that do not keep an event from training, metrics
	// and histories.
	Accept []string `yaml:"accept"`
}

func defaultCleaning() CleaningConfig {
	return CleaningConfig{Settings: clean.Defaults(), Accept: kindred.Informational.Reasons()}
}

// refused are the reasons that are not accepted.
func (c *CleaningConfig) refused() (kindred.Verdict, error) {
	accepted, err := kindred.ParseVerdict(c.Accept...)
	if err == nil && accepted.Has(kindred.Withdrawn) {
		err = kindred.Errorf(kindred.Invalid, "accept: what was withdrawn cannot be accepted")
	}
	return kindred.AllReasons()&^accepted | kindred.Withdrawn, err
}

// Validate reports every fault.
func (c *CleaningConfig) Validate() error {
	_, err := c.refused()
	return errors.Join(err, c.Settings.Validate())
}

// verdicts returns what follows the log and judges it.
func (e *Engine) verdicts(changed func([]kindred.UserID), metrics *metric.Metrics) *ingest.Verdicts {
	refused, _ := e.Config.Cleaning.refused() // validated
	return ingest.NewVerdicts(ingest.VerdictsConfig{
		Settings: e.Config.Cleaning.Settings, Refused: refused, Changed: changed, Metrics: metrics, Logger: e.log,
	}, e.Store)
}

// CatchUp judges all events that are not judged yet by the rules there are.
func (e *Engine) CatchUp(ctx context.Context, progress func(done, end int64)) error {
	return e.verdicts(nil, nil).CatchUp(ctx, progress)
}

// Clean judges all events anew, beside the verdicts there are, and puts the new
// ones live.
func (e *Engine) Clean(ctx context.Context, progress func(done, end int64)) error {
	v := e.verdicts(nil, nil)
	if err := v.CatchUp(ctx, nil); err != nil {
		return err
	}
	if _, err := v.Rerun(ctx); err != nil {
		return err
	}
	if err := v.CatchUp(ctx, progress); err != nil {
		return err
	}
	return e.Store.RemoveOldGenerations(ctx)
}

// CleaningStatus returns what events are judged by, and how far that is.
func (e *Engine) CleaningStatus(ctx context.Context) (clean.Status, error) {
	return e.verdicts(nil, nil).Status(ctx)
}

// VerdictCounts returns how many events have each verdict.
func (e *Engine) VerdictCounts(ctx context.Context) (map[kindred.Verdict]int64, error) {
	return e.Store.VerdictCounts(ctx)
}

// WouldChange judges all events by the rules there are and keeps nothing. It
// returns how many events would have another verdict, by the one they have and
// the one they would get. What follows from the catalogue or was released is
// left out. Memory: 50 bytes an event with a reason.
func (e *Engine) WouldChange(ctx context.Context, progress func(done, end int64)) (map[[2]kindred.Verdict]int64, error) {
	judge, err := clean.NewJudge(e.Config.Cleaning.Settings)
	if err != nil {
		return nil, err
	}
	_, _, end, err := e.Store.Generations(ctx)
	if err != nil {
		return nil, err
	}
	marks, flags := map[int64]kindred.Verdict{}, map[kindred.UserID]kindred.Verdict{}
	for more := true; more; {
		var found clean.Found
		before := judge.Seq()
		err := e.Store.ToJudge(ctx, before, wouldSlice, func(in *clean.Input) error {
			judge.Judge(*in, &found)
			return nil
		})
		if err != nil {
			return nil, err
		}
		for _, m := range found.Marks {
			marks[m.Seq] |= m.Reasons
		}
		for _, f := range found.Flags {
			flags[f.User] |= f.Reasons
		}
		more = judge.Seq() > before
		if progress != nil {
			progress(judge.Seq(), end)
		}
	}
	return e.differences(ctx, marks, flags)
}

const wouldSlice = 50_000

func (e *Engine) differences(
	ctx context.Context, marks map[int64]kindred.Verdict, flags map[kindred.UserID]kindred.Verdict,
) (map[[2]kindred.Verdict]int64, error) {
	const apart = kindred.UnknownItem | kindred.OutsideValidity
	changes, place := map[[2]kindred.Verdict]int64{}, int64(0)
	for more := true; more; {
		more = false
		err := e.Store.EventsAfter(ctx, place, wouldSlice, func(seq int64, event *kindred.Event) error {
			place, more = seq, true
			was, is := event.Verdict&^apart, marks[seq]|flags[event.User]
			if was != is && !was.Has(kindred.Released) {
				changes[[2]kindred.Verdict{was, is}]++
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return changes, nil
}

// Replay judges rejected rows again, and the events that it stores; see
// ingest.Service.Replay.
func (e *Engine) Replay(ctx context.Context, q ingest.ReplayQuery) (ingest.Replayed, error) {
	done, err := ingest.New(e.ingestConfig(), e.Store).Replay(ctx, e.Store, q)
	if err == nil && done.Stored > 0 && !q.Dry {
		err = e.CatchUp(ctx, nil)
	}
	return done, err
}
