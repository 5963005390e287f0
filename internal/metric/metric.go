// Package metric holds the counters and timings of a running server, as
// Prometheus instruments on a registry of their own. Labels are bounded: no
// identifier of a client ever becomes one.
package metric

import "github.com/prometheus/client_golang/prometheus"

// Metrics are all instruments. Safe for concurrent use.
type Metrics struct {
	Registry *prometheus.Registry
	// IngestEvents counts events by outcome: accepted, duplicate, rejected.
	IngestEvents *prometheus.CounterVec
}

// New returns instruments on a new registry.
func New() *Metrics {
	m := &Metrics{
		Registry: prometheus.NewRegistry(),
		IngestEvents: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kindred_ingest_events_total", Help: "Events taken in, by outcome.",
		}, []string{"outcome"}),
	}
	m.Registry.MustRegister(m.IngestEvents)
	return m
}
