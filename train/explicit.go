package train

import (
	"context"
	"io"
	"slices"
	"strings"

	"kindred"
	"kindred/dataset"
	"kindred/eval"
)

// Explicit judges candidates on interactions that somebody else split, or that
// are split by a rule of the field, so that the figures compare with published
// ones: all items of all parts are ranked, those of the user's history hidden.
//
// Settings are chosen on the validation part, kind by kind; the test part is
// looked at once, with the chosen ones.
type Explicit struct {
	users, items *dataset.Dict
	parts        [dataset.HistoryPart + 1][]meeting
	given        map[int32][]int32 // by user: items to rank in the test, nil: all
	cold         int               // users left out by Split
	described    []*kindred.Item
	people       []*kindred.User
	signals      dataset.Settings
}

// meeting is a user with an item, in 24 bytes.
type meeting struct {
	user, item int32
	time       int64
	weight     float32 // 0: teaches nothing
}

// NewExplicit returns an Explicit without data.
func NewExplicit() *Explicit { return &Explicit{users: dataset.NewDict(), items: dataset.NewDict()} }

// Add puts a user's meeting with an item into a part. time is any number that
// grows with time; meetings of equal time keep the order in which they came.
func (x *Explicit) Add(part dataset.Part, user, item string, time int64) {
	x.add(part, user, item, time, 1)
}

func (x *Explicit) add(part dataset.Part, user, item string, time int64, weight float32) {
	x.parts[part] = append(x.parts[part], meeting{index(x.users, user), index(x.items, item), time, weight})
}

// Weigh says how pairs weigh that AddEvent adds from now on, what becomes of
// the sums, and what stands for missing attributes.
func (x *Explicit) Weigh(signals dataset.Settings) { x.signals = signals }

// AddEvent is Add with the weight that an event has by the signals. What
// teaches nothing by them is passed over as training and history, and asked for
// in other parts all the same, so that all ways to weigh are asked alike.
func (x *Explicit) AddEvent(part dataset.Part, e *kindred.Event, time int64) {
	effect, amount := x.signals.Effect(e, func(kindred.ItemID) float64 { return 0 })
	if effect != dataset.Adds {
		amount = 0
	}
	x.add(part, string(e.User), string(e.Item), time, float32(amount))
}

// Describe takes in what is said of items and users; those of no part are left
// out.
func (x *Explicit) Describe(items []*kindred.Item, users []*kindred.User) {
	x.described, x.people = items, users
}

// AddCandidate names an item that a user's test items are ranked against. Once
// there is one, the test ranks nothing else, and users without are left out.
func (x *Explicit) AddCandidate(user, item string) {
	if x.given == nil {
		x.given = map[int32][]int32{}
	}
	u := index(x.users, user)
	x.given[u] = append(x.given[u], index(x.items, item))
}

// index adds an identifier, which may be a slice of a reader's line: Clone
// lets go of that.
func index(d *dataset.Dict, id string) int32 {
	if i, known := d.Index(id); known {
		return i
	}
	return d.Add(strings.Clone(id))
}

// ExplicitSettings say how Explicit judges.
type ExplicitSettings struct {
	Candidates []Candidate
	Metric     string // chooses settings and orders the table
	Ks         []int
	// RefitFrom is the last part that the chosen settings are fitted on again
	// before the test: ValidationPart adds it, TrainPart does not.
	RefitFrom dataset.Part
	// CountRepeats lets the items of the history compete, and going back to
	// one count.
	CountRepeats bool
	// Next, unless NoPrefixes, asks for the next item after beginnings of the
	// sequences of test and validation, which may be strangers to training.
	Next dataset.Prefixes
	// Lists, if set, is asked for a writer per kind, to which every test
	// user's ranked list goes: the user, then the items, tab-separated.
	Lists func(kind string) (io.WriteCloser, error)
}

// ExplicitResult is what Judge found.
type ExplicitResult struct {
	Users      int `json:"users"`
	Items      int `json:"items"`
	Training   int `json:"training"`              // meetings
	ColdUsers  int `json:"cold_users"`            // left out by a chronological split
	PassedOver int `json:"passed_over,omitempty"` // training pairs that teach nothing by the signals
	// Left out of the test: beginnings whose next item is no news, and users
	// without given candidates.
	LeftOut    int      `json:"left_out,omitempty"`
	Metric     string   `json:"metric"`
	Validation []Judged `json:"validation,omitempty"` // every candidate, best first
	Test       []Judged `json:"test"`                 // each kind's chosen one, best first
}

// NeedsValidation says whether there is a choice of settings to be made.
func NeedsValidation(candidates []Candidate) bool {
	seen := map[string]bool{}
	for _, c := range candidates {
		if seen[c.Kind()] {
			return true
		}
		seen[c.Kind()] = true
	}
	return false
}

