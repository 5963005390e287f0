package main

import (
	"fmt"
	"strings"

	"kindred"
	"kindred/dataset"
	"kindred/engine"
	"kindred/format"
	"kindred/train"
)

// explicitFlags are what the protocols on files have in common.
type explicitFlags struct {
	Metric string `help:"Metric that chooses settings and orders the table." default:"ndcg@20"`

	Data   string `help:"One file of interactions to split by --split." type:"existingfile"`
	Train  string `help:"File of training interactions." type:"existingfile"`
	Valid  string `help:"File of validation interactions, to choose settings on." type:"existingfile"`
	Test   string `help:"File of test interactions; looked at once, with the chosen settings." type:"existingfile"`
	Layout string `help:"Of these files (guessed from the training file): adjacency (user item item …), triples (user item [value] [time]), recbole, sequence (as adjacency, in time order), jsonl." enum:"auto,adjacency,triples,recbole,sequence,jsonl" default:"auto"`

	Items []string `help:"File of what is said of the items (MovieLens, CSV, JSON Lines, item2attributes.json); may be given several times." type:"existingfile" sep:"none"`
	Users []string `help:"File of what is said of the users." type:"existingfile" sep:"none"`

	TestShare  float64 `help:"Share of --data that a split by time or by chance tests on." default:"0.1"`
	ValidShare float64 `help:"Share kept for validation when there is no --valid: of --data in a split by time, else of each user's training items." default:"0.1"`
	Refit      bool    `help:"Fit the chosen settings again on training and validation data together, before the test." default:"true" negatable:""`
	Repeats    string  `help:"May items of the history be recommended, and going back to them count? hide or allow." enum:"hide,allow" default:"hide"`
	K          []int   `help:"Cut-offs." default:"10,20,50"`
	Seed       uint64  `help:"Seed of every random choice." default:"1"`
	Lists      string  `help:"File for every ranked list of the test with the chosen settings: user, then items, tab-separated." type:"path"`
}

func (f *explicitFlags) onFiles() bool { return f.Data+f.Train+f.Valid+f.Test != "" }

// orDefaults returns the candidates, or those that every set of data deserves.
func orDefaults(candidates []train.Candidate, seed uint64) ([]train.Candidate, error) {
	if len(candidates) > 0 {
		return candidates, nil
	}
	cfg := engine.DefaultConfig("")
	cfg.Training.Seed = seed
	return cfg.Candidates()
}

// settings returns how candidates are judged on files.
func (f *explicitFlags) settings(candidates []train.Candidate) train.ExplicitSettings {
	settings := train.ExplicitSettings{Candidates: candidates, Metric: f.Metric, Ks: f.K, CountRepeats: f.Repeats == "allow"}
	if f.Refit {
		settings.RefitFrom = dataset.ValidationPart
	}
	if f.Lists != "" {
		settings.Lists = fileForKind(f.Lists, candidates)
	}
	return settings
}

// read reads the files that the flags name; who says whose a pair is, and when
// it was.
func (f *explicitFlags) read(who func(format.Pair) (user string, time int64)) (*train.Explicit, error) {
	switch {
	case f.Data != "" && f.Train+f.Valid+f.Test != "":
		return nil, kindred.Errorf(kindred.Invalid, "give either --data, to be split, or --train and --test")
	case f.Data == "" && (f.Train == "" || f.Test == ""):
		return nil, kindred.Errorf(kindred.Invalid, "--train and --test go together")
	}
	if f.Layout == "auto" && f.Train != "" {
		guess, err := format.GuessLayout(f.Train)
		if err != nil {
			return nil, err
		}
		f.Layout = guess
	}
	data := train.NewExplicit()
	for _, file := range []struct {
		path string
		part dataset.Part
	}{{f.Data, dataset.TrainPart}, {f.Train, dataset.TrainPart}, {f.Valid, dataset.ValidationPart}, {f.Test, dataset.TestPart}} {
		if file.path == "" {
			continue
		}
		err := format.ReadPairs(file.path, f.Layout, func(p format.Pair) error {
			user, time := who(p)
			data.Add(file.part, user, p.Item, time)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	items, users, err := readDescriptions(f.Items, f.Users)
	data.Describe(items, users)
	return data, err
}

// split splits --data, or keeps some of --train for the choice of settings.
func (f *explicitFlags) split(data *train.Explicit, candidates []train.Candidate, rule string, next dataset.Prefixes) error {
	if f.Data != "" {
		return data.Split(train.Split(rule), train.Shares{Test: f.TestShare, Valid: f.ValidShare}, f.Seed)
	}
	if !train.NeedsValidation(candidates) || f.Valid != "" {
		return nil
	}
	if next != dataset.NoPrefixes {
		data.HoldBackNext(f.ValidShare, f.Seed)
	} else {
		data.HoldBack(f.ValidShare, f.Seed)
	}
	return nil
}

// printExplicit prints what a judgement on files was of, up to the table of
// the test; cases is what it calls those that it is a mean over.
func printExplicit(out *output, r *train.ExplicitResult, cases string) {
	out.endSteps()
	out.printf("%s users, %s items, %s training interactions\n", count(r.Users), count(r.Items), count(r.Training))
	if r.ColdUsers > 0 {
		out.printf("%s users have no training data and are not judged on\n", count(r.ColdUsers))
	}
	if r.LeftOut > 0 {
		out.printf("%s %s are left out of the test: their next item is known already, or they have no --negatives\n", count(r.LeftOut), cases)
	}
	if len(r.Validation) > 0 {
		out.printf("\nvalidation, on which settings are chosen:\n")
		printRows(out, r.Validation, strings.TrimPrefix(r.Metric, train.Sampled))
	}
	out.printf("\ntest, %s %s, with the settings chosen:\n", count(r.Test[0].Metrics.Users), cases)
}

func printSettings(out *output, rows []train.Judged) {
	for i := range rows {
		out.printf("%s: %s\n", rows[i].Kind, rows[i].Settings)
	}
}

// printErrors prints one line a row: metrics at the deciding cut-off with their
// standard errors.
func printErrors(out *output, rows []train.Judged, deciding string, names []string) {
	_, cut, _ := strings.Cut(deciding, "@")
	prefix := ""
	if strings.HasPrefix(deciding, train.Sampled) {
		prefix = train.Sampled
	}
	header, cells := []string{"MODEL"}, [][]string{}
	for _, name := range names {
		header = append(header, strings.ToUpper(prefix+name)+"@"+cut)
	}
	for i := range rows {
		row := []string{rows[i].Kind}
		for _, name := range names {
			e := rows[i].Metrics.Estimates[prefix+name+"@"+cut]
			row = append(row, fmt.Sprintf("%.4f ± %.4f", e.Mean, e.StdErr))
		}
		cells = append(cells, append(row, fmt.Sprintf("%.1f s", rows[i].FitTime.Seconds())))
	}
	out.table(append(header, "FIT"), cells)
}
