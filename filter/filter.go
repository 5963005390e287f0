// Package filter is the small language that says which items, users or events
// are meant: comparisons of attributes joined by and.
package filter

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
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
// A term is a name, one of = != < <= > >= has under, and a value: a number,
// true, false or a quoted string. Names are attributes of the item; price (what
// is asked at present), title, category, group and stock stand for what every
// item has. About a set of words, such as category, = and has ask whether the
// value is among them, and under whether it or one below it is: of
// category under "Home", "Home > Kitchen" is one. A time is compared
// with "2026-01-02" or "2026-01-02T15:04:05Z". A term about an attribute that
// an item does not have, or has with another type, is false, != included.
type Filter struct {
	terms []term
	text  string // normalised; equal filters have equal texts
}

type term struct {
	name   string
	op     string
	kind   kindred.AttributeType // of the value: Number, Bool or String
	number float64
	is     bool // a Bool's value
	text   string
	time   time.Time // that text means; zero: none
}

func stringTerm(name, op, text string) term {
	t := term{name: name, op: op, kind: kindred.String, text: text}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil {
			t.time = at
		}
	}
	return t
}

// Parse reads a filter. Errors name the place, in bytes from 1.
func Parse(expr string) (*Filter, error) {
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
		p.skip()
		if p.rest == "" {
			f.normalise()
			return f, nil
		}
		start := p
		if p.word() != "and" {
			return nil, start.fault("expected 'and' between terms")
		}
	}
}

// And returns the filter with a category, or one below it, added to what it
// asks for. The receiver may be nil.
func (f *Filter) And(category string) *Filter {
	g := &Filter{terms: []term{stringTerm("category", "under", category)}}
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
	for i := range f.terms {
		terms[i] = f.terms[i].String()
	}
	f.text = strings.Join(terms, " and ")
}

func (t *term) String() string {
	var value string
	switch t.kind {
	case kindred.Number:
		value = strconv.FormatFloat(t.number, 'g', -1, 64)
	case kindred.Bool:
		value = strconv.FormatBool(t.is)
	default:
		value = strconv.Quote(t.text)
	}
	return t.name + " " + t.op + " " + value
}

// Lookup returns an attribute by its name, if there is one.
type Lookup func(name string) (kindred.Attribute, bool)

// Match says whether an item meets all terms. A nil filter keeps everything;
// an item of which nothing is known (nil) meets no term.
func (f *Filter) Match(item *kindred.Item) bool {
	if f == nil {
		return true
	}
	return item != nil && f.Keeps(OfItem(item))
}

// Keeps says whether what has these attributes meets all terms.
func (f *Filter) Keeps(of Lookup) bool {
	if f == nil {
		return true
	}
	for i := range f.terms {
		if a, has := of(f.terms[i].name); !has || !f.terms[i].match(&a) {
			return false
		}
	}
	return true
}

// OfItem looks names up as filters of items understand them.
func OfItem(item *kindred.Item) Lookup {
	return func(name string) (kindred.Attribute, bool) {
		switch name {
		case "price":
			return kindred.NumberOf(item.Cost()), item.Cost() != 0
		case "stock":
			if item.Stock != nil {
				return kindred.NumberOf(float64(*item.Stock)), true
			}
		case "group":
			if item.Group != "" {
				return kindred.StringOf(string(item.Group)), true
			}
		case "title":
			return kindred.StringOf(item.Title), item.Title != ""
		case "category":
			return kindred.Attribute{Type: kindred.StringSet, Set: item.Categories}, len(item.Categories) > 0
		}
		a, has := item.Attributes[name]
		return a, has
	}
}

func (t *term) match(a *kindred.Attribute) bool {
	switch a.Type {
	case kindred.Number:
		return t.kind == kindred.Number && ordered(t.op, cmp.Compare(a.Number, t.number))
	case kindred.Bool:
		return t.kind == kindred.Bool && (a.Bool == t.is) == (t.op == "=")
	case kindred.String, kindred.Text:
		if t.op == "under" {
			return t.isAbove(a.Text)
		}
		return t.kind == kindred.String && ordered(t.op, cmp.Compare(a.Text, t.text))
	case kindred.Time:
		return !t.time.IsZero() && ordered(t.op, a.Time.Compare(t.time))
	case kindred.StringSet:
		return t.kind == kindred.String && t.matchSet(a.Set)
	default:
		return false
	}
}

