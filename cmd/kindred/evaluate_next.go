package main

import (
	"context"
	"fmt"
	"strings"

	"kindred/dataset"
	"kindred/format"
)

// evaluateNextCmd judges how well models foresee the next event of sequences.
type evaluateNextCmd struct {
	explicitFlags
	Split    string   `help:"How to split --data: leave-last-out (a sequence's last event tests, the one before validates), chronological, sessions (those that begin last are the test, whole)." enum:"leave-last-out,chronological,sessions" default:"leave-last-out"`
	Prefixes string   `help:"Ask for the next item after each beginning of a test sequence (all), or for the last only (last)." enum:"last,all" default:"last"`
	Model    []string `help:"Candidate, as kind or kind:name=value,name=value; several with commas between them, or several times." sep:"none" aliases:"models"`
}

func (c *evaluateNextCmd) Run(ctx context.Context, out *output) error {
	preferMemory()
	candidates, err := parseCandidates(c.Model, c.Seed)
	if err != nil {
		return err
	}
	if candidates, err = orDefaults(candidates, c.Seed); err != nil {
		return err
	}
	data, err := c.read(c.sequence)
	if err != nil {
		return err
	}
	settings := c.settings(candidates)
	settings.Next = dataset.LastPrefix
	if c.Prefixes == "all" {
		settings.Next = dataset.AllPrefixes
	}
	if err := c.split(data, candidates, c.Split, settings.Next); err != nil {
		return err
	}
	result, err := data.Judge(ctx, settings, out.steps())
	if err != nil {
		return err
	}
	return out.result(result, func() {
		printExplicit(out, &result, "beginnings of sequences")
		for _, k := range c.K {
			printErrors(out, result.Test, fmt.Sprintf("ndcg@%d", k), []string{"hit_rate", "ndcg", "mrr"})
		}
		printSettings(out, result.Test)
	})
}

// sequence names the sequence that a pair belongs to, its session if there are
// sessions; in files of whole sequences the order alone is the time.
func (c *evaluateNextCmd) sequence(p format.Pair) (name string, time int64) {
	name, time = p.User, p.Time
	if p.Session != "" && p.Session != p.User {
		name = strings.TrimPrefix(p.User+"/"+p.Session, "/")
	}
	if c.Layout == "sequence" {
		time = 0
	}
	return name, time
}
