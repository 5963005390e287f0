package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"kindred"
)

// Role is a part that a live model plays in answering a request.
type Role string

// The roles.
const (
	Personal Role = "personal" // orders the catalogue for one history
	Similar  Role = "similar"  // says which items go with an item, and why
	Popular  Role = "popular"  // answers when nothing is known of the user
)

// Live names the version that plays each role.
type Live map[Role]string

const (
	liveFile    = "live.json"
	liveHistory = 100 // promotions remembered
)

// state is the content of live.json.
type state struct {
	Generation int64       `json:"generation"` // grows by one with every change
	Live       Live        `json:"live"`
	History    []promotion `json:"history"` // the newest last; the current one not among them
}

type promotion struct {
	Live  Live      `json:"live"`
	Until time.Time `json:"until"` // when it stopped being live
}

func (s *state) stage(version string) kindred.Stage {
	holds := func(live Live) bool { return slices.Contains(slices.Collect(maps.Values(live)), version) }
	switch {
	case holds(s.Live):
		return kindred.Live
	case slices.ContainsFunc(s.History, func(p promotion) bool { return holds(p.Live) }):
		return kindred.Retired
	default:
		return kindred.Candidate
	}
}

// needs says whether a version is live or what a rollback would return to.
func (s *state) needs(version string) bool {
	last := s.History[max(0, len(s.History)-1):]
	near := state{Live: s.Live, History: last}
	return near.stage(version) != kindred.Candidate
}

// Live returns the live versions; empty before the first promotion.
func (r *Registry) Live() (Live, error) {
	s, err := r.readState()
	return s.Live, err
}

// Generation returns a word that changes whenever Live does. It is cheap
// enough to ask every second.
func (r *Registry) Generation() (string, error) {
	s, err := r.readState()
	return strconv.FormatInt(s.Generation, 10), err
}

// Promote makes the named versions live in their roles, all at once. Roles not
// named keep their version.
func (r *Registry) Promote(ctx context.Context, change Live) error {
	for role, version := range change {
		if role != Personal && role != Similar && role != Popular {
			return kindred.Errorf(kindred.Invalid, "there is no role %q (use personal, similar or popular)", role)
		}
		if _, err := r.Load(version); err != nil {
			return err
		}
	}
	return r.change(ctx, func(s *state) error {
		next := maps.Clone(s.Live)
		if next == nil {
			next = Live{}
		}
		maps.Copy(next, change)
		if maps.Equal(next, s.Live) {
			return nil
		}
		if len(s.Live) > 0 {
			s.History = append(s.History, promotion{Live: s.Live, Until: time.Now().UTC()})
			s.History = s.History[max(0, len(s.History)-liveHistory):]
		}
		s.Live = next
		s.Generation++
		return nil
	})
}

// Rollback makes live again what was live before the last promotion, and
// returns it.
func (r *Registry) Rollback(ctx context.Context) (Live, error) {
	var now Live
	err := r.change(ctx, func(s *state) error {
		if len(s.History) == 0 {
			return kindred.Errorf(kindred.Conflict, "there is nothing to roll back to: no other version was live before")
		}
		now = s.History[len(s.History)-1].Live
		for _, version := range now {
			if _, err := r.Load(version); err != nil {
				return err
			}
		}
		s.Live, s.History = now, s.History[:len(s.History)-1]
		s.Generation++
		return nil
	})
	return now, err
}

// change rewrites live.json under the lock that all processes share.
func (r *Registry) change(ctx context.Context, edit func(*state) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return r.locked(func() error {
		s, err := r.readState()
		if err != nil {
			return err
		}
		before := s.Generation
		if err := edit(&s); err != nil || s.Generation == before {
			return err
		}
		data, err := json.MarshalIndent(s, "", "  ")
		if err != nil {
			return fmt.Errorf("registry: describing the live versions: %w", err)
		}
		part := filepath.Join(r.dir, partPrefix+liveFile)
		if err := writeSynced(part, data); err != nil {
			return fmt.Errorf("registry: writing the live versions (is the disk full?): %w", err)
		}
		if err := os.Rename(part, filepath.Join(r.dir, liveFile)); err != nil {
			return fmt.Errorf("registry: putting the new versions live: %w", err)
		}
		return syncDir(r.dir)
	})
}

func (r *Registry) readState() (state, error) {
	var s state
	data, err := os.ReadFile(filepath.Join(r.dir, liveFile))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("registry: reading the live versions: %w", err)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("registry: %s is damaged (remove it, then promote a version): %w", liveFile, err)
	}
	return s, nil
}
