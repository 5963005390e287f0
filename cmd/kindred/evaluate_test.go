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

// evaluated is what the test reads of `evaluate --json`.
type evaluated struct {
	Users, Items int
	Validation   []judged
	Test         []judged
}

type judged struct {
	Kind     string
	Settings map[string]any
	Metrics  struct {
		Users     int
		Estimates map[string]struct{ Mean float64 }
	}
}

// TestEvaluateFiles judges on files in every layout: users of four groups, who
// each know six of their group's ten items; the test has two more.
func TestEvaluateFiles(t *testing.T) {
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(1, 1))
	var train, test, triples, triplesTest, inter, interTest, sequences strings.Builder
	for _, file := range []*strings.Builder{&inter, &interTest} {
		file.WriteString("user_id:token\titem_id:token\ttimestamp:float\n")
	}
	for u := range 200 {
		items := rng.Perm(10)[:8]
		name := func(k int) string { return fmt.Sprint("i", u%4*10+items[k]) }
		fmt.Fprintf(&sequences, "u%d", u)
		for k := range 8 {
			lists, pairs, atoms := &train, &triples, &inter
			if k >= 6 {
				lists, pairs, atoms = &test, &triplesTest, &interTest
			}
			if k == 0 || k == 6 {
				fmt.Fprintf(lists, "u%d", u)
			}
			fmt.Fprintf(lists, " %s", name(k))
			fmt.Fprintf(pairs, "u%d,%s,5,%d\n", u, name(k), 100+k)
			fmt.Fprintf(atoms, "u%d\t%s\t%d\n", u, name(k), 100+k)
			fmt.Fprintf(&sequences, " %s", name(k))
		}
		train.WriteString("\n")
		sequences.WriteString("\n")
		test.WriteString("\n")
	}
	write := func(name string, text *strings.Builder) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	lists := filepath.Join(dir, "lists.tsv")
	for name, args := range map[string][]string{
		"adjacency": {"--train", write("train.txt", &train), "--test", write("test.txt", &test)},
		"triples":   {"--train", write("train.csv", &triples), "--test", write("test.csv", &triplesTest)},
		"recbole":   {"--train", write("train.inter", &inter), "--test", write("test.inter", &interTest)},
		"sequence":  {"--data", write("all.txt", &sequences), "--layout", "sequence", "--split", "leave-last-out"},
		"random":    {"--data", write("again.txt", &sequences), "--layout", "sequence", "--split", "random"},
	} {
		t.Run(name, func(t *testing.T) {
			r := evaluateJSON(t, append(args, "--model", "itemknn", "--lists", lists)...)
			if r.Users != 200 || r.Items != 40 || len(r.Test) != 1 {
				t.Fatalf("%d users, %d items, %d rows", r.Users, r.Items, len(r.Test))
			}
			// The items of the group that a user does not know come first, in any
			// order: two of four are tested, or one of the two or three left.
			want := 0.6
			if name == "sequence" || name == "random" {
				want = 0.4
			}
			if got := r.Test[0].Metrics.Estimates["mrr@10"].Mean; got < want {
				t.Errorf("MRR@10 is %g, want at least %g", got, want)
			}
			checkLists(t, lists, r.Test[0].Metrics.Users)
		})
	}
}

// TestEvaluateChooses gives two settings of a kind and no validation file:
// part of the training data must choose, and the test see the chosen one only.
func TestEvaluateChooses(t *testing.T) {
	lines := func(from, to int) func(int) string {
		return func(u int) string {
			text := fmt.Sprint("u", u)
			for k := from; k < to; k++ {
				text += fmt.Sprint(" i", u%4*10+(u/4+k)%10)
			}
			return text
		}
	}
	r := evaluateJSON(t, "--train", writeFile(t, "train.txt", 100, lines(0, 6)), "--test", writeFile(t, "test.txt", 100, lines(6, 8)),
		"--model", "ials:factors=8,epochs=5", "--model", "ials:factors=8,epochs=5,lambda=1000", "--model", "popular")
	if len(r.Validation) != 3 || len(r.Test) != 2 || r.Test[0].Kind != "ials" {
		t.Fatalf("%d candidates validated, %d tested", len(r.Validation), len(r.Test))
	}
	if got := r.Test[0].Settings["lambda"]; got == 1000.0 {
		t.Errorf("chosen lambda %v, which forgets everything", got)
	}
}

