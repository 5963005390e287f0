package api

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"time"

	"kindred"
	"kindred/ingest"
)

// eventBody is an event as it stands in JSON. It documents and encodes;
// readEvent decodes the same by hand.
type eventBody struct {
	ID        string         `json:"event_id,omitempty" doc:"Makes a repeated delivery harmless. Generated if absent." example:"order-1001-line-1"`
	User      kindred.UserID `json:"user" maxLength:"256" example:"u42"`
	Item      kindred.ItemID `json:"item,omitempty" maxLength:"256" doc:"Needed for every kind but search." example:"mug-red"`
	Kind      kindred.Kind   `json:"kind" doc:"view, click, add_to_cart, purchase, refund, rating, like, dislike, play, search, impression, or a kind declared in kindred.yaml." example:"purchase"`
	Value     *float64       `json:"value,omitempty" doc:"Stars for a rating (needed), pieces for a purchase, seconds for a play; 1 if absent." example:"2"`
	Time      any            `json:"time,omitempty" doc:"RFC 3339 text, or unix seconds as a number; now if absent."`
	Session   string         `json:"session,omitempty" example:"s-7"`
	RequestID string         `json:"request_id,omitempty" doc:"The request_id of the recommendation that led here."`
	Position  int            `json:"position,omitempty" minimum:"0" doc:"1-based place in that list." example:"3"`
	Context   any            `json:"context,omitempty" doc:"Any JSON object, up to 8 kB."`
}

type batchBody struct {
	Events []eventBody `json:"events" minItems:"1" maxItems:"10000"`
}

type eventAnswer struct {
	ID     string `json:"event_id" example:"order-1001-line-1"`
	Status string `json:"status" enum:"accepted,duplicate,valid"`
}

type batchAnswer struct {
	Accepted   int         `json:"accepted"`
	Valid      int         `json:"valid,omitempty" doc:"With validate_only: rows that would be accepted."`
	Duplicates int         `json:"duplicates"`
	Rejected   int         `json:"rejected"`
	Results    []rowAnswer `json:"results"`
}

type rowAnswer struct {
	Index  int     `json:"index"`
	ID     string  `json:"event_id,omitempty"`
	Status string  `json:"status" enum:"accepted,duplicate,rejected,valid"`
	Errors []fault `json:"errors,omitempty"`
}

type eventsBody struct {
	Events []eventBody `json:"events"`
}

func (s *Server) eventRoutes() []route {
	two := 2.0
	example := eventBody{
		ID: "order-1001-line-1", User: "u42", Item: "mug-red", Kind: kindred.Purchase, Value: &two,
		Time: "2026-01-02T15:04:05Z", Session: "s-7",
	}
	return []route{
		{
			method: http.MethodPost, path: "/v1/events", scope: ScopeWrite, handle: s.postEvent, tag: "Events",
			summary: "Store an event",
			detail:  "Answers only after the event is durable. An event_id that is already stored changes nothing and is answered with status duplicate.",
			query:   []param{validateOnlyParam()},
			body:    example,
			answers: []answer{
				{http.StatusAccepted, eventAnswer{"order-1001-line-1", accepted}}, {http.StatusOK, eventAnswer{"order-1001-line-1", valid}},
			},
		},
		{
			method: http.MethodPost, path: "/v1/events/batch", scope: ScopeWrite, handle: s.postBatch, tag: "Events",
			summary: "Store up to 10,000 events",
			detail:  "Each row is accepted or rejected by itself; if all are rejected the answer is 422.",
			query:   []param{{name: "results", kind: "string", detail: "`rejected` leaves only the rejected rows in results.", example: "rejected"}, validateOnlyParam()},
			body:    batchBody{[]eventBody{example}},
			answers: []answer{
				{http.StatusAccepted, batchAnswer{Accepted: 1, Results: []rowAnswer{{ID: "order-1001-line-1", Status: accepted}}}},
				{http.StatusOK, batchAnswer{Valid: 1, Results: []rowAnswer{{ID: "order-1001-line-1", Status: valid}}}},
			},
		},
		{
			method: http.MethodGet, path: "/v1/users/{id}/events", scope: ScopeAdmin, handle: s.getEvents, tag: "Events",
			summary: "A user's last events, the newest first",
			query:   []param{limitParam(maxEventsPage)},
			answers: []answer{{http.StatusOK, eventsBody{[]eventBody{example}}}},
		},
	}
}

const maxEventsPage = 1000

