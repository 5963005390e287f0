package recommend_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"kindred"
	"kindred/recommend"
)

func merge(t *testing.T, w *world, svc *recommend.Service, user, from kindred.UserID) {
	t.Helper()
	_, err := w.store.MergeUsers(t.Context(), kindred.Merge{User: user, From: from})
	must(t, err)
	if svc != nil {
		must(t, svc.UsersMerged(t.Context(), user))
	}
}

// historyOf returns how many items a user's list was made from.
func historyOf(t *testing.T, svc *recommend.Service, user kindred.UserID) int {
	t.Helper()
	answer, err := svc.Recommend(t.Context(), recommend.Request{User: user, N: 3, Explain: true})
	must(t, err)
	return answer.Trace.History
}

// TestUsersMerged expects the answer after a merge to be made from both
// histories, whichever ID asks, and to follow events under any of them.
func TestUsersMerged(t *testing.T) {
	w := kitchen(t)
	w.view("ada", "pot")
	w.view("anon", "pan")
	w.view("tablet", "lid")
	svc := w.serve()
	ids := []kindred.UserID{"ada", "anon", "tablet"}
	for _, id := range ids { // now they are cached
		if n := historyOf(t, svc, id); n != 1 {
			t.Fatalf("%s has a history of %d", id, n)
		}
	}
	merge(t, w, svc, "anon", "tablet")
	merge(t, w, svc, "ada", "anon")
	expect := func(want int, of ...kindred.UserID) {
		t.Helper()
		for _, id := range of {
			if n := historyOf(t, svc, id); n != want {
				t.Errorf("the history of %s is %d, want %d", id, n, want)
			}
		}
	}
	expect(3, ids...)
	svc.Observe(w.view("tablet", "knife"))
	expect(4, ids...)
	_, err := w.store.UnmergeUser(t.Context(), kindred.Merge{From: "anon"})
	must(t, err)
	must(t, svc.UsersMerged(t.Context(), "ada", "anon"))
	expect(1, "ada")
	expect(3, "anon", "tablet")
	svc.Observe(w.view("ada", "plate"))
	expect(2, "ada")
	// Who is erased leaves free IDs behind.
	_, err = w.store.EraseUser(t.Context(), "anon")
	must(t, err)
	for _, id := range []kindred.UserID{"anon", "tablet"} {
		svc.UserErased(id)
	}
	must(t, svc.UsersMerged(t.Context(), "anon", "tablet"))
	expect(0, "anon", "tablet")
	svc.Observe(w.view("tablet", "pot"))
	expect(1, "tablet")
	expect(0, "anon")
}

// TestMergedElsewhere expects merges before the start, and those of another
// process, to count.
func TestMergedElsewhere(t *testing.T) {
	w := kitchen(t)
	w.view("ada", "pot")
	w.view("anon", "pan")
	w.view("tablet", "lid")
	merge(t, w, nil, "ada", "anon")
	svc := w.serve()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- svc.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}()
	if n := historyOf(t, svc, "anon"); n != 2 {
		t.Errorf("a merge before the start gives a history of %d", n)
	}
	other := w.openStore()
	_, err := other.MergeUsers(t.Context(), kindred.Merge{User: "ada", From: "tablet"})
	must(t, err)
	until(t, "a merge by another process", func() bool { return historyOf(t, svc, "ada") == 3 })
	svc.Observe(w.view("tablet", "knife"))
	if n := historyOf(t, svc, "ada"); n != 4 {
		t.Errorf("after an event under the alias the history is %d", n)
	}
}

// TestMergesUnderLoad merges and takes apart while answers are given; at last
// each answer is that of the store.
func TestMergesUnderLoad(t *testing.T) {
	w := kitchen(t)
	w.view("ada", "pot")
	for n := range 4 {
		w.view(kindred.UserID(fmt.Sprint("v", n)), "pan", "lid")
	}
	svc := w.serve()
	ended := make(chan error)
	for n := range 4 {
		go func() { ended <- mergeAndUnmerge(t.Context(), w, svc, kindred.UserID(fmt.Sprint("v", n))) }()
	}
	for range 4 {
		must(t, <-ended)
	}
	got := []int{historyOf(t, svc, "ada"), historyOf(t, svc, "v0"), historyOf(t, svc, "v3")}
	if !slices.Equal(got, []int{1, 2, 2}) {
		t.Errorf("histories of %v", got)
	}
}

func mergeAndUnmerge(ctx context.Context, w *world, svc *recommend.Service, from kindred.UserID) error {
	for range 30 {
		_, err := w.store.MergeUsers(ctx, kindred.Merge{User: "ada", From: from})
		if err == nil {
			err = svc.UsersMerged(ctx, "ada")
		}
		if err == nil {
			_, err = svc.Recommend(ctx, recommend.Request{User: from, N: 3})
		}
		if err == nil {
			_, err = w.store.UnmergeUser(ctx, kindred.Merge{From: from})
		}
		if err == nil {
			err = svc.UsersMerged(ctx, "ada", from)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
