package main

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestPositions lets a server recommend to people who look at its lists from
// the top, by a planted curve, and expects the curve back from what the server
// kept of it.
func TestPositions(t *testing.T) {
	theta := []float64{1, .7, .5, .35, .25, .2}
	const users, items, lists = 60, 24, 4000
	wanted := func(user, item int) float64 { return 1 / (1 + math.Exp(float64(item)/6-2.5+float64(user%5)/3)) }
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	configure := func(text string) { // months of shopping come within seconds, which cleaning would not believe
		text = "training: {models: [{kind: popular}]}\ncleaning: {near_duplicates: {on: false}, bots: {on: false}}\n" + text
		if err := os.WriteFile(filepath.Join(dir, "kindred.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	configure("")
	rng := rand.New(rand.NewPCG(1, 1))
	past := time.Now().Add(-30 * 24 * time.Hour)
	events := writeFile(t, "events.csv", 2001, func(n int) string {
		if n == 0 {
			return "user,item,kind,time"
		}
		item := min(rng.IntN(items), rng.IntN(items))
		return fmt.Sprintf("other%d,i%02d,view,%d", rng.IntN(users), item, past.Add(time.Duration(n)*time.Minute).Unix())
	})
	succeed(t, "import", "csv", events, "--dir", dir)
	if r := kindredRun(t, "evaluate", "positions", "--dir", dir); r.code == 0 || !strings.Contains(r.err, "request_id") {
		t.Errorf("of no lists: %d, %s", r.code, r.err)
	}
	succeed(t, "train", "--dir", dir, "--model", "popular")
	s := startServer(t, dir, "")
	var clicks []string
	for range lists {
		user, without := rng.IntN(users), []string{}
		for _, item := range rng.Perm(items)[:items/2] {
			without = append(without, fmt.Sprintf("i%02d", item))
		}
		var list struct {
			RequestID string `json:"request_id"`
			Items     []struct {
				ID string `json:"id"`
			} `json:"items"`
		}
		answer := s.want(t, http.StatusOK, http.MethodGet,
			fmt.Sprintf("/v1/users/u%d/recommendations?n=%d&exclude=%s", user, len(theta), strings.Join(without, ",")), "")
		if err := json.Unmarshal([]byte(answer), &list); err != nil || list.RequestID == "" || len(list.Items) != len(theta) {
			t.Fatalf("%v in %s", err, answer)
		}
		for k, item := range list.Items {
			var i int
			if _, err := fmt.Sscanf(item.ID, "i%d", &i); err != nil {
				t.Fatal(err)
			}
			if rng.Float64() < theta[k]*wanted(user, i) {
				clicks = append(clicks, fmt.Sprintf(`{"user":"u%d","item":%q,"kind":"click","request_id":%q,"position":%d}`, user, item.ID, list.RequestID, k+1))
			}
		}
	}
	for some := range slices.Chunk(clicks, 200) { // afterwards: what was clicked is not shown again
		s.want(t, http.StatusAccepted, http.MethodPost, "/v1/events/batch", `{"events":[`+strings.Join(some, ",")+`]}`)
	}
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{"all_pairs", "regression_em"} {
		expectPositions(t, dir, method, theta, lists)
	}
	configure("signals: {debias: {estimate: regression_em}}\n")
	if out := succeed(t, "evaluate", "positions", "--dir", dir).out; !strings.Contains(out, "by regression_em") || !strings.Contains(out, "LOOKED AT") {
		t.Errorf("printed:\n%s", out)
	}
	if out := succeed(t, "train", "--dir", dir).out; !strings.Contains(out, "LOOKED AT") {
		t.Errorf("training by the estimate printed:\n%s", out)
	}
}

func expectPositions(t *testing.T, dir, method string, theta []float64, lists int) {
	t.Helper()
	var found struct {
		Estimator      string
		Theta          []float64
		StdErr         []float64 `json:"std_err"`
		Shown, Clicked []int
	}
	out := succeed(t, "evaluate", "positions", "--dir", dir, "--estimator", method, "--json").out
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if found.Estimator != method || len(found.Theta) != len(theta) {
		t.Fatalf("%s: %s", method, out)
	}
	for k := range theta {
		t.Logf("%s, place %d: %.3f ± %.3f, planted %.3f", method, k+1, found.Theta[k], found.StdErr[k], theta[k])
		if off := math.Abs(found.Theta[k] - theta[k]); off > .06 || k > 0 && off > 5*found.StdErr[k] {
			t.Errorf("%s, place %d: %.3f ± %.3f, planted %.3f", method, k+1, found.Theta[k], found.StdErr[k], theta[k])
		}
		if found.Shown[k] != lists || found.Clicked[k] == 0 {
			t.Errorf("%s, place %d: %d clicks in %d lists of %d", method, k+1, found.Clicked[k], found.Shown[k], lists)
		}
	}
}