func (s *Server) postEvent(w *recorder, r *http.Request) error {
	_, only, err := writeQuery(r)
	if err != nil {
		return err
	}
	var event kindred.Event
	err = s.withBody(w, r, func(body []byte) error {
		in := newReader(body)
		event = in.event()
		err := in.end()
		if err == nil && len(in.faults) > 0 {
			err = invalid("the event is not valid", located("", in.faults)...)
		}
		if !only {
			s.keepRefused(in, "", event.User)
		}
		return err
	})
	if err != nil {
		return err
	}
	if only {
		return s.answerValid(r.Context(), w, &event)
	}
	outcomes, err := s.deps.Events.Accept(r.Context(), []kindred.Event{event})
	if err != nil {
		return err
	}
	if outcomes[0].Status == ingest.Rejected {
		return invalid("the event is not valid", located("body.", outcomes[0].Faults)...)
	}
	return answerJSON(w, http.StatusAccepted, eventAnswer{outcomes[0].ID, statusName(outcomes[0].Status)})
}

func (s *Server) postBatch(w *recorder, r *http.Request) error {
	query, only, err := writeQuery(r, "results")
	if err != nil {
		return err
	}
	results := query["results"]
	if results != "" && results != "rejected" {
		return invalid("the query is not valid", fault{"query.results", "must be rejected, or be left out"})
	}
	var rows batch
	err = s.withBody(w, r, func(body []byte) (err error) {
		rows, err = readBatch(body)
		return err
	})
	if err != nil {
		return err
	}
	status := http.StatusAccepted
	switch {
	case only:
		if err := s.settleValid(r.Context(), &rows); err != nil {
			return err
		}
		status = http.StatusOK
	case len(rows.events) > 0:
		outcomes, err := s.deps.Events.Accept(r.Context(), rows.events)
		if err != nil {
			return err
		}
		rows.settle(outcomes)
	}
	if !only {
		for i := range rows.unread {
			rows.unread[i].Time = s.now()
			s.deps.Rejections.Reject(rows.unread[i])
		}
	}
	reply := rows.answer()
	if reply.Rejected == len(rows.results) {
		return rows.allRejected()
	}
	if results == "rejected" {
		reply.Results = slices.DeleteFunc(reply.Results, func(row rowAnswer) bool { return row.Status != rejected })
	}
	return answerJSON(w, status, reply)
}

// The words for what became of a row.
const (
	accepted  = "accepted"
	duplicate = "duplicate"
	rejected  = "rejected"
)

func statusName(status ingest.Status) string {
	switch status {
	case ingest.Accepted:
		return accepted
	case ingest.Duplicate:
		return duplicate
	default:
		return rejected
	}
}

// batch is a decoded batch: the rows that are events, and what became of all.
type batch struct {
	events  []kindred.Event
	places  []int // of events, in results
	results []rowAnswer
	unread  []kindred.Rejected // rows that are no events
}

// settle notes the outcomes of the events.
func (b *batch) settle(outcomes []ingest.Outcome) {
	for i, outcome := range outcomes {
		row := &b.results[b.places[i]]
		row.ID, row.Status = outcome.ID, statusName(outcome.Status)
		if outcome.Status == ingest.Rejected {
			row.Errors = located(fmt.Sprintf("body.events[%d].", row.Index), outcome.Faults)
		}
	}
}

func (b *batch) answer() batchAnswer {
	reply := batchAnswer{Results: b.results}
	for _, row := range b.results {
		switch row.Status {
		case accepted:
			reply.Accepted++
		case valid:
			reply.Valid++
		case duplicate:
			reply.Duplicates++
		default:
			reply.Rejected++
		}
	}
	return reply
}

func (b *batch) allRejected() error {
	var faults []fault
	for _, row := range b.results {
		faults = append(faults, row.Errors...)
	}
	return invalid("no row of the batch is valid; nothing was stored", faults...)
}

// bytesPerEvent is a guess at an event's size in JSON. It decides only how
// much room is made beforehand.
const bytesPerEvent = 100

