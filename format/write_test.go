package format

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"kindred"
)

// text draws any UTF-8 text that every format carries.
func text(r *rapid.T, name string) string {
	return strings.TrimSpace(strings.ReplaceAll(rapid.String().Draw(r, name), "\r", ""))
}

func id(r *rapid.T, name string) string { return "x" + text(r, name) }

func moment(r *rapid.T, name string) time.Time {
	return time.UnixMilli(rapid.Int64Range(0, 4_102_444_800_000).Draw(r, name)).UTC()
}

func someEvent(r *rapid.T) kindred.Event {
	e := kindred.Event{
		ID: id(r, "id"), User: kindred.UserID(id(r, "user")), Item: kindred.ItemID(id(r, "item")),
		Kind: rapid.SampledFrom([]kindred.Kind{"view", "search", "own_kind"}).Draw(r, "kind"), Value: rapid.Float64().Draw(r, "value"),
		Time: moment(r, "time"), Session: text(r, "session"), RequestID: text(r, "request"), Position: rapid.IntRange(0, 1<<40).Draw(r, "position"),
	}
	if e.Kind == "search" {
		e.Item = ""
	}
	if rapid.Bool().Draw(r, "has context") {
		e.Context = json.RawMessage(`{"<q>":` + quote(text(r, "context")) + `}`)
	}
	return e
}

func someAttributes(r *rapid.T) (all kindred.Attributes) {
	for range rapid.IntRange(0, 4).Draw(r, "attributes") {
		if all == nil {
			all = kindred.Attributes{}
		}
		all[text(r, "name")] = rapid.SampledFrom([]func() kindred.Attribute{
			func() kindred.Attribute { return kindred.NumberOf(rapid.Float64().Draw(r, "number")) },
			func() kindred.Attribute { return kindred.BoolOf(rapid.Bool().Draw(r, "bool")) },
			func() kindred.Attribute { return kindred.TimeOf(moment(r, "time")) },
			func() kindred.Attribute { return kindred.StringOf(rapid.String().Draw(r, "string")) },
			func() kindred.Attribute {
				return kindred.SetOf(rapid.SliceOfN(rapid.String(), 1, 3).Draw(r, "set")...)
			},
			func() kindred.Attribute { return kindred.TextOf(rapid.String().Draw(r, "text")) },
			func() kindred.Attribute {
				return kindred.VectorOf(rapid.SliceOfN(rapid.Float32(), 1, 3).Draw(r, "vector"))
			},
		}).Draw(r, "type")()
	}
	return all
}

func someItem(r *rapid.T) kindred.Item {
	i := kindred.Item{
		ID: kindred.ItemID(id(r, "id")), Title: text(r, "title"), Price: rapid.Float64Min(0).Draw(r, "price"),
		AvailableFrom: moment(r, "from"), UpdatedAt: moment(r, "updated"), Attributes: someAttributes(r),
	}
	if rapid.Bool().Draw(r, "is variant") {
		stock := rapid.Int64Range(0, 1<<53).Draw(r, "stock")
		i.Group, i.SalePrice, i.Stock = kindred.ItemID(id(r, "group")), rapid.Float64Min(0).Draw(r, "sale"), &stock
		i.Backorder = rapid.Bool().Draw(r, "backorder")
	}
	if rapid.Bool().Draw(r, "has categories") {
		i.Categories = rapid.SliceOfN(rapid.String(), 1, 3).Draw(r, "categories")
	}
	if rapid.Bool().Draw(r, "ends") {
		i.AvailableUntil = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	}
	return i
}

func someUser(r *rapid.T) kindred.User {
	u := kindred.User{ID: kindred.UserID(id(r, "id")), Attributes: someAttributes(r)}
	if rapid.Bool().Draw(r, "dated") {
		u.UpdatedAt = moment(r, "updated")
	}
	return u
}

func someAlias(r *rapid.T) kindred.Alias {
	return kindred.Alias{
		ID: kindred.UserID(id(r, "alias")), User: kindred.UserID(id(r, "user")), Into: kindred.UserID(id(r, "into")),
		Time: moment(r, "time"), By: text(r, "by"), Why: text(r, "why"),
	}
}

func someExposure(r *rapid.T) kindred.Exposure {
	x := kindred.Exposure{
		RequestID: id(r, "request"), User: kindred.UserID(text(r, "user")), Time: moment(r, "time"), Model: text(r, "model"),
		Items: []kindred.ItemID{}, Sources: []string{}, Session: text(r, "session"), Context: someAttributes(r),
	}
	for range rapid.IntRange(0, 3).Draw(r, "items") {
		x.Items = append(x.Items, kindred.ItemID(id(r, "item")))
		x.Sources = append(x.Sources, rapid.String().Draw(r, "source"))
	}
	return x
}

// TestImportOfExportIsIdentity holds for every sort of row, every type of
// attribute and every format.
func TestImportOfExportIsIdentity(t *testing.T) {
	for _, formatName := range []string{"csv", "jsonl", "parquet"} {
		t.Run(formatName+" events", func(t *testing.T) {
			identity(t, formatName, someEvent, func(r Row) kindred.Event { return *r.Event })
		})
		t.Run(formatName+" items", func(t *testing.T) {
			identity(t, formatName, someItem, func(r Row) kindred.Item { return *r.Item })
		})
		t.Run(formatName+" users", func(t *testing.T) {
			identity(t, formatName, someUser, func(r Row) kindred.User { return *r.User })
		})
		t.Run(formatName+" aliases", func(t *testing.T) {
			identity(t, formatName, someAlias, func(r Row) kindred.Alias { return *r.Alias })
		})
		t.Run(formatName+" exposures", func(t *testing.T) {
			identity(t, formatName, someExposure, func(r Row) kindred.Exposure { return *r.Exposure })
		})
	}
}

func identity[T Writable](t *testing.T, formatName string, draw func(*rapid.T) T, of func(Row) T) {
	t.Helper()
	path := put(t, "a."+formatName, "")
	rapid.Check(t, func(r *rapid.T) {
		want := rapid.SliceOfN(rapid.Custom(draw), 0, 5).Draw(r, "rows")
		var b bytes.Buffer
		if err := Write(&b, formatName, slices.Values(want)); err != nil {
			r.Fatal(err)
		}
		overwrite(t, path, b.String())
		rows, rejects := read(t, formatName, path)
		got := make([]T, 0, len(rows))
		for _, row := range rows {
			got = append(got, of(row))
		}
		if len(rejects) > 0 || len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
			r.Fatalf("rejects %v\ngot  %+v\nwant %+v\n%s", rejects, got, want, b.String())
		}
	})
}

func TestWriteSaysWhatItCan(t *testing.T) {
	err := Write(&bytes.Buffer{}, "xml", slices.Values([]kindred.User{}))
	if kindred.KindOf(err) != kindred.Invalid || !strings.Contains(err.Error(), "csv, jsonl or parquet") {
		t.Error(err)
	}
	bad := []kindred.User{{ID: "u", Attributes: kindred.Attributes{"a": {}}}}
	if err := Write(&bytes.Buffer{}, "csv", slices.Values(bad)); err == nil {
		t.Error("an attribute without a type was written")
	}
}
