package ann

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"kindred/linalg"
)

// shape draws vectors and queries of one kind of data.
type shape struct {
	name string
	draw func(rng *rand.Rand, dim int) []float32
}

func shapes() []shape {
	return []shape{
		{"even", func(rng *rand.Rand, dim int) []float32 {
			return normal(rng, dim, func(int) float64 { return 1 })
		}},
		{"falling", func(rng *rand.Rand, dim int) []float32 { // rotated factors: variance falls as 1/(1+d)²
			return normal(rng, dim, func(d int) float64 { return 1 / float64(1+d) })
		}},
		{"norms", func(rng *rand.Rand, dim int) []float32 { // popular items are long, and share a direction
			v := normal(rng, dim, func(d int) float64 { return math.Exp(-float64(d) / 20) })
			v[0] += 5
			linalg.Scale(float32(math.Exp(rng.NormFloat64())), v)
			return v
		}},
	}
}

func normal(rng *rand.Rand, dim int, deviation func(d int) float64) []float32 {
	v := make([]float32, dim)
	for d := range v {
		v[d] = float32(rng.NormFloat64() * deviation(d))
	}
	return v
}

func vectors(rng *rand.Rand, n, dim int, draw func(*rand.Rand, int) []float32) []float32 {
	all := make([]float32, 0, n*dim)
	for range n {
		all = append(all, draw(rng, dim)...)
	}
	return all
}

// plain is the definition of Search.
func plain(vectors []float32, dim int, query []float32, k int, skip linalg.Bits) []linalg.Scored {
	var all []linalg.Scored
	for i := range len(vectors) / dim {
		if score := linalg.Dot(query, vectors[i*dim:(i+1)*dim]); !skip.Has(i) {
			all = append(all, linalg.Scored{Index: int32(i), Score: score})
		}
	}
	slices.SortFunc(all, linalg.Scored.Compare)
	return all[:min(k, len(all))]
}

func TestSearchFindsTheBest(t *testing.T) {
	for _, s := range shapes() {
		for _, c := range []struct{ n, dim, k int }{
			{1, 4, 3}, {100, 64, 10}, {2047, 64, 20}, {5000, 15, 20}, {17000, 31, 20}, {17000, 32, 20}, {17000, 33, 10}, {9001, 64, 10}, {20000, 100, 50}, {20000, 128, 20}, {6000, 128, 500},
		} {
			t.Run(fmt.Sprint(s.name, c), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(1, 2))
				all := vectors(rng, c.n, c.dim, s.draw)
				index := NewExact(all, c.dim)
				skip := linalg.NewBits(c.n + 200)
				for range c.n / 4 {
					skip.Set(rng.IntN(c.n))
				}
				skip.Set(c.n + 150) // beyond the items: no harm
				found, total := 0, 0
				var got []linalg.Scored
				for range 40 {
					query := s.draw(rng, c.dim)
					want := plain(all, c.dim, query, c.k, skip)
					got = index.Search(got, query, c.k, skip)
					if len(got) != len(want) {
						t.Fatalf("%d results, want %d", len(got), len(want))
					}
					if !slices.IsSortedFunc(got, linalg.Scored.Compare) {
						t.Fatalf("not best first: %v", got)
					}
					found += overlap(t, got, want)
					total += len(want)
				}
				recall := float64(found) / float64(total)
				t.Logf("recall %.4f", recall)
				if recall < .999 {
					t.Errorf("recall %.4f", recall)
				}
			})
		}
	}
}

// overlap counts the wanted results that were found, and compares their scores.
func overlap(t *testing.T, got, want []linalg.Scored) int {
	t.Helper()
	scores := map[int32]float32{}
	for _, g := range got {
		scores[g.Index] = g.Score
	}
	n := 0
	for _, w := range want {
		score, hit := scores[w.Index]
		if !hit {
			continue
		}
		n++
		if math.Abs(float64(score-w.Score)) > 1e-4*(1+math.Abs(float64(w.Score))) {
			t.Fatalf("item %d scores %g, want %g", w.Index, score, w.Score)
		}
	}
	return n
}

