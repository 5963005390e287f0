package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"kindred"
	"kindred/format"
)

// importBatch is how many rows of one sort are stored at once.
const importBatch = kindred.MaxBatch

// ErrTooManyBad ends an import with more bad rows than it was to accept.
var ErrTooManyBad = errors.New("too many bad rows")

// Target is where imported rows go.
type Target interface {
	AppendEvents(ctx context.Context, events []kindred.Event) ([]bool, error)
	PutItems(ctx context.Context, items []kindred.Item) error
	PutUsers(ctx context.Context, users []kindred.User) error
	AppendExposures(ctx context.Context, exposures []kindred.Exposure) error
	MergeUsers(ctx context.Context, m kindred.Merge) (changed bool, err error)
}

// ImportOptions says what an import accepts and tells.
type ImportOptions struct {
	MaxBad       int64     // bad rows to accept; -1: no limit
	MaxBadShare  float64   // share of bad rows to accept, judged at the end
	Rejects      io.Writer // every bad row, as JSON Lines; may be nil
	Keep         Keeper    // the bad rows, up to kindred.MaxRejected; nil: not kept
	Examples     int       // bad rows to report for each reason
	ValidateOnly bool      // store nothing; the report counts what would be
	Progress     func(ImportProgress)
}

// Keeper keeps rows that were refused.
type Keeper interface {
	AppendRejected(ctx context.Context, rows []kindred.Rejected) error
}

// ImportProgress is how far an import is.
type ImportProgress struct{ Rows, Bytes, Total int64 }

// ImportReport is what became of the rows: each is stored, stored before or
// rejected. Items gathered from many rows are no rows of their own.
type ImportReport struct {
	Rows       int64                      `json:"rows"`
	Events     int64                      `json:"events"` // new ones
	Duplicates int64                      `json:"duplicates"`
	Items      int64                      `json:"items"` // stored
	Users      int64                      `json:"users"` // stored
	Exposures  int64                      `json:"exposures"`
	Aliases    int64                      `json:"aliases"`  // merged, now or before
	Rejected   map[string]int64           `json:"rejected"` // by reason
	Examples   map[string][]format.Reject `json:"examples"`
	Kinds      map[kindred.Kind]int64     `json:"kinds"` // of events accepted, new or not
	First      time.Time                  `json:"first"`
	Last       time.Time                  `json:"last"`
	Took       time.Duration              `json:"took_ns"`
	Mapping    string                     `json:"mapping"`
}

// importedRows is what is stored at once.
type importedRows struct {
	events []kindred.Event
	places []place // of the events
	items  []kindred.Item
	users  []kindred.User

	aliases   []kindred.Alias
	exposures []kindred.Exposure
	rejected  []kindred.Rejected
}

// place is where a row stands.
type place struct {
	file string
	line int64
}

func (b *importedRows) full() bool {
	return max(len(b.events), len(b.items), len(b.users), len(b.aliases), len(b.exposures), len(b.rejected)) >= importBatch
}

// importer is one import: the reader fills batches while one before is stored.
type importer struct {
	src     format.Source
	service *Service
	target  Target
	opts    ImportOptions
	report  ImportReport
	check   *ItemCheck
	stored  chan error
	busy    bool
	kept    int
	items   map[kindred.ItemID]bool // read so far, if none is to be stored
	done    tally                   // written by the storing goroutine while busy
}

// tally is what is stored.
type tally struct{ events, duplicates, items, users, exposures, aliases, conflicts int64 }

// Import reads all of src into target. When ctx ends it stores what it has
// read and returns the report so far with ctx's error; importing again goes
// on, for events keep their IDs.
func Import(ctx context.Context, src format.Source, service *Service, target Target, opts ImportOptions) (ImportReport, error) {
	began := time.Now()
	im := &importer{src: src, service: service, target: target, opts: opts, check: service.CheckItems(), stored: make(chan error, 1)}
	im.report = ImportReport{
		Rejected: map[string]int64{}, Examples: map[string][]format.Reject{}, Kinds: map[kindred.Kind]int64{}, Mapping: src.Mapping(),
	}
	err := im.run(ctx)
	im.report.Events, im.report.Duplicates = im.done.events, im.done.duplicates
	im.report.Items, im.report.Users, im.report.Exposures = im.done.items, im.done.users, im.done.exposures
	im.report.Aliases = im.done.aliases
	im.report.Took = time.Since(began)
	return im.report, err
}

