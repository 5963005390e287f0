//go:build !unix

package registry

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// locked runs change while no other process or goroutine is in locked for the
// same folder. Without flock the lock is a file; one older than a minute was
// left by a killed process.
func (r *Registry) locked(change func() error) error {
	path := filepath.Join(r.dir, ".lock")
	for {
		file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o640)
		if err == nil {
			defer os.Remove(path) //nolint:errcheck // taken over after a minute if it stays
			defer file.Close()    //nolint:errcheck // empty
			return change()
		}
		if !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("registry: taking the lock: %w", err)
		}
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > time.Minute {
			_ = os.Remove(path)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// syncDir is for file systems whose renames need a sync; here they do not.
func syncDir(string) error { return nil }
