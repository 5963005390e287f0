//go:build linux

// Command fit fits one model once and prints, as one JSON object, what the
// scripts in bench/peers print of their packages: seconds of the fit on the
// wall and of processors, peak memory, and how good the model is.
//
//	go run ./bench/fit -train DIR/train.txt -valid DIR/valid.txt -model slim:l1=1
//	go run ./bench/fit -rows DIR -model gbdt:learn_rate=0.1 [-target 0.62] [-order SEED]
//
// The first files hold a user and its items a line. All items are ranked, those
// of the user's training line hidden. The others are what bench/peers/rankers.py
// generates, see rows.go. The peak is that of the process when the fit ends,
// reading included. GOMAXPROCS says how many threads there are.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"kindred/dataset"
	"kindred/eval"
	"kindred/format"
	"kindred/train"
)

func main() {
	training := flag.String("train", "", "file to learn from")
	valid := flag.String("valid", "", "file to judge on")
	model := flag.String("model", "", "model, as kind or kind:name=value,name=value")
	var rows rowRun
	flag.StringVar(&rows.folder, "rows", "", "folder of labelled rows, instead of the two files")
	flag.Float64Var(&rows.target, "target", 0, "with -rows: tell when the validation loss first came down to this")
	flag.Uint64Var(&rows.order, "order", 0, "with -rows: seed of a random order of the training rows; 0: as they are")
	flag.Parse()
	debug.SetGCPercent(40) // as the commands of kindred do
	var (
		out any
		err error
	)
	if rows.folder != "" {
		out, err = rows.measure(context.Background(), *model)
	} else {
		out, err = measure(context.Background(), *training, *valid, *model)
	}
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "fit:", err)
		os.Exit(1)
	}
}

// measured is what there is to say of a fit.
type measured struct {
	Model   string `json:"model"`
	Threads int    `json:"threads"`
	spent
	Items  int     `json:"items"`
	NDCG   float64 `json:"ndcg@20"`
	Recall float64 `json:"recall@20"`
	Users  int     `json:"users"`
	Lists  float64 `json:"list_processor_seconds"`
}

func measure(ctx context.Context, training, valid, model string) (measured, error) {
	candidate, err := train.ParseCandidate(model, 1)
	if err != nil {
		return measured{}, err
	}
	data, cases, err := read(training, valid)
	if err != nil {
		return measured{}, err
	}
	start := time.Now()
	before, err := used(start)
	if err != nil {
		return measured{}, err
	}
	learned, err := candidate.Fit(ctx, data, nil)
	if err != nil {
		return measured{}, err
	}
	fitted, err := used(start)
	if err != nil {
		return measured{}, err
	}
	report, err := eval.Judge(ctx, learned, data.Items.Len(), cases, eval.Options{Ks: []int{20}})
	if err != nil {
		return measured{}, err
	}
	judged, err := used(start)
	return measured{
		Model: model, Threads: runtime.GOMAXPROCS(0), spent: fitted.since(before),
		Items: data.Items.Len(), NDCG: report.Estimates["ndcg@20"].Mean, Recall: report.Estimates["recall@20"].Mean, Users: report.Users,
		Lists: judged.Processor - fitted.Processor,
	}, err
}

// read returns the data to learn from and the cases to judge on.
func read(training, valid string) (*dataset.Interactions, []dataset.Case, error) {
	fixed := dataset.NewFixed()
	for part, path := range []string{dataset.TrainPart: training, dataset.ValidationPart: valid} {
		err := format.ReadPairs(path, format.PairOptions{Layout: "adjacency"}, func(p format.Pair) error {
			// An identifier may be a slice of the line: Clone lets go of that.
			fixed.Add(dataset.Part(part), strings.Clone(p.User), strings.Clone(p.Item), 1, p.Time)
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
	}
	data, cases, _ := fixed.Build()
	return data, cases, nil
}

// spent is what a fit has used.
type spent struct {
	Seconds   float64 `json:"fit_seconds"`
	Processor float64 `json:"processor_seconds"`
	PeakMB    int64   `json:"peak_mb"` // of the process, so far
}

// used returns what this process has used since the moment start.
func used(start time.Time) (spent, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return spent{}, fmt.Errorf("reading what was used: %w", err)
	}
	return spent{time.Since(start).Seconds(), time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds(), u.Maxrss >> 10}, nil
}

// since returns s less what was used before.
func (s spent) since(before spent) spent {
	return spent{s.Seconds - before.Seconds, s.Processor - before.Processor, s.PeakMB}
}
