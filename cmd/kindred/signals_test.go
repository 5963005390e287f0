package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestSignals compares ways to weigh events, learns by the best, and finds it
// in the lineage: users turn to another group of items each day.
func TestSignals(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	events := writeFile(t, "events.jsonl", 5000, func(n int) string {
		user, day := rng.IntN(100), n/1440
		return fmt.Sprintf(`{"user":"u%d","item":"i%d","kind":"view","time":%q,"context":{"dwell_seconds":%d}}`, user, (user+3*day)%10*20+rng.IntN(20),
			time.Unix(1.7e9, 0).Add(time.Duration(n)*time.Minute).UTC().Format(time.RFC3339), rng.IntN(30))
	})
	succeed(t, "import", "jsonl", events, "--dir", dir)
	if r := kindredRun(t, "evaluate", "signals", "--dir", dir); r.code == 0 || !strings.Contains(r.err, "training.signals") {
		t.Errorf("nothing to compare: %d, %s", r.code, r.err)
	}
	config := `
training:
  models: [{kind: itemknn, settings: {weight_power: 1}}]
  signals:
    - {name: long views, signals: {kinds: {view: {from: dwell, min: 20}}}}
    - {name: ageing, half_life: 6h}
`
	if err := os.WriteFile(filepath.Join(dir, "kindred.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var compared struct {
		Judged []struct {
			Name    string
			Signals map[string]any
		}
	}
	if err := json.Unmarshal([]byte(succeed(t, "evaluate", "signals", "--dir", dir, "--json").out), &compared); err != nil {
		t.Fatal(err)
	}
	if len(compared.Judged) != 3 || compared.Judged[0].Name != "ageing" || compared.Judged[0].Signals["half_life_ns"] != 6*3600e9 {
		t.Errorf("compared: %+v", compared.Judged)
	}
	out := succeed(t, "train", "--dir", dir, "--metric", "unbiased_ndcg@10").out
	for _, word := range []string{"best: ageing", "configured", "long views", "UNBIASED_NDCG@10"} {
		if !strings.Contains(out, word) {
			t.Errorf("training does not say %q:\n%s", word, out)
		}
	}
	_, version, _ := strings.Cut(out, "live: ")
	version, _, _ = strings.Cut(version, " ")
	if shown := succeed(t, "models", "show", version, "--dir", dir).out; !strings.Contains(shown, `"half_life_ns": 21600000000000`) {
		t.Errorf("the lineage does not say how events were weighed:\n%s", shown)
	}
}
