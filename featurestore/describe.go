package featurestore

import (
	"context"
	"slices"
	"sync"
	"time"

	"kindred"
	"kindred/feature"
	"kindred/store"
)

// Description is what the features of a set were in the lists shown last, and
// how far that is from the latest training set.
type Description struct {
	Set     string `json:"set"`
	Version string `json:"version"`
	Lists   int    `json:"lists" doc:"Described: the last ones that were shown with this version of the set."`
	// From and To are when the first and the last of them were shown.
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
	// Trained is the training set that they are compared with.
	Trained  *Trained           `json:"trained,omitempty" doc:"The training set that psi compares with; absent: none was made of the set."`
	Features []DescribedFeature `json:"features"`
	Skew     *SkewReport        `json:"skew,omitempty" doc:"The last time that what was served was computed again (features.skew_every); absent: not since the start."`
}

// Trained tells of a training set.
type Trained struct {
	Version string    `json:"version"`
	Time    time.Time `json:"time"`
}

// DescribedFeature is a summary and its distance from training.
type DescribedFeature struct {
	feature.Summary
	PSI *float64 `json:"psi,omitempty" doc:"Population stability index: above .1 is worth a look, above .25 a change; absent: nothing to compare with."`
}

// Describe compares what was gathered with a training set's statistics; nil:
// with nothing.
func (s *Summaries) Describe(trained *Statistics) []DescribedFeature {
	list := make([]DescribedFeature, len(*s))
	for i, summarizer := range *s {
		list[i].Summary = summarizer.Summary()
		if trained == nil {
			continue
		}
		if reference := trained.Of(list[i].Ref); reference != nil {
			index := summarizer.DriftFrom(reference)
			list[i].PSI = &index
		}
	}
	return list
}

// Describe describes what was served of a set that is logged: the last lists,
// at most so many. Cost: decoding them, some 50 µs each.
func (s *Service) Describe(ctx context.Context, set string, lists int) (Description, error) {
	refs := s.plan.Sets()[set].Features
	if refs == nil {
		return Description{}, kindred.Errorf(kindred.NotFound, "there is no feature set %.64q (GET /v1/features lists them)", set)
	}
	d := Description{Set: set, Version: s.plan.Version(refs), Features: []DescribedFeature{}, Skew: s.skews.of(set)}
	trained, err := LoadStatistics(s.folder, set)
	if err != nil {
		return d, err
	}
	if trained != nil {
		d.Trained = &Trained{trained.Version, trained.Time}
	}
	if s.logs == nil || !slices.Contains(s.log, set) {
		return d, nil
	}
	var all Summaries
	err = s.logs.LatestFeatureLogs(ctx, set, lists, func(l *store.FeatureLog) error {
		if l.Version != d.Version {
			return nil
		}
		_, columns, err := decode(l)
		if err != nil {
			return err
		}
		if d.Lists == 0 {
			d.To = l.Time
		}
		d.Lists++
		d.From = l.Time
		all.Add(columns)
		return nil
	})
	d.Features = all.Describe(trained)
	return d, err
}

// SkewReport is the outcome of one look at the skew of a set.
type SkewReport struct {
	Time      time.Time `json:"time"`
	Lists     int       `json:"lists"`
	Values    int       `json:"values"`
	Different int       `json:"different"`
	Features  []string  `json:"features" doc:"Those with differing values."`
}

// skews are the last reports by set.
type skews struct {
	mu    sync.Mutex
	bySet map[string]SkewReport
}

func (s *skews) of(set string) *SkewReport {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, known := s.bySet[set]; known {
		return &r
	}
	return nil
}

func (s *skews) keep(k *Skew, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bySet == nil {
		s.bySet = map[string]SkewReport{}
	}
	s.bySet[k.Set] = SkewReport{Time: at.UTC(), Lists: k.Lists, Values: k.Values, Different: k.Different, Features: slices.AppendSeq([]string{}, slices.Values(k.Differing()))}
}
