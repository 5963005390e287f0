package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"kindred"
	"kindred/dataset"
	"kindred/format"
	"kindred/model"
	"kindred/train"
)

// evaluateRowsCmd judges rankers on files of labelled rows.
type evaluateRowsCmd struct {
	Model []string `help:"Candidate, as kind or kind:name=value,name=value; several with commas between them, or several times (default: logistic, fm, ffm, gbdt and rowstack as they come, and gbdt by LambdaMART for rows in groups). One that names no loss takes the one that the labels call for." sep:"none" aliases:"models"`

	Train string `help:"File of labelled rows to learn from." type:"existingfile" required:""`
	Valid string `help:"File of labelled rows to choose settings on and to stop by." type:"existingfile"`
	Test  string `help:"File of rows to predict; judged where they have labels." type:"existingfile" required:""`

	Format      string   `help:"Of these files: libsvm (label index:value …, qid:n for groups), libffm (label field:index:value …), csv or tsv (columns without a header are f1, f2 …); guessed by name and first line." enum:"auto,libsvm,libffm,csv,tsv" default:"auto"`
	Label       string   `help:"Column of the label, of CSV (guessed): numbers, or yes and no."`
	Weight      string   `help:"Column of the row's weight, of CSV."`
	Group       string   `help:"Column that says which rows are one list, of CSV; they must stand together."`
	Categorical []string `help:"Columns that are categories, whatever they look like."`
	Numeric     []string `help:"Columns that are numbers, whatever they look like."`
	Ignore      []string `help:"Columns to leave out."`

	ValidShare  float64 `help:"Share of the training rows kept for validation when there is no --valid." default:"0.1"`
	Refit       bool    `help:"Fit the chosen settings again on training and validation rows together, before the test (not with --calibrate)." default:"true" negatable:""`
	Calibrate   string  `help:"Correct probabilities on the validation rows: platt or isotonic." enum:"none,platt,isotonic" default:"none"`
	K           []int   `help:"Cut-offs, for rows in groups." default:"5,10"`
	Seed        uint64  `help:"Seed of every random choice." default:"1"`
	Predictions string  `help:"File for the test rows' predictions, one a line in the file's order; with several kinds their names are added to it." type:"path"`
	Importance  bool    `help:"Print how much each column matters."`
}

func (c *evaluateRowsCmd) Run(ctx context.Context, out *output) error {
	preferMemory()
	if len(c.K) == 0 || slices.Min(c.K) < 1 || c.ValidShare <= 0 || c.ValidShare >= 1 {
		return kindred.Errorf(kindred.Invalid, "--k takes cut-offs from 1 on, --valid-share a share between 0 and 1")
	}
	settings := train.RowSettings{ValidShare: c.ValidShare, Ks: c.K, Refit: c.Refit, Seed: c.Seed}
	if c.Calibrate != "none" {
		settings.Calibration = model.Calibration(c.Calibrate)
	}
	if err := c.candidates(&settings); err != nil {
		return err
	}
	if err := c.read(&settings, out); err != nil {
		return err
	}
	if err := c.takeLoss(&settings, out); err != nil {
		return err
	}
	result, err := train.JudgeRows(ctx, settings, out.steps())
	if err != nil {
		return err
	}
	out.endSteps()
	if err := c.write(result); err != nil {
		return err
	}
	if !c.Importance {
		for i := range result.Test {
			result.Test[i].Importance = nil
		}
	}
	return out.result(result, func() { c.print(result, settings.Test.Labelled(), out) })
}

func (c *evaluateRowsCmd) candidates(settings *train.RowSettings) error {
	texts := c.Model
	if len(texts) == 0 {
		texts = model.RowKinds()
	}
	for _, text := range splitCandidates(texts) {
		candidate, err := train.ParseRowCandidate(text, c.Seed)
		if err != nil {
			return err
		}
		settings.Candidates = append(settings.Candidates, candidate)
	}
	return nil
}

// takeLoss has the candidates learn by the loss that the labels call for.
func (c *evaluateRowsCmd) takeLoss(settings *train.RowSettings, out *output) (err error) {
	loss := train.LossOf(settings.Train.Labels)
	if loss == "squared" {
		out.notef("labels are numbers from %g to %g, so the squared loss is taken where none is named (for probabilities, labels are 0 and 1)\n",
			slices.Min(settings.Train.Labels), slices.Max(settings.Train.Labels))
		if len(c.Model) == 0 { // logistic knows no other loss
			settings.Candidates = slices.DeleteFunc(settings.Candidates, func(a train.RowCandidate) bool { return a.Kind() == "logistic" })
		}
	}
	if settings.Candidates, err = train.TakeLoss(settings.Candidates, loss); err != nil || len(c.Model) > 0 || settings.Train.Groups == nil {
		return err
	}
	ranking, err := train.ParseRowCandidate("gbdt:loss=lambdamart", c.Seed)
	settings.Candidates = append(settings.Candidates, ranking)
	return err
}

