package engine

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"kindred/check"
	"kindred/internal/metric"
)

// firstCheck is how long after the start the first report is made, so that it
// is out of the way of the first requests.
const firstCheck = time.Minute

// checker keeps the last report on the data of a running server. It makes a
// new one when it is asked for and every so often, one at a time, in the
// background.
type checker struct {
	make    func(context.Context) (check.Report, error)
	every   time.Duration // 0: only when asked for
	metrics *metric.Metrics
	log     *slog.Logger
	wanted  chan struct{}

	mu      sync.Mutex
	last    *check.Report // never changed once it is here
	pending bool          // one is being made, or asked for
}

func newChecker(e *Engine, metrics *metric.Metrics) *checker {
	return &checker{make: e.Check, every: e.Config.CheckEvery, metrics: metrics, log: e.log, wanted: make(chan struct{}, 1)}
}

// LastReport returns the last report, nil before the first, and whether a
// newer one is on its way.
func (c *checker) LastReport() (report *check.Report, pending bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last, c.pending
}

// RequestReport asks for a new report. It returns at once.
func (c *checker) RequestReport() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending = true
	select {
	case c.wanted <- struct{}{}:
	default: // somebody has asked already
	}
}

// run makes reports until ctx ends.
func (c *checker) run(ctx context.Context) error {
	due := time.NewTimer(firstCheck)
	defer due.Stop()
	if c.every == 0 {
		due.Stop()
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.wanted:
		case <-due.C:
			due.Reset(c.every)
		}
		report, err := c.make(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.mu.Lock()
		c.pending = len(c.wanted) > 0
		if err == nil {
			c.last = &report
		}
		c.mu.Unlock()
		if err != nil {
			c.log.Error("the data could not be checked", "err", err)
			continue
		}
		c.publish(&report)
	}
}

// publish sets the metrics from a report.
func (c *checker) publish(report *check.Report) {
	c.metrics.CheckStatus.Reset()
	for _, list := range [][]check.Result{report.Results, report.Expectations} {
		for i := range list {
			c.metrics.CheckStatus.WithLabelValues(list[i].Name, string(list[i].Status)).Set(1)
		}
	}
	for _, status := range []check.Status{check.Error, check.Warning, check.Info, check.OK, check.Skipped} {
		c.metrics.Checks.WithLabelValues(string(status)).Set(float64(report.Summary[status]))
	}
	c.metrics.CheckTime.Set(float64(report.At.Unix()))
}
