package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"kindred"
	"kindred/registry"
)

type modelsCmd struct {
	List     modelsListCmd     `cmd:"" default:"1" help:"List the versions, newest first."`
	Show     modelsShowCmd     `cmd:"" help:"Show one version with its lineage."`
	Promote  modelsPromoteCmd  `cmd:"" help:"Make a version live."`
	Rollback modelsRollbackCmd `cmd:"" help:"Make live again what was live before."`

	Export        modelsExportCmd        `cmd:"" help:"Write a version's item vectors, and its users', to files."`
	ImportVectors modelsImportVectorsCmd `cmd:"" help:"Make a version of item vectors that were trained elsewhere."`
}

type (
	modelsListCmd struct{}
	modelsShowCmd struct {
		ModelVersion string `arg:"" name:"version" help:"As 'kindred models' lists it."`
	}
	modelsPromoteCmd struct {
		ModelVersion string `arg:"" name:"version" help:"As 'kindred models' lists it."`
		Role         string `help:"The role it is to play." enum:"personal,similar,popular" default:"personal"`
	}
	modelsRollbackCmd struct{}
)

func (modelsListCmd) Run(_ context.Context, g *cli, out *output) error {
	reg, err := openRegistry(g)
	if err != nil {
		return err
	}
	versions, fault := reg.List()
	live, err := reg.Live()
	if err != nil {
		return err
	}
	roles := map[string][]string{}
	for role, version := range live {
		roles[version] = append(roles[version], string(role))
	}
	if fault != nil {
		out.notef("warning: %v\n", fault)
	}
	return out.result(map[string]any{"live": live, "models": versions}, func() {
		if len(versions) == 0 {
			out.printf("no models yet: import events, then run 'kindred train'\n")
			return
		}
		var rows [][]string
		for i := range versions {
			v := &versions[i]
			slices.Sort(roles[v.Version])
			rows = append(rows, []string{
				v.Version, v.Kind, string(v.Stage), strings.Join(roles[v.Version], ","),
				metricText(v, "recall@20"), metricText(v, "ndcg@20"), count(v.Data.Events), fmt.Sprintf("%.1f MB", float64(v.Bytes)/1e6),
			})
		}
		out.table([]string{"VERSION", "KIND", "STAGE", "ROLE", "RECALL@20", "NDCG@20", "EVENTS", "SIZE"}, rows)
	})
}

func metricText(v *kindred.ModelVersion, name string) string {
	x, judged := v.Metrics[name]
	if !judged {
		return "-"
	}
	return fmt.Sprintf("%.4f", x)
}

func (c *modelsShowCmd) Run(_ context.Context, g *cli, out *output) error {
	reg, err := openRegistry(g)
	if err != nil {
		return err
	}
	v, err := reg.Version(c.ModelVersion)
	if err != nil {
		return err
	}
	return out.result(v, func() {
		out.printf("%s: %s, %s\n", v.Version, v.Kind, v.Stage)
		out.printf("made       %s by code %s in %.1f s\n", v.CreatedAt.Format("2006-01-02 15:04:05"), v.CodeVersion, v.TrainTime.Seconds())
		out.printf("data       %s events of %s users with %s items, %s to %s\n", count(v.Data.Events), count(v.Data.Users),
			count(v.Data.Items), v.Data.From.Format("2006-01-02"), v.Data.To.Format("2006-01-02"))
		out.printf("settings   %s\n", v.Settings)
		if len(v.Signals) > 0 {
			out.printf("signals    %s\n", v.Signals)
		}
		out.printf("artefact   %s, %s bytes\n", v.Artefact, count(v.Bytes))
		for _, name := range slices.Sorted(maps.Keys(v.Metrics)) {
			out.printf("%-18s %.4f   popularity %.4f\n", name, v.Metrics[name], v.Baseline[name])
		}
	})
}

func (c *modelsPromoteCmd) Run(ctx context.Context, g *cli, out *output) error {
	reg, err := openRegistry(g)
	if err != nil {
		return err
	}
	if err := reg.Promote(ctx, registry.Live{registry.Role(c.Role): c.ModelVersion}); err != nil {
		return err
	}
	return printLive(reg, out)
}

func (modelsRollbackCmd) Run(ctx context.Context, g *cli, out *output) error {
	reg, err := openRegistry(g)
	if err != nil {
		return err
	}
	if _, err := reg.Rollback(ctx); err != nil {
		return err
	}
	return printLive(reg, out)
}

func printLive(reg *registry.Registry, out *output) error {
	live, err := reg.Live()
	if err != nil {
		return err
	}
	return out.result(map[string]any{"live": live}, func() {
		for _, role := range slices.Sorted(maps.Keys(live)) {
			out.printf("%-9s %s\n", role, live[role])
		}
	})
}