// readBatch decodes a batch. A row with faults is a rejected row; a batch that
// is no batch is an error.
func readBatch(body []byte) (batch, error) {
	in := newReader(body)
	rows := min(len(body)/bytesPerEvent+1, kindred.MaxBatch)
	b := batch{events: make([]kindred.Event, 0, rows), places: make([]int, 0, rows), results: make([]rowAnswer, 0, rows)}
	names := [...]string{"events"}
	in.fields(names[:], func(int) {
		in.elements(kindred.MaxBatch, func(i int) {
			outer := in.takeFaults()
			in.space()
			start := in.pos
			event := in.event()
			row := rowAnswer{Index: i, Status: rejected}
			if faults := in.takeFaults(); faults != nil {
				row.ID, row.Errors = event.ID, located("", faults)
				f := refusal{row: in.data[start:in.pos], user: event.User, unread: faults}
				b.unread = append(b.unread, f.rejected(time.Time{}))
			} else {
				b.events, b.places = append(b.events, event), append(b.places, i)
			}
			b.results = append(b.results, row)
			in.faults = outer
		})
	})
	if err := in.end(); err != nil {
		return batch{}, err
	}
	faults := located("", in.faults)
	if len(faults) == 0 && len(b.results) == 0 {
		faults = []fault{{"body.events", "must hold at least one event"}}
	}
	if len(faults) > 0 {
		return batch{}, invalid("the batch is not valid; nothing was stored", faults...)
	}
	return b, nil
}

// event reads an event. What it leaves empty is for ingest to fill in or to
// refuse; a value that was not given is NaN, which JSON has not.
func (r *reader) event() kindred.Event {
	names := [...]string{
		"user", "item", "kind", "event_id", "value", "time", "session", "request_id", "position", "context",
	}
	e := kindred.Event{Value: math.NaN()}
	r.fields(names[:], func(field int) {
		switch names[field] {
		case "user":
			e.User = kindred.UserID(r.text())
		case "item":
			e.Item = kindred.ItemID(r.text())
		case "kind":
			e.Kind = internKind(r.textBytes())
		case "event_id":
			e.ID = r.text()
		case "value":
			e.Value = r.number()
		case "time":
			e.Time = r.time()
		case "session":
			e.Session = r.text()
		case "request_id":
			e.RequestID = r.text()
		case "position":
			e.Position = r.integer(0, math.MaxInt32)
		case "context":
			if r.peek() != '{' {
				r.wrongType("an object")
				return
			}
			e.Context = r.raw()
		}
	})
	return e
}

// internKind returns the kind without allocating for those that are known.
func internKind(name []byte) kindred.Kind {
	for _, kind := range [...]kindred.Kind{
		kindred.View, kindred.Click, kindred.AddToCart, kindred.Purchase, kindred.Refund, kindred.Rating,
		kindred.Like, kindred.Dislike, kindred.Play, kindred.Search, kindred.Impression,
	} {
		if string(kind) == string(name) {
			return kind
		}
	}
	return kindred.Kind(name)
}

// lastSecond is the end of the year 9999, the last that RFC 3339 can write.
const lastSecond = 253402300799

// time reads a moment, to the millisecond: RFC 3339, or unix seconds.
func (r *reader) time() time.Time {
	var t time.Time
	switch c := r.peek(); {
	case c == '"':
		if err := t.UnmarshalText(r.scanString()); err != nil && r.failure == nil {
			r.fault("must be a time as in RFC 3339 (2026-01-02T15:04:05Z), or unix seconds")
			return t
		}
	case c == '-' || c >= '0' && c <= '9':
		seconds := r.number()
		if math.Abs(seconds) > lastSecond {
			r.fault("is no time in seconds (are these milliseconds?)")
			return t
		}
		t = time.UnixMilli(int64(math.Round(seconds * 1000)))
	default:
		r.wrongType("a time such as 2026-01-02T15:04:05Z, or unix seconds")
		return t
	}
	if t = t.UTC().Truncate(time.Millisecond); t.IsZero() && r.failure == nil { // to ingest, that says that none was given
		r.fault("is before the first moment there is")
	}
	return t
}

func (s *Server) getEvents(w *recorder, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	query, err := readQuery(r, "limit")
	if err != nil {
		return err
	}
	limit, err := query.integer("limit", 50, 1, maxEventsPage)
	if err != nil {
		return err
	}
	events, err := s.deps.Users.UserEvents(r.Context(), kindred.UserID(id), limit)
	if err != nil {
		return err
	}
	body := eventsBody{make([]eventBody, len(events))}
	for i, e := range events {
		body.Events[i] = eventBody{
			ID: e.ID, User: e.User, Item: e.Item, Kind: e.Kind, Value: &events[i].Value, Time: e.Time,
			Session: e.Session, RequestID: e.RequestID, Position: e.Position,
		}
		if e.Context != nil {
			body.Events[i].Context = e.Context
		}
	}
	return answerJSON(w, http.StatusOK, body)
}
