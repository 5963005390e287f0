package store

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestAscending takes pieces of random sizes of lists with many, few and no
// equal events, sorted and not.
func TestAscending(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		events := make([]waiting, r.IntN(500))
		for i := range events {
			events[i] = waiting{moment{user: int64(r.IntN(1 + int(seed))), seq: int64(i)}, r.Int64()}
		}
		order := []func(a, b waiting) int{
			byUserOrder, seenOrder,
			func(a, b waiting) int { return cmp.Compare(a.seq, b.seq) },
			func(a, b waiting) int { return cmp.Compare(b.seq, a.seq) },
		}[seed%4]
		want := slices.SortedFunc(slices.Values(events), order)
		q := newAscending(events, order)
		var got []waiting
		for !q.isEmpty() {
			n := 1 + r.IntN(60)
			part := q.take(n)
			if len(part) == 0 || len(part) > n {
				t.Fatalf("seed %d: asked for %d, got %d", seed, n, len(part))
			}
			got = append(got, part...)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: not in order", seed)
		}
	}
}

// TestIDSet has IDs whose hashes are equal or next to each other.
func TestIDSet(t *testing.T) {
	ids := []string{"a", "b", "c", "d", "e"}
	hashes := []int64{7, 7, 8, 7, 9}
	set := idSet{}
	is := func(id string) func(int64) (bool, error) {
		return func(seq int64) (bool, error) { return ids[seq] == id, nil }
	}
	for seq, id := range ids {
		if found, err := set.find(hashes[seq], is(id)); found || err != nil {
			t.Errorf("%s is there before it was added: %v", id, err)
		}
		set.add(hashes[seq], int64(seq))
		for k, earlier := range ids[:seq+1] {
			if found, err := set.find(hashes[k], is(earlier)); !found || err != nil {
				t.Errorf("%s is not there after %s: %v", earlier, id, err)
			}
		}
	}
	if found, _ := set.find(7, is("f")); found {
		t.Error("an ID that was not added is there")
	}
}
