package main

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"time"

	"kindred"
	"kindred/dataset"
	"kindred/format"
	"kindred/model"
)

type modelsExportCmd struct {
	ModelVersion string `arg:"" name:"version" help:"As 'kindred models' lists it; one whose scores are inner products."`
	Format       string `help:"Of the files: parquet (columns id and vector), or npy with the ids in a file of lines." enum:"parquet,npy" default:"parquet"`
	Out          string `help:"Folder for the files." type:"path" default:"."`
	Users        bool   `help:"Also write a vector for everyone who is stored, folded in from the history."`
}

func (c *modelsExportCmd) Run(ctx context.Context, g *cli, out *output) (err error) {
	reg, err := openRegistry(g)
	if err != nil {
		return err
	}
	loaded, err := reg.Load(c.ModelVersion)
	if err != nil {
		return err
	}
	embedded, ok := loaded.Learned.(model.Embedded)
	if !ok {
		return kindred.Errorf(kindred.Invalid, "model version %s has no vectors: its shape is %s", c.ModelVersion, loaded.Learned.Shape())
	}
	if err := os.MkdirAll(c.Out, 0o750); err != nil {
		return err
	}
	values, columns := embedded.ItemVectors()
	files, err := format.WriteVectors(c.Out, "items", c.Format, format.Vectors{IDs: loaded.Items.IDs(), Values: values, Columns: columns})
	if err != nil {
		return err
	}
	if c.Users {
		e, err := openEngine(ctx, g, out)
		if err != nil {
			return err
		}
		defer closeEngine(e, &err)
		ids, vectors, err := e.UserVectors(ctx, loaded)
		if err != nil {
			return err
		}
		more, err := format.WriteVectors(c.Out, "users", c.Format, format.Vectors{IDs: ids, Values: vectors, Columns: columns})
		if err != nil {
			return err
		}
		files = append(files, more...)
	}
	return out.result(map[string]any{"files": files}, func() {
		out.printf("%s\n", strings.Join(files, "\n"))
	})
}

type modelsImportVectorsCmd struct {
	File       string  `arg:"" help:"Item vectors: Parquet, JSON Lines or CSV with an id and a list of numbers a row, or npy." type:"existingfile"`
	IDs        string  `name:"ids" help:"The ids of an npy file's rows, one a line." type:"existingfile"`
	Similarity string  `help:"What the vectors are made for." enum:"cosine,dot" default:"cosine"`
	Recency    float64 `help:"The k-th newest item of a user's history counts k^-RECENCY in the user's vector." default:"0"`
}

// Help tells what is served.
func (*modelsImportVectorsCmd) Help() string {
	return "Registers item vectors that were trained elsewhere as a model version, to be promoted and served like any other. " +
		"A user's vector is the weighted sum of those of the items in the history, made at each request. " +
		"User vectors cannot be imported: a user is the history (docs/decisions.md, 13)."
}

func (c *modelsImportVectorsCmd) Run(ctx context.Context, g *cli, out *output) error {
	v, err := format.ReadVectors(c.File, c.IDs)
	if err != nil {
		return err
	}
	settings := model.Vectors{Similarity: c.Similarity, Recency: c.Recency}
	learned, err := settings.Serve(v.Values, v.Columns)
	if err != nil {
		return kindred.Errorf(kindred.Invalid, "these vectors cannot be served").Because(err)
	}
	encoded, err := json.Marshal(settings)
	if err != nil {
		return err
	}
	reg, err := openRegistry(g)
	if err != nil {
		return err
	}
	version, err := reg.Register(ctx, kindred.ModelVersion{
		Kind: "vectors", CreatedAt: time.Now().UTC().Truncate(time.Millisecond), Settings: encoded,
		Data: kindred.DataRange{Items: len(v.IDs)}, CodeVersion: codeVersion(),
	}, &dataset.Interactions{Items: dataset.NewDict(v.IDs...)}, learned)
	if err != nil {
		return err
	}
	return out.result(version, func() {
		out.printf("%s: %s vectors of %d numbers\n", version.Version, count(len(v.IDs)), v.Columns)
		out.notef("to serve it: kindred models promote %s\n", version.Version)
	})
}
