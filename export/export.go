// Package export writes what is stored to files and streams: events, items,
// users, their aliases and exposures, as CSV, JSON Lines or Parquet. Each is read in one
// snapshot of the store while others write, and in bounded memory. What package
// format reads back, it reads back as it was. Features, which follow from all
// that, are written as they are now.
package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"kindred"
	"kindred/format"
	"kindred/store"
)

// Store is where what is exported is kept.
type Store interface {
	ScanEvents(ctx context.Context, r store.EventRange, fn func(*kindred.Event) error) error
	ScanItems(ctx context.Context, fn func(*kindred.Item) error) error
	ScanUsers(ctx context.Context, fn func(*kindred.User) error) error
	ScanAliases(ctx context.Context, known int64, fn func(kindred.Alias) error) (changes int64, err error)
	ScanExposures(ctx context.Context, r store.EventRange, fn func(*kindred.Exposure) error) error
}

// Features is where the present values of features come from, in blocks that
// have the same columns.
type Features interface {
	ScanFeatures(ctx context.Context, set, entity string, fn func(columns []format.BlockColumn, rows int) error) error
}

// Source is where all that can be exported comes from.
type Source struct {
	Store
	Features
}

// What names what can be exported.
type What string

// All that can be exported.
const (
	Events    What = "events"
	Items     What = "items"
	Users     What = "users"
	Aliases   What = "aliases"
	Exposures What = "exposures"
	// FeatureValues are what the features of users and items are now.
	FeatureValues What = "features"
)

// All returns everything that is stored, in the order in which it is best
// imported.
func All() []What { return []What{Items, Users, Aliases, Events, Exposures} }

// Request says what to export.
type Request struct {
	What   What
	Format string // csv, jsonl or parquet
	// From (inclusive) and To (exclusive) bound the times of events and
	// exposures; zero: open.
	From, To time.Time
	// Set and Entity choose features: those of a set, of users or of items;
	// empty: all.
	Set, Entity string
	Progress    func(rows int64) // called now and then; may be nil
}

// Validate reports what is wrong with the request.
func (r *Request) Validate() error {
	dated := r.What == Events || r.What == Exposures
	switch {
	case !slices.Contains(append(All(), FeatureValues), r.What):
		return kindred.Errorf(kindred.Invalid, "cannot export %q (take events, items, users, aliases, exposures or features)", r.What)
	case r.Format != "csv" && r.Format != "jsonl" && r.Format != "parquet":
		return kindred.Errorf(kindred.Invalid, "cannot export as %q (take csv, jsonl or parquet)", r.Format)
	case !dated && (!r.From.IsZero() || !r.To.IsZero()):
		return kindred.Errorf(kindred.Invalid, "%s have no time to choose them by (leave from and to out)", r.What)
	case !r.From.IsZero() && !r.To.IsZero() && !r.From.Before(r.To):
		return kindred.Errorf(kindred.Invalid, "there is nothing from %s to before %s", r.From.Format(time.RFC3339), r.To.Format(time.RFC3339))
	}
	return r.validateFeatures()
}

func (r *Request) validateFeatures() error {
	switch {
	case r.What != FeatureValues && (r.Set != "" || r.Entity != ""):
		return kindred.Errorf(kindred.Invalid, "%s have no features to choose (leave set and entity out)", r.What)
	case r.Entity != "" && r.Entity != "user" && r.Entity != "item":
		return kindred.Errorf(kindred.Invalid, "cannot export features of %.64q (take user or item)", r.Entity)
	}
	return nil
}

// progressRows is how many rows lie between two calls of Progress.
const progressRows = 1 << 14

// Write writes what is asked for to w, and says how many rows it wrote. On an
// error, that of ctx included, what is written is a part.
func Write(ctx context.Context, w io.Writer, from Source, r Request) (rows int64, err error) {
	if err := r.Validate(); err != nil {
		return 0, err
	}
	span := store.EventRange{From: r.From, To: r.To}
	switch r.What {
	case Events:
		return write(w, r, func(fn func(*kindred.Event) error) error { return from.ScanEvents(ctx, span, fn) })
	case Exposures:
		return write(w, r, func(fn func(*kindred.Exposure) error) error { return from.ScanExposures(ctx, span, fn) })
	case Aliases:
		return write(w, r, func(fn func(*kindred.Alias) error) error {
			_, err := from.ScanAliases(ctx, 0, func(a kindred.Alias) error { return fn(&a) })
			return err
		})
	case FeatureValues:
		return format.WriteBlocks(w, r.Format, func(write func([]format.BlockColumn, int) error) error {
			return scanFeatures(ctx, from, r, write)
		})
	case Users:
		return write(w, r, func(fn func(*kindred.User) error) error { return from.ScanUsers(ctx, fn) })
	default:
		return write(w, r, func(fn func(*kindred.Item) error) error { return from.ScanItems(ctx, fn) })
	}
}

// scanFeatures tells of the progress of a scan of features.
func scanFeatures(ctx context.Context, from Features, r Request, write func([]format.BlockColumn, int) error) error {
	done := int64(0)
	return from.ScanFeatures(ctx, r.Set, r.Entity, func(columns []format.BlockColumn, rows int) error {
		if done += int64(rows); r.Progress != nil {
			r.Progress(done)
		}
		return write(columns, rows)
	})
}

// errStop ends a scan whose rows nobody takes any more.
var errStop = errors.New("the writer has stopped")

// write sends what a scan finds to a file's encoder.
func write[T format.Writable](w io.Writer, r Request, scan func(func(*T) error) error) (rows int64, err error) {
	var scanned error
	err = format.Write(w, r.Format, func(yield func(T) bool) {
		scanned = scan(func(x *T) error {
			rows++
			if rows%progressRows == 0 && r.Progress != nil {
				r.Progress(rows)
			}
			if !yield(*x) {
				return errStop
			}
			return nil
		})
	})
	switch {
	case err != nil:
		return rows, err
	case scanned != nil:
		return rows, fmt.Errorf("export: reading %s: %w", r.What, scanned)
	}
	return rows, nil
}

// File is Write to a file, which has its name only once it is whole; see
// format.Create. An empty Format is that of the file's name.
func File(ctx context.Context, path string, from Source, r Request) (rows int64, err error) {
	if r.Format == "" {
		if r.Format, err = format.Writes(path); err != nil {
			return 0, err
		}
	}
	if err := r.Validate(); err != nil {
		return 0, err
	}
	f, err := format.Create(path)
	if err != nil {
		return 0, err
	}
	defer f.Discard()
	if rows, err = Write(ctx, f, from, r); err != nil {
		return rows, err
	}
	return rows, f.Commit()
}
