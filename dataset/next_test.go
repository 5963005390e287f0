package dataset

import (
	"fmt"
	"slices"
	"testing"
)

// TestNext works the beginnings of two sequences out by hand: one that goes on
// from training, and a stranger's.
func TestNext(t *testing.T) {
	for name, c := range map[string]struct {
		prefixes Prefixes
		repeats  bool
		want     []string
		leftOut  int
	}{
		"last":          {LastPrefix, true, []string{"u [a b d c] → a", "s [x] → b"}, 0},
		"all":           {AllPrefixes, true, []string{"u [a b] → d", "u [a b d] → c", "u [a b d c] → a", "s [x] → b"}, 0},
		"all, no news":  {AllPrefixes, false, []string{"u [a b] → d", "u [a b d] → c", "s [x] → b"}, 1},
		"last, no news": {LastPrefix, false, []string{"s [x] → b"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := NewFixed()
			f.CountRepeats = c.repeats
			for _, e := range []struct {
				part       Part
				user, item string
				time       int64
			}{
				// Parts follow each other, whatever their times.
				{TestPart, "u", "d", 1},
				{TestPart, "u", "a", 3},
				{TestPart, "u", "c", 2},
				{TrainPart, "u", "b", 20},
				{TrainPart, "u", "a", 10},
				{TestPart, "s", "b", 2},
				{TestPart, "s", "x", 1},
				{TestPart, "lonely", "x", 1},
				{TrainPart, "not asked", "x", 1},
			} {
				f.Add(e.part, e.user, e.item, 1, e.time)
			}
			cases, leftOut := f.Next(TestPart, c.prefixes)
			var got []string
			for _, one := range cases {
				got = append(got, fmt.Sprint(f.Users.ID(one.User), " ", names(f, one.History.Steps), " → ", f.Items.ID(one.Relevant[0])))
			}
			if !slices.Equal(got, c.want) || leftOut != c.leftOut {
				t.Errorf("got  %q, %d left out\nwant %q, %d", got, leftOut, c.want, c.leftOut)
			}
		})
	}
}

// TestNextReturns expects the items of a beginning that returns to one in the
// order of their last events, with the sums of weights.
func TestNextReturns(t *testing.T) {
	f := NewFixed()
	f.CountRepeats = true
	for k, item := range []string{"a", "b", "a", "c"} {
		f.Add(TestPart, "s", item, 1, int64(k))
	}
	cases, _ := f.Next(TestPart, LastPrefix)
	h := cases[0].History
	if got := fmt.Sprint(names(f, h.Items), h.Weights, h.Times, names(f, h.Steps), h.StepTimes); got != "[b a] [1 2] [1 2] [a b a] [0 1 2]" {
		t.Errorf("got %s", got)
	}
}

// TestHistoryPart expects what is known of a stranger to be the history, and
// not to be learned from.
func TestHistoryPart(t *testing.T) {
	f := NewFixed()
	f.Add(TrainPart, "u", "a", 1, 1)
	f.Add(HistoryPart, "s", "a", 1, 1)
	f.Add(TestPart, "s", "a", 1, 2)
	f.Add(TestPart, "s", "b", 1, 2)
	train, _, test := f.Build()
	if train.ByUser.NNZ() != 1 || len(test) != 1 {
		t.Fatalf("%d pairs to learn from, %d cases", train.ByUser.NNZ(), len(test))
	}
	if got := fmt.Sprint(names(f, test[0].History.Items), names(f, test[0].Relevant)); got != "[a] [b]" {
		t.Errorf("history and relevant are %s", got)
	}
	f.CountRepeats = true
	if _, _, test = f.Build(); len(test[0].Relevant) != 2 {
		t.Errorf("where repeats count, %v is relevant", names(f, test[0].Relevant))
	}
}

// TestFolds expects sizes that differ by one at most, by the seed alone.
func TestFolds(t *testing.T) {
	folds, sizes := Folds(103, 5, 1), make([]int, 5)
	for _, fold := range folds {
		sizes[fold]++
	}
	if slices.Max(sizes)-slices.Min(sizes) > 1 || !slices.Equal(folds, Folds(103, 5, 1)) || slices.Equal(folds, Folds(103, 5, 2)) {
		t.Errorf("sizes %v", sizes)
	}
}

func names(f *Fixed, items []int32) []string {
	ids := []string{}
	for _, i := range items {
		ids = append(ids, f.Items.ID(i))
	}
	return ids
}
