package format

import (
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"kindred"
)

func split(sep, names string) func(*file) (table, error) {
	return func(f *file) (table, error) {
		return &splitTable{f: f, sep: sep, names: strings.Fields(names), latin1: true}, nil
	}
}

const genres = "unknown Action Adventure Animation Children's Comedy Crime Documentary Drama Fantasy Film-Noir Horror Musical Mystery Romance Sci-Fi Thriller War Western"

// movielens returns the layout of a file of MovieLens 100K, 1M or the later
// releases, by its name. The folds u1..u5 repeat u.data and are no files of it.
func movielens(name string) (layout, bool) {
	const ratings, people = "user item rating time", "user age gender occupation zip"
	switch name {
	case "u.data":
		return layout{table: split("\t", ratings), entity: events, kind: kindred.Rating}, true
	case "u.item":
		return layout{table: split("|", "item title release_date video_date url "+genres), entity: items, amend: amendGenres}, true
	case "u.user":
		return layout{table: split("|", people), entity: users}, true
	case "ratings.dat":
		return layout{table: split("::", ratings), entity: events, kind: kindred.Rating}, true
	case "movies.dat":
		return layout{table: split("::", "item title genres"), entity: items, amend: amendYear}, true
	case "users.dat":
		return layout{table: split("::", "user gender age occupation zip"), entity: users}, true
	case "movies.csv":
		return layout{table: openCSV, entity: items, amend: amendYear}, true
	case "ratings.csv":
		return layout{table: openCSV, entity: events, kind: kindred.Rating}, true
	}
	return layout{skip: true}, skipped(name)
}

// amendGenres turns the nineteen flags of u.item into categories.
func amendGenres(row *Row, rec *record) *Reject {
	for at, genre := range strings.Fields(genres) {
		delete(row.Item.Attributes, genre)
		if rec.cells[5+at] == "1" {
			row.Item.Categories = append(row.Item.Categories, genre)
		}
	}
	return amendYear(row, rec)
}

// amendYear reads the year at the end of a film's title.
func amendYear(row *Row, _ *record) *Reject {
	title := strings.TrimSpace(row.Item.Title)
	if n := len(title); n > 6 && title[n-1] == ')' && title[n-6] == '(' {
		if year, err := strconv.Atoi(title[n-5 : n-1]); err == nil {
			if row.Item.Attributes == nil {
				row.Item.Attributes = kindred.Attributes{}
			}
			row.Item.Attributes["year"] = kindred.NumberOf(float64(year))
		}
	}
	if slices.Equal(row.Item.Categories, []string{"(no genres listed)"}) {
		row.Item.Categories = nil
	}
	return nil
}

// openRecBole reads an atomic file: a header of name:type, columns between
// tabs, sequences between spaces.
func openRecBole(f *file) (table, error) {
	head, _, err := f.line(nil)
	if errors.Is(err, io.EOF) {
		return nil, kindred.Errorf(kindred.Invalid, "is empty, without even a header (user_id:token\titem_id:token\t…)")
	}
	if err != nil {
		return nil, err
	}
	t := &recBole{splitTable: splitTable{f: f, sep: "\t", rec: record{line: 1}}}
	for column := range strings.SplitSeq(string(head), "\t") {
		name, kind, _ := strings.Cut(column, ":")
		t.names, t.kinds = append(t.names, name), append(t.kinds, kind)
	}
	return t, nil
}

type recBole struct {
	splitTable
	kinds []string
}

func (t *recBole) next() (*record, error) {
	rec, err := t.splitTable.next()
	if err != nil {
		return nil, err
	}
	for at, kind := range t.kinds {
		if kind == "token_seq" && !isTitle(t.names[at]) {
			rec.cells[at] = strings.ReplaceAll(rec.cells[at], " ", "|")
		}
	}
	return rec, nil
}

func isTitle(name string) bool {
	titles, _ := aliases("title")
	return slices.Contains(titles, fold(name))
}

