package model_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"kindred"
	"kindred/dataset"
	"kindred/linalg"
	"kindred/model"
)

// tastes returns users and items of four groups, each described by its group
// only: users like the items of theirs. The last of the users did nothing, and
// nobody met the last of the items.
func tastes(users, items int) *dataset.Interactions {
	rows := make([][]int32, users)
	people, things := make([]kindred.Attributes, users), make([]kindred.Attributes, items)
	for u := range rows {
		people[u] = kindred.Attributes{"club": kindred.StringOf(fmt.Sprint(u % 4))}
		for i := u % 4; i < items-4 && u < users-4; i += 4 {
			if (u/4+i/4)%3 > 0 {
				rows[u] = append(rows[u], int32(i))
			}
		}
	}
	for i := range things {
		things[i] = kindred.Attributes{"kind": kindred.SetOf(fmt.Sprint(i%4), "all")}
	}
	data := interactions(items, rows...)
	data.ItemFeatures, data.UserFeatures = dataset.Describe(things), dataset.Describe(people)
	return data
}

func featureFactors(t *testing.T, settings string, data *dataset.Interactions) *model.FeatureFactors {
	t.Helper()
	a, err := model.FromJSON("featureals", []byte(settings))
	if err != nil {
		t.Fatal(err)
	}
	learned, ok := fit(t, a, data).(*model.FeatureFactors)
	if !ok {
		t.Fatal("not factors with features")
	}
	return learned
}

// TestUnseenHaveVectors expects items nobody met and users without a history to
// find each other by their attributes.
func TestUnseenHaveVectors(t *testing.T) {
	const users, items = 60, 40
	data := tastes(users, items)
	m := featureFactors(t, `{"factors": 8, "alpha": 1}`, data)
	for u := users - 8; u < users; u++ {
		scores := scoresOf(m, data.History(u))
		for i := range scores {
			if near := scores[i] > .22; near != (i%4 == u%4) {
				t.Errorf("user %d, item %d: %v", u, i, scores[i])
			}
		}
	}
}

// TestFeatureALSStopsEarly expects the weights of an epoch before the last.
func TestFeatureALSStopsEarly(t *testing.T) {
	data, epochs := tastes(60, 40), 0
	a := model.NewFeatureALS()
	a.Factors, a.Alpha, a.Epochs, a.Patience = 8, 1, 50, 2
	m, err := a.Fit(t.Context(), data, func(model.Progress) { epochs++ })
	if err != nil {
		t.Fatal(err)
	}
	if epochs >= 50 {
		t.Errorf("%d epochs", epochs)
	}
	for u := range 40 {
		if best := bestUnseen(scoresOf(m, data.History(u)), data.History(u)); best%4 != u%4 {
			t.Errorf("user %d: item %d first", u, best)
		}
	}
}

// TestWithoutFeaturesItIsIALS expects, where there are no features, vectors of
// the average user for a stranger, and much of what iALS says to the others.
func TestWithoutFeaturesItIsIALS(t *testing.T) {
	data := clusters(200, 60, 4, 1)
	data.ItemFeatures = nil
	m := featureFactors(t, `{"factors": 8, "alpha": 1}`, data)
	ials, err := model.FromJSON("ials", []byte(`{"factors": 8, "alpha": 1, "lambda": 0.01}`))
	if err != nil {
		t.Fatal(err)
	}
	plain, same := fit(t, ials, data), 0
	for u := range 200 {
		a, b := topUnseen(m, data.History(u), 5), topUnseen(plain, data.History(u), 5)
		for _, i := range a {
			if slices.Contains(b, i) {
				same++
			}
		}
	}
	if same < 700 {
		t.Errorf("of the first five of 200 users %d are those of iALS", same)
	}
	sum := 0.0
	for _, score := range scoresOf(m, dataset.History{}) {
		sum += float64(score)
	}
	if sum < 1 {
		t.Errorf("a stranger's scores sum to %v", sum)
	}
}

// TestFoldInWithPrior compares the vector of a history and features with the
// minimum of what it is said to minimise, found by small steps.
func TestFoldInWithPrior(t *testing.T) {
	data := tastes(60, 40)
	m := featureFactors(t, `{"factors": 4, "alpha": 2, "lambda": 0.1, "nu": 0}`, data)
	vectors, d := m.ItemVectors()
	history := data.History(3)
	history.Items, history.Weights = history.Items[:2], history.Weights[:2]
	got := m.UserVector(nil, history)
	expected := m.UserVector(nil, dataset.History{Features: history.Features, FeatureValues: history.FeatureValues})
	unobserved := 2 * float64(data.ByUser.NNZ()) / float64(60*40)
	loss := func(x []float32) (sum float64) {
		for i := range 36 { // nobody turned the last four down
			score := float64(linalg.Dot(x, vectors[i*d:(i+1)*d]))
			sum += unobserved * score * score
			if slices.Contains(history.Items, int32(i)) {
				sum += (score - 1) * (score - 1)
			}
		}
		for f := range x {
			sum += .1 * math.Pow(float64(x[f]-expected[f]), 2)
		}
		return sum
	}
	best := loss(got)
	for f := range got {
		for _, step := range []float32{-1e-2, 1e-2} {
			other := slices.Clone(got)
			other[f] += step
			if loss(other) < best {
				t.Errorf("moving element %d by %v makes %v of %v", f, step, loss(other), best)
			}
		}
	}
}
