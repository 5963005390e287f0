package format

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"kindred"
)

// npyMagic opens every file of one NumPy array; after it: the version's two
// bytes, the length of the header, and the header, a Python dictionary.
const npyMagic = "\x93NUMPY"

// maxNPYHeader bounds a header; NumPy's own are a line.
const maxNPYHeader = 1 << 16

// WriteNPY writes a matrix of rows with the given number of columns as NumPy's
// array of float32 in C order, version 1.0 of the format.
func WriteNPY(w io.Writer, values []float32, columns int) error {
	if columns < 1 || len(values)%columns != 0 {
		return fmt.Errorf("format: %d numbers are no rows of %d", len(values), columns)
	}
	header := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", len(values)/columns, columns)
	const align, before = 64, len(npyMagic) + 4
	header += strings.Repeat(" ", align-1-(before+len(header))%align) + "\n"
	b := bufio.NewWriterSize(w, 1<<16)
	_, _ = b.WriteString(npyMagic + "\x01\x00") // an error stays with the buffer until Flush
	_, _ = b.Write(binary.LittleEndian.AppendUint16(nil, uint16(len(header))))
	_, _ = b.WriteString(header)
	var cell [4]byte
	for _, x := range values {
		binary.LittleEndian.PutUint32(cell[:], math.Float32bits(x))
		_, _ = b.Write(cell[:])
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("format: writing npy: %w", err)
	}
	return nil
}

// ReadNPY reads what NumPy saved of a matrix of float32 or float64 in C order,
// of either byte order; NaN, which says that a value is missing, stays. Memory
// grows with the bytes that come.
func ReadNPY(r io.Reader) (values []float32, columns int, err error) {
	b := bufio.NewReaderSize(r, 1<<16)
	h, err := npyHeader(b)
	if err != nil {
		return nil, 0, err
	}
	cell := make([]byte, h.size)
	for range h.rows * h.columns {
		if _, err := io.ReadFull(b, cell); err != nil {
			return nil, 0, badNPY("ends after %d of %d numbers", len(values), h.rows*h.columns)
		}
		x := float64(math.Float32frombits(h.order.Uint32(cell)))
		if h.size == 8 {
			x = math.Float64frombits(h.order.Uint64(cell))
		}
		if math.Abs(x) > math.MaxFloat32 {
			return nil, 0, badNPY("holds %v in row %d", x, len(values)/h.columns)
		}
		if n := len(values); n == cap(values) { // double, but not beyond the end
			values = slices.Grow(values, min(h.rows*h.columns-n, max(n, 1<<16)))
		}
		values = append(values, float32(x))
	}
	if _, err := b.ReadByte(); !errors.Is(err, io.EOF) {
		return nil, 0, badNPY("goes on after %d numbers", len(values))
	}
	return values, h.columns, nil
}

func badNPY(format string, args ...any) error {
	return kindred.Errorf(kindred.Invalid, "the npy file "+format+" (save a matrix of float32 or float64 in C order)", args...)
}

type npy struct {
	rows, columns int
	size          int // bytes of a number
	order         binary.ByteOrder
}

func npyHeader(b *bufio.Reader) (npy, error) {
	head := make([]byte, len(npyMagic)+2)
	if _, err := io.ReadFull(b, head); err != nil || string(head[:len(npyMagic)]) != npyMagic {
		return npy{}, badNPY("is none")
	}
	var length uint32
	if head[len(npyMagic)] == 1 {
		var short uint16
		if err := binary.Read(b, binary.LittleEndian, &short); err != nil {
			return npy{}, badNPY("ends in its header")
		}
		length = uint32(short)
	} else if err := binary.Read(b, binary.LittleEndian, &length); err != nil {
		return npy{}, badNPY("ends in its header")
	}
	if length > maxNPYHeader {
		return npy{}, badNPY("has a header of %d bytes", length)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(b, text); err != nil {
		return npy{}, badNPY("ends in its header")
	}
	return parseNPY(string(text))
}

// parseNPY reads a header such as
// {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }.
func parseNPY(text string) (npy, error) {
	h := npy{size: 4, order: binary.LittleEndian}
	switch {
	case !strings.Contains(text, "'fortran_order': False"):
		return h, badNPY("is in Fortran order")
	case strings.Contains(text, "'<f4'"):
	case strings.Contains(text, "'<f8'"):
		h.size = 8
	case strings.Contains(text, "'>f4'"):
		h.order = binary.BigEndian
	case strings.Contains(text, "'>f8'"):
		h.size, h.order = 8, binary.BigEndian
	default:
		return h, badNPY("holds no floats: %.100s", text)
	}
	shape := regexp.MustCompile(`'shape': \((\d{1,10}), ?(\d{1,10})\)`).FindStringSubmatch(text)
	if shape == nil {
		return h, badNPY("is no matrix: %.100s", text)
	}
	h.rows, _ = strconv.Atoi(shape[1]) // ten digits always fit
	h.columns, _ = strconv.Atoi(shape[2])
	if h.columns < 1 || h.rows > math.MaxInt32 || h.columns > math.MaxInt32 {
		return h, badNPY("has the shape (%d, %d)", h.rows, h.columns)
	}
	return h, nil
}
