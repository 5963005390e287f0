package format

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"kindred"
)

// learnTypes gives each attribute column of a text file the narrowest type
// that the first thousand rows fit.
func (m *mapper) learnTypes(t table) {
	m.types = make([]kindred.AttributeType, len(m.names))
	if typed, ok := t.(*recBole); ok {
		for at, kind := range typed.kinds {
			m.types[at] = recBoleType(kind)
		}
		return
	}
	for at, name := range m.names {
		if isCode(name) {
			m.types[at] = kindred.String
		}
	}
	for range 1000 {
		rec, err := t.next()
		if _, isReject := err.(*Reject); isReject { //nolint:errorlint // tables return it bare
			continue
		}
		if err != nil || rec.raw != nil {
			return
		}
		for at, cell := range rec.cells {
			if cell != "" {
				m.types[at] = wider(m.types[at], cell)
			}
		}
	}
}

// isCode reports whether a column holds words, though many look like numbers.
func isCode(name string) bool {
	return slices.Contains([]string{"zip", "zipcode", "postcode", "postalcode", "phone", "ean", "gtin", "upc", "isbn"}, fold(name))
}

// wider returns the narrowest type that fits what t fits and the cell.
func wider(t kindred.AttributeType, cell string) kindred.AttributeType {
	own := typeOf(cell)
	switch {
	case own == 0 || t == own || t == kindred.Text:
		return t
	case t == 0 || own == kindred.Text:
		return own
	case t == kindred.StringSet || own == kindred.StringSet:
		return kindred.StringSet
	}
	return kindred.String
}

// typeOf returns the narrowest type that fits a cell, or 0 for any: NaN says
// that there is no number.
func typeOf(cell string) kindred.AttributeType {
	x, err := strconv.ParseFloat(cell, 64)
	isZeroed := len(cell) > 1 && cell[0] == '0' && cell[1] != '.' // a code rather than a number
	switch {
	case len(cell) > kindred.MaxID:
		return kindred.Text
	case strings.Contains(cell, "|"):
		return kindred.StringSet
	case err == nil && math.IsNaN(x):
		return 0
	case err == nil && !math.IsInf(x, 0) && !isZeroed:
		return kindred.Number
	case strings.EqualFold(cell, "true") || strings.EqualFold(cell, "false"):
		return kindred.Bool
	}
	return kindred.String
}

func (m *mapper) attributes(rec *record) (kindred.Attributes, *Reject) {
	var all kindred.Attributes
	if text := m.cell(rec, "attributes"); text != "" {
		if err := json.Unmarshal([]byte(text), &all); err != nil {
			return nil, &Reject{Reason: "bad_attribute", Detail: fmt.Sprintf("attributes: %v", err)}
		}
	}
	for at, cell := range rec.cells {
		if cell == "" || m.roles[at] != "" || m.names[at] == "" || m.types[at] == kindred.Number && strings.EqualFold(cell, "nan") {
			continue
		}
		a, err := m.attribute(rec, at)
		if err != nil {
			return nil, &Reject{Reason: "bad_attribute", Detail: fmt.Sprintf("%s: %v", m.names[at], err)}
		}
		if all == nil {
			all = kindred.Attributes{}
		}
		all[m.names[at]] = a
	}
	return all, nil
}

func (m *mapper) attribute(rec *record, at int) (a kindred.Attribute, err error) {
	cell := rec.cells[at]
	if rec.raw != nil {
		err = json.Unmarshal(rec.raw[at], &a)
		return a, err
	}
	switch m.types[at] { //nolint:exhaustive // text files hold no other
	case kindred.Number:
		x, err := strconv.ParseFloat(cell, 64)
		return kindred.NumberOf(x), err
	case kindred.Bool:
		b, err := strconv.ParseBool(strings.ToLower(cell))
		return kindred.BoolOf(b), err
	case kindred.StringSet:
		return kindred.SetOf(strings.Split(cell, "|")...), nil
	case kindred.Text:
		return kindred.TextOf(cell), nil
	case kindred.Vector:
		err := json.Unmarshal([]byte("["+strings.Join(strings.Fields(cell), ",")+"]"), &a.Vector)
		return kindred.VectorOf(a.Vector), err
	}
	return kindred.StringOf(cell), nil
}
