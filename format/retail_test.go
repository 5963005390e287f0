package format

import (
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kindred"
)

// TestRetail reads columns by name, wherever they stand.
func TestRetail(t *testing.T) {
	path := put(t, "a.csv", `Country,CustomerID,UnitPrice,InvoiceDate,Quantity,Description,StockCode,InvoiceNo
United Kingdom,17850,2.55,12/1/2010 8:26,6,HEART,85123A,536365
United Kingdom,17850,2.75,12/1/2010 8:27,1,HEART,85123A,536366
France,17850,1,12/1/2010 8:28,-2,wrong title,85123A,C536367
France,17850,9,12/1/2010 8:28,1,PARTY BAG,DCGSSGIRL,536368
France,,9,12/1/2010 8:28,1,PARTY BAG,DCGSSBOY,536368
France,1,9,12/1/2010 8:28,1,POSTAGE,POST,536369
France,1,9,12/1/2010 8:28,1,Voucher,gift_0001_20,536369
France,1,9,12/1/2010 8:28,-1,HEART,85123A,536369
France,1,0,12/1/2010 8:28,1,HEART,85123A,536369
`)
	want := `2 17850 purchase 85123A 6 2010-12-01T08:26:00Z
3 17850 purchase 85123A 1 2010-12-01T08:27:00Z
4 17850 refund 85123A 2 2010-12-01T08:28:00Z
5 17850 purchase DCGSSGIRL 1 2010-12-01T08:28:00Z
6 missing_user "France,,9,12/1/2010 8:28,1,PARTY BAG,DCGSSBOY,536368"
7 not_goods "France,1,9,12/1/2010 8:28,1,POSTAGE,POST,536369"
8 not_goods "France,1,9,12/1/2010 8:28,1,Voucher,gift_0001_20,536369"
9 bad_quantity "France,1,9,12/1/2010 8:28,-1,HEART,85123A,536369"
10 bad_price "France,1,0,12/1/2010 8:28,1,HEART,85123A,536369"
4 85123A "HEART" [] 1 -
5 DCGSSGIRL "PARTY BAG" [] 9 -`
	if got := show(t, "auto", path, Options{}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	rows, _ := read(t, "auto", path)
	if e := rows[0].Event; string(e.Context) != `{"price":2.55,"invoice":"536365","country":"United Kingdom"}` || e.Session != "536365" {
		t.Errorf("session %s, context %s", e.Session, e.Context)
	}
	got := show(t, "online-retail", put(t, "b.csv", "InvoiceNo,StockCode\n1,2\n"), Options{})
	if !strings.Contains(got, "is the title") || !strings.Contains(got, "Description") {
		t.Errorf("missing columns: %s", got)
	}
}

// TestRetailWhole accounts for every line of the published file. Of 9,288
// cancellations 8,905 have a customer; 366 of these concern no goods.
func TestRetailWhole(t *testing.T) {
	path := filepath.Join("..", "..", "shared", "data", "online-retail", "online_retail.csv.gz")
	if _, err := os.Stat(path); err != nil {
		t.Skip("the public data is not in ../shared/data: not tried on it")
	}
	src, err := Open("online-retail", []string{path}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close() //nolint:errcheck // only read
	got, cancelled := map[string]int{}, map[string]int{}
	for {
		row, err := src.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		raw := row.Raw()
		switch bad, isReject := errors.AsType[*Reject](err); {
		case isReject:
			got[bad.Reason]++
			raw = bad.Raw
			if strings.HasPrefix(raw, "C") {
				cancelled[bad.Reason]++
			}
		case err != nil:
			t.Fatal(err)
		case row.Gathered:
			got["items"]++
		default:
			got[string(row.Event.Kind)]++
			if (row.Event.Kind == kindred.Refund) != strings.HasPrefix(raw, "C") || row.Event.Value <= 0 {
				t.Fatalf("%s became %+v", raw, row.Event)
			}
		}
	}
	lines := -got["items"]
	for _, n := range got {
		lines += n
	}
	if lines != 541_909 {
		t.Errorf("%d lines instead of 541,909", lines)
	}
	want := map[string]int{"missing_user": 9288 - 8905, "not_goods": 366}
	if got["refund"] != 8905-366 || !maps.Equal(cancelled, want) {
		t.Errorf("%d refunds, cancellations rejected %v, want %v", got["refund"], cancelled, want)
	}
	t.Log(got)
}
