package recommend_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"kindred"
	"kindred/filter"
	"kindred/model"
	"kindred/recommend"
	"kindred/registry"
)

// TestOneVariantOfEach makes catalogues of variants, and expects every list to
// have one of each product at most, none of what the user knows in another
// variant, and as many as there are.
func TestOneVariantOfEach(t *testing.T) {
	for name, c := range map[string]struct {
		personal model.Algorithm
		byGroup  bool
	}{
		"vectors": {smallIALS(1), false}, "scores": {model.NewItemKNN(), false},
		"vectors of groups": {smallIALS(1), true}, "scores of groups": {model.NewItemKNN(), true},
	} {
		t.Run(name, func(t *testing.T) {
			w, rng := newWorld(t), rand.New(rand.NewPCG(1, 2))
			w.weights.ByGroup = c.byGroup
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
			w.promote(registry.Live{registry.Personal: w.fit(c.personal), registry.Similar: w.fit(model.NewItemKNN()), registry.Popular: w.fit(model.NewPopular())})
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
	for name, byGroup := range map[string]bool{"by item": false, "by group": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.weights.ByGroup = byGroup
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
		})
	}
}

// TestGroupsAreRecommended has a model of groups, and expects of each the most
// wanted variant that is there, meets the filter and is not excluded; what was
// done with one variant speaks for all, under the name of the one it was done with.
func TestGroupsAreRecommended(t *testing.T) {
	w := newWorld(t)
	w.weights.ByGroup = true
	colour := func(name string) kindred.Attributes { return kindred.Attributes{"colour": kindred.StringOf(name)} }
	w.put(kindred.Item{ID: "m-red", Group: "mug", Attributes: colour("red")}, kindred.Item{ID: "m-blue", Group: "mug", Attributes: colour("blue")},
		kindred.Item{ID: "s-red", Group: "saucer", Attributes: colour("red")}, kindred.Item{ID: "s-blue", Group: "saucer", Attributes: colour("blue")},
		kindred.Item{ID: "pot"}, kindred.Item{ID: "lid"})
	for n := range 12 {
		fan := kindred.UserID(fmt.Sprint("fan", n))
		w.view(fan, "m-blue", "s-blue")
		if n < 4 {
			w.view(fan, "m-red", "s-red")
		}
		w.view(kindred.UserID(fmt.Sprint("cook", n)), "pot", "lid")
	}
	w.view("new", "m-red")
	w.promoteAll()
	svc := w.serve()
	first := func(q recommend.Request) recommend.Item {
		t.Helper()
		q.N = 1
		a := ask(t, svc, q)
		if len(a.Items) != 1 {
			t.Fatalf("%+v: nothing is recommended", q)
		}
		return a.Items[0]
	}
	if got := first(recommend.Request{User: "new"}); got.ID != "s-blue" || got.Reason.Item != "m-red" {
		t.Errorf("who looked at a red mug gets %+v", got)
	}
	if got := first(recommend.Request{Session: []recommend.SessionItem{{Item: "m-blue"}}}); got.ID != "s-blue" {
		t.Errorf("a session with a blue mug gets %+v", got)
	}
	red, err := filter.Parse(`colour = "red"`)
	must(t, err)
	for name, q := range map[string]recommend.Request{"red ones": {User: "new", Filter: red}, "no blue saucers": {User: "new", Exclude: []kindred.ItemID{"s-blue"}}} {
		if got := first(q); got.ID != "s-red" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if a := ask(t, svc, recommend.Request{User: "new", N: 9}); len(a.Items) != 3 || has(a, "mug") || has(a, "saucer") {
		t.Errorf("all there is: %v", ids(a))
	}
	similar, err := svc.Similar(t.Context(), "m-red", recommend.Request{N: 1})
	must(t, err)
	if len(similar.Items) != 1 || similar.Items[0].ID != "s-blue" {
		t.Errorf("like the red mug: %v", ids(similar))
	}
	late := kindred.Item{ID: "s-green", Group: "saucer", Attributes: colour("green")}
	change := func(items ...kindred.Item) { w.put(items...); svc.ItemsChanged(items) }
	change(late)
	for _, id := range []kindred.ItemID{"s-blue", "s-red"} {
		must(t, w.store.DeleteItem(t.Context(), id))
		svc.ItemDeleted(id)
	}
	if got := first(recommend.Request{User: "new"}); got.ID != "s-green" {
		t.Errorf("the variant that is left: %+v", got)
	}
	// Who knew a variant that is gone knows its group.
	if got := first(recommend.Request{User: "fan1"}); got.ID == "s-green" {
		t.Errorf("who had a red saucer gets %+v", got)
	}
	must(t, w.store.DeleteItem(t.Context(), "s-green"))
	svc.ItemDeleted("s-green")
	if a := ask(t, svc, recommend.Request{User: "new", N: 9}); len(a.Items) != 2 || has(a, "saucer") {
		t.Errorf("no saucer is left: %v", ids(a))
	}
	// A history follows an item into its group.
	change(kindred.Item{ID: "jug"})
	events := w.view("late", "jug")
	svc.Observe(events)
	if got := ask(t, svc, recommend.Request{User: "late", N: 9}); !has(got, "m-blue") {
		t.Errorf("who looked at a jug: %v", ids(got))
	}
	change(kindred.Item{ID: "jug", Group: "mug"})
	if got := ask(t, svc, recommend.Request{User: "late", N: 9}); has(got, "m-blue") || has(got, "m-red") {
		t.Errorf("the jug turns out to be a mug: %v", ids(got))
	}
}
