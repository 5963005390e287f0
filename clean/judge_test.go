package clean_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"kindred"
	"kindred/clean"
	"kindred/sim"
)

// shopRows returns a dirty history: 5 % of its users are programs.
func shopRows(tb testing.TB, seed uint64) []sim.Row {
	tb.Helper()
	cfg := sim.Defaults()
	cfg.Seed, cfg.BotShare, cfg.Users = seed, 0.01, 2000
	return sim.New(cfg).Dirty(sim.Dirt{Seed: seed, Bots: 84, Crowds: 20, DoubleClicks: 0.02, Misdated: 0.01, Placeholders: 0.01})
}

func newJudge(tb testing.TB, settings clean.Settings) *clean.Judge {
	tb.Helper()
	j, err := clean.NewJudge(settings)
	if err != nil {
		tb.Fatal(err)
	}
	return j
}

// input is a row at the place of its number, from 1.
func input(rows []sim.Row, i int) clean.Input {
	return clean.Input{Seq: int64(i + 1), Event: &rows[i].Event, Arrived: rows[i].Arrived, IsUnjoined: i%101 == 0}
}

// verdictsOf returns the verdicts of rows, and why their users were flagged.
func verdictsOf(rows []sim.Row, found *clean.Found) ([]kindred.Verdict, map[kindred.UserID]string) {
	verdicts, why := make([]kindred.Verdict, len(rows)), map[kindred.UserID]string{}
	for _, m := range found.Marks {
		verdicts[m.Seq-1] |= m.Reasons
	}
	flags := map[kindred.UserID]kindred.Verdict{}
	for _, f := range found.Flags {
		why[f.User] = f.Why
		flags[f.User] |= f.Reasons
	}
	for i := range rows {
		verdicts[i] |= flags[rows[i].Event.User]
	}
	return verdicts, why
}

func judgeAll(tb testing.TB, settings clean.Settings, rows []sim.Row) ([]kindred.Verdict, map[kindred.UserID]string) {
	tb.Helper()
	j := newJudge(tb, settings)
	var found clean.Found
	for i := range rows {
		j.Judge(input(rows, i), &found)
	}
	return verdictsOf(rows, &found)
}

// TestBots finds programs of all sorts, and takes nobody else for one: not
// those who come often, nor many people behind one name. The bounds were
// chosen on seeds 0 to 5; these are others.
func TestBots(t *testing.T) {
	for seed := range uint64(3) {
		rows := shopRows(t, 100+seed)
		_, why := judgeAll(t, clean.Defaults(), rows)
		isBot := map[kindred.UserID]bool{}
		for _, row := range rows {
			if row.Truth&kindred.Placeholder == 0 {
				isBot[row.Event.User] = row.Truth&kindred.Bot != 0
			}
		}
		var hit, bots int
		for user, is := range isBot {
			switch {
			case is && why[user] != "":
				hit++
			case is:
				t.Logf("missed %s", user)
			case why[user] != "":
				t.Logf("%s taken for a bot: %s", user, why[user])
			}
			if is {
				bots++
			}
		}
		precision, recall := float64(hit)/float64(len(why)), float64(hit)/float64(bots)
		t.Logf("seed %d: %d of %d users are programs: precision %.3f, recall %.3f", seed, bots, len(isBot), precision, recall)
		if precision < 0.99 || recall < 0.95 {
			t.Errorf("seed %d: precision %.3f, recall %.3f", seed, precision, recall)
		}
	}
}

// TestPlanted finds all that was planted, accounts for every row, and finds
// nothing that a slow look does not.
func TestPlanted(t *testing.T) {
	rows := shopRows(t, 7)
	verdicts, _ := judgeAll(t, clean.Defaults(), rows)
	repeats := slowRepeats(rows)
	planted, accepted, quarantined := map[kindred.Verdict]int{}, 0, map[string]int{}
	for i, row := range rows {
		for reason := range (row.Truth &^ kindred.Bot).Each() {
			planted[reason]++
			if verdicts[i]&reason == 0 {
				t.Fatalf("%v of %+v not found", reason, row.Event)
			}
		}
		if exact := kindred.Misdated | kindred.Placeholder; verdicts[i]&exact != row.Truth&exact {
			t.Fatalf("%+v is %v, planted %v", row.Event, verdicts[i], row.Truth)
		}
		if is := verdicts[i]&kindred.NearDuplicate != 0; is != repeats[i] {
			t.Fatalf("%+v repeated: %t, a slow look says %t", row.Event, is, repeats[i])
		}
		if !verdicts[i].Has(kindred.AllReasons() &^ kindred.Informational) {
			accepted++
		} else {
			quarantined[verdicts[i].String()]++
		}
	}
	for _, reason := range []kindred.Verdict{kindred.NearDuplicate, kindred.Misdated, kindred.Placeholder} {
		if planted[reason] < 100 {
			t.Errorf("only %d of %v planted", planted[reason], reason)
		}
	}
	sum := accepted
	for _, n := range quarantined {
		sum += n
	}
	if sum != len(rows) {
		t.Errorf("%d accepted and %v are not %d", accepted, quarantined, len(rows))
	}
	t.Logf("%d rows: %d accepted, %v", len(rows), accepted, quarantined)
}

