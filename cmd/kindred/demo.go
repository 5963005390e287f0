package main

import (
	"context"
	"errors"
	"log/slog"
	"os/exec"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"kindred/engine"
	"kindred/format"
	"kindred/ingest"
)

type demoCmd struct {
	Data     string  `help:"A real data set to show instead of the made-up shop: files or a folder that 'kindred import auto' reads." type:"existingpath"`
	Listen   string  `help:"Address to serve on." default:"127.0.0.1:8471" env:"KINDRED_LISTEN"`
	Visits   float64 `help:"Visits of imitated shoppers per second; 0 for none." default:"4"`
	NoOpen   bool    `help:"Do not open the page in a browser."`
	Products int     `help:"Products of the made-up shop." default:"1200"`
	Shoppers int     `help:"Shoppers of the made-up shop." default:"3000"`
}

func (c *demoCmd) Run(ctx context.Context, g *cli, out *output) (err error) {
	cfg, err := engine.LoadConfig(g.Dir)
	if err != nil {
		return err
	}
	cfg.Listen = c.Listen
	if cfg.Features.IsEmpty() {
		cfg.Features.Preset, cfg.Features.Log = "basic", []string{"basic"}
		cfg.Features.ApplyPreset()
	}
	e, err := engine.Open(ctx, cfg, codeVersion(), slog.New(slog.NewTextHandler(out.err, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return err
	}
	defer closeEngine(e, &err)
	start := time.Now()
	demo := newDemo(c, start)
	if err := c.prepare(ctx, e, demo, out); err != nil {
		return err
	}
	key, err := e.DemoKey(ctx)
	if err != nil {
		return err
	}
	run, ctx := errgroup.WithContext(ctx)
	run.Go(func() error {
		return e.Serve(ctx, func(a engine.Address) {
			page := a.URL + "/#key=" + key
			out.printf("\nready after %.1f s: %s\n\n", time.Since(start).Seconds(), page)
			out.printf("try it by hand:\n  curl -H 'Authorization: Bearer %s' '%s/v1/users/%s/recommendations?n=5&include=item'\n\n",
				key, a.URL, demo.someone())
			out.notef("Imitated shoppers are clicking; stop with Ctrl-C. State is in %s.\n", g.Dir)
			if !c.NoOpen && isTerminal(out.w) {
				openPage(ctx, page)
			}
			run.Go(func() error { return demo.click(ctx, a.URL, key, c.Visits) })
		})
	})
	if err := run.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// prepare imports and trains, unless an earlier run of the demo has done so.
func (c *demoCmd) prepare(ctx context.Context, e *engine.Engine, demo *demo, out *output) error {
	counts, err := e.Store.Counts(ctx)
	if err != nil {
		return err
	}
	if counts.Events == 0 {
		out.notef("importing %s …\n", demo.what())
		if err := demo.load(ctx, e, out); err != nil {
			return err
		}
	}
	if err := demo.chooseUsers(ctx, e); err != nil {
		return err
	}
	if live, err := e.Registry.Live(); err != nil || len(live) > 0 {
		return err
	}
	out.notef("training …\n")
	result, err := e.Train(ctx, nil, engine.StopAtErrors, out.steps())
	if err != nil {
		return err
	}
	printTrained(out, &result)
	return nil
}

// importFiles runs the very import of 'kindred import'.
func importFiles(ctx context.Context, e *engine.Engine, out *output, name string, paths ...string) error {
	src, err := format.Open(name, paths, format.Options{})
	if err != nil {
		return err
	}
	defer src.Close() //nolint:errcheck // only read
	rejects, err := newRejects("", e)
	if err != nil {
		return err
	}
	defer rejects.close(&err)
	report, err := e.Import(ctx, src, ingest.ImportOptions{MaxBad: -1, MaxBadShare: 1, Examples: 3, Rejects: rejects})
	if err != nil {
		return err
	}
	printImport(out, &report, rejects)
	return err
}

// openPage asks the desktop to show the page; where there is no desktop, the
// printed address has to do.
func openPage(ctx context.Context, url string) {
	name, args := "xdg-open", []string{url}
	switch runtime.GOOS {
	case "darwin":
		name = "open"
	case "windows":
		name, args = "rundll32", []string{"url.dll,FileProtocolHandler", url}
	}
	if path, err := exec.LookPath(name); err == nil {
		_ = exec.CommandContext(ctx, path, args...).Start()
	}
}
