package kindred_test

import (
	"encoding/json"
	"strings"
	"testing"

	"kindred"
)

// TestVerdictNumbers holds the numbers, which are stored.
func TestVerdictNumbers(t *testing.T) {
	for name, want := range map[string]kindred.Verdict{
		"near_duplicate": 1, "bot": 2, "accidental_view": 4, "abandoned_session": 8, "placeholder": 16,
		"misdated": 32, "unknown_item": 64, "outside_validity": 128, "unjoined": 256, "released": 512, "withdrawn": 1024,
	} {
		if got, err := kindred.ParseVerdict(name); err != nil || got != want || got.String() != name {
			t.Errorf("%s is %d (%s), %v; want %d", name, got, got, err, want)
		}
	}
	if kindred.NearDuplicate != 1 || kindred.Released != 512 || kindred.Withdrawn != 1024 || kindred.AllReasons() != 2047 {
		t.Error("names and constants differ")
	}
}

// TestVerdictRoundTrip holds every set of reasons against its names and JSON.
func TestVerdictRoundTrip(t *testing.T) {
	for r := range kindred.AllReasons() + 1 {
		if got, err := kindred.ParseVerdict(r.Reasons()...); err != nil || got != r {
			t.Fatalf("%d became %d, %v", r, got, err)
		}
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var back kindred.Verdict
		if err := json.Unmarshal(text, &back); err != nil || back != r {
			t.Fatalf("%d became %s became %d, %v", r, text, back, err)
		}
		var union kindred.Verdict
		for reason := range r.Each() {
			union |= reason
		}
		if union != r {
			t.Fatalf("the reasons of %d make %d", r, union)
		}
	}
}

func TestVerdictFaults(t *testing.T) {
	if _, err := kindred.ParseVerdict("bot", "robot"); kindred.KindOf(err) != kindred.Invalid || !strings.Contains(err.Error(), `"robot"`) {
		t.Error(err)
	}
	for _, text := range []string{`"bot"`, `["robot"]`, `7`} {
		r := kindred.Bot
		if err := r.UnmarshalJSON([]byte(text)); kindred.KindOf(err) != kindred.Invalid || r != kindred.Bot {
			t.Errorf("%s: %v, %v", text, r, err)
		}
	}
}

func TestVerdictHas(t *testing.T) {
	for _, c := range []struct {
		verdict, reasons kindred.Verdict
		want             bool
	}{
		{0, kindred.AllReasons(), false},
		{kindred.Bot, 0, false},
		{kindred.Bot | kindred.Unjoined, kindred.Bot | kindred.Misdated, true},
		{kindred.Unjoined | kindred.UnknownItem, kindred.AllReasons() &^ kindred.Informational, false},
	} {
		if (kindred.AllReasons() &^ c.reasons).Accepts(c.verdict) == c.want {
			t.Errorf("one that accepts all but %v accepts %v: %t", c.reasons, c.verdict, c.want)
		}
		if got := c.verdict.Has(c.reasons); got != c.want {
			t.Errorf("%v has one of %v: %t", c.verdict, c.reasons, got)
		}
	}
}
