package api

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"kindred"
	"kindred/clean"
	"kindred/store"
)

// Cleaning judges events.
type Cleaning interface {
	Status(ctx context.Context) (clean.Status, error)
	Rerun(ctx context.Context) (clean.Generation, error)
}

// Quarantine is where events and their verdicts are kept.
type Quarantine interface {
	VerdictCounts(ctx context.Context) (map[kindred.Verdict]int64, error)
	Quarantine(ctx context.Context, q store.QuarantineQuery, after int64, limit int) ([]store.Quarantined, int64, error)
	Release(ctx context.Context, q store.QuarantineQuery) (int64, error)
}

// Histories are told of users whose verdicts changed; nil stands for all.
type Histories interface {
	VerdictsChanged(users []kindred.UserID)
}

type cleaningBody struct {
	clean.Status
	Refused  []string         `json:"refused" doc:"Reasons that keep an event from training, metrics and histories."`
	Events   int64            `json:"events" doc:"All there are: accepted and refused."`
	Accepted int64            `json:"accepted"`
	Counts   map[string]int64 `json:"counts" doc:"Events by verdict, which is all its reasons; those without a reason are clean. The sum is events."`
	Reasons  map[string]int64 `json:"reasons" doc:"Events by reason; one with several counts for each."`
	At       time.Time        `json:"at" doc:"When it was counted."`
}

type runBody struct {
	Generation int64 `json:"generation" doc:"It goes live when all events are judged."`
}

type quarantineBody struct {
	Events []quarantinedBody `json:"events" doc:"In the order of arrival."`
	Next   int64             `json:"next,omitempty" doc:"Give this as after for the next page; absent on the last. A page looks at a bounded part of the log, so it may be short, or empty, with more to come."`
}

type quarantinedBody struct {
	Seq     int64          `json:"seq" doc:"Place in the log."`
	EventID string         `json:"event_id"`
	User    kindred.UserID `json:"user"`
	Item    kindred.ItemID `json:"item,omitempty"`
	Kind    kindred.Kind   `json:"kind"`
	Value   float64        `json:"value"`
	Time    time.Time      `json:"time"`
	Verdict []string       `json:"verdict"`
	Why     string         `json:"why,omitempty" doc:"What was found about the user, where that is the reason."`
}

type releaseFields struct {
	Reasons []string       `json:"reasons" doc:"To overrule."`
	User    kindred.UserID `json:"user,omitempty" maxLength:"256"`
	Item    kindred.ItemID `json:"item,omitempty" maxLength:"256"`
	From    *time.Time     `json:"from,omitempty" doc:"Inclusive."`
	To      *time.Time     `json:"to,omitempty" doc:"Exclusive."`
	Events  []string       `json:"events,omitempty" doc:"Event IDs, at most 10,000."`
}

type releasedBody struct {
	Released int64 `json:"released" doc:"Events."`
}

