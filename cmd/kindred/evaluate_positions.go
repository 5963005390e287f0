package main

import (
	"context"
	"fmt"
	"strconv"

	"kindred/debias"
	"kindred/train"
)

type evaluatePositionsCmd struct {
	Estimator train.PositionMethod `help:"How the curve is estimated: all_pairs (what stood at several places), randomised (lists in an order drawn by chance), regression_em (a model of what is wanted, if nothing ever moved). Default: signals.debias.estimate of kindred.yaml, else all_pairs." enum:"all_pairs,randomised,regression_em," default:""`
}

// Help says from what.
func (*evaluatePositionsCmd) Help() string {
	return "The curve says how likely each place of a list is looked at, as a multiple of the first. It is estimated from all lists that this engine answered and still keeps (keep_exposures) " +
		"and the events that name their request_id; training uses those before the hold-out. Set signals.debias.estimate to weigh events by it; docs/signals.md has more."
}

// positionsResult is a curve and how it was estimated.
type positionsResult struct {
	Estimator train.PositionMethod `json:"estimator"`
	debias.Curve
}

func (c *evaluatePositionsCmd) Run(ctx context.Context, g *cli, out *output) (err error) {
	preferMemory()
	e, err := openEngine(ctx, g, out)
	if err != nil {
		return err
	}
	defer closeEngine(e, &err)
	method, curve, err := e.Positions(ctx, c.Estimator)
	if err != nil {
		return err
	}
	return out.result(positionsResult{method, curve}, func() {
		out.printf("how likely places are looked at, by %s ± two standard errors\n", method)
		printPositions(out, &curve)
	})
}

// printPositions prints an estimated curve, a line a place.
func printPositions(out *output, curve *debias.Curve) {
	var rows [][]string
	for k, theta := range curve.Theta {
		rows = append(rows, []string{
			strconv.Itoa(k + 1), fmt.Sprintf("%.3f ± %.3f", theta, 2*curve.StdErr[k]), count(curve.Shown[k]), count(curve.Clicked[k]),
		})
	}
	out.table([]string{"PLACE", "LOOKED AT", "LISTS", "CLICKS"}, rows)
	out.printf("\n")
}
