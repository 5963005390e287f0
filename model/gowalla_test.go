package model_test

import (
	"bufio"
	"compress/gzip"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"kindred/dataset"
	"kindred/linalg"
	"kindred/model"
)

const gowallaItems = 40_981

// BenchmarkGowalla is the counterpart of bench/peers/implicit_gowalla.py:
// the same data, protocol and metric.
func BenchmarkGowalla(b *testing.B) {
	train := interactions(gowallaItems, adjacency(b, "train.txt.gz")...)
	relevant := adjacency(b, "test.txt.gz")
	for name, run := range map[string]struct{ kind, settings string }{
		"ials64":    {"ials", `{"factors": 64}`},
		"itemknn20": {"itemknn", `{"neighbours": 20}`},
		"bm25_20":   {"itemknn", `{"neighbours": 20, "similarity": "bm25"}`},
		"tfidf_20":  {"itemknn", `{"neighbours": 20, "similarity": "tfidf"}`},
	} {
		b.Run(name, func(b *testing.B) {
			algorithm, err := model.FromJSON(run.kind, []byte(run.settings))
			if err != nil {
				b.Fatal(err)
			}
			var epochs, processor []float64
			var learned model.Learned
			for b.Loop() {
				last, start := b.Elapsed(), processorSeconds()
				learned, err = algorithm.Fit(b.Context(), train, func(model.Progress) {
					epochs = append(epochs, (b.Elapsed() - last).Seconds())
					last = b.Elapsed()
				})
				if err != nil {
					b.Fatal(err)
				}
				processor = append(processor, processorSeconds()-start)
			}
			slices.Sort(epochs)
			slices.Sort(processor)
			b.ReportMetric(processor[len(processor)/2], "cpu-s/op")
			b.ReportMetric(epochs[len(epochs)/2], "s/epoch")
			b.ReportMetric(ndcg(learned, train, relevant), "ndcg@20")
		})
	}
}

// ndcg is the mean NDCG@20 of users with something relevant, their training
// items hidden.
func ndcg(learned model.Learned, train *dataset.Interactions, relevant [][]int32) float64 {
	sums := make([]float64, len(relevant))
	linalg.Parallel(2, len(relevant), func(_, lo, hi int) {
		for u := lo; u < hi; u++ {
			var gain, ideal float64
			for place, item := range topUnseen(learned, train.History(u), 20) {
				discount := 1 / math.Log2(float64(place+2))
				if slices.Contains(relevant[u], item) {
					gain += discount
				}
				if place < len(relevant[u]) {
					ideal += discount
				}
			}
			sums[u] = gain / max(ideal, 1e-9)
		}
	})
	var sum float64
	judged := 0
	for u, x := range sums {
		if len(relevant[u]) > 0 {
			sum += x
			judged++
		}
	}
	return sum / float64(judged)
}

// adjacency reads a file of lines "user item item …", users counting up from 0.
func adjacency(tb testing.TB, name string) (rows [][]int32) {
	tb.Helper()
	file, err := os.Open(filepath.Join("..", "..", "shared", "data", "gowalla_m1", name))
	if err != nil {
		tb.Skipf("the Gowalla data is not there: %v", err)
	}
	defer func() { _ = file.Close() }() // only read from
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		tb.Fatal(err)
	}
	lines := bufio.NewScanner(unzipped)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var row []int32
		for n, field := range strings.Fields(lines.Text()) {
			x, err := strconv.ParseInt(field, 10, 32)
			if err != nil {
				tb.Fatal(err)
			}
			if n == 0 {
				if int(x) != len(rows) {
					tb.Fatalf("%s: line %d is about user %d", name, len(rows), x)
				}
				continue
			}
			row = append(row, int32(x))
		}
		rows = append(rows, row)
	}
	if err := lines.Err(); err != nil {
		tb.Fatal(err)
	}
	return rows
}
