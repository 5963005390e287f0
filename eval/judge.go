package eval

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"

	"kindred"
	"kindred/dataset"
	"kindred/linalg"
)

// Ranker scores every item for a history, higher is better; model.Learned is
// one. It must bear concurrent calls.
type Ranker interface {
	Score(scores []float32, history dataset.History)
}

// BatchRanker is a Ranker that is faster at many histories at once: scores is
// histories×items, row-major.
type BatchRanker interface {
	Ranker
	ScoreBatch(scores []float32, histories []dataset.History)
}

// Seen says what becomes of the items of a user's history.
type Seen uint8

// What becomes of items of the history.
const (
	HideSeen Seen = iota // they are never recommended
	RankSeen             // they compete like any other
)

// Options say what Judge measures.
type Options struct {
	Ks      []int // cut-offs, at least one
	Workers int   // 0: one for each core
	Seen    Seen
	// ItemUsers is how many training users met each item, and Users how many
	// there were: popularity needs the former, novelty both.
	ItemUsers []int32
	Users     int
	// Propensities are how likely each item was to be met, above 0 (such as
	// dataset.PopularityPropensity); nil: no unbiased metrics.
	Propensities []float32
	// PerUser names a metric, as "ndcg@20", whose value for every case is
	// kept in the report.
	PerUser string
	// Lists, if given, is called with every case's ranked list, in case order,
	// from one goroutine. The slices are reused.
	Lists func(user int32, items []int32, scores []float32)
}

// Report is what Judge found.
type Report struct {
	Users     int                 `json:"users"`     // cases judged
	Estimates map[string]Estimate `json:"estimates"` // by name, as "ndcg@20"
	Names     []string            `json:"names"`     // in the order to show them
	PerUser   []float64           `json:"-"`         // by case, of Options.PerUser
}

const (
	// groupCases are scored at a time by one worker; a group never depends on
	// the number of workers, so neither does the result.
	groupCases = 32
	// blockCases are judged between two returns to case order; it bounds the
	// memory for lists.
	blockCases = 4096
)

