package main

import (
	"context"
	"fmt"
	"math"
	"strings"

	"kindred"
	"kindred/format"
	"kindred/train"
)

type evaluateColdCmd struct {
	Model  []string `help:"Candidate, as kind or kind:name=value,name=value; several with commas between them, or several times (default: content and featureals)." sep:"none" aliases:"models"`
	Metric string   `help:"Metric that chooses settings and orders the tables." default:"ndcg@10"`

	Data    string   `help:"File of interactions." type:"existingfile" required:""`
	Layout  string   `help:"Of that file, as for ranking." enum:"auto,adjacency,triples,recbole,sequence,jsonl,parquet" default:"auto"`
	Columns []string `help:"Names of the columns of triples without a header: user, item, value, time, session, position, propensity, and - for others (guessed: user, item, value, time; a column of dates is the time)."`
	Items   []string `help:"File of what is said of the items (MovieLens, CSV, JSON Lines, item2attributes.json); may be given several times." type:"existingfile" sep:"none"`
	Users   []string `help:"File of what is said of the users." type:"existingfile" sep:"none"`

	ItemsShare float64 `help:"Share of the items that is hidden from training, where --items is given." default:"0.2"`
	UsersShare float64 `help:"Share of the users that is hidden from training, where --users is given." default:"0.2"`
	NewestBy   string  `help:"Attribute that says how new an item is, where nothing says from when it is available." default:"year"`
	K          []int   `help:"Cut-offs." default:"10,20,50"`
	Seed       uint64  `help:"Seed of every random choice." default:"1"`
}

func (c *evaluateColdCmd) Run(ctx context.Context, out *output) error {
	preferMemory()
	if len(c.Items)+len(c.Users) == 0 {
		return kindred.Errorf(kindred.Invalid, "nothing is said of anything: give --items, --users or both")
	}
	if len(c.Model) == 0 {
		c.Model = []string{"content", "featureals"}
	}
	candidates, err := parseCandidates(c.Model, c.Seed)
	if err != nil {
		return err
	}
	data := train.NewCold()
	err = format.ReadPairs(c.Data, format.PairOptions{Layout: c.Layout, Columns: c.Columns}, func(p format.Pair) error {
		data.Add(p.User, p.Item, p.Time)
		return nil
	})
	if err != nil {
		return err
	}
	items, users, err := readDescriptions(c.Items, c.Users)
	if err != nil {
		return err
	}
	data.Describe(items, users)
	settings := train.ColdSettings{Candidates: candidates, Metric: c.Metric, Ks: c.K, NewestBy: c.NewestBy, Seed: c.Seed}
	if len(c.Items) > 0 {
		settings.ItemsShare = c.ItemsShare
	}
	if len(c.Users) > 0 {
		settings.UsersShare = c.UsersShare
	}
	result, err := data.Judge(ctx, settings, out.steps())
	if err != nil {
		return err
	}
	return out.result(result, func() {
		out.endSteps()
		printCold(out, "items", result.Items, result.Metric)
		printCold(out, "users", result.Users, result.Metric)
	})
}

// readDescriptions reads the files of attributes.
func readDescriptions(itemFiles, userFiles []string) (items []*kindred.Item, users []*kindred.User, err error) {
	if items, err = format.ReadItems(itemFiles); err != nil {
		return nil, nil, err
	}
	users, err = format.ReadUsers(userFiles)
	return items, users, err
}

// printCold prints one table: means ± twice their standard error, and the gain
// over the baseline for the same users.
func printCold(out *output, what string, t *train.ColdTable, metric string) {
	if t == nil {
		return
	}
	out.printf("%s %s hidden, learned from %s interactions, judged on %s users\n\n",
		count(t.Hidden), what, count(t.Training), count(t.Test[0].Metrics.Users))
	random := 0.0
	for i := range t.Test {
		if t.Test[i].Kind == "random" {
			random = t.Test[i].Metrics.Estimates[metric].Mean
		}
	}
	var rows [][]string
	for i := range t.Test {
		j := &t.Test[i]
		e := j.Metrics.Estimates[metric]
		better := "-"
		if !math.IsNaN(j.Better.Mean) && j.Kind != t.Baseline {
			better = fmt.Sprintf("%+.4f ± %.4f", j.Better.Mean, 2*j.Better.StdErr)
		}
		rows = append(rows, []string{
			j.Kind, fmt.Sprintf("%.4f ± %.4f", e.Mean, 2*e.StdErr), fmt.Sprintf("%.1f", e.Mean/random), better,
			fmt.Sprintf("%.1f s", j.FitTime.Seconds()), string(j.Settings),
		})
	}
	out.table([]string{"MODEL", strings.ToUpper(metric), "× RANDOM", "VS " + strings.ToUpper(t.Baseline), "FIT", "SETTINGS"}, rows)
	out.printf("\n")
	if len(t.Validation) > 0 {
		out.printf("validation, on which settings were chosen:\n")
		printRows(out, t.Validation, metric)
		out.printf("\n")
	}
}
