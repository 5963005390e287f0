package store_test

import (
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"kindred"
	"kindred/store"
)

// TestFeatureValues follows the log of values, erases a user and expects the
// others' to be as they were.
func TestFeatureValues(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "store.db"))
	red := kindred.StringOf("red")
	at := time.UnixMilli(1_700_000_000_123).UTC()
	want := []store.FeatureValue{
		{Position: 1, Entity: "user", ID: "u", Name: "colour", Time: at, Value: &red},
		{Position: 2, Entity: "item", ID: "u", Name: "colour", Time: at, Value: &red},
		{Position: 3, Entity: "user", ID: "v", Name: "colour", Time: at.Add(-time.Hour), Value: nil},
	}
	if err := db.AppendFeatureValues(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	read := func(after int64, limit int) (got []store.FeatureValue) {
		t.Helper()
		err := db.FeatureValuesAfter(t.Context(), after, limit, func(v store.FeatureValue) error {
			got = append(got, v)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := append(read(0, 2), read(2, 9)...); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	if err := db.PutUsers(t.Context(), []kindred.User{{ID: "u"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.EraseUser(t.Context(), "u"); err != nil {
		t.Fatal(err)
	}
	if got := read(0, 9); !reflect.DeepEqual(got, want[1:]) {
		t.Errorf("after the erasure: %+v", got)
	}
	endless := kindred.NumberOf(math.Inf(1))
	if err := db.AppendFeatureValues(t.Context(), []store.FeatureValue{{Entity: "user", ID: "w", Name: "n", Value: &endless}}); kindred.KindOf(err) != kindred.Invalid {
		t.Errorf("an infinite value: %v", err)
	}
}

// TestFeatureLogs expects logs to come back as they were, once for each list
// and set, to be pruned by time, and to go with their user.
func TestFeatureLogs(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "store.db"))
	at := time.UnixMilli(1_700_000_000_000).UTC()
	var want []store.FeatureLog
	for i := range 4 {
		want = append(want, store.FeatureLog{
			RequestID: fmt.Sprint("r", i), Set: "s", Version: "v", User: kindred.UserID(fmt.Sprint("u", i%2)),
			Time: at.Add(time.Duration(i) * time.Hour), Events: int64(i), Values: 7, Changes: 1, Data: []byte{0, byte(i), 255},
		})
	}
	other := want[0]
	other.Set = "t"
	twice := want[0]
	twice.Version = "other"
	if err := db.AppendFeatureLogs(t.Context(), append(want, other, twice)); err != nil {
		t.Fatal(err)
	}
	expect := func(set string, r store.EventRange, want ...store.FeatureLog) {
		t.Helper()
		var got []store.FeatureLog
		err := db.ScanFeatureLogs(t.Context(), set, r, func(l *store.FeatureLog) error {
			got = append(got, *l)
			return nil
		})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	expect("s", store.EventRange{}, want...)
	expect("t", store.EventRange{}, other)
	expect("s", store.EventRange{From: at.Add(time.Hour), To: at.Add(3 * time.Hour)}, want[1:3]...)
	var latest []string
	err := db.LatestFeatureLogs(t.Context(), "s", 3, func(l *store.FeatureLog) error {
		latest = append(latest, l.Set+" "+l.RequestID)
		return nil
	})
	if err != nil || !slices.Equal(latest, []string{"s r3", "s r2", "s r1"}) {
		t.Errorf("the latest are %q, %v", latest, err)
	}
	if n, err := db.PruneFeatureLogs(t.Context(), at.Add(time.Hour)); n != 2 || err != nil {
		t.Errorf("pruned %d, %v", n, err)
	}
	expect("s", store.EventRange{}, want[1:]...)
	if err := db.PutUsers(t.Context(), []kindred.User{{ID: "u1"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.EraseUser(t.Context(), "u1"); err != nil {
		t.Fatal(err)
	}
	left := want[2]
	left.IsFinal = true
	expect("s", store.EventRange{}, left)
	later := want[3]
	later.User = "u0"
	later.RequestID, later.Changes = "later", 2 // the first is the erasure's
	if err := db.AppendFeatureLogs(t.Context(), []store.FeatureLog{later}); err != nil {
		t.Fatal(err)
	}
	expect("s", store.EventRange{}, left, later)
}
