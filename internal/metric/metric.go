// Package metric holds the counters and timings of a running server, as
// Prometheus instruments on a registry of their own; api adds those of HTTP.
// Labels are bounded: no identifier of a client ever becomes one.
package metric

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Metrics are all instruments. Safe for concurrent use.
type Metrics struct {
	Registry *prometheus.Registry
	// IngestEvents counts events by outcome: accepted, duplicate, rejected.
	IngestEvents *prometheus.CounterVec
	// RowsRejected counts rows refused by reason, as kept for a look;
	// RejectedDropped those that could not be kept: too many at once.
	RowsRejected    *prometheus.CounterVec
	RejectedDropped prometheus.Counter
	// Verdicts counts the marks that cleaning made as events came, by reason;
	// FlaggedUsers the users whose events all have one.
	Verdicts, FlaggedUsers *prometheus.CounterVec
	// Lists counts answered lists by what was asked: user, session, similar,
	// popular, trending.
	Lists *prometheus.CounterVec
	// ListItems counts recommended items by the source that proposed them.
	ListItems *prometheus.CounterVec
	// ListSeconds is how long a list takes, HTTP left out.
	ListSeconds prometheus.Histogram
	// ExposuresDropped counts shown lists that could not be logged because
	// the log was too far behind.
	ExposuresDropped prometheus.Counter
	// ReloadFailures counts attempts to put a model version live that failed;
	// the former one went on serving.
	ReloadFailures prometheus.Counter
	// CatalogueItems is how many items there are by state: available,
	// unavailable, deleted, and unknown, which a live model learned of but the
	// catalogue does not hold; CatalogueGroups how many groups of variants; Aliases
	// how many IDs are merged into users.
	CatalogueItems           *prometheus.GaugeVec
	CatalogueGroups, Aliases prometheus.Gauge
	// FeatureValues counts feature values read online, and FeatureSeconds is
	// how long a read takes, HTTP left out.
	FeatureValues  prometheus.Counter
	FeatureSeconds prometheus.Histogram
	// FeatureEntities is how many users, items and sessions there are
	// features of; FeatureFollowed when they last caught up with the log, in
	// unix seconds.
	FeatureEntities *prometheus.GaugeVec
	FeatureFollowed prometheus.Gauge
	// FeatureChanges counts events that features counted and no longer do, or
	// now do, because something became known of them, by what became of them:
	// retracted, counted, inexact. FeatureBuilds counts how often features were
	// computed from the whole log.
	FeatureChanges *prometheus.CounterVec
	FeatureBuilds  prometheus.Counter
	// FeatureLogsDropped counts shown lists whose features could not be kept.
	FeatureLogsDropped prometheus.Counter
	// FeatureSkew counts logged values that were computed again, by outcome:
	// equal, different.
	FeatureSkew *prometheus.CounterVec
	// Checks is how many checks of the data came out in each status.
	Checks *prometheus.GaugeVec
	// CheckStatus is 1 for each check with the status it came out in.
	CheckStatus *prometheus.GaugeVec
	// CheckTime is when the data were checked last, in unix seconds.
	CheckTime prometheus.Gauge
}

// New returns instruments on a new registry, which also holds those of the Go
// runtime and the process.
func New() *Metrics {
	m := &Metrics{
		Registry:        prometheus.NewRegistry(),
		IngestEvents:    counters("ingest_events_total", "Events taken in, by outcome.", "outcome"),
		RowsRejected:    counters("ingest_rejected_rows_total", "Rows that requests had refused, by reason.", "reason"),
		RejectedDropped: counter("ingest_rejected_rows_dropped_total", "Rejected rows that were not kept because too many came at once."),
		Verdicts:        counters("cleaning_marks_total", "Events marked by cleaning, by reason.", "reason"),
		FlaggedUsers:    counters("cleaning_flagged_users_total", "Users all of whose events are marked, by reason.", "reason"),
		Lists:           counters("recommend_lists_total", "Lists answered, by what was asked.", "asked"),
		ListItems:       counters("recommend_items_total", "Items recommended, by the source that proposed them.", "source"),
		ListSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: prefix + "recommend_list_seconds", Help: "Time to make a list, HTTP left out.", Buckets: buckets(),
		}),
		ExposuresDropped: counter("recommend_exposures_dropped_total", "Shown lists not logged because the log was behind."),
		ReloadFailures:   counter("recommend_reload_failures_total", "Model versions that could not be put live."),
		CatalogueItems:   gauges("catalogue_items", "Items by state.", "state"),
		CatalogueGroups:  gauge("catalogue_groups", "Groups of variants."),
		Aliases:          gauge("users_aliases", "IDs merged into users."),
		FeatureValues:    counter("feature_values_total", "Feature values read online."),
		FeatureSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: prefix + "feature_read_seconds", Help: "Time to read features, HTTP left out.", Buckets: append([]float64{5e-6, 2e-5}, buckets()...),
		}),
		FeatureEntities: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: prefix + "feature_entities", Help: "Users, items and sessions that there are features of.",
		}, []string{"entity"}),
		FeatureFollowed:    gauge("feature_followed_timestamp_seconds", "When the features last caught up with the log."),
		FeatureChanges:     counters("feature_changed_events_total", "Events that features counted and no longer do, or now do, by which.", "outcome"),
		FeatureBuilds:      counter("feature_builds_total", "Times that features were computed from the whole log."),
		FeatureLogsDropped: counter("feature_logs_dropped_total", "Shown lists whose features were not kept."),
		FeatureSkew:        counters("feature_skew_total", "Logged feature values computed again, by outcome.", "outcome"),

		Checks:      gauges("check_results", "Checks of the data, by the status they came out in.", "status"),
		CheckStatus: gauges("check_status", "1 for each check of the data, with the status it came out in.", "check", "status"),
		CheckTime:   gauge("check_timestamp_seconds", "When the data were checked last, in unix seconds."),
	}
	m.Registry.MustRegister(
		m.IngestEvents, m.RowsRejected, m.RejectedDropped, m.Verdicts, m.FlaggedUsers, m.Lists, m.ListItems, m.ListSeconds, m.ExposuresDropped, m.ReloadFailures,
		m.CatalogueItems, m.CatalogueGroups, m.Aliases,
		m.FeatureValues, m.FeatureSeconds, m.FeatureEntities, m.FeatureFollowed, m.FeatureChanges, m.FeatureBuilds, m.FeatureLogsDropped, m.FeatureSkew,
		m.Checks, m.CheckStatus, m.CheckTime,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

const prefix = "kindred_"

// buckets reach from 50 microseconds to 5 seconds.
func buckets() []float64 {
	return []float64{5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, .01, .02, .05, .1, .2, .5, 1, 5}
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: prefix + name, Help: help})
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Name: prefix + name, Help: help})
}

func gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: prefix + name, Help: help}, labels)
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + name, Help: help}, labels)
}
