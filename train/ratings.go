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
	"runtime"
	"slices"
	"strings"
	"time"

	"kindred"
	"kindred/dataset"
	"kindred/eval"
	"kindred/linalg"
	"kindred/model"
)

// Ratings judges candidates by how near their predictions come to ratings
// held out, as the published tables of rating prediction do.
//
// Models learn from a fold's training rows and are asked for its test rows,
// each user known by what the history in training says and nothing else. Users
// and items that training has not seen get a prediction too.
type Ratings struct {
	users, items *dataset.Dict
	rows         []ratingRow
}

// ratingRow is one rating, in 24 bytes.
type ratingRow struct {
	user, item int32
	rating     float32
	time       int64 // unix seconds
}

// RatingFold says which rows, in order, are learned from, choose settings and
// test. Valid may be empty.
type RatingFold struct{ Train, Valid, Test []int }

// NewRatings returns Ratings without data.
func NewRatings() *Ratings { return &Ratings{users: dataset.NewDict(), items: dataset.NewDict()} }

// Add takes a rating in, given at some unix second, and returns its row.
func (x *Ratings) Add(user, item string, rating float64, at int64) (row int, err error) {
	if math.IsNaN(rating) || math.Abs(rating) > 1e9 {
		return 0, kindred.Errorf(kindred.Invalid, "the rating of item %q by user %q is %g (use a number of at most 1e9)", item, user, rating)
	}
	// The words may be slices of a reader's line, which Clone lets go.
	add := func(d *dataset.Dict, id string) int32 {
		if i, known := d.Index(id); known {
			return i
		}
		return d.Add(strings.Clone(id))
	}
	x.rows = append(x.rows, ratingRow{add(x.users, user), add(x.items, item), float32(rating), at})
	return len(x.rows) - 1, nil
}

// Folds deals all rows out into k folds by the seed: each tests once and is
// learned from otherwise.
func (x *Ratings) Folds(k int, seed uint64) ([]RatingFold, error) {
	if k < 2 || k > len(x.rows) {
		return nil, kindred.Errorf(kindred.Invalid, "%d folds of %d ratings (use 2 or more, and at most one for each rating)", k, len(x.rows))
	}
	folds := make([]RatingFold, k)
	for row, tests := range dataset.Folds(len(x.rows), k, seed) {
		for f := range folds {
			if f == int(tests) {
				folds[f].Test = append(folds[f].Test, row)
			} else {
				folds[f].Train = append(folds[f].Train, row)
			}
		}
	}
	return folds, nil
}

// RatingSettings say how Ratings judges.
type RatingSettings struct {
	Candidates []Candidate
	Metric     string // rmse or mae: chooses settings and orders the table
	// ValidShare of a fold's training rows chooses between several settings of
	// a kind, where the fold has no validation rows of its own. The chosen one
	// is fitted again on all of them.
	ValidShare float64
	Seed       uint64
	// Predictions, if set, is asked for a writer per kind, to which every test
	// row goes, fold after fold: user, item, rating and prediction,
	// tab-separated.
	Predictions func(kind string) (io.WriteCloser, error)
}

// JudgedRatings is one kind and what the test said of it.
type JudgedRatings struct {
	Kind     string              `json:"kind"`
	Settings []json.RawMessage   `json:"settings"` // chosen, by fold
	Metrics  eval.RatingReport   `json:"metrics"`
	Folds    []eval.RatingReport `json:"folds"`
	FitTime  time.Duration       `json:"fit_time_ns"` // of all folds, choosing left out
}

// RatingResult is what Ratings found.
type RatingResult struct {
	Users   int             `json:"users"`
	Items   int             `json:"items"`
	Ratings int             `json:"ratings"`
	Folds   int             `json:"folds"`
	Metric  string          `json:"metric"`
	Test    []JudgedRatings `json:"test"` // best first
}

