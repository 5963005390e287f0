package engine

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kindred"
	"kindred/dataset"
	"kindred/train"
)

// TestDefaults expects a folder without a file to get settings that are valid
// and stay on the machine.
func TestDefaults(t *testing.T) {
	cfg, err := LoadConfig(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(cfg.Listen, "127.0.0.1:") {
		t.Errorf("listens on %s by default", cfg.Listen)
	}
	candidates, err := cfg.Candidates()
	if err != nil || len(candidates) != 5 {
		t.Errorf("candidates: %v, %v", candidates, err)
	}
}

// TestFile expects the file to overlay the defaults, zero included.
func TestFile(t *testing.T) {
	cfg, err := load(t, `
listen: 0.0.0.0:80
kinds: {wishlist: 2, view: 0}
half_life: 720h
training:
  metric: recall@10
  models:
    - kind: ials
      settings: {factors: 32, seed: 5}
    - kind: itemknn
`)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Listen != "0.0.0.0:80" || cfg.HalfLife != 720*time.Hour || cfg.Training.Holdout != 0.1 || cfg.Training.Metric != "recall@10" {
		t.Errorf("read %+v", cfg)
	}
	data := cfg.Dataset()
	if data.Weights["wishlist"] != 2 || data.Weights[kindred.View] != 0 || data.Weights[kindred.Purchase] != 5 {
		t.Errorf("weights: %v", data.Weights)
	}
	if kinds := cfg.CustomKinds(); !slices.Contains(kinds, "wishlist") {
		t.Errorf("custom kinds: %v", kinds)
	}
	candidates, err := cfg.Candidates()
	if err != nil || len(candidates) != 2 || !strings.Contains(string(candidates[0].Settings()), `"factors":32`) ||
		!strings.Contains(string(candidates[0].Settings()), `"seed":5`) {
		t.Errorf("candidates: %v, %v", candidates, err)
	}
}

// TestSignals expects signals to become the data set's settings, and
// alternatives to differ in what they name alone.
func TestSignals(t *testing.T) {
	cfg, err := load(t, `
kinds: {view: 2}
half_life: 1h
signals:
  kinds:
    view: {from: dwell, grade: steps, steps: [{from: 5, weight: 1}, {from: 30, weight: 2}], missing: 0.5}
    skip: {negative: true}
    rating: {normalise: zscore, grade: linear, base: 1}
  confidence: {scheme: bm25}
  debias: {estimate: all_pairs, clip: 5}
training:
  signals:
    - {name: ageing, half_life: 24h}
    - {name: plain, kinds: {view: 3}, min_rating: 4, signals: {}}
`)
	if err != nil {
		t.Fatal(err)
	}
	data := cfg.Dataset()
	view := data.Signals[kindred.View]
	if view.From != dataset.DwellReading || len(view.Steps) != 2 || *view.Missing != .5 || !data.Signals["skip"].Negative ||
		data.Confidence.Scheme != dataset.BM25Scheme || data.Debias.Clip != 5 || !slices.Contains(cfg.CustomKinds(), "skip") {
		t.Errorf("settings: %+v, kinds %v", data, cfg.CustomKinds())
	}
	ways := cfg.Alternatives()
	ageing, plain := ways[0], ways[1]
	if ageing.Dataset.HalfLife != 24*time.Hour || ageing.Dataset.Confidence != data.Confidence || ageing.Positions != train.AllPairsPositions {
		t.Errorf("ageing: %+v", ageing)
	}
	if plain.Dataset.HalfLife != time.Hour || plain.Dataset.Weights[kindred.View] != 3 || plain.Dataset.MinRating != 4 ||
		plain.Dataset.Signals != nil || plain.Positions != train.NoPositions || data.Weights[kindred.View] != 2 {
		t.Errorf("plain: %+v", plain)
	}
}

// TestDocumentedSignals expects the example of docs/signals.md to be good.
func TestDocumentedSignals(t *testing.T) {
	page, err := os.ReadFile("../docs/signals.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "```yaml\n")
	example, _, found := strings.Cut(example, "```")
	cfg, err := load(t, example)
	if !found || err != nil {
		t.Fatal(err)
	}
	if data := cfg.Dataset(); len(data.Signals) != 6 || data.Missing["price"] != dataset.TypicalByCategoryFill || len(cfg.Alternatives()) != 2 {
		t.Errorf("read %+v", data)
	}
}

// TestFaults expects every fault to be named, all at once.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		name, text string
		says       []string
	}{
		{"a misspelt key", "lisen: x", []string{"lisen"}},
		{"no YAML", "listen: [", []string{ConfigFile}},
		{"a wrong type", "training: {holdout: much}", []string{"much"}},
		{"signals", `
signals:
  kinds: {view: {from: gaze}, Wish List: {negative: true}}
  debias: {estimate: magic}
training:
  signals: [{kinds: {view: -1}}, {name: a, signals: {debias: {estimate: all_pairs, curve: [1, 0.5]}}}, {name: a}]
`, []string{"signal view", "gaze", "Wish List", "signals.debias.estimate", "magic", "training.signals[0]: every", "weight of view", "training.signals[1].signals.debias", "training.signals[2]"}},
		{"a misspelt signal", "signals: {kinds: {view: {form: dwell}}}", []string{"form"}},
		{"checks and expectations", `
check_every: -1h
checks: {no_such: {limit: 3}}
expectations: [{name: x, of: events, expect: hoped}]
`, []string{"check_every", "checks.no_such", "expectations[0].expect", "hoped"}},
		{"a misspelt key of an expectation", "expectations: [{name: x, off: events}]", []string{"off"}},
		{"several", `
listen: nowhere
half_life: -1h
training: {holdout: 1.5, keep: 0, metric: sales, models: [{kind: magic}, {kind: ials, settings: {factor: 1}}]}
kinds: {like: -1, Wish List: 1}
`, []string{"Wish List", "listen", "half_life", "training.holdout", "training.keep", "training.metric", "models[0]", "magic", "models[1]", "factor", "kinds"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := load(t, c.text)
			if kindred.KindOf(err) != kindred.Invalid {
				t.Fatalf("got %v", err)
			}
			for _, word := range c.says {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%q does not say %q", err, word)
				}
			}
		})
	}
}

// FuzzConfig expects any file to be read or refused.
func FuzzConfig(f *testing.F) {
	f.Add("listen: 127.0.0.1:1\ntraining: {models: [{kind: ials, settings: {factors: 3}}]}")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := load(t, text); err != nil && kindred.KindOf(err) != kindred.Invalid {
			t.Errorf("%q: %v", text, err)
		}
	})
}

func load(t *testing.T, text string) (Config, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ConfigFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return LoadConfig(dir)
}
