package main

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"kindred"
	"kindred/clean"
	"kindred/store"
)

type cleanCmd struct {
	Again  cleanAgainCmd  `cmd:"" default:"withargs" name:"run" help:"Judge all events anew, by the rules there are (the default)."`
	Status cleanStatusCmd `cmd:"" help:"Say what events are judged by, and what was found."`
}

type cleanAgainCmd struct {
	DryRun bool `help:"Only say which verdicts would change."`
}

func (c *cleanAgainCmd) Run(ctx context.Context, g *cli, out *output) (err error) {
	e, err := openEngine(ctx, g, out)
	if err != nil {
		return err
	}
	defer closeEngine(e, &err)
	status, err := e.CleaningStatus(ctx)
	if err != nil {
		return err
	}
	bar := out.progress("judging", status.End, "events")
	progress := func(done, _ int64) { bar.set(done) }
	if c.DryRun {
		changes, err := e.WouldChange(ctx, progress)
		bar.done()
		if err != nil {
			return err
		}
		return printChanges(out, changes)
	}
	err = e.Clean(ctx, progress)
	bar.done()
	if err != nil {
		return err
	}
	return printCleaning(ctx, e, out)
}

// change is how many events would have another verdict.
type change struct {
	Was    kindred.Verdict `json:"was"`
	Is     kindred.Verdict `json:"would_be"`
	Events int64           `json:"events"`
}

func printChanges(out *output, changes map[[2]kindred.Verdict]int64) error {
	list := make([]change, 0, len(changes))
	for pair, n := range changes {
		list = append(list, change{pair[0], pair[1], n})
	}
	slices.SortFunc(list, func(a, b change) int {
		return cmp.Or(cmp.Compare(b.Events, a.Events), cmp.Compare(a.Was, b.Was), cmp.Compare(a.Is, b.Is))
	})
	return out.result(list, func() {
		if len(list) == 0 {
			out.printf("no verdict would change\n")
			return
		}
		rows := make([][]string, len(list))
		for i, c := range list {
			rows[i] = []string{count(c.Events), verdictText(c.Was), verdictText(c.Is)}
		}
		out.table([]string{"EVENTS", "VERDICT", "WOULD BE"}, rows)
	})
}

func verdictText(v kindred.Verdict) string { return cmp.Or(v.String(), "clean") }

type cleanStatusCmd struct{}

func (c *cleanStatusCmd) Run(ctx context.Context, g *cli, out *output) (err error) {
	e, err := openEngine(ctx, g, out)
	if err != nil {
		return err
	}
	defer closeEngine(e, &err)
	return printCleaning(ctx, e, out)
}

// cleaner is what knows what was found.
type cleaner interface {
	CleaningStatus(ctx context.Context) (clean.Status, error)
	VerdictCounts(ctx context.Context) (map[kindred.Verdict]int64, error)
}

type cleaned struct {
	clean.Status
	Refused  kindred.Verdict  `json:"refused"`
	Events   int64            `json:"events"`
	Accepted int64            `json:"accepted"`
	Counts   map[string]int64 `json:"counts"` // by verdict
}

func printCleaning(ctx context.Context, e cleaner, out *output) error {
	status, err := e.CleaningStatus(ctx)
	if err != nil {
		return err
	}
	verdicts, err := e.VerdictCounts(ctx)
	if err != nil {
		return err
	}
	result := cleaned{Status: status, Refused: status.Refused, Counts: map[string]int64{}}
	var rows [][]string
	for _, v := range slices.Sorted(maps.Keys(verdicts)) {
		n, counts := verdicts[v], "counts"
		result.Counts[verdictText(v)] = n
		if result.Events += n; v.Has(status.Refused) {
			counts = "left out"
		} else {
			result.Accepted += n
		}
		rows = append(rows, []string{count(n), verdictText(v), counts})
	}
	return out.result(result, func() {
		out.printf("rules %s, generation %d, %s of %s events judged\n", status.Rules, status.Generation, count(min(status.Judged, status.End)), count(status.End))
		if status.Next != nil {
			out.printf("generation %d is in the making: %s judged\n", status.Next.Generation, count(status.Next.Judged))
		}
		out.printf("%s events: %s count, %s are left out\n\n", count(result.Events), count(result.Accepted), count(result.Events-result.Accepted))
		out.table([]string{"EVENTS", "VERDICT", ""}, rows)
	})
}

