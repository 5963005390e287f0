//go:build amd64 && !purego

package linalg

import (
	"testing"
	"time"
)

// peakGFLOPS measures what one core can do at most: independent FMAs on
// registers, best of several runs.
func peakGFLOPS() float64 {
	const rounds = 1 << 20
	best := 0.0
	for range 10 {
		start := time.Now() //nolint:forbidigo // A benchmark is about the clock.
		flops := 0.0
		switch {
		case hasAVX512():
			peakAVX512(rounds)
			flops = rounds * 16 * 16 * 2
		case hasAVX2():
			peakAVX2(rounds)
			flops = rounds * 12 * 8 * 2
		}
		best = max(best, flops/float64(time.Since(start).Nanoseconds())) //nolint:forbidigo // As above.
	}
	return best
}

func BenchmarkPeak(b *testing.B) {
	best := 0.0
	for b.Loop() {
		best = max(best, peakGFLOPS())
	}
	b.ReportMetric(best, "GFLOP/s")
}
