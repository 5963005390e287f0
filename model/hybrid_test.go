package model

import (
	"bytes"
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"kindred/dataset"
	"kindred/linalg"
)

// TestBlendFindsPlantedWeights makes shortlists whose relevant items lead by
// planted weights, and expects the search to find them, and 0 for noise.
func TestBlendFindsPlantedWeights(t *testing.T) {
	planted := []float32{.5, .35, .15, 0}
	rng := rand.New(rand.NewPCG(1, 1))
	lists := make([]shortlist, 400)
	for n := range lists {
		l := &lists[n]
		best, lead := 0, float32(math.Inf(-1))
		for at := range 60 {
			row := make([]float32, len(planted))
			for c := range row {
				row[c] = rng.Float32()
			}
			l.items = append(l.items, int32(at))
			l.scores[byRange] = append(l.scores[byRange], row...)
			if score := linalg.Dot(planted, row); score > lead {
				best, lead = at, score
			}
		}
		l.relevant, l.ideal = []int32{int32(best)}, 1
	}
	weights, ndcg := newWeighing(lists, byRange, len(planted)).best()
	if ndcg < .97 {
		t.Errorf("NDCG %.3f with weights %v, want about 1", ndcg, weights)
	}
	for c := range planted {
		if math.Abs(float64(weights[c]-planted[c])) > .06 {
			t.Errorf("weights %v, want about %v", weights, planted)
			break
		}
	}
}

// TestBlendWeighsByLength plants one component that is right for short
// histories and one that is right for long ones.
func TestBlendWeighsByLength(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	var lists []shortlist
	var cases []dataset.Case
	for n := range 300 {
		length := 1 + n%30
		l := shortlist{relevant: []int32{int32(rng.IntN(40))}, ideal: 1}
		for at := range int32(40) {
			right, noise := float32(0), rng.Float32()
			if at == l.relevant[0] {
				right = .2 // less than the noise of the other is
			}
			row := []float32{right, noise}
			if length > 10 {
				row = []float32{noise, right}
			}
			l.items = append(l.items, at)
			l.scores[byRange] = append(l.scores[byRange], row...)
		}
		lists = append(lists, l)
		cases = append(cases, dataset.Case{History: dataset.History{Items: make([]int32, length)}})
	}
	a := NewBlend()
	a.Scaling = "range"
	b := a.search(lists, cases, 2)
	m := &Mixture{components: make([]Learned, 2), bounds: b.bounds, weights: b.weights}
	short, long := m.weightsFor(cases[4].History), m.weightsFor(cases[25].History)
	if short[0] < .6 || long[1] < .6 {
		t.Errorf("short histories weigh %v, long ones %v", short, long)
	}
}

// TestMixtureIsASum compares a mixture with its definition, for every scaling,
// and after it was written and read.
func TestMixtureIsASum(t *testing.T) {
	const items = 40
	rng := rand.New(rand.NewPCG(3, 3))
	components := make([]Learned, 3)
	for c := range components {
		p := &Popularity{popular: make([]float32, items), trending: make([]float32, items)}
		for i := range p.popular {
			p.popular[i] = rng.Float32()
		}
		components[c] = p
	}
	data := &dataset.Interactions{Users: dataset.NewDict(), Items: dataset.NewDict(), ByUser: &linalg.CSR{Starts: []int{0}, Width: items}}
	history := dataset.History{Items: []int32{7, 3, 7}}
	weights := []float32{.2, .5, .3}
	for scale, scaled := range map[scoreScale]func([]float32, dataset.History) []float64{
		byRange: plainRange, byDeviation: plainDeviation, byRank: plainRank,
	} {
		m := newMixture(components, data, scale, nil, weights)
		var file bytes.Buffer
		if _, err := m.WriteTo(&file); err != nil {
			t.Fatal(err)
		}
		read, err := Read(&file)
		if err != nil {
			t.Fatal(err)
		}
		got, again := make([]float32, items), make([]float32, items)
		m.Score(got, history)
		read.Score(again, history)
		want := make([]float64, items)
		for c := range components {
			row := make([]float32, items)
			components[c].Score(row, history)
			for i, x := range scaled(row, history) {
				want[i] += float64(weights[c]) * x
			}
		}
		for i := range want {
			if math.Abs(float64(got[i])-want[i]) > 1e-5 || got[i] != again[i] {
				t.Fatalf("scaling %d, item %d: %v, read again %v, want %v", scale, i, got[i], again[i], want[i])
			}
		}
	}
}

