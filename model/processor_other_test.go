//go:build !unix

package model_test

// processorSeconds is not known here.
func processorSeconds() float64 { return 0 }
