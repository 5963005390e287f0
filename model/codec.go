package model

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"kindred/linalg"
)

// A learned shape on disk, little-endian throughout:
//
//	"KNDM"  u32 version  u32 length, shape name
//	then the shape's own fields; a slice is a u64 length and its elements
//
// The hash that guards the bytes is kept by whoever keeps the file. Reading
// trusts nothing: lengths are bounded and grow with the bytes that really come,
// numbers are finite, indices in range.
const (
	magic         = "KNDM"
	formatVersion = 2
	maxElements   = 1 << 34 // of one slice: beyond any model that fits in memory
	maxItems      = 1 << 31 // an item index is an int32
	maxDepth      = 8       // of shapes within shapes
	chunk         = 1 << 14 // elements encoded at once
)

var errCorrupt = errors.New("model: the file is damaged or not a model (restore it or train again)")

// encoder writes fields and keeps the first error.
type encoder struct {
	w   *bufio.Writer
	n   int64
	buf []byte
	err error
}

func newEncoder(w io.Writer, shape string) *encoder {
	e := &encoder{w: bufio.NewWriterSize(w, 1<<16)}
	e.bytes([]byte(magic))
	e.u32(formatVersion)
	e.text(shape)
	return e
}

func (e *encoder) bytes(b []byte) {
	if e.err == nil {
		var n int
		n, e.err = e.w.Write(b)
		e.n += int64(n)
	}
}

func (e *encoder) u32(x uint32) { e.bytes(binary.LittleEndian.AppendUint32(nil, x)) }
func (e *encoder) u64(x uint64) { e.bytes(binary.LittleEndian.AppendUint64(nil, x)) }

// text writes a short word.
func (e *encoder) text(word string) {
	e.u32(uint32(len(word)))
	e.bytes([]byte(word))
}

func (e *encoder) f64(x float64) { e.u64(math.Float64bits(x)) }

// words writes a slice whose elements word turns into 32 bits.
func (e *encoder) words(n int, word func(i int) uint32) {
	e.u64(uint64(n))
	for lo := 0; lo < n; lo += chunk {
		e.buf = e.buf[:0]
		for i := lo; i < min(lo+chunk, n); i++ {
			e.buf = binary.LittleEndian.AppendUint32(e.buf, word(i))
		}
		e.bytes(e.buf)
	}
}

func (e *encoder) float32s(x []float32) {
	e.words(len(x), func(i int) uint32 { return math.Float32bits(x[i]) })
}

func (e *encoder) int32s(x []int32) {
	e.words(len(x), func(i int) uint32 { return uint32(x[i]) })
}

// matrix writes a sparse matrix.
func (e *encoder) matrix(m *linalg.CSR) {
	e.u64(uint64(m.Width))
	e.words(m.Rows(), func(r int) uint32 { return uint32(m.Starts[r+1] - m.Starts[r]) })
	e.int32s(m.Cols)
	e.float32s(m.Vals)
}

func (e *encoder) bools(x []bool) {
	e.words(len(x), func(i int) uint32 {
		if x[i] {
			return 1
		}
		return 0
	})
}

// nested writes a shape within a shape.
func (e *encoder) nested(learned io.WriterTo) {
	if e.err == nil {
		var n int64
		n, e.err = learned.WriteTo(e.w)
		e.n += n
	}
}

// close returns what io.WriterTo promises.
func (e *encoder) close() (int64, error) {
	if e.err == nil {
		e.err = e.w.Flush()
	}
	if e.err != nil {
		return e.n, fmt.Errorf("model: writing a model: %w", e.err)
	}
	return e.n, nil
}

// decoder reads fields and keeps the first error; after it all reads are zero.
type decoder struct {
	r     *bufio.Reader
	buf   [4 * chunk]byte
	depth int // of shapes within shapes
	err   error
}

// shapes lists what reads each learned shape.
func shapes() map[string]func(*decoder) Learned {
	return map[string]func(*decoder) Learned{
		shapePopularity:       func(d *decoder) Learned { return readPopularity(d) },
		shapeUserNeighbours:   func(d *decoder) Learned { return readUserNeighbours(d) },
		shapeRepeats:          func(d *decoder) Learned { return readRepeats(d) },
		shapeRules:            func(d *decoder) Learned { return readRules(d) },
		shapeItemItem:         func(d *decoder) Learned { return readItemItem(d) },
		shapeFactors:          func(d *decoder) Learned { return readFactors(d) },
		shapeFeatured:         func(d *decoder) Learned { return readFeatureFactors(d) },
		shapeEmbedding:        func(d *decoder) Learned { return readEmbedding(d) },
		shapeMixture:          func(d *decoder) Learned { return readMixture(d) },
		shapeStacked:          func(d *decoder) Learned { return readStacked(d) },
		shapeFilter:           func(d *decoder) Learned { return readFilter(d) },
		shapeBiases:           func(d *decoder) Learned { return readBiases(d) },
		shapeDeviations:       func(d *decoder) Learned { return readDeviations(d) },
		shapeRatingNeighbours: func(d *decoder) Learned { return readRatingNeighbours(d) },
		shapeRatingPeople:     func(d *decoder) Learned { return readRatingPeople(d) },
		shapeRatingParts:      func(d *decoder) Learned { return readRatingParts(d) },
		shapeRatingFactors:    func(d *decoder) Learned { return readRatingFactors(d) },
		shapeRatingDraws:      func(d *decoder) Learned { return readRatingDraws(d) },
	}
}

