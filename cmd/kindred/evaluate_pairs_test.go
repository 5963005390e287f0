package main

import (
	"fmt"
	"strings"
	"testing"
)

// TestEvaluateFilesBySignals expects files to be weighed as what is stored is:
// an item seen by few at the bottom of lists is wanted more than one that more
// clicked on top.
func TestEvaluateFilesBySignals(t *testing.T) {
	rows := writeFile(t, "train.csv", 31, func(n int) string {
		switch {
		case n == 0:
			return "user,item,position,propensity"
		case n <= 20:
			return fmt.Sprintf("u%d,top,1,1", n)
		default:
			return fmt.Sprintf("u%d,bottom,3,0.2", n)
		}
	})
	test := writeFile(t, "test.csv", 11, func(n int) string { // half of them know neither
		return []string{"user,item", "u1,bottom", "u2,bottom", "u3,bottom", "u4,bottom", "u5,bottom", "u30,top", "s1,bottom", "s2,bottom", "s3,bottom", "s4,bottom"}[n]
	})
	yaml := func(text string) string { return writeFile(t, "kindred.yaml", 1, func(int) string { return text }) }
	files := []string{"--train", rows, "--test", test, "--model", "popular", "--metric", "mrr@10"}
	for name, c := range map[string]struct {
		signals string
		mrr     float64
	}{
		"as they are":  {"", 0.8},
		"logged":       {"signals: {debias: {logged: true}}", 1},
		"by a curve":   {"signals: {debias: {curve: [1, 0.5, 0.25]}}", 1},
		"clipped":      {"signals: {debias: {logged: true, clip: 1.5}}", 0.8},
		"all the same": {"signals: {kinds: {view: {grade: log}}}", 0.8},
	} {
		args := append([]string{}, files...)
		if c.signals != "" {
			args = append(args, "--signals", yaml(c.signals))
		}
		if got := evaluateJSON(t, args...).Test[0].Metrics.Estimates["mrr@10"].Mean; got != c.mrr {
			t.Errorf("%s: MRR %g, want %g", name, got, c.mrr)
		}
		if r := evaluateJSON(t, append([]string{"next"}, args...)...); r.Test[0].Metrics.Users != 6 {
			t.Errorf("%s: %d users are asked what comes next", name, r.Test[0].Metrics.Users)
		}
	}
	for signals, word := range map[string]string{
		"signals: {debias: {estimate: all_pairs}}": "curve",
		"half_life: 24h": "half_life",
		"signals: {kinds: {view: {from: dwell, min: 3}}}":    "value",
		"signals: {kinds: {view: {min: 9, below: dislike}}}": "value",
		"signal: {}": "does not read",
	} {
		if r := kindredRun(t, append([]string{"evaluate", "--signals", yaml(signals)}, files...)...); r.code == 0 || !strings.Contains(r.err, word) {
			t.Errorf("%s: %d, %s", signals, r.code, r.err)
		}
	}
}
