package train

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"kindred"
	"kindred/dataset"
)

// TestExplicitWeighsAsTheStore gives the same events to training on what is
// stored and to files, and expects the same weights, of training data and of
// histories, and the same columns of attributes.
func TestExplicitWeighsAsTheStore(t *testing.T) {
	least := 2.
	plain := dataset.Defaults()
	views, bm25, typical := plain, plain, plain
	views.Signals = map[kindred.Kind]dataset.Signal{kindred.View: {Min: &least, Grade: dataset.LogGrade}}
	views.Debias = dataset.Debias{Logged: true, Curve: []float64{1, .5, .25}, Clip: 3}
	bm25.Confidence.Scheme, bm25.Debias.Popularity = dataset.BM25Scheme, .5
	typical.Missing = dataset.Missing{"price": dataset.TypicalFill}
	for name, settings := range map[string]dataset.Settings{"plain": plain, "views": views, "bm25": bm25, "typical": typical} {
		t.Run(name, func(t *testing.T) {
			b, x, rng := dataset.NewBuilder(settings), NewExplicit(), rand.New(rand.NewPCG(3, 3))
			x.Weigh(settings)
			var items []*kindred.Item
			for i := range 9 {
				item := &kindred.Item{ID: kindred.ItemID(fmt.Sprint("i", i)), Price: float64(i % 3)}
				items = append(items, item)
				b.AddItem(item)
			}
			x.Describe(items, nil)
			passed := 0
			for n := range 60 { // users and items in order, so that they are numbered alike
				e := kindred.Event{
					User: kindred.UserID(fmt.Sprint("u", n/9)), Item: items[n%9].ID, Kind: kindred.View, Value: float64(1 + rng.IntN(5)),
					Position: rng.IntN(5), Time: time.Unix(int64(1e9+n), 0),
				}
				if n%4 == 0 {
					e.Context = []byte(`{"propensity":0.4}`)
				}
				if effect, _ := settings.Effect(&e, nil); effect == dataset.Nothing {
					passed++
				}
				b.Add(&e)
				x.AddEvent(dataset.TrainPart, &e, e.Time.Unix())
			}
			x.AddEvent(dataset.TestPart, &kindred.Event{User: "u6", Item: "i8", Kind: kindred.View, Value: 1, Time: time.Unix(2e9, 0)}, 2e9)
			want, err := b.Build(time.Unix(2e9, 0))
			if err != nil {
				t.Fatal(err)
			}
			for _, next := range []dataset.Prefixes{dataset.NoPrefixes, dataset.LastPrefix} {
				j := judge{}
				x.prepare(&j, &ExplicitSettings{Next: next}, dataset.TrainPart, dataset.TestPart)
				if !slices.Equal(j.data.ByUser.Vals, want.ByUser.Vals) || !slices.Equal(j.data.ByUser.Cols, want.ByUser.Cols) {
					t.Errorf("weights %v, the store has %v", j.data.ByUser.Vals, want.ByUser.Vals)
				}
				if !slices.Equal(j.data.ItemFeatures.Names.IDs(), want.ItemFeatures.Names.IDs()) {
					t.Errorf("columns %q, the store has %q", j.data.ItemFeatures.Names.IDs(), want.ItemFeatures.Names.IDs())
				}
				if len(j.cases) != 1 || !slices.Equal(j.cases[0].History.Weights, want.History(6).Weights) {
					t.Errorf("asked of %+v, the store knows %v", j.cases, want.History(6).Weights)
				}
			}
			r, err := x.Judge(t.Context(), ExplicitSettings{Candidates: []Candidate{{fixedScores{Rank: "a"}}}, Metric: "mrr@5"}, nil)
			if err != nil || r.PassedOver != passed || (passed > 0) != (name == "views") {
				t.Errorf("%d passed over of %d, %v", r.PassedOver, passed, err)
			}
		})
	}
}