// Judge chooses settings fold by fold, on data that the test has no part in,
// and judges the chosen ones.
func (x *Ratings) Judge(ctx context.Context, folds []RatingFold, s RatingSettings, progress func(Progress)) (RatingResult, error) {
	r := RatingResult{Users: x.users.Len(), Items: x.items.Len(), Ratings: len(x.rows), Folds: len(folds), Metric: s.Metric}
	if s.Metric != "rmse" && s.Metric != "mae" {
		return r, kindred.Errorf(kindred.Invalid, "%q is no metric to decide by (use rmse or mae)", s.Metric)
	}
	if progress == nil {
		progress = func(Progress) {}
	}
	for _, candidates := range byKind(s.Candidates) {
		judged, err := x.judgeKind(ctx, folds, candidates, s, progress)
		if err != nil {
			return r, err
		}
		r.Test = append(r.Test, judged)
	}
	slices.SortStableFunc(r.Test, func(a, b JudgedRatings) int {
		return cmp.Compare(a.Metrics.Estimates[s.Metric].Mean, b.Metrics.Estimates[s.Metric].Mean)
	})
	return r, nil
}

// byKind groups candidates, kinds in the order in which they first come.
func byKind(candidates []Candidate) [][]Candidate {
	var groups [][]Candidate
	for _, c := range candidates {
		at := slices.IndexFunc(groups, func(g []Candidate) bool { return g[0].Kind() == c.Kind() })
		if at < 0 {
			groups = append(groups, []Candidate{c})
		} else {
			groups[at] = append(groups[at], c)
		}
	}
	return groups
}

func (x *Ratings) judgeKind(ctx context.Context, folds []RatingFold, candidates []Candidate, s RatingSettings, progress func(Progress)) (judged JudgedRatings, err error) {
	judged.Kind = candidates[0].Kind()
	var to io.WriteCloser
	if s.Predictions != nil {
		if to, err = s.Predictions(judged.Kind); err != nil {
			return judged, err
		}
		defer func() { err = errors.Join(err, to.Close()) }()
	}
	for _, fold := range folds {
		chosen, err := x.choose(ctx, fold, candidates, s, progress)
		if err != nil {
			return judged, err
		}
		judged.Settings = append(judged.Settings, chosen.Settings())
		predictions, took, err := x.predict(ctx, chosen, slices.Concat(fold.Train, fold.Valid), fold.Test, progress)
		if err != nil {
			return judged, err
		}
		judged.FitTime += took
		judged.Folds = append(judged.Folds, x.report(fold.Test, predictions))
		if err := x.writePredictions(to, fold.Test, predictions); err != nil {
			return judged, err
		}
	}
	judged.Metrics = eval.OverFolds(judged.Folds)
	return judged, nil
}

// choose returns the candidate that does best on the fold's validation rows.
func (x *Ratings) choose(ctx context.Context, fold RatingFold, candidates []Candidate, s RatingSettings, progress func(Progress)) (Candidate, error) {
	if len(candidates) == 1 {
		return candidates[0], nil
	}
	if len(fold.Valid) == 0 {
		fold = holdBack(fold, s.ValidShare, s.Seed)
	}
	best, least := candidates[0], math.Inf(1)
	for _, c := range candidates {
		predictions, _, err := x.predict(ctx, c, fold.Train, fold.Valid, progress)
		if err != nil {
			return best, err
		}
		if miss := x.report(fold.Valid, predictions).Estimates[s.Metric].Mean; miss < least {
			best, least = c, miss
		}
	}
	return best, nil
}

// holdBack moves a share of the training rows to validation.
func holdBack(fold RatingFold, share float64, seed uint64) RatingFold {
	parts := max(2, int(math.Round(1/share)))
	held := RatingFold{Test: fold.Test}
	for at, part := range dataset.Folds(len(fold.Train), parts, seed) {
		if part == 0 {
			held.Valid = append(held.Valid, fold.Train[at])
		} else {
			held.Train = append(held.Train, fold.Train[at])
		}
	}
	return held
}

