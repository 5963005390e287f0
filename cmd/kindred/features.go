package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"kindred"
	"kindred/engine"
	"kindred/feature"
	"kindred/featurestore"
	"kindred/store"
)

type featuresCmd struct {
	List        featuresListCmd        `cmd:"" default:"1" help:"All features and sets."`
	Get         featuresGetCmd         `cmd:"" help:"What features are now."`
	TrainingSet featuresTrainingSetCmd `cmd:"" help:"Write rows with what features were at each row's moment."`
	Stats       featuresStatsCmd       `cmd:"" help:"Describe what was served, and how far it is from what was trained on."`
	Skew        featuresSkewCmd        `cmd:"" help:"Compute again what was served, and compare bit for bit."`
	Embed       featuresEmbedCmd       `cmd:"" help:"Make the vectors of a model the values of embeddings, from now on."`
	Materialize featuresMaterializeCmd `cmd:"" help:"Record what the catalogue and the users' attributes are now, and compute all features from the log."`
}

// withFeatures opens the feature store of the folder for a command.
func withFeatures(ctx context.Context, g *cli, out *output, do func(*engine.Engine, *featurestore.Service) error) (err error) {
	e, err := openEngine(ctx, g, out)
	if err != nil {
		return err
	}
	defer closeEngine(e, &err)
	s, err := featuresOf(e)
	if err != nil {
		return err
	}
	return do(e, s)
}

// featuresOf returns the feature store of the folder, which must have features.
func featuresOf(e *engine.Engine) (*featurestore.Service, error) {
	s, err := e.Features()
	if err == nil && s.IsEmpty() {
		err = kindred.Errorf(kindred.Invalid, "no features are defined (write \"features: {preset: basic}\" into %s to begin with; docs/features.md tells more)",
			e.Path(engine.ConfigFile))
	}
	return s, err
}

type featuresListCmd struct{}

// listedFeature is a definition as it is listed.
type listedFeature struct {
	feature.Definition
	Ref  feature.Ref  `json:"ref"`
	Type feature.Type `json:"value_type"`
}

// listedSet is a set as it is listed.
type listedSet struct {
	feature.Set
	Version string `json:"version"`
}

func (*featuresListCmd) Run(ctx context.Context, g *cli, out *output) error {
	return withFeatures(ctx, g, out, func(_ *engine.Engine, s *featurestore.Service) error {
		var list struct {
			Features []listedFeature `json:"features"`
			Sets     []listedSet     `json:"sets"`
		}
		var rows [][]string
		for _, d := range s.Plan().Definitions() {
			kind, _ := s.Plan().TypeOf(d.Ref())
			list.Features = append(list.Features, listedFeature{d, d.Ref(), kind})
			rows = append(rows, []string{string(d.Ref()), string(d.Kind), string(kind), d.Description})
		}
		for _, set := range s.Plan().Sets() {
			list.Sets = append(list.Sets, listedSet{set, s.Plan().Version(set.Features)})
		}
		slices.SortFunc(list.Sets, func(a, b listedSet) int { return strings.Compare(a.Name, b.Name) })
		return out.result(list, func() {
			out.table([]string{"feature", "kind", "values", "description"}, rows)
			for _, set := range list.Sets {
				out.printf("\nset %s, version %s: %d features\n", set.Name, set.Version, len(set.Features))
			}
		})
	})
}

type featuresGetCmd struct {
	User     string   `help:"The user."`
	Item     []string `help:"Items, a row each."`
	Session  string   `help:"The session."`
	Set      string   `help:"The set to read." xor:"what"`
	Features []string `arg:"" optional:"" name:"feature" help:"Features, as entity:name, if not a set."`
}

func (c *featuresGetCmd) Run(ctx context.Context, g *cli, out *output) error {
	return withFeatures(ctx, g, out, func(_ *engine.Engine, s *featurestore.Service) error {
		refs, err := c.refs(s.Plan())
		if err != nil {
			return err
		}
		r := feature.Request{Features: refs, Rows: max(len(c.Item), 1)}
		if len(c.Item) > 0 {
			r.Items = c.Item
		}
		if c.User != "" {
			r.Users = slices.Repeat([]string{c.User}, r.Rows)
		}
		if c.Session != "" {
			r.Sessions = slices.Repeat([]string{c.Session}, r.Rows)
		}
		if err := s.Plan().Check(&r); err != nil {
			return err
		}
		if err := s.Materialize(ctx); err != nil {
			return err
		}
		reading, err := s.Read(&r)
		if err != nil {
			return err
		}
		var rows [][]string
		values := map[string][]string{}
		for i := range reading.Columns {
			column := &reading.Columns[i]
			cells := []string{string(column.Ref)}
			for row := range r.Rows {
				cells = append(cells, column.Show(row))
			}
			values[string(column.Ref)] = cells[1:]
			rows = append(rows, cells)
		}
		return out.result(values, func() { out.table(append([]string{"feature"}, c.Item...), rows) })
	})
}

func (c *featuresGetCmd) refs(plan *feature.Plan) ([]feature.Ref, error) {
	if c.Set != "" {
		return refsOf(plan, c.Set)
	}
	if len(c.Features) == 0 {
		return nil, kindred.Errorf(kindred.Invalid, "name features, or a set with --set")
	}
	refs := make([]feature.Ref, len(c.Features))
	for i, ref := range c.Features {
		refs[i] = feature.Ref(ref)
	}
	return refs, nil
}

// refsOf returns the features of a set.
func refsOf(plan *feature.Plan, set string) ([]feature.Ref, error) {
	found, known := plan.Sets()[set]
	if !known {
		return nil, kindred.Errorf(kindred.Invalid, "there is no feature set %q ('kindred features' lists them)", set)
	}
	return found.Features, nil
}