func plainMoments(row []float32) (mean, deviation float64) {
	for _, x := range row {
		mean += float64(x) / float64(len(row))
	}
	for _, x := range row {
		deviation += (float64(x) - mean) * (float64(x) - mean) / float64(len(row))
	}
	return mean, math.Sqrt(deviation)
}

func plainRange(row []float32, history dataset.History) []float64 {
	mean, deviation := plainMoments(row)
	unit := deviation
	for i, x := range row {
		if !slices.Contains(history.Items, int32(i)) {
			unit = max(unit, float64(x)-mean)
		}
	}
	return plainScale(row, mean, unit)
}

func plainDeviation(row []float32, _ dataset.History) []float64 {
	mean, deviation := plainMoments(row)
	return plainScale(row, mean, deviation)
}

func plainScale(row []float32, mean, unit float64) []float64 {
	scaled := make([]float64, len(row))
	for i, x := range row {
		scaled[i] = (float64(x) - mean) / unit
	}
	return scaled
}

func plainRank(row []float32, history dataset.History) []float64 {
	scaled := make([]float64, len(row))
	for i, x := range row {
		if x == slices.Min(row) {
			continue
		}
		rank := 0
		for j, y := range row {
			if y > x && !slices.Contains(history.Items, int32(j)) {
				rank++
			}
		}
		scaled[i] = 61 / float64(61+rank)
	}
	return scaled
}

// TestMixtureOfUnmetItems expects an item that nobody met to be ranked by the
// component that knows its content, and not to be held back by the others.
func TestMixtureOfUnmetItems(t *testing.T) {
	flat := &Popularity{popular: []float32{5, 4, 3, 0, 0}, trending: make([]float32, 5)} // knows the first three
	content := &Popularity{popular: []float32{.1, .2, .1, .9, .0001}, trending: make([]float32, 5)}
	data := &dataset.Interactions{
		Users: dataset.NewDict(), Items: dataset.NewDict(),
		ByUser: &linalg.CSR{Starts: []int{0, 3}, Cols: []int32{0, 1, 2}, Vals: []float32{1, 1, 1}, Width: 5},
	}
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		data.Items.Add(id)
	}
	scores := make([]float32, 5)
	newMixture([]Learned{flat, content}, data, byRange, nil, []float32{.9, .1}).Score(scores, dataset.History{})
	order := []int32{0, 1, 2, 3, 4}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(scores[b], scores[a]) })
	if order[0] != 3 || order[4] == 3 || scores[3] <= scores[4] {
		t.Errorf("scores %v: the unmet item of the best content is not first", scores)
	}
}

