//go:build unix

package registry

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// locked runs change while no other process or goroutine is in locked for the
// same folder. The lock dies with its process.
func (r *Registry) locked(change func() error) error {
	file, err := os.OpenFile(filepath.Join(r.dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return fmt.Errorf("registry: opening the lock: %w", err)
	}
	defer file.Close() //nolint:errcheck // closing gives up the lock and cannot fail usefully
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("registry: taking the lock: %w", err)
	}
	return change()
}

// syncDir makes renames in dir last.
func syncDir(dir string) error {
	file, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("registry: syncing %s: %w", filepath.Base(dir), err)
	}
	defer file.Close() //nolint:errcheck // only read
	if err := file.Sync(); err != nil {
		return fmt.Errorf("registry: syncing %s: %w", filepath.Base(dir), err)
	}
	return nil
}
