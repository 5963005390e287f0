package model_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"kindred"
	"kindred/dataset"
	"kindred/linalg"
	"kindred/model"
)

// suite holds every algorithm, set up for the tiny sets below; a new one adds
// a line and passes all tests of this file. The personal ones must learn.
var suite = map[string]struct {
	settings string
	personal bool
}{
	"popular":           {`{}`, false},
	"itemknn":           {`{}`, true},
	"content":           {`{}`, true},
	"content, equal":    {`{"mixture": "equal", "recency": 0.2, "max_pairs": 70}`, true},
	"featureals":        {`{"factors": 8, "alpha": 1}`, true},
	"featureals, power": {`{"factors": 8, "alpha": 1, "weight_power": 0.5, "nu": 0.5, "feature_lambda": 1}`, true},
	"itemknn, weighted": {`{"weight_power": 1, "recency": 0.3, "max_history": 12}`, true},
	"itemknn, jaccard":  {`{"similarity": "jaccard", "half_life_days": 30}`, true},
	"itemknn, pearson":  {`{"similarity": "pearson", "shrink": 0}`, true},
	"itemknn, adjusted": {`{"similarity": "adjusted_cosine", "locality": 1.5}`, true},
	"itemknn, tfidf":    {`{"similarity": "tfidf", "asymmetry": 0.4}`, true},
	"itemknn, bm25":     {`{"similarity": "bm25", "normalise": 1, "popularity_discount": 0.1}`, true},
	"itemknn, llr":      {`{"similarity": "llr"}`, true},
	"rp3beta":           {`{}`, true},
	"rp3beta, p3alpha":  {`{"beta": 0, "weight_power": 1, "recency": 0.3}`, true},
	"covisit":           {`{}`, true},
	"repeat":            {`{}`, false},
	"repeat, timed":     {`{"timing": 1, "tail": "none"}`, false},
	"userknn":           {`{}`, true},
	"userknn, weighted": {`{"weight_power": 1, "recency": 0.3, "max_history": 12, "max_users": 40, "locality": 2}`, true},
	"userknn, jaccard":  {`{"similarity": "jaccard"}`, true},
	"userknn, pearson":  {`{"similarity": "pearson", "popularity_discount": 0.2}`, true},
	"userknn, adjusted": {`{"similarity": "adjusted_cosine"}`, true},
	"userknn, tfidf":    {`{"similarity": "tfidf"}`, true},
	"userknn, bm25":     {`{"similarity": "bm25"}`, true},
	"userknn, llr":      {`{"similarity": "llr"}`, true},
	"rules":             {`{"min_support": 2, "min_confidence": 0}`, true},
	"rules, apriori":    {`{"miner": "apriori", "min_support": 2, "max_length": 2, "min_confidence": 0, "score": "lift"}`, true},
	"rules, basket":     {`{"antecedents": "basket", "score": "conviction", "max_rules": 100, "min_confidence": 0}`, false},
	"covisit, wide":     {`{"window": 30, "distance": 0, "backward": 1, "recency": 0, "heavy_users": 0.5, "shrink": 1}`, true},
	"covisit, aged":     {`{"gap_half_life_hours": 100, "event_half_life_days": 10, "half_life_days": 5, "within": "basket", "repeats": "keep"}`, true},
	"ials":              {`{"factors": 8, "alpha": 1}`, true},
	"ials in blocks":    {`{"factors": 12, "block": 5, "alpha": 1}`, true},
	"ease":              {`{"lambda": 5}`, true},
	"ease, all weights": {`{"lambda": 5, "neighbours": 0, "dropout": 0.3, "weight_power": 0.5}`, true},
	"ease, sparse":      {`{"lambda": 5, "candidates": 30, "recency": 0.2}`, true},
	"puresvd":           {`{"factors": 6}`, true},
	"puresvd, recency":  {`{"factors": 8, "weight_power": 0.5, "recency": 0.1}`, true},
	"gfcf":              {`{"factors": 6}`, true},
	"gfcf, recency":     {`{"factors": 6, "neighbours": 20, "user_power": 0.5, "recency": 0.1}`, true},
	"slim":              {`{"l1": 0.1, "l2": 3}`, true},
	"slim, any weights": {`{"l1": 0.1, "l2": 3, "weights": "any", "candidates": 25}`, true},
	"ials, weights":     {`{"factors": 8, "alpha": 1, "weight_power": 0.5}`, true},
	"ials, logarithm":   {`{"factors": 8, "alpha": 1, "weighting": "log", "weight_power": 1, "popular_items": 0.3, "recency": 0.2}`, true},
	"ials, bm25":        {`{"factors": 8, "alpha": 1, "weighting": "bm25"}`, true},
	"nmf":               {`{"factors": 8, "alpha": 1}`, true},
	"nmf, weights":      {`{"factors": 8, "alpha": 1, "weight_power": 0.5, "patience": 4}`, true},
	"bpr":               {`{"factors": 8, "epochs": 40, "patience": 0, "batch": 64}`, true},
	"bpr, uniform":      {`{"factors": 8, "epochs": 40, "patience": 0, "negatives": "uniform", "batch": 64}`, true},
	"bpr, explained":    {`{"factors": 8, "epochs": 40, "patience": 0, "negatives": "uniform", "batch": 64, "popularity_power": 0.2}`, true},
	"bpr, popular":      {`{"factors": 8, "epochs": 40, "patience": 0, "negatives": "popular", "batch": 64}`, true},
	"bpr, adaptive":     {`{"factors": 8, "epochs": 40, "patience": 9, "negatives": "adaptive", "depth": 20, "batch": 64}`, true},
	"warp":              {`{"factors": 8, "epochs": 40, "patience": 0, "batch": 64}`, true},
	"warp, patience":    {`{"factors": 8, "epochs": 40, "patience": 9, "batch": 64}`, true},
	"ials, patience":    {`{"factors": 8, "alpha": 1, "patience": 3}`, true},
	"fusion":            {`{"models": [{"kind": "itemknn"}, {"kind": "ials", "settings": {"factors": 8, "alpha": 1}}]}`, true},
	"fusion, combmnz":   {`{"models": [{"kind": "itemknn"}, {"kind": "ease", "settings": {"lambda": 5}}], "method": "combmnz"}`, true},
	"blend":             {`{"models": [{"kind": "itemknn"}, {"kind": "ials", "settings": {"factors": 8, "alpha": 1}}, {"kind": "popular"}]}`, true},
	"stack":             {`{"models": [{"kind": "itemknn"}, {"kind": "ials", "settings": {"factors": 8, "alpha": 1}}, {"kind": "popular"}], "depth": 10}`, true},
	"stack, trees":      {`{"models": [{"kind": "itemknn"}, {"kind": "ials", "settings": {"factors": 8, "alpha": 1}}, {"kind": "popular"}], "depth": 10, "ranker": "gbdt"}`, true},
	"blend, nested":     {`{"models": [{"kind": "fusion", "settings": {"models": [{"kind": "itemknn"}]}}, {"kind": "ease", "settings": {"lambda": 5}}], "scaling": "rank", "buckets": 1}`, true},
	"baseline":          {`{}`, false},
	"slopeone":          {`{"min_users": 2}`, false},
	"ratingknn":         {`{"shrink": 5}`, true},
	"ratingknn, users":  {`{"by": "users", "shrink": 5}`, true},
	"ratingnmf":         {`{"factors": 8, "lambda": 0.3}`, true},
	"svd":               {`{"factors": 16, "lambda": 0.02, "learn_rate": 0.05}`, true},
	"bayesmf":           {`{"factors": 6, "burn": 15, "samples": 15}`, true},
	"svdpp":             {`{"factors": 16, "lambda": 0.02, "learn_rate": 0.05}`, true},
}

