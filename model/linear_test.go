package model_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"kindred/dataset"
	"kindred/linalg"
	"kindred/model"
)

// table returns the interactions as the linear models see them, users×items in
// float64, and what a history and a prediction are multiplied by.
func table(data *dataset.Interactions, weightPower, userPower, itemPower, targetPower float64) (x [][]float64, in, out []float64) {
	n := data.ByUser.Width
	counts := data.ItemUsers()
	x, in, out = make([][]float64, data.ByUser.Rows()), make([]float64, n), make([]float64, n)
	for i, count := range counts {
		in[i] = math.Pow(math.Max(1, float64(count)), -itemPower/2)
		out[i] = math.Pow(math.Max(1, float64(count)), targetPower/2)
	}
	var before, after float64
	for u := range x {
		items, weights := data.ByUser.Row(u)
		x[u] = make([]float64, n)
		for k, i := range items {
			weight := math.Pow(float64(weights[k]), weightPower)
			x[u][i] = weight * math.Pow(float64(len(items)), -userPower/2) * in[i]
			before += weight * weight
			after += x[u][i] * x[u][i]
		}
	}
	for _, row := range x {
		for i := range row {
			row[i] *= math.Sqrt(before / after)
		}
	}
	return x, in, out
}

// gramOf returns xᵀx.
func gramOf(x [][]float64, n int) []float64 {
	g := make([]float64, n*n)
	for _, row := range x {
		for i, a := range row {
			for j, b := range row {
				g[i*n+j] += a * b
			}
		}
	}
	return g
}

// solveGauss returns y with a·y = b, by elimination with pivots.
func solveGauss(a, b []float64) []float64 {
	n := len(b)
	a, b = slices.Clone(a), slices.Clone(b)
	for k := range n {
		pivot := k
		for i := k; i < n; i++ {
			if math.Abs(a[i*n+k]) > math.Abs(a[pivot*n+k]) {
				pivot = i
			}
		}
		for c := range n {
			a[k*n+c], a[pivot*n+c] = a[pivot*n+c], a[k*n+c]
		}
		b[k], b[pivot] = b[pivot], b[k]
		for i := range n {
			if i != k {
				factor := a[i*n+k] / a[k*n+k]
				for c := k; c < n; c++ {
					a[i*n+c] -= factor * a[k*n+c]
				}
				b[i] -= factor * b[k]
			}
		}
	}
	for k := range n {
		b[k] /= a[k*n+k]
	}
	return b
}

// weightsOf returns the weights of an *ItemItem, from×to.
func weightsOf(t *testing.T, learned model.Learned) []float64 {
	t.Helper()
	m, ok := learned.(*model.ItemItem)
	if !ok {
		t.Fatalf("a %s", learned.Shape())
	}
	n := m.Items()
	w := make([]float64, n*n)
	for i := range n {
		items, weights := m.Neighbours(int32(i))
		for k, j := range items {
			w[i*n+int(j)] = float64(weights[k])
			if k > 0 && weights[k] > weights[k-1] {
				t.Errorf("item %d: place %d is better than the one before", i, k)
			}
		}
	}
	return w
}

// TestEASE compares with the problem EASE solves: for every item a ridge
// regression on all others, by Gauss.
func TestEASE(t *testing.T) {
	data := clusters(60, 30, 3, 2)
	for k := range data.ByUser.Vals {
		data.ByUser.Vals[k] = 1 + float32(k%3)
	}
	for _, a := range []*model.EASE{
		{Lambda: 3, MaxItems: 200},
		{Lambda: 3, MaxItems: 200, Dropout: 0.4, WeightPower: 1},
		{Lambda: 10, MaxItems: 200, UserPower: 1, ItemPower: 0.5, TargetPower: 0.25},
		{Lambda: 3, MaxItems: 1, Candidates: 40, WeightPower: 1, Dropout: 0.2},
		{Lambda: 1, MaxItems: 1, Candidates: 40, UserPower: 0.5, ItemPower: 1, TargetPower: 1},
	} {
		x, in, out := table(data, a.WeightPower, a.UserPower, a.ItemPower, a.TargetPower)
		n := data.ByUser.Width
		g, got := gramOf(x, n), weightsOf(t, fit(t, a, data))
		for j := range n {
			var others []int
			for i := range n {
				if i != j && (a.Candidates == 0 || g[i*n+j] > 0) { // candidates have met the target
					others = append(others, i)
				}
			}
			m := len(others)
			left, right := make([]float64, m*m), make([]float64, m)
			for r, i := range others {
				right[r] = g[i*n+j]
				for c, k := range others {
					left[r*m+c] = g[i*n+k]
				}
				left[r*m+r] += a.Lambda + a.Dropout/(1-a.Dropout)*g[i*n+i]
			}
			want := solveGauss(left, right)
			for r, i := range others {
				if w := want[r] * in[i] * out[j]; math.Abs(got[i*n+j]-w) > 1e-4 {
					t.Fatalf("%+v: weight of %d for %d is %v, want %v", a, i, j, got[i*n+j], w)
				}
			}
			if got[j*n+j] != 0 {
				t.Errorf("%+v: item %d speaks for itself", a, j)
			}
		}
	}
}

