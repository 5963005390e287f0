package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"kindred"
	"kindred/ingest"
	"kindred/store"
)

// RejectedRows is where rows are kept that were refused.
type RejectedRows interface {
	Rejected(ctx context.Context, q store.RejectedQuery) ([]kindred.Rejected, error)
	RejectedCounts(ctx context.Context) (counts map[string]int64, dropped int64, err error)
	ingest.ReplayStore
}

// Replayer judges rejected rows again.
type Replayer interface {
	Replay(ctx context.Context, rows ingest.ReplayStore, q ingest.ReplayQuery) (ingest.Replayed, error)
}

// Rejections takes rows that were refused before they came to ingest.
type Rejections interface {
	Reject(row kindred.Rejected)
	// Flush makes what was rejected be stored.
	Flush(ctx context.Context)
}

// refusal is a row of a request that could not be read, or was not valid.
type refusal struct {
	row    []byte // as it came; lent
	user   kindred.UserID
	unread []kindred.FieldError // what could not be read
	unfit  []kindred.FieldError // what was not valid, of a row that was read
}

func (f *refusal) rejected(now time.Time) kindred.Rejected {
	kept := f.row[:min(len(f.row), kindred.MaxRejectedRow)]
	row := kindred.Rejected{Time: now, Source: "api", Reason: "unreadable", Raw: string(kept), Cut: len(kept) < len(f.row), User: f.user}
	fault := slices.Concat(f.unread, f.unfit)[0]
	if len(f.unread) == 0 {
		row.Reason = ingest.Reason(fault.Field)
	}
	row.Detail = fault.Field + ": " + fault.Message
	return row
}

// keepRefused keeps the one row of a body, if it is refused. name is what the
// path calls it, where the body does not.
func (s *Server) keepRefused(in *reader, name string, user kindred.UserID) {
	f := refusal{in.data, user, in.faults, in.unfit}
	if in.failure != nil {
		f.unread = []kindred.FieldError{{Field: in.failure.location, Message: in.failure.Error()}}
	}
	if len(f.unread)+len(f.unfit) == 0 {
		return
	}
	row := f.rejected(s.now())
	if name != "" {
		row.Detail = fmt.Sprintf("%q: %s", name, row.Detail)
	}
	s.deps.Rejections.Reject(row)
}

// keepRows keeps the refused rows of a batch.
func (s *Server) keepRows(refused []refusal) {
	for i := range refused {
		s.deps.Rejections.Reject(refused[i].rejected(s.now()))
	}
}

// ignoreRows is for batches that are only validated.
func ignoreRows([]refusal) {}

// userOf returns whose row it is; empty if it is no user's.
func userOf(row any) kindred.UserID {
	if user, ok := row.(kindred.User); ok {
		return user.ID
	}
	return ""
}

type rejectedListBody struct {
	Counts  map[string]int64 `json:"counts" doc:"Rows kept, by reason."`
	Dropped int64            `json:"dropped" doc:"Rows that had to make way: at most 100,000 rows and 64 MB are kept."`
	Rows    []rejectedBody   `json:"rows" doc:"The oldest first."`
	Next    int64            `json:"next,omitempty" doc:"Give this as after for the next page; absent on the last."`
}

type rejectedBody struct {
	ID         int64     `json:"id"`
	Time       time.Time `json:"time" doc:"When it was refused."`
	Source     string    `json:"source" doc:"api, or a file and line."`
	Reason     string    `json:"reason"`
	Detail     string    `json:"detail"`
	Raw        string    `json:"raw" doc:"The row as it came, or the event that was read from it."`
	Cut        bool      `json:"cut" doc:"It was longer than what is kept."`
	Replayable bool      `json:"replayable" doc:"It was read as an event, and can be judged again."`
}

type replayFields struct {
	Reason string `json:"reason,omitempty" doc:"Only rows with this reason; any if absent."`
	DryRun bool   `json:"dry_run,omitempty" doc:"Only say what would become of them."`
	Limit  int    `json:"limit,omitempty" minimum:"1" maximum:"10000" doc:"At most so many rows; 10,000 if absent."`
	After  int64  `json:"after,omitempty" doc:"Only rows behind this ID: next of the answer before."`
}

