package format

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/parquet-go/parquet-go"
)

// The Parquet library believes the sizes a file states and allocates them at
// once, which ends the process where memory does. So they are looked at first:
// the footer and each page's header are structs in Thrift's compact protocol
// (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md).
const (
	maxFooter  = 16 << 20
	maxHeader  = 64 << 10  // of a page
	maxPage    = 256 << 20 // unpacked
	maxList    = 1 << 16
	maxNesting = 32
)

var errBroken = errors.New("broken Parquet: the sizes it states do not fit its own")

// compact walks over a struct in the compact protocol.
type compact struct {
	b    []byte
	page map[int64]int64 // integers of the outermost struct, by field
	rows int64           // the largest first integer of a struct within: a page's count of values
}

func (c *compact) uvarint() (uint64, error) {
	x, n := binary.Uvarint(c.b)
	if n <= 0 {
		return 0, errBroken
	}
	c.b = c.b[n:]
	return x, nil
}

func (c *compact) skip(n uint64) error {
	if n > uint64(len(c.b)) {
		return errBroken
	}
	c.b = c.b[n:]
	return nil
}

// value walks over a value of a type.
func (c *compact) value(kind byte, depth int) error {
	switch kind {
	case 1, 2: // a field's truth lies in its type; a list's takes a byte, see list
		return nil
	case 3:
		return c.skip(1)
	case 4, 5, 6:
		_, err := c.uvarint()
		return err
	case 7:
		return c.skip(8)
	case 8:
		n, err := c.uvarint()
		if err != nil {
			return err
		}
		return c.skip(n)
	case 9, 10:
		return c.list(depth)
	case 12:
		return c.object(depth + 1)
	default:
		return errBroken // Parquet has no maps
	}
}

func (c *compact) list(depth int) error {
	if len(c.b) == 0 {
		return errBroken
	}
	kind, n := c.b[0]&15, uint64(c.b[0]>>4)
	c.b = c.b[1:]
	if n == 15 {
		var err error
		if n, err = c.uvarint(); err != nil {
			return err
		}
	}
	if n > maxList || n > uint64(len(c.b)) {
		return errBroken
	}
	if kind <= 2 {
		return c.skip(n)
	}
	for range n {
		if err := c.value(kind, depth); err != nil {
			return err
		}
	}
	return nil
}

func (c *compact) object(depth int) error {
	if depth > maxNesting {
		return errBroken
	}
	for field := int64(0); ; {
		if len(c.b) == 0 {
			return errBroken
		}
		head := c.b[0]
		c.b = c.b[1:]
		if head == 0 {
			return nil
		}
		if head>>4 != 0 {
			field += int64(head >> 4)
		} else {
			id, n := binary.Varint(c.b)
			if n <= 0 {
				return errBroken
			}
			field, c.b = id, c.b[n:]
		}
		kind := head & 15
		if kind == 5 {
			c.note(field, depth)
		}
		if err := c.value(kind, depth); err != nil {
			return err
		}
	}
}

// note keeps the integers that a page's header is judged by.
func (c *compact) note(field int64, depth int) {
	x, _ := binary.Varint(c.b)
	switch {
	case c.page == nil:
	case depth == 0:
		c.page[field] = x
	case depth == 1 && field == 1:
		c.rows = max(c.rows, x)
	}
}

// checkFooter looks at the lists of the footer before the library does.
func checkFooter(r io.ReaderAt, size int64) error {
	var tail [8]byte
	if size < 12 {
		return errBroken
	}
	if _, err := r.ReadAt(tail[:], size-8); err != nil {
		return err
	}
	n := int64(binary.LittleEndian.Uint32(tail[:]))
	if n > min(size-12, maxFooter) {
		return errBroken
	}
	b := make([]byte, n)
	if _, err := r.ReadAt(b, size-8-n); err != nil {
		return err
	}
	return (&compact{b: b}).object(0)
}

// checkPages looks at the header of every page.
func checkPages(r io.ReaderAt, size int64, file *parquet.File) error {
	window := make([]byte, maxHeader)
	for _, group := range file.Metadata().RowGroups {
		for i := range group.Columns {
			m := &group.Columns[i].MetaData
			at, length := m.DataPageOffset, m.TotalCompressedSize
			if d := m.DictionaryPageOffset; d > 0 && d < at {
				at = d
			}
			if at < 0 || length < 0 || at > size || length > size-at {
				return errBroken
			}
			for end := at + length; at < end; {
				n, err := pageSize(r, at, window[:min(maxHeader, end-at)])
				if err != nil || n > end-at {
					return errors.Join(errBroken, err)
				}
				at += n
			}
		}
	}
	return nil
}

// pageSize returns the bytes of the page at a place, with its header.
func pageSize(r io.ReaderAt, at int64, window []byte) (int64, error) {
	if _, err := r.ReadAt(window, at); err != nil {
		return 0, err
	}
	c := compact{b: window, page: map[int64]int64{}}
	if err := c.object(0); err != nil {
		return 0, err
	}
	unpacked, packed := c.page[2], c.page[3]
	if unpacked < 0 || unpacked > maxPage || packed < 0 || c.rows > maxPage/8 {
		return 0, errBroken
	}
	return int64(len(window)-len(c.b)) + packed, nil
}