// read reads the files and says what was not understood.
func (c *evaluateRowsCmd) read(settings *train.RowSettings, out *output) (err error) {
	reader := format.NewRowReader(format.RowOptions{
		Format: c.Format, Label: c.Label, Weight: c.Weight, Group: c.Group,
		Categorical: c.Categorical, Numeric: c.Numeric, Ignore: c.Ignore,
	})
	if settings.Train, err = reader.Train(c.Train); err != nil {
		return err
	}
	if c.Valid != "" {
		if settings.Valid, err = reader.Read(c.Valid); err != nil {
			return err
		}
	}
	if settings.Test, err = reader.Read(c.Test); err != nil {
		return err
	}
	out.notef("%s training rows; columns %s\n", count(settings.Train.Len()), describeColumns(settings.Train.Columns))
	if reader.Rejected > 0 {
		out.notef("%s rows were not understood: those of the training file are left out, others predicted as if nothing were known. The first:\n", count(reader.Rejected))
		for _, bad := range reader.Rejects {
			out.notef("  %v\n", bad)
		}
	}
	return nil
}

// describeColumns tells what the columns were taken for.
func describeColumns(columns *dataset.Columns) string {
	const most = 60
	var parts []string
	for c := range min(columns.Len(), most) {
		kind := "number"
		if n := columns.Codes(c); n > 0 {
			kind = count(n-1) + " categories"
		}
		parts = append(parts, fmt.Sprintf("%s (%s)", columns.Names[c], kind))
	}
	if n := columns.Len() - most; n > 0 {
		parts = append(parts, fmt.Sprintf("and %s more", count(n)))
	}
	return strings.Join(parts, ", ")
}

// write writes the predictions.
func (c *evaluateRowsCmd) write(result *train.RowResult) error {
	if c.Predictions == "" {
		return nil
	}
	for i := range result.Test {
		path := c.Predictions
		if len(result.Test) > 1 {
			path += "." + result.Test[i].Kind
		}
		if err := writeNumbers(path, result.Test[i].Predictions); err != nil {
			return err
		}
	}
	return nil
}

// writeNumbers writes one number a line.
func writeNumbers(path string, numbers []float32) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("writing predictions: %w", err)
	}
	w := bufio.NewWriter(f)
	var line []byte
	for _, x := range numbers {
		line = append(strconv.AppendFloat(line[:0], float64(x), 'g', -1, 32), '\n')
		if _, err = w.Write(line); err != nil {
			break
		}
	}
	if err = errors.Join(err, w.Flush(), f.Close()); err != nil {
		return fmt.Errorf("writing predictions: %w", err)
	}
	return nil
}

// print prints the tables.
func (c *evaluateRowsCmd) print(result *train.RowResult, labelled bool, out *output) { //nolint:revive // whether there is a test to show
	out.printf("validation, on which settings are chosen:\n")
	printJudgedRows(out, result.Validation)
	if labelled {
		out.printf("\ntest, with the settings chosen, ± standard error:\n")
		printJudgedRows(out, result.Test)
	} else {
		out.printf("\nthe test rows have no labels: they are predicted, not judged\n")
	}
	for i := range result.Test {
		j := &result.Test[i]
		out.printf("%s: %s\n", j.Kind, j.Settings)
		if c.Importance {
			out.printf("%s\n", importance(result.Columns, j.Importance))
		}
	}
}

func printJudgedRows(out *output, judged []train.JudgedRows) {
	var names []string // of all candidates, whose losses may differ
	for i := range judged {
		for _, name := range judged[i].Metrics.Names {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	header := []string{"MODEL"}
	for _, name := range names {
		header = append(header, strings.ToUpper(name))
	}
	var rows [][]string
	for i := range judged {
		j := &judged[i]
		row := []string{j.Kind}
		for _, name := range names {
			e, known := j.Metrics.Estimates[name]
			switch {
			case !known || math.IsNaN(e.Mean):
				row = append(row, "-")
			case math.IsNaN(e.StdErr):
				row = append(row, fmt.Sprintf("%.5f", e.Mean))
			default:
				row = append(row, fmt.Sprintf("%.5f ± %.5f", e.Mean, e.StdErr))
			}
		}
		rows = append(rows, append(row, count(j.Metrics.Rows), fmt.Sprint(j.Epochs), fmt.Sprintf("%.1f s", j.FitTime.Seconds())))
	}
	out.table(append(header, "ROWS", "EPOCHS", "FIT"), rows)
}

// importance lists the columns that matter most.
func importance(columns []string, shares []float64) string {
	order := make([]int, len(columns))
	for k := range order {
		order[k] = k
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(shares[b], shares[a]) })
	var parts []string
	for _, k := range order[:min(len(order), 30)] {
		parts = append(parts, fmt.Sprintf("  %5.1f %%  %s", 100*shares[k], columns[k]))
	}
	return strings.Join(parts, "\n")
}