// TestEASEKeepsTheStrongest expects, of all weights for an item, those of
// greatest magnitude.
func TestEASEKeepsTheStrongest(t *testing.T) {
	data := clusters(60, 30, 3, 2)
	const kept = 7
	all := weightsOf(t, fit(t, &model.EASE{Lambda: 3, MaxItems: 200}, data))
	some := weightsOf(t, fit(t, &model.EASE{Lambda: 3, MaxItems: 200, Neighbours: kept}, data))
	for j := range 30 {
		var sizes []float64
		for i := range 30 {
			sizes = append(sizes, math.Abs(all[i*30+j]))
		}
		slices.Sort(sizes)
		bar := sizes[30-kept]
		for i := range 30 {
			want := all[i*30+j]
			if math.Abs(want) < bar {
				want = 0
			}
			if some[i*30+j] != want {
				t.Errorf("weight of %d for %d is %v, want %v", i, j, some[i*30+j], want)
			}
		}
	}
}

func TestEASERefuses(t *testing.T) {
	data := clusters(60, 30, 3, 2)
	for what, test := range map[string]struct {
		settings model.EASE
		remedy   string // "": fits
	}{
		"too many items":           {model.EASE{Lambda: 1, MaxItems: 29, Neighbours: 1}, "candidates"},
		"as many items as allowed": {model.EASE{Lambda: 1, MaxItems: 30, Neighbours: 2}, ""},
		"too many weights":         {model.EASE{Lambda: 1, MaxItems: 30, Neighbours: 3}, "neighbours"},
		"all weights":              {model.EASE{Lambda: 1, MaxItems: 103}, "neighbours"},
		"room for all weights":     {model.EASE{Lambda: 1, MaxItems: 104}, ""},
	} {
		_, err := test.settings.Fit(t.Context(), data, nil)
		switch {
		case test.remedy == "" && err != nil:
			t.Errorf("%s: %v", what, err)
		case test.remedy != "" && (err == nil || !strings.Contains(err.Error(), test.remedy+"=") || !strings.Contains(err.Error(), "max_items")):
			t.Errorf("%s: got %v, want what to do", what, err)
		}
	}
}

// TestSLIM checks that no weight can be better: the conditions of Karush, Kuhn
// and Tucker for an elastic net, in float64.
func TestSLIM(t *testing.T) {
	optimalSLIM(t, clusters(80, 30, 3, 2)) // most pairs of items occur
	optimalSLIM(t, clusters(80, 72, 9, 2)) // few do
}

func optimalSLIM(t *testing.T, data *dataset.Interactions) {
	t.Helper()
	for _, a := range []*model.SLIM{
		{L1: 0.5, L2: 2, Weights: "positive", Candidates: 80},
		{L1: 0.5, L2: 2, Weights: "any", Candidates: 80},
		{L1: 0, L2: 5, Weights: "any", Candidates: 80},
		{L1: 0.2, L2: 1, Weights: "positive", Candidates: 80, UserPower: 1, ItemPower: 0.5, TargetPower: 0.25},
	} {
		a.Epochs = 1000
		x, in, out := table(data, a.WeightPower, a.UserPower, a.ItemPower, a.TargetPower)
		n := data.ByUser.Width
		g, got := gramOf(x, n), weightsOf(t, fit(t, a, data))
		negative := 0
		for j := range n {
			b := make([]float64, n)
			for i := range n {
				b[i] = got[i*n+j] / in[i] / out[j]
			}
			for i := range n {
				if i == j || g[i*n+j] == 0 {
					continue
				}
				pull := g[i*n+j] - a.L2*b[i]
				for k := range n {
					pull -= g[i*n+k] * b[k]
				}
				var wrong bool
				switch {
				case b[i] > 0:
					wrong = math.Abs(pull-a.L1) > 0.02
				case b[i] < 0:
					negative++
					wrong = math.Abs(pull+a.L1) > 0.02 || a.Weights == "positive"
				default:
					wrong = pull > a.L1+0.02 || (a.Weights == "any" && pull < -a.L1-0.02)
				}
				if wrong {
					t.Fatalf("%+v: weight %v of %d for %d is pulled by %v", a, b[i], i, j, pull)
				}
			}
		}
		if (negative > 0) != (a.Weights == "any") {
			t.Errorf("%+v: %d negative weights", a, negative)
		}
	}
}

