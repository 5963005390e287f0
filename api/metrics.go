package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// requestMetrics counts and times requests, by route and never by user.
type requestMetrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	page     http.Handler
}

func newRequestMetrics(registry *prometheus.Registry) (*requestMetrics, error) {
	m := &requestMetrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kindred_api_requests_total", Help: "Requests answered, by route and status.",
		}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kindred_api_request_seconds", Help: "Time to answer a request, by route.",
			Buckets: prometheus.ExponentialBuckets(50e-6, 2, 16), // 50 µs to 1.6 s
		}, []string{"route"}),
		page: promhttp.HandlerFor(registry, promhttp.HandlerOpts{}),
	}
	for _, instrument := range []prometheus.Collector{m.requests, m.seconds} {
		if err := registry.Register(instrument); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *requestMetrics) note(route string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(route).Observe(took.Seconds())
}

func (s *Server) getMetrics(w *recorder, r *http.Request) error {
	s.metrics.page.ServeHTTP(w, r)
	return nil
}
