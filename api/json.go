package api

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"kindred"
)

// Bounds of a body's shape. They keep the work for one body linear in its size.
const (
	maxDepth  = 64 // nested objects and arrays
	maxFaults = 20 // reported per row; a row with more is as wrong as one with 20
)

// reader reads one JSON text strictly (RFC 8259): no unknown fields, no field
// given twice, no invalid UTF-8, no lone surrogates, nothing after the end.
// encoding/json lets most of these pass (BenchmarkReadBatchPlain compares).
//
// Two things can go wrong. A text that is not JSON stops the reader for good
// (failure: 400, with the offset). A value that is JSON but not what is wanted
// becomes a fault at its place (422), and reading goes on behind it, so that a
// client learns all faults at once and a batch loses only the row.
type reader struct {
	data    []byte
	pos     int
	depth   int
	path    []byte // where the reader is: body.events[3].value
	faults  []kindred.FieldError
	unfit   []kindred.FieldError // of what was read without faults; see finish
	failure *syntaxError
}

// syntaxError says where a text stops being JSON.
type syntaxError struct {
	location string
	offset   int
	message  string
}

// Error returns the message with its place.
func (e *syntaxError) Error() string {
	return fmt.Sprintf("%s at offset %d", e.message, e.offset)
}

func newReader(data []byte) *reader {
	return &reader{data: data, path: append(make([]byte, 0, 64), "body"...)}
}

// end says that the text must be over, and returns the first thing that
// stopped it from being JSON.
func (r *reader) end() error {
	r.space()
	if r.failure == nil && r.pos < len(r.data) {
		r.fail("unexpected data after the end of the JSON value")
	}
	if r.failure != nil {
		return r.failure
	}
	return nil
}

func (r *reader) fail(message string) {
	if r.failure == nil {
		r.failure = &syntaxError{string(r.path), r.pos, message}
	}
	r.pos = len(r.data) // every loop ends here
}

func (r *reader) unexpected() {
	switch {
	case r.failure != nil:
	case r.pos >= len(r.data):
		r.fail("the JSON ends too early")
	case bytes.HasPrefix(r.data[r.pos:], []byte("NaN")), bytes.HasPrefix(r.data[r.pos:], []byte("Infinity")):
		r.fail("NaN and Infinity are not JSON; a number must be finite")
	default:
		c, _ := utf8.DecodeRune(r.data[r.pos:])
		r.fail(fmt.Sprintf("malformed JSON: unexpected %q", c))
	}
}

func (r *reader) fault(message string) {
	if len(r.faults) < maxFaults {
		r.faults = append(r.faults, kindred.FieldError{Field: string(r.path), Message: message})
	}
}

// takeFaults returns the faults since the last call.
func (r *reader) takeFaults() []kindred.FieldError {
	faults := r.faults
	r.faults = nil
	return faults
}

func (r *reader) space() {
	for r.pos < len(r.data) {
		switch r.data[r.pos] {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return
		}
	}
}

// peek returns the first byte of the next token, or 0 at the end.
func (r *reader) peek() byte {
	r.space()
	if r.pos >= len(r.data) {
		return 0
	}
	return r.data[r.pos]
}

// take consumes c if it is the next token.
func (r *reader) take(c byte) bool {
	if r.peek() != c {
		return false
	}
	r.pos++
	return true
}

func (r *reader) expect(c byte) bool {
	if r.take(c) {
		return true
	}
	r.unexpected()
	return false
}

// enter opens an object or array, or records that there is none.
func (r *reader) enter(bracket byte, name string) bool {
	if !r.take(bracket) {
		r.wrongType(name)
		return false
	}
	r.depth++
	if r.depth > maxDepth {
		r.fail(fmt.Sprintf("nested deeper than %d", maxDepth))
		return false
	}
	return true
}

// more says whether another member or element follows the n before it; it
// consumes the comma or the closing bracket.
func (r *reader) more(closing byte, n int) bool {
	if r.failure != nil {
		return false
	}
	if n > 0 && r.take(',') {
		return true
	}
	if r.take(closing) {
		r.depth--
		return false
	}
	if n > 0 {
		r.unexpected()
	}
	return n == 0
}

// members reads an object; value must consume each member's value. The path
// names the member meanwhile. Names given twice are faults.
func (r *reader) members(value func(name []byte)) {
	if !r.enter('{', "an object") {
		return
	}
	for n := 0; r.more('}', n); n++ {
		if r.peek() != '"' {
			r.unexpected()
			return
		}
		name := r.scanString()
		if !r.expect(':') {
			return
		}
		back := len(r.path)
		r.path = append(r.path, '.')
		r.path = append(r.path, name[:min(len(name), kindred.MaxID)]...)
		value(name)
		r.path = r.path[:back]
	}
}