func (t *term) matchSet(set []string) bool {
	switch t.op {
	case "=", "has":
		return slices.Contains(set, t.text)
	case "!=":
		return !slices.Contains(set, t.text)
	case "under":
		return slices.ContainsFunc(set, t.isAbove)
	default:
		return false
	}
}

// isAbove says whether a category is the term's or one below it.
func (t *term) isAbove(category string) bool {
	if category == t.text {
		return true
	}
	wanted, levels := kindred.Levels(t.text), kindred.Levels(category)
	return len(wanted) > 0 && slices.Contains(levels, wanted[len(wanted)-1])
}

// ordered says whether a comparison came out as an operator wants it.
func ordered(op string, compared int) bool {
	switch op {
	case "=":
		return compared == 0
	case "!=":
		return compared != 0
	case "<":
		return compared < 0
	case "<=":
		return compared <= 0
	case ">":
		return compared > 0
	case ">=":
		return compared >= 0
	default: // has, under
		return false
	}
}

// filterParser reads a filter from left to right.
type filterParser struct{ whole, rest string }

func (p *filterParser) fault(what string) error {
	return kindred.Errorf(kindred.Invalid, "at %d: %s (write terms such as price<=20, brand=\"Acme\" or genres has \"Comedy\", joined by and)",
		len(p.whole)-len(p.rest)+1, what)
}

func (p *filterParser) skip() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

// word reads letters, digits, '_', '.', '-' and '+'; empty if there are none.
func (p *filterParser) word() string {
	p.skip()
	end := strings.IndexFunc(p.rest, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_.-+", r)
	})
	if end < 0 {
		end = len(p.rest)
	}
	word := p.rest[:end]
	p.rest = p.rest[end:]
	return word
}

func (p *filterParser) term() (term, error) {
	if !utf8.ValidString(p.rest) {
		return term{}, p.fault("not UTF-8")
	}
	name := p.word()
	if name == "" {
		return term{}, p.fault("expected the name of an attribute")
	}
	op, err := p.operator()
	if err != nil {
		return term{}, err
	}
	return p.value(name, op)
}

func (p *filterParser) operator() (string, error) {
	p.skip()
	for _, op := range []string{"!=", "<=", ">=", "=", "<", ">"} {
		if rest, found := strings.CutPrefix(p.rest, op); found {
			p.rest = rest
			return op, nil
		}
	}
	start := *p
	word := p.word()
	if word != "has" && word != "under" {
		return "", start.fault("expected one of = != < <= > >= has under")
	}
	return word, nil
}

func (p *filterParser) value(name, op string) (term, error) {
	p.skip()
	start := *p
	if strings.HasPrefix(p.rest, `"`) {
		quoted, err := strconv.QuotedPrefix(p.rest)
		if err != nil {
			return term{}, start.fault("the string has no end, or an unknown escape")
		}
		text, err := strconv.Unquote(quoted)
		if err != nil {
			return term{}, start.fault("the string does not read")
		}
		p.rest = p.rest[len(quoted):]
		return stringTerm(name, op, text), nil
	}
	word := p.word()
	isBool := word == "true" || word == "false"
	number, err := strconv.ParseFloat(word, 64)
	switch {
	case !isBool && (err != nil || number-number != 0): // not even infinite
		return term{}, start.fault("expected a number, true, false or a string in double quotes")
	case op == "has" || op == "under":
		return term{}, start.fault(op + " wants a string in double quotes")
	case isBool && op != "=" && op != "!=":
		return term{}, start.fault(word + " is compared by = or !=")
	case isBool:
		return term{name: name, op: op, kind: kindred.Bool, is: word == "true"}, nil
	default:
		return term{name: name, op: op, kind: kindred.Number, number: number}, nil
	}
}
