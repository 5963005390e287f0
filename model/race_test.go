//go:build race

package model_test

// raceDetector says that pools forget on purpose, so allocations prove nothing.
const raceDetector = true