type quarantineCmd struct {
	List    quarantineListCmd    `cmd:"" default:"withargs" help:"List events by what was found about them (the default)."`
	Release quarantineReleaseCmd `cmd:"" help:"Overrule what was found, so that events count again."`

	Rejected quarantineRejectedCmd `cmd:"" help:"List rows that were refused and never became events, items or users."`
	Replay   quarantineReplayCmd   `cmd:"" help:"Judge refused rows again by the rules there are now, and store the events that pass."`
}

// quarantineFilter chooses events.
type quarantineFilter struct {
	User string    `help:"Only of this user."`
	Item string    `help:"Only of this item."`
	From time.Time `help:"Only from this time on." format:"2006-01-02"`
	To   time.Time `help:"Only before this time." format:"2006-01-02"`
	ID   []string  `help:"Only these events."`
}

func (f *quarantineFilter) query(reasons kindred.Verdict) store.QuarantineQuery {
	return store.QuarantineQuery{
		Reasons: reasons, User: kindred.UserID(f.User), Item: kindred.ItemID(f.Item), From: f.From, To: f.To, IDs: f.ID,
	}
}

type quarantineListCmd struct {
	quarantineFilter
	Reason []string `help:"Reasons to look for (default: all that keep events from counting)."`
	Limit  int      `help:"At most so many." default:"50"`
}

// quarantined is a line of the list.
type quarantined struct {
	ID      string          `json:"event_id"`
	User    kindred.UserID  `json:"user"`
	Item    kindred.ItemID  `json:"item"`
	Kind    kindred.Kind    `json:"kind"`
	Time    time.Time       `json:"time"`
	Verdict kindred.Verdict `json:"verdict"`
	Why     string          `json:"why,omitempty"`
}

func (c *quarantineListCmd) Run(ctx context.Context, g *cli, out *output) (err error) {
	reasons, err := kindred.ParseVerdict(c.Reason...)
	if err != nil {
		return err
	}
	if c.Limit < 1 {
		return kindred.Errorf(kindred.Invalid, "--limit is at least 1, not %d", c.Limit)
	}
	e, err := openEngine(ctx, g, out)
	if err != nil {
		return err
	}
	defer closeEngine(e, &err)
	if len(c.Reason) == 0 {
		reasons = e.Config.Dataset().Refuse
	}
	list, rows := []quarantined{}, [][]string{}
	for place := int64(0); len(list) < c.Limit; {
		page, next, err := e.Store.Quarantine(ctx, c.query(reasons), place, c.Limit-len(list))
		if err != nil {
			return err
		}
		for i := range page {
			q := &page[i].Event
			list = append(list, quarantined{q.ID, q.User, q.Item, q.Kind, q.Time, q.Verdict, page[i].Why})
			rows = append(rows, []string{q.ID, string(q.User), string(q.Item), string(q.Kind), q.Time.Format(time.DateTime), q.Verdict.String(), page[i].Why})
		}
		if place = next; place == 0 {
			break
		}
	}
	return out.result(list, func() {
		if len(list) == 0 {
			out.printf("there are no such events\n")
			return
		}
		out.table([]string{"EVENT", "USER", "ITEM", "KIND", "TIME", "VERDICT", "WHY"}, rows)
	})
}

type quarantineReleaseCmd struct {
	quarantineFilter
	Reason []string `help:"Reasons to overrule." required:""`
}

func (c *quarantineReleaseCmd) Run(ctx context.Context, g *cli, out *output) (err error) {
	reasons, err := kindred.ParseVerdict(c.Reason...)
	if err != nil {
		return err
	}
	e, err := openEngine(ctx, g, out)
	if err != nil {
		return err
	}
	defer closeEngine(e, &err)
	released, err := e.Store.Release(ctx, c.query(reasons))
	if err != nil {
		return err
	}
	return out.result(map[string]int64{"released": released}, func() { out.printf("%s events released\n", count(released)) })
}
