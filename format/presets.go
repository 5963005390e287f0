package format

import (
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
		return layout{table: func(f *file) (table, error) { return newCSV(f, ','), nil }, entity: items, amend: amendYear}, true
	case "ratings.csv":
		return layout{table: func(f *file) (table, error) { return newCSV(f, ','), nil }, entity: events, kind: kindred.Rating}, true
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
		if kind == "token_seq" {
			rec.cells[at] = strings.ReplaceAll(rec.cells[at], " ", "|")
		}
	}
	return rec, nil
}

// retail knows the dirt of the UCI Online Retail invoices.
type retail struct {
	goods map[kindred.ItemID]*good
	code  *regexp.Regexp
}

type good struct {
	titles map[string]int
	price  float64
}

func newRetail() *retail {
	return &retail{goods: map[kindred.ItemID]*good{}, code: regexp.MustCompile(`^(\d{5}|DCGS)`)}
}

// check turns a line of an invoice into a purchase or a refund, or says why
// it is neither. The columns are those of the published file.
func (r *retail) check(row *Row, rec *record) *Reject {
	const invoice, title, price, country = 0, 2, 5, 7
	if len(rec.cells) != 8 {
		return &Reject{Reason: "wrong_columns", Detail: "is no line of the Online Retail invoices"}
	}
	e := row.Event
	if !r.code.MatchString(string(e.Item)) {
		return &Reject{Reason: "not_goods", Detail: "stock code " + string(e.Item) + " is postage, a fee, a voucher or a correction"}
	}
	cancelled := strings.HasPrefix(rec.cells[invoice], "C")
	if e.Value <= 0 && !cancelled {
		return &Reject{Reason: "bad_quantity", Detail: "quantity is not positive and the invoice no cancellation"}
	}
	cost, reject := number(rec.cells[price], "price")
	if reject != nil {
		return reject
	}
	if cost <= 0 {
		return &Reject{Reason: "bad_price", Detail: "unit price is not positive"}
	}
	if cancelled {
		e.Kind, e.Value = kindred.Refund, max(e.Value, -e.Value)
	}
	e.Context = []byte(`{"price":` + strconv.FormatFloat(cost, 'g', -1, 64) + `,"invoice":` + quote(rec.cells[invoice]) + `,"country":` + quote(rec.cells[country]) + `}`)
	g := r.goods[e.Item]
	if g == nil {
		g = &good{titles: map[string]int{}}
		r.goods[e.Item] = g
	}
	g.price = cost
	g.titles[strings.TrimSpace(rec.cells[title])]++
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
		rows = append(rows, Row{Item: item, File: path})
	}
	slices.SortFunc(rows, func(a, b Row) int { return strings.Compare(string(b.Item.ID), string(a.Item.ID)) })
	return rows
}