func (s *Server) cleaningRoutes() []route {
	moment := exampleTime()
	status := clean.Status{Rules: "1-0123456789ab", Settings: clean.Defaults(), Refused: kindred.AllReasons() &^ kindred.Informational, Generation: 1, Judged: 1000, End: 1000}
	return []route{
		{
			method: http.MethodGet, path: "/v1/cleaning", scope: ScopeAdmin, handle: s.getCleaning, tag: "Cleaning",
			summary: "What cleaning goes by and what it found",
			detail:  "Cleaning deletes nothing: it gives events reasons, and whoever reads them says which it refuses. Counting takes half a microsecond an event and is done again when it is old.",
			answers: []answer{{http.StatusOK, cleaningBody{
				Status: status, Refused: status.Refused.Reasons(), Events: 1000, Accepted: 950, At: moment,
				Counts: map[string]int64{"clean": 940, "bot": 50, "unknown_item": 10}, Reasons: map[string]int64{"bot": 50, "unknown_item": 10},
			}}},
		},
		{
			method: http.MethodPost, path: "/v1/cleaning/run", scope: ScopeAdmin, handle: s.runCleaning, tag: "Cleaning",
			summary: "Judge all events anew",
			detail:  "Beside the verdicts that are live, which stay until the new ones are complete. By the same rules it comes to the same.",
			answers: []answer{{http.StatusAccepted, runBody{2}}},
		},
		{
			method: http.MethodGet, path: "/v1/quarantine", scope: ScopeAdmin, handle: s.listQuarantine, tag: "Cleaning",
			summary: "Events by what was found about them",
			query: []param{
				{name: "reason", kind: "string", detail: "Any of these reasons, with commas between; every refused reason if absent.", example: "bot,misdated"},
				{name: "user", kind: "string", detail: "Only of this user.", example: "u42"},
				{name: "item", kind: "string", detail: "Only of this item.", example: "mug-red"},
				{name: "from", kind: "string", detail: "Only from this time on (RFC 3339).", example: "2026-01-01T00:00:00Z"},
				{name: "to", kind: "string", detail: "Only before this time.", example: "2026-02-01T00:00:00Z"},
				limitParam(maxPage),
				{name: "after", kind: "integer", detail: "Only events behind this place in the log.", example: 0},
			},
			answers: []answer{{http.StatusOK, quarantineBody{Events: []quarantinedBody{{
				Seq: 7, EventID: "e7", User: "u42", Item: "mug-red", Kind: kindred.View, Value: 1, Time: moment, Verdict: []string{"bot"}, Why: "240 events in a minute",
			}}}}},
		},
		{
			method: http.MethodPost, path: "/v1/quarantine/release", scope: ScopeAdmin, handle: s.releaseQuarantine, tag: "Cleaning",
			summary: "Overrule what was found",
			detail:  "For all events that match everything that is given; they count again, now and after any cleaning to come. Without item, times and events it also holds for what the users do from now on.",
			body:    releaseFields{Reasons: []string{"bot"}, User: "u42"}, answers: []answer{{http.StatusOK, releasedBody{120}}},
		},
	}
}

// counted are the events by verdict as they were at a time.
type counted struct {
	mu     sync.Mutex
	counts map[kindred.Verdict]int64
	at     time.Time
	took   time.Duration
}

// How old counts may be: some seconds, and longer where counting takes long.
const (
	countsAge   = 2 * time.Second
	countsShare = 20 // counting takes at most this part of the time
)

// verdictCounts returns the counts and when they were made.
func (s *Server) verdictCounts(ctx context.Context) (map[kindred.Verdict]int64, time.Time, error) {
	c := &s.counted
	c.mu.Lock()
	defer c.mu.Unlock()
	now := s.now()
	if c.counts != nil && now.Sub(c.at) < max(countsAge, countsShare*c.took) {
		return c.counts, c.at, nil
	}
	counts, err := s.deps.Quarantine.VerdictCounts(ctx)
	if err != nil {
		return nil, now, err
	}
	c.counts, c.at, c.took = counts, now.UTC(), s.now().Sub(now)
	return counts, c.at, nil
}

func (s *Server) getCleaning(w *recorder, r *http.Request) error {
	status, err := s.deps.Cleaning.Status(r.Context())
	if err != nil {
		return err
	}
	counts, at, err := s.verdictCounts(r.Context())
	if err != nil {
		return err
	}
	body := cleaningBody{Status: status, Refused: status.Refused.Reasons(), Counts: map[string]int64{}, Reasons: map[string]int64{}, At: at}
	for verdict, n := range counts {
		body.Events += n
		if !verdict.Has(status.Refused) {
			body.Accepted += n
		}
		if verdict == 0 {
			body.Counts["clean"] = n
			continue
		}
		body.Counts[verdict.String()] = n
		for reason := range verdict.Each() {
			body.Reasons[reason.String()] += n
		}
	}
	return answerJSON(w, http.StatusOK, body)
}

