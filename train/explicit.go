package train

import (
	"cmp"
	"context"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"kindred"
	"kindred/dataset"
)

// Explicit judges candidates on interactions that somebody else split, or that
// are split by a rule of the field, so that the figures compare with published
// ones: all items of all parts are ranked, those of the user's history hidden.
//
// Settings are chosen on the validation part, kind by kind; the test part is
// looked at once, with the chosen ones.
type Explicit struct {
	users, items *dataset.Dict
	parts        [dataset.TestPart + 1][]meeting
	cold         int // users left out by Split
}

// meeting is a user with an item, in 16 bytes.
type meeting struct {
	user, item int32
	time       int64
}

// NewExplicit returns an Explicit without data.
func NewExplicit() *Explicit { return &Explicit{users: dataset.NewDict(), items: dataset.NewDict()} }

// Add puts a user's meeting with an item into a part. time is any number that
// grows with time; meetings of equal time keep the order in which they came.
func (x *Explicit) Add(part dataset.Part, user, item string, time int64) {
	// The words may be slices of a reader's line, which Clone lets go.
	add := func(d *dataset.Dict, id string) int32 {
		if i, known := d.Index(id); known {
			return i
		}
		return d.Add(strings.Clone(id))
	}
	x.parts[part] = append(x.parts[part], meeting{add(x.users, user), add(x.items, item), time})
}

// Split is a rule by which one file is split in three.
type Split string

// The rules.
const (
	// LeaveLastOut tests on each user's last item and validates on the one
	// before; users of fewer than three stay in training.
	LeaveLastOut Split = "leave-last-out"
	// Chronological tests on the last tenth of all meetings and validates on
	// the tenth before. Users without training data are left out of both, and
	// counted.
	Chronological Split = "chronological"
	// Random tests on a tenth of each user's items, rounded up, and validates
	// on another; users of fewer than three stay in training.
	Random Split = "random"
)

// Split splits what was added as training data.
func (x *Explicit) Split(rule Split, seed uint64) error {
	all := x.parts[dataset.TrainPart]
	slices.SortStableFunc(all, func(a, b meeting) int { return cmp.Compare(a.time, b.time) })
	x.parts[dataset.TrainPart] = nil
	switch rule {
	case Chronological:
		if len(all) == 0 || all[0].time == all[len(all)-1].time {
			return kindred.Errorf(kindred.Invalid, "a chronological split needs times, and the file has none (use --split random)")
		}
		ninth, tenth := len(all)*8/10, len(all)*9/10
		x.parts = [...][]meeting{all[:ninth:ninth], all[ninth:tenth:tenth], all[tenth:]}
		x.dropCold()
	case LeaveLastOut:
		for _, mine := range byUser(all) {
			n := len(mine)
			if n < 3 {
				x.keep(dataset.TrainPart, mine)
				continue
			}
			x.keep(dataset.TrainPart, mine[:n-2])
			x.keep(dataset.ValidationPart, mine[n-2:n-1])
			x.keep(dataset.TestPart, mine[n-1:])
		}
	case Random:
		rng := rand.New(rand.NewPCG(seed, 0))
		for _, mine := range byUser(all) {
			part := (len(mine) + 9) / 10
			if len(mine) < 3 {
				part = 0
			}
			rng.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
			x.keep(dataset.TestPart, mine[:part])
			x.keep(dataset.ValidationPart, mine[part:2*part])
			x.keep(dataset.TrainPart, mine[2*part:])
		}
	default:
		return kindred.Errorf(kindred.Invalid, "there is no split %q", rule)
	}
	return nil
}

// dropCold leaves users without training data out of what is judged on.
func (x *Explicit) dropCold() {
	known, cold := map[int32]bool{}, map[int32]bool{}
	for _, m := range x.parts[dataset.TrainPart] {
		known[m.user] = true
	}
	for _, part := range []dataset.Part{dataset.ValidationPart, dataset.TestPart} {
		x.parts[part] = slices.DeleteFunc(slices.Clone(x.parts[part]), func(m meeting) bool {
			if !known[m.user] {
				cold[m.user] = true
			}
			return !known[m.user]
		})
	}
	x.cold = len(cold)
}

