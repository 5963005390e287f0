package train

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"kindred"
	"kindred/dataset"
	"kindred/eval"
	"kindred/model"
)

// Judged is one candidate and what the hold-out said of it.
type Judged struct {
	Kind     string          `json:"kind"`
	Settings json.RawMessage `json:"settings"`
	Metrics  eval.Report     `json:"metrics"`
	FitTime  time.Duration   `json:"fit_time_ns"`
	// Better is the mean gain per user over popularity in the deciding
	// metric, with its standard error; NaN where popularity was not judged.
	Better eval.Estimate `json:"better_than_popular"`
	// Behind is the mean gain per user over the best, likewise; 0 for that.
	Behind eval.Estimate `json:"behind_best"`

	algorithm Candidate
}

// judge fits candidates on data and judges them on cases.
type judge struct {
	metric   Metric // decides
	ks       []int
	data     *dataset.Interactions
	cases    []dataset.Case
	seen     eval.Seen
	among    []bool                                    // by item: whether it is ranked; nil: all are
	lists    func(kind string) (io.WriteCloser, error) // nil, or returning nil: no lists
	progress func(Progress)
}

// all fits and judges candidates, best first.
func (j *judge) all(ctx context.Context, candidates []Candidate) ([]Judged, error) {
	if len(j.cases) == 0 {
		return nil, kindred.Errorf(kindred.Invalid, "there is nothing to judge by: nobody goes on to an item not known before "+
			"(is the right file given for each part? do users go back to items only, as --repeats allow would count?)")
	}
	var judged []Judged
	for _, c := range candidates {
		one, err := j.one(ctx, c)
		if err != nil {
			return judged, err
		}
		judged = append(judged, one)
	}
	compare(judged, j.metric)
	return judged, nil
}

// one fits and judges one candidate.
func (j *judge) one(ctx context.Context, c Candidate) (Judged, error) {
	result := Judged{Kind: c.Kind(), Settings: c.Settings(), algorithm: c}
	start := time.Now()
	learned, err := c.Fit(ctx, j.data, func(p model.Progress) { j.progress(Progress{Step: c.Kind() + ": fitting", Model: p}) })
	if err != nil {
		return result, fmt.Errorf("train: fitting %s: %w", c.Kind(), err)
	}
	result.FitTime = time.Since(start)
	return j.ranked(ctx, result, learned)
}

// ranked judges what ranks the items.
func (j *judge) ranked(ctx context.Context, result Judged, ranker eval.Ranker) (Judged, error) {
	j.progress(Progress{Step: result.Kind + ": judging"})
	if j.among != nil {
		ranker = onlyAmong{ranker, j.among}
	}
	users := j.data.ItemUsers()
	options := eval.Options{
		Ks: j.ks, ItemUsers: users, Propensities: propensities(users), Users: j.data.Users.Len(), PerUser: j.metric.String(), Seen: j.seen,
	}
	finish, err := j.writeLists(result.Kind, &options)
	if err != nil {
		return result, err
	}
	result.Metrics, err = eval.Judge(ctx, ranker, j.data.Items.Len(), j.cases, options)
	if err := errors.Join(err, finish()); err != nil {
		return result, fmt.Errorf("train: judging %s: %w", result.Kind, err)
	}
	return result, nil
}

// unbiasedPower is that of the propensities by which unbiased metrics count:
// Saito's for implicit feedback.
const unbiasedPower = 0.5

// propensities returns how likely each item was to be met, by its popularity.
func propensities(users []int32) []float32 {
	if len(users) == 0 {
		return nil
	}
	most := slices.Max(users)
	all := make([]float32, len(users))
	for i, n := range users {
		all[i] = float32(dataset.PopularityPropensity(n, most, unbiasedPower))
	}
	return all
}

// writeLists makes every ranked list go to the writer for the kind, if there
// is one, and returns what closes it.
func (j *judge) writeLists(kind string, options *eval.Options) (finish func() error, err error) {
	var w io.WriteCloser
	if j.lists != nil {
		w, err = j.lists(kind)
	}
	if w == nil || err != nil {
		return func() error { return nil }, err
	}
	buffer := bufio.NewWriter(w)
	options.Lists = func(user int32, items []int32, _ []float32) {
		_, _ = buffer.WriteString(j.data.Users.ID(user)) // an error stays with the buffer until Flush
		for _, i := range items {
			_ = buffer.WriteByte('\t')
			_, _ = buffer.WriteString(j.data.Items.ID(i))
		}
		_ = buffer.WriteByte('\n')
	}
	return func() error { return errors.Join(buffer.Flush(), w.Close()) }, nil
}

// compare sets each candidate's gain over popularity and over the best, and
// orders the candidates best first by the deciding metric.
func compare(judged []Judged, metric Metric) { compareWith(judged, metric, popular) }

// compareWith is compare with another kind than popularity.
func compareWith(judged []Judged, metric Metric, kind string) {
	at := slices.IndexFunc(judged, func(j Judged) bool { return j.Kind == kind })
	for i := range judged {
		var popular []float64
		if at >= 0 {
			popular = judged[at].Metrics.PerUser
		} else { // nothing to compare with: all NaN
			popular = nans(len(judged[i].Metrics.PerUser))
		}
		judged[i].Better = eval.Paired(judged[i].Metrics.PerUser, popular)
	}
	slices.SortStableFunc(judged, func(a, b Judged) int { return byMean(metric.String(), a, b) })
	for i := range judged {
		judged[i].Behind = eval.Paired(judged[i].Metrics.PerUser, judged[0].Metrics.PerUser)
	}
}

// byMean orders the better by a metric's mean first.
func byMean(metric string, a, b Judged) int {
	return cmp.Compare(b.Metrics.Estimates[metric].Mean, a.Metrics.Estimates[metric].Mean)
}

func isPopular(j Judged) bool { return j.Kind == popular }

// withCutoff returns the cut-offs ascending, the deciding one among them.
func withCutoff(ks []int, k int) []int {
	ks = append(slices.Clone(ks), k)
	slices.Sort(ks)
	return slices.Compact(ks)
}

// means returns the metrics without their standard errors; what could not be
// computed is left out.
func means(report eval.Report) map[string]float64 {
	m := map[string]float64{}
	for name, estimate := range report.Estimates {
		if !math.IsNaN(estimate.Mean) {
			m[name] = estimate.Mean
		}
	}
	return m
}

func nans(n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = math.NaN()
	}
	return x
}
