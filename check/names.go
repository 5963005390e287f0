package check

import (
	"slices"
	"strings"
	"unicode"
)

// maxPlaceholder is the length of the longest placeholder, the zero UUID.
const maxPlaceholder = 36

// isPlaceholder says whether an identifier stands for none: what programs
// write where they have no value. A mere 0 may be the first of numbers; see
// placeholders.
func isPlaceholder(id string) bool {
	if len(id) > maxPlaceholder {
		return false
	}
	if strings.Trim(id, "0-") == "" && id != "0" || strings.Trim(id, "-_.?*# ") == "" {
		return true
	}
	switch strings.ToLower(strings.Trim(id, "<>[](){}\"' ")) {
	case "", "null", "nil", "none", "nan", "na", "n/a", "undefined", "unknown", "missing", "empty", "default", "object object",
		"(not set)", "not set", "-1", "false", "true", "xxx", "todo":
		return true
	}
	return false
}

// isGuest says whether a user reads as nobody in particular.
func isGuest(id string) bool {
	for _, prefix := range [...]string{"anon", "guest", "visitor", "session", "cookie"} {
		if len(id) >= len(prefix) && strings.EqualFold(id[:len(prefix)], prefix) {
			return true
		}
	}
	return false
}

// testWords are words of identifiers that stand for no goods: trials of the
// shop's own people, and lines of invoices that are fees.
func testWords() []string {
	return []string{
		"test", "dummy", "sample", "samples", "demo", "example", "foo", "asdf", "manual", "adjust", "adjustment", "post", "postage",
		"shipping", "carriage", "delivery", "freight", "fee", "fees", "amazonfee", "charge", "charges", "discount", "voucher", "gift", "giftcard",
		"coupon", "donation", "bank", "refund", "deposit", "dot", "pads", "cruk",
	}
}

// isTestCode says whether an identifier has words, and all are of testWords:
// TEST001 and BANK CHARGES, but not gift-box-red.
func isTestCode(id string, words []string) bool {
	count := 0
	for word := range strings.FieldsFuncSeq(strings.ToLower(id), func(r rune) bool { return !unicode.IsLetter(r) }) {
		if !slices.Contains(words, word) {
			return false
		}
		count++
	}
	return count > 0
}

// shapeOf is how an identifier looks: letters are a, digits are 9, runs of the
// same shortened to one.
func shapeOf(id string) string {
	shape := make([]rune, 0, len(id))
	for _, r := range id {
		switch {
		case unicode.IsDigit(r):
			r = '9'
		case unicode.IsLetter(r):
			r = 'a'
		case unicode.IsSpace(r):
			r = '_'
		}
		if len(shape) == 0 || shape[len(shape)-1] != r {
			shape = append(shape, r)
		}
	}
	return string(shape[:min(len(shape), 40)])
}

// foldID is what variants of one identifier have in common: neither case nor
// surrounding space nor leading zeros.
func foldID(id string) string {
	folded := strings.ToLower(strings.TrimSpace(id))
	if short := strings.TrimLeft(folded, "0"); short != "" && short[0] <= '9' && short[0] > '0' {
		return short
	}
	return folded
}

// isDamaged says whether a text was decoded by the wrong encoding: UTF-8 read
// as Latin-1 or Windows-1252, or replaced characters.
func isDamaged(text string) bool {
	if isASCII(text) {
		return false
	}
	runes := []rune(text)
	for i, r := range runes {
		if r == unicode.ReplacementChar {
			return true
		}
		if i+1 == len(runes) {
			break
		}
		next := runes[i+1]
		switch r {
		case 'Ã':
			if next >= 0x80 && next <= 0xBF || strings.ContainsRune("€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ", next) {
				return true
			}
		case 'Â':
			if next >= 0xA0 && next <= 0xBF {
				return true
			}
		case 'â':
			if next == '€' || next == 0x80 {
				return true
			}
		}
	}
	return false
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return false
		}
	}
	return true
}
