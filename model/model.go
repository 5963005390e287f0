// Package model holds the algorithms, one file each, and the few shapes in
// which they keep what they learned. Settings are a struct with a Fit method;
// Fit returns a new, immutable value, so "not fitted yet" cannot be written
// and serving needs no lock. The package does no I/O beyond the io.Reader and
// io.Writer it is handed, and takes its seed as a setting: the same data,
// settings and seed give the same bytes on any number of cores.
package model

import (
	"context"
	"io"

	"kindred/dataset"
)

// Algorithm is the settings of one algorithm. Its JSON form is what
// configuration and lineage hold.
type Algorithm interface {
	// Kind is the algorithm's name in configuration: "ials".
	Kind() string
	// Validate reports every setting out of range, by name.
	Validate() error
	// Fit learns from data. When ctx ends it returns ctx.Err(). progress may
	// be nil; it is called from one goroutine.
	Fit(ctx context.Context, data *dataset.Interactions, progress func(Progress)) (Learned, error)
}

// Progress is told after each epoch, or pass, of a fit.
type Progress struct {
	Epoch, Epochs int
	// Loss holds the terms of the objective apart, by name; nil when the
	// algorithm has none or the epoch did not compute it.
	Loss map[string]float64
}

// Learned is an immutable learned shape. All methods may be called from many
// goroutines at once.
type Learned interface {
	// Shape names the shape, for the artefact: "factors".
	Shape() string
	// Items is how many items can be scored.
	Items() int
	// Score writes a score for every item, higher is better, into scores
	// (len Items), from a history that need not have been in the training
	// data. Items of the history get a score like any other; hiding them is
	// the caller's business. An empty history gives what the model says to a
	// stranger, which may be all zeros.
	Score(scores []float32, history dataset.History)
	// WriteTo writes the shape so that Read gives it back.
	io.WriterTo
}

// Embedded is a learned shape whose scores are inner products, which an index
// of nearest vectors can find without looking at every item.
type Embedded interface {
	Learned
	// ItemVectors returns the item vectors, row-major, and how long each is.
	// The slice is the model's.
	ItemVectors() (vectors []float32, factors int)
	// UserVector writes into dst, grown if need be, the vector of a history.
	UserVector(dst []float32, history dataset.History) []float32
}

// RatingPredictor is a learned shape that says how someone would rate.
type RatingPredictor interface {
	Learned
	// PredictRatings writes, on the scale of the ratings learned from, how
	// whoever has this history would rate each of the items. Items unknown to
	// the model get what is expected of any.
	PredictRatings(ratings []float32, history dataset.History, items []int32)
}

// Related is a learned shape that knows what goes with an item, which serves
// similar items, what is bought together, and reasons.
type Related interface {
	Learned
	// Neighbours returns what goes with item i, best first, and how much. The
	// slices are the model's.
	Neighbours(i int32) (items []int32, similarities []float32)
}