func evaluateJSON(t *testing.T, args ...string) evaluated {
	t.Helper()
	said := succeed(t, append([]string{"evaluate", "--json", "--quiet"}, args...)...)
	var r evaluated
	if err := json.Unmarshal([]byte(said.out), &r); err != nil {
		t.Fatalf("%v in %s", err, said.out)
	}
	return r
}

// checkLists expects a line a test user: the user, then items, each once.
func checkLists(t *testing.T, path string, users int) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(rows) != users {
		t.Errorf("%d lists for %d users", len(rows), users)
	}
	for _, row := range rows {
		cells, seen := strings.Split(row, "\t"), map[string]bool{}
		for _, cell := range cells[1:] {
			if seen[cell] {
				t.Fatalf("%s is listed twice in %s", cell, row)
			}
			seen[cell] = true
		}
		if len(seen) < 20 {
			t.Fatalf("only %d items in %s", len(seen), row)
		}
	}
}

// TestEvaluateCut judges what is stored on what came from a moment on: 20 of
// 40 users go on to the item of their group that they do not know, at that very
// moment or later, 5 others return to what they know, and one is new.
func TestEvaluateCut(t *testing.T) {
	dir, rows := filepath.Join(t.TempDir(), "state"), strings.Builder{}
	add := func(user, group, item int, day string) {
		fmt.Fprintf(&rows, `{"user":"u%d","item":"i%d","kind":"purchase","time":"%s","value":2,"context":{"price":%d}}`+"\n", user, 10*group+item, day, 1+item)
	}
	for u := range 40 {
		for k := range 5 {
			add(u, u%4, (u/4+k)%6, fmt.Sprintf("2026-01-%02dT12:00:00Z", 1+k))
		}
		switch {
		case u < 10:
			add(u, u%4, (u/4+5)%6, "2026-02-01T00:00:00Z")
		case u < 20:
			add(u, u%4, (u/4+5)%6, "2026-02-05T00:00:00Z")
		case u < 25:
			add(u, u%4, u/4%6, "2026-02-06T00:00:00Z")
		}
	}
	add(99, 0, 0, "2026-02-07T00:00:00Z")
	path := filepath.Join(t.TempDir(), "purchases.jsonl")
	if err := os.WriteFile(path, []byte(rows.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	succeed(t, "import", "jsonl", path, "--dir", dir)
	for name, c := range map[string]struct {
		args  []string
		cases int
	}{
		"a day":     {[]string{"--cut", "2026-02-01"}, 20},
		"a moment":  {[]string{"--cut", "2026-02-01T00:00:01Z"}, 10},
		"repeats":   {[]string{"--cut", "2026-02-01", "--repeats", "allow"}, 25},
		"no repeat": {[]string{"--cut", "2026-02-01", "--repeats", "hide"}, 20},
	} {
		t.Run(name, func(t *testing.T) {
			said := succeed(t, append([]string{"evaluate", "--json", "--quiet", "--dir", dir, "--k", "1", "--metric", "recall@1", "--model", "itemknn"}, c.args...)...)
			var r struct {
				Cut       time.Time
				Cases     int
				ColdUsers int `json:"cold_users"`
				Judged    []judged
			}
			if err := json.Unmarshal([]byte(said.out), &r); err != nil {
				t.Fatal(err)
			}
			if r.Cases != c.cases || r.ColdUsers != 1 || !strings.HasPrefix(r.Cut.Format(time.RFC3339), "2026-02-01T00:00:0") {
				t.Fatalf("%d cases and %d new users from %v on", r.Cases, r.ColdUsers, r.Cut)
			}
			if c.cases == 25 {
				return
			}
			best := r.Judged[0]
			recall, revenue := best.Metrics.Estimates["recall@1"].Mean, best.Metrics.Estimates["revenue@1"].Mean
			if best.Kind != "itemknn" || recall < 0.7 || revenue < 2*recall {
				t.Errorf("%s has recall@1 %g and revenue@1 %g", best.Kind, recall, revenue)
			}
		})
	}
	if said := kindredRun(t, "evaluate", "--dir", dir, "--cut", "2027-01-01"); said.code == 0 || !strings.Contains(said.err, "choose another moment") {
		t.Errorf("a cut after all: exit code %d\n%s", said.code, said.err)
	}
}
