package model_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"kindred"
	"kindred/dataset"
	"kindred/model"
)

// described returns items of random attributes, some twice the same, that
// users meet by their colour only.
func described(users, items int, seed uint64) *dataset.Interactions {
	dice := rand.New(rand.NewPCG(seed, 0))
	all := make([]kindred.Attributes, items)
	colours := make([]int, items)
	for i := range all {
		colours[i] = dice.IntN(5)
		all[i] = kindred.Attributes{
			"colour": kindred.StringOf(fmt.Sprint(colours[i])), "noise": kindred.SetOf(fmt.Sprint(dice.IntN(6)), fmt.Sprint(dice.IntN(6))),
			"price": kindred.NumberOf(math.Exp(dice.NormFloat64())), "title": kindred.TextOf(fmt.Sprint("word", dice.IntN(9), " word", dice.IntN(9))),
			"vector": kindred.VectorOf([]float32{dice.Float32() - .5, dice.Float32() - .5}),
		}
		if i%7 == 6 {
			all[i], colours[i] = all[i-1], colours[i-1]
		}
	}
	rows := make([][]int32, users)
	for u := range rows {
		for range 60 {
			if i := int32(dice.IntN(items)); colours[i] == u%5 && !slices.Contains(rows[u], i) {
				rows[u] = append(rows[u], i)
			}
		}
	}
	data := interactions(items, rows...)
	data.ItemFeatures = dataset.Describe(all)
	return data
}

func content(t *testing.T, settings string, data *dataset.Interactions) *model.ItemItem {
	t.Helper()
	a, err := model.FromJSON("content", []byte(settings))
	if err != nil {
		t.Fatal(err)
	}
	learned, ok := fit(t, a, data).(*model.ItemItem)
	if !ok {
		t.Fatal("not neighbours")
	}
	return learned
}

// plainSimilarity is the definition: the sum of the cosines of all fields, each
// weighing the same.
func plainSimilarity(data *dataset.Interactions, i, j int) float64 {
	total, both := 0.0, [2]float64{}
	items := data.ByUser.Width
	for _, f := range data.ItemFeatures.Encoding.Fields {
		var x [2]map[int32]float64
		var square [2]float64
		for side, r := range []int{i, j} {
			x[side] = map[int32]float64{}
			cols, vals := data.ItemFeatures.Row(r)
			for k, c := range cols {
				if c < f.First || c >= f.First+f.Width() || f.Kind == dataset.ScaleField && c == f.First || f.Missing && c == f.First+f.Width()-1 {
					continue
				}
				v := float64(vals[k])
				if f.Kind == dataset.WordsField {
					n := 0
					for _, other := range data.ItemFeatures.Rows.Cols {
						if other == c {
							n++
						}
					}
					v *= math.Log(float64(items+1) / float64(n))
				}
				x[side][c] = v
				square[side] += v * v
			}
			if square[side] > 0 {
				both[side]++
			}
		}
		for c, v := range x[0] {
			if w, shared := x[1][c]; shared {
				total += v * w / math.Sqrt(square[0]*square[1])
			}
		}
	}
	return total / math.Sqrt(both[0]*both[1])
}

func TestContentIsAsDefined(t *testing.T) {
	data := described(30, 40, 1)
	m := content(t, `{"mixture": "equal", "neighbours": 40}`, data)
	for i := range 40 {
		items, similarities := m.Neighbours(int32(i))
		got := make([]float64, 40)
		for n, j := range items {
			got[j] = float64(similarities[n])
		}
		for j := range got {
			if want := max(0, plainSimilarity(data, i, j)); j != i && math.Abs(got[j]-want) > 1e-5 {
				t.Fatalf("items %d and %d: %v, want %v", i, j, got[j], want)
			}
		}
	}
}

// TestContentKnowsItsLike expects an item with the same attributes to be the
// most similar, though few columns are followed, and no more similar than 1.
func TestContentKnowsItsLike(t *testing.T) {
	data := described(50, 140, 2)
	for _, settings := range []string{`{}`, `{"mixture": "equal"}`, `{"max_pairs": 1, "mixture": "equal"}`} {
		m := content(t, settings, data)
		for i := 5; i < 139; i += 7 {
			for _, pair := range [][2]int32{{int32(i), int32(i + 1)}, {int32(i + 1), int32(i)}} {
				items, similarities := m.Neighbours(pair[0])
				if len(items) == 0 || math.Abs(float64(similarities[0])-1) > 1e-5 {
					t.Fatalf("%s: nearest to item %d is %v with %v, want %d with 1", settings, pair[0], items[:1], similarities[:1], pair[1])
				}
				if at := slices.Index(items, pair[1]); at < 0 || similarities[at] < similarities[0]-1e-5 {
					t.Fatalf("%s: item %d is no neighbour of its like", settings, pair[1])
				}
			}
		}
	}
}

// TestContentLearnsWhichFieldCounts expects neighbours of the same colour, by
// which alone users choose; taken alike, the fields lead astray.
func TestContentLearnsWhichFieldCounts(t *testing.T) {
	data := described(200, 150, 3)
	colour := func(i int32) string {
		cols, _ := data.ItemFeatures.Row(int(i))
		return data.ItemFeatures.Names.ID(cols[0])
	}
	right := func(m *model.ItemItem) (share float64) {
		for i := range int32(150) {
			items, _ := m.Neighbours(i)
			for _, j := range items[:10] {
				if colour(i) == colour(j) {
					share += 1. / 1500
				}
			}
		}
		return share
	}
	learned, equal := right(content(t, `{}`, data)), right(content(t, `{"mixture": "equal"}`, data))
	if learned < .98 || equal > .95 {
		t.Errorf("of the nearest ten %.2f have the same colour, %.2f where fields weigh the same", learned, equal)
	}
}

func TestContentWithoutAttributes(t *testing.T) {
	data := clusters(20, 30, 3, 1)
	data.ItemFeatures = nil
	m := content(t, `{}`, data)
	for i := range int32(30) {
		if items, _ := m.Neighbours(i); len(items) > 0 {
			t.Fatalf("item %d has the neighbours %v", i, items)
		}
	}
}

func BenchmarkContent(b *testing.B) {
	data := described(1000, 5000, 1)
	for b.Loop() {
		if _, err := model.NewContent().Fit(b.Context(), data, nil); err != nil {
			b.Fatal(err)
		}
	}
}
