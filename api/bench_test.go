package api

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"

	"kindred"
	"kindred/dataset"
	"kindred/ingest"
	"kindred/model"
	"kindred/recommend"
	"kindred/registry"
	"kindred/store"
)

// nowhere is a ResponseWriter that keeps nothing.
type nowhere struct{ header http.Header }

func (w *nowhere) Header() http.Header         { return w.header }
func (w *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (w *nowhere) WriteHeader(int)             {}

// BenchmarkRecommendationRequest is a whole recommendation, but for the
// network: the door with the small models, which is all that the door adds,
// and a catalogue and a model of a usual size.
func BenchmarkRecommendationRequest(b *testing.B) {
	for _, items := range []int{0, 41_000} {
		b.Run(fmt.Sprintf("items=%d", items), func(b *testing.B) {
			d := newDoor(b, func(_ *Config, deps *Deps) {
				deps.Logger = slog.New(slog.DiscardHandler)
				if items > 0 {
					serveLargeModel(b, deps, items)
				}
			})
			for i := range 20 {
				event := fmt.Sprintf(`{"user":"u42","item":"product-%d","kind":"view"}`, i*i)
				if w := d.ask("POST", "/v1/events", ScopeWrite, event); w.Code != http.StatusAccepted {
					b.Fatal(w.Body)
				}
			}
			r := httptest.NewRequest(http.MethodGet, "http://localhost/v1/users/u42/recommendations?n=10&exclude=a,b", http.NoBody) //nolint:noctx // httptest gives one
			r.Header.Set("Authorization", "Bearer "+d.keys[ScopeRead])
			b.ReportAllocs()
			for b.Loop() {
				d.ServeHTTP(&nowhere{http.Header{}}, r)
			}
		})
	}
}

// serveLargeModel makes a model of random purchases answer.
func serveLargeModel(b *testing.B, deps *Deps, items int) {
	b.Helper()
	builder := dataset.NewBuilder(dataset.Defaults())
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 4 * items {
		builder.Add(&kindred.Event{
			User: kindred.UserID(fmt.Sprint("u", i/20)), Item: kindred.ItemID(fmt.Sprint("product-", random.IntN(items))),
			Kind: kindred.Purchase, Value: 1, Time: exampleTime(),
		})
	}
	data, err := builder.Build(testNow)
	must(b, err)
	learned, err := (&model.IALS{Factors: 64, Epochs: 1, Lambda: 0.01, Alpha: 1, Nu: 1, InitScale: 0.1}).Fit(b.Context(), data, nil)
	must(b, err)
	reg, err := registry.Open(b.TempDir())
	must(b, err)
	version, err := reg.Register(b.Context(), kindred.ModelVersion{Kind: "ials", CreatedAt: exampleTime()}, data, learned)
	must(b, err)
	must(b, reg.Promote(b.Context(), registry.Live{registry.Personal: version.Version}))
	db, ok := deps.Counts.(*store.DB)
	if !ok {
		b.Fatal("the door's store is not the store")
	}
	live, err := recommend.New(b.Context(), recommend.Config{Now: deps.Now}, db, reg)
	must(b, err)
	deps.Recommender, deps.Live, deps.Models = live, live, reg
	deps.Events = ingest.New(ingest.Config{Now: deps.Now}, db, live, deps.Activity)
}