func (s *Server) rejectedRoutes() []route {
	return []route{
		{
			method: http.MethodGet, path: "/v1/quarantine/rejected", scope: ScopeAdmin, handle: s.listRejected, tag: "Cleaning",
			summary: "Rows that never became events, items or users",
			detail:  "What requests and imports had refused. Rows of requests appear within a second or two.",
			query: []param{
				{name: "reason", kind: "string", detail: "Only with this reason.", example: "invalid_kind"},
				{name: "source", kind: "string", detail: "Only from here: api, or a file and line.", example: rejectedExampleSource},
				limitParam(maxPage),
				{name: "after", kind: "integer", detail: "Only rows with a greater ID.", example: 0},
			},
			answers: []answer{{http.StatusOK, rejectedListBody{
				Counts: map[string]int64{"invalid_kind": 12}, Rows: []rejectedBody{{
					ID: 3, Time: exampleTime(), Source: rejectedExampleSource, Reason: "invalid_kind",
					Detail: `kind: "loan" is not declared (add it to kinds: in kindred.yaml)`, Raw: `u42,mug-red,loan`, Replayable: true,
				}},
			}}},
		},
		{
			method: http.MethodPost, path: "/v1/quarantine/replay", scope: ScopeAdmin, handle: s.replayRejected, tag: "Cleaning",
			summary: "Judge rejected rows again",
			detail:  "By the rules there are now, for example after a kind has been declared. Events that pass are stored once, however often this is called, and their rows are removed; the others are kept with their reason of now. If the answer has next, there may be more rows: ask again with it as after.",
			body:    replayFields{Reason: "invalid_kind"},
			answers: []answer{{http.StatusOK, ingest.Replayed{Rows: 12, Stored: 10, Rejected: 1, NotReplayable: 1}}},
		},
	}
}

const rejectedExampleSource = "orders.csv:7"

func (s *Server) listRejected(w *recorder, r *http.Request) error {
	q, err := readQuery(r, "reason", "source", "limit", "after")
	if err != nil {
		return err
	}
	var ask store.RejectedQuery
	if ask.Reason, err = q.text("reason"); err != nil {
		return err
	}
	if ask.Limit, err = q.integer("limit", defaultPage, 1, maxPage); err != nil {
		return err
	}
	after, err := q.integer("after", 0, 0, 1<<53)
	if err != nil {
		return err
	}
	ask.Source, ask.After = q["source"], int64(after)
	rows, err := s.deps.Rejected.Rejected(r.Context(), ask)
	if err != nil {
		return err
	}
	body := rejectedListBody{Rows: make([]rejectedBody, len(rows))}
	if body.Counts, body.Dropped, err = s.deps.Rejected.RejectedCounts(r.Context()); err != nil {
		return err
	}
	for i := range rows {
		row := &rows[i]
		body.Rows[i] = rejectedBody{row.ID, row.Time, row.Source, row.Reason, row.Detail, row.Text(), row.Cut, row.Event != nil}
	}
	if len(rows) == ask.Limit {
		body.Next = rows[len(rows)-1].ID
	}
	return answerJSON(w, http.StatusOK, body)
}

func (s *Server) replayRejected(w *recorder, r *http.Request) error {
	var ask replayFields
	err := s.withBody(w, r, func(body []byte) error {
		in, names := newReader(body), [...]string{"reason", "dry_run", "limit", "after"}
		ask.Limit = kindred.MaxBatch
		in.fields(names[:], func(field int) {
			switch names[field] {
			case "reason":
				ask.Reason = in.text()
			case "dry_run":
				ask.DryRun = in.boolean()
			case "limit":
				ask.Limit = in.integer(1, kindred.MaxBatch)
			case "after":
				ask.After = int64(in.integer(0, 1<<53))
			}
		})
		return in.finish("replay", func() []kindred.FieldError { return nil })
	})
	if err != nil {
		return err
	}
	done, err := s.deps.Replayer.Replay(r.Context(), s.deps.Rejected, ingest.ReplayQuery{Reason: ask.Reason, Dry: ask.DryRun, Limit: int64(ask.Limit), After: ask.After})
	if err != nil {
		return err
	}
	s.counted.forget()
	return answerJSON(w, http.StatusOK, done)
}
