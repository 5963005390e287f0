package ingest_test

import (
	"fmt"
	"log/slog"
	"testing"

	"kindred"
	"kindred/ingest"
	"kindred/internal/metric"
)

// BenchmarkReject refuses events one by one in batches, and keeps them.
func BenchmarkReject(b *testing.B) {
	db := openStore(b)
	rejections := ingest.NewRejections(db, metric.New(), slog.New(slog.DiscardHandler))
	service := ingest.New(ingest.Config{Rejections: rejections}, db)
	events := make([]kindred.Event, 1000)
	for i := range events {
		events[i] = kindred.Event{User: kindred.UserID(fmt.Sprint("u", i)), Item: "i", Kind: "loan", Value: 1}
	}
	for b.Loop() {
		if _, err := service.Accept(b.Context(), events); err != nil {
			b.Fatal(err)
		}
		rejections.Flush(b.Context())
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(events)), "ns/event")
}