// spanFlags choose lists by when they were shown.
type spanFlags struct {
	From string `help:"Only lists shown from this moment on: 2006-01-02 or 2006-01-02T15:04:05Z." placeholder:"TIME"`
	To   string `help:"Only lists shown before this moment." placeholder:"TIME"`
}

func (f *spanFlags) span() (r store.EventRange, err error) {
	for _, end := range []struct {
		name, text string
		into       *time.Time
	}{{"from", f.From, &r.From}, {"to", f.To, &r.To}} {
		if end.text == "" {
			continue
		}
		if *end.into, err = time.Parse(time.RFC3339, end.text); err == nil {
			continue
		}
		if *end.into, err = time.Parse(time.DateOnly, end.text); err != nil {
			return r, kindred.Errorf(kindred.Invalid, "--%s: %q is no moment (write 2006-01-02 or 2006-01-02T15:04:05Z)", end.name, end.text)
		}
	}
	return r, nil
}

type featuresStatsCmd struct {
	Set string `arg:"" help:"The set, which must be among features.log in kindred.yaml."`
	spanFlags
}

// Help tells what is compared.
func (*featuresStatsCmd) Help() string {
	return "Describes the values that the features of a set had when lists were shown. PSI compares them with those of the latest training set " +
		"that 'kindred features training-set' made of the set: above .1 is worth a look, above .25 a change."
}

func (c *featuresStatsCmd) Run(ctx context.Context, g *cli, out *output) error {
	return withFeatures(ctx, g, out, func(e *engine.Engine, s *featurestore.Service) error {
		span, err := c.span()
		if err != nil {
			return err
		}
		served, err := s.LoggedSummaries(ctx, e.Store, c.Set, span)
		if err != nil {
			return err
		}
		trained, err := featurestore.LoadStatistics(e.Path(engine.StatisticsFolder), c.Set)
		if err != nil {
			return err
		}
		list := served.Describe(trained)
		rows := make([][]string, len(list))
		for i := range list {
			rows[i] = describeFeature(&list[i])
		}
		if len(list) == 0 {
			return kindred.Errorf(kindred.Invalid, "nothing was kept of the set %q: name it in features.log of kindred.yaml, and serve", c.Set)
		}
		return out.result(list, func() {
			out.table([]string{"feature", "rows", "missing", "mean", "sd", "median", "most frequent", "PSI"}, rows)
			if trained == nil {
				out.notef("there is nothing to compare with: no training set was made of the set yet\n")
			}
		})
	})
}

func describeFeature(m *featurestore.DescribedFeature) []string {
	median, top, psi := "-", "-", "-"
	if m.PSI != nil {
		psi = fmt.Sprintf("%.3f", *m.PSI)
	}
	if len(m.Quantiles) > 0 {
		median = fmt.Sprintf("%.4g", m.Quantiles[len(m.Quantiles)/2])
	}
	if len(m.Top) > 0 {
		top = m.Top[0].Value
	}
	return []string{
		string(m.Ref), count(m.Rows), fmt.Sprintf("%.1f %%", 100*float64(m.Missing)/float64(max(m.Rows, 1))),
		fmt.Sprintf("%.4g", m.Mean), fmt.Sprintf("%.4g", m.SD), median, top, psi,
	}
}

type featuresSkewCmd struct {
	Set string `arg:"" help:"The set, which must be among features.log in kindred.yaml."`
	spanFlags
	Lists int `help:"How many lists to compute again." default:"1000"`
}

func (c *featuresSkewCmd) Run(ctx context.Context, g *cli, out *output) error {
	return withFeatures(ctx, g, out, func(e *engine.Engine, s *featurestore.Service) error {
		span, err := c.span()
		if err != nil {
			return err
		}
		skew, err := s.Skew(ctx, e.Store, c.Set, span, max(c.Lists, 1))
		if err != nil {
			return err
		}
		err = out.result(skew, func() {
			out.printf("%s values of %s lists were computed again: %s differ\n", count(skew.Values), count(skew.Lists), count(skew.Different))
			for _, name := range skew.Differing() {
				out.printf("  %s: %s\n", name, count(skew.ByFeature[name]))
			}
			for _, x := range skew.Examples {
				out.printf("  list %s, item %s: %s was served as %s, is %s\n", x.RequestID, x.Item, x.Feature, x.Served, x.Computed)
			}
			if n := skew.OtherVersion + skew.Erased; n > 0 {
				out.notef("%s lists were passed over: of another version of the set, or what was known then can no longer be told (a user was erased, or all events judged anew)\n", count(n))
			}
		})
		if err == nil && skew.Different > 0 {
			err = kindred.Errorf(kindred.Conflict, "what was served is not what the log says")
		}
		return err
	})
}

type featuresMaterializeCmd struct{}

func (*featuresMaterializeCmd) Run(ctx context.Context, g *cli, out *output) error {
	return withFeatures(ctx, g, out, func(_ *engine.Engine, s *featurestore.Service) error {
		start := time.Now()
		if err := s.Materialize(ctx); err != nil {
			return err
		}
		state, _ := s.State()
		return out.result(state, func() {
			out.printf("features of %s users and %s items, up to place %s of the log, in %.1f s\n",
				count(state.Users), count(state.Items), count(state.Position), time.Since(start).Seconds())
			out.notef("A running server follows the log by itself; POST /materialize has it compute all anew.\n")
		})
	})
}

// formatOf is what a file's name says its format is.
func formatOf(path string) string {
	switch filepath.Ext(strings.TrimSuffix(strings.TrimSuffix(path, ".gz"), ".zst")) {
	case ".csv":
		return "csv"
	case ".jsonl", ".ndjson":
		return "jsonl"
	default:
		return "parquet"
	}
}
