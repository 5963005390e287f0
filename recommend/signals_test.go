package recommend_test

import (
	"encoding/json"
	"testing"

	"kindred"
	"kindred/dataset"
	"kindred/recommend"
	"kindred/registry"
)

// TestSignalsOfTheLiveModel expects histories to be weighed as the training of
// the live model weighed them, whatever is configured, from the moment of a
// promotion on, and as configured where it is not known.
func TestSignalsOfTheLiveModel(t *testing.T) {
	w := kitchen(t)
	plain := w.fit(smallIALS(1))
	long := w.weights
	long.Signals = map[kindred.Kind]dataset.Signal{kindred.View: {From: dataset.DwellReading, Min: new(10.), Missing: new(1.)}}
	text, err := json.Marshal(long)
	must(t, err)
	x := w.interactions()
	learned, err := smallIALS(1).Fit(t.Context(), x, nil)
	must(t, err)
	v, err := w.models.Register(t.Context(), kindred.ModelVersion{Kind: "ials", CreatedAt: moment, Signals: text}, x, learned)
	must(t, err)
	glance := w.event("glancer", kindred.View, "pot", 1)
	glance.Context = []byte(`{"dwell_seconds":2}`)
	w.happen(glance)

	w.promote(registry.Live{registry.Personal: plain})
	svc := w.serve()
	known := func() int {
		return ask(t, svc, recommend.Request{User: "glancer", N: 3, Explain: true}).Trace.History
	}
	if got := known(); got != 1 {
		t.Errorf("as configured, %d items of the history count, want 1", got)
	}
	for version, want := range map[string]int{v.Version: 0, plain: 1} {
		w.promote(registry.Live{registry.Personal: version})
		must(t, svc.Reload(t.Context()))
		if got := known(); got != want {
			t.Errorf("with %s live, %d items of the history count, want %d", version, got, want)
		}
	}
}

// TestWeighing expects a model to be asked with the confidences that it learned
// from: a history of training gets the scores of training.
func TestWeighing(t *testing.T) {
	w := kitchen(t)
	w.weights.Confidence = dataset.Confidence{Scheme: dataset.BM25Scheme, K1: 2, B: .5}
	w.weights.Debias.Popularity = .5
	algorithm := smallIALS(1)
	algorithm.WeightPower = 1
	version := w.fit(algorithm)
	w.promote(registry.Live{registry.Personal: version})
	loaded, err := w.models.Load(version)
	must(t, err)
	x := w.interactions()
	u, _ := x.Users.Index("cook1")
	scores := make([]float32, x.Items.Len())
	loaded.Learned.Score(scores, x.History(int(u)))
	w.happen(w.event("cook1", kindred.Impression, "cup", 1)) // teaches nothing
	answer := ask(t, w.serve(), recommend.Request{User: "cook1", N: 3})
	if len(answer.Items) != 3 {
		t.Fatalf("%+v", answer.Items)
	}
	for _, item := range answer.Items {
		i, _ := x.Items.Index(string(item.ID))
		if off := item.Score - float64(scores[i]); off > 1e-5 || off < -1e-5 {
			t.Errorf("%s scores %v, in training %v", item.ID, item.Score, scores[i])
		}
	}
}
