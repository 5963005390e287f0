package store_test

import (
	"testing"

	"kindred"
	"kindred/store"
)

// TestPrices records what is asked for an item where it changes.
func TestPrices(t *testing.T) {
	db := open(t, ":memory:")
	put := func(price, sale float64, minute int) {
		t.Helper()
		check(t, db.PutItems(t.Context(), []kindred.Item{{ID: "mug", Price: price, SalePrice: sale, UpdatedAt: at(minute)}, {ID: "free", UpdatedAt: at(minute)}}))
	}
	prices := func(limit int) (list []kindred.Price) {
		t.Helper()
		list, err := db.Prices(t.Context(), "mug", limit)
		check(t, err)
		return list
	}
	put(10, 0, 1)
	put(10, 0, 2) // the same
	put(10, 8, 3)
	put(12, 8, 4) // what is asked is the same
	put(0, 0, 5)
	put(9, 0, 1) // behind the one before
	want := []kindred.Price{
		{Item: "mug", From: at(5).Add(1e6), Cost: 9}, {Item: "mug", From: at(5), Cost: 0}, {Item: "mug", From: at(3), Cost: 8}, {Item: "mug", From: at(1), Cost: 10},
	}
	equal(t, "prices", prices(9), want)
	equal(t, "the latest", prices(1), want[:1])
	check(t, db.DeleteItem(t.Context(), "mug"))
	equal(t, "of a deleted item", prices(9), want)
	var all []kindred.Price
	check(t, db.ScanPrices(t.Context(), func(p kindred.Price) error { all = append(all, p); return nil }))
	equal(t, "all, the earliest first", all, []kindred.Price{want[3], want[2], want[1], want[0]})
	items := make([]kindred.Item, store.MaxPrices+5)
	for i := range items {
		items[i] = kindred.Item{ID: "mug", Price: float64(i + 1), UpdatedAt: at(10 + i)}
	}
	check(t, db.PutItems(t.Context(), items))
	kept := prices(2 * store.MaxPrices)
	equal(t, "kept", len(kept), store.MaxPrices)
	equal(t, "the latest of many", kept[0].Cost, float64(len(items)))
}
