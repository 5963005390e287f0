// Package registry keeps model versions on disk: the artefact, where it came
// from, how it was judged, and which versions are live. It is all that training
// and serving share. It trains nothing and serves nothing.
//
// Layout of the folder:
//
//	models/
//	  20261123T222530.123Z-ials/
//	    manifest.json   kindred.ModelVersion without its stage
//	    artefact.bin    items, encoding of users, weighing, learned shape (artefact.go)
//	  live.json         which version plays which role, and what did before
//
// Invariants: a version's folder appears whole or not at all (it is written
// under another name, synced and renamed) and never changes afterwards;
// live.json is replaced by one rename and only ever names versions that were
// whole when it was written. So a process killed at any moment leaves the
// former state or the new one. A version's stage is derived from live.json and
// stored nowhere.
package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"kindred"
	"kindred/dataset"
	"kindred/model"
)

const (
	manifestFile = "manifest.json"
	artefactFile = "artefact.bin"
	partPrefix   = ".part-"       // a version being written
	partMaxAge   = 24 * time.Hour // older ones were left by a killed process
)

// Registry is a folder of model versions. Any number of goroutines and
// processes may use the same folder at once.
type Registry struct{ dir string }

// Loaded is a version ready to serve.
type Loaded struct {
	Version kindred.ModelVersion
	Items   *dataset.Dict
	Learned model.Learned
	// UserEncoding is how users' attributes become the columns that the model
	// learned from; nil if it learned from none.
	UserEncoding *dataset.Encoding
	// Weighing is what training made of summed weights; nil: nothing.
	Weighing *dataset.Weighing
	// Variants are the items that count for a group; see dataset.Interactions.
	Variants map[string][]string
	// Signals say how events were weighed; nil: not known.
	Signals *dataset.Settings
}

// Open opens the registry in dir, creating the folder if need be.
func Open(dir string) (*Registry, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("registry: creating the models folder: %w", err)
	}
	return &Registry{dir: dir}, nil
}

// Register stores a model learned from data as a new candidate. Of the data it
// keeps the items, how users' attributes were encoded and what became of weights. The version's name,
// hash and size are filled in from v.CreatedAt, v.Kind and the artefact.
func (r *Registry) Register(
	ctx context.Context, v kindred.ModelVersion, data *dataset.Interactions, learned model.Learned,
) (kindred.ModelVersion, error) {
	r.removeStaleParts(v.CreatedAt)
	part, err := os.MkdirTemp(r.dir, partPrefix)
	if err != nil {
		return v, fmt.Errorf("registry: starting a new version: %w", err)
	}
	defer os.RemoveAll(part) //nolint:errcheck // after the rename there is nothing left; before it, the error that counts is on its way
	v.Stage = ""
	content := &Loaded{Items: data.Items, Learned: learned, Weighing: data.Weighing, Variants: data.Variants}
	if data.UserFeatures != nil {
		content.UserEncoding = data.UserFeatures.Encoding
	}
	if v.Artefact, v.Bytes, err = writeArtefact(filepath.Join(part, artefactFile), content); err != nil {
		return v, fmt.Errorf("registry: writing the artefact of %s (is the disk full?): %w", v.Kind, err)
	}
	if err := ctx.Err(); err != nil {
		return v, err
	}
	return r.publish(part, v)
}

// publish writes the manifest and gives the finished folder its name: the
// first free one, should two models of a kind be made in one millisecond.
func (r *Registry) publish(part string, v kindred.ModelVersion) (kindred.ModelVersion, error) {
	base := v.CreatedAt.UTC().Format("20060102T150405.000Z") + "-" + v.Kind
	for n := 1; ; n++ {
		v.Version = base
		if n > 1 {
			v.Version = fmt.Sprintf("%s-%d", base, n)
		}
		manifest, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			return v, fmt.Errorf("registry: describing %s: %w", v.Version, err)
		}
		if err := writeSynced(filepath.Join(part, manifestFile), manifest); err != nil {
			return v, fmt.Errorf("registry: writing the manifest of %s (is the disk full?): %w", v.Version, err)
		}
		if err := syncDir(part); err != nil {
			return v, err
		}
		err = os.Rename(part, filepath.Join(r.dir, v.Version))
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return v, fmt.Errorf("registry: publishing %s: %w", v.Version, err)
		}
		v.Stage = kindred.Candidate
		return v, syncDir(r.dir)
	}
}

