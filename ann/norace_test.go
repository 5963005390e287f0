//go:build !race

package ann

// raceDetector says that pools forget on purpose, so allocations prove nothing.
const raceDetector = false
