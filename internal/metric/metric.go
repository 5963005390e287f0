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
}

// New returns instruments on a new registry, which also holds those of the Go
// runtime and the process.
func New() *Metrics {
	m := &Metrics{
		Registry:     prometheus.NewRegistry(),
		IngestEvents: counters("ingest_events_total", "Events taken in, by outcome.", "outcome"),
		Lists:        counters("recommend_lists_total", "Lists answered, by what was asked.", "asked"),
		ListItems:    counters("recommend_items_total", "Items recommended, by the source that proposed them.", "source"),
		ListSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: prefix + "recommend_list_seconds", Help: "Time to make a list, HTTP left out.", Buckets: buckets(),
		}),
		ExposuresDropped: counter("recommend_exposures_dropped_total", "Shown lists not logged because the log was behind."),
		ReloadFailures:   counter("recommend_reload_failures_total", "Model versions that could not be put live."),
	}
	m.Registry.MustRegister(
		m.IngestEvents, m.Lists, m.ListItems, m.ListSeconds, m.ExposuresDropped, m.ReloadFailures,
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

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + name, Help: help}, labels)
}
