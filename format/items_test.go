package format

import (
	"strconv"
	"strings"
	"testing"
)

// TestMerchantFeed reads a product feed as Google's Merchant Center takes it.
func TestMerchantFeed(t *testing.T) {
	path := put(t, "products.tsv", strings.Join([]string{
		"id\ttitle\tdescription\tproduct_type\tprice\tsale_price\tavailability\titem_group_id\tbrand\timage_link",
		"mug-red\tRed Mug\tA mug.\tHome > Kitchen > Mugs\t29.99 USD\t19.99 USD\tin_stock\tmug\tAcme\thttps://x/1.jpg",
		"mug-blue\tBlue Mug\tA mug.\tHome > Kitchen > Mugs\t29.99 USD\t\tout of stock\tmug\tAcme\thttps://x/2.jpg",
		"pan\tPan\tA pan.\tHome > Kitchen\t10 USD\t\thttps://schema.org/BackOrder\t\tAcme\thttps://x/3.jpg",
		"pot\tPot\tA pot.\tHome\tcheap\t\tin_stock\t\tAcme\t",
		"lid\tLid\tA lid.\tHome\t1 EUR\t\tperhaps\t\tAcme\t",
	}, "\n"))
	rows, rejects := read(t, "auto", path)
	if len(rows) != 3 || len(rejects) != 2 {
		t.Fatalf("%d rows, rejects %v", len(rows), rejects)
	}
	red, blue, pan := rows[0].Item, rows[1].Item, rows[2].Item
	if red.ID != "mug-red" || red.Price != 29.99 || red.SalePrice != 19.99 || red.Cost() != 19.99 || red.Group != "mug" || red.Stock != nil ||
		red.Categories[0] != "Home > Kitchen > Mugs" || red.Attributes["brand"].Text != "Acme" {
		t.Errorf("red: %+v", red)
	}
	if blue.Stock == nil || *blue.Stock != 0 || blue.Backorder || blue.Cost() != 29.99 {
		t.Errorf("blue: %+v", blue)
	}
	if pan.Group != "" || pan.Stock == nil || !pan.Backorder {
		t.Errorf("pan: %+v", pan)
	}
	if rejects["bad_number"] != 1 || rejects["bad_availability"] != 1 {
		t.Errorf("rejects %v", rejects)
	}
}

func TestStock(t *testing.T) {
	path := put(t, "items.csv", "item,stock,backorder\na,3,\nb,0,TRUE\nc,,no\nd,-2,\ne,many,\nf,false,\ng,1,perhaps\n")
	rows, rejects := read(t, "csv", path)
	var said []string
	for _, r := range rows {
		i := r.Item
		text := string(i.ID) + " uncounted"
		if i.Stock != nil {
			text = string(i.ID) + " " + strconv.FormatInt(*i.Stock, 10)
		}
		if i.Backorder {
			text += " backorder"
		}
		said = append(said, text)
	}
	if got := strings.Join(said, ", "); got != "a 3, b 0 backorder, c uncounted, d 0, f 0" || rejects["bad_number"] != 1 || rejects["bad_bool"] != 1 {
		t.Errorf("read %s; rejects %v", got, rejects)
	}
}