// slowRepeats says which rows are followed, in time, by the same within 30
// seconds: of those that a judge compares with, the last by time.
func slowRepeats(rows []sim.Row) []bool {
	type key struct {
		user kindred.UserID
		item kindred.ItemID
		kind kindred.Kind
	}
	is, last := make([]bool, len(rows)), map[key]int{}
	for i := range rows {
		e := &rows[i].Event
		if e.Kind != kindred.View && e.Kind != kindred.Click || rows[i].Truth&(kindred.Placeholder|kindred.Misdated) != 0 {
			continue
		}
		k := key{e.User, e.Item, e.Kind}
		before, known := last[k]
		if !known || !e.Time.Before(rows[before].Event.Time) {
			last[k] = i
		}
		if known && e.Time.Sub(rows[before].Event.Time).Abs() <= 30*time.Second {
			earlier := before
			if e.Time.Before(rows[before].Event.Time) {
				earlier = i
			}
			is[earlier] = true
		}
	}
	return is
}

// everything returns settings with all stages on.
func everything() clean.Settings {
	s := clean.Defaults()
	s.Accidental.On, s.Abandoned.On, s.Abandoned.Events, s.Misdated.Horizon = true, true, 4, 10*time.Second
	return s
}

// TestRestore stops anywhere, goes on from a snapshot taken anywhere before,
// and comes to the same findings and the same bytes.
func TestRestore(t *testing.T) {
	rows := shopRows(t, 11)[:40_000]
	for _, settings := range []clean.Settings{clean.Defaults(), everything()} {
		want := newJudge(t, settings)
		var all clean.Found
		for i := range rows {
			want.Judge(input(rows, i), &all)
		}
		wantVerdicts, wantWhy := verdictsOf(rows, &all)
		for seed := range uint64(4) {
			r := rand.New(rand.NewPCG(seed, 5))
			j := newJudge(t, settings)
			kept := j.Snapshot()
			var found clean.Found
			for i := 0; i < len(rows); {
				for range 1 + r.IntN(9000) {
					if i < len(rows) {
						j.Judge(input(rows, i), &found)
						i++
					}
				}
				switch r.IntN(3) {
				case 0: // killed: what was found is stored, the judge is not
					var err error
					if j, err = clean.Restore(settings, kept); err != nil {
						t.Fatal(err)
					}
					i = int(j.Seq())
				case 1:
					kept = j.Snapshot()
				}
			}
			verdicts, why := verdictsOf(rows, &found)
			if !slices.Equal(verdicts, wantVerdicts) || !reflect.DeepEqual(why, wantWhy) {
				t.Errorf("seed %d: other verdicts", seed)
			}
			if !bytes.Equal(j.Snapshot(), want.Snapshot()) {
				t.Errorf("seed %d: the judges differ", seed)
			}
		}
	}
}

// TestForgets holds a judge that has seen more users and meetings than it
// remembers to its bounds, and to its snapshot.
func TestForgets(t *testing.T) {
	settings := everything()
	j := newJudge(t, settings)
	var found clean.Found
	e := kindred.Event{Item: "i", Kind: kindred.View}
	judge := func(from, to int) {
		for n := from; n < to; n++ {
			e.User, e.Time = kindred.UserID(fmt.Sprint("u", n)), time.UnixMilli(int64(1e12+n*1e4))
			j.Judge(clean.Input{Seq: int64(n + 1), Event: &e}, &found)
		}
	}
	judge(0, 300_000)
	snapshot := j.Snapshot()
	if len(snapshot) > 30<<20 {
		t.Errorf("a snapshot of %d bytes", len(snapshot))
	}
	other, err := clean.Restore(settings, snapshot)
	if err != nil {
		t.Fatal(err)
	}
	judge(300_000, 450_000)
	want := j.Snapshot()
	j = other
	judge(300_000, 450_000)
	if !bytes.Equal(j.Snapshot(), want) {
		t.Error("restored, it forgets others")
	}
	j.Forget("u449999")
	if bytes.Equal(j.Snapshot(), want) {
		t.Error("it remembers whom it was to forget")
	}
}

// TestSnapshotFaults refuses what is damaged and what is of other rules.
func TestSnapshotFaults(t *testing.T) {
	rows := shopRows(t, 1)[:500]
	j := newJudge(t, clean.Defaults())
	for i := range rows {
		j.Judge(input(rows, i), new(clean.Found))
	}
	snapshot := j.Snapshot()
	other := clean.Defaults()
	other.Bots.PerMinute++
	if _, err := clean.Restore(other, snapshot); kindred.KindOf(err) != kindred.Conflict {
		t.Errorf("of other rules: %v", err)
	}
	for at := 0; at < len(snapshot); at += 97 {
		bad := slices.Clone(snapshot)
		bad[at] ^= 4
		if _, err := clean.Restore(clean.Defaults(), bad); err == nil {
			t.Fatalf("byte %d changed, and nobody noticed", at)
		}
		if _, err := clean.Restore(clean.Defaults(), snapshot[:at]); err == nil {
			t.Fatalf("cut at %d, and nobody noticed", at)
		}
	}
}

func BenchmarkJudge(b *testing.B) {
	rows := shopRows(b, 1)
	j := newJudge(b, clean.Defaults())
	var found clean.Found
	n := 0
	for b.Loop() {
		if n%len(rows) == 0 {
			j = newJudge(b, clean.Defaults())
		}
		found.Marks, found.Flags = found.Marks[:0], found.Flags[:0]
		j.Judge(input(rows, n%len(rows)), &found)
		n++
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}
