package train

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"

	"kindred"
	"kindred/dataset"
	"kindred/eval"
)

// Cold judges what models make of items and users they never saw, from their
// attributes. A share of the items is hidden: all that anybody did with them is
// taken out of what is learned from, their attributes stay. Users who did
// something else besides are to find theirs among the hidden ones. And a share
// of the users is hidden in the same way; each is to find all of theirs among
// all items, by the user's attributes alone.
//
// Settings are chosen, kind by kind, on items and users hidden from what is
// left; the test is looked at once, with the chosen ones.
type Cold struct {
	users, items *dataset.Dict
	meetings     []meeting
	described    []*kindred.Item
	people       []*kindred.User
}

// NewCold returns a Cold without data.
func NewCold() *Cold { return &Cold{users: dataset.NewDict(), items: dataset.NewDict()} }

// Add puts in a user's meeting with an item. time is any number that grows with
// time.
func (x *Cold) Add(user, item string, time int64) {
	x.meetings = append(x.meetings, meeting{index(x.users, user), index(x.items, item), time, 1})
}

// Describe takes in what is said of items and users; those nobody met, or who
// met nothing, are left out.
func (x *Cold) Describe(items []*kindred.Item, users []*kindred.User) {
	x.described, x.people = items, users
}

// ColdSettings say how Cold judges.
type ColdSettings struct {
	Candidates []Candidate
	Metric     string // chooses settings and orders the tables
	Ks         []int
	ItemsShare float64 // of the items that are hidden; 0: none
	UsersShare float64
	// NewestBy is the number or time among the attributes that says how new an
	// item is, where none says from when it is available.
	NewestBy string
	Seed     uint64
}

// ColdResult is what Cold found: a table for hidden items, one for hidden users.
type ColdResult struct {
	Metric string     `json:"metric"`
	Items  *ColdTable `json:"items,omitempty"`
	Users  *ColdTable `json:"users,omitempty"`
}

// ColdTable is one of the two.
type ColdTable struct {
	Hidden     int      `json:"hidden"` // items or users
	Training   int      `json:"training"`
	Baseline   string   `json:"baseline"` // what Better in Test compares with: newest, popular or random
	Validation []Judged `json:"validation,omitempty"`
	Test       []Judged `json:"test"` // best first, baselines among them
}

// Judge hides, fits and judges.
func (x *Cold) Judge(ctx context.Context, s ColdSettings, progress func(Progress)) (ColdResult, error) {
	metric, err := ParseMetric(s.Metric)
	if err != nil {
		return ColdResult{}, err
	}
	if progress == nil {
		progress = func(Progress) {}
	}
	result := ColdResult{Metric: metric.String()}
	c := &coldRun{Cold: x, ColdSettings: s, judge: judge{metric: metric, ks: withCutoff(s.Ks, metric.K), progress: progress}}
	if s.ItemsShare > 0 {
		if result.Items, err = c.table(ctx, hidesItems); err != nil {
			return result, err
		}
	}
	if s.UsersShare > 0 {
		result.Users, err = c.table(ctx, hidesUsers)
	}
	return result, err
}

// hides says what is hidden.
type hides uint8

const (
	hidesItems hides = iota
	hidesUsers
)

type coldRun struct {
	*Cold
	ColdSettings
	judge judge
}

// table judges on validation, if there is a choice, and on the test.
func (c *coldRun) table(ctx context.Context, what hides) (*ColdTable, error) {
	n, share := c.items.Len(), c.ItemsShare
	if what == hidesUsers {
		n, share = c.users.Len(), c.UsersShare
	}
	order := rand.New(rand.NewPCG(c.Seed, uint64(what))).Perm(n)
	hidden := int(math.Round(share * float64(n)))
	if hidden < 1 || 2*hidden >= n {
		return nil, kindred.Errorf(kindred.Invalid, "a share of %g hides %d of %d (use a share of more than 0 and less than .5)", share, hidden, n)
	}
	t := &ColdTable{Hidden: hidden, Baseline: "newest"}
	if what == hidesUsers {
		t.Baseline = popular
	}
	chosen := c.Candidates
	if NeedsValidation(chosen) {
		validation, err := c.run(ctx, what, order[hidden:2*hidden], order[:hidden], chosen)
		if err != nil {
			return nil, err
		}
		compareWith(validation, c.judge.metric, t.Baseline)
		for i := range validation { // the baselines have nothing to choose
			if validation[i].algorithm.Algorithm != nil {
				t.Validation = append(t.Validation, validation[i])
			}
		}
		chosen = bestOfKinds(t.Validation)
	}
	var err error
	t.Test, err = c.run(ctx, what, order[:hidden], nil, chosen)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(t.Test, func(j Judged) bool { return j.Kind == t.Baseline }) {
		t.Baseline = "random"
	}
	compareWith(t.Test, c.judge.metric, t.Baseline)
	t.Training = c.judge.data.ByUser.NNZ()
	return t, nil
}

