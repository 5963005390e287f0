package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"kindred"
	"kindred/train"
)

type evaluateSignalsCmd struct {
	Metric string   `help:"Metric that decides (default from kindred.yaml, else ndcg@20)."`
	Model  []string `help:"Model to learn with, as kind or kind:name=value,name=value; several with commas between them, or several times (default: those of kindred.yaml)." sep:"none" aliases:"models"`
}

// Help says what is compared.
func (*evaluateSignalsCmd) Help() string {
	return "Each way is judged by the best of the models that learns from it, on the validation part: the last of what came before the hold-out. " +
		"kindred train does the same first, and learns by the best. Ways stand under training.signals in kindred.yaml; docs/signals.md has examples."
}

func (c *evaluateSignalsCmd) Run(ctx context.Context, g *cli, out *output) (err error) {
	preferMemory()
	e, err := openEngine(ctx, g, out)
	if err != nil {
		return err
	}
	defer closeEngine(e, &err)
	if len(e.Config.Training.Signals) == 0 {
		return kindred.Errorf(kindred.Invalid, "there is nothing to compare: put other ways to weigh events under training.signals in kindred.yaml (docs/signals.md)")
	}
	if c.Metric != "" {
		e.Config.Training.Metric = c.Metric
	}
	candidates, err := parseCandidates(c.Model, e.Config.Training.Seed)
	if err != nil {
		return err
	}
	result, err := e.CompareSignals(ctx, candidates, out.steps())
	if err != nil {
		return err
	}
	return out.result(result, func() { printSignals(out, &result) })
}

func printSignals(out *output, r *train.SignalsResult) {
	out.endSteps()
	out.printf("ways to weigh events, by what %s users did from %s to %s\n\n", count(r.Cases),
		r.From.Format("2006-01-02 15:04"), r.To.Format("2006-01-02 15:04"))
	var rows [][]string
	for i := range r.Judged {
		j := &r.Judged[i]
		rows = append(rows, []string{
			j.Name, fmt.Sprintf("%.4f", j.Best.Metrics.Estimates[r.Metric].Mean), difference(j.Behind), j.Best.Kind,
		})
	}
	out.table([]string{"SIGNALS", strings.ToUpper(r.Metric), "VS BEST", "MODEL"}, rows)
	if chosen, err := json.Marshal(r.Judged[0].Signals); err == nil {
		out.printf("\nbest: %s %s\n", r.Judged[0].Name, chosen)
	}
}