// rowShapes lists what reads each learned shape over rows.
func rowShapes() map[string]func(*decoder) RowModel {
	return map[string]func(*decoder) RowModel{
		shapeLinear:     func(d *decoder) RowModel { return readLinear(d) },
		shapeRowFactors: func(d *decoder) RowModel { return readRowFactors(d) },
		shapeTrees:      func(d *decoder) RowModel { return readTrees(d) },
		shapeCalibrated: func(d *decoder) RowModel { return readCalibrated(d) },
		shapeRowStacked: func(d *decoder) RowModel { return readRowStacked(d) },
	}
}

// Read reads what a learned shape's WriteTo wrote.
func Read(r io.Reader) (Learned, error) { return read(newDecoder(r), shapes()) }

// ReadRows reads what the WriteTo of a learned shape over rows wrote.
func ReadRows(r io.Reader) (RowModel, error) { return read(newDecoder(r), rowShapes()) }

func newDecoder(r io.Reader) *decoder { return &decoder{r: bufio.NewReaderSize(r, 1<<16)} }

// read reads one of the shapes, heading included.
func read[T any](d *decoder, shapes map[string]func(*decoder) T) (learned T, err error) {
	var none T
	if string(d.bytes(len(magic))) != magic {
		return none, d.fail()
	}
	if version := d.u32(); version != formatVersion {
		if d.err != nil {
			return none, d.fail()
		}
		return none, fmt.Errorf("model: the file has format %d, this program reads %d (train again)", version, formatVersion)
	}
	shape := d.text()
	body, known := shapes[shape]
	if !known && d.err == nil {
		return none, fmt.Errorf("model: the file holds the unknown shape %q (train again)", shape)
	}
	if d.err != nil {
		return none, d.fail()
	}
	learned = body(d)
	if d.err != nil {
		return none, d.fail()
	}
	return learned, nil
}

// nested reads a shape within a shape; nil after an error.
func (d *decoder) nested() Learned {
	d.depth++
	d.check(d.depth <= maxDepth)
	learned, err := read(d, shapes())
	d.depth--
	if err != nil && d.err == nil {
		d.err = err
	}
	return learned
}

// nestedTrees reads trees within a shape; nil after an error.
func (d *decoder) nestedTrees() *Trees {
	learned, err := read(d, map[string]func(*decoder) *Trees{shapeTrees: readTrees})
	if err != nil && d.err == nil {
		d.err = err
	}
	return learned
}

// fail tells a damaged file from a reader that broke.
func (d *decoder) fail() error {
	if d.err == nil || errors.Is(d.err, errCorrupt) || errors.Is(d.err, io.EOF) || errors.Is(d.err, io.ErrUnexpectedEOF) {
		return errCorrupt
	}
	return fmt.Errorf("model: reading a model: %w", d.err)
}

// check makes the file corrupt unless ok.
func (d *decoder) check(conditions ...bool) {
	for _, ok := range conditions {
		if !ok && d.err == nil {
			d.err = errCorrupt
		}
	}
}

// bytes reads n ≤ len(d.buf) bytes, valid until the next read.
func (d *decoder) bytes(n int) []byte {
	b := d.buf[:n]
	if d.err == nil {
		_, d.err = io.ReadFull(d.r, b)
	}
	if d.err != nil {
		clear(b)
	}
	return b
}

func (d *decoder) u32() uint32  { return binary.LittleEndian.Uint32(d.bytes(4)) }
func (d *decoder) u64() uint64  { return binary.LittleEndian.Uint64(d.bytes(8)) }
func (d *decoder) f64() float64 { return math.Float64frombits(d.u64()) }

// text reads a word of at most 64 bytes.
func (d *decoder) text() string {
	length := d.u32()
	d.check(length <= 64)
	if d.err != nil {
		return ""
	}
	return string(d.bytes(int(length)))
}

// words reads a slice of 32-bit elements. Memory grows with the bytes that
// come, so a false length costs nothing.
func words[T int32 | float32](d *decoder, element func(uint32) T) []T {
	n := d.u64()
	d.check(n <= maxElements)
	var x []T
	for d.err == nil && uint64(len(x)) < n {
		part := min(chunk, int(n)-len(x))
		b := d.bytes(4 * part)
		if len(x)+part > cap(x) {
			grown := make([]T, len(x), min(int(n), max(2*cap(x), 1<<16)))
			copy(grown, x)
			x = grown
		}
		for i := range part {
			x = append(x, element(binary.LittleEndian.Uint32(b[4*i:])))
		}
	}
	return x
}

func (d *decoder) float32s() []float32 {
	x := words(d, math.Float32frombits)
	for _, v := range x {
		d.check(v-v == 0) // false for NaN and the infinities
	}
	return x
}

func (d *decoder) int32s() []int32 {
	return words(d, func(bits uint32) int32 { return int32(bits) })
}

// matrix reads a sparse matrix.
func (d *decoder) matrix() *linalg.CSR {
	width := d.u64()
	d.check(width < maxItems)
	lengths := d.int32s()
	m := &linalg.CSR{Starts: make([]int, len(lengths)+1), Cols: d.int32s(), Vals: d.float32s(), Width: int(width)}
	for r, n := range lengths {
		d.check(n >= 0)
		m.Starts[r+1] = m.Starts[r] + int(n)
	}
	for _, c := range m.Cols {
		d.check(c >= 0, int(c) < m.Width)
	}
	d.check(len(lengths) < maxItems, m.Starts[len(lengths)] == len(m.Cols), len(m.Cols) == len(m.Vals))
	return m
}

func (d *decoder) bools() []bool {
	bits := d.int32s()
	x := make([]bool, len(bits))
	for i, bit := range bits {
		d.check(bit == 0 || bit == 1)
		x[i] = bit == 1
	}
	return x
}
