package model

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"kindred/dataset"
	"kindred/eval"
)

// Component is one model of a hybrid: an algorithm by name, hybrids included,
// and the settings laid over its defaults.
type Component struct {
	Kind     string          `json:"kind"`
	Settings json.RawMessage `json:"settings,omitempty"`
}

// usual are the components of a hybrid that names none: what everyone likes,
// what goes together, what comes next, and the factors behind all.
func usual() []Component {
	return []Component{{Kind: "popular"}, {Kind: "itemknn"}, {Kind: "covisit"}, {Kind: "ials"}}
}

// algorithmsOf returns the components' algorithms, or everything that is wrong
// with them.
func algorithmsOf(components []Component) ([]Algorithm, error) {
	var algorithms []Algorithm
	var faults []error
	for n, c := range components {
		a, err := FromJSON(c.Kind, c.Settings)
		if err != nil {
			faults = append(faults, fmt.Errorf("models[%d]: %w", n, err))
		}
		algorithms = append(algorithms, a)
	}
	return algorithms, errors.Join(faults...)
}

// teller tells progress in steps whose number is known beforehand.
type teller struct {
	done, steps int
	progress    func(Progress)
}

func (t *teller) step() {
	t.done++
	if t.progress != nil {
		t.progress(Progress{Epoch: t.done, Epochs: t.steps})
	}
}

// fitAll fits the algorithms one after the other, a step each.
func fitAll(ctx context.Context, algorithms []Algorithm, data *dataset.Interactions, t *teller) ([]Learned, error) {
	var learned []Learned
	for _, a := range algorithms {
		one, err := a.Fit(ctx, data, nil)
		if err != nil {
			return nil, fmt.Errorf("model: fitting %s as a component: %w", a.Kind(), err)
		}
		learned = append(learned, one)
		t.step()
	}
	return learned, nil
}

// Rehearsal is how a hybrid learns to weigh its components: some items of
// some users are held out of what the components are fitted on, as what these
// users went on to. It should resemble what the hybrid will be used for.
type Rehearsal struct {
	// HoldOut says which of a user's items: the latest, for what comes next, or
	// random ones, for what is missing. What was done at one moment has no
	// order: the latest include all of their moment, as a basket, and where a
	// user's items all have one time they are random, too.
	HoldOut string `json:"hold_out" oneof:"latest random"`
	// MaxHeldOut bounds how many of a user, but for the rest of a moment; a
	// tenth, rounded up, is the other bound.
	MaxHeldOut int    `json:"max_held_out" range:"1,1000"`
	Depth      int    `json:"depth" range:"1,1000"` // items that each component proposes
	Seed       uint64 `json:"seed"`
}

// rehearsalUsers is how many users give items at most, and half of all: NDCG
// then has a standard error of some hundredths of itself.
const rehearsalUsers = 3000

func usualRehearsal() Rehearsal {
	return Rehearsal{HoldOut: "latest", MaxHeldOut: 5, Depth: 100, Seed: 1}
}

// split returns what to fit on and the cases to judge by.
func (r *Rehearsal) split(data *dataset.Interactions) (train *dataset.Interactions, cases []dataset.Case) {
	var users []dataset.Case
	for u := range data.ByUser.Rows() {
		if items, _ := data.ByUser.Row(u); len(items) >= 3 {
			users = append(users, dataset.Case{User: int32(u)})
		}
	}
	users = dataset.Sample(users, min(rehearsalUsers, (len(users)+1)/2), r.Seed)
	out := make([][]int32, data.ByUser.Rows())
	for _, c := range users {
		h := data.History(int(c.User))
		items := slices.Clone(h.Items)
		stay := len(items) - min(r.MaxHeldOut, (len(items)+9)/10)
		if r.HoldOut == "random" || h.Times == nil || h.Times[0] == h.Times[len(items)-1] {
			rng := rand.New(rand.NewPCG(r.Seed, uint64(c.User)))
			rng.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
		} else {
			for first := h.Times[stay]; stay > 1 && h.Times[stay-1] == first; {
				stay--
			}
		}
		out[c.User] = items[stay:]
	}
	train = data.Without(out)
	for _, c := range users {
		c.History, c.Relevant = train.History(int(c.User)), slices.Clone(out[c.User])
		slices.Sort(c.Relevant)
		cases = append(cases, c)
	}
	return train, cases
}

// hold fits the algorithms on what the rehearsal leaves and has them propose
// to its cases.
func (r *Rehearsal) hold(ctx context.Context, algorithms []Algorithm, data *dataset.Interactions, t *teller) (
	train *dataset.Interactions, cases []dataset.Case, lists []shortlist, err error,
) {
	train, cases = r.split(data)
	learned, err := fitAll(ctx, algorithms, train, t)
	if err != nil {
		return nil, nil, nil, err
	}
	p := proposer{newMixture(learned, train, byRange, nil, slices.Repeat([]float32{1}, len(learned))), r.Depth}
	lists, err = p.propose(ctx, cases)
	return train, cases, lists, err
}

// scoreAll writes a score for every history and item, row-major.
func scoreAll(scores []float32, learned Learned, histories []dataset.History) {
	if batch, ok := learned.(eval.BatchRanker); ok && len(histories) > 1 {
		batch.ScoreBatch(scores, histories)
		return
	}
	items := learned.Items()
	for h := range histories {
		learned.Score(scores[h*items:(h+1)*items], histories[h])
	}
}
