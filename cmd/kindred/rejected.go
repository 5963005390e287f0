package main

import (
	"context"
	"strconv"
	"time"

	"kindred"
	"kindred/ingest"
	"kindred/store"
)

type quarantineRejectedCmd struct {
	Reason string `help:"Only rows with this reason."`
	Source string `help:"Only rows from here: api, or a file and line."`
	Limit  int    `help:"At most so many." default:"50"`
}

// rejectedLine is a line of the list.
type rejectedLine struct {
	ID         int64     `json:"id"`
	Time       time.Time `json:"time"`
	Source     string    `json:"source"`
	Reason     string    `json:"reason"`
	Detail     string    `json:"detail"`
	Raw        string    `json:"raw"`
	Cut        bool      `json:"cut"`
	Replayable bool      `json:"replayable"`
}

type rejectedList struct {
	Counts  map[string]int64 `json:"counts"`
	Dropped int64            `json:"dropped"`
	Rows    []rejectedLine   `json:"rows"`
}

func (c *quarantineRejectedCmd) Run(ctx context.Context, g *cli, out *output) (err error) {
	if c.Limit < 1 {
		return kindred.Errorf(kindred.Invalid, "--limit is at least 1, not %d", c.Limit)
	}
	e, err := openEngine(ctx, g, out)
	if err != nil {
		return err
	}
	defer closeEngine(e, &err)
	found, err := e.Store.Rejected(ctx, store.RejectedQuery{Reason: c.Reason, Source: c.Source, Limit: c.Limit})
	if err != nil {
		return err
	}
	list := rejectedList{Rows: make([]rejectedLine, len(found))}
	if list.Counts, list.Dropped, err = e.Store.RejectedCounts(ctx); err != nil {
		return err
	}
	rows := make([][]string, len(found))
	for i := range found {
		r := &found[i]
		list.Rows[i] = rejectedLine{r.ID, r.Time, r.Source, r.Reason, r.Detail, r.Text(), r.Cut, r.Event != nil}
		replayable := "no"
		if r.Event != nil {
			replayable = "yes"
		}
		rows[i] = []string{strconv.FormatInt(r.ID, 10), r.Time.Format(time.DateTime), r.Source, r.Reason, replayable, r.Detail}
	}
	return out.result(list, func() {
		if len(rows) == 0 {
			out.printf("there are no such rows\n")
			return
		}
		out.table([]string{"ROW", "TIME", "SOURCE", "REASON", "REPLAYABLE", "DETAIL"}, rows)
		if list.Dropped > 0 {
			out.printf("%s older rows had to make way\n", count(list.Dropped))
		}
	})
}

type quarantineReplayCmd struct {
	Reason string `help:"Only rows with this reason."`
	DryRun bool   `help:"Only say what would become of them."`
}

func (c *quarantineReplayCmd) Run(ctx context.Context, g *cli, out *output) (err error) {
	e, err := openEngine(ctx, g, out)
	if err != nil {
		return err
	}
	defer closeEngine(e, &err)
	done, err := e.Replay(ctx, ingest.ReplayQuery{Reason: c.Reason, Dry: c.DryRun})
	if err != nil {
		return err
	}
	stored := "stored"
	if c.DryRun {
		stored = "would be stored"
	}
	return out.result(done, func() {
		out.printf("%s rows: %s %s, %s were here already, %s still rejected, %s cannot be replayed\n",
			count(done.Rows), count(done.Stored), stored, count(done.Duplicates), count(done.Rejected), count(done.NotReplayable))
	})
}