// TestRehearsal expects the latest items, or random ones, to be held out of
// what is learned, and the history to be what is left.
func TestRehearsal(t *testing.T) {
	data := &dataset.Interactions{Users: dataset.NewDict(), Items: dataset.NewDict(), ByUser: &linalg.CSR{Starts: []int{0}, Width: 100}}
	for range 50 {
		for k := range 40 {
			data.ByUser.Cols, data.ByUser.Vals = append(data.ByUser.Cols, int32(k)), append(data.ByUser.Vals, 1)
			data.Times = append(data.Times, int64(k-k%2)) // two at each moment
		}
		data.ByUser.Starts = append(data.ByUser.Starts, len(data.ByUser.Cols))
	}
	for _, c := range []struct {
		hold   string
		most   int
		latest bool
		each   int
	}{{"latest", 3, true, 4}, {"latest", 100, true, 4}, {"latest", 2, true, 2}, {"random", 3, false, 3}} {
		r := Rehearsal{HoldOut: c.hold, MaxHeldOut: c.most, Seed: 1}
		train, cases := r.split(data)
		if len(cases) != 25 || train.ByUser.NNZ() != 50*40-25*c.each {
			t.Fatalf("%+v: %d cases, %d pairs left", c, len(cases), train.ByUser.NNZ())
		}
		latest := true
		for _, one := range cases {
			latest = latest && one.Relevant[0] == int32(40-c.each)
			if len(one.Relevant) != c.each || len(one.History.Items) != 40-c.each || !slices.IsSorted(one.Relevant) {
				t.Fatalf("%+v: %v is held out of %d", c, one.Relevant, len(one.History.Items))
			}
		}
		if latest != c.latest {
			t.Errorf("%+v: the latest are held out: %v", c, latest)
		}
	}
}

// TestRehearsalOfRepeats expects the latest events to be held out, whole moments
// of them, and what was done before to stay, of the same items, too.
func TestRehearsalOfRepeats(t *testing.T) {
	data := &dataset.Interactions{Users: dataset.NewDict(), Items: dataset.NewDict(), ByUser: &linalg.CSR{Starts: []int{0}, Width: 10}}
	q := &dataset.Sequences{Starts: []int{0}}
	for u := range 20 {
		data.Users.Add(string(rune('a' + u)))
		data.ByUser.Cols = append(data.ByUser.Cols, 2, 1, 0) // by the last event
		data.ByUser.Vals = append(data.ByUser.Vals, 1, 2, 2)
		data.Times = append(data.Times, 30, 40, 40)
		data.ByUser.Starts = append(data.ByUser.Starts, 3*(u+1))
		q.Items = append(q.Items, 0, 1, 2, 0, 1)
		q.Times = append(q.Times, 10, 20, 30, 40, 40)
		q.Weights, q.Baskets = append(q.Weights, 1, 1, 1, 1, 1), append(q.Baskets, 0, 1, 2, 3, 3)
		q.Starts = append(q.Starts, 5*(u+1))
	}
	for i := range 10 {
		data.Items.Add(string(rune('a' + i)))
	}
	data.Sequences = q
	r := usualRehearsal()
	r.Repeats = "allow"
	train, cases := r.split(data)
	if len(cases) != 10 || len(train.Sequences.Items) != 100-2*10 || train.ByUser.NNZ() != 60 {
		t.Fatalf("%d cases, %d events and %d pairs left", len(cases), len(train.Sequences.Items), train.ByUser.NNZ())
	}
	for _, c := range cases {
		if !slices.Equal(c.Relevant, []int32{0, 1}) || !slices.Equal(c.History.Items, []int32{0, 1, 2}) || c.History.Now != 40 {
			t.Fatalf("user %d: asked at %d for %v after %v", c.User, c.History.Now, c.Relevant, c.History.Items)
		}
	}
	again := &Popularity{popular: []float32{3, 2, 1, 0, 0, 0, 0, 0, 0, 0}, trending: make([]float32, 10)}
	lists, err := (&proposer{newMixture([]Learned{again}, train, byRange, nil, []float32{1}), 2, true}).propose(t.Context(), cases)
	if err != nil || len(lists[0].relevant) != 2 || !slices.Equal(lists[0].items[:3], []int32{0, 1, 2}) {
		t.Errorf("proposed are %v, of which relevant %v, %v", lists[0].items, lists[0].relevant, err)
	}
	r.HoldOut = "random"
	if r.check() == nil {
		t.Error("random items are held out where repeats count")
	}
}

