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

	Data    string   `help:"One file of interactions to split by --split." type:"existingfile"`
	Train   string   `help:"File of training interactions." type:"existingfile"`
	Valid   string   `help:"File of validation interactions, to choose settings on." type:"existingfile"`
	Test    string   `help:"File of test interactions; looked at once, with the chosen settings." type:"existingfile"`
	Layout  string   `help:"Of these files (guessed from the training file): adjacency (user item item …), triples (user item [value] [time]), recbole, sequence (as adjacency, in time order), jsonl, parquet." enum:"auto,adjacency,triples,recbole,sequence,jsonl,parquet" default:"auto"`
	Columns []string `help:"Names of the columns of triples without a header: user, item, value, time, session, position, propensity, and - for others (guessed: user, item, value, time; a column of dates is the time)."`

	Items []string `help:"File of what is said of the items (MovieLens, CSV, JSON Lines, item2attributes.json); may be given several times." type:"existingfile" sep:"none"`
	Users []string `help:"File of what is said of the users." type:"existingfile" sep:"none"`

	Signals string `help:"A kindred.yaml whose kinds and signals say how training pairs weigh (each counts as a view, with its value, position and propensity), what becomes of the sums, and what stands for missing attributes. All pairs weigh 1 without." type:"existingfile"`

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
	add, err := f.weighed(data)
	if err != nil {
		return nil, err
	}
	for _, file := range []struct {
		path string
		part dataset.Part
	}{{f.Data, dataset.TrainPart}, {f.Train, dataset.TrainPart}, {f.Valid, dataset.ValidationPart}, {f.Test, dataset.TestPart}} {
		if file.path == "" {
			continue
		}
		err := format.ReadPairs(file.path, format.PairOptions{Layout: f.Layout, Columns: f.Columns}, func(p format.Pair) error {
			user, time := who(p)
			add(file.part, user, time, &p)
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

// weighed returns what adds a pair, by --signals if they are given.
func (f *explicitFlags) weighed(data *train.Explicit) (add func(part dataset.Part, user string, time int64, p *format.Pair), err error) {
	if f.Signals == "" {
		return func(part dataset.Part, user string, time int64, p *format.Pair) { data.Add(part, user, p.Item, time) }, nil
	}
	cfg, err := engine.ReadConfig(f.Signals)
	if err != nil {
		return nil, err
	}
	signals := cfg.Dataset()
	switch view := signals.Signals[kindred.View]; {
	case cfg.Signals.Debias.Estimate != train.NoPositions:
		return nil, kindred.Errorf(kindred.Invalid, "%s: debias.estimate needs lists that were shown, which files of pairs do not have (give debias.curve)", f.Signals)
	case signals.HalfLife != 0:
		return nil, kindred.Errorf(kindred.Invalid, "%s: half_life does not go with files of pairs, which may have no times (leave it out)", f.Signals)
	case view.From != "" && view.From != dataset.ValueReading || view.Negative || view.Below == dataset.DislikeBelow:
		return nil, kindred.Errorf(kindred.Invalid, "%s: signals.kinds.view: pairs of files have a value and nothing else, and reject nothing (leave from, negative and below out)", f.Signals)
	}
	data.Weigh(signals)
	return func(part dataset.Part, user string, time int64, p *format.Pair) {
		e := kindred.Event{User: kindred.UserID(user), Item: kindred.ItemID(p.Item), Kind: kindred.View, Value: p.Value, Position: p.Position}
		if p.Propensity > 0 {
			e.Context = fmt.Appendf(nil, `{"propensity":%g}`, p.Propensity)
		}
		data.AddEvent(part, &e, time)
	}, nil
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
	if r.PassedOver > 0 {
		out.printf("%s training pairs teach nothing by --signals and are passed over\n", count(r.PassedOver))
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
