//go:build !amd64 || purego

package linalg

// peakGFLOPS is not known without assembly.
func peakGFLOPS() float64 { return 0 }
