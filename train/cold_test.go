package train

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"kindred"
)

// coldClusters are users who each keep to one of five groups of items; items
// and users are described by their group.
func coldClusters(t *testing.T) (*Cold, ColdSettings) {
	t.Helper()
	x, dice := NewCold(), rand.New(rand.NewPCG(5, 5))
	var items []*kindred.Item
	var users []*kindred.User
	for i := range 200 {
		items = append(items, &kindred.Item{ID: kindred.ItemID(fmt.Sprint(i)), Attributes: kindred.Attributes{
			"group": kindred.StringOf(fmt.Sprint("g", i%5)), "year": kindred.NumberOf(float64(dice.IntN(50))),
		}})
	}
	for u := range 150 {
		users = append(users, &kindred.User{ID: kindred.UserID(fmt.Sprint(u)), Attributes: kindred.Attributes{"club": kindred.StringOf(fmt.Sprint("c", u%5))}})
		for range 30 {
			x.Add(fmt.Sprint(u), fmt.Sprint(dice.IntN(40)*5+u%5), int64(dice.IntN(1000)))
		}
	}
	x.Describe(items, users)
	s := ColdSettings{Metric: "ndcg@10", Ks: []int{10}, ItemsShare: .2, UsersShare: .2, NewestBy: "year", Seed: 1}
	for _, text := range []string{"content", "featureals:factors=8"} {
		c, err := ParseCandidate(text, 1)
		if err != nil {
			t.Fatal(err)
		}
		s.Candidates = append(s.Candidates, c)
	}
	return x, s
}

// TestCold expects what was hidden to be found by attributes, and baselines to
// know nothing.
func TestCold(t *testing.T) {
	x, s := coldClusters(t)
	r, err := x.Judge(t.Context(), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	ndcg := func(table *ColdTable, kind string) float64 {
		for _, j := range table.Test {
			if j.Kind == kind {
				return j.Metrics.Estimates["ndcg@10"].Mean
			}
		}
		t.Fatalf("no row %s", kind)
		return 0
	}
	if r.Items.Hidden != 40 || r.Items.Baseline != "newest" || r.Users.Hidden != 30 || r.Users.Baseline != "popular" {
		t.Errorf("items %+v, users %+v", r.Items, r.Users)
	}
	for _, kind := range []string{"content", "featureals"} {
		if got := ndcg(r.Items, kind); got < 2.5*ndcg(r.Items, "random") || got < 2.5*ndcg(r.Items, "newest") {
			t.Errorf("hidden items: %s %.3f, random %.3f, newest %.3f", kind, got, ndcg(r.Items, "random"), ndcg(r.Items, "newest"))
		}
	}
	if got := ndcg(r.Users, "featureals"); got < 2.5*ndcg(r.Users, "popular") {
		t.Errorf("hidden users: %.3f, popular %.3f", got, ndcg(r.Users, "popular"))
	}
	if best := r.Items.Test[0]; best.Better.Mean < 3*best.Better.StdErr {
		t.Errorf("%s is better than newest-first by %+v", best.Kind, best.Better)
	}
}

// TestColdChoosesOnValidation expects the settings that do well where they are
// chosen, though others stand first.
func TestColdChoosesOnValidation(t *testing.T) {
	x, s := coldClusters(t)
	bad, err := ParseCandidate("featureals:factors=1,epochs=1,lambda=1000", 1)
	if err != nil {
		t.Fatal(err)
	}
	good := s.Candidates[1]
	s.Candidates, s.UsersShare = []Candidate{bad, good}, 0
	r, err := x.Judge(t.Context(), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Items.Validation) != 2 || string(r.Items.Validation[0].Settings) != string(good.Settings()) {
		t.Errorf("validation: %+v", r.Items.Validation)
	}
	for _, j := range r.Items.Test {
		if j.Kind == "featureals" && string(j.Settings) != string(good.Settings()) {
			t.Errorf("chosen: %s", j.Settings)
		}
	}
	s.ItemsShare = .7
	if _, err := x.Judge(t.Context(), s, nil); kindred.KindOf(err) != kindred.Invalid {
		t.Errorf("hiding most: %v", err)
	}
}
