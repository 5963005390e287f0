// Command kindred is the recommendation engine: import events, train models,
// serve recommendations, all from one binary. `kindred --help` lists the
// commands; each has a help of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"

	"kindred"
)

// Exit codes, so that scripts can tell what happened.
const (
	exitOK          = 0
	exitFailed      = 1   // it could not be done
	exitUsage       = 2   // the command line or configuration is wrong
	exitBadRows     = 3   // an import was refused for too many bad rows
	exitInterrupted = 130 // stopped by a signal; what was done stays done
)

// cli is the whole command line.
type cli struct {
	Dir     string           `help:"Folder that holds all state." default:"kindred-data" env:"KINDRED_DIR" type:"path" short:"d"`
	JSON    bool             `help:"Print results as JSON." name:"json"`
	Quiet   bool             `help:"No progress." short:"q"`
	Version kong.VersionFlag `help:"Print the version and exit."`

	Demo       demoCmd       `cmd:"" help:"Make a small shop, learn from it and serve it, with shoppers clicking; or show your own data."`
	Import     importCmd     `cmd:"" help:"Import events, items and users from files."`
	Export     exportCmd     `cmd:"" help:"Write events, items, users, shown lists and features to files."`
	Check      checkCmd      `cmd:"" help:"Say what is wrong with the data, what to do about it, and what they are enough for."`
	Clean      cleanCmd      `cmd:"" help:"Judge all events anew, or say what was found."`
	Quarantine quarantineCmd `cmd:"" help:"List and release events that cleaning found something about."`
	Train      trainCmd      `cmd:"" help:"Learn from what is stored, judge the models and put the best live."`
	Evaluate   evaluateCmd   `cmd:"" help:"Judge models, on what is stored or on files you name."`
	Models     modelsCmd     `cmd:"" help:"List, promote and roll back model versions."`
	Serve      serveCmd      `cmd:"" help:"Serve recommendations over HTTP."`
	Features   featuresCmd   `cmd:"" help:"List and read features, make training sets of them, and check what was served."`
	Schema     schemaCmd     `cmd:"" help:"Show what the items have: every attribute, its type, how many have it, what is declared."`
	Users      usersCmd      `cmd:"" help:"Merge the IDs that a user goes by."`
	Keys       keysCmd       `cmd:"" help:"Create, list and revoke API keys."`
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main for tests: it takes the arguments and returns the exit code.
func run(args []string, stdout, stderr *os.File) int {
	var c cli
	exit := -1
	parser, err := kong.New(&c,
		kong.Name("kindred"),
		kong.Description("An open recommendation engine: from raw events to measured recommendations, in one binary."),
		kong.Vars{"version": codeVersion()},
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exit = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		fmt.Fprintln(stderr, "kindred:", err)
		return exitFailed
	}
	parsed, err := parser.Parse(args)
	if exit >= 0 { // --help or --version has answered
		return exit
	}
	if err != nil {
		fmt.Fprintf(stderr, "kindred: %v\nTry 'kindred --help'.\n", err)
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	out := &output{w: stdout, err: stderr, json: c.JSON, quiet: c.Quiet}
	parsed.BindTo(ctx, (*context.Context)(nil))
	return exitCode(parsed.Run(&c, out), out)
}

// exitCode reports an error to the user and returns its exit code.
func exitCode(err error, out *output) int {
	var bad *badRowsError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(out.err, "kindred: interrupted; what was done stays done, and running it again goes on")
		return exitInterrupted
	case errors.As(err, &bad):
		fmt.Fprintln(out.err, "kindred:", err)
		return exitBadRows
	case kindred.KindOf(err) == kindred.Invalid:
		fmt.Fprintln(out.err, "kindred:", err)
		return exitUsage
	default:
		fmt.Fprintln(out.err, "kindred:", err)
		return exitFailed
	}
}

// codeVersion says which code this is: the module's version or the commit.
func codeVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 && (version == "" || version == "(devel)") {
			version = s.Value[:12]
		}
	}
	if version == "" {
		version = "(devel)"
	}
	return version
}