// Judge ranks all items for every case, or the case's candidates where it has
// some, and averages the metrics: recall,
// recall_capped, precision, hit_rate, ndcg, map, map_relevant and mrr (see
// Values), with Propensities unbiased_recall and unbiased_ndcg (see Unbiased),
// and
//
//	coverage@k    distinct items recommended / items
//	gini@k        see Gini
//	popularity@k  mean users of a list's items (with ItemUsers)
//	novelty@k     mean of -log2(users of item / users), an unseen item
//	              counting as met by one user (with ItemUsers and Users)
//	revenue@k     sum of the gains of the hits (of cases that have gains)
//
// Cases without a relevant item count in the list-wide metrics only. The
// result is the same for any number of workers. Cost: a Score and a pass over
// the items for each case; one row of scores for each worker (32 rows with a
// BatchRanker).
func Judge(ctx context.Context, ranker Ranker, items int, cases []dataset.Case, o Options) (Report, error) {
	if err := o.validate(items); err != nil {
		return Report{}, err
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	j := &judgement{Options: o, items: items, ranker: ranker, report: Report{Users: len(cases)}}
	j.Ks = slices.Compact(slices.Sorted(slices.Values(o.Ks)))
	for _, k := range j.Ks {
		t := &tally{counts: make([]int, items)}
		for m, name := range o.names() {
			t.kept[m] = o.PerUser == at(name, k)
		}
		j.perK = append(j.perK, t)
	}
	workers := make([]worker, o.Workers)
	lists := make([][]linalg.Scored, min(blockCases, len(cases)))
	for block := range slices.Chunk(cases, blockCases) {
		groups := (len(block) + groupCases - 1) / groupCases
		linalg.Parallel(o.Workers, groups, func(w, lo, hi int) {
			for g := lo; g < hi && ctx.Err() == nil; g++ {
				from, to := g*groupCases, min((g+1)*groupCases, len(block))
				j.rank(&workers[w], block[from:to], lists[from:to])
			}
		})
		if err := ctx.Err(); err != nil {
			return Report{}, err
		}
		for i := range block {
			j.count(&block[i], lists[i])
		}
	}
	return j.finish(), nil
}

func (o Options) validate(items int) error {
	if len(o.Ks) == 0 || slices.Min(o.Ks) < 1 {
		return kindred.Errorf(kindred.Invalid, "cut-offs are %v (give at least one, all 1 or more)", o.Ks)
	}
	if o.ItemUsers != nil && len(o.ItemUsers) != items {
		return kindred.Errorf(kindred.Invalid, "popularity is given for %d items of %d", len(o.ItemUsers), items)
	}
	if o.Propensities != nil && (len(o.Propensities) != items || items > 0 && !(slices.Min(o.Propensities) > 0)) {
		return kindred.Errorf(kindred.Invalid, "propensities are given for %d items of %d, or not above 0", len(o.Propensities), items)
	}
	if o.PerUser == "" {
		return nil
	}
	for _, k := range o.Ks {
		for _, name := range o.names() {
			if o.PerUser == at(name, k) {
				return nil
			}
		}
	}
	return kindred.Errorf(kindred.Invalid, "%q is not measured for each user (use one of %s, with a cut-off of %v)",
		o.PerUser, strings.Join(o.names(), ", "), o.Ks)
}

// names are the metrics measured for each user.
func (o Options) names() []string {
	if o.Propensities == nil {
		return names()
	}
	return slices.Concat(names(), unbiasedNames())
}

func at(name string, k int) string { return fmt.Sprintf("%s@%d", name, k) }

// judgement is the state of one Judge.
type judgement struct {
	Options
	items      int
	ranker     Ranker
	perK       []*tally // by Ks
	report     Report
	listItems  []int32
	listScores []float32
}

// tally is what is summed at one cut-off.
type tally struct {
	metrics                      [10]running // in the order of Options.names
	kept                         [10]bool    // which one goes to the report for every user
	popularity, novelty, revenue running
	counts                       []int // recommendations by item
}

// worker is one goroutine's scratch memory.
type worker struct {
	scores    []float32
	histories []dataset.History
}

// rank fills the list of every case of a group.
func (j *judgement) rank(w *worker, group []dataset.Case, lists [][]linalg.Scored) {
	batch, batched := j.ranker.(BatchRanker)
	rows := 1
	if batched {
		rows = groupCases
	}
	if w.scores == nil {
		w.scores = make([]float32, rows*j.items)
	}
	if batched {
		w.histories = w.histories[:0]
		for i := range group {
			w.histories = append(w.histories, group[i].History)
		}
		batch.ScoreBatch(w.scores[:len(group)*j.items], w.histories)
	}
	for i := range group {
		row := w.scores[:j.items]
		if batched {
			row = w.scores[i*j.items : (i+1)*j.items]
		} else {
			j.ranker.Score(row, group[i].History)
		}
		if j.Seen == HideSeen {
			for _, item := range group[i].History.Items {
				row[item] = float32(math.Inf(-1))
			}
		}
		if given := group[i].Candidates; given != nil {
			lists[i] = among(lists[i], row, given, slices.Max(j.Ks))
		} else {
			lists[i] = linalg.TopK(lists[i], row, slices.Max(j.Ks))
		}
	}
}

// among is linalg.TopK over the given items only.
func among(list []linalg.Scored, scores []float32, given []int32, k int) []linalg.Scored {
	list = list[:0]
	for _, i := range given {
		if score := scores[i]; score > float32(math.Inf(-1)) {
			list = append(list, linalg.Scored{Index: i, Score: score})
		}
	}
	return linalg.Best(list, k)
}

// count takes one case's list into the sums.
func (j *judgement) count(c *dataset.Case, list []linalg.Scored) {
	j.listItems, j.listScores = j.listItems[:0], j.listScores[:0]
	for _, s := range list {
		j.listItems, j.listScores = append(j.listItems, s.Index), append(j.listScores, s.Score)
	}
	if j.Lists != nil {
		j.Lists(c.User, j.listItems, j.listScores)
	}
	for n, k := range j.Ks {
		top := j.listItems[:min(k, len(j.listItems))]
		t := j.perK[n]
		values := Measure(top, c.Relevant, k).list()
		if j.Propensities != nil {
			recall, ndcg := Unbiased(top, c.Relevant, k, j.Propensities)
			values = append(values, recall, ndcg)
		}
		for m, x := range values {
			t.metrics[m].add(x)
			if t.kept[m] {
				j.report.PerUser = append(j.report.PerUser, x)
			}
		}
		j.countItems(t, c, top)
	}
}

func (j *judgement) countItems(t *tally, c *dataset.Case, top []int32) {
	popularity, novelty, revenue := 0.0, 0.0, 0.0
	for _, item := range top {
		t.counts[item]++
		if j.ItemUsers != nil {
			users := float64(j.ItemUsers[item])
			popularity += users
			novelty -= math.Log2(max(1, users) / float64(j.Users))
		}
		if at, hit := slices.BinarySearch(c.Relevant, item); hit && c.Gains != nil {
			revenue += float64(c.Gains[at])
		}
	}
	if len(top) > 0 && j.ItemUsers != nil {
		t.popularity.add(popularity / float64(len(top)))
		if j.Users > 0 {
			t.novelty.add(novelty / float64(len(top)))
		}
	}
	if c.Gains != nil {
		t.revenue.add(revenue)
	}
}

// finish turns the sums into the report.
func (j *judgement) finish() Report {
	j.report.Estimates = map[string]Estimate{}
	for n, k := range j.Ks {
		t := j.perK[n]
		put := func(name string, e Estimate) {
			j.report.Estimates[at(name, k)] = e
			j.report.Names = append(j.report.Names, at(name, k))
		}
		for m, name := range j.names() {
			put(name, t.metrics[m].estimate())
		}
		distinct := 0
		for _, c := range t.counts {
			if c > 0 {
				distinct++
			}
		}
		put("coverage", Estimate{float64(distinct) / float64(j.items), math.NaN()})
		put("gini", Estimate{Gini(t.counts), math.NaN()})
		if j.ItemUsers != nil {
			put("popularity", t.popularity.estimate())
		}
		if j.ItemUsers != nil && j.Users > 0 {
			put("novelty", t.novelty.estimate())
		}
		if t.revenue.n > 0 {
			put("revenue", t.revenue.estimate())
		}
	}
	return j.report
}
