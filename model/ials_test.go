package model

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"kindred/dataset"
	"kindred/linalg"
)

// refusing returns 25 users of 18 items: what some met, with weights, and what
// some rejected.
func refusing() *dataset.Interactions {
	dice := rand.New(rand.NewPCG(8, 8))
	data := &dataset.Interactions{Users: dataset.NewDict(), Items: dataset.NewDict()}
	data.ByUser = &linalg.CSR{Starts: []int{0}, Width: 18}
	data.Disliked = &linalg.CSR{Starts: []int{0}, Width: 18}
	for range 25 {
		order := dice.Perm(18)
		liked := 1 + dice.IntN(8)
		for _, i := range order[:liked] {
			data.ByUser.Cols = append(data.ByUser.Cols, int32(i))
			data.ByUser.Vals = append(data.ByUser.Vals, 0.5+3*dice.Float32())
		}
		for _, i := range order[liked : liked+dice.IntN(4)] {
			data.Disliked.Cols = append(data.Disliked.Cols, int32(i))
			data.Disliked.Vals = append(data.Disliked.Vals, 1)
		}
		data.ByUser.Starts = append(data.ByUser.Starts, len(data.ByUser.Cols))
		data.Disliked.Starts = append(data.Disliked.Starts, len(data.Disliked.Cols))
	}
	return data
}

// TestIALSTwin compares whole fits, rejections and confidences included, with
// alternating elimination over every pair in float64, without any rotation.
func TestIALSTwin(t *testing.T) {
	data := refusing()
	for name, set := range map[string]func(*IALS){
		"as it comes": func(*IALS) {},
		"rejections":  func(a *IALS) { a.Disliked, a.DislikedTarget = 2, -0.5 },
		"confidences": func(a *IALS) { a.Weighting, a.WeightPower, a.PopularItems = "log", 0.7, 0.4 },
		"bm25":        func(a *IALS) { a.Weighting = "bm25" },
	} {
		a := NewIALS()
		a.Factors, a.Epochs, a.Alpha, a.Lambda, a.Disliked = 5, 3, 2, 0.02, 0
		set(a)
		learned, err := a.Fit(t.Context(), data, nil)
		if err != nil {
			t.Fatal(err)
		}
		twin := newTwin(a, data)
		for range a.Epochs {
			twin.users = twin.half(twin.items, 25, twin.byUser)
			twin.items = twin.half(twin.users, 18, twin.byItem)
		}
		twin.users = twin.half(twin.items, 25, twin.byUser)
		scores := make([]float32, 18)
		for u := range 25 {
			learned.Score(scores, data.History(u))
			for i, got := range scores {
				if want := linalg.Dot(twin.users[u*5:(u+1)*5], twin.items[i*5:(i+1)*5]); math.Abs(float64(got-want)) > 2e-3 {
					t.Fatalf("%s: user %d, item %d: %v, the twin says %v", name, u, i, got, want)
				}
			}
		}
	}
}

// twin solves the objective of IALS over all pairs.
type twin struct {
	*IALS
	weights, targets [25][18]float32 // of the observed; weight 0: not observed
	unobserved       float32
	users, items     []float32
}

func newTwin(a *IALS, data *dataset.Interactions) *twin {
	w := &twin{IALS: a}
	counts, lengths, total := make([]float64, 18), make([]float64, 25), 0.0
	for _, i := range data.ByUser.Cols {
		counts[i]++
	}
	for u := range 25 {
		_, weights := data.ByUser.Row(u)
		for _, x := range weights {
			lengths[u] += float64(x)
			total += float64(x)
		}
	}
	damped, mean := 0.0, 0.0
	var confidences [25][18]float64
	for u := range 25 {
		items, weights := data.ByUser.Row(u)
		for k, i := range items {
			x := float64(weights[k])
			damping := math.Pow(counts[i], -a.PopularItems)
			switch a.Weighting {
			case "bm25":
				damping *= math.Log(1 + 25/counts[i])
				x = 2.2 * x / (x + 1.2*(0.25+0.75*lengths[u]/(total/25)))
			case "log":
				x = math.Pow(math.Log(1+x)/math.Log(2), a.WeightPower)
			default:
				x = math.Pow(x, a.WeightPower)
			}
			confidences[u][i] = x * damping
			damped += damping
			mean++
		}
	}
	sum := 0.0
	for u := range 25 {
		for i := range 18 {
			c := confidences[u][i]
			if a.Weighting == "bm25" || a.PopularItems > 0 {
				c *= mean / damped
			}
			sum += c
			w.weights[u][i] = float32(c)
			if c > 0 {
				w.targets[u][i] = 1
			}
		}
		if refused, _ := data.Disliked.Row(u); a.Disliked > 0 {
			for _, i := range refused {
				w.weights[u][i], w.targets[u][i] = float32(a.Disliked), float32(a.DislikedTarget)
			}
		}
	}
	w.unobserved = float32(a.Alpha * sum / (25 * 18))
	dice := rand.New(rand.NewPCG(a.Seed, 0))
	for range 18 * a.Factors {
		w.items = append(w.items, float32(a.InitScale/math.Sqrt(float64(a.Factors))*dice.NormFloat64()))
	}
	return w
}

func (w *twin) byUser(u, i int) (weight, target float32) { return w.weights[u][i], w.targets[u][i] }
func (w *twin) byItem(i, u int) (weight, target float32) { return w.weights[u][i], w.targets[u][i] }

// half returns the best vectors of one side.
func (w *twin) half(fixed []float32, n int, pair func(r, c int) (weight, target float32)) (solved []float32) {
	others := len(fixed) / w.Factors
	for r := range n {
		var rows []int32
		var weights, targets []float32
		observed := 0.0
		for c := range others {
			rows, weights, targets = append(rows, int32(c)), append(weights, w.unobserved), append(targets, 0)
			if weight, target := pair(r, c); weight > 0 {
				rows, weights, targets = append(rows, int32(c)), append(weights, weight), append(targets, target)
				observed++
			}
		}
		penalty := w.Lambda * math.Pow(observed+float64(w.unobserved)*float64(others), w.Nu)
		diagonal := slices.Repeat([]float32{float32(penalty)}, w.Factors)
		for _, x := range eliminate(fixed, rows, weights, targets, diagonal) {
			solved = append(solved, float32(x))
		}
	}
	return solved
}