// TestSLIMKeepsToItsCandidates counts who speaks for an item.
func TestSLIMKeepsToItsCandidates(t *testing.T) {
	const candidates = 4
	got := weightsOf(t, fit(t, &model.SLIM{L2: 2, Weights: "any", Candidates: candidates, Epochs: 50}, clusters(80, 30, 3, 2)))
	for j := range 30 {
		count := 0
		for i := range 30 {
			if got[i*30+j] != 0 {
				count++
			}
		}
		if count != candidates {
			t.Errorf("%d items speak for item %d, want %d", count, j, candidates)
		}
	}
}

// spectral returns the eigenvalues and eigenvectors (rows) of xᵀx.
func spectral(t *testing.T, x [][]float64, n int) (values, vectors []float64) {
	t.Helper()
	values, vectors, err := linalg.Eigen(gramOf(x, n), n)
	if err != nil {
		t.Fatal(err)
	}
	return values, vectors
}

// TestPureSVD compares with the projection on the eigenvectors of the Gram
// matrix.
func TestPureSVD(t *testing.T) {
	data := clusters(80, 30, 3, 2)
	for _, a := range []*model.PureSVD{
		{Factors: 3, Epochs: 40},
		{Factors: 3, Epochs: 40, WeightPower: 1, UserPower: 1, ItemPower: 0.5, TargetPower: 0.25},
	} {
		learned := fit(t, a, data)
		x, in, out := table(data, 0, a.UserPower, a.ItemPower, a.TargetPower)
		_, vectors := spectral(t, x, 30)
		history := dataset.History{Items: []int32{2, 40, 7}, Weights: []float32{1, 5, 2}}
		want := make([]float64, 30)
		for f := range a.Factors {
			v := vectors[f*30 : (f+1)*30]
			user := in[2]*v[2] + math.Pow(2, a.WeightPower)*in[7]*v[7]
			for j := range want {
				want[j] += user * v[j] * out[j]
			}
		}
		closeTo(t, fmt.Sprintf("%+v", a), scoresOf(learned, history), want)
	}
}

// TestGFCF compares with its formula, all pairs and in float64.
func TestGFCF(t *testing.T) {
	data := clusters(80, 30, 3, 2)
	for _, a := range []*model.GFCF{
		{Factors: 3, Alpha: 0.3, Neighbours: 40, Epochs: 40, UserPower: 1, ItemPower: 1},
		{Factors: 3, Alpha: 2, Neighbours: 40, Epochs: 40, UserPower: 0.5, ItemPower: 0.7},
	} {
		learned := fit(t, a, data)
		x, in, out := table(data, 0, a.UserPower, a.ItemPower, a.ItemPower)
		values, vectors := spectral(t, x, 30)
		g := gramOf(x, 30)
		want := make([]float64, 30)
		for _, i := range []int{2, 7} {
			for j := range want {
				if i != j {
					want[j] += g[i*30+j] / values[0]
				}
				for f := range a.Factors {
					want[j] += a.Alpha * in[i] * vectors[f*30+i] * vectors[f*30+j] * out[j]
				}
			}
		}
		closeTo(t, fmt.Sprintf("%+v", a), scoresOf(learned, dataset.History{Items: []int32{2, 7}}), want)
	}
}

// TestBatchesOfLinearModels expects what Score says.
func TestBatchesOfLinearModels(t *testing.T) {
	data := clusters(60, 40, 4, 1)
	for _, name := range []string{"puresvd, recency", "gfcf, recency"} {
		learned := fit(t, algorithm(t, name), data)
		batch, ok := learned.(interface {
			ScoreBatch(scores []float32, histories []dataset.History)
		})
		if !ok {
			t.Fatalf("%s scores no batches", name)
		}
		histories := []dataset.History{data.History(0), {}, data.History(3)}
		scores := make([]float32, 3*40)
		batch.ScoreBatch(scores, histories)
		for k, history := range histories {
			var want []float64
			for _, s := range scoresOf(learned, history) {
				want = append(want, float64(s))
			}
			closeTo(t, name, scores[k*40:(k+1)*40], want)
		}
	}
}

// BenchmarkLinear fits on something of Gowalla's size.
func BenchmarkLinear(b *testing.B) {
	data := randomInteractions(30_000, 41_000, 27)
	for _, run := range []struct{ kind, settings string }{
		{"slim", `{}`}, {"ease", `{"candidates": 200}`}, {"puresvd", `{}`}, {"gfcf", `{}`},
	} {
		b.Run(run.kind, func(b *testing.B) {
			a, err := model.FromJSON(run.kind, []byte(run.settings))
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := a.Fit(b.Context(), data, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
