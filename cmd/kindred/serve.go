package main

import (
	"context"
	"log/slog"

	"kindred"
	"kindred/engine"
	"kindred/registry"
)

type serveCmd struct {
	Listen string `help:"Address to serve on (default from kindred.yaml, else 127.0.0.1:8471)." env:"KINDRED_LISTEN"`
	Log    string `help:"How much to log: debug (every request), info, warn, error." enum:"debug,info,warn,error" default:"info" env:"KINDRED_LOG"`
}

func (c *serveCmd) Run(ctx context.Context, g *cli, out *output) (err error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Log)); err != nil {
		return kindred.Errorf(kindred.Invalid, "--log: no level %q", c.Log)
	}
	cfg, err := engine.LoadConfig(g.Dir)
	if err != nil {
		return err
	}
	if c.Listen != "" {
		cfg.Listen = c.Listen
	}
	e, err := engine.Open(ctx, cfg, codeVersion(), slog.New(slog.NewJSONHandler(out.err, &slog.HandlerOptions{Level: level})))
	if err != nil {
		return err
	}
	defer closeEngine(e, &err)
	return e.Serve(ctx, func(a engine.Address) {
		if a.FirstKey != "" {
			out.notef("A first key was made, with all rights. Keep it now: only its hash is stored.\n\n    %s\n\n", a.FirstKey)
			out.notef("Dashboard: %s/#key=%s\n", a.URL, a.FirstKey)
		}
		out.printf("serving on %s\n", a.URL)
	})
}

// openEngine opens the state folder for a command; problems are logged as
// text for the person at the terminal.
func openEngine(ctx context.Context, g *cli, out *output) (*engine.Engine, error) {
	cfg, err := engine.LoadConfig(g.Dir)
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.NewTextHandler(out.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	return engine.Open(ctx, cfg, codeVersion(), log)
}

// closeEngine closes e and keeps the first error.
func closeEngine(e *engine.Engine, err *error) { //nolint:gocritic // deferred, it sets the caller's result
	if closing := e.Close(); *err == nil {
		*err = closing
	}
}

func openRegistry(g *cli) (*registry.Registry, error) { return engine.OpenRegistry(g.Dir) }
