package format

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
)

// file is a file read as plain text, whatever it is compressed with. read
// counts bytes on disk.
type file struct {
	*bufio.Reader
	disk *os.File
	zstd *zstd.Decoder
	read atomic.Int64
}

func open(path string) (*file, error) {
	disk, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("format: opening a file: %w", err)
	}
	f := &file{disk: disk}
	raw := bufio.NewReaderSize(counter{f}, 1<<16)
	magic, err := raw.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.Join(fmt.Errorf("format: reading %s: %w", path, err), disk.Close())
	}
	var plain io.Reader = raw
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		plain, err = gzip.NewReader(raw)
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		f.zstd, err = zstd.NewReader(raw, zstd.WithDecoderMaxMemory(1<<28))
		plain = f.zstd
	default:
		err = nil
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("format: decompressing %s: %w", path, err), disk.Close())
	}
	f.Reader = bufio.NewReaderSize(plain, 1<<16)
	if mark, _ := f.Peek(3); bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		_, err = f.Discard(3)
	}
	return f, err
}

// Close closes the file.
func (f *file) Close() error {
	if f.zstd != nil {
		f.zstd.Close()
	}
	return f.disk.Close()
}

// counter counts what is read of a file.
type counter struct{ f *file }

func (c counter) Read(p []byte) (int, error) {
	n, err := c.f.disk.Read(p)
	c.f.read.Add(int64(n))
	return n, err
}

func (c counter) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.f.disk.ReadAt(p, off)
	c.f.read.Add(int64(n))
	return n, err
}

// more returns for how many rows after n there should be room, as far as the part
// of the file that they took tells: memory then grows once or twice, and hardly
// beyond the end.
func (f *file) more(n int) int {
	const few, often = 1 << 12, 16 // rows that tell nothing yet; times that they may grow at once
	info, err := f.disk.Stat()
	if n < few || err != nil || f.read.Load() == 0 {
		return max(few, n)
	}
	left := float64(info.Size())/float64(f.read.Load()) - 1
	return max(n/32, int(float64(n)*min(1.01*left+0.01, often)))
}

// line reads one line without its end; tooLong says that its rest was skipped.
func (f *file) line(buf []byte) (line []byte, tooLong bool, err error) {
	buf = buf[:0]
	for {
		piece, err := f.ReadSlice('\n')
		if len(buf)+len(piece) <= maxLine {
			buf = append(buf, piece...)
		} else {
			tooLong = true
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && (len(buf) > 0 || tooLong):
			err = nil
		}
		return bytes.TrimSuffix(bytes.TrimSuffix(buf, []byte("\n")), []byte("\r")), tooLong, err
	}
}