func algorithm(t *testing.T, name string) model.Algorithm {
	t.Helper()
	kind, _, _ := strings.Cut(strings.ReplaceAll(name, " in", ","), ",")
	a, err := model.FromJSON(kind, []byte(suite[name].settings))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func fit(t *testing.T, a model.Algorithm, data *dataset.Interactions) model.Learned {
	t.Helper()
	learned, err := a.Fit(t.Context(), data, nil)
	if err != nil {
		t.Fatal(err)
	}
	return learned
}

// TestLearnsCheckerboard hides one item of each user's colour and expects it
// back first: even users like even items, odd users odd ones.
func TestLearnsCheckerboard(t *testing.T) {
	const size = 20
	data := checkerboard(size)
	for name := range suite {
		t.Run(name, func(t *testing.T) {
			if !suite[name].personal {
				t.Skip("the same for everyone")
			}
			learned := fit(t, algorithm(t, name), data)
			for user := range size {
				if best := bestUnseen(scoresOf(learned, data.History(user)), data.History(user)); best != user {
					t.Errorf("user %d: got item %d first, want the hidden item %d", user, best, user)
				}
			}
		})
	}
}

// TestSameBytes expects the same artefact twice, and on one core.
func TestSameBytes(t *testing.T) {
	data := clusters(300, 200, 4, 1)
	for name := range suite {
		t.Run(name, func(t *testing.T) {
			first := bytesOf(t, fit(t, algorithm(t, name), data))
			if !bytes.Equal(first, bytesOf(t, fit(t, algorithm(t, name), data))) {
				t.Error("a second fit gives other bytes")
			}
			for _, cores := range []int{1, 3, 8} {
				before := runtime.GOMAXPROCS(cores)
				other := bytesOf(t, fit(t, algorithm(t, name), data))
				runtime.GOMAXPROCS(before)
				if !bytes.Equal(first, other) {
					t.Errorf("%d cores give other bytes", cores)
				}
			}
		})
	}
}

func TestSavesAndLoads(t *testing.T) {
	data := clusters(60, 40, 4, 1)
	for name := range suite {
		t.Run(name, func(t *testing.T) {
			learned := fit(t, algorithm(t, name), data)
			saved := bytesOf(t, learned)
			loaded, err := model.Read(bytes.NewReader(saved))
			if err != nil {
				t.Fatal(err)
			}
			if loaded.Shape() != learned.Shape() || loaded.Items() != learned.Items() {
				t.Errorf("got %s of %d items, want %s of %d", loaded.Shape(), loaded.Items(), learned.Shape(), learned.Items())
			}
			for u := range data.ByUser.Rows() {
				if !slices.Equal(scoresOf(loaded, data.History(u)), scoresOf(learned, data.History(u))) {
					t.Fatalf("user %d: other scores after loading", u)
				}
			}
			if !bytes.Equal(saved, bytesOf(t, loaded)) {
				t.Error("saved again, other bytes")
			}
			for n := range saved {
				if _, err := model.Read(bytes.NewReader(saved[:n])); err == nil {
					t.Fatalf("the first %d of %d bytes pass for a model", n, len(saved))
				}
			}
			if _, err := learned.WriteTo(brokenPipe{}); !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("writing to a broken pipe: got %v", err)
			}
		})
	}
}