// Judge chooses settings on the validation part, if there is a choice, and
// judges them on the test part.
func (x *Explicit) Judge(ctx context.Context, s ExplicitSettings, progress func(Progress)) (ExplicitResult, error) {
	metric, err := ParseMetric(s.Metric)
	if err != nil {
		return ExplicitResult{}, err
	}
	if progress == nil {
		progress = func(Progress) {}
	}
	r := ExplicitResult{
		Users: x.users.Len(), Items: x.items.Len(), Training: len(x.parts[dataset.TrainPart]),
		ColdUsers: x.cold, Metric: metric.String(),
	}
	for _, m := range x.parts[dataset.TrainPart] {
		if m.weight == 0 {
			r.PassedOver++
		}
	}
	j := judge{metric: metric, ks: withCutoff(s.Ks, metric.K), progress: progress}
	if s.CountRepeats {
		j.seen = eval.RankSeen
	}
	chosen := s.Candidates
	if NeedsValidation(chosen) {
		if len(x.parts[dataset.ValidationPart]) == 0 {
			return r, kindred.Errorf(kindred.Invalid,
				"there are several settings of a model to choose from and no validation data (give --valid or --valid-share)")
		}
		x.prepare(&j, &s, dataset.TrainPart, dataset.ValidationPart)
		if r.Validation, err = j.all(ctx, chosen); err != nil {
			return r, err
		}
		chosen = bestOfKinds(r.Validation)
	}
	j.lists = func(kind string) (io.WriteCloser, error) {
		if s.Lists == nil {
			return nil, nil //nolint:nilnil // no writer and no error: no lists are wanted
		}
		return s.Lists(kind)
	}
	r.LeftOut = x.prepare(&j, &s, s.RefitFrom, dataset.TestPart)
	if x.given != nil {
		r.LeftOut += x.restrict(&j)
	}
	if r.Test, err = j.all(ctx, chosen); err == nil && x.given != nil {
		r.nameSampled()
	}
	return r, err
}

// prepare sets what is judged: models of the parts up to and including last,
// on the cases of another part. It returns how many were left out of these.
func (x *Explicit) prepare(j *judge, s *ExplicitSettings, last, on dataset.Part) (leftOut int) {
	fixed := dataset.NewFixed()
	fixed.CountRepeats, fixed.Signals = s.CountRepeats, x.signals
	for _, id := range x.users.IDs() {
		fixed.Users.Add(id)
	}
	for _, id := range x.items.IDs() { // the catalogue is that of all parts
		fixed.Items.Add(id)
	}
	clock := x.clock(s.Next)
	add := func(from, to dataset.Part) {
		for _, m := range x.parts[from] {
			when, weight := clock(m), m.weight
			if weight == 0 && from == on {
				weight = 1
			}
			if weight > 0 {
				fixed.Add(to, x.users.ID(m.user), x.items.ID(m.item), weight, when)
			}
		}
	}
	for part := range on {
		if part <= last {
			add(part, dataset.TrainPart)
		} else if s.Next != dataset.NoPrefixes { // a beginning leaves nothing out
			add(part, dataset.HistoryPart)
		}
	}
	add(dataset.HistoryPart, dataset.HistoryPart)
	add(on, on)
	fixed.Describe(x.described, x.people)
	data, validation, test := fixed.Build()
	j.data, j.cases = data, validation
	if on == dataset.TestPart {
		j.cases = test
	}
	if s.Next != dataset.NoPrefixes {
		j.cases, leftOut = fixed.Next(on, s.Next)
	}
	return leftOut
}

// clock returns what tells a meeting's time. Where sequences come without
// times, it is the order in which it is asked.
func (x *Explicit) clock(next dataset.Prefixes) func(meeting) int64 {
	for _, part := range x.parts {
		for _, m := range part {
			if m.time != 0 || next == dataset.NoPrefixes {
				return func(m meeting) int64 { return m.time }
			}
		}
	}
	ticks := int64(0)
	return func(meeting) int64 {
		ticks++
		return ticks
	}
}

// restrict lets only the given candidates be ranked, and returns how many cases
// have none.
func (x *Explicit) restrict(j *judge) (leftOut int) {
	var cases []dataset.Case
	for _, c := range j.cases {
		given := x.given[c.User]
		if given == nil {
			leftOut++
			continue
		}
		c.Candidates = slices.Concat(given, c.Relevant)
		slices.Sort(c.Candidates)
		c.Candidates = slices.Compact(c.Candidates)
		cases = append(cases, c)
	}
	j.cases = cases
	return leftOut
}

// Sampled marks metrics of rankings among candidates that were given.
const Sampled = "sampled_"

// nameSampled names the test's metrics so that nobody compares them with those
// of full rankings.
func (r *ExplicitResult) nameSampled() {
	for i := range r.Test {
		m := &r.Test[i].Metrics
		named := make(map[string]eval.Estimate, len(m.Estimates))
		for n, name := range m.Names {
			m.Names[n] = Sampled + name
			named[Sampled+name] = m.Estimates[name]
		}
		m.Estimates = named
	}
	r.Metric = Sampled + r.Metric
}

// bestOfKinds returns the first of each kind.
func bestOfKinds(judged []Judged) []Candidate {
	var best []Candidate
	for i := range judged {
		kind := judged[i].Kind
		if !slices.ContainsFunc(best, func(c Candidate) bool { return c.Kind() == kind }) {
			best = append(best, judged[i].algorithm)
		}
	}
	return best
}
