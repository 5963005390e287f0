package clean

import (
	"os"
	"strings"
	"testing"
	"time"
)

func lines(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// TestAgents knows crawlers, and takes nobody's browser, app or server for
// one: not CUBOT phones, nor the libraries that deliver events.
func TestAgents(t *testing.T) {
	a, err := newAgents()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // anew, and remembered
		for _, agent := range lines(t, "testdata/crawlers.txt") {
			if !a.isCrawler(agent) {
				t.Errorf("not known: %s", agent)
			}
		}
		for _, agent := range append(lines(t, "testdata/people.txt"), "") {
			if a.isCrawler(agent) {
				t.Errorf("taken for a crawler: %s", agent)
			}
		}
	}
}

func TestSaid(t *testing.T) {
	for text, want := range map[string]said{
		``:                       {},
		`{"page":"home"}`:        {},
		`{"user_agent":"x"}`:     {agent: "x"},
		`{"user_agent":7}`:       {},
		`{"user_agent":"x`:       {},
		`{"dwell_seconds":1.5}`:  {dwell: 1500 * time.Millisecond, hasDwell: true},
		`{"dwell_seconds":"1"}`:  {},
		`{"dwell_seconds":-1}`:   {hasDwell: true},
		`{"dwell_seconds":1e99}`: {dwell: 1e6 * time.Second, hasDwell: true},
		`{"user_agent":"a","x":{"dwell_seconds":2},"dwell_seconds":3}`: {agent: "a", dwell: 3 * time.Second, hasDwell: true},
	} {
		if got := saidOf([]byte(text)); got != want {
			t.Errorf("%s says %+v, want %+v", text, got, want)
		}
	}
}

func BenchmarkAgent(b *testing.B) {
	a, err := newAgents()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		clear(a.known)
		a.isCrawler("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/118.0.0.0 Safari/537.36 Edg/118.0")
	}
}
