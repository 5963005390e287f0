package model_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"kindred/dataset"
	"kindred/linalg"
	"kindred/model"
)

// TestItemKNN compares every similarity with its dense definition, all pairs
// and in float64, with and without ratings.
func TestItemKNN(t *testing.T) {
	data := clusters(50, 30, 3, 2)
	for k := range data.ByUser.Vals {
		data.ByUser.Vals[k] = 1 + float32(k%5)
	}
	rated := *data
	rated.Ratings = rate(data.ByUser)
	for _, settings := range []string{
		`"neighbours": 30, "shrink": 0, "heavy_users": 0`,
		`"neighbours": 4, "shrink": 0, "heavy_users": 0`,
		`"shrink": 3, "heavy_users": 1`,
		`"neighbours": 7, "shrink": 1, "weight_power": 0.5`,
		`"weight_power": 1, "max_history": 6`,
		`"asymmetry": 0.2, "locality": 2, "popularity_discount": 0.3, "normalise": 0.5`,
		`"similarity": "jaccard"`,
		`"similarity": "jaccard", "weight_power": 1, "shrink": 0`,
		`"similarity": "pearson", "shrink": 0, "heavy_users": 0`,
		`"similarity": "pearson", "weight_power": 1, "heavy_users": 1`,
		`"similarity": "adjusted_cosine", "shrink": 0, "heavy_users": 0`,
		`"similarity": "adjusted_cosine", "weight_power": 1`,
		`"similarity": "tfidf", "weight_power": 1, "heavy_users": 0`,
		`"similarity": "bm25", "weight_power": 1, "heavy_users": 0, "bm25_b": 0.5, "bm25_k1": 2`,
		`"similarity": "llr"`,
	} {
		for name, data := range map[string]*dataset.Interactions{"met": data, "rated": &rated} {
			t.Run(settings+", "+name, func(t *testing.T) {
				a := itemKNN(t, settings)
				learned, ok := fit(t, a, data).(*model.ItemItem)
				if !ok {
					t.Fatal("another shape")
				}
				compareNeighbours(t, learned, denseSimilarities(a, data), a)
			})
		}
	}
}

func itemKNN(t *testing.T, settings string) *model.ItemKNN {
	t.Helper()
	a, err := model.FromJSON("itemknn", []byte("{"+settings+"}"))
	if err != nil {
		t.Fatal(err)
	}
	return a.(*model.ItemKNN) //nolint:errcheck // the kind says so
}

// rate returns ratings from 1 to 5 where m has entries, and the first of every
// third row missing.
func rate(m *linalg.CSR) *linalg.CSR {
	ratings := &linalg.CSR{Starts: []int{0}, Width: m.Width}
	for r := range m.Rows() {
		cols, _ := m.Row(r)
		for k, c := range cols {
			if k > 0 || r%3 > 0 {
				ratings.Cols = append(ratings.Cols, c)
				ratings.Vals = append(ratings.Vals, float32(1+(r*int(c)+k*k)%5))
			}
		}
		ratings.Starts = append(ratings.Starts, len(ratings.Cols))
	}
	return ratings
}

func compareNeighbours(t *testing.T, learned *model.ItemItem, want [][]float64, a *model.ItemKNN) {
	t.Helper()
	for i := range want {
		row := make([]float32, len(want))
		for j, sim := range want[i] {
			row[j] = float32(max(sim, 0))
		}
		best := linalg.TopK(nil, row, a.Neighbours)
		sum := 0.0
		for n, b := range best {
			if b.Score < 1e-6 { // what rounding leaves of zero
				best = best[:n]
				break
			}
			sum += float64(b.Score)
		}
		factor := math.Pow(max(sum, 1e-9), -a.Normalise)
		items, got := learned.Neighbours(int32(i))
		for len(got) > 0 && float64(got[len(got)-1]) < 1e-6*factor {
			items, got = items[:len(items)-1], got[:len(got)-1]
		}
		if len(items) != len(best) {
			t.Fatalf("item %d has %d neighbours, want %d", i, len(items), len(best))
		}
		for n, j := range items {
			if !near(got[n], want[i][j]*factor) || !near(got[n], float64(best[n].Score)*factor) {
				t.Errorf("item %d, place %d: item %d with %v, want %v (best %v)", i, n, j, got[n], want[i][j]*factor, best[n])
			}
		}
	}
}

