package model_test

import (
	"cmp"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"kindred/dataset"
	"kindred/linalg"
	"kindred/model"
)

// sale is a line of an invoice, under indices.
type sale struct {
	invoice, user, item int32
	time                int64
}

// retail returns the clean sales of Online Retail to known customers, oldest
// first, and how many invoices, users and items there are.
func retail(tb testing.TB) (sales []sale, invoices, users, items int) {
	tb.Helper()
	file, err := os.Open(filepath.Join("..", "..", "shared", "data", "online-retail", "online_retail.csv.gz"))
	if err != nil {
		tb.Skipf("the Online Retail data is not there: %v", err)
	}
	defer func() { _ = file.Close() }() // only read from
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		tb.Fatal(err)
	}
	rows := csv.NewReader(unzipped)
	rows.ReuseRecord = true
	var names [3]*dataset.Dict
	for n := range names {
		names[n] = dataset.NewDict()
	}
	for first := true; ; first = false {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			tb.Fatal(err)
		}
		quantity, _ := strconv.Atoi(row[3]) // what cannot be read is not clean
		price, _ := strconv.ParseFloat(row[5], 64)
		if first || strings.HasPrefix(row[0], "C") || row[6] == "" || quantity <= 0 || price <= 0 {
			continue
		}
		moment, err := time.Parse(time.DateTime, row[4])
		if err != nil {
			tb.Fatal(err)
		}
		s := sale{time: moment.Unix()}
		s.invoice, s.user, s.item = names[0].Add(strings.Clone(row[0])), names[1].Add(strings.Clone(row[6])), names[2].Add(strings.Clone(row[1]))
		sales = append(sales, s)
	}
	slices.SortStableFunc(sales, func(a, b sale) int { return cmp.Compare(a.time, b.time) })
	return sales, names[0].Len(), names[1].Len(), names[2].Len()
}

// BenchmarkRetailRules is the counterpart of bench/peers/mlxtend_rules.py: the
// sets of up to three items that a half per cent of the invoices hold.
func BenchmarkRetailRules(b *testing.B) {
	sales, invoices, _, items := retail(b)
	rows := make([][]int32, invoices)
	for _, s := range sales {
		if !slices.Contains(rows[s.invoice], s.item) {
			rows[s.invoice] = append(rows[s.invoice], s.item)
		}
	}
	data := interactions(items, rows...)
	for _, miner := range []string{"fpgrowth", "apriori"} {
		b.Run(miner, func(b *testing.B) {
			a := allRules(0.005, 3)
			a.Miner = miner
			b.ReportAllocs()
			for b.Loop() {
				learned, err := a.Fit(b.Context(), data, nil)
				if err != nil {
					b.Fatal(err)
				}
				book, ok := learned.(*model.RuleBook)
				if !ok {
					b.Fatal("another shape")
				}
				b.ReportMetric(float64(book.Rules()), "rules")
			}
		})
	}
}

// BenchmarkRetailRepeats judges what customers buy in a month, what they had
// before included, learned from all before it: the month from 9 October 2011
// validates, that from 9 November tests.
func BenchmarkRetailRepeats(b *testing.B) {
	sales, _, users, items := retail(b)
	repeat, covisit, knn := model.NewRepeat(), model.NewCovisit(), model.NewItemKNN()
	repeat.Tail, covisit.Repeats = "none", "keep"
	for month, cut := range map[string]time.Month{"validation": time.October, "test": time.November} {
		from := time.Date(2011, cut, 9, 0, 0, 0, 0, time.UTC)
		train, relevant := retailMonth(sales, users, items, from.Unix(), from.AddDate(0, 1, 1).Unix())
		var learned []model.Learned
		for _, a := range []model.Algorithm{repeat, covisit, knn} {
			m, err := a.Fit(b.Context(), train, nil)
			if err != nil {
				b.Fatal(err)
			}
			learned = append(learned, m)
		}
		for name, weights := range map[string][]float32{
			"repeat": {1, 0, 0}, "covisit": {0, 1, 0}, "itemknn": {0, 0, 1},
			"repeat and covisit": {1, 0.3, 0}, "repeat and itemknn": {1, 0, 0.3},
		} {
			b.Run(month+"/"+name, func(b *testing.B) {
				for b.Loop() {
					recall, gain := judgeRepeats(learned, weights, train, relevant, from.Unix())
					b.ReportMetric(recall, "recall@20")
					b.ReportMetric(gain, "ndcg@20")
				}
			})
		}
	}
}

// retailMonth splits sales: what was before, and by user, who must be known,
// what was bought from one moment to the other.
func retailMonth(sales []sale, users, items int, from, to int64) (train *dataset.Interactions, relevant [][]int32) {
	steps, rows := make([][]sale, users), make([][]int32, users)
	relevant = make([][]int32, users)
	for _, s := range sales {
		switch {
		case s.time < from:
			steps[s.user] = append(steps[s.user], s)
		case s.time < to && len(steps[s.user]) > 0 && !slices.Contains(relevant[s.user], s.item):
			relevant[s.user] = append(relevant[s.user], s.item)
		}
	}
	q := &dataset.Sequences{Starts: []int{0}}
	for u, mine := range steps {
		for _, s := range mine {
			if !slices.Contains(rows[u], s.item) {
				rows[u] = append(rows[u], s.item)
			}
			q.Items, q.Times = append(q.Items, s.item), append(q.Times, s.time)
			q.Weights, q.Baskets = append(q.Weights, 1), append(q.Baskets, s.invoice)
		}
		q.Starts = append(q.Starts, len(q.Items))
	}
	train = interactions(items, rows...)
	train.Sequences = q
	return train, relevant
}

// judgeRepeats ranks all items by the weighted sum of several models' scores,
// each divided by its best.
func judgeRepeats(learned []model.Learned, weights []float32, train *dataset.Interactions, relevant [][]int32, now int64) (recall, gain float64) {
	recalls, gains, judged := make([]float64, len(relevant)), make([]float64, len(relevant)), 0
	for u := range relevant {
		if len(relevant[u]) > 0 {
			judged++
		}
	}
	linalg.Parallel(2, len(relevant), func(_, lo, hi int) {
		for u := lo; u < hi; u++ {
			if len(relevant[u]) == 0 {
				continue
			}
			history := train.History(u)
			history.Now = now
			sum := make([]float32, train.ByUser.Width)
			for m, weight := range weights {
				if weight > 0 {
					scores := scoresOf(learned[m], history)
					linalg.Axpy(weight/max(slices.Max(scores), 1e-20), scores, sum)
				}
			}
			ideal := 0.0
			for place, best := range linalg.TopK(nil, sum, 20) {
				discount := 1 / math.Log2(float64(place+2))
				if slices.Contains(relevant[u], best.Index) {
					recalls[u] += 1 / float64(len(relevant[u]))
					gains[u] += discount
				}
				if place < len(relevant[u]) {
					ideal += discount
				}
			}
			gains[u] /= ideal
		}
	})
	for u := range recalls {
		recall += recalls[u] / float64(judged)
		gain += gains[u] / float64(judged)
	}
	return recall, gain
}
