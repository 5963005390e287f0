package format

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"kindred"
)

// The layouts of one user a line: "user item item …".
const (
	adjacency = "adjacency" // in any order
	sequence  = "sequence"  // in the order of time, oldest first
)

// listSource reads files of one user a line as events. They hold no times, so
// the file's own stands in: for adjacency all events have it, for a sequence
// the last item has it and each one before is a minute earlier.
type listSource struct {
	layout  string
	kind    kindred.Kind
	paths   []string
	total   int64
	done    int64 // bytes of finished files
	ids     *occurrences
	file    *file
	path    string
	time    time.Time
	line    int64
	cells   []string // of the line at hand: the user, then items
	next    int      // cell
	scratch []byte
}

func openLists(layout string, paths []string, opts Options) (Source, error) {
	s := &listSource{layout: layout, kind: opts.Kind, paths: paths, ids: newOccurrences()}
	if s.kind == "" {
		s.kind = kindred.View
	}
	if len(opts.Columns) > 0 || (opts.Entity != "" && opts.Entity != events) {
		return nil, kindred.Errorf(kindred.Invalid, "a file of layout %s has no columns to map and holds events only", layout)
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil || info.IsDir() {
			return nil, kindred.Errorf(kindred.Invalid, "%s is no file to read (%s takes files, not folders)", path, layout).Because(err)
		}
		s.total += info.Size()
	}
	return s, nil
}

// Next implements Source.
func (s *listSource) Next() (Row, error) {
	for {
		if s.next < len(s.cells) {
			return s.row(), nil
		}
		if s.file == nil {
			if len(s.paths) == 0 {
				return Row{}, io.EOF
			}
			if err := s.open(s.paths[0]); err != nil {
				return Row{}, err
			}
			s.paths = s.paths[1:]
		}
		line, tooLong, err := s.file.line(s.scratch)
		if errors.Is(err, io.EOF) {
			if err := s.Close(); err != nil {
				return Row{}, err
			}
			continue
		}
		if err != nil {
			return Row{}, fmt.Errorf("format: %s:%d: %w", s.path, s.line+1, err)
		}
		s.line++
		s.scratch, s.cells, s.next = line, strings.Fields(string(line)), 1
		if tooLong || len(s.cells) == 1 {
			s.cells = nil
			return Row{}, s.reject(tooLong)
		}
	}
}

func (s *listSource) reject(tooLong bool) *Reject { //nolint:revive // the two faults a line can have
	r := &Reject{File: s.path, Line: s.line, Reason: "no_items", Detail: "a user without items", Raw: string(s.scratch[:min(len(s.scratch), 1000)])}
	if tooLong {
		r.Reason, r.Detail = "too_long", fmt.Sprintf("the line has more than %d bytes", maxLine)
	}
	return r
}

func (s *listSource) open(path string) (err error) {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("format: %w", err)
	}
	s.path, s.line, s.time = path, 0, info.ModTime().UTC().Truncate(time.Second)
	s.file, err = open(path)
	return err
}

func (s *listSource) row() Row {
	e := &kindred.Event{
		User: kindred.UserID(s.cells[0]), Item: kindred.ItemID(s.cells[s.next]), Kind: s.kind, Value: 1, Time: s.time,
	}
	if s.layout == sequence {
		e.Time = s.time.Add(-time.Duration(len(s.cells)-1-s.next) * time.Minute)
	}
	e.ID = s.ids.id(e, false)
	s.next++
	return Row{Event: e, File: s.path, Line: s.line}
}

// Progress implements Source.
func (s *listSource) Progress() (readBytes, totalBytes int64) {
	if s.file == nil {
		return s.done, s.total
	}
	return s.done + s.file.read.Load(), s.total
}

// Close implements Source.
func (s *listSource) Close() error {
	if s.file == nil {
		return nil
	}
	s.done += s.file.read.Load()
	err := s.file.Close()
	s.file = nil
	return err
}

// Mapping implements Source.
func (s *listSource) Mapping() string {
	return fmt.Sprintf("%s: each line is a user, then items; all become %q events", s.layout, s.kind)
}
