package main

import (
	"context"
	"time"

	"kindred"
	"kindred/ingest"
)

type usersCmd struct {
	Merge   usersMergeCmd   `cmd:"" help:"Merge another ID into a user, as when a visitor turns out to be somebody known."`
	Unmerge usersUnmergeCmd `cmd:"" help:"Undo a merge: the ID is somebody of its own again."`
	Aliases usersAliasesCmd `cmd:"" help:"List every ID of a user."`
	Merges  usersMergesCmd  `cmd:"" help:"List the log of merges and of those undone."`
}

// byCommand is who merges at the command line.
const byCommand = "kindred users"

type usersMergeCmd struct {
	User string `arg:"" help:"The user."`
	From string `arg:"" help:"The ID that becomes another of the user's."`
	Why  string `help:"For the log of merges."`
}

func (c *usersMergeCmd) Run(ctx context.Context, g *cli, out *output) (err error) {
	m := kindred.Merge{User: kindred.UserID(c.User), From: kindred.UserID(c.From), Time: time.Now(), By: byCommand, Why: c.Why}
	if faults := ingest.ValidateMerge(&m); len(faults) > 0 {
		return &kindred.Error{Kind: kindred.Invalid, Message: "these cannot be merged", Fields: faults}
	}
	e, err := openEngine(ctx, g, out)
	if err != nil {
		return err
	}
	defer closeEngine(e, &err)
	changed, err := e.Store.MergeUsers(ctx, m)
	if err != nil {
		return err
	}
	if !changed {
		out.notef("%s was %s's already\n", c.From, c.User)
	}
	who, err := e.Store.Person(ctx, m.User)
	if err != nil {
		return err
	}
	return printPerson(out, &who)
}

type usersUnmergeCmd struct {
	ID  string `arg:"" help:"The alias."`
	Why string `help:"For the log of merges."`
}

func (c *usersUnmergeCmd) Run(ctx context.Context, g *cli, out *output) (err error) {
	e, err := openEngine(ctx, g, out)
	if err != nil {
		return err
	}
	defer closeEngine(e, &err)
	from, err := e.Store.UnmergeUser(ctx, kindred.Merge{From: kindred.UserID(c.ID), Time: time.Now(), By: byCommand, Why: c.Why})
	if err != nil {
		return err
	}
	return out.result(map[string]any{"id": c.ID, "unmerged_from": from}, func() {
		out.printf("%s is no alias of %s any more\n", c.ID, from)
	})
}

type usersAliasesCmd struct {
	User string `arg:"" help:"The user, by any ID."`
}

func (c *usersAliasesCmd) Run(ctx context.Context, g *cli, out *output) (err error) {
	e, err := openEngine(ctx, g, out)
	if err != nil {
		return err
	}
	defer closeEngine(e, &err)
	who, err := e.Store.Person(ctx, kindred.UserID(c.User))
	if err != nil {
		return err
	}
	return printPerson(out, &who)
}

func printPerson(out *output, who *kindred.Person) error {
	return out.result(who, func() {
		if len(who.Aliases) == 0 {
			out.printf("%s goes by no other ID\n", who.ID)
			return
		}
		out.printf("%s also goes by\n", who.ID)
		rows := make([][]string, len(who.Aliases))
		for i := range who.Aliases {
			a := &who.Aliases[i]
			rows[i] = []string{string(a.ID), string(a.Into), a.Time.Format(time.DateTime), a.By, a.Why}
		}
		out.table([]string{"ID", "MERGED INTO", "TIME", "BY", "WHY"}, rows)
	})
}

type usersMergesCmd struct {
	After int64 `help:"Only entries behind this one." default:"0"`
	Limit int   `help:"At most so many." default:"100"`
}

func (c *usersMergesCmd) Run(ctx context.Context, g *cli, out *output) (err error) {
	e, err := openEngine(ctx, g, out)
	if err != nil {
		return err
	}
	defer closeEngine(e, &err)
	merges, err := e.Store.Merges(ctx, c.After, c.Limit)
	if err != nil {
		return err
	}
	return out.result(merges, func() {
		rows := make([][]string, len(merges))
		for i, m := range merges {
			what := "merged into"
			if m.Undone {
				what = "taken from"
			}
			rows[i] = []string{count(m.Seq), m.Time.Format(time.DateTime), string(m.From), what, string(m.User), m.By, m.Why}
		}
		out.table([]string{"", "TIME", "ID", "", "USER", "BY", "WHY"}, rows)
	})
}
