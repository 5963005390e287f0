//go:build unix

// Command scaling measures how time and memory of a fit grow with the
// interactions, and draws what was measured; bench/scaling.sh does both.
//
//	scaling -data interactions.csv ials:factors=64,epochs=4 itemknn gbdt  >> measured.csv
//	scaling -measured measured.csv -plot scaling.svg                      > table.md
//
// Time is processor time, user and system, of all cores together, so that other
// work on the machine matters little. Memory is the most that was resident
// during the fit, the data included: on Linux only, elsewhere 0.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"

	"kindred/dataset"
	"kindred/model"
	"kindred/train"
)

func main() {
	data := flag.String("data", "", "interactions to fit the named models on, as bench/generate writes them")
	ratings := flag.Bool("ratings", false, "make up a rating for each interaction, for models that predict ratings")
	measured := flag.String("measured", "", "measurements to report")
	plot := flag.String("plot", "", "where to draw the measurements, as SVG")
	profile := flag.String("profile", "", "where to write what the processors did, for go tool pprof")
	flag.Parse()
	stop, err := profiled(*profile)
	switch {
	case err != nil:
	case *data != "" && flag.NArg() > 0:
		err = measureAll(*data, *ratings, flag.Args())
	case *measured != "":
		err = reportAll(*measured, *plot)
	default:
		err = errors.New("nothing to do (give -data FILE MODEL…, or -measured FILE)")
	}
	if err = errors.Join(err, stop()); err != nil {
		fmt.Fprintln(os.Stderr, "scaling:", err)
		os.Exit(1)
	}
}

// profiled starts a profile, if there is a path, and returns what ends it.
func profiled(path string) (stop func() error, err error) {
	if path == "" {
		return func() error { return nil }, nil
	}
	file, err := os.Create(path)
	if err != nil {
		return func() error { return nil }, err
	}
	return func() error { pprof.StopCPUProfile(); return file.Close() }, pprof.StartCPUProfile(file)
}

// measurement is one fit.
type measurement struct {
	Model                      string
	Interactions, Users, Items int
	Seconds                    float64 // of processor time
	MB                         float64 // resident at the peak
}

// measureAll fits the models in turn and prints a line for each; one that
// cannot be fitted does not keep the others from it.
func measureAll(path string, rated bool, models []string) error { //nolint:revive // the user's switch
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // it was only read
	x, err := read(file)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if rated {
		x.Ratings = madeUp(x)
	}
	var (
		rows   *dataset.Rows
		faults []error
	)
	for _, text := range models {
		fit, err := parse(text)
		if err != nil {
			return err
		}
		if fit.rows != nil && rows == nil {
			rows = impressions(x)
		}
		m := measurement{Model: text, Interactions: x.ByUser.NNZ(), Users: x.ByUser.Rows(), Items: x.ByUser.Width}
		if m.Seconds, m.MB, err = measure(func() error { return fit.run(x, rows) }); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", text, err))
			continue
		}
		fmt.Printf("%q,%d,%d,%d,%.4f,%.0f\n", m.Model, m.Interactions, m.Users, m.Items, m.Seconds, m.MB)
	}
	return errors.Join(faults...)
}

// fitting is an algorithm for interactions, or one for rows.
type fitting struct {
	interactions model.Algorithm
	rows         model.RowAlgorithm
}

// parse reads a model as kindred's command line does.
func parse(text string) (fitting, error) {
	candidate, err := train.ParseCandidate(text, 1)
	if err == nil {
		return fitting{interactions: candidate.Algorithm}, nil
	}
	if rows, rowErr := train.ParseRowCandidate(text, 1); rowErr == nil {
		return fitting{rows: rows.RowAlgorithm}, nil
	}
	return fitting{}, err
}

func (f fitting) run(x *dataset.Interactions, rows *dataset.Rows) error {
	if f.rows != nil {
		_, err := f.rows.FitRows(context.Background(), rows, nil, nil)
		return err
	}
	_, err := f.interactions.Fit(context.Background(), x, nil)
	return err
}

// read makes training data of lines user,item,time under a heading.
func read(r io.Reader) (*dataset.Interactions, error) {
	fixed := dataset.NewFixed()
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		user, rest, _ := strings.Cut(lines.Text(), ",")
		item, moment, found := strings.Cut(rest, ",")
		at, err := strconv.ParseInt(moment, 10, 64)
		switch {
		case user == "user": // the heading
		case !found || err != nil:
			return nil, fmt.Errorf("line %q (want user,item,unix seconds)", lines.Text())
		default:
			fixed.Add(dataset.TrainPart, user, item, 1, at)
		}
	}
	x, _, _ := fixed.Build()
	return x, lines.Err()
}

// enough is how many processor seconds a measurement takes at least: quicker
// fits are repeated.
const enough = 0.3

// measure returns the processor seconds of a fit and the most MB resident
// while it ran.
func measure(fit func() error) (seconds, mb float64, err error) {
	debug.FreeOSMemory() // what came before is not counted
	// Linux forgets the peak when asked so. Elsewhere the memory is 0.
	forgotten := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) == nil
	fits := 0
	for start := processorSeconds(); seconds < enough; seconds = processorSeconds() - start {
		if err := fit(); err != nil {
			return 0, 0, err
		}
		fits++
	}
	if forgotten {
		mb = peakMB()
	}
	return seconds / float64(fits), mb, nil
}

// processorSeconds returns what this process has used so far.
func processorSeconds() float64 {
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil {
		return 0
	}
	return float64(used.Utime.Nano()+used.Stime.Nano()) / 1e9
}

// peakMB returns the most memory resident since it was last forgotten.
func peakMB() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if value, found := strings.CutPrefix(line, "VmHWM:"); found {
			kb, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 64)
			if err == nil {
				return kb / 1024
			}
		}
	}
	return 0
}