// TestStopsWhenCancelled expects the context's error, not half a model:
// cancelled before, and after the first epoch.
func TestStopsWhenCancelled(t *testing.T) {
	for name := range suite {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			learned, err := algorithm(t, name).Fit(ctx, checkerboard(4), nil)
			if !errors.Is(err, context.Canceled) || learned != nil {
				t.Errorf("got %v, %v, want context.Canceled", learned, err)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := algorithm(t, "ials").Fit(ctx, checkerboard(4), func(model.Progress) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled after an epoch: got %v", err)
	}
}

// TestDegenerateInput expects finite scores whatever the data and the history.
func TestDegenerateInput(t *testing.T) {
	sets := map[string]*dataset.Interactions{
		"nothing":              interactions(0),
		"no user":              interactions(5),
		"a user who did none":  interactions(3, nil),
		"one user, one item":   interactions(1, []int32{0}),
		"one user, all items":  interactions(4, []int32{0, 1, 2, 3}),
		"items nobody met":     interactions(9, []int32{0, 1}, []int32{1, 8}),
		"an item twice":        interactions(3, []int32{1, 1, 2}, []int32{1, 2}),
		"everyone met it all":  interactions(2, []int32{0, 1}, []int32{1, 0}, []int32{0, 1}),
		"weights far apart":    weighted(interactions(3, []int32{0, 1}, []int32{0, 1, 2}), 1e-30, 1e6),
		"users of three sizes": interactions(30, span(0, 30), span(3, 12), span(29, 30)),
	}
	histories := map[string]dataset.History{
		"empty":        {},
		"known":        {Items: []int32{0}},
		"unknown":      {Items: []int32{-1, 99, math.MaxInt32}, Weights: []float32{1, 1, 1}},
		"twice":        {Items: []int32{0, 0}, Weights: []float32{2, 1}, Times: []int64{1, 2}},
		"small weight": {Items: []int32{0}, Weights: []float32{1e-30}},
		"long":         {Items: slices.Repeat([]int32{0}, 500)},
		"rated":        {Rated: []int32{0, -1, 99}, Ratings: []float32{3, 4, 5}},
		"far rating":   {Rated: []int32{0}, Ratings: []float32{1e30}},
		"no rating":    {Rated: []int32{0}, Ratings: []float32{float32(math.NaN())}},
	}
	for name := range suite {
		t.Run(name, func(t *testing.T) {
			for set, data := range sets {
				learned := fit(t, algorithm(t, name), data)
				if learned.Items() != data.ByUser.Width {
					t.Errorf("%s: %d items, want %d", set, learned.Items(), data.ByUser.Width)
				}
				for what, history := range histories {
					for i, score := range scoresOf(learned, history) {
						if math.IsNaN(float64(score)) || math.IsInf(float64(score), 0) {
							t.Fatalf("%s, %s history: item %d scores %v", set, what, i, score)
						}
					}
				}
				if _, err := model.Read(bytes.NewReader(bytesOf(t, learned))); err != nil {
					t.Errorf("%s: cannot be read back: %v", set, err)
				}
			}
		})
	}
}

// TestScoresTogether has many goroutines score at once; the race detector
// listens.
func TestScoresTogether(t *testing.T) {
	data := clusters(60, 40, 4, 1)
	for name := range suite {
		t.Run(name, func(t *testing.T) {
			learned := fit(t, algorithm(t, name), data)
			var alone [][]float32
			for u := range data.ByUser.Rows() {
				alone = append(alone, scoresOf(learned, data.History(u)))
			}
			var wait sync.WaitGroup
			for range 8 {
				wait.Go(func() {
					for u := range alone {
						if !slices.Equal(scoresOf(learned, data.History(u)), alone[u]) {
							t.Errorf("user %d: other scores in company", u)
						}
					}
				})
			}
			wait.Wait()
		})
	}
}

// byLot holds the algorithms that draw users, or their samples, by lot: which
// are drawn depends on the order in which users stand.
var byLot = []string{"bayesmf", "ials, patience", "nmf", "nmf, weights", "bpr", "bpr, popular", "bpr, adaptive", "bpr, explained", "bpr, uniform", "warp", "warp, patience", "blend", "blend, nested", "stack", "stack, trees"}

// TestRenamedUsers expects that it does not matter in which order users stand.
func TestRenamedUsers(t *testing.T) {
	data := clusters(80, 40, 4, 1)
	data.Times = nil
	renamed := make([][]int32, data.ByUser.Rows())
	order := rand.New(rand.NewPCG(3, 3)).Perm(len(renamed))
	for to, from := range order {
		renamed[to] = data.History(from).Items
	}
	again := withRatings(interactions(40, renamed...), data, order, func(int) int32 { return -1 })
	for name := range suite {
		t.Run(name, func(t *testing.T) {
			if slices.Contains(byLot, name) {
				t.Skip("draws by lot")
			}
			learned, other := fit(t, algorithm(t, name), data), fit(t, algorithm(t, name), again)
			for u := range renamed {
				want, got := scoresOf(learned, data.History(u)), scoresOf(other, data.History(u))
				for i := range want {
					if math.Abs(float64(want[i]-got[i])) > 1e-3*(1+math.Abs(float64(want[i]))) {
						t.Fatalf("user %d, item %d: %v, renamed %v", u, i, want[i], got[i])
					}
				}
			}
		})
	}
}

// TestQuality holds every algorithm between a floor and a ceiling on generated
// clusters with a tenth of noise: too bad is a fault, and so is too good.
func TestQuality(t *testing.T) {
	full := clusters(400, 120, 6, 5)
	train, hidden := hideLast(full)
	bounds := map[string][2]float64{"baseline": {.1, .3}, "slopeone": {.1, .6}, "popular": {.05, .25}, "rules, basket": {.1, .5}, "repeat": {.05, .25}, "repeat, timed": {0, .3}}
	for name := range suite {
		t.Run(name, func(t *testing.T) {
			learned := fit(t, algorithm(t, name), train)
			hits := 0
			for u, item := range hidden {
				if slices.Contains(topUnseen(learned, train.History(u), 20), item) {
					hits++
				}
			}
			rate, bound := float64(hits)/float64(len(hidden)), [2]float64{.75, .97}
			if special, ok := bounds[name]; ok {
				bound = special
			}
			if rate < bound[0] || rate > bound[1] {
				t.Errorf("hit rate@20 %.3f, want %v", rate, bound)
			}
		})
	}
}

func TestTellsProgress(t *testing.T) {
	for name := range suite {
		t.Run(name, func(t *testing.T) {
			var told []model.Progress
			_, err := algorithm(t, name).Fit(t.Context(), checkerboard(6), func(p model.Progress) { told = append(told, p) })
			if err != nil {
				t.Fatal(err)
			}
			for k, p := range told {
				if p.Epoch != k+1 || p.Epochs != len(told) {
					t.Errorf("call %d of %d says %d of %d", k+1, len(told), p.Epoch, p.Epochs)
				}
			}
			if len(told) == 0 {
				t.Error("never told")
			}
		})
	}
}

// checkerboard returns size users and size items; user u likes every item of
// u's parity but item u itself.
func checkerboard(size int) *dataset.Interactions {
	rows := make([][]int32, size)
	for u := range rows {
		for i := u % 2; i < size; i += 2 {
			if i != u {
				rows[u] = append(rows[u], int32(i))
			}
		}
	}
	return rated(interactions(size, rows...), 2)
}

// rated adds ratings: 5 for what a user met of the own group, 4 for the rest
// of what was met, and 1 for some items of other groups.
func rated(data *dataset.Interactions, groups int) *dataset.Interactions {
	ratings := &linalg.CSR{Starts: []int{0}, Width: data.ByUser.Width}
	for u := range data.ByUser.Rows() {
		met, _ := data.ByUser.Row(u)
		for _, i := range met {
			ratings.Cols = append(ratings.Cols, i)
			ratings.Vals = append(ratings.Vals, map[bool]float32{true: 5, false: 4}[(int(i)-u)%groups == 0])
		}
		for i := range int32(ratings.Width) {
			if (int(i)-u)%groups != 0 && (int(i)*7+u*3)%11 < 4 && !slices.Contains(met, i) {
				ratings.Cols, ratings.Vals = append(ratings.Cols, i), append(ratings.Vals, 1)
			}
		}
		ratings.Starts = append(ratings.Starts, len(ratings.Cols))
	}
	data.Ratings = ratings
	return data
}

// withRatings gives row to of data the ratings of row from[to] of others,
// without those of an item.
func withRatings(data, others *dataset.Interactions, from []int, without func(row int) int32) *dataset.Interactions {
	ratings := &linalg.CSR{Starts: []int{0}, Width: data.ByUser.Width}
	for _, row := range from {
		cols, vals := others.Ratings.Row(row)
		for k, i := range cols {
			if i != without(row) {
				ratings.Cols, ratings.Vals = append(ratings.Cols, i), append(ratings.Vals, vals[k])
			}
		}
		ratings.Starts = append(ratings.Starts, len(ratings.Cols))
	}
	data.Ratings = ratings
	return data
}

// clusters returns users who mostly meet the items of their own cluster, 5 to
// 14 each in the order they met them, and times.
func clusters(users, items, groups int, seed uint64) *dataset.Interactions {
	dice := rand.New(rand.NewPCG(seed, 0))
	rows := make([][]int32, users)
	for u := range rows {
		for n := 5 + dice.IntN(10); len(rows[u]) < n; {
			i := int32(dice.IntN(items/groups)*groups + u%groups)
			if dice.IntN(10) == 0 {
				i = int32(dice.IntN(items))
			}
			if !slices.Contains(rows[u], i) {
				rows[u] = append(rows[u], i)
			}
		}
	}
	data := interactions(items, rows...)
	for u := range rows {
		for k := range rows[u] {
			data.Times = append(data.Times, int64(1_700_000_000+86_400*k+u))
		}
	}
	return rated(data, groups)
}

// hideLast takes each user's last item away.
func hideLast(full *dataset.Interactions) (train *dataset.Interactions, hidden []int32) {
	rows := make([][]int32, full.ByUser.Rows())
	for u := range rows {
		items := full.History(u).Items
		rows[u], hidden = items[:len(items)-1], append(hidden, items[len(items)-1])
	}
	train = interactions(full.ByUser.Width, rows...)
	return withRatings(train, full, indices(len(rows)), func(row int) int32 { return hidden[row] }), hidden
}

// interactions returns one row a user, all weights 1, without times. Items are
// described by what is left of them when divided.
func interactions(items int, rows ...[]int32) *dataset.Interactions {
	m := &linalg.CSR{Starts: []int{0}, Width: items}
	for _, row := range rows {
		m.Cols = append(m.Cols, row...)
		m.Starts = append(m.Starts, len(m.Cols))
	}
	m.Vals = slices.Repeat([]float32{1}, len(m.Cols))
	ratings := *m
	ratings.Vals = slices.Clone(m.Vals)
	for k, i := range m.Cols {
		ratings.Vals[k] += float32(i % 5)
	}
	data := &dataset.Interactions{Users: dataset.NewDict(), Items: dataset.NewDict(), ByUser: m, Ratings: &ratings}
	for u := range rows {
		data.Users.Add(fmt.Sprintf("u%d", u))
	}
	described := make([]kindred.Attributes, items)
	for i := range items {
		data.Items.Add(fmt.Sprintf("i%d", i))
		described[i] = kindred.Attributes{}
		for _, n := range []int{2, 3, 4} {
			described[i][fmt.Sprint("modulo", n)] = kindred.StringOf(fmt.Sprint(i % n))
		}
	}
	data.ItemFeatures = dataset.Describe(described)
	return data
}

func indices(n int) (all []int) {
	for k := range n {
		all = append(all, k)
	}
	return all
}

// weighted gives the entries the weights by turns.
func weighted(data *dataset.Interactions, weights ...float32) *dataset.Interactions {
	for k := range data.ByUser.Vals {
		data.ByUser.Vals[k] = weights[k%len(weights)]
	}
	return data
}

func span(lo, hi int32) (row []int32) {
	for i := lo; i < hi; i++ {
		row = append(row, i)
	}
	return row
}

// scoresOf scores into memory that holds something already.
func scoresOf(learned model.Learned, history dataset.History) []float32 {
	scores := slices.Repeat([]float32{42}, learned.Items())
	learned.Score(scores, history)
	return scores
}

func bestUnseen(scores []float32, history dataset.History) int {
	for _, i := range history.Items {
		scores[i] = float32(math.Inf(-1))
	}
	return int(linalg.TopK(nil, scores, 1)[0].Index)
}

func topUnseen(learned model.Learned, history dataset.History, k int) (items []int32) {
	scores := scoresOf(learned, history)
	for _, i := range history.Items {
		scores[i] = float32(math.Inf(-1))
	}
	for _, best := range linalg.TopK(nil, scores, k) {
		items = append(items, best.Index)
	}
	return items
}

func bytesOf(t *testing.T, learned model.Learned) []byte {
	t.Helper()
	var b bytes.Buffer
	n, err := learned.WriteTo(&b)
	if err != nil || n != int64(b.Len()) {
		t.Fatalf("wrote %d bytes, says %d, error %v", b.Len(), n, err)
	}
	return b.Bytes()
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
