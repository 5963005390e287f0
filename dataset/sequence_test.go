package dataset

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"kindred"
)

// TestSequences expects every event that counts, and no other, in order and in
// its basket, and ratings and rejections beside them.
func TestSequences(t *testing.T) {
	at := func(minute int, item string, kind kindred.Kind, value float64, session string) kindred.Event {
		return kindred.Event{
			User: "u", Item: kindred.ItemID(item), Kind: kind, Value: value, Session: session,
			Time: start.Add(time.Duration(minute) * time.Minute),
		}
	}
	x := build(
		t, Defaults(),
		at(0, "a", "purchase", 1, ""), at(1, "b", "view", 1, ""), // a basket by time
		at(40, "a", "purchase", 1, ""), at(41, "c", "purchase", 1, ""), at(42, "c", "refund", 1, ""), // c is taken back
		at(100, "a", "view", 1, "s1"), at(101, "b", "view", 1, "s2"), at(200, "b", "view", 1, "s2"), // baskets by session
		at(300, "d", "rating", 5, ""), at(301, "e", "rating", 1, ""), at(302, "f", "view", 1, ""), at(303, "f", "dislike", 1, ""),
		at(304, "g", "dislike", 1, ""), at(305, "g", "like", 1, ""), at(306, "d", "rating", 4, ""), at(310, "c", "view", 1, ""),
		kindred.Event{User: "v", Item: "e", Kind: "rating", Value: 4, Time: start},
		kindred.Event{User: "v", Item: "f", Kind: "view", Time: start},
	)
	s := x.Sequences
	got := []string{}
	for k := s.Starts[0]; k < s.Starts[1]; k++ {
		got = append(got, fmt.Sprint(x.Items.ID(s.Items[k]), " ", (s.Times[k]-start.Unix())/60, " ", s.Weights[k], " ", s.Baskets[k]))
	}
	want := []string{
		"a 0 5 0", "b 1 1 0", "a 40 5 1", "a 100 1 2", "b 101 1 3", "b 200 1 3", "d 300 1 4", "g 305 4 4", "d 306 1 4", "c 310 1 4",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	h := x.History(0)
	name := func(items []int32) (names []string) {
		for _, i := range items {
			names = append(names, x.Items.ID(i))
		}
		return names
	}
	if got := name(h.Items); !slices.Equal(got, []string{"a", "b", "g", "d", "c"}) {
		t.Errorf("items %v", got)
	}
	if got := name(h.Rated); !slices.Equal(got, []string{"e", "d"}) || !slices.Equal(h.Ratings, []float32{1, 4}) {
		t.Errorf("rated %v %v", got, h.Ratings)
	}
	if got := name(h.Disliked); !slices.Equal(got, []string{"e", "f"}) {
		t.Errorf("disliked %v", got)
	}
}

// TestSequencesSumUp expects the steps of a pair to weigh what the pair does,
// whatever is taken back in between.
func TestSequencesSumUp(t *testing.T) {
	for seed := range uint64(20) {
		x := build(t, Defaults(), generated(3000, 30, 20, seed)...)
		for u := range x.Users.Len() {
			h, sums := x.History(u), map[int32]float32{}
			for k := x.Sequences.Starts[u]; k < x.Sequences.Starts[u+1]; k++ {
				sums[x.Sequences.Items[k]] += x.Sequences.Weights[k]
			}
			if len(sums) != len(h.Items) {
				t.Fatalf("user %d: steps of %d items, history of %d", u, len(sums), len(h.Items))
			}
			for k, i := range h.Items {
				if sums[i] != h.Weights[k] {
					t.Fatalf("user %d, item %d: steps weigh %v, the pair %v", u, i, sums[i], h.Weights[k])
				}
				if slices.Contains(h.Disliked, i) {
					t.Fatalf("user %d likes and rejects item %d", u, i)
				}
			}
			if !slices.IsSorted(h.StepTimes) {
				t.Fatalf("user %d: steps out of order", u)
			}
		}
	}
}

// TestWithout compares with interactions that never held what is taken out.
func TestWithout(t *testing.T) {
	for seed := range uint64(20) {
		events := generated(1500, 20, 30, seed)
		x := build(t, Defaults(), events...)
		dice := rand.New(rand.NewPCG(seed, 9))
		out, gone := make([][]int32, x.Users.Len()), map[[2]string]bool{}
		for u := range out {
			for i := range int32(x.Items.Len()) {
				if dice.IntN(4) == 0 && x.Users.ID(int32(u)) != "u0" { // u0 keeps every item in the dictionary
					out[u] = append(out[u], i)
					gone[[2]string{x.Users.ID(int32(u)), x.Items.ID(i)}] = true
				}
			}
		}
		left := x.Without(out)
		want := build(t, Defaults(), slices.DeleteFunc(slices.Clone(events), func(e kindred.Event) bool {
			return gone[[2]string{string(e.User), string(e.Item)}]
		})...)
		if !slices.Equal(want.Users.IDs(), x.Users.IDs()) || !slices.Equal(want.Items.IDs(), x.Items.IDs()) {
			continue // someone lost everything: the indices differ
		}
		for u := range out {
			if got := left.History(u); !reflect.DeepEqual(got, want.History(u)) {
				t.Fatalf("user %d: got %+v\nwant %+v", u, got, want.History(u))
			}
		}
	}
}

// TestFirstSteps compares with interactions that never held what came later.
func TestFirstSteps(t *testing.T) {
	for seed := range uint64(20) {
		events := slices.DeleteFunc(generated(1500, 20, 30, seed), func(e kindred.Event) bool {
			return e.Kind == kindred.Refund || e.Kind == kindred.Dislike || e.Kind == kindred.Rating // whose time is not known later
		})
		x := build(t, Defaults(), events...)
		moment := start.Add(time.Duration(300+50*seed) * time.Second)
		steps := make([]int, x.Users.Len())
		for u := range steps {
			steps[u], _ = slices.BinarySearch(x.History(u).StepTimes, moment.Unix())
		}
		left := x.FirstSteps(steps)
		want := build(t, Defaults(), slices.DeleteFunc(events, func(e kindred.Event) bool { return !e.Time.Before(moment) })...)
		if !slices.Equal(want.Users.IDs(), x.Users.IDs()) || !slices.Equal(want.Items.IDs(), x.Items.IDs()) {
			t.Fatalf("seed %d: the indices differ", seed)
		}
		for u := range steps {
			if got := left.History(u); !reflect.DeepEqual(got, want.History(u)) {
				t.Fatalf("user %d: got %+v\nwant %+v", u, got, want.History(u))
			}
		}
	}
}

// TestFirst expects the steps of a shortened history to end with its last item.
func TestFirst(t *testing.T) {
	x := build(t, Defaults(), generated(2000, 15, 40, 3)...)
	for u := range x.Users.Len() {
		h := x.History(u)
		for n := range len(h.Items) + 1 {
			first := h.First(n)
			if len(first.Items) != n || len(first.Steps) != len(first.StepTimes) {
				t.Fatalf("%d items, %d steps, %d times", len(first.Items), len(first.Steps), len(first.StepTimes))
			}
			if n > 0 && (first.Steps[len(first.Steps)-1] != h.Items[n-1] || first.StepTimes[len(first.Steps)-1] != h.Times[n-1]) {
				t.Fatalf("user %d, first %d: the last step is %d", u, n, first.Steps[len(first.Steps)-1])
			}
		}
	}
}

// TestFixedSequences expects repeats to be kept.
func TestFixedSequences(t *testing.T) {
	f := NewFixed()
	for at, step := range []string{"v b", "u a", "u b", "u a", "v a"} {
		f.Add(TrainPart, step[:1], step[2:], 1, int64(at))
	}
	x, _, _ := f.Build()
	s := x.Sequences
	if s == nil || !slices.Equal(s.Starts, []int{0, 2, 5}) || !slices.Equal(s.Items, []int32{0, 1, 1, 0, 1}) ||
		!slices.Equal(s.Times, []int64{0, 4, 1, 2, 3}) {
		t.Errorf("got %+v", s)
	}
}