func TestSearchOfOddQueries(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const n, dim = 17000, 32
	index := NewExact(vectors(rng, n, dim, shapes()[0].draw), dim)
	zero := make([]float32, dim)
	got := index.Search(nil, zero, 3, nil)
	if want := []linalg.Scored{{Index: 0}, {Index: 1}, {Index: 2}}; !slices.Equal(got, want) {
		t.Errorf("a zero query finds %v, want %v", got, want)
	}
	for _, k := range []int{-1, 0} {
		if got := index.Search(nil, zero, k, nil); len(got) != 0 {
			t.Errorf("k=%d finds %v", k, got)
		}
	}
	odd := slices.Clone(zero)
	odd[3] = float32(math.NaN())
	if got := index.Search(nil, odd, 3, nil); len(got) != 0 {
		t.Errorf("a NaN query finds %v", got)
	}
	all := linalg.NewBits(n)
	for i := range n {
		all.Set(i)
	}
	all.Clear(7)
	odd[3] = 1
	if got := index.Search(nil, odd, 3, all); len(got) != 1 || got[0].Index != 7 {
		t.Errorf("with only item 7 left: %v", got)
	}
}

func TestSearchOfOddVectors(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const n, dim = 17000, 32
	v := vectors(rng, n, dim, shapes()[0].draw)
	v[5*dim] = float32(math.NaN())
	query := shapes()[0].draw(rng, dim)
	for _, s := range NewExact(v, dim).Search(nil, query, n, nil) {
		if s.Index == 5 {
			t.Error("an item of NaN was found")
		}
	}
	same := slices.Repeat(query, n)
	for i, s := range NewExact(same, dim).Search(nil, query, 40, nil) {
		if int(s.Index) != i {
			t.Fatalf("equal items: place %d holds %d", i, s.Index)
		}
	}
}

func TestSearchAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("under the race detector pools forget on purpose")
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{100, 17000} {
		index := NewExact(vectors(rng, n, 32, shapes()[0].draw), 32)
		query := shapes()[0].draw(rng, 32)
		dst := make([]linalg.Scored, 0, 40)
		if got := testing.AllocsPerRun(100, func() { dst = index.Search(dst, query, 20, nil) }); got >= 1 {
			t.Errorf("%d items: %v allocations", n, got)
		}
	}
}

func TestNewExactPanicsOnBrokenRows(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	NewExact(make([]float32, 7), 2)
}

func ExampleExact_Search() {
	items := []float32{
		1, 0,
		0, 1,
		.7, .7,
	}
	index := NewExact(items, 2)
	seen := linalg.NewBits(3)
	seen.Set(2)
	for _, best := range index.Search(nil, []float32{1, .5}, 2, seen) {
		fmt.Println(best.Index, best.Score)
	}
	// Output:
	// 0 1
	// 1 0.5
}

func BenchmarkSearch(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct{ n, dim, k int }{{1000, 64, 20}, {4000, 64, 20}, {41000, 16, 50}, {41000, 64, 50}, {41000, 128, 20}, {41000, 128, 50}, {41000, 128, 500}} {
		index := NewExact(vectors(rng, c.n, c.dim, shapes()[1].draw), c.dim)
		queries := make([][]float32, 64)
		for i := range queries {
			queries[i] = shapes()[1].draw(rng, c.dim)
		}
		skip := linalg.NewBits(c.n)
		for range 50 {
			skip.Set(rng.IntN(c.n))
		}
		run := func(b *testing.B, index *Exact) {
			b.Helper()
			b.ReportAllocs()
			dst := make([]linalg.Scored, 0, 2*c.k)
			for i := 0; b.Loop(); i++ {
				dst = index.Search(dst, queries[i%len(queries)], c.k, skip)
			}
		}
		name := fmt.Sprintf("%dx%d/k=%d", c.n, c.dim, c.k)
		b.Run(name, func(b *testing.B) { run(b, index) })
		floats := &Exact{vectors: index.vectors, dim: c.dim, items: c.n}
		b.Run(name+"/floats", func(b *testing.B) { run(b, floats) })
	}
}

// TestSearchesTogether runs more searches at a time than share a scan: each
// must find what it finds alone.
func TestSearchesTogether(t *testing.T) {
	const n, dim, k, searches = 17000, 32, 20, 64
	rng := rand.New(rand.NewPCG(1, 2))
	index := NewExact(vectors(rng, n, dim, shapes()[0].draw), dim)
	queries, want := make([][]float32, searches), make([][]linalg.Scored, searches)
	for i := range queries {
		queries[i] = shapes()[0].draw(rng, dim)
		want[i] = index.Search(nil, queries[i], k, nil)
	}
	var wait sync.WaitGroup
	for i := range queries {
		wait.Go(func() {
			for range 10 {
				if got := index.Search(nil, queries[i], k, nil); !slices.Equal(got, want[i]) {
					t.Errorf("search %d: %v, want %v", i, got, want[i])
				}
			}
		})
	}
	wait.Wait()
	if q := &index.queue; q.scanning != 0 || len(q.waiting) != 0 {
		t.Errorf("at the end %d scan and %d wait", q.scanning, len(q.waiting))
	}
}
