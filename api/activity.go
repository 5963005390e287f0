package api

import (
	"math"
	"net/http"
	"sync"
	"time"

	"kindred"
)

// What an Activity remembers.
const (
	activitySeconds = 120 // shown; one more is kept, the present one
	activityEvents  = 20
	rateSeconds     = 10 // rates are means over this many whole seconds

	// Latencies are counted in buckets that grow by 2^(1/4), from 10 µs to
	// 10 s: percentiles are exact to 19 %, in 320 bytes a second.
	latencyBuckets = 80
	bucketsPerTwo  = 4
	firstBucket    = 10 * time.Microsecond
)

// Activity is what has been going on lately, second by second: the data
// behind the overview page. It is an ingest.Observer. Every note takes one
// lock for some tens of nanoseconds.
type Activity struct {
	now func() time.Time

	mu              sync.Mutex
	seconds         [activitySeconds + 1]second // by unix second modulo their number
	recent          [activityEvents]kindred.Event
	events          int64 // ever; also the place of the next one in recent
	recommendations int64
	errors          int64
}

type second struct {
	unix            int64
	recommendations int
	events          int
	latency         [latencyBuckets]uint32
}

// NewActivity returns an empty Activity that reads the clock from now.
func NewActivity(now func() time.Time) *Activity { return &Activity{now: now} }

// Observe notes events that have been stored.
func (a *Activity) Observe(events []kindred.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.second().events += len(events)
	a.events += int64(max(0, len(events)-activityEvents))
	for _, e := range events[max(0, len(events)-activityEvents):] {
		e.Context = nil // may be large, and is not shown
		a.recent[a.events%activityEvents] = e
		a.events++
	}
}

// request notes an answered request to a route with that tag. Errors are the
// server's own (5xx).
func (a *Activity) request(tag string, status int, took time.Duration) {
	isRecommendation := tag == tagRecommendations
	if !isRecommendation && status < http.StatusInternalServerError {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if status >= http.StatusInternalServerError {
		a.errors++
	}
	if isRecommendation && status == http.StatusOK {
		a.recommendations++
		now := a.second()
		now.recommendations++
		now.latency[bucketOf(took)]++
	}
}

// second returns the counts of the present second. mu must be held.
func (a *Activity) second() *second {
	unix := a.now().Unix()
	s := &a.seconds[unix%int64(len(a.seconds))]
	if s.unix != unix {
		*s = second{unix: unix}
	}
	return s
}

func bucketOf(took time.Duration) int {
	if took <= firstBucket {
		return 0
	}
	return min(latencyBuckets-1, int(math.Log2(float64(took)/float64(firstBucket))*bucketsPerTwo)+1)
}

// percentile returns, in milliseconds, the upper edge of the bucket in which
// the share q of the latencies is reached.
func percentile(counts *[latencyBuckets]uint32, q float64) float64 {
	total := uint32(0)
	for _, n := range counts {
		total += n
	}
	if total == 0 {
		return 0
	}
	rank, below := uint32(math.Ceil(q*float64(total))), uint32(0)
	edge := float64(firstBucket) / float64(time.Millisecond)
	for bucket, n := range counts {
		if below += n; below >= rank {
			edge *= math.Exp2(float64(bucket) / bucketsPerTwo)
			break
		}
	}
	return math.Round(edge*1000) / 1000
}

// requests summarises the window; the present second, not being over, is in
// no series and no rate.
func (a *Activity) requests() (requestsBody, seriesBody) {
	a.mu.Lock()
	defer a.mu.Unlock()
	last := a.now().Unix() - 1
	sum := requestsBody{RecommendationsTotal: a.recommendations, EventsTotal: a.events, ErrorsTotal: a.errors}
	var series seriesBody
	var all [latencyBuckets]uint32
	for unix := last - activitySeconds + 1; unix <= last; unix++ {
		s := &a.seconds[unix%int64(len(a.seconds))]
		if s.unix != unix {
			s = &second{}
		}
		series.Seconds = append(series.Seconds, unix)
		series.Recommendations = append(series.Recommendations, s.recommendations)
		series.Events = append(series.Events, s.events)
		series.P99 = append(series.P99, percentile(&s.latency, 0.99))
		for bucket, n := range s.latency {
			all[bucket] += n
		}
		if unix > last-rateSeconds {
			sum.RecommendationsPerSecond += float64(s.recommendations) / rateSeconds
			sum.EventsPerSecond += float64(s.events) / rateSeconds
		}
	}
	sum.Latency = latencyBody{percentile(&all, 0.5), percentile(&all, 0.95), percentile(&all, 0.99)}
	return sum, series
}

// lastEvents returns the last events, the newest first.
func (a *Activity) lastEvents() []kindred.Event {
	a.mu.Lock()
	defer a.mu.Unlock()
	var events []kindred.Event
	for i := range min(a.events, activityEvents) {
		if e := a.recent[(a.events-1-i)%activityEvents]; e.Kind != "" {
			events = append(events, e)
		}
	}
	return events
}

// forget blots out an erased user's events.
func (a *Activity) forget(user kindred.UserID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.recent {
		if a.recent[i].User == user {
			a.recent[i] = kindred.Event{}
		}
	}
}