// fields reads an object of known fields, at most 64; value must consume the
// value of the field with that place in names. A field that is null is taken
// as absent.
func (r *reader) fields(names []string, value func(field int)) {
	var seen uint64
	r.members(func(name []byte) {
		field := indexOf(names, name)
		switch {
		case field < 0:
			r.fault("is not a known field")
			r.skip()
		case seen&(1<<field) != 0:
			r.fault("is given twice")
			r.skip()
		case r.peek() == 'n':
			seen |= 1 << field
			r.skip()
		default:
			seen |= 1 << field
			value(field)
		}
	})
}

func indexOf(names []string, name []byte) int {
	for i := range names {
		if names[i] == string(name) {
			return i
		}
	}
	return -1
}

// elements reads an array of at most limit elements; value must consume each.
func (r *reader) elements(limit int, value func(i int)) {
	if !r.enter('[', "an array") {
		return
	}
	back := len(r.path)
	for i := 0; r.more(']', i); i++ {
		if i == limit {
			r.fault(fmt.Sprintf("has more than %d elements", limit))
		}
		if i >= limit {
			r.skip()
			continue
		}
		r.path = append(r.path, '[')
		r.path = strconv.AppendInt(r.path, int64(i), 10)
		r.path = append(r.path, ']')
		value(i)
		r.path = r.path[:back]
	}
}

// strings reads an array of at most limit strings.
func (r *reader) strings(limit int) []string {
	var list []string
	r.elements(limit, func(int) { list = append(list, r.text()) })
	return list
}

// text reads a string.
func (r *reader) text() string { return string(r.textBytes()) }

// textBytes reads a string that is valid until the next call on the reader.
func (r *reader) textBytes() []byte {
	if r.peek() != '"' {
		r.wrongType("a string")
		return nil
	}
	return r.scanString()
}

// number reads a finite number.
func (r *reader) number() float64 {
	if c := r.peek(); c != '-' && (c < '0' || c > '9') {
		r.wrongType("a number")
		return 0
	}
	start := r.pos
	simple := r.scanNumber()
	if r.failure != nil {
		return 0
	}
	if digits := r.data[start:r.pos]; simple && len(digits) <= 15 {
		return smallDecimal(digits)
	}
	x, err := strconv.ParseFloat(string(r.data[start:r.pos]), 64)
	if err != nil {
		r.fault("is too large for a number")
		return 0
	}
	return x
}

// smallDecimal parses at most 15 characters of digits, point and sign. Both
// the digits and the power of ten are exact in a float64, so that one division
// rounds correctly (W. Clinger, How to read floating point numbers accurately,
// PLDI 1990).
func smallDecimal(digits []byte) float64 {
	mantissa, scale := 0.0, 1.0
	point := false
	for _, c := range digits {
		switch {
		case c == '.':
			point = true
		case c != '-':
			mantissa = mantissa*10 + float64(c-'0')
			if point {
				scale *= 10
			}
		}
	}
	if digits[0] == '-' {
		mantissa = -mantissa
	}
	return mantissa / scale
}

// integer reads a whole number between low and high.
func (r *reader) integer(low, high int) int {
	before := len(r.faults)
	x := r.number()
	if len(r.faults) > before || r.failure != nil {
		return 0
	}
	if x != math.Trunc(x) || x < float64(low) || x > float64(high) {
		r.fault(fmt.Sprintf("must be a whole number from %d to %d", low, high))
		return 0
	}
	return int(x)
}

// boolean reads true or false.
func (r *reader) boolean() bool {
	c := r.peek()
	if c != 't' && c != 'f' {
		r.wrongType("true or false")
		return false
	}
	r.skip()
	return c == 't'
}

// raw returns a copy of the next value's text.
func (r *reader) raw() []byte {
	r.space()
	start := r.pos
	r.skip()
	return slices.Clone(r.data[start:r.pos])
}

// wrongType records that the next value is not what is wanted, and skips it.
func (r *reader) wrongType(want string) {
	var got string
	switch c := r.peek(); {
	case c == '"':
		got = "a string"
	case c == '{':
		got = "an object"
	case c == '[':
		got = "an array"
	case c == 't' || c == 'f':
		got = "a boolean"
	case c == 'n':
		got = "null"
	case c == '-' || c >= '0' && c <= '9':
		got = "a number"
	default:
		r.unexpected()
		return
	}
	r.skip()
	if r.failure == nil {
		r.fault("must be " + want + ", is " + got)
	}
}
