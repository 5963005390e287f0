package recommend_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"kindred"
	"kindred/model"
	"kindred/recommend"
	"kindred/registry"
)

// TestOneVariantOfEach makes catalogues of variants, and expects every list to
// have one of each product at most, none of what the user knows in another
// variant, and as many as there are.
func TestOneVariantOfEach(t *testing.T) {
	for name, personal := range map[string]model.Algorithm{"vectors": smallIALS(1), "scores": model.NewItemKNN()} {
		t.Run(name, func(t *testing.T) {
			w, rng := newWorld(t), rand.New(rand.NewPCG(1, 2))
			const products = 12
			product := func(item int) int { return item % products }
			for n := range 60 { // people like neighbouring products, in any variant
				user := kindred.UserID(fmt.Sprint("u", n))
				for range 12 {
					w.view(user, kindred.ItemID(fmt.Sprint("i", (n+rng.IntN(5))%products+products*rng.IntN(6))))
				}
			}
			groupOf := func(id kindred.ItemID) (group int) {
				var item int
				_, err := fmt.Sscanf(string(id), "i%d", &item)
				must(t, err)
				return product(item)
			}
			var items []kindred.Item
			for i := range products * 6 {
				items = append(items, kindred.Item{ID: kindred.ItemID(fmt.Sprint("i", i)), Group: kindred.ItemID(fmt.Sprint("p", product(i)))})
			}
			w.put(items...)
			w.promote(registry.Live{registry.Personal: w.fit(personal), registry.Similar: w.fit(model.NewItemKNN()), registry.Popular: w.fit(model.NewPopular())})
			svc := w.serve()
			for n := range 60 {
				user := kindred.UserID(fmt.Sprint("u", n))
				known := map[int]bool{}
				events, err := w.store.UserEvents(t.Context(), user, 100)
				must(t, err)
				for _, e := range events {
					known[groupOf(e.Item)] = true
				}
				for _, size := range []int{1, 3, products} {
					a := ask(t, svc, recommend.Request{User: user, N: size})
					if want := min(size, products-len(known)); len(a.Items) != want {
						t.Fatalf("%s asked for %d and got %d of %d", user, size, len(a.Items), want)
					}
					distinct(t, ids(a), groupOf, known)
				}
				item := kindred.ItemID(fmt.Sprint("i", rng.IntN(products*6)))
				a, err := svc.Similar(t.Context(), item, recommend.Request{N: products})
				must(t, err)
				if len(a.Items) != products-1 {
					t.Errorf("like %s are %v", item, ids(a))
				}
				distinct(t, ids(a), groupOf, map[int]bool{groupOf(item): true})
			}
		})
	}
}

func distinct(t *testing.T, list []kindred.ItemID, groupOf func(kindred.ItemID) int, known map[int]bool) {
	t.Helper()
	seen := map[int]bool{}
	for _, id := range list {
		if group := groupOf(id); seen[group] || known[group] {
			t.Errorf("%s is a second variant, or one of what is known: %v", id, list)
		}
		seen[groupOf(id)] = true
	}
}

// TestVariantsChange follows items from group to group.
func TestVariantsChange(t *testing.T) {
	w := newWorld(t)
	w.view("u", "a", "b", "c") // a is liked best, c least
	w.view("v", "a", "b")
	w.view("w", "a")
	w.put(kindred.Item{ID: "a", Group: "g"}, kindred.Item{ID: "b", Group: "g"}, kindred.Item{ID: "c"})
	w.promoteAll()
	svc := w.serve()
	expect := func(want ...kindred.ItemID) {
		t.Helper()
		got := ids(ask(t, svc, recommend.Request{N: 9}))
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	none := new(int64)
	expect("a", "c")
	change := func(items ...kindred.Item) { w.put(items...); svc.ItemsChanged(items) }
	change(kindred.Item{ID: "a", Group: "g", Stock: none}) // the other variant stands in
	expect("b", "c")
	change(kindred.Item{ID: "a", Group: "g", Stock: none, Backorder: true})
	expect("a", "c")
	change(kindred.Item{ID: "a"})
	expect("a", "b", "c")
	change(kindred.Item{ID: "c", Group: "g"})
	expect("a", "b")
	must(t, w.store.DeleteItem(t.Context(), "b"))
	svc.ItemDeleted("b")
	expect("a", "c")
	if got := ids(ask(t, w.serve(), recommend.Request{N: 9})); len(got) != 2 {
		t.Errorf("after a start: %v", got)
	}
}