func near(got float32, want float64) bool {
	return math.Abs(float64(got)-want) <= 1e-4*math.Abs(want)+1e-5
}

// denseSimilarities follows the definitions word by word.
func denseSimilarities(s *model.ItemKNN, data *dataset.Interactions) [][]float64 {
	x, met := denseWeights(s, data)
	items := data.ByUser.Width
	column := func(i int) []float64 {
		c := make([]float64, len(x))
		for u := range x {
			c[u] = x[u][i]
		}
		return c
	}
	users := make([]float64, items)
	for i := range items {
		for u := range met {
			users[i] += met[u][i]
		}
	}
	sims := make([][]float64, items)
	for i := range sims {
		sims[i] = make([]float64, items)
		for j := range sims[i] {
			a, b := column(i), column(j)
			dot := inner(a, b)
			both := 0.0
			for u := range met {
				both += met[u][i] * met[u][j]
			}
			if i == j || both == 0 {
				continue
			}
			switch s.Similarity {
			case "jaccard":
				sims[i][j] = dot / (inner(a, a) + inner(b, b) - dot + s.Shrink)
			case "llr":
				sims[i][j] = denseLLR(both, users[i], users[j], float64(len(x)))
			default:
				sims[i][j] = dot / (math.Pow(inner(a, a), s.Asymmetry)*math.Pow(inner(b, b), 1-s.Asymmetry) + s.Shrink)
			}
			sims[i][j] = math.Pow(max(0, sims[i][j]), s.Locality) * math.Pow(users[j], -s.PopularityDiscount)
		}
	}
	return sims
}

// denseWeights returns x of the definitions, users×items, centred where the
// similarity says so, and which entries there are.
func denseWeights(s *model.ItemKNN, data *dataset.Interactions) (x, met [][]float64) {
	m, explicit := data.ByUser, data.Ratings != nil && (s.Similarity == "pearson" || s.Similarity == "adjusted_cosine")
	if explicit {
		m = data.Ratings
	}
	items, lengths, total := m.Width, make([]float64, m.Width), 0.0
	for u := range m.Rows() {
		cols, vals := m.Row(u)
		if s.MaxHistory < len(cols) {
			cols, vals = cols[len(cols)-s.MaxHistory:], vals[len(vals)-s.MaxHistory:]
		}
		x, met = append(x, make([]float64, items)), append(met, make([]float64, items))
		for k, i := range cols {
			met[u][i], x[u][i] = 1, float64(vals[k])
			if !explicit {
				x[u][i] = math.Pow(float64(vals[k]), s.WeightPower)
			}
			lengths[i] += x[u][i]
			total += x[u][i]
		}
	}
	for u := range x {
		n, mean := inner(met[u], met[u]), 0.0
		for i := range items {
			mean += x[u][i] / n
		}
		idf := math.Log(1 + (float64(items)-n+.5)/(n+.5))
		for i := range items {
			if met[u][i] == 0 {
				continue
			}
			switch {
			case explicit && s.Similarity == "adjusted_cosine":
				x[u][i] -= mean
			case explicit:
				raters := 0.0
				for v := range met {
					raters += met[v][i]
				}
				x[u][i] -= lengths[i] / raters
			case s.Similarity == "tfidf":
				x[u][i] = math.Sqrt(x[u][i]) * idf
			case s.Similarity == "bm25":
				long := lengths[i] / (total / float64(items))
				x[u][i] = idf * x[u][i] * (s.BM25K1 + 1) / (x[u][i] + s.BM25K1*(1-s.BM25B+s.BM25B*long))
			}
			x[u][i] *= math.Pow(n, -s.HeavyUsers/2)
		}
	}
	if !explicit {
		centre(s.Similarity, x)
	}
	return x, met
}