func (im *importer) run(ctx context.Context) error {
	storing := context.WithoutCancel(ctx)
	rest, err := im.read(ctx, storing)
	if _, isStore := errors.AsType[*storeError](err); !isStore {
		err = errors.Join(err, im.store(storing, &rest))
	}
	err = errors.Join(err, im.wait())
	if n := im.done.conflicts; n > 0 {
		im.report.Rejected["conflicting_alias"] += n
	}
	im.tell()
	if bad := im.bad(); err == nil && float64(bad) > im.opts.MaxBadShare*float64(im.report.Rows) {
		err = fmt.Errorf("ingest: %d of %d rows are bad: %w", bad, im.report.Rows, ErrTooManyBad)
	}
	return err
}

// read reads until the end, or an error, and returns what is not handed over.
func (im *importer) read(ctx, storing context.Context) (rest importedRows, err error) {
	for {
		if err := ctx.Err(); err != nil {
			return rest, fmt.Errorf("ingest: importing (import again to go on): %w", err)
		}
		row, err := im.src.Next()
		if errors.Is(err, io.EOF) {
			return rest, nil
		}
		if err := im.take(&rest, row, err); err != nil {
			return rest, err
		}
		if rest.full() {
			if err := im.store(storing, &rest); err != nil {
				return importedRows{}, err
			}
			rest = importedRows{}
			im.tell()
		}
	}
}

func (im *importer) bad() (n int64) {
	for _, count := range im.report.Rejected {
		n += count
	}
	return n
}

func (im *importer) tell() {
	if im.opts.Progress != nil {
		read, total := im.src.Progress()
		im.opts.Progress(ImportProgress{Rows: im.report.Rows, Bytes: read, Total: total})
	}
}

// take puts a valid row into the batch and counts a bad one.
func (im *importer) take(b *importedRows, row format.Row, err error) error {
	bad, isReject := errors.AsType[*format.Reject](err)
	if err != nil && !isReject {
		return fmt.Errorf("ingest: reading: %w", err)
	}
	if !isReject {
		bad = im.add(b, row)
	}
	if bad != nil || !row.Gathered {
		im.report.Rows++
	}
	if bad == nil {
		return nil
	}
	return im.reject(b, row.Event, bad)
}

// reject counts and keeps a bad row, with its event if it was read as one.
func (im *importer) reject(b *importedRows, event *kindred.Event, bad *format.Reject) error {
	im.report.Rejected[bad.Reason]++
	im.keep(b, event, bad)
	if kept := im.report.Examples[bad.Reason]; len(kept) < im.opts.Examples {
		im.report.Examples[bad.Reason] = append(kept, *bad)
	}
	if im.opts.Rejects != nil {
		if err := json.NewEncoder(im.opts.Rejects).Encode(bad); err != nil {
			return fmt.Errorf("ingest: writing the rejects: %w", err)
		}
	}
	if n := im.bad(); im.opts.MaxBad >= 0 && n > im.opts.MaxBad {
		return fmt.Errorf("ingest: %d bad rows: %w", n, ErrTooManyBad)
	}
	return nil
}

// keep puts a bad row into the batch.
func (im *importer) keep(b *importedRows, event *kindred.Event, bad *format.Reject) {
	if im.opts.Keep == nil || im.opts.ValidateOnly || im.kept >= kindred.MaxRejected {
		return
	}
	im.kept++
	row := kindred.Rejected{Time: im.service.cfg.Now(), Source: fmt.Sprintf("%s:%d", bad.File, bad.Line), Reason: bad.Reason, Detail: bad.Detail, Raw: bad.Raw}
	if event != nil {
		row.SetEvent(event)
	}
	b.rejected = append(b.rejected, row)
}

