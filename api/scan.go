package api

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// skip consumes the next value, whatever it is.
func (r *reader) skip() {
	switch c := r.peek(); {
	case r.failure != nil:
	case c == '"':
		r.scanString()
	case c == '{':
		r.skipObject()
	case c == '[':
		r.enter('[', "")
		for n := 0; r.more(']', n); n++ {
			r.skip()
		}
	case c == '-' || c >= '0' && c <= '9':
		r.scanNumber()
	default:
		r.scanWord()
	}
}

func (r *reader) skipObject() {
	r.enter('{', "")
	for n := 0; r.more('}', n); n++ {
		if r.peek() != '"' {
			r.unexpected()
			return
		}
		r.scanString()
		if !r.expect(':') {
			return
		}
		r.skip()
	}
}

func (r *reader) scanWord() {
	for _, word := range [...]string{"null", "true", "false"} {
		if bytes.HasPrefix(r.data[r.pos:], []byte(word)) {
			r.pos += len(word)
			return
		}
	}
	r.unexpected()
}

// scanNumber consumes a number of JSON's grammar, and says whether it has no
// exponent.
func (r *reader) scanNumber() (simple bool) {
	digits := func() {
		start := r.pos
		for r.pos < len(r.data) && r.data[r.pos]-'0' <= 9 {
			r.pos++
		}
		if r.pos == start {
			r.unexpected()
		}
	}
	if r.data[r.pos] == '-' {
		r.pos++
	}
	if r.pos < len(r.data) && r.data[r.pos] == '0' {
		r.pos++
	} else {
		digits()
	}
	if r.pos < len(r.data) && r.data[r.pos] == '.' {
		r.pos++
		digits()
	}
	if r.pos >= len(r.data) || r.data[r.pos]|0x20 != 'e' {
		return true
	}
	r.pos++
	if r.pos < len(r.data) && (r.data[r.pos] == '+' || r.data[r.pos] == '-') {
		r.pos++
	}
	digits()
	return false
}

// scanString consumes a string, and returns its content: a piece of the data
// if nothing in it is escaped.
func (r *reader) scanString() []byte {
	start := r.pos + 1
	ascii := true
	for i := start; i < len(r.data); i++ {
		switch c := r.data[i]; {
		case c == '"':
			text := r.data[start:i]
			if !ascii && !utf8.Valid(text) {
				r.fail("a string is not valid UTF-8")
				return nil
			}
			r.pos = i + 1
			return text
		case c == '\\':
			return r.unescape(start, i)
		case c < ' ':
			r.pos = i
			r.fail("a control character in a string must be escaped")
			return nil
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	r.pos = len(r.data)
	r.fail("the JSON ends within a string")
	return nil
}

// unescape reads a string that starts at start and has its first backslash at i.
func (r *reader) unescape(start, i int) []byte {
	text := append(make([]byte, 0, 2*(i-start)+16), r.data[start:i]...)
	for r.pos = i; r.pos < len(r.data); {
		switch c := r.data[r.pos]; {
		case c == '"':
			r.pos++
			if !utf8.Valid(text) {
				r.fail("a string is not valid UTF-8")
			}
			return text
		case c == '\\':
			text = r.escape(text)
		case c < ' ':
			r.fail("a control character in a string must be escaped")
		default:
			text = append(text, c)
			r.pos++
		}
	}
	r.fail("the JSON ends within a string")
	return nil
}

// escape appends the character that the escape at the reader's place stands for.
func (r *reader) escape(text []byte) []byte {
	const letters, meanings = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	if r.pos+1 >= len(r.data) {
		r.pos = len(r.data)
		return text
	}
	c := r.data[r.pos+1]
	if c == 'u' {
		return r.escapedRune(text)
	}
	k := bytes.IndexByte([]byte(letters), c)
	if k < 0 {
		r.fail(`malformed JSON: a backslash must be followed by one of "\/bfnrtu`)
		return text
	}
	r.pos += 2
	return append(text, meanings[k])
}

func (r *reader) escapedRune(text []byte) []byte {
	c, ok := r.hex4(r.pos + 2)
	if !ok {
		r.fail(`malformed JSON: \u must be followed by four hexadecimal digits`)
		return text
	}
	size := 6
	if utf16.IsSurrogate(c) {
		var low rune
		if bytes.HasPrefix(r.data[r.pos+6:], []byte(`\u`)) {
			low, _ = r.hex4(r.pos + 8)
		}
		if c = utf16.DecodeRune(c, low); c == utf8.RuneError {
			r.fail("half a surrogate pair is no character")
			return text
		}
		size = 12
	}
	r.pos += size
	return utf8.AppendRune(text, c)
}

func (r *reader) hex4(at int) (rune, bool) {
	if at+4 > len(r.data) {
		return 0, false
	}
	var c rune
	for _, digit := range r.data[at : at+4] {
		switch {
		case digit-'0' <= 9:
			c = c<<4 | rune(digit-'0')
		case digit|0x20 >= 'a' && digit|0x20 <= 'f':
			c = c<<4 | rune(digit|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return c, true
}
