package featurestore_test

import (
	"fmt"
	"testing"

	"kindred"
	"kindred/clean"
	"kindred/feature"
	"kindred/featurestore"
	"kindred/store"
)

// counted returns the sum of a counter's values.
func (s *shop) counted(t *testing.T, name string) (sum float64) {
	t.Helper()
	families, err := s.metrics.Registry.Gather()
	must(t, err)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == name {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// change changes something about events that are stored.
func (s *shop) change(t *testing.T, generation int64) {
	t.Helper()
	user := func() kindred.UserID { return kindred.UserID(fmt.Sprint("u", s.rng.IntN(8))) }
	seq := 1 + s.rng.Int64N(int64(s.n))
	var err error
	switch s.rng.IntN(6) {
	case 0:
		err = s.db.AddVerdicts(t.Context(), generation, clean.Part{Found: clean.Found{Marks: []kindred.Mark{
			{Seq: seq, Reasons: kindred.NearDuplicate}, {Seq: seq/2 + 1, Reasons: kindred.Unjoined},
		}}})
	case 1:
		err = s.db.AddVerdicts(t.Context(), generation, clean.Part{Found: clean.Found{Flags: []kindred.Flag{{Seq: seq, User: user(), Reasons: kindred.Bot, Why: "w"}}}})
	case 2:
		_, err = s.db.Release(t.Context(), store.QuarantineQuery{Reasons: kindred.Bot | kindred.NearDuplicate, User: user()})
	case 3:
		_, _, err = s.db.Withdraw(t.Context(), store.Withdrawal{ID: fmt.Sprint("e", seq)})
	default:
		id := user()
		if _, err = s.db.MergeUsers(t.Context(), kindred.Merge{User: user(), From: id}); err != nil {
			_, err = s.db.UnmergeUser(t.Context(), kindred.Merge{From: id})
		}
	}
	if kind := kindred.KindOf(err); kind != kindred.NotFound && kind != kindred.Conflict && kind != kindred.Invalid {
		must(t, err)
	}
}

// asOf returns what read returns, as a training set has it.
func asOf(t *testing.T, s *featurestore.Service, at int64, user string) []feature.Column {
	t.Helper()
	var refs []feature.Ref
	var rows feature.Rows
	for _, d := range s.Plan().Definitions() {
		refs = append(refs, d.Ref())
	}
	for i := range 12 {
		rows.Users, rows.Items, rows.Times = append(rows.Users, user), append(rows.Items, fmt.Sprint("i", i)), append(rows.Times, at)
	}
	history, err := s.History(t.Context(), refs, 0)
	must(t, err)
	columns, err := history.AsOf(t.Context(), refs, &rows)
	must(t, err)
	return columns
}

// TestFollowChanges has the state follow verdicts, releases, withdrawals and
// merges, made by another process, and expects it to be what one is that is
// built at once, and what a training set has, without ever being built anew.
func TestFollowChanges(t *testing.T) {
	s := newShop(t)
	generation, err := s.db.BeginGeneration(t.Context(), "rules")
	must(t, err)
	s.live(t, 300)
	must(t, s.Materialize(t.Context()))
	for round := range 30 {
		s.live(t, s.rng.IntN(40))
		if s.rng.IntN(3) == 0 {
			must(t, s.Follow(t.Context()))
		}
		for range 1 + s.rng.IntN(3) {
			s.change(t, generation.ID)
		}
		must(t, s.Follow(t.Context()))
		if got := s.counted(t, "kindred_feature_builds_total"); got != float64(1+round) {
			t.Fatalf("round %d: the state was built %v times", round, got)
		}
		other := s.open(t)
		must(t, other.Materialize(t.Context()))
		for i := range 8 {
			what, user := fmt.Sprintf("round %d, u%d", round, i), fmt.Sprint("u", i)
			got := read(t, s.Service, s.now(), user)
			same(t, what, got, read(t, other, s.now(), user))
			same(t, what+" as of then", got, asOf(t, s.Service, s.now().UnixMilli(), user))
		}
	}
	if got := s.counted(t, "kindred_feature_changed_events_total"); got < 100 {
		t.Errorf("%v events changed, too few to say much", got)
	}
}

// TestSkewOfChanges shows lists while verdicts come, events are taken back and
// users are merged: what was served is what is computed again for what was
// known then.
func TestSkewOfChanges(t *testing.T) {
	s := newShop(t)
	generation, err := s.db.BeginGeneration(t.Context(), "rules")
	must(t, err)
	s.live(t, 200)
	s.meanwhile = func() {
		for range 3 {
			s.change(t, generation.ID)
		}
	}
	s.show(t, 60)
	for _, set := range []string{"small", "basic"} {
		skew, err := s.Skew(t.Context(), s.db, set, store.EventRange{}, 1000)
		must(t, err)
		if skew.Lists != 60 || skew.Different != 0 || skew.Erased != 0 || skew.Values < 500 {
			t.Errorf("of %s: %+v", set, skew)
		}
	}
	// What is known now differs, so that the test says something.
	var differ int
	must(t, s.db.ScanFeatureLogs(t.Context(), "small", store.EventRange{}, func(l *store.FeatureLog) error {
		changes, err := s.db.AsOf(l.Changes).Changes(t.Context(), l.Changes, 0)
		for _, e := range changes.Events {
			if e.Seq <= l.Events && kindred.Informational.Accepts(e.Was) != kindred.Informational.Accepts(e.Is) {
				differ++
				break
			}
		}
		return err
	}))
	if differ < 30 {
		t.Errorf("of %d lists only, something became known later", differ)
	}
}

// TestNewVerdicts switches to other verdicts while a server runs: it computes
// its features anew, goes on meanwhile, and passes lists of before over.
func TestNewVerdicts(t *testing.T) {
	s := newShop(t)
	_, err := s.db.BeginGeneration(t.Context(), "rules")
	must(t, err)
	s.live(t, 200)
	must(t, s.Materialize(t.Context()))
	s.show(t, 5)
	next, err := s.db.BeginGeneration(t.Context(), "other rules")
	must(t, err)
	must(t, s.db.AddVerdicts(t.Context(), next.ID, clean.Part{Upto: 1000, Found: clean.Found{Flags: []kindred.Flag{{Seq: 9, User: "u1", Reasons: kindred.Bot, Why: "w"}}}}))
	must(t, s.db.SwitchGeneration(t.Context(), next.ID))
	before, _ := s.State()
	s.live(t, 20)
	must(t, s.Follow(t.Context()))
	if after, _ := s.State(); after.Position != before.Position+20 {
		t.Errorf("a state that is to be built anew stays at %d, not %d", after.Position, before.Position+20)
	}
	if status := read(t, s.Service, s.now(), "u1")[0].Status[0]; status == feature.NotFound {
		t.Error("it knows of the new verdicts already, and the test says nothing")
	}
	builds := s.counted(t, "kindred_feature_builds_total")
	s.show(t, 5)
	if status := read(t, s.Service, s.now(), "u1")[0].Status[0]; status != feature.NotFound {
		t.Errorf("a bot's features are %v", status)
	}
	if more := s.counted(t, "kindred_feature_builds_total") - builds; more < 1 || more > 2 {
		t.Errorf("the state was built %v times", more)
	}
	skew, err := s.Skew(t.Context(), s.db, "small", store.EventRange{}, 1000)
	must(t, err)
	if skew.Lists != 5 || skew.Erased != 5 || skew.Different != 0 {
		t.Errorf("%+v", skew)
	}
}
