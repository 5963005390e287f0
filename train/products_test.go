package train

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"kindred"
	"kindred/dataset"
	"kindred/eval"
	"kindred/linalg"
	"kindred/sim"
)

// sizes is how many variants each product of a shop has in these tests.
const sizes = 6

// variantsOf makes a shop's products come in sizes: its shoppers take theirs
// seven times in ten, and any other three times.
func variantsOf(shop *sim.Shop, seed uint64) (items []kindred.Item, events []kindred.Event) {
	rng := rand.New(rand.NewPCG(seed, 1))
	sized := func(id kindred.ItemID, size int) kindred.ItemID { return id + kindred.ItemID(fmt.Sprint("-", size)) }
	for _, item := range shop.Items() {
		for size := range sizes {
			variant := item
			variant.ID, variant.Group = sized(item.ID, size), item.ID
			items = append(items, variant)
		}
	}
	own := map[kindred.UserID]int{}
	for e := range shop.Events() {
		if _, known := own[e.User]; !known {
			own[e.User] = rng.IntN(sizes)
		}
		if size := own[e.User]; rng.Float64() < .7 {
			e.Item = sized(e.Item, size)
		} else {
			e.Item = sized(e.Item, rng.IntN(sizes))
		}
		events = append(events, e)
	}
	return items, events
}

// productJudge judges lists of products, as they are served: of the variants the
// best stands for all, and whoever knows one knows all.
type productJudge struct {
	t      *testing.T
	truth  *dataset.Holdout // by group: what is asked
	data   *dataset.Holdout // what is learned from, by item or by group
	groups map[string]string
}

// ndcg returns each case's NDCG@10 of a model, learned from data.
func (j *productJudge) ndcg(c Candidate) (values []float64) {
	learned, err := c.Fit(j.t.Context(), j.data.Train, nil)
	if err != nil {
		j.t.Fatal(err)
	}
	products := j.truth.Train.Items
	scores, best := make([]float32, j.data.Train.Items.Len()), make([]float32, products.Len())
	for n := range j.truth.Cases {
		asked := &j.truth.Cases[n]
		var history dataset.History
		if u, known := j.data.Train.Users.Index(j.truth.Train.Users.ID(asked.User)); known {
			history = j.data.Train.History(int(u))
		}
		learned.Score(scores, history)
		for i := range best {
			best[i] = float32(math.Inf(-1))
		}
		for i, score := range scores {
			name := j.data.Train.Items.ID(int32(i))
			if group, isVariant := j.groups[name]; isVariant {
				name = group
			}
			if p, known := products.Index(name); known {
				best[p] = max(best[p], score)
			}
		}
		for _, p := range asked.History.Items {
			best[p] = float32(math.Inf(-1))
		}
		var list []int32
		for _, s := range linalg.TopK(nil, best, 10) {
			list = append(list, s.Index)
		}
		values = append(values, eval.Measure(list, asked.Relevant, 10).NDCG)
	}
	return values
}

// TestByGroup learns from variants as items, and from their groups, and judges
// both on products: there is more to learn from where sizes do not split it.
func TestByGroup(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: takes seconds")
	}
	kinds := []string{"popular", "itemknn", "rp3beta", "covisit", "ials"}
	byItem, byGroup := map[string][]float64{}, map[string][]float64{}
	for seed := range uint64(5) {
		cfg := sim.Defaults()
		cfg.Seed, cfg.Items, cfg.Users = seed+1, 400, 1000
		items, events := variantsOf(sim.New(cfg), seed)
		groups := map[string]string{}
		for i := range items {
			groups[string(items[i].ID)] = string(items[i].Group)
		}
		cut := cfg.Now.AddDate(0, 0, -14)
		holdout := func(grouped bool) *dataset.Holdout {
			s := dataset.Defaults()
			s.ByGroup = grouped
			b := dataset.NewBuilder(s)
			for i := range items {
				b.AddItem(&items[i])
			}
			for i := range events {
				b.Add(&events[i])
			}
			h, err := b.SplitAt(cut)
			if err != nil {
				t.Fatal(err)
			}
			return h
		}
		truth := holdout(true)
		asItems, asGroups := &productJudge{t, truth, holdout(false), groups}, &productJudge{t, truth, truth, groups}
		for _, kind := range kinds {
			c, err := NewCandidate(kind, nil, 1)
			if err != nil {
				t.Fatal(err)
			}
			byItem[kind], byGroup[kind] = append(byItem[kind], asItems.ndcg(c)...), append(byGroup[kind], asGroups.ndcg(c)...)
		}
	}
	for _, kind := range kinds {
		gain := eval.Paired(byGroup[kind], byItem[kind])
		var mean float64
		for _, x := range byItem[kind] {
			mean += x / float64(len(byItem[kind]))
		}
		t.Logf("| `%s` | .%03.0f | %+.3f ± %.3f | (%d users)", kind, 1000*mean, gain.Mean, 2*gain.StdErr, len(byItem[kind]))
		if kind != "popular" && !(gain.Mean > 2*gain.StdErr) {
			t.Errorf("%s gains %.4f ± %.4f by groups", kind, gain.Mean, 2*gain.StdErr)
		}
	}
}
