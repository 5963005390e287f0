package metric

import (
	"regexp"
	"testing"
)

// TestMetrics expects every instrument to be registered, named by the rule and
// labelled by what is bounded, and two sets not to share anything.
func TestMetrics(t *testing.T) {
	m, other := New(), New()
	m.IngestEvents.WithLabelValues("accepted").Add(2)
	m.RowsRejected.WithLabelValues("invalid_kind").Add(3)
	m.RejectedDropped.Inc()
	m.Lists.WithLabelValues("user").Inc()
	m.ListItems.WithLabelValues("ials").Add(10)
	m.ListSeconds.Observe(120e-6)
	m.ExposuresDropped.Inc()
	m.ReloadFailures.Inc()
	m.CatalogueItems.WithLabelValues("available").Set(5)
	m.CatalogueGroups.Set(2)
	m.Aliases.Set(3)
	m.FeatureValues.Add(50)
	m.FeatureSeconds.Observe(30e-6)
	m.FeatureEntities.WithLabelValues("user").Set(7)
	m.FeatureFollowed.Set(1.7e9)
	m.FeatureChanges.WithLabelValues("retracted").Inc()
	m.FeatureBuilds.Inc()
	m.FeatureLogsDropped.Inc()
	m.FeatureSkew.WithLabelValues("equal").Inc()
	m.Checks.WithLabelValues("ok").Set(70)
	families, err := m.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	own := regexp.MustCompile(`^kindred_(ingest|recommend|feature)_[a-z_]+_(total|seconds)$|^kindred_(feature_entities|catalogue_items|catalogue_groups|users_aliases)$|^kindred_check_(results|status|timestamp_seconds)$`)
	foreign := regexp.MustCompile(`^(go|process)_`)
	found := map[string]float64{}
	for _, f := range families {
		if foreign.MatchString(f.GetName()) {
			continue
		}
		if !own.MatchString(f.GetName()) || f.GetHelp() == "" {
			t.Errorf("%q: %q", f.GetName(), f.GetHelp())
		}
		for _, x := range f.GetMetric() {
			found[f.GetName()] += x.GetCounter().GetValue() + float64(x.GetHistogram().GetSampleCount()) + x.GetGauge().GetValue()
			if len(x.GetLabel()) > 1 {
				t.Errorf("%q has labels %v", f.GetName(), x.GetLabel())
			}
		}
	}
	for name, want := range map[string]float64{
		"kindred_ingest_events_total": 2, "kindred_ingest_rejected_rows_total": 3, "kindred_ingest_rejected_rows_dropped_total": 1, "kindred_recommend_lists_total": 1, "kindred_recommend_items_total": 10,
		"kindred_recommend_list_seconds": 1, "kindred_recommend_exposures_dropped_total": 1, "kindred_recommend_reload_failures_total": 1,
		"kindred_feature_values_total": 50, "kindred_feature_read_seconds": 1, "kindred_feature_entities": 7,
		"kindred_feature_followed_timestamp_seconds": 1.7e9, "kindred_feature_logs_dropped_total": 1, "kindred_feature_skew_total": 1,
		"kindred_check_results": 70, "kindred_catalogue_items": 5, "kindred_catalogue_groups": 2, "kindred_users_aliases": 3,
	} {
		if found[name] != want {
			t.Errorf("%s is %v, want %v", name, found[name], want)
		}
	}
	families, err = other.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, x := range f.GetMetric() {
			if own.MatchString(f.GetName()) && x.GetCounter().GetValue()+x.GetGauge().GetValue() != 0 {
				t.Errorf("%s of another set counts along", f.GetName())
			}
		}
	}
}
