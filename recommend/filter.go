package recommend

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"kindred"
)

// Limits of a filter, so that its cost has one too.
const (
	maxFilterBytes = 1 << 10
	maxTerms       = 10
)

// Filter keeps items whose attributes meet all its terms:
//
//	price<=20 and brand="Acme" and genres has "Comedy" and in_stock=true
//
// A term is a name, one of = != < <= > >= has, and a value: a number, true,
// false or a quoted string. Names are attributes of the item; price, title and
// category stand for what every item has, and category="Shoes" holds if any of
// the item's categories is Shoes. A term about an attribute that an item does
// not have, or has with another type, is false, != included.
type Filter struct {
	terms []term
	text  string // normalised; equal filters have equal texts
}

type term struct {
	name   string
	op     string
	number float64
	text   string
	kind   kindred.AttributeType // of the value: Number, Bool or String
	is     bool                  // a Bool's value
}

// ParseFilter reads a filter. Errors name the place, in bytes from 1.
func ParseFilter(expr string) (*Filter, error) {
	if len(expr) > maxFilterBytes {
		return nil, kindred.Errorf(kindred.Invalid, "the filter has %d bytes, more than %d", len(expr), maxFilterBytes)
	}
	p := filterParser{rest: expr, whole: expr}
	f := &Filter{}
	for {
		t, err := p.term()
		if err != nil {
			return nil, err
		}
		if f.terms = append(f.terms, t); len(f.terms) > maxTerms {
			return nil, kindred.Errorf(kindred.Invalid, "the filter has more than %d terms", maxTerms)
		}
		if p.skip(); p.rest == "" {
			f.normalise()
			return f, nil
		}
		if word := p.word(); word != "and" {
			return nil, p.fault("expected 'and' between terms")
		}
	}
}

// And returns the filter with a category added to what it asks for. The
// receiver may be nil.
func (f *Filter) And(category string) *Filter {
	g := &Filter{terms: []term{{name: "category", op: "=", text: category, kind: kindred.String}}}
	if f != nil {
		g.terms = append(g.terms, f.terms...)
	}
	g.normalise()
	return g
}

// String returns the filter as it could be parsed again.
func (f *Filter) String() string { return f.text }

func (f *Filter) normalise() {
	terms := make([]string, len(f.terms))
	for i, t := range f.terms {
		value := strconv.Quote(t.text)
		switch t.kind {
		case kindred.Number:
			value = strconv.FormatFloat(t.number, 'g', -1, 64)
		case kindred.Bool:
			value = strconv.FormatBool(t.is)
		}
		terms[i] = t.name + " " + t.op + " " + value
	}
	f.text = strings.Join(terms, " and ")
}

// Match says whether an item meets all terms. A nil filter keeps everything;
// an item of which nothing is known (nil) meets no term.
func (f *Filter) Match(item *kindred.Item) bool {
	if f == nil {
		return true
	}
	if item == nil {
		return false
	}
	for i := range f.terms {
		if !f.terms[i].match(item) {
			return false
		}
	}
	return true
}

func (t *term) match(item *kindred.Item) bool {
	switch t.name {
	case "price":
		return t.kind == kindred.Number && compare(t.op, item.Price, t.number)
	case "title":
		return t.kind == kindred.String && compare(t.op, item.Title, t.text)
	case "category":
		return t.kind == kindred.String && (t.op == "!=") != slices.Contains(item.Categories, t.text)
	}
	a, has := item.Attributes[t.name]
	switch {
	case !has:
		return false
	case a.Type == kindred.Number && t.kind == kindred.Number:
		return compare(t.op, a.Number, t.number)
	case a.Type == kindred.Bool && t.kind == kindred.Bool:
		return (t.op == "=" && a.Bool == t.is) || (t.op == "!=" && a.Bool != t.is)
	case (a.Type == kindred.String || a.Type == kindred.Text) && t.kind == kindred.String:
		return compare(t.op, a.Text, t.text)
	case a.Type == kindred.StringSet && t.kind == kindred.String:
		_, in := slices.BinarySearch(a.Set, t.text)
		return in == (t.op != "!=") && !strings.ContainsAny(t.op, "<>")
	case a.Type == kindred.Time && t.kind == kindred.String:
		return compare(t.op, a.Time.UTC().Format("2006-01-02T15:04:05Z"), t.text)
	}
	return false
}

func compare[T float64 | string](op string, a, b T) bool {
	switch op {
	case "=":
		return a == b
	case "!=":
		return a != b
	case "<":
		return a < b
	case "<=":
		return a <= b
	case ">":
		return a > b
	case ">=":
		return a >= b
	}
	return false // has
}

// filterParser reads a filter from left to right.
type filterParser struct{ whole, rest string }

func (p *filterParser) fault(what string) error {
	return kindred.Errorf(kindred.Invalid, "at %d: %s (write terms such as price<=20, brand=\"Acme\" or genres has \"Comedy\", joined by and)",
		len(p.whole)-len(p.rest)+1, what)
}

func (p *filterParser) skip() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

// word reads letters, digits, '_', '.' and '-'; empty if there are none.
func (p *filterParser) word() string {
	p.skip()
	end := strings.IndexFunc(p.rest, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_.-", r)
	})
	if end < 0 {
		end = len(p.rest)
	}
	word := p.rest[:end]
	p.rest = p.rest[end:]
	return word
}

func (p *filterParser) term() (t term, err error) {
	if !utf8.ValidString(p.rest) {
		return t, p.fault("not UTF-8")
	}
	if t.name = p.word(); t.name == "" {
		return t, p.fault("expected the name of an attribute")
	}
	p.skip()
	for _, op := range []string{"!=", "<=", ">=", "=", "<", ">", "has "} {
		if rest, found := strings.CutPrefix(p.rest, op); found {
			t.op, p.rest = strings.TrimSpace(op), rest
			return t, p.value(&t)
		}
	}
	return t, p.fault("expected one of = != < <= > >= has")
}

func (p *filterParser) value(t *term) error {
	p.skip()
	if strings.HasPrefix(p.rest, `"`) {
		quoted, err := strconv.QuotedPrefix(p.rest)
		if err != nil {
			return p.fault("the string has no end")
		}
		if t.text, err = strconv.Unquote(quoted); err != nil {
			return p.fault("the string does not read")
		}
		p.rest, t.kind = p.rest[len(quoted):], kindred.String
		return nil
	}
	start := *p
	word := p.word()
	switch number, err := strconv.ParseFloat(word, 64); {
	case word == "true" || word == "false":
		t.kind, t.is = kindred.Bool, word == "true"
		if t.op != "=" && t.op != "!=" {
			return start.fault(fmt.Sprintf("%s is compared by = or !=", word))
		}
	case err == nil && number-number == 0:
		t.kind, t.number = kindred.Number, number
	default:
		return start.fault("expected a number, true, false or a string in double quotes")
	}
	if t.op == "has" {
		return start.fault("has wants a string in double quotes")
	}
	return nil
}