func (s *Server) runCleaning(w *recorder, r *http.Request) error {
	g, err := s.deps.Cleaning.Rerun(r.Context())
	if err != nil {
		return err
	}
	return answerJSON(w, http.StatusAccepted, runBody{g.ID})
}

func (s *Server) listQuarantine(w *recorder, r *http.Request) error {
	q, err := readQuery(r, "reason", "user", "item", "from", "to", "limit", "after")
	if err != nil {
		return err
	}
	limit, err := q.integer("limit", defaultPage, 1, maxPage)
	if err != nil {
		return err
	}
	after, err := q.integer("after", 0, 0, 1<<53)
	if err != nil {
		return err
	}
	ask, err := s.quarantineQuery(r.Context(), q)
	if err != nil {
		return err
	}
	page, next, err := s.deps.Quarantine.Quarantine(r.Context(), ask, int64(after), limit)
	if err != nil {
		return err
	}
	body := quarantineBody{Events: make([]quarantinedBody, len(page)), Next: next}
	for i := range page {
		e := &page[i].Event
		body.Events[i] = quarantinedBody{page[i].Seq, e.ID, e.User, e.Item, e.Kind, e.Value, e.Time, e.Verdict.Reasons(), page[i].Why}
	}
	return answerJSON(w, http.StatusOK, body)
}

// quarantineQuery reads which events are asked for.
func (s *Server) quarantineQuery(ctx context.Context, q query) (ask store.QuarantineQuery, err error) {
	if text, given := q["reason"]; given {
		if ask.Reasons, err = kindred.ParseVerdict(strings.Split(text, ",")...); err != nil {
			return ask, invalid("the query is not valid", fault{"query.reason", err.Error()})
		}
	} else {
		status, err := s.deps.Cleaning.Status(ctx)
		if err != nil {
			return ask, err
		}
		ask.Reasons = status.Refused
	}
	var texts [2]string
	for i, name := range []string{"user", "item"} {
		if texts[i], err = q.text(name); err != nil {
			return ask, err
		}
	}
	ask.User, ask.Item = kindred.UserID(texts[0]), kindred.ItemID(texts[1])
	if ask.From, err = q.moment("from"); err != nil {
		return ask, err
	}
	ask.To, err = q.moment("to")
	return ask, err
}

func (s *Server) releaseQuarantine(w *recorder, r *http.Request) error {
	var ask store.QuarantineQuery
	err := s.withBody(w, r, func(body []byte) error {
		in, names := newReader(body), [...]string{"reasons", "user", "item", "from", "to", "events"}
		var reasons []string
		in.fields(names[:], func(field int) {
			switch names[field] {
			case "reasons":
				reasons = in.strings(maxReasons)
			case "user":
				ask.User = kindred.UserID(in.id())
			case "item":
				ask.Item = kindred.ItemID(in.id())
			case "from":
				ask.From = in.time()
			case "to":
				ask.To = in.time()
			case "events":
				ask.IDs = in.strings(kindred.MaxBatch)
			}
		})
		return in.finish("release", func() (faults []kindred.FieldError) {
			var err error
			if ask.Reasons, err = kindred.ParseVerdict(reasons...); err != nil {
				faults = append(faults, kindred.FieldError{Field: "reasons", Message: err.Error()})
			} else if ask.Reasons&^kindred.Informational == 0 {
				faults = append(faults, kindred.FieldError{Field: "reasons", Message: "must name what is to be overruled; " + kindred.Informational.String() + " cannot be"})
			}
			return faults
		})
	})
	if err != nil {
		return err
	}
	released, err := s.deps.Quarantine.Release(r.Context(), ask)
	if err != nil {
		return err
	}
	s.deps.Histories.VerdictsChanged(nil)
	s.counted.forget()
	return answerJSON(w, http.StatusOK, releasedBody{released})
}

// maxReasons is how many reasons a request may name.
const maxReasons = 32

// forget makes the next look count again.
func (c *counted) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts = nil
}