// recBoleType returns the type of attribute behind a type in a header.
func recBoleType(kind string) kindred.AttributeType {
	switch kind {
	case "float":
		return kindred.Number
	case "token_seq":
		return kindred.StringSet
	case "float_seq":
		return kindred.Vector
	}
	return kindred.String
}

// retail knows the dirt of the UCI Online Retail invoices. Stock codes of
// goods start with five digits, or with DCGS for what only the web shop sold
// (DCGSSGIRL and DCGSSBOY are party bags). All others are no goods: POST and
// DOT (postage), C2 (carriage), M and m (manual), D (discount), S (samples),
// B (bad debt), BANK CHARGES, AMAZONFEE, CRUK (a donation), PADS (free of
// charge) and gift_0001_10 to _50 (vouchers, always without a customer).
type retail struct {
	goods map[kindred.ItemID]*good
	code  *regexp.Regexp
}

type good struct {
	titles map[string]int
	price  float64
	line   int64
}

func newRetail() *retail {
	return &retail{goods: map[kindred.ItemID]*good{}, code: regexp.MustCompile(`^(\d{5}|DCGS)`)}
}

// isRetail reports columns that the invoices have and this file has not.
func (m *mapper) isRetail() error {
	for _, field := range []string{"session", "item", "title", "value", "time", "price", "user"} {
		if m.field(field) < 0 {
			return kindred.Errorf(kindred.Invalid, "no column of %q is the %s (Online Retail has InvoiceNo, StockCode, Description, Quantity, "+
				"InvoiceDate, UnitPrice, CustomerID, Country; say which: %s=COLUMN)", m.names, field, field)
		}
	}
	if at := slices.IndexFunc(m.names, func(name string) bool { return fold(name) == "country" }); at >= 0 {
		m.at["country"] = at
	}
	return nil
}

// check turns a line of an invoice into a purchase or a refund, or says why
// it is neither.
func (r *retail) check(row *Row, m *mapper, rec *record) *Reject {
	e := row.Event
	invoice := e.Session
	if !r.code.MatchString(string(e.Item)) {
		return &Reject{Reason: "not_goods", Detail: "stock code " + string(e.Item) + " is postage, a fee, a voucher or a correction"}
	}
	cancelled := strings.HasPrefix(invoice, "C")
	if e.Value <= 0 && !cancelled {
		return &Reject{Reason: "bad_quantity", Detail: "quantity is not positive and the invoice no cancellation"}
	}
	cost, reject := number(m.cell(rec, "price"), "price")
	if reject != nil {
		return reject
	}
	if cost <= 0 {
		return &Reject{Reason: "bad_price", Detail: "unit price is not positive"}
	}
	if cancelled {
		e.Kind, e.Value = kindred.Refund, max(e.Value, -e.Value)
	}
	context := `{"price":` + strconv.FormatFloat(cost, 'g', -1, 64) + `,"invoice":` + quote(invoice)
	if at := m.field("country"); at >= 0 {
		context += `,"country":` + quote(rec.cells[at])
	}
	e.Context = []byte(context + "}")
	g := r.goods[e.Item]
	if g == nil {
		g = &good{titles: map[string]int{}}
		r.goods[e.Item] = g
	}
	g.price, g.line = cost, rec.line
	g.titles[fromLatin1(m.cell(rec, "title"))]++
	return nil
}

// items returns what was sold, last first: its most usual title, last price.
func (r *retail) items(path string) []Row {
	rows := make([]Row, 0, len(r.goods))
	for id, g := range r.goods {
		item := &kindred.Item{ID: id, Price: g.price}
		best := 0
		for title, n := range g.titles {
			if n > best || n == best && title < item.Title {
				item.Title, best = title, n
			}
		}
		rows = append(rows, Row{Item: item, File: path, Line: g.line, Gathered: true})
	}
	slices.SortFunc(rows, func(a, b Row) int { return strings.Compare(string(b.Item.ID), string(a.Item.ID)) })
	return rows
}
