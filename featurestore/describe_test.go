package featurestore_test

import (
	"slices"
	"testing"
	"time"

	"kindred"
	"kindred/feature"
	"kindred/featurestore"
	"kindred/store"
)

// TestDescribe expects a description of the lists that were shown last, its
// distance from the training set, and the outcome of the last look at the skew.
func TestDescribe(t *testing.T) {
	s := newShop(t)
	ctx, folder := t.Context(), t.TempDir()
	service, err := featurestore.New(featurestore.Config{
		Features: config(), Logs: s.db, Statistics: folder,
		Now: func() time.Time { return time.UnixMilli(s.clock.Load()) },
	}, s.db)
	must(t, err)
	s.Service, s.early = service, true
	if !s.Followed().IsZero() {
		t.Errorf("followed at %s, before the state was built", s.Followed())
	}
	s.live(t, 200)
	must(t, s.Materialize(ctx))
	if d, err := s.Describe(ctx, "small", 10); err != nil || d.Lists != 0 || d.Features == nil || d.Trained != nil || d.Skew != nil {
		t.Errorf("of nothing: %+v, %v", d, err)
	}
	s.show(t, 30)
	if !s.Followed().Equal(s.now()) {
		t.Errorf("followed at %s, it is %s", s.Followed(), s.now())
	}
	var last []store.FeatureLog
	must(t, s.db.LatestFeatureLogs(ctx, "small", 20, func(l *store.FeatureLog) error { last = append(last, *l); return nil }))
	old := last[0]
	old.RequestID, old.Version = "old", "another"
	must(t, s.db.AppendFeatureLogs(ctx, []store.FeatureLog{old}))

	d, err := s.Describe(ctx, "small", 21)
	must(t, err)
	refs := s.Plan().Sets()["small"].Features
	if d.Lists != 20 || d.Version != last[0].Version || !d.From.Equal(last[19].Time) || !d.To.Equal(last[0].Time) || len(d.Features) != len(refs) {
		t.Errorf("of the last 20 of 30: %d lists of version %s, %s to %s", d.Lists, d.Version, d.From, d.To)
	}
	views := slices.IndexFunc(d.Features, func(f featurestore.DescribedFeature) bool { return f.Ref == "user:views_7d" })
	if f := d.Features[views]; f.PSI != nil || f.Rows < 20 || f.Mean <= 0 {
		t.Errorf("without a training set: %+v", f)
	}

	labels, err := s.ShownLabels(ctx, s.db, store.EventRange{From: last[19].Time}, nil)
	must(t, err)
	summaries, err := s.TrainingSet(ctx, refs, labels, (&gather{rows: map[string]map[string]any{}}).write)
	must(t, err)
	trained := summaries.Statistics("small", "v1", s.now())
	for i := range trained.Features { // as if none had been known
		if f := &trained.Features[i]; f.Ref == "user_item:recency" {
			*f = feature.Summary{Ref: f.Ref, Type: feature.Number, Rows: 10, Edges: []float64{-1}, Bins: []int64{10, 0, 0}}
		}
	}
	must(t, featurestore.SaveStatistics(folder, &trained))
	_, err = s.Skew(ctx, s.db, "small", store.EventRange{}, 5)
	must(t, err)
	d, err = s.Describe(ctx, "small", 21)
	must(t, err)
	if d.Trained == nil || d.Trained.Version != "v1" || d.Skew == nil || d.Skew.Lists != 5 || d.Skew.Different != 0 {
		t.Errorf("trained %+v, skew %+v", d.Trained, d.Skew)
	}
	for _, f := range d.Features {
		if f.PSI == nil || (f.Ref == "user_item:recency") != (*f.PSI > .25) {
			t.Errorf("%s: PSI %v", f.Ref, f.PSI)
		}
	}
	if _, err := s.Describe(ctx, "none", 1); kindred.KindOf(err) != kindred.NotFound {
		t.Errorf("of no set: %v", err)
	}
}
