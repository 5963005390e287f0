package format

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"kindred"
)

// NewFile is a file in the making: it has its name only once it is whole.
type NewFile struct {
	path   string
	disk   *os.File
	buffer *bufio.Writer
	squash io.WriteCloser // compresses into buffer; nil: plain
}

// Create begins a file that Commit will put at path, compressed if it ends in
// .gz or .zst. Until then it lies beside it under a name that begins with a
// dot and ends in .partial, and a file that is at path stays as it is.
func Create(path string) (*NewFile, error) {
	disk, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.partial")
	if err != nil {
		return nil, fmt.Errorf("format: creating a file: %w", err)
	}
	f := &NewFile{path: path, disk: disk, buffer: bufio.NewWriterSize(disk, 1<<18)}
	switch filepath.Ext(path) {
	case ".gz":
		f.squash = gzip.NewWriter(f.buffer)
	case ".zst":
		if f.squash, err = zstd.NewWriter(f.buffer); err != nil {
			f.Discard()
			return nil, fmt.Errorf("format: compressing: %w", err)
		}
	}
	return f, nil
}

// Write implements io.Writer.
func (f *NewFile) Write(p []byte) (int, error) {
	if f.squash != nil {
		return f.squash.Write(p)
	}
	return f.buffer.Write(p)
}

// Commit gives the file its name once it is on the disk.
func (f *NewFile) Commit() error {
	var err error
	if f.squash != nil {
		err = f.squash.Close()
	}
	if err == nil {
		err = f.buffer.Flush()
	}
	if err == nil {
		err = f.disk.Chmod(0o644) // as os.Create would, of one nobody else may read
	}
	if err == nil {
		err = f.disk.Sync()
	}
	if err = errors.Join(err, f.disk.Close()); err == nil {
		err = os.Rename(f.disk.Name(), f.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("format: writing %s: %w", f.path, err), remove(f.disk.Name()))
	}
	return nil
}

// Discard removes what there is of the file. After Commit it does nothing.
func (f *NewFile) Discard() {
	_ = f.disk.Close() // it may be closed already
	_ = remove(f.disk.Name())
}

func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// Writes returns the format that Write is to have for a file of that name:
// that of its extension, before .gz or .zst.
func Writes(path string) (formatName string, err error) {
	name := baseName(path)
	switch ext := filepath.Ext(name); {
	case ext == ".parquet" && name != strings.ToLower(filepath.Base(path)):
		return "", kindred.Errorf(kindred.Invalid, "Parquet is compressed as it is: leave the ending of %s out", filepath.Base(path))
	case ext == ".csv" || ext == ".jsonl" || ext == ".parquet":
		return ext[1:], nil
	case ext == ".ndjson":
		return "jsonl", nil
	}
	return "", kindred.Errorf(kindred.Invalid, "cannot tell the format of %s by its name (name it: csv, jsonl or parquet)", filepath.Base(path))
}
