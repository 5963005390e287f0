package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEvaluateNext judges on sessions in every layout: they go round ten items
// in order, so the next is the only one that never came right before.
func TestEvaluateNext(t *testing.T) {
	item := func(s, k int) string { return fmt.Sprint("i", (s+k)%10) }
	sequence := func(s int) string {
		text := fmt.Sprint("s", s)
		for k := range 4 {
			text += " " + item(s, k)
		}
		return text
	}
	rows := func(s int) string {
		var text strings.Builder
		for k := range 4 {
			fmt.Fprintf(&text, "s%d,%s,2026-01-01T00:%02d:%02dZ\n", s, item(s, k), s%60, k)
		}
		return strings.TrimSuffix(text.String(), "\n")
	}
	object := func(s int) string {
		return fmt.Sprintf(`{"session":"s%d","items":[%q,%q,%q,%q]}`, s, item(s, 0), item(s, 1), item(s, 2), item(s, 3))
	}
	strangers := func(line func(int) string) func(int) string { return func(s int) string { return line(s + 100) } }
	lists := filepath.Join(t.TempDir(), "lists.tsv")
	for name, c := range map[string]struct {
		args  []string
		cases int
	}{
		"sequences": {[]string{"--train", writeFile(t, "train.txt", 50, sequence), "--test", writeFile(t, "test.txt", 20, strangers(sequence)), "--layout", "sequence"}, 20},
		"objects, every beginning": {[]string{
			"--train", writeFile(t, "train.jsonl", 50, object), "--test", writeFile(t, "test.jsonl", 20, strangers(object)), "--prefixes", "all",
		}, 60},
		"one file, last out": {[]string{"--data", writeFile(t, "all.txt", 50, sequence), "--layout", "sequence"}, 50},
		"rows, last sessions": {[]string{"--data", writeFile(t, "rows.csv", 50, func(s int) string {
			if s == 0 {
				return "session_id,item_id,timestamp\n" + rows(s)
			}
			return rows(s)
		}), "--split", "sessions", "--prefixes", "all", "--repeats", "allow"}, 15},
	} {
		t.Run(name, func(t *testing.T) {
			r := evaluateJSON(t, append([]string{"next", "--model", "itemknn", "--lists", lists}, c.args...)...)
			if len(r.Test) != 1 || r.Test[0].Metrics.Users != c.cases {
				t.Fatalf("judged on %+v, want %d beginnings", r.Test, c.cases)
			}
			if got := r.Test[0].Metrics.Estimates["mrr@10"].Mean; got < 0.2 {
				t.Errorf("MRR@10 is %g", got)
			}
			text, err := os.ReadFile(lists)
			if err != nil || strings.Count(string(text), "\n") != c.cases || !strings.HasPrefix(string(text), "s") {
				t.Errorf("lists: %v, %.80q", err, text)
			}
		})
	}
	said := succeed(t, "evaluate", "next", "--data", writeFile(t, "all.txt", 50, sequence), "--layout", "sequence", "--model", "popular", "--k", "10")
	for _, want := range []string{"50 beginnings of sequences", "HIT_RATE@10", "MRR@10", " ± "} {
		if !strings.Contains(said.out, want) {
			t.Errorf("the table lacks %q:\n%s", want, said.out)
		}
	}
}

// TestEvaluateProtocols runs the other protocols of ranking on one small file.
func TestEvaluateProtocols(t *testing.T) {
	data := writeFile(t, "data.txt", 40, func(u int) string {
		text := fmt.Sprint("u", u)
		for k := range 8 {
			text += fmt.Sprint(" i", (u+k)%20)
		}
		return text
	})
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"folds by users":   {[]string{"--data", data, "--layout", "sequence", "--folds", "4", "--fold-by", "users", "--model", "popular"}, "4 folds by users"},
		"a random quarter": {[]string{"--data", data, "--layout", "sequence", "--split", "random", "--test-share", ".25", "--model", "popular"}, "test, 40 users"},
		"given negatives": {[]string{
			"--train", data, "--test", writeFile(t, "test.txt", 40, func(u int) string { return fmt.Sprintf("u%d i%d", u, (u+9)%20) }),
			"--negatives", writeFile(t, "negatives.txt", 40, func(u int) string { return fmt.Sprintf("(u%d,i%d) i%d i%d", u, (u+9)%20, (u+10)%20, (u+11)%20) }),
			"--model", "popular",
		}, "SAMPLED_NDCG@20"},
	} {
		t.Run(name, func(t *testing.T) {
			if said := succeed(t, append([]string{"evaluate"}, c.args...)...); !strings.Contains(said.out, c.want) {
				t.Errorf("the output lacks %q:\n%s", c.want, said.out)
			}
		})
	}
	for name, args := range map[string][]string{
		"folds of the store": {"evaluate", "--folds", "3"},
		"a cut that is none": {"evaluate", "--cut", "last month", "--dir", t.TempDir()},
	} {
		if r := kindredRun(t, args...); r.code != exitUsage {
			t.Errorf("%s: exit %d, %s", name, r.code, r.err)
		}
	}
}
