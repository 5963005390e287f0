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
	MaxHeldOut int `json:"max_held_out" range:"1,1000"`
	// Repeats says whether what users go back to counts. If it does, it is
	// their latest events that are held out, and what they did before stays,
	// of the same items, too. It needs events in order: without them, or with
	// all of a user's at one moment, there is nobody to learn from.
	Repeats string `json:"repeats" oneof:"hide allow"`
	Depth   int    `json:"depth" range:"1,1000"` // items that each component proposes
	Seed    uint64 `json:"seed"`
}

// rehearsalUsers is how many users give items at most, and half of all: NDCG
// then has a standard error of some hundredths of itself.
const rehearsalUsers = 3000

func usualRehearsal() Rehearsal {
	return Rehearsal{HoldOut: "latest", MaxHeldOut: 5, Repeats: "hide", Depth: 100, Seed: 1}
}

// check reports settings that do not go together.
func (r *Rehearsal) check() error {
	if r.Repeats == "allow" && r.HoldOut == "random" {
		return errors.New("model: hold_out is random, and repeats are allowed (what someone goes back to is the latest: use hold_out=latest)")
	}
	return nil
}

// split returns what to fit on and the cases to judge by.
func (r *Rehearsal) split(data *dataset.Interactions) (train *dataset.Interactions, cases []dataset.Case) {
	if r.Repeats == "allow" {
		return r.splitSteps(data)
	}
	for u := range data.ByUser.Rows() {
		if items, _ := data.ByUser.Row(u); len(items) >= 3 {
			cases = append(cases, dataset.Case{User: int32(u)})
		}
	}
	cases = dataset.Sample(cases, min(rehearsalUsers, (len(cases)+1)/2), r.Seed)
	out := make([][]int32, data.ByUser.Rows())
	for _, c := range cases {
		h := data.History(int(c.User))
		if r.HoldOut == "random" {
			h.Times = nil
		}
		items := inOrder(h, r.Seed, c.User)
		stay := r.stay(h.Times, len(items))
		if stay == 0 {
			stay = r.stay(nil, len(items))
		}
		out[c.User] = items[stay:]
	}
	train = data.Without(out)
	for n := range cases {
		c := &cases[n]
		c.History, c.Relevant = train.History(int(c.User)), slices.Clone(out[c.User])
		slices.Sort(c.Relevant)
	}
	return train, cases
}

// splitSteps is split where repeats count.
func (r *Rehearsal) splitSteps(data *dataset.Interactions) (train *dataset.Interactions, cases []dataset.Case) {
	if data.Sequences == nil {
		return data, nil
	}
	steps := make([]int, data.ByUser.Rows())
	for u := range steps {
		h := data.History(u)
		steps[u] = len(h.Steps)
		if h.StepTimes != nil && r.stay(h.StepTimes, len(h.Steps)) > 0 {
			cases = append(cases, dataset.Case{User: int32(u)})
		}
	}
	cases = dataset.Sample(cases, min(rehearsalUsers, (len(cases)+1)/2), r.Seed)
	for n := range cases {
		c := &cases[n]
		h := data.History(int(c.User))
		stay := r.stay(h.StepTimes, len(h.Steps))
		steps[c.User] = stay
		c.Relevant = slices.Clone(h.Steps[stay:])
		slices.Sort(c.Relevant)
		c.Relevant = slices.Compact(c.Relevant)
		c.History.Now = h.StepTimes[stay]
	}
	train = data.FirstSteps(steps)
	for n := range cases {
		now := cases[n].History.Now
		cases[n].History = train.History(int(cases[n].User))
		cases[n].History.Now = now
	}
	return train, cases
}

// stay returns how many of n stay, of which times tell the order: all before
// the moment of the first held out; 0 if all have that moment.
func (r *Rehearsal) stay(times []int64, n int) int {
	stay := n - min(r.MaxHeldOut, (n+9)/10)
	if stay < n && times != nil {
		for first := times[stay]; stay > 0 && times[stay-1] == first; {
			stay--
		}
	}
	return stay
}

// inOrder returns the items of a user's history, oldest first and those of one
// moment at random, as they have no order, nor have any where there are no
// times.
func inOrder(h dataset.History, seed uint64, user int32) []int32 {
	items := slices.Clone(h.Items)
	rng := rand.New(rand.NewPCG(seed, uint64(user)))
	first := 0
	for next := 1; next <= len(items); next++ {
		if next < len(items) && (len(h.Times) == 0 || h.Times[next] == h.Times[first]) {
			continue
		}
		moment := items[first:next]
		rng.Shuffle(len(moment), func(i, j int) { moment[i], moment[j] = moment[j], moment[i] })
		first = next
	}
	return items
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
	mixture := newMixture(learned, train, byRange, nil, slices.Repeat([]float32{1}, len(learned)))
	p := proposer{mixture, r.Depth, r.Repeats == "allow"}
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