// removeStaleParts clears what processes killed long ago left half-written.
// What cannot be removed now is tried again next time.
func (r *Registry) removeStaleParts(now time.Time) {
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err == nil && strings.HasPrefix(entry.Name(), partPrefix) && now.Sub(info.ModTime()) > partMaxAge {
			_ = os.RemoveAll(filepath.Join(r.dir, entry.Name()))
		}
	}
}

// List returns all versions, newest first, with their stages. A version whose
// manifest cannot be read is left out and named in the error, beside the rest.
func (r *Registry) List() ([]kindred.ModelVersion, error) {
	names, err := r.names()
	if err != nil {
		return nil, err
	}
	state, err := r.readState()
	if err != nil {
		return nil, err
	}
	var versions []kindred.ModelVersion
	var faults []error
	for _, name := range names {
		v, err := r.readManifest(name)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		v.Stage = state.stage(name)
		versions = append(versions, v)
	}
	return versions, errors.Join(faults...)
}

// Version returns one version.
func (r *Registry) Version(version string) (kindred.ModelVersion, error) {
	v, err := r.readManifest(version)
	if err != nil {
		return v, err
	}
	state, err := r.readState()
	if err != nil {
		return v, err
	}
	v.Stage = state.stage(version)
	return v, nil
}

// Load reads a version's artefact and checks it against its hash.
func (r *Registry) Load(version string) (*Loaded, error) {
	v, err := r.Version(version)
	if err != nil {
		return nil, err
	}
	loaded, err := readArtefact(filepath.Join(r.dir, version, artefactFile), v.Artefact)
	if err != nil {
		return nil, kindred.Errorf(kindred.Unavailable,
			"model version %s cannot be loaded (promote another version, or train again)", version).Because(err)
	}
	loaded.Version = v
	if len(v.Signals) > 0 {
		if err := json.Unmarshal(v.Signals, &loaded.Signals); err != nil {
			return nil, kindred.Errorf(kindred.Unavailable, "the signals of model version %s do not read (train again)", version).Because(err)
		}
	}
	return loaded, nil
}

// Prune removes the oldest candidates and retired versions until at most keep
// versions of each kind are left. Live versions and those of the last
// promotion before them (what a rollback returns to) always stay.
func (r *Registry) Prune(keep int) (removed []string, err error) {
	err = r.locked(func() error {
		names, err := r.names()
		if err != nil {
			return err
		}
		state, err := r.readState()
		if err != nil {
			return err
		}
		kept := map[string]int{}
		for _, name := range names { // newest first
			kind := kindOf(name)
			kept[kind]++
			if kept[kind] <= keep || state.needs(name) {
				continue
			}
			if err := os.RemoveAll(filepath.Join(r.dir, name)); err != nil {
				return fmt.Errorf("registry: removing %s: %w", name, err)
			}
			removed = append(removed, name)
		}
		return nil
	})
	return removed, err
}

// names returns the versions' names, newest first.
func (r *Registry) names() ([]string, error) {
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return nil, fmt.Errorf("registry: reading the models folder: %w", err)
	}
	var names []string
	for _, entry := range entries {
		if entry.IsDir() && !strings.HasPrefix(entry.Name(), ".") {
			names = append(names, entry.Name())
		}
	}
	slices.Sort(names)
	slices.Reverse(names)
	return names, nil
}

// kindOf returns the kind in a version's name.
func kindOf(version string) string {
	_, rest, _ := strings.Cut(version, "-")
	kind, _, _ := strings.Cut(rest, "-")
	return kind
}

func (r *Registry) readManifest(version string) (kindred.ModelVersion, error) {
	var v kindred.ModelVersion
	if version != filepath.Base(version) || strings.HasPrefix(version, ".") {
		return v, kindred.Errorf(kindred.NotFound, "there is no model version %q", version)
	}
	data, err := os.ReadFile(filepath.Join(r.dir, version, manifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return v, kindred.Errorf(kindred.NotFound, "there is no model version %q", version)
	}
	if err != nil {
		return v, fmt.Errorf("registry: reading the manifest of %s: %w", version, err)
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return v, fmt.Errorf("registry: the manifest of %s is damaged (remove its folder): %w", version, err)
	}
	return v, nil
}
