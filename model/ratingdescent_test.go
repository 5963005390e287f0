package model

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"math"
	"os"
	"testing"

	"kindred/dataset"
	"kindred/linalg"
)

// TestFoldInIsNoWorse descends on MovieLens 100K and predicts every fifth
// rating from the users' vectors as they ended and as they are folded in.
func TestFoldInIsNoWorse(t *testing.T) {
	train, test := movieLens(t)
	for name, fit := range map[string]ratingDescent{
		"svd":   {settings: *NewSVD()},
		"svdpp": {settings: SVD(*NewSVDPP()), implied: true},
	} {
		ratings, err := standardise(name, &dataset.Interactions{Ratings: train})
		if err != nil {
			t.Fatal(err)
		}
		fit.settings.Factors = 32
		fit.start(ratings.byUser)
		for epoch := 1; epoch <= fit.settings.Epochs; epoch++ {
			if _, err := fit.epoch(t.Context(), epoch); err != nil {
				t.Fatal(err)
			}
		}
		m, f := fit.learned(ratings.scale), fit.settings.Factors
		var ended, folded float64
		w := make([]float32, f)
		for u := range train.Rows() {
			rated, given := train.Row(u)
			items, truth := test.Row(u)
			predicted := make([]float32, len(items))
			m.PredictRatings(predicted, dataset.History{Rated: rated, Ratings: given}, items)
			clear(w)
			if fit.implied {
				impliedVector(w, fit.y, rated)
			}
			linalg.Axpy(1, fit.p[u*f:(u+1)*f], w)
			for k, i := range items {
				own := []float32{fit.biasU[u] + fit.biasI[i] + linalg.Dot(w, fit.q[int(i)*f:int(i+1)*f])}
				ratings.scale.ratings(own)
				ended += float64((own[0] - truth[k]) * (own[0] - truth[k]))
				folded += float64((predicted[k] - truth[k]) * (predicted[k] - truth[k]))
			}
		}
		n := float64(test.NNZ())
		ended, folded = math.Sqrt(ended/n), math.Sqrt(folded/n)
		t.Logf("%s: RMSE %.4f as training ended, %.4f folded in", name, ended, folded)
		if folded > ended+0.002 {
			t.Errorf("%s: RMSE %.4f folded in, %.4f as training ended", name, folded, ended)
		}
	}
}

// movieLens returns the ratings of MovieLens 100K, every fifth apart.
func movieLens(t *testing.T) (train, test *linalg.CSR) {
	t.Helper()
	file, err := os.Open("../../shared/data/ml-100k/u.data.gz")
	if err != nil {
		t.Skip("the data is not here: ", err)
	}
	defer file.Close() //nolint:errcheck // only read
	text, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	const users, items = 943, 1682
	var parts [2][users]map[int32]float32
	lines := bufio.NewScanner(text)
	for row := 0; lines.Scan(); row++ {
		var u, i int
		var rating float32
		if _, err := fmt.Sscan(lines.Text(), &u, &i, &rating); err != nil {
			t.Fatal(err)
		}
		part := &parts[min(1, row%5)][u-1]
		if *part == nil {
			*part = map[int32]float32{}
		}
		(*part)[int32(i-1)] = rating
	}
	matrix := func(rows *[users]map[int32]float32) *linalg.CSR {
		m := &linalg.CSR{Starts: []int{0}, Width: items}
		for _, row := range rows {
			for i := range int32(items) {
				if r, rated := row[i]; rated {
					m.Cols, m.Vals = append(m.Cols, i), append(m.Vals, r)
				}
			}
			m.Starts = append(m.Starts, len(m.Cols))
		}
		return m
	}
	return matrix(&parts[1]), matrix(&parts[0])
}
