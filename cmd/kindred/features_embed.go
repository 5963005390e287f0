package main

import (
	"context"
	"time"

	"kindred"
	"kindred/engine"
	"kindred/feature"
	"kindred/featurestore"
	"kindred/model"
	"kindred/registry"
)

type featuresEmbedCmd struct {
	ModelVersion string `arg:"" optional:"" name:"version" help:"As 'kindred models' lists it; one whose scores are inner products (default: the live one that orders the catalogue)."`
	Item         string `help:"The embedding that the items' vectors become: item:NAME."`
	User         string `help:"The embedding that the users' vectors become: user:NAME. Each is folded in from the history that is stored."`
}

// Help tells what is known when.
func (*featuresEmbedCmd) Help() string {
	return "Makes the vectors of a model the values of embeddings, from now on: run it when a model was promoted. What held before stays known, so in a training set " +
		"each row has the vectors that were there at its moment, never those of a model that was learned later; rows before the first have none. " +
		"'dot(user.taste, item.taste)' in an expression is their inner product."
}

// embedded is the outcome of embed.
type embedded struct {
	Version string    `json:"version"`
	Vectors int       `json:"vectors"`
	Numbers int       `json:"numbers"` // of each
	Since   time.Time `json:"since"`
}

func (c *featuresEmbedCmd) Run(ctx context.Context, g *cli, out *output) error {
	if c.Item == "" && c.User == "" {
		return kindred.Errorf(kindred.Invalid, "name the embedding that the vectors become, with --item, --user or both")
	}
	return withFeatures(ctx, g, out, func(e *engine.Engine, s *featurestore.Service) error {
		loaded, err := c.load(e)
		if err != nil {
			return err
		}
		vectors, err := c.vectors(ctx, e, loaded)
		if err != nil {
			return err
		}
		since := time.Now().UTC().Truncate(time.Millisecond)
		n, err := s.Embed(ctx, since, vectors...)
		if err != nil {
			return err
		}
		done := embedded{loaded.Version.Version, n, vectors[0].Columns, since}
		return out.result(done, func() {
			out.printf("%s vectors of %d numbers by %s hold from %s on\n", count(done.Vectors), done.Numbers, done.Version, done.Since.Format(time.RFC3339Nano))
		})
	})
}

func (c *featuresEmbedCmd) load(e *engine.Engine) (*registry.Loaded, error) {
	version := c.ModelVersion
	if version == "" {
		live, err := e.Registry.Live()
		if err != nil {
			return nil, err
		}
		if version = live[registry.Personal]; version == "" {
			return nil, kindred.Errorf(kindred.Invalid, "no model is live ('kindred train' puts one live)")
		}
	}
	return e.Registry.Load(version)
}

func (c *featuresEmbedCmd) vectors(ctx context.Context, e *engine.Engine, loaded *registry.Loaded) (all []featurestore.Vectors, err error) {
	learned, ok := loaded.Learned.(model.Embedded)
	if !ok {
		return nil, kindred.Errorf(kindred.Invalid, "model version %s has no vectors: its shape is %s", loaded.Version.Version, loaded.Learned.Shape())
	}
	values, columns := learned.ItemVectors()
	for _, ask := range []struct {
		flag, ref string
		entity    feature.Entity
	}{{"--item", c.Item, feature.Item}, {"--user", c.User, feature.User}} {
		if ask.ref == "" {
			continue
		}
		v := featurestore.Vectors{Ref: feature.Ref(ask.ref), IDs: loaded.Items.IDs(), Values: values, Columns: columns}
		if entity, _ := v.Ref.Split(); entity != ask.entity {
			return nil, kindred.Errorf(kindred.Invalid, "%s must name a feature of %ss, as %s:taste", ask.flag, ask.entity, ask.entity)
		}
		if ask.entity == feature.User {
			if v.IDs, v.Values, err = e.UserVectors(ctx, loaded); err != nil {
				return nil, err
			}
		}
		all = append(all, v)
	}
	return all, nil
}