// TestStackRanks plants items that are wanted where a component says neither
// little nor much: trees must find them, and a linear ranker cannot.
func TestStackRanks(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	c := &choice{components: 2, features: features(2)}
	for range 600 {
		x, chosen := []float32{}, []int32(nil)
		for at := range int32(20) {
			row := make([]float32, c.features)
			row[0] = float32(rng.IntN(3))
			if row[0] == 1 && rng.IntN(4) == 0 {
				chosen = append(chosen, at)
			}
			x = append(x, row...)
		}
		if chosen != nil {
			c.x, c.chosen = append(c.x, x), append(c.chosen, chosen)
		}
	}
	rows := make([]float32, 3*c.features)
	rows[c.features], rows[2*c.features] = 1, 2
	a := NewStack()
	for ranker, leads := range map[string]bool{"linear": false, "gbdt": true} {
		a.Ranker = ranker
		m := &Stacked{}
		if err := a.rank(t.Context(), m, c); err != nil {
			t.Fatal(err)
		}
		scores := m.rank(rows, 3)
		if found := scores[1] > max(scores[0], scores[2])+.05; found != leads {
			t.Errorf("%s ranks little, some, much as %v", ranker, scores)
		}
		flat := &Popularity{popular: []float32{1}, trending: []float32{1}}
		data := &dataset.Interactions{Users: dataset.NewDict(), Items: dataset.NewDict("a"), ByUser: &linalg.CSR{Starts: []int{0}, Width: 1}}
		m.proposer = proposer{Mixture: newMixture([]Learned{flat, flat}, data, byRange, nil, []float32{1, 1}), depth: 1}
		m.standing = standingOf(data)
		var file bytes.Buffer
		if _, err := m.WriteTo(&file); err != nil {
			t.Fatal(err)
		}
		read, err := Read(&file)
		if again, ok := read.(*Stacked); err != nil || !ok || !slices.Equal(again.rank(rows, 3), scores) {
			t.Errorf("%s ranks differently once read: %v", ranker, err)
		}
		if leads == (m.trees == nil) || leads == (m.weights != nil) {
			t.Errorf("%s is ranked by %d weights, trees %v", ranker, len(m.weights), m.trees != nil)
		}
	}
}

// TestChoiceFindsPlantedWeights draws choices from a conditional logit and
// expects its weights back, and derivatives as differences have them.
func TestChoiceFindsPlantedWeights(t *testing.T) {
	planted := []float64{1.5, -.8, 0}
	rng := rand.New(rand.NewPCG(4, 4))
	c := choice{features: 3, lambda: 1e-6}
	for range 4000 {
		rows, best, lead := make([]float32, 0, 60), int32(0), math.Inf(-1)
		for at := range int32(20) {
			utility := -math.Log(-math.Log(rng.Float64())) // Gumbel noise makes the logit
			for _, w := range planted {
				x := rng.NormFloat64()
				rows = append(rows, float32(x))
				utility += w * x
			}
			if utility > lead {
				best, lead = at, utility
			}
		}
		c.x, c.chosen = append(c.x, rows), append(c.chosen, []int32{best})
	}
	w, err := c.maximise()
	if err != nil {
		t.Fatal(err)
	}
	for f := range planted {
		if math.Abs(w[f]-planted[f]) > .08 {
			t.Errorf("weights %.3f, want about %v", w, planted)
			break
		}
	}
	at := []float64{.3, .2, -.1}
	_, gradient, hessian := c.derivatives(at)
	for f := range at {
		const h = 1e-4
		up, down := slices.Clone(at), slices.Clone(at)
		up[f], down[f] = at[f]+h, at[f]-h
		above, gradientAbove, _ := c.derivatives(up)
		below, gradientBelow, _ := c.derivatives(down)
		if want := (above - below) / (2 * h); math.Abs(gradient[f]-want) > 1e-5 {
			t.Errorf("gradient %g, want %g", gradient[f], want)
		}
		if want := -(gradientAbove[f] - gradientBelow[f]) / (2 * h); math.Abs(hessian[f*4]-want) > 1e-4 {
			t.Errorf("curvature %g, want %g", hessian[f*4], want)
		}
	}
}
