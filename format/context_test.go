package format

import (
	"testing"
)

// TestContextColumns expects columns named context.x to become part of an
// event's context, in the type that they have throughout the file.
func TestContextColumns(t *testing.T) {
	for name, text := range map[string]string{
		"a.csv": "user,item,context.hour,context.rain,context.shop,context,context.\n" +
			"u,i,22,true,north,,x\n" + "u,i,,,,,\n" + `u,i,7,false,,"{""hour"":1,""q"":[{""deep"":null}]}",` + "\n",
		"a.jsonl": `{"user":"u","item":"i","context.hour":22,"context.rain":true,"context.shop":"north"}` + "\n" + `{"user":"u","item":"i"}` + "\n" +
			`{"user":"u","item":"i","context.rain":false,"context.hour":7,"context":{"hour":1,"q":[{"deep":null}]}}` + "\n",
	} {
		rows, rejects := read(t, "auto", put(t, name, text))
		if len(rows) != 3 || len(rejects) != 0 {
			t.Fatalf("%s: %d rows, rejects %v", name, len(rows), rejects)
		}
		for i, want := range []string{`{"hour":22,"rain":true,"shop":"north"}`, "", `{"hour":7,"q":[{"deep":null}],"rain":false}`} {
			if got := string(rows[i].Event.Context); got != want {
				t.Errorf("%s: the context of row %d is %s, want %s", name, i, got, want)
			}
		}
	}
	rows, rejects := read(t, "auto", put(t, "b.jsonl", `{"user":"u","item":"i","context.hour":{"a":1}}`+"\n"+`{"user":"u","item":"i","context.hour":2}`+"\n"))
	if len(rows) != 1 || rejects["bad_context"] != 1 {
		t.Errorf("%d rows, rejects %v", len(rows), rejects)
	}
	if items, _ := read(t, "auto", put(t, "items.csv", "item,context.hour\ni,3\n")); items[0].Item.Attributes["context.hour"].Number != 3 {
		t.Errorf("an item's attribute is gone: %+v", items[0].Item)
	}
}
