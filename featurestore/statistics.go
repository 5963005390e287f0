package featurestore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"kindred"
	"kindred/feature"
	"kindred/store"
)

// Statistics describe the features of a training set, for what is served later
// to be compared with.
type Statistics struct {
	Set      string            `json:"set"`
	Version  string            `json:"version"`
	Time     time.Time         `json:"time"`
	Features []feature.Summary `json:"features"`
}

// Of returns a feature's summary; nil if there is none.
func (s *Statistics) Of(ref feature.Ref) *feature.Summary {
	for i := range s.Features {
		if s.Features[i].Ref == ref {
			return &s.Features[i]
		}
	}
	return nil
}

// Summaries gather the columns of blocks.
type Summaries []*feature.Summarizer

// Add gathers a block; each has the same columns.
func (s *Summaries) Add(columns []feature.Column) {
	for len(*s) < len(columns) {
		*s = append(*s, feature.NewSummarizer())
	}
	for i := range columns {
		(*s)[i].Add(&columns[i])
	}
}

// Statistics returns what was gathered.
func (s *Summaries) Statistics(set, version string, now time.Time) Statistics {
	all := Statistics{Set: set, Version: version, Time: now.UTC(), Features: []feature.Summary{}}
	for _, summarizer := range *s {
		all.Features = append(all.Features, summarizer.Summary())
	}
	return all
}

// SaveStatistics writes the statistics of a set's training into a folder, in
// the place of the former ones.
func SaveStatistics(folder string, s *Statistics) error {
	data, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return fmt.Errorf("featurestore: making a folder: %w", err)
	}
	path := filepath.Join(folder, s.Set+".json")
	if err := os.WriteFile(path+".partial", data, 0o600); err != nil {
		return fmt.Errorf("featurestore: writing statistics: %w", err)
	}
	if err := os.Rename(path+".partial", path); err != nil {
		return fmt.Errorf("featurestore: writing statistics: %w", err)
	}
	return nil
}

// LoadStatistics reads the statistics of a set's latest training; nil if there
// was none.
func LoadStatistics(folder, set string) (*Statistics, error) {
	data, err := os.ReadFile(filepath.Join(folder, set+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // there is none, and nothing is wrong
	}
	var s Statistics
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil {
		return nil, fmt.Errorf("featurestore: reading statistics: %w", err)
	}
	return &s, nil
}

// LoggedSummaries gathers what the features of a set were when lists were
// shown.
func (s *Service) LoggedSummaries(ctx context.Context, db Logs, set string, span store.EventRange) (Summaries, error) {
	refs := s.plan.Sets()[set].Features
	if refs == nil {
		return nil, kindred.Errorf(kindred.NotFound, "there is no feature set %q", set)
	}
	var all Summaries
	version := s.plan.Version(refs)
	err := db.ScanFeatureLogs(ctx, set, span, func(l *store.FeatureLog) error {
		if l.Version != version {
			return nil
		}
		_, columns, err := decode(l)
		if err == nil {
			all.Add(columns)
		}
		return err
	})
	return all, err
}
