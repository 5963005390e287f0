package model_test

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"kindred/model"
)

func TestKinds(t *testing.T) {
	for _, kind := range model.Kinds() {
		algorithm, err := model.New(kind)
		if err != nil {
			t.Fatal(err)
		}
		if algorithm.Kind() != kind {
			t.Errorf("%s calls itself %s", kind, algorithm.Kind())
		}
		if err := algorithm.Validate(); err != nil {
			t.Errorf("%s: invalid by default: %v", kind, err)
		}
		settings, err := json.Marshal(algorithm)
		if err != nil {
			t.Fatal(err)
		}
		again, err := model.FromJSON(kind, settings)
		if err != nil || !reflect.DeepEqual(again, algorithm) {
			t.Errorf("%s: settings %s come back as %+v, error %v", kind, settings, again, err)
		}
	}
}

// TestSettings expects every setting to declare its bounds, and the defaults to
// lie within where tuning looks, or at a bound's end where that means "none".
func TestSettings(t *testing.T) {
	for _, kind := range model.Kinds() {
		algorithm, err := model.New(kind)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range model.Settings(algorithm) {
			switch _, isText := s.Value.(string); {
			case isText && len(s.Choices) == 0:
				t.Errorf("%s: %s is a text of no choices", kind, s.Name)
			case isText || s.Name == "seed":
			case math.IsInf(s.Min, 0) || math.IsInf(s.Max, 0):
				t.Errorf("%s: %s declares no range", kind, s.Name)
			case s.Low < s.Min || s.High > s.Max:
				if s.Low != 0 || s.High != 0 {
					t.Errorf("%s: %s is tuned over %v to %v, and may be %v to %v", kind, s.Name, s.Low, s.High, s.Min, s.Max)
				}
			}
		}
	}
}

func TestFromJSON(t *testing.T) {
	for name, test := range map[string]struct{ kind, settings, want string }{
		"nothing":           {"ials", ``, ""},
		"an empty object":   {"itemknn", `{}`, ""},
		"over the defaults": {"ials", `{"factors": 64, "seed": 7}`, ""},
		"unknown kind":      {"oracle", `{}`, "there are " + strings.Join(model.Kinds(), ", ")},
		"unknown setting":   {"ials", `{"factor": 64}`, `unknown field "factor"`},
		"wrong type":        {"ials", `{"factors": "many"}`, "factors"},
		"not JSON":          {"ials", `{`, "settings of ials"},
		"two objects":       {"ials", `{} {}`, "nothing after it"},
		"several faults":    {"ials", `{"factors": 0, "lambda": -1}`, "lambda is -1"},
		"also the first":    {"ials", `{"factors": 0, "lambda": -1}`, "factors is 0, not between 1 and 2048"},
		"zero neighbours":   {"itemknn", `{"neighbours": 0}`, "neighbours is 0"},
		"windows swapped":   {"popular", `{"short_days": 30, "long_days": 3}`, "long_days is 3"},
	} {
		algorithm, err := model.FromJSON(test.kind, []byte(test.settings))
		if test.want == "" && (err != nil || algorithm == nil) {
			t.Errorf("%s: %v", name, err)
		}
		if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
	algorithm, err := model.FromJSON("ials", []byte(`{"factors": 64}`))
	want := model.NewIALS()
	want.Factors = 64
	if err != nil || !reflect.DeepEqual(algorithm, model.Algorithm(want)) {
		t.Errorf("got %+v, want %+v", algorithm, want)
	}
}
