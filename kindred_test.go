package kindred_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"kindred"
)

// TestAttributeJSON expects every type to come back as it went.
func TestAttributeJSON(t *testing.T) {
	when := time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	for text, want := range map[string]kindred.Attribute{
		`12.5`:                            kindred.NumberOf(12.5),
		`-1e-3`:                           kindred.NumberOf(-0.001),
		`true`:                            kindred.BoolOf(true),
		`"Acme"`:                          kindred.StringOf("Acme"),
		`["blue","red"]`:                  kindred.SetOf("red", "blue", "red"),
		`[]`:                              kindred.SetOf(),
		`[0.5,-1]`:                        kindred.VectorOf([]float32{0.5, -1}),
		`{"text":"a long story"}`:         kindred.TextOf("a long story"),
		`{"time":"2026-01-02T15:04:05Z"}`: kindred.TimeOf(when),
	} {
		var got kindred.Attribute
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		back, err := json.Marshal(got)
		if err != nil || (string(back) != text && text != `-1e-3`) {
			t.Errorf("%s went back as %s (%v)", text, back, err)
		}
		if got.Type != want.Type || (len(want.Set)+len(want.Vector) > 0 && !reflect.DeepEqual(got, want)) ||
			got.Text != want.Text || got.Number != want.Number || !got.Time.Equal(want.Time) {
			t.Errorf("%s: got %+v, want %+v", text, got, want)
		}
	}
}

// TestAttributeRefuses lists what is no attribute, by syntax and by value.
func TestAttributeRefuses(t *testing.T) {
	for _, text := range []string{`null`, `{}`, `{"text":"a","time":"2026-01-02T15:04:05Z"}`, `{"html":"a"}`, `[1,"a"]`, `[[1]]`, `{"time":"soon"}`} {
		var got kindred.Attribute
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s became %+v", text, got)
		}
	}
	for name, a := range map[string]kindred.Attribute{
		"nothing":           {},
		"not a number":      kindred.NumberOf(math.NaN()),
		"infinite":          kindred.NumberOf(math.Inf(1)),
		"infinite vector":   kindred.VectorOf([]float32{1, float32(math.Inf(-1))}),
		"too long a text":   kindred.TextOf(strings.Repeat("x", kindred.MaxText+1)),
		"too large a set":   kindred.SetOf(strings.Repeat("x", kindred.MaxText), "y"),
		"too wide a vector": kindred.VectorOf(make([]float32, kindred.MaxVector+1)),
	} {
		if err := a.Valid(); err == nil {
			t.Errorf("%s is called valid", name)
		}
	}
}

// FuzzAttribute expects any bytes to be refused or to survive a round trip.
func FuzzAttribute(f *testing.F) {
	f.Add([]byte(`{"text":"x"}`))
	f.Add([]byte(`[1,2]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var a, b kindred.Attribute
		if json.Unmarshal(data, &a) != nil {
			return
		}
		text, err := json.Marshal(a)
		if err != nil {
			return // a year beyond what JSON times can say
		}
		if err := json.Unmarshal(text, &b); err != nil || !reflect.DeepEqual(a, b) {
			t.Errorf("%s: %+v came back as %+v (%v)", data, a, b, err)
		}
	})
}

// TestAvailableAt expects the window to include its start and not its end.
func TestAvailableAt(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	window := kindred.Item{AvailableFrom: start, AvailableUntil: start.Add(time.Hour)}
	for after, want := range map[time.Duration]bool{-1: false, 0: true, time.Hour - 1: true, time.Hour: false} {
		if got := window.AvailableAt(start.Add(after)); got != want {
			t.Errorf("%v after the start: got %v", after, got)
		}
	}
	if always := (&kindred.Item{}); !always.AvailableAt(start) {
		t.Error("an item without a window is not available")
	}
}

func ExampleErrorf() {
	err := fmt.Errorf("promoting: %w", kindred.Errorf(kindred.NotFound, "there is no version %q", "v9").Because(io.EOF))
	fmt.Println(err)
	fmt.Println(kindred.KindOf(err) == kindred.NotFound, errors.Is(err, io.EOF), kindred.KindOf(io.EOF) == kindred.Internal)
	// Output:
	// promoting: there is no version "v9": EOF
	// true true true
}
