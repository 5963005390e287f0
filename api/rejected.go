package api

import (
	"context"
	"net/http"
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
	Replay(ctx context.Context, rows ingest.ReplayStore, reason string, dry bool) (ingest.Replayed, error)
}

// Rejections takes rows that were refused before they came to ingest.
type Rejections interface {
	Reject(row kindred.Rejected)
}

// unreadable is the row of a batch that could not be read as an event.
func unreadable(row []byte, faults []kindred.FieldError) kindred.Rejected {
	kept := row[:min(len(row), kindred.MaxRejectedRow)]
	return kindred.Rejected{
		Source: "api", Reason: "unreadable", Detail: faults[0].Field + ": " + faults[0].Message,
		Raw: string(kept), Cut: len(kept) < len(row),
	}
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
}

func (s *Server) rejectedRoutes() []route {
	return []route{
		{
			method: http.MethodGet, path: "/v1/quarantine/rejected", scope: ScopeAdmin, handle: s.listRejected, tag: "Cleaning",
			summary: "Rows that never became events, items or users",
			detail:  "What requests and imports had refused. Rows of requests appear within a second or two; of items and users, those of imports.",
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
			detail:  "By the rules there are now, for example after a kind has been declared. Events that pass are stored once, however often this is called, and their rows are removed; the others are kept with their reason of now.",
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
		in, names := newReader(body), [...]string{"reason", "dry_run"}
		in.fields(names[:], func(field int) {
			switch names[field] {
			case "reason":
				ask.Reason = in.text()
			case "dry_run":
				ask.DryRun = in.boolean()
			}
		})
		return in.finish("replay", func() []kindred.FieldError { return nil })
	})
	if err != nil {
		return err
	}
	done, err := s.deps.Replayer.Replay(r.Context(), s.deps.Rejected, ask.Reason, ask.DryRun)
	if err != nil {
		return err
	}
	s.counted.forget()
	return answerJSON(w, http.StatusOK, done)
}