func (im *importer) add(b *importedRows, row format.Row) *format.Reject {
	var faults []kindred.FieldError
	switch {
	case row.Event != nil:
		if faults = im.service.ValidateEvent(row.Event); len(faults) == 0 {
			b.events, b.places = append(b.events, *row.Event), append(b.places, place{row.File, row.Line})
		}
	case row.Item != nil:
		if faults = im.check.Validate(row.Item); len(faults) == 0 {
			b.items = append(b.items, *row.Item)
		}
	case row.User != nil:
		if faults = ValidateUser(row.User); len(faults) == 0 {
			b.users = append(b.users, *row.User)
		}
	case row.Alias != nil:
		m := mergeOf(row.Alias)
		if faults = ValidateMerge(&m); len(faults) == 0 {
			b.aliases = append(b.aliases, *row.Alias)
		}
	case row.Exposure != nil:
		if faults = ValidateExposure(row.Exposure); len(faults) == 0 {
			b.exposures = append(b.exposures, *row.Exposure)
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return &format.Reject{File: row.File, Line: row.Line, Reason: Reason(faults[0].Field), Detail: detail(faults), Raw: row.Raw()}
}

// Reason is a short code for a fault: as few as there are fields.
func Reason(field string) string {
	name, _, _ := strings.Cut(field, ".")
	name, _, _ = strings.Cut(name, "[")
	return "invalid_" + name
}

func (im *importer) count(e *kindred.Event) {
	r := &im.report
	r.Kinds[e.Kind]++
	if r.First.IsZero() || e.Time.Before(r.First) {
		r.First = e.Time
	}
	if e.Time.After(r.Last) {
		r.Last = e.Time
	}
}

// store hands a batch over as soon as the one before is stored. If too many of
// its rows are bad, the others are stored all the same.
func (im *importer) store(ctx context.Context, b *importedRows) error {
	if err := im.wait(); err != nil {
		return err
	}
	err := im.refuseUnknown(ctx, b)
	if _, isStore := errors.AsType[*storeError](err); isStore {
		return err
	}
	for i := range b.events {
		im.count(&b.events[i])
	}
	im.busy = true
	go func(b importedRows) { im.stored <- im.write(ctx, b) }(*b)
	return err
}

// refuseUnknown rejects the batch's events whose items are not in the
// catalogue, nor in this batch or one before, if such are to be refused.
func (im *importer) refuseUnknown(ctx context.Context, b *importedRows) error {
	if !im.service.refusesUnknown() {
		return nil
	}
	if im.items == nil || !im.opts.ValidateOnly { // what came before is stored
		im.items = map[kindred.ItemID]bool{}
	}
	for i := range b.items {
		im.items[b.items[i].ID] = true
	}
	unknown, err := im.service.unknown(ctx, b.events)
	if err != nil {
		return &storeError{"events", err}
	}
	events, places := b.events, b.places
	b.events, b.places = nil, nil
	for i := range events {
		e, at := &events[i], places[i]
		if !unknown[i] || im.items[e.Item] {
			b.events, b.places = append(b.events, *e), append(b.places, at)
			continue
		}
		bad := &format.Reject{File: at.file, Line: at.line, Reason: unknownItem, Detail: detail([]kindred.FieldError{unknownItemFault()})}
		if failed := im.reject(b, e, bad); err == nil {
			err = failed
		}
	}
	return err
}

func (im *importer) wait() error {
	if !im.busy {
		return nil
	}
	im.busy = false
	return <-im.stored
}

// storeError is an error of the target: there is no use in storing more.
type storeError struct {
	what string
	err  error
}

func (e *storeError) Error() string {
	return "ingest: storing " + e.what + " (what came before is stored; mend the store and import again to go on): " + e.err.Error()
}

func (e *storeError) Unwrap() error { return e.err }

func (im *importer) write(ctx context.Context, b importedRows) error {
	if len(b.rejected) > 0 { // none if rows are only validated
		if err := im.opts.Keep.AppendRejected(ctx, b.rejected); err != nil {
			return &storeError{"rejected rows", err}
		}
	}
	if !im.opts.ValidateOnly {
		return im.put(ctx, b)
	}
	im.done.events += int64(len(b.events))
	im.done.items += int64(len(b.items))
	im.done.users += int64(len(b.users))
	im.done.exposures += int64(len(b.exposures))
	im.done.aliases += int64(len(b.aliases))
	return nil
}

// mergeOf is the merge that makes an alias.
func mergeOf(a *kindred.Alias) kindred.Merge {
	return kindred.Merge{User: a.Into, From: a.ID, Time: a.Time, By: a.By, Why: a.Why}
}

func (im *importer) put(ctx context.Context, b importedRows) error {
	if len(b.items) > 0 {
		if err := im.target.PutItems(ctx, b.items); err != nil {
			return &storeError{"items", err}
		}
		im.done.items += int64(len(b.items))
	}
	if len(b.users) > 0 {
		if err := im.target.PutUsers(ctx, b.users); err != nil {
			return &storeError{"users", err}
		}
		im.done.users += int64(len(b.users))
	}
	for i := range b.aliases {
		switch _, err := im.target.MergeUsers(ctx, mergeOf(&b.aliases[i])); kindred.KindOf(err) {
		case kindred.Conflict, kindred.Limited:
			im.done.conflicts++
		default:
			if err != nil {
				return &storeError{"aliases", err}
			}
			im.done.aliases++
		}
	}
	if len(b.exposures) > 0 {
		if err := im.target.AppendExposures(ctx, b.exposures); err != nil {
			return &storeError{"exposures", err}
		}
		im.done.exposures += int64(len(b.exposures))
	}
	if len(b.events) == 0 {
		return nil
	}
	fresh, err := im.target.AppendEvents(ctx, b.events)
	if err != nil {
		return &storeError{"events", err}
	}
	for _, isFresh := range fresh {
		if isFresh {
			im.done.events++
		} else {
			im.done.duplicates++
		}
	}
	return nil
}