// centre takes the means of all entries, zeros included, of columns or rows.
func centre(similarity string, x [][]float64) {
	rows, columns := len(x), len(x[0])
	for u := range x {
		rowMean := 0.0
		for i := range columns {
			rowMean += x[u][i] / float64(columns)
		}
		for i := range columns {
			if similarity == "adjusted_cosine" {
				x[u][i] -= rowMean
			}
		}
	}
	for i := range columns {
		mean := 0.0
		for u := range x {
			mean += x[u][i] / float64(rows)
		}
		for u := range x {
			if similarity == "pearson" {
				x[u][i] -= mean
			}
		}
	}
}

func inner(a, b []float64) (sum float64) {
	for k := range a {
		sum += a[k] * b[k]
	}
	return sum
}

// denseLLR is 2·Σ k·log(k·n/(row·column)) over the table.
func denseLLR(both, a, b, n float64) float64 {
	if both*n <= a*b {
		return 0
	}
	table := [2][2]float64{{both, a - both}, {b - both, n - a - b + both}}
	sum := 0.0
	for r := range 2 {
		for c := range 2 {
			k := table[r][c]
			if k > 0 {
				sum += 2 * k * math.Log(k*n/((table[r][0]+table[r][1])*(table[0][c]+table[1][c])))
			}
		}
	}
	return sum
}

// TestItemItemScore adds up by hand, with and without recency and age, and with
// the history's weights at the power that was learned with.
func TestItemItemScore(t *testing.T) {
	data := interactions(4, []int32{0, 1}, []int32{0, 1, 2}, []int32{2, 3})
	for _, aging := range [][3]float64{{0, 0, 0}, {1, 0, 1}, {0, 2, 0.5}, {0.5, 3, 2}} {
		learned, ok := fit(t, itemKNN(t, fmt.Sprintf(`"recency": %v, "half_life_days": %v, "weight_power": %v`, aging[0], aging[1], aging[2])), data).(*model.ItemItem)
		if !ok {
			t.Fatal("another shape")
		}
		want := make([]float64, 4)
		const day = 86_400
		history := dataset.History{Items: []int32{2, 7, 0}, Weights: []float32{3, 9, 2}, Times: []int64{0, 0, 2 * day}}
		for k, i := range history.Items {
			if i == 7 {
				continue
			}
			counts := math.Pow(float64(3-k), -aging[0])
			if aging[1] > 0 && k < 2 {
				counts *= math.Pow(2, -2/aging[1])
			}
			items, sims := learned.Neighbours(i)
			for n, j := range items {
				want[j] += math.Pow(float64(history.Weights[k]), aging[2]) * counts * float64(sims[n])
			}
		}
		closeTo(t, fmt.Sprintf("recency, half-life and power %v", aging), scoresOf(learned, history), want)
	}
}

func BenchmarkItemKNN(b *testing.B) {
	data := randomInteractions(30_000, 41_000, 27)
	for b.Loop() {
		if _, err := model.NewItemKNN().Fit(b.Context(), data, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// randomInteractions returns users with mean items each, half of them among
// the first hundredth of the catalogue.
func randomInteractions(users, items, mean int) *dataset.Interactions {
	dice := rand.New(rand.NewPCG(1, 2))
	rows := make([][]int32, users)
	for u := range rows {
		met := map[int32]bool{}
		for range 1 + dice.IntN(2*mean-1) {
			i := int32(dice.IntN(items))
			if dice.IntN(2) == 0 {
				i = int32(dice.IntN(items/100 + 1))
			}
			if !met[i] {
				met[i] = true
				rows[u] = append(rows[u], i)
			}
		}
	}
	return interactions(items, rows...)
}