// HoldBack moves a share of each user's training data, chosen by the seed, to
// validation; users of few items may keep all.
func (x *Explicit) HoldBack(share float64, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	all := x.parts[dataset.TrainPart]
	x.parts[dataset.TrainPart] = nil
	for _, mine := range byUser(all) {
		rng.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
		back := int(math.Round(float64(len(mine)) * share))
		x.keep(dataset.ValidationPart, mine[:back])
		x.keep(dataset.TrainPart, mine[back:])
	}
}

func (x *Explicit) keep(part dataset.Part, meetings []meeting) {
	x.parts[part] = append(x.parts[part], meetings...)
}

// byUser groups meetings by user, each group in its present order.
func byUser(all []meeting) [][]meeting {
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b meeting) int { return cmp.Compare(a.user, b.user) })
	var groups [][]meeting
	for lo := 0; lo < len(sorted); {
		hi := lo + 1
		for hi < len(sorted) && sorted[hi].user == sorted[lo].user {
			hi++
		}
		groups = append(groups, sorted[lo:hi:hi])
		lo = hi
	}
	return groups
}

// ExplicitSettings say how Explicit judges.
type ExplicitSettings struct {
	Candidates []Candidate
	Metric     string // chooses settings and orders the table
	Ks         []int
	// RefitFrom is the last part that the chosen settings are fitted on again
	// before the test: ValidationPart adds it, TrainPart does not.
	RefitFrom dataset.Part
	// Lists, if set, is asked for a writer per kind, to which every test
	// user's ranked list goes: the user, then the items, tab-separated.
	Lists func(kind string) (io.WriteCloser, error)
}

// ExplicitResult is what Judge found.
type ExplicitResult struct {
	Users      int      `json:"users"`
	Items      int      `json:"items"`
	Training   int      `json:"training"`   // meetings
	ColdUsers  int      `json:"cold_users"` // left out by a chronological split
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
	j := judge{metric: metric, ks: withCutoff(s.Ks, metric.K), progress: progress}
	chosen := s.Candidates
	if NeedsValidation(chosen) {
		if len(x.parts[dataset.ValidationPart]) == 0 {
			return r, kindred.Errorf(kindred.Invalid,
				"there are several settings of a model to choose from and no validation data (give --valid or --valid-share)")
		}
		if r.Validation, err = x.judgeAll(ctx, &j, chosen, dataset.TrainPart, dataset.ValidationPart); err != nil {
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
	r.Test, err = x.judgeAll(ctx, &j, chosen, s.RefitFrom, dataset.TestPart)
	return r, err
}

// judgeAll fits candidates on the parts up to and including last, and judges
// them on another part.
func (x *Explicit) judgeAll(ctx context.Context, j *judge, candidates []Candidate, last, on dataset.Part) ([]Judged, error) {
	fixed := dataset.NewFixed()
	for _, id := range x.items.IDs() { // the catalogue is that of all parts
		fixed.Items.Add(id)
	}
	add := func(from, to dataset.Part) {
		for _, m := range x.parts[from] {
			fixed.Add(to, x.users.ID(m.user), x.items.ID(m.item), 1, m.time)
		}
	}
	for part := dataset.TrainPart; part <= last; part++ {
		add(part, dataset.TrainPart)
	}
	add(on, on)
	data, validation, test := fixed.Build()
	cases := validation
	if on == dataset.TestPart {
		cases = test
	}
	if len(cases) == 0 {
		return nil, kindred.Errorf(kindred.Invalid, "there is nothing to judge by: no user of the %s data has an item not known before",
			[...]string{"training", "validation", "test"}[on])
	}
	j.data, j.cases = data, cases
	var judged []Judged
	for _, c := range candidates {
		one, err := j.one(ctx, c)
		if err != nil {
			return judged, err
		}
		judged = append(judged, one)
	}
	compare(judged, j.metric)
	return judged, nil
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
