package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"kindred/schema"
)

type schemaCmd struct{}

func (*schemaCmd) Run(ctx context.Context, g *cli, out *output) (err error) {
	e, err := openEngine(ctx, g, out)
	if err != nil {
		return err
	}
	defer closeEngine(e, &err)
	report, err := e.Schema(ctx)
	if err != nil {
		return err
	}
	return out.result(report, func() { printSchema(out, &report) })
}

func printSchema(out *output, r *schema.Report) {
	rows := make([][]string, len(r.Attributes))
	for i := range r.Attributes {
		a := &r.Attributes[i]
		name, first := a.Name, ""
		if a.Field {
			name += " (field)"
		}
		if a.FirstSeen != nil {
			first = a.FirstSeen.Format(time.DateOnly)
		}
		rows[i] = []string{
			name, strings.Join(slices.Sorted(maps.Keys(a.Types)), " | "), fmt.Sprintf("%.1f%%", 100*a.Share), count(a.Distinct), first,
			toldOf(a), strings.Join(a.Examples[:min(3, len(a.Examples))], ", "),
		}
	}
	out.printf("%s items\n", count(r.Items))
	out.table([]string{"ATTRIBUTE", "TYPE", "FILLED", "DISTINCT", "SINCE", "DECLARED", "EXAMPLES"}, rows)
	for i := range r.Attributes {
		if a := &r.Attributes[i]; a.Conflict {
			out.printf("\n%s has different types on different items: declare it under catalogue: in kindred.yaml, and store those again that differ\n", a.Name)
		}
	}
}

// toldOf is what is declared of an attribute, and how many items break it.
func toldOf(a *schema.Attribute) string {
	if a.Declared == nil {
		return ""
	}
	text := a.Declared.Type
	if a.Declared.Required {
		text += ", required"
	}
	if a.Faulty > 0 {
		text += fmt.Sprintf(" (%s are not)", count(a.Faulty))
	}
	return text
}