// predict fits a candidate on some rows, which takes took, and asks it for
// others.
func (x *Ratings) predict(ctx context.Context, c Candidate, learn, ask []int, progress func(Progress)) (predictions []float32, took time.Duration, err error) {
	data, err := x.interactions(learn)
	if err != nil {
		return nil, 0, err
	}
	start := time.Now()
	learned, err := c.Fit(ctx, data, func(p model.Progress) { progress(Progress{Step: c.Kind() + ": fitting", Model: p}) })
	if err != nil {
		return nil, 0, fmt.Errorf("train: fitting %s: %w", c.Kind(), err)
	}
	took = time.Since(start)
	predictor, ok := learned.(model.RatingPredictor)
	if !ok {
		return nil, 0, kindred.Errorf(kindred.Invalid, "%s ranks and does not predict ratings (use one of %s)",
			c.Kind(), strings.Join(RatingKinds(), ", "))
	}
	progress(Progress{Step: c.Kind() + ": judging"})
	predictions = make([]float32, len(ask))
	asked := x.asked(ask)
	linalg.Parallel(runtime.GOMAXPROCS(0), len(asked), func(_, lo, hi int) {
		for _, places := range asked[lo:hi] {
			if ctx.Err() != nil {
				return
			}
			x.predictUser(predictor, data, ask, places, predictions)
		}
	})
	return predictions, took, ctx.Err()
}

// asked groups the places in rows by user.
func (x *Ratings) asked(rows []int) (places [][]int) {
	at := map[int32]int{}
	for place, row := range rows {
		user := x.rows[row].user
		if _, known := at[user]; !known {
			at[user] = len(places)
			places = append(places, nil)
		}
		places[at[user]] = append(places[at[user]], place)
	}
	return places
}

// predictUser predicts one user's rows.
func (x *Ratings) predictUser(m model.RatingPredictor, data *dataset.Interactions, rows, places []int, predictions []float32) {
	var history dataset.History
	if u, known := data.Users.Index(x.users.ID(x.rows[rows[places[0]]].user)); known {
		history = data.History(int(u))
	}
	items, ratings := make([]int32, len(places)), make([]float32, len(places))
	for k, place := range places {
		items[k] = -1
		if i, known := data.Items.Index(x.items.ID(x.rows[rows[place]].item)); known {
			items[k] = i
		}
	}
	m.PredictRatings(ratings, history, items)
	for k, place := range places {
		predictions[place] = ratings[k]
	}
}

// interactions builds what models learn from the way the store's events go.
// Every rating counts as a meeting, so that no item is left out for being
// disliked.
func (x *Ratings) interactions(rows []int) (*dataset.Interactions, error) {
	settings := dataset.Defaults()
	settings.MinRating = -math.MaxFloat32
	b, latest := dataset.NewBuilder(settings), int64(0)
	for _, row := range rows {
		r := &x.rows[row]
		latest = max(latest, r.time)
		b.Add(&kindred.Event{
			User: kindred.UserID(x.users.ID(r.user)), Item: kindred.ItemID(x.items.ID(r.item)),
			Kind: kindred.Rating, Value: float64(r.rating), Time: time.Unix(r.time, 0),
		})
	}
	return b.Build(time.Unix(latest, 0))
}

func (x *Ratings) report(rows []int, predictions []float32) eval.RatingReport {
	users, ratings := make([]int32, len(rows)), make([]float32, len(rows))
	for k, row := range rows {
		users[k], ratings[k] = x.rows[row].user, x.rows[row].rating
	}
	return eval.Ratings(users, ratings, predictions)
}

func (x *Ratings) writePredictions(to io.Writer, rows []int, predictions []float32) error {
	if to == nil {
		return nil
	}
	w := bufio.NewWriter(to)
	for k, row := range rows {
		r := &x.rows[row]
		fmt.Fprintf(w, "%s\t%s\t%g\t%g\n", x.users.ID(r.user), x.items.ID(r.item), r.rating, predictions[k])
	}
	return w.Flush()
}

// RatingKinds returns the kinds that predict ratings, the simplest first.
func RatingKinds() []string {
	return []string{"baseline", "slopeone", "ratingknn", "ratingnmf", "svd", "svdpp", "bayesmf"}
}
