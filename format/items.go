package format

import (
	"encoding/json"
	"fmt"
	"strings"

	"kindred"
)

func (m *mapper) item(rec *record) (*kindred.Item, *Reject) {
	i := &kindred.Item{ID: kindred.ItemID(m.cell(rec, "item")), Title: m.cell(rec, "title"), Categories: words(m.cell(rec, "categories"))}
	if i.ID == "" {
		return nil, &Reject{Reason: "missing_item", Detail: "names no item"}
	}
	i.Group = kindred.ItemID(m.cell(rec, "group"))
	reject := m.offer(i, rec)
	if reject != nil {
		return nil, reject
	}
	if i.AvailableFrom, reject = m.time(rec, "available_from"); reject != nil {
		return nil, reject
	}
	if i.AvailableUntil, reject = m.time(rec, "available_until"); reject != nil {
		return nil, reject
	}
	if i.UpdatedAt, reject = m.time(rec, "updated_at"); reject != nil {
		return nil, reject
	}
	i.Attributes, reject = m.attributes(rec)
	return i, reject
}

// offer reads at what price and whether an item can be had.
func (m *mapper) offer(i *kindred.Item, rec *record) (reject *Reject) {
	if i.Price, reject = m.money(rec, "price"); reject != nil {
		return reject
	}
	if i.SalePrice, reject = m.money(rec, "sale_price"); reject != nil {
		return reject
	}
	switch text := m.cell(rec, "availability"); fold(text[strings.LastIndexByte(text, '/')+1:]) { // schema.org writes URLs
	case "", "instock", "limitedavailability", "onlineonly", "instoreonly":
	case "outofstock", "soldout", "discontinued":
		i.Stock = new(int64)
	case "preorder", "backorder", "presale":
		i.Stock, i.Backorder = new(int64), true
	default:
		return &Reject{Reason: "bad_availability", Detail: fmt.Sprintf("availability %q is none of in_stock, out_of_stock, preorder, backorder", text)}
	}
	if text := m.cell(rec, "stock"); text != "" {
		if i.Stock, reject = pieces(text); reject != nil {
			return reject
		}
	}
	if text := m.cell(rec, "backorder"); text != "" {
		may, known := truth(text)
		if !known {
			return &Reject{Reason: "bad_bool", Detail: fmt.Sprintf("backorder %q is neither true nor false", text)}
		}
		i.Backorder = may
	}
	return nil
}

// truth reads true or false, as shops write them.
func truth(text string) (is, known bool) {
	switch strings.ToLower(text) {
	case "true", "yes", "1":
		return true, true
	case "false", "no", "0":
		return false, true
	}
	return false, false
}

// pieces reads a stock: a number, or whether there are any. Less than none, as
// what is sold too often is counted in some shops, is none.
func pieces(text string) (*int64, *Reject) {
	if has, known := truth(text); known && text != "0" && text != "1" {
		if has {
			return nil, nil
		}
		return new(int64), nil
	}
	n, reject := number(text, "stock")
	if reject != nil {
		return nil, reject
	}
	stock := int64(max(0, min(n, 1<<53)))
	return &stock, nil
}

// money reads an amount that may have a currency beside it, as "29.99 USD".
func (m *mapper) money(rec *record, field string) (float64, *Reject) {
	text := m.cell(rec, field)
	if amount, currency, both := strings.Cut(text, " "); both && len(currency) == 3 && strings.ToUpper(currency) == currency {
		text = amount
	}
	if text == "" {
		return 0, nil
	}
	return number(text, field)
}

// words reads a JSON array of strings, or words between bars.
func words(text string) []string {
	if text == "" {
		return nil
	}
	var list []string
	if text[0] == '[' && json.Unmarshal([]byte(text), &list) == nil {
		return list
	}
	return strings.Split(text, "|")
}