// run judges baselines and candidates on what is hidden; what is withheld is
// neither learned from nor judged on.
func (c *coldRun) run(ctx context.Context, what hides, hidden, withheld []int, candidates []Candidate) ([]Judged, error) {
	c.build(what, hidden, withheld)
	if len(c.judge.cases) == 0 {
		return nil, kindred.Errorf(kindred.Invalid, "there is nothing to judge by: nobody met what was hidden (give more data, or a greater share)")
	}
	var judged []Judged
	for _, b := range c.baselines(what) {
		one, err := c.judge.ranked(ctx, Judged{Kind: b.kind, Settings: json.RawMessage("{}")}, b.ranker)
		if err != nil {
			return nil, err
		}
		judged = append(judged, one)
	}
	for _, candidate := range candidates {
		if what == hidesItems && candidate.Kind() == popular {
			continue // hidden items have no popularity
		}
		one, err := c.judge.one(ctx, candidate)
		if err != nil {
			return nil, err
		}
		judged = append(judged, one)
	}
	return judged, nil
}

// build makes the training data and the cases.
func (c *coldRun) build(what hides, hidden, withheld []int) {
	isHidden, isWithheld := setOf(hidden), setOf(withheld)
	fixed := dataset.NewFixed()
	for _, id := range c.items.IDs() {
		if i, _ := c.items.Index(id); what == hidesUsers || !isWithheld[i] {
			fixed.Items.Add(id)
		}
	}
	for _, m := range c.meetings {
		of := m.item
		if what == hidesUsers {
			of = m.user
		}
		switch {
		case isHidden[of]:
			fixed.Add(dataset.TestPart, c.users.ID(m.user), c.items.ID(m.item), 1, m.time)
		case !isWithheld[of]:
			fixed.Add(dataset.TrainPart, c.users.ID(m.user), c.items.ID(m.item), 1, m.time)
		}
	}
	fixed.Describe(c.described, c.people)
	c.judge.data, _, c.judge.cases = fixed.Build()
	c.judge.among = nil
	if what == hidesUsers {
		return
	}
	c.judge.cases = slices.DeleteFunc(c.judge.cases, func(one dataset.Case) bool { return len(one.History.Items) == 0 })
	c.judge.among = make([]bool, fixed.Items.Len())
	for i := range isHidden {
		at, _ := fixed.Items.Index(c.items.ID(i))
		c.judge.among[at] = true
	}
}

func setOf(indices []int) map[int32]bool {
	set := make(map[int32]bool, len(indices))
	for _, i := range indices {
		set[int32(i)] = true
	}
	return set
}

// baseline ranks without learning.
type baseline struct {
	kind   string
	ranker eval.Ranker
}

func (c *coldRun) baselines(what hides) []baseline {
	list := []baseline{{"random", shuffled{c.Seed}}}
	data := c.judge.data
	if newest := c.newest(data.Items); newest != nil && what == hidesItems {
		list = append(list, baseline{"newest", fixedOrder(newest)})
	}
	if what == hidesUsers {
		counts := make(fixedOrder, data.Items.Len())
		for i, n := range data.ItemUsers() {
			counts[i] = float32(n)
		}
		list = append(list, baseline{popular, counts})
	}
	return list
}

// newest returns how new each item is, nil if that is not known.
func (c *coldRun) newest(items *dataset.Dict) []float32 {
	age, known := make([]float32, items.Len()), false
	for i := range age {
		age[i] = -math.MaxFloat32
	}
	for _, item := range c.described {
		at, has := items.Index(string(item.ID))
		if !has {
			continue
		}
		a := item.Attributes[c.NewestBy]
		switch {
		case !item.AvailableFrom.IsZero():
			age[at], known = float32(item.AvailableFrom.Unix()), true
		case a.Type == kindred.Time:
			age[at], known = float32(a.Time.Unix()), true
		case a.Type == kindred.Number:
			age[at], known = float32(a.Number), true
		}
	}
	if !known {
		return nil
	}
	return age
}

// fixedOrder scores items the same for everyone.
type fixedOrder []float32

// Score implements eval.Ranker.
func (f fixedOrder) Score(scores []float32, _ dataset.History) { copy(scores, f) }

// shuffled scores at random, anew for each history.
type shuffled struct{ seed uint64 }

// Score implements eval.Ranker.
func (s shuffled) Score(scores []float32, history dataset.History) {
	hash := uint64(14695981039346656037) // FNV-1a, a word at a time
	for _, words := range [][]int32{history.Items, history.Features} {
		for _, word := range words {
			hash = (hash ^ uint64(uint32(word))) * 1099511628211
		}
	}
	dice := rand.New(rand.NewPCG(s.seed, hash))
	for i := range scores {
		scores[i] = dice.Float32()
	}
}

// onlyAmong ranks some of the items only.
type onlyAmong struct {
	eval.Ranker
	items []bool
}

// Score implements eval.Ranker.
func (o onlyAmong) Score(scores []float32, history dataset.History) {
	o.Ranker.Score(scores, history)
	for i, is := range o.items {
		if !is {
			scores[i] = float32(math.Inf(-1))
		}
	}
}
