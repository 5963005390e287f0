package featurestore

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"time"

	"kindred"
	"kindred/feature"
	"kindred/store"
)

// Logs is where the features of shown lists are read back from.
type Logs interface {
	Store
	LatestFeatureLogs(ctx context.Context, set string, n int, fn func(*store.FeatureLog) error) error
	ScanFeatureLogs(ctx context.Context, set string, r store.EventRange, fn func(*store.FeatureLog) error) error
}

// Skew is the outcome of comparing logged values with the same computed anew
// from the log of events.
type Skew struct {
	Set     string `json:"set"`
	Version string `json:"version"`
	Lists   int    `json:"lists"`  // compared
	Values  int    `json:"values"` // compared
	// Passed over: lists of another version of the set, and lists of which can
	// no longer be told what was known then, since a user was erased, or all
	// events were judged anew.
	OtherVersion int `json:"other_version"`
	Erased       int `json:"erased"`
	// Different are the values that were not the same, bit for bit.
	Different int            `json:"different"`
	ByFeature map[string]int `json:"by_feature"`
	Examples  []SkewExample  `json:"examples"`
}

// SkewExample is one value that differs.
type SkewExample struct {
	RequestID string         `json:"request_id"`
	User      kindred.UserID `json:"user"`
	Item      kindred.ItemID `json:"item"`
	Time      time.Time      `json:"time"`
	Feature   string         `json:"feature"`
	Served    string         `json:"served"`
	Computed  string         `json:"computed"`
}

const skewExamples = 10

// Skew computes the logged features of a set anew and compares them bit for
// bit: of at most so many lists, evenly spread over the span. It plays the log
// to a state of its own, stopping at the place in the log and at the moment of
// each list; memory is that of the online state.
func (s *Service) Skew(ctx context.Context, db Logs, set string, span store.EventRange, most int) (Skew, error) {
	refs := s.plan.Sets()[set].Features
	if refs == nil {
		return Skew{}, kindred.Errorf(kindred.NotFound, "there is no feature set %q", set)
	}
	result := Skew{Set: set, Version: s.plan.Version(refs), ByFeature: map[string]int{}, Examples: []SkewExample{}}
	logs, err := s.sample(ctx, db, &result, span, most)
	if err != nil {
		return result, err
	}
	plan, err := s.plan.Narrow(refs)
	if err != nil {
		return result, err
	}
	first := int64(math.MaxInt64)
	for i := range logs {
		first = min(first, logs[i].Changes)
	}
	play := player{service: s, state: plan.NewOnline(), asOf: s.store.AsOf(first)}
	for i := range logs {
		err := play.to(ctx, &logs[i])
		if kindred.KindOf(err) == kindred.Conflict { // since a moment ago
			result.Erased += len(logs) - i
			break
		}
		if err != nil {
			return result, err
		}
		if err := result.compare(play.state, refs, &logs[i]); err != nil {
			return result, err
		}
	}
	s.skews.keep(&result, s.now())
	s.metrics.FeatureSkew.WithLabelValues("equal").Add(float64(result.Values - result.Different))
	s.metrics.FeatureSkew.WithLabelValues("different").Add(float64(result.Different))
	return result, nil
}

// skewLists is how many lists of a set a running server computes again.
const skewLists = 1000

// checkSkew compares what was served with what the log says, now and then,
// until ctx ends.
func (s *Service) checkSkew(ctx context.Context) {
	if s.logs == nil || s.recheck <= 0 {
		return
	}
	for pause(ctx, s.recheck) == nil {
		for _, set := range s.log {
			skew, err := s.Skew(ctx, s.logs, set, store.EventRange{From: s.now().Add(-s.recheck)}, skewLists)
			switch {
			case ctx.Err() != nil:
			case err != nil:
				s.logger.Error("what was served could not be computed again", "set", set, "err", err)
			case skew.Different > 0:
				s.logger.Warn("features were served that are not what the log says; 'kindred features skew' tells which",
					"set", set, "values", skew.Values, "different", skew.Different)
			}
		}
	}
}

// sample chooses the logs to compare, by their place in the log of events.
func (s *Service) sample(ctx context.Context, db Logs, result *Skew, span store.EventRange, most int) ([]store.FeatureLog, error) {
	var logs []store.FeatureLog
	every, n := 1, 0
	err := db.ScanFeatureLogs(ctx, result.Set, span, func(l *store.FeatureLog) error {
		switch {
		case l.Version != result.Version:
			result.OtherVersion++
		case l.IsFinal:
			result.Erased++
		default:
			if n%every == 0 {
				logs = append(logs, *l)
			}
			n++
			if len(logs) > 2*most { // every other one is enough
				every *= 2
				kept := logs[:0]
				for i := 0; i < len(logs); i += 2 {
					kept = append(kept, logs[i])
				}
				logs = kept
			}
		}
		return nil
	})
	if len(logs) > most {
		logs = logs[:most]
	}
	slices.SortStableFunc(logs, func(a, b store.FeatureLog) int {
		return cmp.Or(cmp.Compare(a.Events, b.Events), cmp.Compare(a.Changes, b.Changes), cmp.Compare(a.Values, b.Values))
	})
	return logs, err
}

// compare reads the features of a log's list and notes what differs.
func (k *Skew) compare(state *feature.Online, refs []feature.Ref, l *store.FeatureLog) error {
	shown, served, err := decode(l)
	if err != nil {
		return err
	}
	request := requestFor(&shown, refs)
	computed, err := state.Read(&request)
	if err != nil {
		return err
	}
	if computed.Change == 0 { // an event could not be taken back
		k.Erased++
		return nil
	}
	k.Lists++
	for c := range served {
		for row := range shown.Items {
			k.Values++
			if served[c].EqualRow(row, &computed.Columns[c], row) {
				continue
			}
			k.Different++
			k.ByFeature[string(served[c].Ref)]++
			if len(k.Examples) < skewExamples {
				k.Examples = append(k.Examples, SkewExample{
					RequestID: l.RequestID, User: l.User, Item: shown.Items[row], Time: l.Time, Feature: string(served[c].Ref),
					Served: served[c].Show(row), Computed: computed.Columns[c].Show(row),
				})
			}
		}
	}
	return nil
}

// Differing returns the features with differing values, by name.
func (k *Skew) Differing() []string { return slices.Sorted(maps.Keys(k.ByFeature)) }
