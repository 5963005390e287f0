package recommend

import (
	"maps"
	"testing"
	"time"

	"kindred"
	"kindred/dataset"
)

// TestCount counts items by state as they change.
func TestCount(t *testing.T) {
	now, c, none := time.Unix(1_700_000_000, 0), newCatalogue(), int64(0)
	items := []kindred.Item{
		{ID: "a", Group: "g"}, {ID: "b", Group: "g", Stock: &none}, {ID: "c", AvailableUntil: now.Add(time.Hour)}, {ID: "d"},
	}
	c.put(items, now)
	c.remove("d", now)
	byItem := &view{items: dataset.NewDict("a", "d", "late")}
	byGroup := &view{items: dataset.NewDict("g", "late", "never", "gone"), byGroup: true, trained: map[string][]string{"g": {"a"}, "gone": {"x"}}}
	c.attach([]*view{byItem, byGroup}, now, func() {})
	expect := func(now time.Time, known uint64, want map[string]int) uint64 {
		t.Helper()
		states, groups, changes := c.count(now, known)
		if !maps.Equal(states, want) || states != nil && groups != 1 {
			t.Errorf("%v in %d groups, want %v", states, groups, want)
		}
		return changes
	}
	changes := expect(now, 0, map[string]int{"available": 2, "unavailable": 1, "deleted": 1, "unknown": 2})
	expect(now, changes, nil)
	changes = expect(now.Add(time.Hour), changes, map[string]int{"available": 1, "unavailable": 2, "deleted": 1, "unknown": 2})
	c.put([]kindred.Item{{ID: "late"}}, now)
	expect(now.Add(time.Hour), changes, map[string]int{"available": 2, "unavailable": 2, "deleted": 1, "unknown": 1})
}
